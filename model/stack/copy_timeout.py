"""cbw-timeout (7.1 on): a write waits for its copy so long and no longer; the copy goes on without it.

With a timeout the call of block-copy is a coroutine of its own, here a piece of the write with all its
clusters, whose own pieces are its tasks. When the time is up the write goes on as after a failed copy, with
ETIMEDOUT: it fails, or breaks the snapshot. The call is cancelled, its tasks are not: they keep what they
have registered, so later writes there wait for them, each for as long as its own timeout lets it; and the
filter stays in use until the last of them has ended. The time may be up at any moment, so how long it is does
not matter: that up to 9.0 its nanoseconds are cut to 32 bits (10b1e09ed3, 9.1) makes one above 4 s shorter,
and only a multiple of 2^23 s none at all.
Source: block/block-copy.c block_copy, block_copy_call_cancel; util/qemu-co-timeout.c qemu_co_timeout (7.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, Operand, exists
from cowpath.model.language.system import State, System
from cowpath.model.scenarios.scenario import Scenario
from cowpath.model.scenarios.vocabulary import NBD_WRITES
from cowpath.model.stack.block_copy import COPIED, LOOKING, look
from cowpath.model.stack.copy_pool import PooledCopies
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import is_piece
from cowpath.model.stack.world import COPYING, UNBORN, UNWRITTEN, WHOLE, WRITES, Request, is_write

_SOURCE = "block/block-copy.c block_copy, 7.1"


@dataclass(frozen=True)
class TimedCopies(PooledCopies):
    """The engine of 5.1, of which a write may have a call with a timeout."""

    @property
    def options(self) -> tuple[str, ...]:
        """Whether there is a timeout, too."""
        return (*super().options, "cbw_timeout")

    @property
    def calls(self) -> tuple[str, ...]:
        """Writes."""
        return NBD_WRITES

    def unmet(self, scenario: Scenario) -> Iterator[str]:
        """Yield that a write of a stream may have one call only; the next would begin another."""
        if scenario.option("cbw_timeout") and any(
            request.stream and request.kind in NBD_WRITES for request in scenario.requests
        ):
            yield "stream of writes with cbw_timeout"

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write waits for its call, and where a call is that has come to its end."""
        super().declare(system, parts)
        system.parameter("is_call", Request)  # it is the call by which its request copies
        pc = system.programs["pc"]
        pc.place("copy-timed", "waiting for its copy, until the time is up", of=WRITES, within=(WHOLE,))
        pc.place(
            "called", "over, all clusters of its request copied", of=WRITES, within=(WHOLE, COPIED, UNBORN)
        )

    def act(self, system: System, parts: Parts) -> None:
        """Add how a write comes back from its call, or goes on without it."""
        super().act(system, parts)

        @system.action("copy.called", r=Request, source="util/qemu-co-timeout.c qemu_co_timeout, 7.1")
        def called(s: State, r: Expr) -> None:
            """Has its copy made, or failed."""
            s.require_at(r, "copy-timed")
            s.require(_is_over(s, r), "its copy is made or has failed")
            lost = exists(Request, lambda c: _is_its_call(s, r, c) & s.is_at(c, "lost"))
            after = If(lost, self.after_failure(s, r), self.returns)
            for q in s.each(Request):
                its = _is_its_call(s, r, q)
                s.go(q, If(q == r, after, If(its, s.place(r, "unborn"), s.pc[q])))

        @system.action("copy.timeout", r=Request, source=_SOURCE)
        def timeout(s: State, r: Expr) -> None:
            """Has waited too long for its copy: cancels it, and goes on as after a failed one."""
            s.require_at(r, "copy-timed")
            s.require(~_is_over(s, r), "its copy is under way")
            s.go(r, self.after_failure(s, r))

        @system.action("copy.cancelled", r=Request, source="block/block-copy.c block_copy_common, 7.1")
        def cancelled(s: State, r: Expr) -> None:
            """Finds itself cancelled, and ends."""
            look(s, r)
            self.require_alone(s, r)
            s.require(_is_cancelled(s, r), "its write has gone on")
            s.go(r, "unborn")

    def begin_copying(self, s: State, r: Expr) -> None:
        """Let r look for what is dirty, or have its call do so."""
        for q in s.each(Request):
            first = If(s.cbw_timeout, s.place(r, "copy-timed"), "copy-loop")
            s.go(q, If(q == r, first, If(_is_its_call(s, r, q), s.place(r, "copy-loop"), s.pc[q])))

    def require_wanted(self, s: State, r: Expr) -> None:
        """Require that r is no call that is cancelled."""
        s.require(~_is_cancelled(s, r), "is not cancelled")

    def takes_no_more(self, s: State, r: Expr) -> Expr:
        """Tell whether r leaves what is dirty, for it is cancelled or a copy of its has failed."""
        return super().takes_no_more(s, r) | _is_cancelled(s, r)

    def is_task(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a piece that makes one copy."""
        return is_piece(s, r) & ~s.is_call[r]

    def copies_itself(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a call, or a write that needs none."""
        return If(s.cbw_timeout, s.is_call[r], super().copies_itself(s, r))

    def returned(self, s: State, r: Expr) -> Operand:
        """Return where r is whose clusters are copied."""
        return If(s.is_call[r], s.place(r, "called"), self.returns)

    def after_failure(self, s: State, r: Expr) -> Operand:
        """Return where r goes of which a copy has failed; nobody asks a cancelled call."""
        over = If(_is_cancelled(s, r), s.place(r, "unborn"), "lost")
        return If(s.is_call[r], over, super().after_failure(s, r))

    def goes_on_without(self, s: State, r: Expr) -> Expr:
        """Tell whether r is a call or a task of one: its write goes on when the time is up."""
        return s.is_call[r] | exists(Request, lambda q: (s.parent[r] == q) & s.is_call[q])

    def looking(self) -> Iterator[Claim]:
        """Say, too, who copies where there is a timeout."""
        yield from super().looking()
        yield claim("a write with a timeout leaves all copying to its call", Request)(
            lambda s, r: (s.cbw_timeout & is_write(s, r) & ~is_piece(s, r)).implies(~_copies(s, r))
        )
        yield claim("a call only copies", Request)(
            lambda s, r: s.is_call[r].implies(s.is_at(r, "unborn", "called", "lost") | _copies(s, r))
        )
        yield claim("a write that waits for its call has a timeout, and is nobody's piece", Request)(
            lambda s, r: s.is_at(r, "copy-timed").implies(s.cbw_timeout & ~is_piece(s, r))
        )
        yield claim("only a call has made the copies of its request", Request)(
            lambda s, r: s.is_at(r, "called").implies(s.is_call[r])
        )
        yield claim("a call that is over is waited for", Request, Request)(
            lambda s, r, c: (_is_its_call(s, r, c) & s.is_at(c, "called", "lost")).implies(
                s.is_at(r, "copy-timed")
            )
        )
        yield claim("who has not begun has begun no call", Request, Request)(
            lambda s, r, c: (_is_its_call(s, r, c) & s.is_at(r, "idle")).implies(s.is_at(c, "unborn"))
        )

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Say whose calls are whose, and that a write with a timeout is of no stream."""
        yield from super().given(parts)
        yield claim("a call is a piece with all clusters of its write, with a timeout", Request, Request)(
            lambda s, r, c: s.is_call[c].implies(
                s.cbw_timeout
                & is_piece(s, c)
                & (s.parent[c] == r).implies(
                    is_write(s, r) & ~is_piece(s, r) & (s.first[c] == s.first[r]) & (s.end[c] == s.end[r])
                )
            )
        )
        yield claim("with a timeout the only piece of a write is its call", Request, Request)(
            lambda s, r, c: (s.cbw_timeout & (s.parent[c] == r) & ~is_piece(s, r) & is_write(s, r)).implies(
                s.is_call[c]
            )
        )
        yield claim("a write with a timeout is of no stream", Request)(
            lambda s, r: (s.cbw_timeout & is_write(s, r)).implies(~s.stream[r])
        )


def _is_its_call(s: State, r: Expr, c: Expr) -> Expr:
    """Tell whether c is the call by which r copies."""
    return s.is_call[c] & (s.parent[c] == r)


def _is_over(s: State, r: Expr) -> Expr:
    """Tell whether the call of r has come to its end."""
    return exists(Request, lambda c: _is_its_call(s, r, c) & s.is_at(c, "called", "lost"))


def _is_cancelled(s: State, c: Expr) -> Expr:
    """Tell whether c is a call for which its write waits no more."""
    return exists(Request, lambda q: _is_its_call(s, q, c) & ~s.is_at(q, "copy-timed"))


def _copies(s: State, r: Expr) -> Expr:
    """Tell whether r looks for what is dirty, copies, or joins its copies."""
    return s.within(r, LOOKING, UNWRITTEN, COPYING) | s.is_at(r, "copy-joining")
