"""The operations in flight: one list, in which who enters goes to the end, and a wait queue for each.

A guest's write that is copied has one, the background for the run that it has taken, and each copy that it
has started. Who waits is parked on one of them, and looks at the whole list again when that has gone.
Source: block/mirror.c MirrorOp, MirrorBlockJob.ops_in_flight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cowpath.impl.context import NOWHERE, AioContext, Request
from cowpath.impl.extent import Extent
from cowpath.impl.reqlist import Entry


@dataclass(eq=False, slots=True)
class Operation(Entry):
    """An operation; `chunks` is what it is on, in whole chunks.

    `writes`: it is a guest's write. `copies`: it is the background's, and copies; `in_flight`: it has its
    buffers, of which it `needs` so many. `parked`: it waits for a conflicting one (waiting_for).
    """

    chunks: Extent = NOWHERE
    writes: bool = False
    copies: bool = False
    in_flight: bool = False
    needs: int = 0
    parked: bool = False


class Operations:
    """The list. `in_order`: who waits for one of several waits for the first; else whoever chooses says."""

    called = "the operations in flight"
    held = "an operation on {}"
    held_by_job = "an operation on its chunks"

    def __init__(self, context: AioContext, *, in_order: bool) -> None:
        self.context = context
        self.in_order = in_order
        self.entries: list[Operation] = []

    def append(self, operation: Operation) -> Operation:
        """Enter the list, at its end."""
        self.entries.append(operation)
        return operation

    def first(self, counts: Callable[[Operation], bool]) -> Operation | None:
        """Return the first that counts, None if none does."""
        found = [operation for operation in self.entries if counts(operation)]
        if not self.in_order:
            for operation in found[:-1]:
                if not self.context.choose(2, f"look past {operation.owner}"):
                    return operation
        return found[0 if self.in_order else -1] if found else None

    def wait(self, waiter: Request, operation: Operation) -> None:
        """Park on the operation's queue until it has gone."""
        operation.wait(self.context, waiter, self.called)

    def unlink(self, operation: Operation) -> None:
        """Leave the list and wake all who are parked on it."""
        self.entries.remove(operation)
        operation.listed = False
        operation.wake()
