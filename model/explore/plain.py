"""One state after the other by plain Python, and what is seen of each is kept: for few states.

Below some 20,000 states this is the fastest way to all answers: nothing is generated but one function, and
what comes next (progress) needs the same steps once more. It finds what every engine finds: the same counts
and depths, and the same witnesses (least state, then least command).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.explore.program import Program, Successors
from cowpath.model.explore.result import (
    DEADLOCK,
    Exploration,
    Limits,
    Progress,
    Report,
    Stop,
    Witness,
    enforce,
)

MOST = 20_000
"""States up to which this is the fastest way."""
_OVERHEAD = 600  # bytes kept for each state, roughly


@dataclass(frozen=True)
class Graph:
    """All states in the order in which they were found, and what was seen of each, by its number.

    `program` gave them. `answers`: the program's questions that a state answers, as bits. `forward`: every
    step leads to a state that was found later, so there is no cycle.
    """

    program: Program
    states: Sequence[bytes]
    number: Mapping[bytes, int]
    successors: Sequence[Successors]
    answers: Sequence[int]
    deadlocked: Sequence[bool]
    forward: bool

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(map(len, self.successors))


class TooMany(Exception):
    """There are more states than this search is for."""


def explore(
    program: Program, limits: Limits, report: Report, most: int | None = MOST
) -> tuple[Exploration, Graph | None]:
    """Explore what the program starts with; the graph is None where the search was stopped.

    Ctrl-C counts as a limit. Raises `TooMany` beyond `most` states.
    """
    return _Search(program).run(limits, report, most)


class _Search:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.states = [program.initial]
        self.number = {program.initial: 0}
        self.successors: list[Successors] = []
        self.answers: list[int] = []
        self.deadlocked: list[bool] = []
        self.names = [*(question.name for question in program.questions), DEADLOCK]
        # Who is pending is asked of each state, not sought.
        self.aside = sum(1 << bit for bit, name in enumerate(self.names) if name.isdigit())
        self.first = [0]  # the number of the first state of each depth
        self.hits: dict[int, tuple[int, bytes]] = {}  # by question: the least depth, the least state there
        self.transitions = 0
        self.forward = True

    def run(self, limits: Limits, report: Report, most: int | None) -> tuple[Exploration, Graph | None]:
        started = time.perf_counter()
        _ = self.program.see  # generated and compiled here
        began = time.perf_counter()
        stopped = None
        try:
            self._search(limits, report, most, began)
        except (Stop, KeyboardInterrupt) as stop:
            stopped = str(stop) or "interrupted"
        seconds = time.perf_counter() - began
        found = {self.names[bit]: hit for bit, hit in sorted(self.hits.items())}
        exploration = Exploration(
            "python",
            len(self.states),
            self.transitions,
            len(self.first) - 1,
            seconds,
            stopped,
            {name: depth for name, (depth, _) in found.items()},
            {name: Witness(self._path(*hit)) for name, hit in found.items()},
            prepared=began - started,
        )
        if stopped is not None:
            return exploration, None
        kept = self.states, self.number, self.successors, self.answers, self.deadlocked
        return exploration, Graph(self.program, *kept, self.forward)

    def _search(self, limits: Limits, report: Report, most: int | None, began: float) -> None:
        states, number, program = self.states, self.number, self.program
        see, stuck, others = program.see, program.stuck, program.others
        dead_bit = 1 << len(self.names) - 1
        closed, here = self.aside, 0  # questions answered at a lesser depth; at this one
        end = known = 1
        at, reported, look = 0, began, True
        while at < known:
            if at == end:
                self.first.append(at)
                closed |= here
                here, end = 0, known
                look = True
            if look or at % 1024 == 0:
                look = False
                now = time.perf_counter()
                if most is not None and known > most:
                    raise TooMany
                enforce(limits, known, now - began, len(self.first) - 1)
                if now - reported > 0.1:
                    reported = now
                    memory = known * (_OVERHEAD + len(states[0]))
                    report(
                        Progress(
                            known, self.transitions, now - began, known - at, len(self.first) - 1, memory
                        )
                    )
            state = states[at]
            successors, answers, blocked = see(state)
            for command, after in successors:
                blocked &= others[command]
                there = number.setdefault(after, known)
                if there == known:
                    states.append(after)
                    known += 1
                elif there <= at:
                    self.forward = False
            deadlocked = blocked != 0 and stuck(state, successors, blocked)
            self.successors.append(successors)
            self.answers.append(answers)
            self.deadlocked.append(deadlocked)
            if deadlocked:
                answers |= dead_bit
            new = answers & ~closed
            if new:
                here |= new
                self._note(new, state)
            self.transitions += len(successors)
            at += 1

    def _note(self, answers: int, state: bytes) -> None:
        """Remember the state for the questions it answers, none of which is answered at a lesser depth."""
        depth = len(self.first) - 1
        for bit in range(answers.bit_length()):
            if answers >> bit & 1:
                known = self.hits.get(bit)
                if known is None or state < known[1]:
                    self.hits[bit] = (depth, state)

    def _path(self, depth: int, target: bytes) -> tuple[int, ...]:
        """Walk back through the depths; of the ways into a state take the least (command, state)."""
        path: list[int] = []
        for level in range(depth, 0, -1):
            command, target = min(
                (command, self.states[i])
                for i in range(self.first[level - 1], min(self.first[level], len(self.successors)))
                for command, after in self.successors[i]
                if after == target
            )
            path.append(command)
        return tuple(reversed(path))
