"""What every mirror scenario's tables satisfy, and what theorems may be restricted to."""

from __future__ import annotations

from collections.abc import Collection

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.system import State
from cowpath.model.stack.mirror.world import (
    JOB,
    OPERATION,
    OPERATIONS,
    WRITES,
    Chunk,
    Level,
    Request,
    Sector,
)

GIVEN = (
    claim("the chunks of a request are in order", Request)(lambda s, r: s.first_of[r] <= s.last_of[r]),
    claim("what a write covers lies in its chunks", Request, Sector)(
        lambda s, r, x: s.covers[r, x].implies(
            (s.first_of[r] <= s.chunk_of[x]) & (s.chunk_of[x] <= s.last_of[r])
        )
    ),
    claim("of a whole chunk all is covered", Request, Sector)(
        lambda s, r, x: s.whole[r, s.chunk_of[x]].implies(s.covers[r, x])
    ),
    claim("whole chunks are a write's own", Request, Chunk)(
        lambda s, r, c: s.whole[r, c].implies((s.first_of[r] <= c) & (c <= s.last_of[r]))
    ),
    claim("there is one background", Request, Request)(
        lambda s, r, q: ((s.kind[r] == JOB) & (s.kind[q] == JOB)).implies(r == q)
    ),
    claim("a chunk lies in its cluster of the target", Chunk)(
        lambda s, c: (s.lowest[c] <= c) & (c <= s.highest[c])
    ),
    claim("only writes cover anything", Request, Sector)(
        lambda s, r, x: s.covers[r, x].implies(WRITES.holds(s, r))
    ),
    claim("clusters of the target lie side by side", Chunk, Chunk)(
        lambda s, c, d: (
            ((s.lowest[c] <= d) & (d <= s.highest[c])).implies(s.lowest[d] == s.lowest[c])
            & (s.lowest[d] == s.lowest[c]).implies(s.highest[d] == s.highest[c])
            & (s.highest[c] < d).implies(s.highest[c] < s.lowest[d])
        )
    ),
    claim("the first chunk of a cluster of the target is the first of its own", Chunk)(
        lambda s, c: s.lowest[s.lowest[c]] == s.lowest[c]
    ),
    claim("what is filled is written in whole clusters, or chunks are clusters", Chunk)(
        lambda s, c: (s.fills & ~s.rounds).implies(s.lowest[c] == s.highest[c])
    ),
    claim("some background operation is taken first")(
        lambda s: exists(
            Request,
            lambda o: OPERATIONS.holds(s, o) & ~exists(Request, lambda p: s.before[p, o]),
        )
    ),
    claim("there are buffers")(lambda s: exists(Level, lambda level: level < s.buffers)),
    claim("who takes or gives back no buffers leaves as many", Level)(
        lambda s, n: (n + 1 == 1).implies(
            (s.taken[s.buffers, n] == s.buffers) & (s.given[s.buffers, n] == s.buffers)
        )
    ),
)

AMPLE = claim("the job is never short of buffers")(lambda s: ~s.counted)
STARTED_BEFORE = claim("the job has started before the requests")(lambda s: ~s.requests_at_start)
UNPAUSED = claim("nobody pauses the job", Request)(lambda s, r: s.kind[r] != "pause")
ONE_MODE = claim("nobody changes the mode", Request)(lambda s, r: s.kind[r] != "change-mode")
UNROUNDED = claim("no copy is rounded to the target's clusters")(lambda s: ~s.rounds)
FILLING = claim(
    "where what is behind the target is not open, copied writes fill their chunks", Request, Chunk
)(
    lambda s, r, c: (s.fills & s.blocking & WRITES.holds(s, r)).implies(
        s.whole[r, c] | (c < s.first_of[r]) | (s.last_of[r] < c)
    )
)
NO_ZEROES = claim("where what is behind the target is not open, nobody writes zeroes", Request)(
    lambda s, r: s.fills.implies(s.kind[r] != "guest-zero")
)
NOT_COPIED_AT_START = claim("the job has started before the requests, or copies none of the guest's writes")(
    lambda s: ~(s.requests_at_start & s.blocking)
)

FINITE = claim("no request is of a stream", Request)(lambda s, r: ~s.stream[r])


def of_kinds(kinds: Collection[str]) -> Claim:
    """Say that there are requests of these kinds, the background and its operations, and nobody else."""

    def is_one(s: State, r: Expr) -> Expr:
        found = (s.kind[r] == JOB) | (s.kind[r] == OPERATION)
        for kind in kinds:
            found = found | (s.kind[r] == kind)
        return found

    return claim(f"requests are of kind {', '.join(kinds)}", Request)(is_one)
