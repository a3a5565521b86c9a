"""A ground model as generated Python functions over byte strings, one byte a component."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cowpath.model.explore.reductions import UNREDUCED, Reductions, alone
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.reference import OutOfRange, Vector
from cowpath.model.finite.term import Node, Term

_BYTES = [bytes((i,)) for i in range(256)]


class Program:
    """Functions generated for one ground model: successors, answers, who waits for or needs whom.

    Components with only one possible value are left out of the byte string.
    """

    def __init__(
        self, narrowed: Narrowed, questions: tuple[Question, ...], reductions: Reductions = UNREDUCED
    ) -> None:
        self.visible = reductions.visible
        self.model = model = narrowed.model
        self.live = [i for i, values in enumerate(narrowed.values) if len(values) > 1]
        self.place = {cell: i for i, cell in enumerate(self.live)}
        self.initial = bytes(model.initial[i] for i in self.live)
        self.owners = [command.owner for command in model.commands]
        unpack = f" [{','.join(f'c{i}' for i in self.live)}] = s"
        lines = ["def successors(s):", unpack, " out = []"]
        for number, command in enumerate(model.commands):
            lines.append(f" if {emit(command.enabled)}:")
            lines.extend(
                f"  if ({emit(value)}) >= {model.layout.sizes[cell]}: outside({number}, {cell})"
                for cell, value in narrowed.unproved.get(number, ())
            )
            lines.append(f"  out.append(({number}, {self._built(dict(command.updates))}))")
        lines += [" return out", "def answers(s):", unpack, " out = []"]
        lines += [f" if {emit(q.term)}: out.append({q.name!r})" for q in questions]
        lines += [" return out", "def unfinished(s):", unpack]
        lines += [f" return [{','.join(f'not ({emit(t)})' for t in model.finished)}]"]
        lines += ["def edges(s):", unpack, " out = []"]
        lines += [f" if {emit(edge)}: out.append(({r}, {q}))" for r, q, edge in wait_matrix(model)]
        lines += [" return out", "def needed(s, enabled):", unpack, f" out = [0] * {len(model.finished)}"]
        for number, needs in enumerate(reductions.needs):
            for state, condition in (("in", "enabled"), ("not in", "disabled")):
                lines += [f" if {number} {state} enabled:", "  pass"]
                lines += [
                    f"  if {emit(getattr(need, condition))}: out[{self.owners[number]}] |= {1 << need.other}"
                    for need in needs
                ]
        lines += [" return out"]
        space: dict[str, Any] = {"B": _BYTES, "outside": self._outside}
        exec(compile("\n".join(lines), f"<{model.system.name}>", "exec"), space)
        self.successors: Callable[[bytes], list[tuple[int, bytes]]] = space["successors"]
        self.answers: Callable[[bytes], list[str]] = space["answers"]
        self._unfinished: Callable[[bytes], list[bool]] = space["unfinished"]
        self.edges: Callable[[bytes], list[tuple[int, int]]] = space["edges"]
        self._needed: Callable[[bytes, set[int]], list[int]] = space["needed"]

    def deadlocked(self, state: bytes, successors: list[tuple[int, bytes]]) -> bool:
        """Tell whether owners that cannot move wait in a cycle, or nobody can move and not all finished."""
        movable = {self.owners[command] for command, _ in successors}
        unfinished = [r for r, yes in enumerate(self._unfinished(state)) if yes]
        blocked = {r for r in unfinished if r not in movable}
        if not blocked:
            return False
        if not successors:
            return True
        if len(blocked) < 2:
            return False
        edges, waiting = self.edges(state), blocked
        while left := {r for r, q in edges if r in waiting and q in waiting}:
            if left == waiting:
                return True
            waiting = left
        return False

    def enough(self, state: bytes, successors: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Return those of the successors that a reduced search needs, if it may leave any out at all."""
        enabled = {command for command, _ in successors}
        weight = [0] * len(self.model.finished)
        barred = 0
        for command in enabled:
            weight[self.owners[command]] += 1
            barred |= (command in self.visible) << self.owners[command]
        chosen = alone(self._needed(state, enabled), weight, barred)
        return [s for s in successors if chosen >> self.owners[s[0]] & 1] if chosen else successors

    def vector(self, state: bytes) -> Vector:
        """Return the full state vector."""
        full = list(self.model.initial)
        for cell, value in zip(self.live, state, strict=True):
            full[cell] = value
        return tuple(full)

    def _built(self, updates: dict[int, Term]) -> str:
        """Return an expression for the successor: unchanged stretches are slices."""
        pieces, since = [], 0
        for cell in sorted(updates):
            at, value = self.place[cell], updates[cell]
            if at > since:
                pieces.append(f"s[{since}:{at}]")
            pieces.append(repr(_BYTES[value]) if isinstance(value, int) else f"B[{emit(value)}]")
            since = at + 1
        if since < len(self.live):
            pieces.append(f"s[{since}:]")
        return " + ".join(pieces) or "s"

    def _outside(self, number: int, cell: int) -> None:
        command = self.model.commands[number]
        raise OutOfRange(f"{command.action.label} leaves the sort of {self.model.layout.show(cell)}")


def wait_matrix(model: GroundModel) -> Iterator[tuple[int, int, Term]]:
    """Yield (owner, other, condition) for every wait-for edge that can be."""
    for owner in range(len(model.finished)):
        for other in range(len(model.finished)):
            edge = model.waits_for(owner, other)
            if isinstance(edge, Node) or edge:
                yield owner, other, edge


def emit(term: Term) -> str:
    """Return a term as Python source over variables c0, c1, ... for the components."""
    if isinstance(term, int):
        return str(term)
    inner = [emit(a) for a in term.arguments]
    match term.kind:
        case "cell":
            return f"c{term.arguments[0]}"
        case "not":
            return f"(not {inner[0]})"
        case "and" | "or":
            return f"({f' {term.kind} '.join(inner)})"
        case "eq":
            return f"({inner[0]} == {inner[1]})"
        case "lt":
            return f"({inner[0]} < {inner[1]})"
        case "add":
            return f"({inner[0]} + {inner[1]})"
        case "if":
            return f"({inner[1]} if {inner[0]} else {inner[2]})"
        case "sum":
            return f"({' + '.join(f'bool({i})' for i in inner)})"
    raise TypeError(term.kind)
