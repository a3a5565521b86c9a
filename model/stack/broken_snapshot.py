"""on-cbw-error = break-snapshot: a copy that fails lets its write go on, and later ones are not copied.

The filter remembers that, and refuses whoever reads through snapshot-access (snapshot_access.py). But who
reads a target that is an overlay of the source does not pass the filter: nobody tells him, and what has been
written since is what he gets. So it is where blockdev-backup has the option, from 10.1 on.
Source: block/copy-before-write.c cbw_do_copy_before_write (7.1); 3d3911f16b (10.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr
from cowpath.model.language.system import State, System
from cowpath.model.stack.part import Part, Parts
from cowpath.model.stack.world import WHOLE, WRITES, Request, is_write

_WRITE = "block/copy-before-write.c cbw_do_copy_before_write, 10.1"


@dataclass(frozen=True)
class BrokenSnapshot(Part):
    """What writes do where a failed copy may break the snapshot, and no reader is told.

    To be put beside an engine that knows on-cbw-error.
    """

    def declare(self, system: System, parts: Parts) -> None:
        """Declare whether the snapshot is broken, and where a write is that breaks it."""
        system.variable("snapshot_error")
        declare_breaking(system)

    def act(self, system: System, parts: Parts) -> None:
        """Add how it is broken, and how a later write passes."""
        add_breaking(system, then="enter", may_go=True)

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say that it is not broken."""
        yield from unbroken()


def declare_breaking(system: System) -> None:
    """Declare where a write is whose copy has failed, and which goes on."""
    system.programs["pc"].place("copy-broken", "about to break the snapshot", of=WRITES, within=(WHOLE,))


def add_breaking(system: System, *, then: str, may_go: bool) -> None:
    """Add how a write breaks the snapshot, to go on at `then`, and how later ones pass.

    `may_go`: the filter may be gone, which is another way of passing.
    """

    @system.action("cbw.pass", r=Request, source=_WRITE)
    def skip(s: State, r: Expr) -> None:
        """Finds the snapshot broken already, copies nothing."""
        s.require_at(r, "idle")
        s.require(is_write(s, r), "is a write", location=True)
        if may_go:
            s.require(s.job != "freed", "there is a filter")
        s.require(s.snapshot_error, "the snapshot is broken")
        s.go(r, "enter")

    @system.action("cbw.break", r=Request, source=_WRITE)
    def break_(s: State, r: Expr) -> None:
        """Could not copy: breaks the snapshot, not the write."""
        s.require_at(r, "copy-broken")
        s.snapshot_error = True
        s.go(r, then)


def unbroken(breaks: bool = True) -> Iterator[Claim]:
    """Say that the snapshot is whole where a failed copy breaks its write; `breaks`: another one may."""
    yield claim("the snapshot is whole")(lambda s: ~s.snapshot_error)
    if breaks:
        yield claim("no write whose copy failed goes on", Request)(lambda s, r: ~s.is_at(r, "copy-broken"))
