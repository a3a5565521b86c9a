"""The set of visited states as LLVM assembly: exact, quotienting, safe for many threads.

A bijective hash turns a state into a number x (and, if it has more than 64 bits, the rest as it is). The high
bits of x name a line of memory; only the remainder is stored, 32 bits in an array that one vector
comparison searches, the rest beside it. States whose line is full go to a side table, whole.
(J. G. Cleary, Compact hash tables using bidirectional linear probing, IEEE Trans. Computers C-33, 1984.)

Slots of a line are filled in order and never change: the count in the control word is stored after the slot,
so a reader needs no lock. A writer holds the line's lock bit. A full line stays full, so a state that went
aside is looked for there ever after.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

_FULL_WORD = 64
_SLOT_LOW = 4  # bytes of a slot that the vector comparison looks at
_CONTROL = 4  # bytes: count of slots, lock bit
FEWEST_LINES = 14  # binary logarithm
_MOST_FIRST_LINES = 17  # of a new table, to save a byte a slot


@dataclass(frozen=True)
class Shape:
    """Where things lie in a line, for states of so many bits; `first_lines` is a binary logarithm."""

    bits: int
    first_lines: int
    extra: int
    slots: int
    line: int

    @staticmethod
    def of(bits: int) -> Shape:
        """Return the shape with the smallest slots."""
        bits = max(bits, 32 + FEWEST_LINES)  # a narrower state has zeros above

        def extra_for(lines: int) -> int:
            middle = max(0, min(bits, _FULL_WORD) - 32 - lines)
            return max(1, -(-(middle + max(0, bits - _FULL_WORD)) // 8))

        extra, lines = min((extra_for(n), n) for n in range(FEWEST_LINES, _MOST_FIRST_LINES + 1))
        line = 64
        while (line - _CONTROL) // (_SLOT_LOW + extra) < 4:
            line *= 2
        return Shape(bits, lines, extra, min(31, (line - _CONTROL) // (_SLOT_LOW + extra)), line)

    @property
    def hashed(self) -> int:
        """Bits of a state that the hash mixes; those above are stored as they are."""
        return min(self.bits, _FULL_WORD)

    @property
    def words(self) -> int:
        """64-bit words of a state."""
        return -(-self.bits // _FULL_WORD)


# A table is described to the code by 64-bit words: 0 lines, 1 shift (hashed bits without those of the line
# number), 2 places of the side table, 3 their number - 1, 16 number of states in the side table (which
# changes, so it has a cache line of its own).
_TEXT = Template("""
declare i32 @llvm.cttz.i32(i32, i1)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i64 @hashed($S %s) alwaysinline {
$folded
  %a = mul i64 %low, $M1
  %a1 = and i64 %a, $mask
  %b = lshr i64 %a1, $half
  %c = xor i64 %a1, %b
  %d = mul i64 %c, $M2
  %d1 = and i64 %d, $mask
  %e = lshr i64 %d1, $half
  %f = xor i64 %d1, %e
  %g = mul i64 %f, $M1
  %x = and i64 %g, $mask
  ret i64 %x
}

define internal ptr @line(ptr %lines, i64 %shift, i64 %x) alwaysinline {
  %number = lshr i64 %x, %shift
  %line = getelementptr [$line x i8], ptr %lines, i64 %number
  ret ptr %line
}

; 1: the state was new, and is in its line now if it is to be put there; 0: it was there; 2: its line is full,
; look aside
define internal i64 @insert(ptr %lines, i64 %shift, $S %s, i64 %x, i1 %put) alwaysinline {
  %line = call ptr @line(ptr %lines, i64 %shift, i64 %x)
  %above = shl i64 -1, %shift
  %kept = xor i64 %above, -1
  %rest = and i64 %x, %kept
  %low = trunc i64 %rest to i32
  %middle = lshr i64 %rest, 32
$extra
  %one = insertelement <$slots x i32> poison, i32 %low, i32 0
  %all = shufflevector <$slots x i32> %one, <$slots x i32> poison, <$slots x i32> zeroinitializer
  %control.at = getelementptr i8, ptr %line, i64 $control
  br label %look
look:
  %control = load atomic i32, ptr %control.at acquire, align 4
  %count = and i32 %control, 255
  %lows = load <$slots x i32>, ptr %line, align 64
  %same = icmp eq <$slots x i32> %lows, %all
  %bits = bitcast <$slots x i1> %same to i$slots
  %wide = zext i$slots %bits to i32
  %one.past = shl i32 1, %count
  %filled = sub i32 %one.past, 1
  %first = and i32 %wide, %filled
  br label %next
next:
  %left = phi i32 [ %first, %look ], [ %fewer, %try ]
  %none = icmp eq i32 %left, 0
  br i1 %none, label %missing, label %try
try:
  %slot = call i32 @llvm.cttz.i32(i32 %left, i1 true)
  %less = sub i32 %left, 1
  %fewer = and i32 %left, %less
  %at = mul i32 %slot, $extra_bytes
  %at.64 = zext i32 %at to i64
  %from = getelementptr i8, ptr %extras, i64 %at.64
  %there = load i$extra_bits, ptr %from, align 1
  %found = icmp eq i$extra_bits %there, %extra
  br i1 %found, label %old, label %next
missing:
  %full = icmp eq i32 %count, $slots
  br i1 %full, label %side, label %room
room:
  br i1 %put, label %lock, label %new
lock:
  %locked = or i32 %count, 256
  %swap = cmpxchg ptr %control.at, i32 %count, i32 %locked acquire monotonic
  %mine = extractvalue { i32, i1 } %swap, 1
  br i1 %mine, label %fill, label %look
fill:
  %low.at = getelementptr i32, ptr %line, i32 %count
  store i32 %low, ptr %low.at
  %to = mul i32 %count, $extra_bytes
  %to.64 = zext i32 %to to i64
  %into = getelementptr i8, ptr %extras, i64 %to.64
  store i$extra_bits %extra, ptr %into, align 1
  %more = add i32 %count, 1
  store atomic i32 %more, ptr %control.at release, align 4
  br label %new
new:
  ret i64 1
side:
  ret i64 2
old:
  ret i64 0
}

define internal ptr @place_aside(ptr %table, i64 %x) alwaysinline {
  %places.at = getelementptr i64, ptr %table, i64 2
  %places = load ptr, ptr %places.at
  %most.at = getelementptr i64, ptr %table, i64 3
  %most = load i64, ptr %most.at
  %mixed = mul i64 %x, $M2
  %start = lshr i64 %mixed, 20
  %number = and i64 %start, %most
  %place = getelementptr [$place_words x i64], ptr %places, i64 %number
  ret ptr %place
}

; Open addressing; a place's last word is 0 (free), 1 (being written) or 2 (there). Two threads with the same
; state look at the same places in the same order, so one of them finds what the other has put there.
define internal i64 @insert_aside(ptr %table, $S %s, i64 %x, i1 %put) noinline {
  %places.at = getelementptr i64, ptr %table, i64 2
  %places = load ptr, ptr %places.at
  %most.at = getelementptr i64, ptr %table, i64 3
  %most = load i64, ptr %most.at
  %end = getelementptr [$place_words x i64], ptr %places, i64 %most
  %start = call ptr @place_aside(ptr %table, i64 %x)
  br label %look
look:
  %place = phi ptr [ %start, %0 ], [ %on, %another ], [ %place, %wait ]
  %mark.at = getelementptr i64, ptr %place, i64 $words
  %mark = load atomic i64, ptr %mark.at acquire, align 8
  switch i64 %mark, label %compare [ i64 0, label %free i64 1, label %wait ]
wait:
  br label %look
compare:
  %there = load $S, ptr %place, align 8
  %same = icmp eq $S %there, %s
  br i1 %same, label %old, label %another
another:
  %last = icmp eq ptr %place, %end
  %next = getelementptr [$place_words x i64], ptr %place, i64 1
  %on = select i1 %last, ptr %places, ptr %next
  br label %look
free:
  br i1 %put, label %claim, label %new
claim:
  %swap = cmpxchg ptr %mark.at, i64 0, i64 1 acquire monotonic
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %fill, label %wait
fill:
  store $S %s, ptr %place, align 8
  store atomic i64 2, ptr %mark.at release, align 8
  %count.at = getelementptr i64, ptr %table, i64 16
  %before = atomicrmw add ptr %count.at, i64 1 monotonic
  br label %new
new:
  ret i64 1
old:
  ret i64 0
}

; line i becomes lines 2i and 2i + 1, in place, for i from %end - 1 down to %begin: one bit of the remainder
; joins the line number. The shift in the table's words is still the old one.
define void @split(ptr %table, i64 %begin, i64 %end) {
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  %new.shift = sub i64 %shift, 1
  %copy = alloca [$line x i8], align 64
  %extras = getelementptr i8, ptr %copy, i64 $extras
  %above = shl i64 -1, %new.shift
  %kept = xor i64 %above, -1
  br label %lines.next
lines.next:
  %n = phi i64 [ %end, %0 ], [ %i, %lines.done ]
  %no.more = icmp eq i64 %n, %begin
  br i1 %no.more, label %out, label %one
one:
  %i = sub i64 %n, 1
  %old = getelementptr [$line x i8], ptr %lines, i64 %i
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %old, i64 $line, i1 false)
  %twice = shl i64 %i, 1
  %pair = getelementptr [$line x i8], ptr %lines, i64 %twice
  %control.0 = getelementptr i8, ptr %pair, i64 $control
  %control.1 = getelementptr [$line x i8], ptr %control.0, i64 1
  %control.at = getelementptr i8, ptr %copy, i64 $control
  %used = load i32, ptr %control.at
  store i32 0, ptr %control.0
  store i32 0, ptr %control.1
  br label %slots.next
slots.next:
  %j = phi i32 [ 0, %one ], [ %j.on, %slot ]
  %done = icmp eq i32 %j, %used
  br i1 %done, label %lines.done, label %slot
slot:
  %low.at = getelementptr i32, ptr %copy, i32 %j
  %low = load i32, ptr %low.at
  %at = mul i32 %j, $extra_bytes
  %at.64 = zext i32 %at to i64
  %extra.at = getelementptr i8, ptr %extras, i64 %at.64
  %extra = load i$extra_bits, ptr %extra.at, align 1
  %x.low = zext i32 %low to i64
$regained
  %x = or i64 %x.low, %x.high
  %which = lshr i64 %x, %new.shift
  %rest = and i64 %x, %kept
  %rest.low = trunc i64 %rest to i32
  %middle = lshr i64 %rest, 32
$remade
  %to = getelementptr [$line x i8], ptr %pair, i64 %which
  %to.control = getelementptr i8, ptr %to, i64 $control
  %k = load i32, ptr %to.control
  %to.low = getelementptr i32, ptr %to, i32 %k
  store i32 %rest.low, ptr %to.low
  %to.extras = getelementptr i8, ptr %to, i64 $extras
  %to.at = mul i32 %k, $extra_bytes
  %to.at.64 = zext i32 %to.at to i64
  %into = getelementptr i8, ptr %to.extras, i64 %to.at.64
  store i$extra_bits %new.extra, ptr %into, align 1
  %k.on = add i32 %k, 1
  store i32 %k.on, ptr %to.control
  %j.on = add i32 %j, 1
  br label %slots.next
lines.done:
  br label %lines.next
out:
  ret void
}

define void @insert_all(ptr %table, ptr %places, i64 %count) {
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  br label %next
next:
  %i = phi i64 [ 0, %0 ], [ %on, %skip ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %out, label %one
one:
  %place = getelementptr [$place_words x i64], ptr %places, i64 %i
  %mark.at = getelementptr i64, ptr %place, i64 $words
  %mark = load i64, ptr %mark.at
  %empty = icmp eq i64 %mark, 0
  br i1 %empty, label %skip, label %put
put:
  %ahead.i = add i64 %i, 16
  %within = icmp ult i64 %ahead.i, %count
  %ahead = select i1 %within, i64 %ahead.i, i64 %i
  %ahead.place = getelementptr [$place_words x i64], ptr %places, i64 %ahead
  %ahead.s = load $S, ptr %ahead.place, align 8
  %ahead.x = call i64 @hashed($S %ahead.s)
  %ahead.line = call ptr @line(ptr %lines, i64 %shift, i64 %ahead.x)
  call void @llvm.prefetch.p0(ptr %ahead.line, i32 1, i32 3, i32 1)
  %s = load $S, ptr %place, align 8
  %x = call i64 @hashed($S %s)
  %new = call i64 @insert(ptr %lines, i64 %shift, $S %s, i64 %x, i1 true)
  %full = icmp eq i64 %new, 2
  br i1 %full, label %aside, label %skip
aside:
  %new.aside = call i64 @insert_aside(ptr %table, $S %s, i64 %x, i1 true)
  br label %skip
skip:
  %on = add i64 %i, 1
  br label %next
out:
  ret void
}
""")


def text(shape: Shape) -> str:
    """Return the module's part that keeps the set: @hashed, @line, @insert, @split, @insert_all."""
    hashed, extra = shape.hashed, 8 * shape.extra
    state = f"i{64 * shape.words}"
    middle = max(0, hashed - 32 - shape.first_lines)
    folded, made, regained, remade = ["  %low = add i64 %s, 0"], [], [], []
    if shape.words == 1:
        made.append(_fit("%extra", "%middle", 64, extra))
        remade.append(_fit("%new.extra", "%middle", 64, extra))
        regained.append(_fit("%x.middle", "%extra", extra, 64))
    else:
        folded = _folded(shape.words)
        made += [
            f"  %rest.above = lshr {state} %s, 64",
            _fit("%above.fit", "%rest.above", 64 * shape.words, extra),
            f"  %above.moved = shl i{extra} %above.fit, {middle}",
            _fit("%middle.fit", "%middle", 64, extra),
            f"  %extra = or i{extra} %middle.fit, %above.moved",
        ]
        remade += [
            f"  %above.low = lshr i{extra} %extra, {middle}",
            f"  %above.moved = shl i{extra} %above.low, {middle}",
            _fit("%middle.fit", "%middle", 64, extra),
            f"  %new.extra = or i{extra} %middle.fit, %above.moved",
        ]
        regained += [
            _fit("%x.part", "%extra", extra, 64),
            f"  %x.middle = and i64 %x.part, {(1 << middle) - 1}",
        ]
    regained.append("  %x.high = shl i64 %x.middle, 32")
    made.append(f"  %extras = getelementptr i8, ptr %line, i64 {_SLOT_LOW * shape.slots}")
    return _TEXT.substitute(
        S=state,
        words=shape.words,
        place_words=shape.words + 1,
        line=shape.line,
        slots=shape.slots,
        control=shape.line - _CONTROL,
        extras=_SLOT_LOW * shape.slots,
        extra_bytes=shape.extra,
        extra_bits=extra,
        mask=(1 << hashed) - 1 if hashed < 64 else -1,
        half=(hashed + 1) // 2,
        M1=-7046029254386353131,  # odd, from the golden ratio
        M2=-4417276706812531889,
        folded="\n".join(folded),
        extra="\n".join(made),
        regained="\n".join(regained),
        remade="\n".join(remade),
    )


def _fit(name: str, value: str, width: int, wanted: int) -> str:
    """Return an instruction that makes a number of `width` bits one of `wanted` bits."""
    if width == wanted:
        return f"  {name} = add i{width} {value}, 0"
    return f"  {name} = {'trunc' if width > wanted else 'zext'} i{width} {value} to i{wanted}"


def _folded(words: int) -> list[str]:
    """Return the instructions that mix the higher words into the first: a Feistel step, a bijection."""
    state = f"i{64 * words}"
    lines = [f"  %w0 = trunc {state} %s to i64", "  %mix0 = add i64 0, 0"]
    for n in range(1, words):
        lines += [
            f"  %above{n} = lshr {state} %s, {64 * n}",
            f"  %w{n} = trunc {state} %above{n} to i64",
            f"  %join{n} = xor i64 %mix{n - 1}, %w{n}",
            f"  %times{n} = mul i64 %join{n}, -4417276706812531889",
            f"  %down{n} = lshr i64 %times{n}, 29",
            f"  %mix{n} = xor i64 %times{n}, %down{n}",
        ]
    return [*lines, f"  %low = xor i64 %w0, %mix{words - 1}"]
