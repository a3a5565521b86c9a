"""A pool of tasks: what a request does in several coroutines at once, and then waits for.

A task is a thread with a request of its own, a piece of the one that starts it. Its last step is its end: it
leaves the pool before anybody else runs.
Source: block/aio_task.c aio_task_pool_start_task, aio_task_pool_wait_all (4.2).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from cowpath.impl.context import AioContext, Request
from cowpath.impl.extent import Extent
from cowpath.impl.reqlist import ReqList

_WHOLE = Extent(0, sys.maxsize)


class Pool:
    """The tasks of one request. `error`: the first that one of them has failed with, None if none has."""

    def __init__(self, context: AioContext, owner: Request) -> None:
        self.context = context
        self.owner = owner
        self.error: BaseException | None = None
        self.running = ReqList(context, "its pieces", "a transfer of its own")

    def start(self, piece: Request, task: Callable[[], None]) -> None:
        """Start a task; an OSError is the pool's, whatever else it raises comes out of it, too."""
        entry = self.running.add(piece, piece.extent)

        def run() -> None:
            with self.context:
                try:
                    task()
                except OSError as error:
                    self.error = self.error or error
                except BaseException as error:
                    self.error = error
                    raise
                finally:
                    self.running.remove(entry)

        self.context.sync.spawn(run, piece.name)

    def wait_for_all(self) -> None:
        """Wait until all tasks have ended; the step is the caller's."""
        self.running.wait_all(self.owner, _WHOLE)

    def wait(self) -> None:
        """Wait until all tasks have ended; the step is the caller's. Raises what one has failed with."""
        self.wait_for_all()
        if self.error is not None:
            raise self.error
