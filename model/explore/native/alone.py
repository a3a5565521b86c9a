"""Partial-order reduction as LLVM assembly: who goes alone in a state, and which states must be whole.

Each owner's function tells whom the owner needs (see `moves`); what follows from that is the same for every
model. The cycle proviso asks for a successor in the next layer: one that is not in the set before anything of
this layer is put there. So it is asked of a whole layer first, and no thread's timing decides.
"""

from __future__ import annotations

from string import Template

_TEXT = Template("""
declare i64 @llvm.cttz.i64(i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)

; `alone` of reductions.py; a barred owner needs everybody, so no closed set but the whole has it. The
; successors of owner r are between two of the heads, r and r + 1; 0: nobody goes alone
define internal i64 @alone(ptr %heads, ptr %needed) noinline {
  %first = load i64, ptr %heads
  %last.at = getelementptr i64, ptr %heads, i64 $owners
  %last = load i64, ptr %last.at
  %all = sub i64 %last, %first
  br label %owner
owner:
  %r = phi i64 [ 0, %0 ], [ %r.on, %next ]
  %best = phi i64 [ 0, %0 ], [ %best.on, %next ]
  %least = phi i64 [ %all, %0 ], [ %least.on, %next ]
  %done = icmp eq i64 %r, $owners
  br i1 %done, label %out, label %begin
begin:
  %r.on = add i64 %r, 1
  %own = call i64 @weight(ptr %heads, i64 %r)
  %moves = icmp ne i64 %own, 0
  %start = shl i64 1, %r
  br i1 %moves, label %grow, label %next
grow:
  %closed = phi i64 [ 0, %begin ], [ %closed.on, %member ]
  %todo = phi i64 [ %start, %begin ], [ %todo.on, %member ]
  %total = phi i64 [ 0, %begin ], [ %total.on, %member ]
  %fewer = icmp ult i64 %total, %least
  %more = icmp ne i64 %todo, 0
  %on = and i1 %fewer, %more
  br i1 %on, label %member, label %next
member:
  %q = call i64 @llvm.cttz.i64(i64 %todo, i1 true)
  %bit = shl i64 1, %q
  %closed.on = or i64 %closed, %bit
  %weight = call i64 @weight(ptr %heads, i64 %q)
  %total.on = add i64 %total, %weight
  %needs.at = getelementptr i64, ptr %needed, i64 %q
  %needs = load i64, ptr %needs.at
  %joined = or i64 %todo, %needs
  %outside = xor i64 %closed.on, -1
  %todo.on = and i64 %joined, %outside
  br label %grow
next:
  %better = phi i1 [ false, %begin ], [ %fewer, %grow ]
  %candidate = phi i64 [ 0, %begin ], [ %closed, %grow ]
  %its = phi i64 [ 0, %begin ], [ %total, %grow ]
  %best.on = select i1 %better, i64 %candidate, i64 %best
  %least.on = select i1 %better, i64 %its, i64 %least
  br label %owner
out:
  ret i64 %best
}

define internal i64 @weight(ptr %heads, i64 %r) alwaysinline {
  %from.at = getelementptr i64, ptr %heads, i64 %r
  %from = load i64, ptr %from.at
  %to.at = getelementptr i64, ptr %from.at, i64 1
  %to = load i64, ptr %to.at
  %bytes = sub i64 %to, %from
  ret i64 %bytes
}

; moves the successors of the chosen owners to the front and returns their end; 0: all are kept
define internal ptr @kept(ptr %heads, i64 %chosen) noinline {
  %first = load ptr, ptr %heads
  %some = icmp ne i64 %chosen, 0
  br i1 %some, label %next, label %all
all:
  %last.at = getelementptr i64, ptr %heads, i64 $owners
  %last = load ptr, ptr %last.at
  ret ptr %last
next:
  %left = phi i64 [ %chosen, %0 ], [ %fewer, %move ]
  %to = phi ptr [ %first, %0 ], [ %to.on, %move ]
  %more = icmp ne i64 %left, 0
  br i1 %more, label %move, label %out
move:
  %r = call i64 @llvm.cttz.i64(i64 %left, i1 true)
  %less = sub i64 %left, 1
  %fewer = and i64 %left, %less
  %from.at = getelementptr i64, ptr %heads, i64 %r
  %from = load ptr, ptr %from.at
  %bytes = call i64 @weight(ptr %heads, i64 %r)
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  %to.on = getelementptr i8, ptr %to, i64 %bytes
  br label %next
out:
  ret ptr %to
}

; Which states of a layer must be whole: where somebody would go alone, and only to states in the set. They
; go to %whole, the others to the front; returns how many others there are. %h0: room for successors
define i64 @judge(ptr %table, ptr %states, i64 %count, ptr %whole, ptr %h0) {
$arrays
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  br label %state
state:
  %i = phi i64 [ 0, %0 ], [ %i.on, %settled ]
  %others = phi i64 [ 0, %0 ], [ %others.on, %settled ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %out, label %expand
expand:
  %from = getelementptr [$words x i64], ptr %states, i64 %i
  %s = load $S, ptr %from, align 8
  %i.on = add i64 %i, 1
$expansion
  %nobody = icmp eq i64 %chosen, 0
  br i1 %nobody, label %other, label %successor
successor:
  %new.at = phi ptr [ %h0, %expand ], [ %new.on, %look ], [ %new.on, %look.aside ]
  %all.there = icmp eq ptr %new.at, %kept
  br i1 %all.there, label %be.whole, label %look
look:
$canonical
  %new.on = getelementptr [$words x i64], ptr %new.at, i64 1
  %x = call i64 @hashed($S %new.state)
  %new = call i64 @insert(ptr %lines, i64 %shift, $S %new.state, i64 %x, i1 false)
  switch i64 %new, label %successor [ i64 1, label %other i64 2, label %look.aside ]
look.aside:
  %new.aside = call i64 @insert_aside(ptr %table, $S %new.state, i64 %x, i1 false)
  %absent = icmp eq i64 %new.aside, 1
  br i1 %absent, label %other, label %successor
other:
  %other.at = getelementptr [$words x i64], ptr %states, i64 %others
  store $S %s, ptr %other.at, align 8
  %others.more = add i64 %others, 1
  br label %settled
be.whole:
  %n = sub i64 %i, %others
  %whole.at = getelementptr [$words x i64], ptr %whole, i64 %n
  store $S %s, ptr %whole.at, align 8
  br label %settled
settled:
  %others.on = phi i64 [ %others.more, %other ], [ %others, %be.whole ]
  br label %state
out:
  ret i64 %others
}
""")


def text(owners: int, words: int, canonical: str) -> str:
    """Return the functions; `canonical` are the instructions that make %new.state of what is at %new.at."""
    state = f"i{64 * words}"
    return _TEXT.substitute(
        S=state,
        words=words,
        owners=owners,
        arrays=arrays(owners),
        expansion=expansion(owners, state),
        canonical=canonical,
    )


def arrays(owners: int) -> str:
    """Return the instructions that make room for what `expansion` writes."""
    return f"  %heads = alloca [{owners + 1} x ptr]\n  %needed = alloca [{owners} x i64]"


def expansion(owners: int, state: str, may: str = "-1") -> str:
    """Return the instructions that write the successors of %s at %h0 and keep the chosen, up to %kept.

    `may`: an operand that is -1 if owners may go alone, 0 if not.
    """
    lines = ["  store ptr %h0, ptr %heads"]
    for r in range(owners):
        lines += [
            f"  %needed.{r} = getelementptr i64, ptr %needed, i64 {r}",
            f"  %h{r + 1} = call ptr @owner.{r}({state} %s, ptr %h{r}, ptr %needed.{r})",
            f"  %head.{r + 1} = getelementptr ptr, ptr %heads, i64 {r + 1}",
            f"  store ptr %h{r + 1}, ptr %head.{r + 1}",
        ]
    return "\n".join(
        [
            *lines,
            "  %alone = call i64 @alone(ptr %heads, ptr %needed)",
            f"  %chosen = and i64 %alone, {may}",
            "  %kept = call ptr @kept(ptr %heads, i64 %chosen)",
        ]
    )
