"""The replication node on top: how a guest's request is admitted to the chain of overlays.

Source: block/replication.c replication_co_readv, replication_co_writev (2.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, exists
from cowpath.model.language.system import State, System
from cowpath.model.stack import overlay
from cowpath.model.stack.commit import Commit
from cowpath.model.stack.cow_requests import CowRequestHolder, CowRequests
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import (
    GUESTS,
    IN_RANGE,
    TO_SECONDARY,
    WHOLE,
    Cluster,
    Request,
    is_kind,
    running,
)

_WHERE = {"guest-read": ("read", "lookup-active"), "guest-write": ("guest", "allocate")}


@dataclass(frozen=True)
class Admission(Part):
    """Requests of the kind go straight into the active disk."""

    kind: str

    @property
    def slot(self) -> str:
        """Admission of this kind."""
        return f"admission of {self.kind}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind admitted."""
        return (self.kind,)

    def act(self, system: System, parts: Parts) -> None:
        """Add the request's first and last step."""
        label, inside = _WHERE[self.kind]

        @system.action(f"{label}.begin", r=Request)
        def begin(s: State, r: Expr) -> None:
            """Enters the replication node.

            Source: block/replication.c replication_co_readv, replication_co_writev
            """
            _come(s, r, self.kind, "idle")
            if self.kind == "guest-write" and parts.has(Commit):
                s.require(~s.committed, "the active disk is in the chain")
                s.require(~s.commit_failed, "the failover has not failed")
                s.by_extent[r] = False
            s.go(r, inside)

        @system.action(f"{label}.end", r=Request)
        def end(s: State, r: Expr) -> None:
            """Completes. Source: block/replication.c"""
            _come(s, r, self.kind, "finishing")
            s.go(r, "done")

        @system.action(f"{label}.fail", r=Request)
        def fail(s: State, r: Expr) -> None:
            """Returns an error. Source: block/replication.c"""
            overlay.fail(s, r)
            s.require(is_kind(s, r, self.kind), f"is a {self.kind}", location=True)


@dataclass(frozen=True)
class ProtectedAdmission(CowRequestHolder):
    """Requests of the kind take a CowRequest over their clusters around all they do (R1 to R3, R7).

    The job is looked up on entry; without one the request goes unprotected. A request that had to wait goes
    on with the job's list afterwards, and every request unlinks itself from it at its end, whether or not the
    job is still there.
    """

    kind: str
    source: str

    @property
    def slot(self) -> str:
        """Admission of this kind."""
        return f"admission of {self.kind}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind admitted."""
        return (self.kind,)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where it waits."""
        pc = system.programs["pc"]
        if "cow-request-wait" not in pc.places:
            pc.place("cow-request-wait", "waiting for overlapping CowRequests", of=GUESTS, within=(WHOLE,))

    def act(self, system: System, parts: Parts) -> None:
        """Add the request's first steps, and its last."""
        requests, (label, inside) = parts.the(CowRequests), _WHERE[self.kind]

        @system.action(f"{label}.unprotected", r=Request, source=self.source)
        def unprotected(s: State, r: Expr) -> None:
            """Finds no job, goes on without a CowRequest."""
            _come(s, r, self.kind, "idle")
            s.require(s.job == "freed", "there is no job")
            s.go(r, inside)

        @system.action(f"{label}.wait", r=Request, source=self.source)
        def wait(s: State, r: Expr) -> None:
            """Waits on the job's CowRequest list."""
            _come(s, r, self.kind, "idle")
            s.require(s.job != "freed", "there is a job")
            s.require(exists(Request, lambda q: requests.overlapping(s, r, q)), "overlapping CowRequest")
            s.go(r, "cow-request-wait")

        @system.action(f"{label}.begin", r=Request, source=self.source)
        def begin(s: State, r: Expr) -> None:
            """Takes a CowRequest."""
            _come(s, r, self.kind, "idle", "cow-request-wait")
            s.require((s.job != "freed") | s.is_at(r, "cow-request-wait"), "there is a job, or was one")
            requests.wait(s, r)
            gone = s.job == "freed"
            s.use_after_free[r] = s.use_after_free[r] | gone
            s.cow_request[r] = ~gone
            s.go(r, If(gone, s.place(r, "failed"), inside))

        @system.action(f"{label}.end", r=Request, source=self.source)
        def end(s: State, r: Expr) -> None:
            """Drops its CowRequest and completes."""
            _come(s, r, self.kind, "finishing")
            s.use_after_free[r] = s.use_after_free[r] | (s.cow_request[r] & (s.job == "freed"))
            s.cow_request[r] = False
            s.go(r, "done")

        @system.action(f"{label}.fail", r=Request, source=self.source)
        def fail(s: State, r: Expr) -> None:
            """Drops its CowRequest and returns an error."""
            overlay.fail(s, r)
            s.require(is_kind(s, r, self.kind), f"is a {self.kind}", location=True)
            s.use_after_free[r] = s.use_after_free[r] | (s.cow_request[r] & (s.job == "freed"))
            s.cow_request[r] = False

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say why what a read with a CowRequest has found missing from the hidden disk stays uncopied."""
        taking = tuple(part.kind for part in parts.all(ProtectedAdmission))
        if self.kind == taking[0]:
            yield claim("only guest requests that take a CowRequest wait for one", Request)(
                lambda s, r: s.is_at(r, "cow-request-wait").implies(is_kind(s, r, *taking))
            )
        if self.kind != "guest-read":
            return
        yield claim("while the job runs a guest read inside holds a CowRequest", Request)(
            lambda s, r: (running(s) & is_kind(s, r, "guest-read") & s.within(r, IN_RANGE)).implies(
                s.cow_request[r]
            )
        )
        yield claim("what a protected read goes to the secondary disk for is not done", Request, Cluster)(
            lambda s, r, k: (
                running(s)
                & is_kind(s, r, "guest-read")
                & s.within(r, TO_SECONDARY)
                & (s.at[r] <= k)
                & (k < s.upto[r])
            ).implies(~s.done[k])
        )


def _come(s: State, r: Expr, kind: str, *places: str) -> None:
    s.require_at(r, *places)
    s.require(is_kind(s, r, kind), f"is a {kind}", location=True)
