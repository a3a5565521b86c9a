"""The start of the job: the filter is there before the job is, and the job before its lists are.

Requests may come meanwhile where the scenario says so (`requests_at_start`); else the job has started before
them, and what is dirty is what the scenario says.
Source: block/mirror.c mirror_start_job, mirror_run, mirror_dirty_init.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, claim
from cowpath.model.language.expression import Expr, coerce, exists, forall, nobody
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack.mirror.world import BACKGROUND, LISTED, Chunk, Request, Sector, left
from cowpath.model.stack.part import Part, Parts


@dataclass(frozen=True)
class Start(Part):
    """When the filter sees the job.

    `checks`: a write that finds no job passes (7.2); before, it uses what is not there. `late`: the job
    shows itself when its lists are there (8.0), not as soon as it exists.
    """

    checks: bool = False
    late: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """Requests may come meanwhile."""
        return ("requests_at_start",)

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where the job is until its loop begins."""
        pc = system.programs["pc"]
        pc.place("unborn", "not there yet", of=BACKGROUND)
        pc.place("created", "there, without its lists", of=BACKGROUND)
        system.variable("scanned", Chunk, internal=True)

    def act(self, system: System, parts: Parts) -> None:
        """Add the job's first steps."""

        @system.action("start.create", j=Request, source="block/mirror.c mirror_start_job")
        def create(s: State, j: Expr) -> None:
            """Is created."""
            s.require_at(j, "unborn")
            s.born = True
            s.go(j, "created")

        @system.action("start.scan", j=Request, c=Chunk, source="block/mirror.c mirror_dirty_init")
        def scan(s: State, j: Expr, c: Expr) -> None:
            """Asks whether the next chunk is allocated, which makes it dirty."""
            s.require_at(j, "created")
            next_ = ~s.scanned[c] & forall(Chunk, lambda d: (d < c).implies(s.scanned[d]))
            s.require(next_, "next chunk", location=True)
            written = exists(Sector, lambda x: (s.chunk_of[x] == c) & (s.source[x] != nobody(Request)))
            s.dirty[c] = s.dirty[c] | s.allocated[c] | written
            s.scanned[c] = True

        @system.action("start.show", j=Request, source="block/mirror.c mirror_run")
        def show(s: State, j: Expr) -> None:
            """Has all that it needs, and begins its loop."""
            s.require_at(j, "created")
            s.require(forall(Chunk, lambda c: s.scanned[c]), "all chunks asked for", location=True)
            s.begun = True
            s.go(j, "loop")

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say how the disks are until the job begins its loop."""

        def before(s: State, j: Expr) -> Expr:
            return s.is_at(j, "unborn", "created")

        yield claim("the job's loop has begun when the job has its lists, and it is there before", Request)(
            lambda s, j: BACKGROUND.holds(s, j).implies(
                (s.begun == ~before(s, j)) & (s.born == ~s.is_at(j, "unborn"))
            )
        )
        yield claim("a job that has started before the requests is in its loop")(
            lambda s: s.begun | s.requests_at_start
        )
        yield claim("a job whose loop has begun is there")(lambda s: s.begun.implies(s.born))
        yield claim("a chunk is asked for only when the job is there", Chunk)(
            lambda s, c: s.scanned[c].implies(s.born)
        )
        yield claim("until then nobody is on the list", Request, Request)(
            lambda s, j, r: before(s, j).implies(~s.within(r, LISTED))
        )
        if self.late:
            yield claim("who is on the list finds the job's loop begun", Request)(
                lambda s, r: s.within(r, LISTED).implies(s.begun)
            )
        yield claim("until then the target is as it was", Request, Sector)(
            lambda s, j, x: before(s, j).implies(
                (s.target[x] == nobody(Request)) & (s.stale[x] == s.allocated[s.chunk_of[x]])
            )
        )
        yield claim("what is asked for by then and not left is as it was, and the same", Sector)(
            lambda s, x: (~s.begun & s.scanned[s.chunk_of[x]]).implies(
                left(s, s.chunk_of[x]) | ((s.source[x] == nobody(Request)) & ~s.allocated[s.chunk_of[x]])
            )
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield the chunk that it asks for next."""
        yield Landmark(
            "the next chunk not asked for", Chunk, lambda s, j, k: s.is_at(j, "created") & ~s.scanned[k]
        )

    def seen(self, s: State) -> Expr:
        """Tell whether the filter sees the job."""
        return s.begun if self.late else s.born

    def missing(self, s: State) -> Expr:
        """Tell whether a write that comes now uses a job that is not there."""
        return coerce(False, BOOL) if self.checks else ~s.born

    def unready(self, s: State) -> Expr:
        """Tell whether a write that is copied now uses lists that are not there."""
        return coerce(False, BOOL) if self.late else s.born & ~s.begun
