"""Block-copy short of memory and of tasks: what it waits for then, which elsewhere is left out.

A copy has its memory from before its task begins until it has ended: it is given back before the copy leaves
the in-flight list, in the same step. A write that has several extents to copy waits for a free task with the
memory of the next in hand; when it gets one, and a copy of its has failed by then, it drops that extent. QEMU
has 128 MiB for all and 64 tasks a write; here it is two copies for all and one task a write, few enough for
both to be waited for. Whoever waits for memory is said to wait for all who have some, where one of them would
do: so no cycle is overlooked.
Source: block/block-copy.c block_copy_dirty_clusters, block_copy_task_run, block_copy_task_entry (5.1);
util/qemu-co-shared-resource.c co_get_from_shres; block/aio_task.c aio_task_pool_wait_slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.language.claim import Level
from cowpath.model.language.expression import Expr, If, exists
from cowpath.model.language.system import List, State, System
from cowpath.model.scenarios.scenario import Scenario
from cowpath.model.stack.block_copy import copies, require_status, touch, unlist, wake
from cowpath.model.stack.copy_pool import PooledCopies, hand_out
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import is_next_piece, wait_for_pieces
from cowpath.model.stack.world import COPYING, UNWRITTEN, WRITES, Cluster, Request

_SOURCE = "block/block-copy.c block_copy_task_run, 5.1"
MEMORY = List("the memory for copies", "the memory of a copy of {clusters}", lambda s, q: _has_memory(s, q))


@dataclass(frozen=True)
class ScarceCopies(PooledCopies):
    """The engine of 5.1 with what it waits for where memory and tasks are few."""

    @property
    def options(self) -> tuple[str, ...]:
        """That they are few."""
        return (*super().options, "scarce_copies")

    def unmet(self, scenario: Scenario) -> Iterator[str]:
        """Yield what a scenario has that does not say so."""
        if not scenario.option("scarce_copies"):
            yield "memory and tasks to spare"

    def declare(self, system: System, parts: Parts) -> None:
        """Declare where a write waits for memory, and for a task."""
        super().declare(system, parts)
        pc = system.programs["pc"]
        pc.place("copy-memory", "waiting for memory to copy its extent", of=WRITES, within=(UNWRITTEN,))
        pc.place("copy-slot", "with memory, waiting for a free task", of=WRITES, within=(UNWRITTEN,))

    def act_shrink(self, system: System) -> None:
        """Add how an extent is shrunk, gets its memory, and is handed out or dropped."""

        @system.action("copy.shrink", r=Request, e=Cluster, source=_SOURCE)
        def shrink(s: State, r: Expr, e: Expr) -> None:
            """Learns the block status, shrinks the extent to it."""
            require_status(s, r, e)
            wake(s, r, e + 1 < s.upto[r])
            s.upto[r] = e + 1
            s.go(r, "copy-memory")

        @system.action("copy.memory", r=Request, source=_SOURCE)
        def memory(s: State, r: Expr) -> None:
            """Has memory; copies its only extent itself, or wants a task for one of several."""
            s.require_at(r, "copy-memory")

            def stands_in_the_way(q: Expr) -> Expr:
                another = exists(Request, lambda p: (p != q) & (p != r) & _has_memory(s, p))
                return (q != r) & _has_memory(s, q) & another

            s.wait_on(MEMORY, Request, stands_in_the_way)
            alone = ~s.pooled[r] & (s.upto[r] == s.end[r])
            s.go(r, If(alone, s.place(r, "copy-enter"), "copy-slot"))

        @system.action("copy.hand-out", r=Request, c=Request, source=_SOURCE)
        def handed_out(s: State, r: Expr, c: Expr) -> None:
            """Finds a task free, hands its copy out."""
            s.require_at(r, "copy-slot")
            wait_for_pieces(s, r, "lost")
            s.require(~self.takes_no_more(s, r), "no copy of its has failed")
            s.require(is_next_piece(s, r, c), "its piece", location=True)
            hand_out(s, r, c, s.upto[r], c)

        @system.action("copy.drop", r=Request, source=_SOURCE)
        def drop(s: State, r: Expr) -> None:
            """Finds that a copy of its has failed: drops the extent, which is dirty again."""
            s.require_at(r, "copy-slot")
            wait_for_pieces(s, r, "lost")
            s.require(self.takes_no_more(s, r), "a copy of its has failed")
            touch(s, r)
            for k in s.each(Cluster):
                s.done[k] = s.done[k] & ~copies(s, r, k)
            unlist(s, r)
            wake(s, r)
            s.go(r, "copy-joining")

    @property
    def handing_out(self) -> tuple[str, ...]:
        """Where a write is that has handed copies out."""
        return (*super().handing_out, "copy-memory", "copy-slot")

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say who waits for memory, and for tasks."""
        for level in super().levels(parts):
            if level.name == "the copies of a write":
                yield Level(level.name, level.says, lambda s, r: s.is_at(r, "copy-joining", "copy-slot"))
            else:
                yield level
        yield Level(
            MEMORY.name,
            "a write that has registered an extent waits for those who have memory; they copy, or wait for "
            "copies of their own",
            lambda s, r: s.is_at(r, "copy-memory"),
        )

    def asserts(self, s: State) -> Iterator[Expr]:
        """Yield, too, that who waits for memory asks for no more than there is."""
        yield from super().asserts(s)
        yield ~exists(
            Request,
            lambda r: (
                s.is_at(r, "copy-memory") & exists(Cluster, lambda k: copies(s, r, k) & s.beyond_budget[k])
            ),
        )


def _has_memory(s: State, q: Expr) -> Expr:
    """Tell whether q has the memory of a copy."""
    return s.within(q, UNWRITTEN, COPYING) & ~s.is_at(q, "copy-status", "copy-memory")
