"""The context that the stack runs in: one lock, dropped at every yield, and what is told about each step.

As in QEMU's AioContext, whoever runs the stack's code holds the lock, so the code between two yields is one
atomic step, however many threads there are. A yield is a wait, an I/O, or the end of a step. A step ends
with its label, which says what has just taken effect; I/O runs without the lock, at the beginning of the
step that it belongs to, and real transfers overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cowpath.impl.extent import Extent
from cowpath.impl.sync import Condition, Sync

T = TypeVar("T")
NOWHERE = Extent(0, 0)


@dataclass(eq=False)
class Request:
    """A request from outside; `name` says whose a step is. `data` is what it writes, None for zeroes.

    `reads`: it is a guest's read. `parent`: whose piece it is, if it is one: a part that runs by itself.
    `calls`: that piece is all that its parent copies, and goes on after a transfer.
    """

    name: str
    extent: Extent = NOWHERE
    data: bytes | None = None
    reads: bool = False
    parent: Request | None = None
    calls: bool = False

    @property
    def root(self) -> Request:
        """The request from outside that it is, or is a piece of."""
        return self if self.parent is None else self.parent.root

    def piece(self, extent: Extent, cluster: int) -> Request:
        """Return its piece of that extent, named after its first cluster."""
        return Request(f"{self.name}.{extent.start // cluster}", extent, None, self.reads, self)

    def call(self) -> Request:
        """Return its piece that copies all of it, for as long as it waits for that."""
        return Request(f"{self.name}.copy", self.extent, None, self.reads, self, calls=True)

    def ends(self, context: AioContext, label: str) -> None:
        """End a transfer with this step: a piece is over with it, others go on."""
        if self.parent is None or self.calls:
            context.step(label, self)
        else:
            context.trace(label, self)

    def __str__(self) -> str:
        return self.name


class Trace(Protocol):
    """Told of every step when it has taken effect, with the context's lock held."""

    def __call__(self, label: str, request: Request, facts: dict[str, Any], /) -> None:
        """Take note of the step."""


class Touch(Protocol):
    """Told which part of which shared object a step reads or writes (`extent` None: all of it)."""

    def __call__(self, what: str, extent: tuple[int, int] | None, write: bool, /) -> None:
        """Take note of the access."""


class Fault(Protocol):
    """Asked before every I/O, which it may fail by raising OSError; `label` is the step it belongs to."""

    def __call__(self, label: str, request: Request, /) -> None:
        """Raise OSError if the I/O shall fail."""


class Choose(Protocol):
    """Asked for one of 0 ... n - 1 where the stack could do either; `label` says what it is about."""

    def __call__(self, n: int, label: str, /) -> int:
        """Return one of them; 0 is what the stack does when it is not asked to do otherwise."""


@dataclass
class AioContext:
    """The lock, and the four hooks; a hook that is None costs nothing."""

    sync: Sync
    trace_hook: Trace | None = None
    touch_hook: Touch | None = None
    fault_hook: Fault | None = None
    choose_hook: Choose | None = None
    _conditions: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.lock = self.sync.lock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    def condition(self) -> Condition:
        """Return a condition of the context's lock."""
        return self.sync.condition(self.lock)

    def trace(self, label: str, request: Request, **facts: Any) -> None:
        """Say that the request's step has taken effect; it is its last, or a wait follows."""
        if self.trace_hook is not None:
            self.trace_hook(label, request, facts)

    def step(self, label: str, request: Request, **facts: Any) -> None:
        """Say that the request's step has taken effect, and yield."""
        if self.trace_hook is not None:
            self.trace_hook(label, request, facts)
        self.sync.pause(self.lock)

    def touch(self, what: str, extent: tuple[int, int] | None, write: bool) -> None:
        """Say that the step reads or writes a shared object."""
        if self.touch_hook is not None:
            self.touch_hook(what, extent, write)

    def choose(self, n: int, label: str) -> int:
        """Return which of n ways the step goes on; unless somebody chooses, the first."""
        return 0 if self.choose_hook is None or n == 1 else self.choose_hook(n, label)

    def io(self, label: str, request: Request, operation: Callable[..., T], *arguments: Any) -> T:
        """Run a transfer without the lock, as part of the step that is about to be labelled.

        Raises OSError if it fails or is made to fail.
        """
        if self.fault_hook is not None:
            self.fault_hook(label, request)
        return self.sync.transfer(self.lock, operation, *arguments)
