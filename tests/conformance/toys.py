"""Small things to schedule, whose interleavings can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cowpath.conformance.scheduler.kernel import Failure, Kernel, Strategy
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.conformance.scheduler.sync import ScheduledSync

SUBSTRATES = (Greenlets, PooledThreads)
Body = Callable[[], None]


class Toy:
    """Tasks of so many atomic steps each, which log their name and are said to write the log.

    With `apart` every task is said to have a log of its own, so steps of different tasks are independent.
    """

    def __init__(self, *sections: int, apart: bool = False) -> None:
        self.sections = sections
        self.apart = apart
        self.log = ""

    def run(self, kernel: Kernel, strategy: Strategy) -> Failure | None:
        self.log = ""
        ScheduledSync(kernel)

        def body(name: str, count: int) -> Body:
            def run() -> None:
                for step in range(count):
                    if step:
                        kernel.pause()
                    self.log += name
                    kernel.accesses.append((name if self.apart else "the log", None, True))
                    strategy.labelled("step", name)

            return run

        return kernel.run([(n, body(n, c)) for n, c in zip("abcdef", self.sections, strict=False)], strategy)


def locking(kernel: Kernel, order: Iterable[tuple[str, str]]) -> list[tuple[str, Body]]:
    """Return two tasks that take two locks, each in the order given."""
    sync = ScheduledSync(kernel)
    locks = {"x": sync.lock(), "y": sync.lock()}

    def body(first: str, second: str) -> Body:
        def run() -> None:
            locks[first].acquire()
            kernel.pause()
            locks[second].acquire()
            locks[second].release()
            locks[first].release()

        return run

    return [(f"{first}{second}", body(first, second)) for first, second in order]
