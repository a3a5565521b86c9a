"""Tasks whose results are kept as each is done, and dealt to the processes of an `mpiexec`.

A result goes from a file, or from another process, as plain data; who reads it makes of it what the task's
own work would have returned, and says None where that cannot be done: then the task is done here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cowpath.model.bench.workers import Workers, cores
from cowpath.model.explore import ranks
from cowpath.model.kept import answers

T = TypeVar("T")


@dataclass(frozen=True)
class Written(Generic[T]):
    """How results are plain data, as JSON has it.

    `write` gives None of a result that is not the task's whole, for such is not kept; `read` gives None, or
    raises an error of look-up, type or value, where the data are not what they should be.
    """

    write: Callable[[T], Any]
    read: Callable[[int, Any], T | None]


class Tasks(Generic[T]):
    """The tasks of a command, by number. A task's question says all that its result depends on.

    In a process of its own the tasks are done when their results are asked for, so what nobody asks for is
    not done; of several processes the first deals them all out at once, and the others end with that.
    """

    def __init__(self, questions: Sequence[str], work: Callable[[int], T], written: Written[T]) -> None:
        self._questions = questions
        self._work = work
        self._written = written
        self._data: dict[int, Any] = {}
        self.dealt = False
        """Whether the tasks were done by several processes."""

    def deal(self) -> None:
        """Have all tasks that are not known done by the other processes, if there are any; these end here."""
        if ranks.together() is None:
            return
        left = ranks.agreed([n for n in range(len(self._questions)) if not self._known(n)])
        if len(left) > 1:
            Workers(lambda n, send: send((n, self._done(n)[1])), cores()).run(left, self._receive)
        self.dealt = True
        ranks.leave()

    def result(self, number: int) -> T:
        """Return a task's result: what is known of it, or what comes of its work."""
        if self._known(number):
            try:
                if (found := self._written.read(number, self._data[number])) is not None:
                    return found
            except (LookupError, TypeError, ValueError):  # it is not what it says it is
                pass
        found, data = self._done(number)
        self._receive((number, data))
        return found

    def _done(self, number: int) -> tuple[T, Any]:
        found = self._work(number)
        return found, self._written.write(found)

    def _receive(self, what: tuple[int, Any]) -> None:
        number, data = what
        if data is None:
            return
        self._data[number] = json.loads(json.dumps(data))
        if (known := answers.current()) is not None:
            known.keep(self._questions[number], data)

    def _known(self, number: int) -> bool:
        known = answers.current()
        if number not in self._data and known is not None:
            self._data[number] = known.recall(self._questions[number])
        return self._data.get(number) is not None
