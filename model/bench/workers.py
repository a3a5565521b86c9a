"""Tasks on all cores: processes forked where they stand, so that what is known by then costs them nothing.

On Ctrl-C those at work are told to end with what they know, and no task is begun any more; at the second all
ends. No process outlives the one that the user sees.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from cowpath.model.explore import ranks

_DONE = None  # what a process sends when it has done a task
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Send = Callable[[Any], None]
Work = Callable[[int, Send], None]
"""Does a task, by number; what it sends must be data that pickles. It may be interrupted."""


def cores() -> int:
    """Return how many processes may be at work: on this machine's cores, or the others of an `mpiexec`."""
    return ranks.cores() if ranks.size() == 1 else max(2, ranks.size() - 1)


class Workers:
    """Do tasks in several processes, or here where one is enough. `interrupted` tells of a Ctrl-C.

    What a task raises is raised here, and ends all. Of a process that is ended from outside, nothing more
    comes of the task that it was at.
    """

    def __init__(self, work: Work, processes: int) -> None:
        self._work = work
        self._processes = processes
        self._bell = _Bell()

    @property
    def interrupted(self) -> bool:
        """Whether no task is begun any more."""
        return self._bell.rung

    def run(self, tasks: Sequence[int], receive: Send) -> None:
        """Do the tasks; what they send is received here, as it comes.

        One process alone begins them in the order given; of several the first goes from the end to the front.
        """
        queue = deque(tasks)
        with self._bell.hung():
            if self._processes > 1 and len(queue) > 1 and ranks.together() is not None:
                self._deal(queue, receive)
                return
            if self._processes < 2 or len(queue) < 2:
                while queue and not self._bell.rung:
                    self._bell.during(partial(self._work, queue.popleft(), receive))
                return
            crew = [self._hire() for _ in range(min(self._processes, len(queue)))]
            self._bell.tell = [process.pid for _, process in crew if process.pid is not None]
            try:
                self._share(queue, [connection for connection, _ in crew], receive)
            finally:
                self._bell.tell = []
                for _, process in crew:  # which do nothing that is wanted any more
                    process.kill()
                    process.join()

    def _deal(self, queue: deque[int], receive: Send) -> None:
        """Do the tasks in the other processes of an `mpiexec`, which end with them; only this one goes on."""
        global _dealt
        from mpi4py.futures import MPICommExecutor

        _dealt = self._work
        executor: Any  # None in the other processes
        with MPICommExecutor(ranks.everybody(), root=0) as executor:
            if executor is not None:
                for sent in executor.map(_do, queue, unordered=True):
                    for what in sent:
                        receive(what)
        ranks.leave()

    def _share(self, queue: deque[int], crew: Sequence[Connection], receive: Send) -> None:
        at_work = set(crew)

        def begin(connection: Connection) -> None:
            # One begins at the end, with what takes longest: or that would be left when all else is done.
            connection.send(queue.pop() if connection is crew[0] else queue.popleft())

        for connection in crew:
            begin(connection)
        while at_work:
            ready = wait(list(at_work))
            for connection in [each for each in at_work if each in ready]:
                try:
                    what = connection.recv()
                    if what is _DONE and queue and not self._bell.rung:
                        begin(connection)
                        continue
                except (EOFError, OSError):  # it was ended from outside
                    what = _DONE
                if isinstance(what, BaseException):
                    raise what
                if what is not _DONE:
                    receive(what)
                else:
                    at_work.discard(connection)

    def _hire(self) -> tuple[Connection, multiprocessing.process.BaseProcess]:
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._work), daemon=True)
        process.start()
        there.close()
        return here, process


_dealt: Work | None = None


def _do(task: int) -> list[Any]:
    """Do a task that was dealt to this process; return what it sends."""
    sent: list[Any] = []
    assert _dealt is not None
    with ranks.apart():
        _dealt(task, sent.append)
    return sent


class _Bell:
    """Turns the first signal to end that comes during work into KeyboardInterrupt, and notes it otherwise.

    `tell`: processes that are sent it, too; then a second one raises KeyboardInterrupt wherever it comes.
    """

    def __init__(self) -> None:
        self.rung = self._at_work = False
        self.tell: list[int] = []

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Listen; only a process's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._ring) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def during(self, work: Callable[[], None]) -> None:
        """Do the work, up to an interrupt."""
        self._at_work = True
        try:
            work()
        except KeyboardInterrupt:
            self.rung = True
        finally:
            self._at_work = False

    def _ring(self, number: int, frame: FrameType | None) -> None:
        again, self.rung = self.rung, True
        for process in self.tell if not again else ():
            os.kill(process, signal.SIGINT)
        if (self._at_work and not again) or (self.tell and again):
            raise KeyboardInterrupt


def _serve(connection: Connection, work: Work) -> None:
    """Do what comes until there is no more; ends with the parent."""
    bell = _Bell()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with bell.hung():
        try:
            while not bell.rung:
                task = connection.recv()
                try:
                    bell.during(partial(work, task, connection.send))
                except Exception as error:
                    connection.send(error)
                connection.send(_DONE)
        except (EOFError, OSError):
            return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)
