"""A test under the scheduler: made ready once, then run as often as wanted, each time under some strategy."""

from __future__ import annotations

import contextvars
import functools
import gc
import inspect
import linecache
import random
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from cowpath.conformance.own import exchange, kernel, points
from cowpath.conformance.own.existing import swapped
from cowpath.conformance.own.kept import kept
from cowpath.conformance.own.kernel import TimedKernel, inside
from cowpath.conformance.own.names import replaced
from cowpath.conformance.own.points import Point, Wanted
from cowpath.conformance.own.threads import retire
from cowpath.conformance.scheduler.kernel import Failure, Strategy, Task
from cowpath.conformance.scheduler.schedule import Schedule
from cowpath.conformance.scheduler.substrate import Greenlets, HangError, PooledThreads
from cowpath.model.explore.interrupts import interrupts
from cowpath.model.language.errors import InputError

STATEMENTS, SYNCHRONISATION = "statements", "synchronisation"
POINTS = (STATEMENTS, SYNCHRONISATION)
SUBSTRATES = ("threads", "greenlets")
MAIN = "main"
_COLLECT = 50  # runs between two collections of garbage, which may not happen in a run


class Made(NamedTuple):
    """A statement that a thread has begun."""

    thread: str
    point: int


@dataclass(frozen=True)
class OwnRun:
    """What happened in a run: statements, what a watch has seen, how it ended if not well.

    An event comes with how many statements had begun by then. `values` and `seen` are the kernel's.
    """

    made: Sequence[Made] = field(repr=False)
    events: Sequence[tuple[int, Any]] = field(repr=False)
    failure: Failure | None
    values: Sequence[int] = field(repr=False)
    seen: Sequence[tuple[str, Sequence[Task | int]]] = field(repr=False)

    @cached_property
    def schedule(self) -> Schedule:
        """The choices that replay it."""
        return Schedule.of(self.values, self.seen)


@dataclass(frozen=True)
class Way:
    """How tests are run.

    `points`: where threads may be interrupted: before every statement, or at synchronisation alone.
    `hasty`: a wait with a timeout, or a sleep, may end at once, and not only when nobody else can move.
    `limit`: steps of a run; `patience`: seconds that a thread may take for one.
    `injected`: the code is handed what it synchronises with, so nothing of Python's own is replaced.
    """

    points: str = STATEMENTS
    substrate: str = "threads"
    hasty: bool = False
    limit: int = 10_000
    patience: float = 10.0
    injected: bool = False

    def __post_init__(self) -> None:
        for name, value, accepted in (
            ("points", self.points, POINTS),
            ("substrate", self.substrate, SUBSTRATES),
        ):
            if value not in accepted:
                raise InputError(f"{name}={value!r}; accepted: {', '.join(accepted)}")


class Watching:
    """What sees more of a run than the scheduler does; this one sees nothing."""

    wanted = Wanted(True)

    def prepare(self, points: Sequence[Point]) -> None:
        """Take note of the points that there are."""

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return what the watched calls and statements call."""
        return {}

    def begin(self, made: Sequence[Made]) -> list[Any]:
        """Begin to watch a run, in which these statements are made; return the list that events go to."""
        return []

    def seen_events(self) -> Sequence[Any]:
        """Return what has been seen of the run under way."""
        return ()


class Explorer:
    """Runs a test; `modules` are those that are interrupted, `objects` what may have locks already.

    `made` is the code of another explorer of the same, which need not be made again.
    """

    def __init__(
        self,
        test: Callable[[], object],
        modules: Sequence[ModuleType],
        way: Way,
        watching: Watching | None = None,
        objects: Sequence[object] = (),
        before: exchange.Edit | None = None,
        after: exchange.Edit | None = None,
        made: exchange.Exchange | None = None,
    ) -> None:
        self.test, self.modules, self.way, self.objects = test, modules, way, objects
        self.watching = watching or Watching()
        substrate = Greenlets() if way.substrate == "greenlets" else PooledThreads(way.patience)
        self.kernel = TimedKernel(substrate, way.limit, way.hasty)
        self.kernel.place = self.place
        wanted = self.watching.wanted
        wanted = Wanted(way.points == STATEMENTS, wanted.calls, wanted.begun, wanted.made)
        self.exchange = made or exchange.Exchange(modules, wanted, before, after)
        self.watching.prepare(self.exchange.points)
        home = inspect.getmodule(inspect.unwrap(_function(test)))
        self.files = {str(module.__file__) for module in (*modules, *([home] if home else []))}
        self.labels = [str(number) for number in range(len(self.exchange.points))]
        self.made: list[Made] = []
        self.runs = 0
        self.stopped = False
        self.exchanged: set[str] = set()

    @contextmanager
    def active(self) -> Iterator[Explorer]:
        """Replace names and code for as long as runs are made."""
        collecting, state = gc.isenabled(), random.getstate()
        with ExitStack() as stack:
            kernel.begin(self.kernel)
            stack.callback(kernel.end)
            stack.callback(self.kernel.stacks.close)
            if not self.way.injected:
                stack.enter_context(replaced(self.modules))
            calls = {points.POINT: self._point, **self.watching.calls()}
            functions = stack.enter_context(self.exchange.made(calls))
            self.exchanged = {function.__qualname__ for function in functions}
            if not functions and self.way.points == STATEMENTS:
                names = ", ".join(module.__name__ for module in self.modules) or "no module"
                raise exchange.SourceError(f"{names}: has no function to be interrupted; say modules=[...]")
            self.put_back = kept(self.modules)
            stack.callback(self.put_back)
            stack.callback(random.setstate, state)
            if collecting:
                stack.callback(gc.enable)
            gc.disable()
            stack.enter_context(interrupts(self._stop))
            yield self

    def run(self, strategy: Strategy) -> OwnRun:
        """Run the test once. Raises HangError, with the place, if a thread does not come back.

        After Ctrl-C, all have unwound when KeyboardInterrupt comes out.
        """
        self.runs += 1
        self._go_on()
        if self.runs % _COLLECT == 0:
            gc.collect(0)
        self.kernel.reset()
        random.seed(0)
        self.put_back()
        self.made = []
        events = self.watching.begin(self.made)
        context = contextvars.copy_context()
        with nullcontext() if self.way.injected else swapped(self.modules, self.objects):
            try:
                failure = self.kernel.run([(MAIN, lambda: _run(context, self.test))], strategy)
            except HangError as error:
                raise HangError(error.frame, self._hang(error.frame)) from None
            finally:
                for thread in self.kernel.threads.values():
                    retire(thread)
        self._go_on()
        return OwnRun(self.made, events, failure, self.kernel.values, self.kernel.seen)

    def _stop(self) -> None:
        """End the run under way, and the exploration with it."""
        self.stopped = self.kernel.ending = True

    def _go_on(self) -> None:
        if self.stopped:
            raise KeyboardInterrupt

    def place(self, task: Task) -> str:
        """Return where a task waits, in the user's own code."""
        frame = self._own(self.kernel.stacks.frame(task))
        if frame is None:
            return "waits"
        return f"waits at {_line(frame)} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"

    def _own(self, frame: FrameType | None) -> FrameType | None:
        while frame is not None and frame.f_code.co_filename not in self.files:
            frame = frame.f_back
        return frame

    def _hang(self, frame: FrameType | None) -> str:
        """Return in words who does not come back."""
        task = self.kernel.current
        own = self._own(frame)
        where = (
            "" if own is None else f" at {_line(own)} ({Path(own.f_code.co_filename).name}:{own.f_lineno})"
        )
        lead = f"{task.name if task else MAIN} has not come back for {self.way.patience:g} s{where}"
        return f"{lead}: it waits for something that is no lock of the run's, or computes without end"

    def _point(self, number: int, entering: bool) -> None:
        running = inside()
        if running is not None and not running.atomic:
            running.switch_point()
            running.entering = entering
            name = running.running_task().name
            self.made.append(Made(name, number))
            running.strategy.labelled(self.labels[number], name)


def _run(context: contextvars.Context, test: Callable[[], object]) -> None:
    context.run(test)


def _function(test: Callable[..., object]) -> Callable[..., object]:
    return _function(test.func) if isinstance(test, functools.partial) else test


def modules_of(test: Callable[..., object]) -> list[ModuleType]:
    """Return the test's module and those of the user's own that it has something from.

    Own is what belongs neither to Python nor to what is installed.
    """
    first = inspect.getmodule(inspect.unwrap(_function(test)))
    if first is None:
        raise exchange.SourceError(f"{test!r}: it is not known which module it is from; say modules=[...]")
    found = {first.__name__: first}
    for value in list(vars(first).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        module = sys.modules.get(str(name))
        ours = str(name).partition(".")[0] == "cowpath"
        if module is not None and not ours and _own_file(getattr(module, "__file__", None)):
            found.setdefault(module.__name__, module)
    return list(found.values())


def _own_file(file: str | None) -> bool:
    if file is None or not file.endswith(".py"):
        return False
    path = Path(file).resolve()
    return not any(path.is_relative_to(folder) for folder in _FOREIGN)


_FOREIGN = {
    Path(folder).resolve()
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
    )
}


def _line(frame: FrameType) -> str:
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return text.split("  #")[0] or f"line {frame.f_lineno}"
