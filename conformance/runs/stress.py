"""Runs without the scheduler: real threads that nobody controls, logged, and judged afterwards.

A scheduler can hide what it does not control. Here steps are ordered by the stack's own lock, under which the
log is written; a transfer runs without it, so all that is certain is that it lies between two events.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import cast

from cowpath.conformance.runs.recorder import Recorder
from cowpath.conformance.runs.rigs import Bodies
from cowpath.conformance.runs.workload import Run, Workload, ending
from cowpath.conformance.scheduler.kernel import Failure
from cowpath.impl.context import AioContext
from cowpath.impl.reqlist import Wait
from cowpath.impl.sync import Lock, Thread, Threads
from cowpath.impl.waits import wait_cycle

DELAY = 0.0002  # seconds, at most, that a step takes
_PATIENCE = 10.0  # seconds until threads that do not end count as stuck
_GLANCE = 0.01  # seconds between two looks of a waiter at whether the run is over


class _Over(BaseException):
    """The run is over; who is still in it unwinds."""


class Stress:
    """Makes a workload's runs on free threads; `seed` is for what is chosen, not for the threads."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self.workload = workload
        self.random = random.Random(seed)

    def run(self) -> Run:
        """Run all requests once, each on a thread of its own; then the epilogue, one by one."""
        threads, recorder = _Free(), Recorder(overlap=True)
        log = recorder.log
        context = AioContext(
            threads, trace_hook=recorder.step, choose_hook=lambda n, label: self.random.randrange(n)
        )
        bodies, epilogue = self.workload.submit(context, recorder)
        threads.fail = lambda failure: setattr(recorder, "log", []) if threads.end(failure) else None
        for together in (bodies, *([body] for body in epilogue)):
            if threads.failure is None:
                _run(together, threads, recorder)
        failure = threads.failure
        cycle = self.workload.cycle(failure.cycle) if failure else ()
        # Of a crash it is not certain how much of the log came before it.
        end = [] if failure is not None and failure.error is not None else ending(failure, cycle)
        return Run([*log, *end], recorder.results, failure, cycle, (), ())


def _run(bodies: Bodies, threads: _Free, recorder: Recorder) -> None:
    started = [threading.Thread(target=threads.guarded(body, name)) for name, body in bodies]
    for thread in started:
        thread.start()
    limit = time.monotonic() + _PATIENCE
    for thread in started:
        thread.join(max(limit - time.monotonic(), 0))
    for other in threads.spawned:  # which may outlive whoever has started it
        other.join(max(limit - time.monotonic(), 0))
    stuck = [name for name, _ in bodies if name not in recorder.results]
    stuck += [other.name for other in threads.spawned if other.is_alive()]
    if stuck:
        threads.fail(Failure("stuck", stuck[0], f"nobody moves, unfinished are {', '.join(stuck)}"))
    for thread in (*started, *threads.spawned):
        thread.join()


class _Free(Threads):
    """Python's own threads, which report a wait that closes a cycle, and all unwind when the run is over."""

    def __init__(self) -> None:
        super().__init__(DELAY)
        self.parked: dict[str, Callable[[], bool]] = {}
        self.spawned: list[threading.Thread] = []
        self.failure: Failure | None = None
        self.fail: Callable[[Failure], None] = lambda failure: None

    def condition(self, lock: Lock) -> _Condition:
        """Return a condition; the lock must come from `lock`."""
        return _Condition(lock, self)

    def spawn(self, target: Callable[[], None], name: str) -> Thread:
        """Start a thread, whose error ends the run."""
        thread = threading.Thread(target=self.guarded(target, name), name=name, daemon=True)
        self.spawned.append(thread)
        thread.start()
        return thread

    def end(self, failure: Failure) -> bool:
        """End the run, and return whether it had not ended before."""
        if self.failure is not None:
            return False
        self.failure = failure
        return True

    def guarded(self, body: Callable[[], None], name: str) -> Callable[[], None]:
        """Return the body as a thread runs it."""

        def run() -> None:
            try:
                body()
            except _Over:
                pass
            except Exception as error:
                self.fail(Failure("crash", name, f"{type(error).__name__}: {error}", error=error))

        return run


class _Condition:
    def __init__(self, lock: Lock, threads: _Free) -> None:
        self.threads = threads
        self.condition = threading.Condition(cast(threading.Lock, lock))

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> None:
        threads = self.threads
        if timeout is not None:
            self.condition.wait_for(predicate, timeout)
            return
        name = predicate.waiter.name if isinstance(predicate, Wait) else ""
        threads.parked[name] = predicate
        cycle = wait_cycle(threads.parked, name)
        if cycle:
            threads.fail(Failure("deadlock", name, "a cycle of waits", cycle))
        while not predicate():
            if threads.failure is not None:
                raise _Over
            self.condition.wait(_GLANCE)
        del threads.parked[name]

    def notify_all(self) -> None:
        self.condition.notify_all()
