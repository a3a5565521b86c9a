"""What the kernel has more where several processes share a search: whose a state is, and what has come.

The owner is named by other bits of the hash than the line is (another multiplier), so that each process uses
all of its lines.
"""

from __future__ import annotations

from string import Template

_M3 = -3335678366873096957  # odd; a multiplier of splitmix64

_AWAY = """\
  %away.at = getelementptr i64, ptr %call, i64 18
  %away = load ptr, ptr %away.at
  %away.count.at = getelementptr i64, ptr %call, i64 19
  %away.room.at = getelementptr i64, ptr %call, i64 20
  %away.room = load i64, ptr %away.room.at
  %me.at = getelementptr i64, ptr %call, i64 21
  %me = load i64, ptr %me.at"""

_STOP = Template("""\
  %away.filled = load i64, ptr %away.count.at
  %away.most = add i64 %away.filled, $reserve
  %away.full = icmp ugt i64 %away.most, %away.room
  %stop.2 = or i1 %stop.1, %away.full
  %stop = or i1 %stop.2, %side.full""")

_AGAIN = Template("""\
  %again.here = icmp eq $S %before, %new.state
  %owner = call i64 @owner.of(i64 %x)
  %foreign = icmp ne i64 %owner, %me
  %away.n = load i64, ptr %away.count.at
  %away.to = getelementptr [$row x i64], ptr %away, i64 %away.n
  store $S %new.state, ptr %away.to, align 8
  %away.whose = getelementptr i64, ptr %away.to, i64 $words
  store i64 %owner, ptr %away.whose
  %not.lately = xor i1 %again.here, true
  %goes = and i1 %foreign, %not.lately
  %goes.wide = zext i1 %goes to i64
  %away.more = add i64 %away.n, %goes.wide
  store i64 %away.more, ptr %away.count.at
  %again = or i1 %again.here, %foreign""")

_EXCHANGE = Template("""
define internal i64 @owner.of(i64 %x) alwaysinline {
  %mixed = mul i64 %x, $M3
  %high = lshr i64 %mixed, 32
  %scaled = mul i64 %high, $ranks
  %owner = lshr i64 %scaled, 32
  ret i64 %owner
}

define i64 @owner(ptr %state) {
  %s = load $S, ptr %state, align 8
  %x = call i64 @hashed($S %s)
  %owner = call i64 @owner.of(i64 %x)
  ret i64 %owner
}

; looks up states that have come; writes those that are new to %out and returns how many they are
define i64 @absorb(ptr %table, ptr %states, i64 %count, ptr %out) {
  %lines = load ptr, ptr %table
  %shift.at = getelementptr i64, ptr %table, i64 1
  %shift = load i64, ptr %shift.at
  br label %next
next:
  %i = phi i64 [ 0, %0 ], [ %on, %looked ]
  %o = phi i64 [ 0, %0 ], [ %o.on, %looked ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %done, label %one
one:
  %ahead.i = add i64 %i, 16
  %within = icmp ult i64 %ahead.i, %count
  %ahead = select i1 %within, i64 %ahead.i, i64 %i
  %ahead.at = getelementptr [$words x i64], ptr %states, i64 %ahead
  %ahead.s = load $S, ptr %ahead.at, align 8
  %ahead.x = call i64 @hashed($S %ahead.s)
  %ahead.line = call ptr @line(ptr %lines, i64 %shift, i64 %ahead.x)
  call void @llvm.prefetch.p0(ptr %ahead.line, i32 1, i32 3, i32 1)
  %s.at = getelementptr [$words x i64], ptr %states, i64 %i
  %s = load $S, ptr %s.at, align 8
  %x = call i64 @hashed($S %s)
  %new = call i64 @insert(ptr %lines, i64 %shift, $S %s, i64 %x, i1 true)
  %full = icmp eq i64 %new, 2
  br i1 %full, label %aside, label %looked
aside:
  %new.aside = call i64 @insert_aside(ptr %table, $S %s, i64 %x, i1 true)
  br label %looked
looked:
  %is.new = phi i64 [ %new, %one ], [ %new.aside, %aside ]
  %to = getelementptr [$words x i64], ptr %out, i64 %o
  store $S %s, ptr %to, align 8
  %o.on = add i64 %o, %is.new
  %on = add i64 %i, 1
  br label %next
done:
  ret i64 %o
}
""")


def pieces(state: str, words: int, reserve: int, ranks: int) -> dict[str, str]:
    """Return the kernel's pieces: those of a search of its own if there is one rank."""
    if ranks == 1:
        again = f"  %again = icmp eq {state} %before, %new.state"
        return {"away": "", "stop": "  %stop = or i1 %stop.1, %side.full", "again": again, "exchange": ""}
    names = {"S": state, "words": words, "row": words + 1, "M3": _M3, "ranks": ranks, "reserve": reserve}
    return {
        "away": _AWAY,
        "stop": _STOP.substitute(names),
        "again": _AGAIN.substitute(names),
        "exchange": _EXCHANGE.substitute(names),
    }
