"""A view of a design's model on a scenario: its states, packed, with what its steps do and what they see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import networkx as nx

from cowpath.model.designs import Case
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import questions
from cowpath.model.finite.reference import Reference
from cowpath.model.language.action import Action
from cowpath.model.language.sorts import Index


class Move(NamedTuple):
    """A step of the model: its command's number, its action, whose it is, where it leads."""

    command: int
    action: Action
    owner: int
    after: bytes


class View:
    """The model of a case. Raises ScenarioError if its scenario does not fit the design."""

    def __init__(self, case: Case) -> None:
        narrowed = case.narrowed
        self.case = case
        self.design = case.design
        self.scenario = case.scenario
        self.clusters = case.design.machine.clusters
        self.model = narrowed.model
        fatal = [claim.name for claim in case.design.system.properties if claim.fatal]
        self.program = Program(narrowed, questions(narrowed.model, fatal))
        self.reference = Reference(case.design.system, narrowed.model.instance)
        self._moves: dict[bytes, tuple[Move, ...]] = {}
        self._reads: dict[tuple[bytes, int], dict[int, int]] = {}
        self._written: dict[tuple[bytes, int], bool] = {}

    def moves(self, state: bytes) -> tuple[Move, ...]:
        """Return the steps that the model allows in the state."""
        if state not in self._moves:
            commands = self.model.commands
            self._moves[state] = tuple(
                Move(number, commands[number].action, commands[number].owner, after)
                for number, after in self.program.successors(state)
            )
        return self._moves[state]

    def blocked(self, state: bytes, owner: int) -> bool:
        """Tell whether the owner can do nothing but wait on."""
        return not any(m.owner == owner for m in self.moves(state))

    def waits(self, state: bytes) -> set[tuple[int, int]]:
        """Return (who, for whom) for everyone who waits."""
        return {*self.program.edges(state)}

    def cycle(self, state: bytes) -> tuple[tuple[int, int], ...]:
        """Return a cycle of waits, (who, for whom) each, in the state; nothing if there is none."""
        waits = nx.DiGraph(sorted(self.waits(state)))
        try:
            return tuple((who, whom) for who, whom in nx.find_cycle(waits))
        except nx.NetworkXNoCycle:
            return ()

    def waited_for(self, move: Move) -> str:
        """Return for whom a step that parks waits; "" of one that does not."""
        if move.action.parks_on is None:
            return ""
        numbers = [param.number for param in move.action.params]
        other = self.model.commands[move.command].arguments[numbers.index(move.action.parks_on.number)]
        return self.model.instance.names[self.model.system.owners.name][other]

    def reads(self, state: bytes, move: Move) -> Mapping[int, int]:
        """Return the value of each cell that the step reads."""
        return self.observed(state, move, "reads")

    def observed(self, state: bytes, move: Move, *labels: str) -> dict[int, int]:
        """Return what the step observes, under one of these labels, of each element."""
        command, reference = self.model.commands[move.command], self.reference
        known = self._reads.get((state, move.command))
        if known is not None and labels == ("reads",):
            return known
        found: dict[int, int] = {}
        for observation in command.action.observations:
            if observation.label in labels:
                vector = self.program.vector(state)
                bound = dict(reference.bind(command.action, command.arguments))
                for i in range(observation.bound.sort.size(self.model.instance.sizes)):
                    bound[observation.bound.number] = i
                    if reference.value(observation.condition, vector, bound):
                        found[i] = reference.value(observation.value, vector, bound)
        if labels == ("reads",):
            self._reads[state, move.command] = found
        return found

    def value(self, state: bytes, variable: str, *indices: int) -> int:
        """Return a variable's value in the state."""
        position = self.model.layout.position[variable, indices]
        place = self.program.place.get(position)
        return self.model.initial[position] if place is None else state[place]

    def place(self, state: bytes, owner: int) -> str:
        """Return where the owner is in its program."""
        (cell, *_) = self.model.counters(owner)
        seen = self.program.place.get(cell)
        value = self.model.initial[cell] if seen is None else state[seen]
        return self.model.layout.show_value(cell, value)

    def is_over(self, state: bytes, owner: int) -> bool:
        """Tell whether the owner has only to return."""
        program = self.model.system.program_of(self.model.system.owners)
        return program is not None and self.place(state, owner) in program.ends

    def is_finished(self, state: bytes, owner: int) -> bool:
        """Tell whether the model counts the owner as finished."""
        assert self.model.system.finished is not None
        bound, formula = self.model.system.finished
        return bool(self.reference.value(formula, self.program.vector(state), {bound.number: owner}))

    def transfer(self, state: bytes, move: Move) -> tuple[str, bool] | None:
        """Return the disk that the step transfers data from or to, and whether it writes; None if none."""
        made = move.action.transfer
        if made is None or not (self._writes(state, move) if made.writes else self.reads(state, move)):
            return None
        return made.disk, made.writes

    def _writes(self, state: bytes, move: Move) -> bool:
        """Tell whether the step, which may write, writes anything: a discard of no cluster does not."""
        made, key = move.action.transfer, (state, move.command)
        if key not in self._written:
            assert made is not None
            vector, command = self.program.vector(state), self.model.commands[move.command]
            bound = dict(self.reference.bind(command.action, command.arguments))
            elements = range(made.bound.sort.size(self.model.instance.sizes))
            self._written[key] = any(
                self.reference.value(made.condition, vector, bound | {made.bound.number: x}) for x in elements
            )
        return self._written[key]

    def span(self, state: bytes, move: Move) -> tuple[int, int] | None:
        """Return the first and the last cluster of the step: its parameters', else the request's extent.

        A parameter `e` is the last of them. None where there is neither, as in many of a mirror's steps.
        """
        given = dict(self._named(move))
        last = given.pop("e", None)
        first = next(iter(given.values()), None)
        if first is None and ("upto", (move.owner,)) not in self.model.layout.position:
            return None
        if last is None:
            last = self.value(state, "upto", move.owner) - 1 if first is None else first
        return self.value(state, "at", move.owner) if first is None else first, last

    def bounds(self, move: Move) -> tuple[str, ...]:
        """Return the first and the last cluster that the step names, as "[start, end)" in bytes, if any."""
        named = [i for _, i in self._named(move)]
        clusters = self.case.geometry.clusters
        return tuple(f"[{clusters[i][0]}, {clusters[i][1]})" for i in (named[0], named[-1])) if named else ()

    def writer(self, value: int) -> str:
        """Return in words who has written a value."""
        names = self.model.instance.names[self.model.system.owners.name]
        return names[value] if value < len(names) else "original data"

    def who(self, values: Iterable[int] | None) -> str:
        """Return in words who may have written what was seen."""
        if values is None:
            return "nothing"
        return " or ".join(map(self.writer, sorted(values))) or "what nobody has written"

    def _named(self, move: Move) -> Iterator[tuple[str, int]]:
        """Yield the parameters of the step that are clusters, by name."""
        command = self.model.commands[move.command]
        for param, argument in zip(command.action.params, command.arguments, strict=True):
            if isinstance(param.sort, Index) and param.sort.name == self.clusters:
                yield param.name, argument
