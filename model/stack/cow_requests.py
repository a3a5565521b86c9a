"""CowRequests: the job's list of those who copy and, in the RFC's scheme, of those who read.

Whoever copies takes a CowRequest over the covering clusters; two that overlap exclude each other, whatever
they are for. The scan and the insertion are one step.
Source: block/backup.c wait_for_overlapping_requests, cow_request_begin, cow_request_end (2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, coerce
from cowpath.model.language.program import Region
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import List, State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import Cluster, Request, clusters_meet, is_kind, own

HOLDS = Region("a copy that holds a CowRequest")
LEAVES = Region("a copy that has nothing to do but drop its CowRequest")
ADMITTED = Region("a guest's request in the chain of overlays")

CONFLICTS = List(
    "the job's CowRequest list",
    "CowRequest {clusters}",
    lambda s, q: s.cow_request[q],
    # A copy that has nothing left to do but set its bit does so, and drops its CowRequest, without a yield.
    lambda s, q: s.within(q, LEAVES),
)


def _always(s: State, r: Expr, q: Expr) -> Expr:
    return coerce(True, BOOL)


@dataclass(frozen=True)
class CowRequests(Part):
    """The list. `excludes(s, r, q)`: the CowRequests of r and q exclude each other where they overlap."""

    excludes: Callable[[State, Expr, Expr], Expr] = _always

    def declare(self, system: System, parts: Parts) -> None:
        """Declare whose CowRequest is in the list."""
        system.variable("cow_request", Request, internal=True, called="holds a CowRequest")

    def overlapping(self, s: State, r: Expr, q: Expr) -> Expr:
        """Tell whether q's CowRequest is in the list, overlaps the clusters of r and excludes it."""
        met = (q != r) & s.cow_request[q] & clusters_meet(s, r, q)
        return met if self.excludes is _always else met & self.excludes(s, r, q)

    def wait(self, s: State, r: Expr) -> None:
        """Wait until no overlapping CowRequest is in the list (wait_for_overlapping_requests)."""
        s.wait_on(CONFLICTS, Request, lambda q: self.overlapping(s, r, q))

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say who holds a CowRequest, and that no two that exclude each other overlap."""
        kinds = tuple(kind for part in parts.all(CowRequestHolder) for kind in part.kinds)
        who = "".join(f", or is a {kind} inside" for kind in kinds)
        yield claim("who copies holds a CowRequest", Request)(
            lambda s, r: s.within(r, HOLDS).implies(s.cow_request[r])
        )
        yield claim(f"who holds a CowRequest copies{who}", Request)(
            lambda s, r: s.cow_request[r].implies(
                s.within(r, HOLDS) | (s.within(r, ADMITTED) & is_kind(s, r, *kinds))
                if kinds
                else s.within(r, HOLDS)
            )
        )
        yield claim("CowRequests never overlap", Request, Request, Cluster)(
            lambda s, r, q, k: (
                ~(
                    (r != q)
                    & s.cow_request[r]
                    & s.cow_request[q]
                    & self.excludes(s, r, q)
                    & own(s, r, k)
                    & own(s, q, k)
                )
            )
        )

    def keeps_apart(self, parts: Parts) -> Iterator[List]:
        """Yield the list, if readers are on it."""
        yield CONFLICTS


@dataclass(frozen=True)
class CowRequestHolder(Part):
    """A part that lets requests of some kind take a CowRequest, beside the job's own copies."""
