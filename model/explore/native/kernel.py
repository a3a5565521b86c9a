"""The kernel as LLVM assembly: takes states, answers the questions there, appends the new successors.

Successors wait in a buffer after their line of the visited set has been prefetched, and are looked up about
a hundred later. The caller gives room for the new states and is told when more is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from cowpath.model.explore.codes import Coding
from cowpath.model.explore.native import alone, canonical, parting
from cowpath.model.explore.native.moves import Moves, Unsupported
from cowpath.model.explore.native.text import Constants, Writer
from cowpath.model.explore.native.visited import Shape
from cowpath.model.explore.native.visited import text as visited_text
from cowpath.model.explore.program import own_waits, wait_matrix
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.result import Question
from cowpath.model.explore.semantics import Semantics
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.term import Term

_LAG = 96  # successors between prefetch and look-up
_ASIDE_LAG = 24  # the same for the side table
_BUFFER = 4096
RECENT = 1 << 14

DONE, OUT_IS_FULL, SIDE_IS_FULL = range(3)

# A call is described by 64-bit words, named in `engine.Call`.
_TEXT = Template("""
define i64 @explore(ptr %table, ptr %call) {
  %states.at = getelementptr i64, ptr %call, i64 0
  %states = load ptr, ptr %states.at
  %position.at = getelementptr i64, ptr %call, i64 1
  %position = load i64, ptr %position.at
  %end.at = getelementptr i64, ptr %call, i64 2
  %end = load i64, ptr %end.at
  %out.at = getelementptr i64, ptr %call, i64 3
  %out = load ptr, ptr %out.at
  %filled.at = getelementptr i64, ptr %call, i64 4
  %filled = load i64, ptr %filled.at
  %room.at = getelementptr i64, ptr %call, i64 5
  %room = load i64, ptr %room.at
  %transitions.at = getelementptr i64, ptr %call, i64 6
  %hits.at = getelementptr i64, ptr %call, i64 7
  %hits = load ptr, ptr %hits.at
  %answers.at = getelementptr i64, ptr %call, i64 8
  %answers = load ptr, ptr %answers.at
  %hit.count.at = getelementptr i64, ptr %call, i64 9
  %wanted.at = getelementptr i64, ptr %call, i64 10
  %wanted = load i64, ptr %wanted.at
  %buffer.at = getelementptr i64, ptr %call, i64 11
  %buffer = load ptr, ptr %buffer.at
  %hashes.at = getelementptr i64, ptr %call, i64 12
  %hashes = load ptr, ptr %hashes.at
  %side.room.at = getelementptr i64, ptr %call, i64 13
  %side.room = load i64, ptr %side.room.at
  %aside.at = getelementptr i64, ptr %call, i64 14
  %aside = load ptr, ptr %aside.at
  %aside.hashes.at = getelementptr i64, ptr %call, i64 15
  %aside.hashes = load ptr, ptr %aside.hashes.at
  %recent.at.0 = getelementptr i64, ptr %call, i64 17
  %recent = load ptr, ptr %recent.at.0
$away
$choice
  %transitions.before = load i64, ptr %transitions.at
  %side.count.at = getelementptr i64, ptr %table, i64 16
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  br label %state

; i: the next state; tail, head: of the buffer, in states; o: states in out; a: states to be looked up aside
state:
  %i = phi i64 [ %position, %0 ], [ %i.now, %settled ]
  %tail = phi i64 [ 0, %0 ], [ %tail.now, %settled ]
  %head = phi i64 [ 0, %0 ], [ %head.now, %settled ]
  %o = phi i64 [ %filled, %0 ], [ %o.settled, %settled ]
  %a = phi i64 [ 0, %0 ], [ %a.settled, %settled ]
  %transitions = phi i64 [ %transitions.before, %0 ], [ %transitions.now, %settled ]
  %at.end = icmp eq i64 %i, %end
  %o.most = add i64 %o, $reserve
  %out.full = icmp ugt i64 %o.most, %room
  %side.count = load atomic i64, ptr %side.count.at monotonic, align 8
  %side.full = icmp ugt i64 %side.count, %side.room
  %stop.1 = or i1 %at.end, %out.full
$stop
  br i1 %stop, label %look, label %expand

expand:
  %from = getelementptr [$words x i64], ptr %states, i64 %i
  %s = load $S, ptr %from, align 8
  %i.on = add i64 %i, 1
  %h0 = getelementptr [$words x i64], ptr %buffer, i64 %head
$expansion
  %first = ptrtoint ptr %h0 to i64
  %last = ptrtoint ptr $last to i64
  %bytes = sub i64 %last, %first
  %found = udiv exact i64 %bytes, $state_bytes
  %m.end = add i64 %head, %found
  %transitions.on = add i64 %transitions, %found
  %asked = icmp eq i64 %wanted, 0
  br i1 %asked, label %hash, label %ask

ask:
$questions
  %hit = and i64 %answer, %wanted
  %no.hit = icmp eq i64 %hit, 0
  br i1 %no.hit, label %hash, label %note
note:
  %hit.count = load i64, ptr %hit.count.at
  %hit.to = getelementptr [$words x i64], ptr %hits, i64 %hit.count
  store $S %s, ptr %hit.to, align 8
  %answer.to = getelementptr i64, ptr %answers, i64 %hit.count
  store i64 %hit, ptr %answer.to
  %hit.more = add i64 %hit.count, 1
  store i64 %hit.more, ptr %hit.count.at
  br label %hash

hash:
  %m = phi i64 [ %head, %expand ], [ %head, %answered ], [ %head, %note ], [ %m.on, %hash.one ]
  %head.more = phi i64 [ %head, %expand ], [ %head, %answered ], [ %head, %note ], [ %head.one, %hash.one ]
  %hashed = icmp eq i64 %m, %m.end
  br i1 %hashed, label %look, label %hash.one
hash.one:
  %new.at = getelementptr [$words x i64], ptr %buffer, i64 %m
$canonical
  %x = call i64 @hashed($S %new.state)
  %recent.n = and i64 %x, $recent_last
  %recent.at = getelementptr [$words x i64], ptr %recent, i64 %recent.n
  %before = load $S, ptr %recent.at, align 8
  store $S %new.state, ptr %recent.at, align 8
$again
  %new.to = getelementptr [$words x i64], ptr %buffer, i64 %head.more
  store $S %new.state, ptr %new.to, align 8
  %x.at = getelementptr i64, ptr %hashes, i64 %head.more
  store i64 %x, ptr %x.at
  %line = call ptr @line(ptr %lines, i64 %shift, i64 %x)
  %ahead = select i1 %again, ptr %recent.at, ptr %line
  call void @llvm.prefetch.p0(ptr %ahead, i32 1, i32 3, i32 1)
  %one.more = xor i1 %again, true
  %more = zext i1 %one.more to i64
  %head.one = add i64 %head.more, %more
  %m.on = add i64 %m, 1
  br label %hash

look:
  %head.new = phi i64 [ %head, %state ], [ %head.more, %hash ]
  %i.now = phi i64 [ %i, %state ], [ %i.on, %hash ]
  %transitions.now = phi i64 [ %transitions, %state ], [ %transitions.on, %hash ]
  %lag = phi i64 [ 0, %state ], [ $lag, %hash ]
  %aside.most = phi i64 [ 0, %state ], [ $aside_lag, %hash ]
  br label %look.next
look.next:
  %t = phi i64 [ %tail, %look ], [ %t.on, %look.one ], [ %t.on, %look.aside ]
  %o.now = phi i64 [ %o, %look ], [ %o.on, %look.one ], [ %o.now, %look.aside ]
  %a.now = phi i64 [ %a, %look ], [ %a.now, %look.one ], [ %a.on, %look.aside ]
  %behind = sub i64 %head.new, %t
  %rested = icmp ule i64 %behind, %lag
  br i1 %rested, label %looked, label %look.one
look.one:
  %seen.at = getelementptr [$words x i64], ptr %buffer, i64 %t
  %seen = load $S, ptr %seen.at, align 8
  %seen.x.at = getelementptr i64, ptr %hashes, i64 %t
  %seen.x = load i64, ptr %seen.x.at
  %new = call i64 @insert(ptr %lines, i64 %shift, $S %seen, i64 %seen.x, i1 true)
  %to = getelementptr [$words x i64], ptr %out, i64 %o.now
  store $S %seen, ptr %to, align 8
  %o.on = add i64 %o.now, %new
  %t.on = add i64 %t, 1
  %line.full = icmp eq i64 %new, 2
  br i1 %line.full, label %look.aside, label %look.next
look.aside:
  %aside.to = getelementptr [$words x i64], ptr %aside, i64 %a.now
  store $S %seen, ptr %aside.to, align 8
  %aside.x.to = getelementptr i64, ptr %aside.hashes, i64 %a.now
  store i64 %seen.x, ptr %aside.x.to
  %place = call ptr @place_aside(ptr %table, i64 %seen.x)
  call void @llvm.prefetch.p0(ptr %place, i32 1, i32 3, i32 1)
  %a.on = add i64 %a.now, 1
  br label %look.next

looked:
  %aside.rests = icmp ule i64 %a.now, %aside.most
  br i1 %aside.rests, label %over, label %aside.next
aside.next:
  %b = phi i64 [ 0, %looked ], [ %b.on, %aside.one ]
  %o.aside = phi i64 [ %o.now, %looked ], [ %o.aside.on, %aside.one ]
  %aside.done = icmp eq i64 %b, %a.now
  br i1 %aside.done, label %over, label %aside.one
aside.one:
  %b.at = getelementptr [$words x i64], ptr %aside, i64 %b
  %b.state = load $S, ptr %b.at, align 8
  %b.x.at = getelementptr i64, ptr %aside.hashes, i64 %b
  %b.x = load i64, ptr %b.x.at
  %b.new = call i64 @insert_aside(ptr %table, $S %b.state, i64 %b.x, i1 true)
  %b.to = getelementptr [$words x i64], ptr %out, i64 %o.aside
  store $S %b.state, ptr %b.to, align 8
  %o.aside.on = add i64 %o.aside, %b.new
  %b.on = add i64 %b, 1
  br label %aside.next

over:
  %o.settled = phi i64 [ %o.now, %looked ], [ %o.aside, %aside.next ]
  %a.settled = phi i64 [ %a.now, %looked ], [ 0, %aside.next ]
  br i1 %stop, label %return, label %make.room
make.room:
  %crowded = icmp ugt i64 %head.new, $buffer
  br i1 %crowded, label %move, label %settled
move:
  %move.from = getelementptr [$words x i64], ptr %buffer, i64 %t
  %move.bytes = mul i64 %behind, $state_bytes
  call void @llvm.memcpy.p0.p0.i64(ptr %buffer, ptr %move.from, i64 %move.bytes, i1 false)
  %x.from = getelementptr i64, ptr %hashes, i64 %t
  %x.bytes = mul i64 %behind, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %hashes, ptr %x.from, i64 %x.bytes, i1 false)
  br label %settled
settled:
  %tail.now = phi i64 [ %t, %make.room ], [ 0, %move ]
  %head.now = phi i64 [ %head.new, %make.room ], [ %behind, %move ]
  br label %state

return:
  store i64 %transitions, ptr %transitions.at
  store i64 %i, ptr %position.at
  store i64 %o.settled, ptr %filled.at
  %why.1 = select i1 %side.full, i64 $side_is_full, i64 $out_is_full
  %why = select i1 %at.end, i64 0, i64 %why.1
  ret i64 %why
}

define i64 @insert_first(ptr %table, ptr %state) {
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  %s = load $S, ptr %state, align 8
  %x = call i64 @hashed($S %s)
  %new = call i64 @insert(ptr %lines, i64 %shift, $S %s, i64 %x, i1 true)
  ret i64 %new
}

$exchange
; which of the blocked owners wait in a cycle: drop those who wait for nobody left, until nothing changes
define internal i64 @cyclic($S %s, i64 %blocked) noinline {
  br label %round
round:
  %left = phi i64 [ %blocked, %0 ], [ %g$owners, %again ]
$waits
  %same = icmp eq i64 %g$owners, %left
  br i1 %same, label %out, label %again
again:
  br label %round
out:
  ret i64 %left
}
""")

_CHOICE = """\
  %may.at = getelementptr i64, ptr %call, i64 16
  %may = load i64, ptr %may.at
"""


@dataclass(frozen=True)
class Kernel:
    """The module's text, and the sizes its caller must know. Question n is bit n + 1 of the answers."""

    text: str
    words: int
    buffer: int
    reserve: int


def write(
    model: GroundModel,
    coding: Coding,
    shape: Shape,
    questions: tuple[Question, ...],
    reductions: Reductions = UNREDUCED,
    ranks: int = 1,
) -> Kernel:
    """Return the kernel, for so many ranks. Raises `Unsupported` if the model is beyond this engine."""
    owners = len(model.finished)
    if owners > 64 or len(questions) > 63:
        raise Unsupported(f"{max(owners, len(questions) + 1)} owners or properties; at most 64 are possible")
    semantics, constants = Semantics(coding, model.terms), Constants()
    moves = Moves(model, semantics, constants, reductions)
    functions = [moves.text(), *_waits(model, semantics, constants)]
    functions.append(_mask("questions", [q.term for q in questions], semantics, constants))
    unfinished = [model.terms.negation(term) for term in model.finished]
    functions.append(_mask("unfinished", unfinished, semantics, constants))
    if model.can_hang:
        restless = [model.terms.negation(term) for term in model.at_rest]
        functions.append(_mask("restless", restless, semantics, constants))
    state = f"i{64 * coding.words}"
    least = _least(state) if reductions.symmetry else f"  %new.state = load {state}, ptr %new.at, align 8"
    body = _TEXT.substitute(
        S=state,
        words=coding.words,
        state_bytes=8 * coding.words,
        owners=owners,
        choice=_CHOICE + alone.arrays(owners) if reductions.needs else "",
        expansion=alone.expansion(owners, state, "%may") if reductions.needs else _expansion(owners, state),
        last="%kept" if reductions.needs else f"%h{owners}",
        questions=_answer(owners, state, model.can_hang, own_waits(model)),
        waits=_rounds(owners, state),
        canonical=least,
        **parting.pieces(state, coding.words, 2 * _LAG + moves.most, ranks),
        reserve=2 * _LAG + moves.most,
        lag=_LAG,
        recent_last=RECENT - 1,
        aside_lag=_ASIDE_LAG,
        buffer=_BUFFER,
        out_is_full=OUT_IS_FULL,
        side_is_full=SIDE_IS_FULL,
    )
    if reductions.symmetry:
        functions.append(canonical.text(reductions.symmetry, semantics, constants))
    if reductions.needs:
        functions.append(alone.text(owners, coding.words, least))
    text = "\n".join([visited_text(shape), constants.text(), *functions, body])
    return Kernel(text, coding.words, _BUFFER + _LAG + 2 * moves.most + 8, 2 * _LAG + moves.most)


def _expansion(owners: int, state: str) -> str:
    return "\n".join(f"  %h{r + 1} = call ptr @owner.{r}({state} %s, ptr %h{r})" for r in range(owners))


def _mask(name: str, terms: list[Term], semantics: Semantics, constants: Constants) -> str:
    """Return a function that gives the terms' truth as bits."""
    writer = Writer(semantics, constants)
    result = "0"
    for bit, term in enumerate(terms):
        truth = writer.truth(term)
        if truth == "false":
            continue
        wide = writer.add(f"zext i1 {truth} to i64")
        moved = writer.add(f"shl i64 {wide}, {bit}")
        result = writer.add(f"or i64 {result}, {moved}")
    head = f"define internal i64 @{name}({writer.state_type} %s) {{"
    return "\n".join([head, *writer.lines, f"  ret i64 {result}", "}"])


def _waits(model: GroundModel, semantics: Semantics, constants: Constants) -> list[str]:
    """Return a function for each owner that gives the owners it waits for as bits."""
    rows: list[list[Term]] = [[0] * len(model.finished) for _ in model.finished]
    for owner, other, edge in wait_matrix(model):
        rows[owner][other] = edge
    return [_mask(f"waits.{owner}", row, semantics, constants) for owner, row in enumerate(rows)]


def _answer(owners: int, state: str, can_hang: bool, own_waits: int) -> str:
    """Return the instructions that put bit 0, deadlock, and the questions together.

    `own_waits`: the owners that may wait for themselves; others need a second one for a cycle.
    """
    lines = []
    for r in range(owners):
        lines += [
            f"  %moves.{r} = icmp ne ptr %h{r}, %h{r + 1}",
            f"  %bit.{r} = zext i1 %moves.{r} to i64",
            f"  %moved.{r} = shl i64 %bit.{r}, {r}",
            f"  %movable.{r} = or i64 {f'%movable.{r - 1}' if r else '0'}, %moved.{r}",
        ]
    return "\n".join(
        [
            *lines,
            f"  %unfinished = call i64 @unfinished({state} %s)",
            f"  %still = xor i64 %movable.{owners - 1}, -1",
            "  %blocked = and i64 %unfinished, %still",
            "  %asks.deadlock = and i64 %wanted, 1",
            "  %look.for.cycle = icmp ne i64 %asks.deadlock, 0",
            "  %others = sub i64 %blocked, 1",
            "  %two = and i64 %blocked, %others",
            f"  %own.waits = and i64 %blocked, {own_waits}",
            "  %enough = or i64 %two, %own.waits",
            *(f"  %restless = call i64 @restless({state} %s)" for _ in range(can_hang)),
            f"  %owed = and i64 %blocked, {'%restless' if can_hang else -1}",
            "  %some.blocked = icmp ne i64 %owed, 0",
            "  %enough.blocked = icmp ne i64 %enough, 0",
            f"  %none.moves = icmp eq i64 %movable.{owners - 1}, 0",
            "  %stuck = and i1 %some.blocked, %none.moves",
            "  %cycle.possible = and i1 %enough.blocked, %look.for.cycle",
            "  br i1 %cycle.possible, label %cycle, label %answered",
            "cycle:",
            f"  %in.cycle = call i64 @cyclic({state} %s, i64 %blocked)",
            "  %is.cycle = icmp ne i64 %in.cycle, 0",
            "  br label %answered",
            "answered:",
            "  %cyclic = phi i1 [ false, %ask ], [ %is.cycle, %cycle ]",
            "  %deadlocked = or i1 %cyclic, %stuck",
            "  %deadlock.bit = zext i1 %deadlocked to i64",
            f"  %asked.bits = call i64 @questions({state} %s)",
            "  %asked.moved = shl i64 %asked.bits, 1",
            "  %answer = or i64 %deadlock.bit, %asked.moved",
        ]
    )


def _least(state: str) -> str:
    return "\n".join(
        [
            f"  %new.found = load {state}, ptr %new.at, align 8",
            f"  %new.state = call {state} @canonical({state} %new.found)",
        ]
    )


def _rounds(owners: int, state: str) -> str:
    """Return one round: each owner that is left and waits for nobody left is dropped."""
    lines = []
    for r in range(owners):
        left = f"%g{r}" if r else "%left"
        lines += [
            f"  %row.{r} = call i64 @waits.{r}({state} %s)",
            f"  %held.{r} = and i64 %row.{r}, {left}",
            f"  %free.{r} = icmp eq i64 %held.{r}, 0",
            f"  %dropped.{r} = and i64 {left}, {~(1 << r)}",
            f"  %g{r + 1} = select i1 %free.{r}, i64 %dropped.{r}, i64 {left}",
        ]
    return "\n".join(lines)
