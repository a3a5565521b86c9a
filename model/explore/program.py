"""A ground model as generated Python functions over byte strings, one byte a component."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from types import CodeType
from typing import Any

from cowpath.model.explore.reductions import UNREDUCED, Reductions, alone
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.reference import OutOfRange, Vector
from cowpath.model.finite.term import Node, Term

_BYTES = [bytes((i,)) for i in range(256)]


Successors = list[tuple[int, bytes]]
"""The commands that are enabled in a state, each with the state that it leads to."""


class Program:
    """Functions generated for one ground model: successors, answers, who waits for or needs whom.

    Components with only one possible value are left out of the byte string; so are those that only tell one
    start from another, which are constants of the functions. Each function is made when it is first used.
    """

    def __init__(
        self, narrowed: Narrowed, questions: tuple[Question, ...], reductions: Reductions = UNREDUCED
    ) -> None:
        self.narrowed = narrowed
        self.questions = questions
        self.reductions = reductions
        self.visible = reductions.visible
        self.model = model = narrowed.model
        self.owners = [command.owner for command in model.commands]
        rigid = set(narrowed.rigid)
        self.live = [i for i, values in enumerate(narrowed.values) if len(values) > 1 and i not in rigid]
        self.place = {cell: i for i, cell in enumerate(self.live)}
        self._texts: dict[str, CodeType] = {}
        self._emit = _Emitter()
        self._begin(model.starts[0])

    def _begin(self, start: Vector) -> None:
        self._start = start
        self.initial = bytes(start[i] for i in self.live)
        self._space: dict[str, Any] = {f"c{i}": start[i] for i in self.narrowed.rigid}
        self._space |= {"B": _BYTES, "outside": partial(_outside, self.model)}
        self.others = [~(1 << owner) for owner in self.owners]
        """For each command, as a bit mask, all owners but its own."""

    def started(self, start: Vector) -> Program:
        """Return the program of another start of the model; what is compiled for one is for all."""
        other = copy(self)
        for name in ("successors", "answers", "see", "edges", "unfinished", "at_rest", "_needed"):
            other.__dict__.pop(name, None)
        other._begin(start)
        return other

    @cached_property
    def successors(self) -> Callable[[bytes], Successors]:
        """The enabled commands in a state, ascending, each with the state that it leads to."""
        made: Callable[[bytes], Successors] = self._function("successors", [*self._steps(), " return out"])
        return made

    @cached_property
    def answers(self) -> Callable[[bytes], list[str]]:
        """The names of the questions that a state answers."""
        lines = [f" if {self._emit(q.term)}: out.append({q.name!r})" for q in self.questions]
        made: Callable[[bytes], list[str]] = self._function("answers", [" out = []", *lines, " return out"])
        return made

    @cached_property
    def see(self) -> Callable[[bytes], tuple[Successors, int, int]]:
        """The successors, the questions that the state answers and who is unfinished: two bit masks."""
        lines = [*self._steps(), " a = u = 0"]
        lines += self._bits("a", [question.term for question in self.questions])
        lines += [f" if not {self._emit(term)}: u |= {1 << r}" for r, term in enumerate(self.model.finished)]
        made: Callable[[bytes], tuple[Successors, int, int]]
        made = self._function("see", [*lines, " return out, a, u"])
        return made

    @cached_property
    def unfinished(self) -> Callable[[bytes], int]:
        """Who is unfinished in a state, as a bit mask."""
        lines = [f" if not {self._emit(term)}: u |= {1 << r}" for r, term in enumerate(self.model.finished)]
        made: Callable[[bytes], int] = self._function("unfinished", [" u = 0", *lines, " return u"])
        return made

    @cached_property
    def at_rest(self) -> Callable[[bytes], int]:
        """To whom nothing is owed in a state, as a bit mask: see `GroundModel.at_rest`."""
        lines = [" r = 0", *self._bits("r", self.model.at_rest), " return r"]
        made: Callable[[bytes], int] = self._function("at_rest", lines)
        return made

    def _bits(self, name: str, terms: Sequence[Term]) -> list[str]:
        """Return the lines that set a bit for each term that holds.

        Who waits for one that hangs is a term of many shared parts, which get names; else there are few.
        """
        emit = self._emit
        lines: list[str] = []
        if self.model.can_hang:
            emit = _Emitter()
            lines = emit.named(terms)
        return [*lines, *(f" if {emit(term)}: {name} |= {1 << n}" for n, term in enumerate(terms))]

    @cached_property
    def edges(self) -> Callable[[bytes], list[tuple[int, int]]]:
        """Who waits for whom in a state."""
        lines = [f" if {self._emit(edge)}: out.append(({r}, {q}))" for r, q, edge in wait_matrix(self.model)]
        made: Callable[[bytes], list[tuple[int, int]]]
        made = self._function("edges", [" out = []", *lines, " return out"])
        return made

    @cached_property
    def _own_waits(self) -> int:
        return own_waits(self.model)

    @cached_property
    def _needed(self) -> Callable[[bytes, set[int]], list[int]]:
        lines = [f" out = [0] * {len(self.model.finished)}"]
        for number, needs in enumerate(self.reductions.needs):
            for state, condition in (("in", "enabled"), ("not in", "disabled")):
                lines += [f" if {number} {state} enabled:", "  pass"]
                for need in needs:
                    term = self._emit(getattr(need, condition))
                    lines.append(f"  if {term}: out[{self.owners[number]}] |= {1 << need.other}")
        made: Callable[[bytes, set[int]], list[int]]
        made = self._function("needed", [*lines, " return out"], "s, enabled")
        return made

    def _steps(self) -> Iterator[str]:
        """Yield the lines that gather the successors in `out`."""
        yield " out = []"
        for number, command in enumerate(self.model.commands):
            yield f" if {self._emit(command.enabled)}:"
            for cell, value in self.narrowed.unproved.get(number, ()):
                size = self.model.layout.sizes[cell]
                yield f"  if ({self._emit(value)}) >= {size}: outside({number}, {cell})"
            yield f"  out.append(({number}, {self._built(dict(command.updates))}))"

    def _function(self, name: str, lines: Iterable[str], parameters: str = "s") -> Any:
        text = self._texts.get(name)
        if text is None:
            unpack = f" [{','.join(f'c{i}' for i in self.live)}] = s"
            source = "\n".join([f"def {name}({parameters}):", unpack, *lines])
            text = self._texts[name] = compile(source, f"<{self.model.system.name}>", "exec")
        exec(text, self._space)
        return self._space.pop(name)  # which leaves no cycle: a program is freed when it is dropped

    def deadlocked(self, state: bytes, successors: Successors) -> bool:
        """Tell whether owners that cannot move wait in a cycle, or nobody can move and not all are at rest.

        Without transfers that never complete, all are at rest when all have finished.
        """
        return self.stuck(state, successors, self.unfinished(state))

    def stuck(self, state: bytes, successors: Successors, unfinished: int) -> bool:
        """Tell the same where it is known who is unfinished."""
        for command, _ in successors:
            unfinished &= self.others[command]
        if not unfinished:
            return False
        if not successors and (not self.model.can_hang or unfinished & ~self.at_rest(state)):
            return True
        if not (unfinished & (unfinished - 1) or unfinished & self._own_waits):
            return False
        edges = self.edges(state)
        waiting = {r for r in range(unfinished.bit_length()) if unfinished >> r & 1}
        while left := {r for r, q in edges if r in waiting and q in waiting}:
            if left == waiting:
                return True
            waiting = left
        return False

    def enough(self, state: bytes, successors: Successors) -> Successors:
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
        full = list(self._start)
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
            pieces.append(repr(_BYTES[value]) if isinstance(value, int) else f"B[{self._emit(value)}]")
            since = at + 1
        if since < len(self.live):
            pieces.append(f"s[{since}:]")
        return " + ".join(pieces) or "s"


def _outside(model: GroundModel, number: int, cell: int) -> None:
    command = model.commands[number]
    raise OutOfRange(f"{command.action.label} leaves the sort of {model.layout.show(cell)}")


def wait_matrix(model: GroundModel) -> Iterator[tuple[int, int, Term]]:
    """Yield (owner, other, condition) for every wait-for edge that can be."""
    for owner in range(len(model.finished)):
        for other in range(len(model.finished)):
            edge = model.waits_for(owner, other)
            if isinstance(edge, Node) or edge:
                yield owner, other, edge


def own_waits(model: GroundModel) -> int:
    """Return who may wait for itself, as bits: an operation that is on the list it goes through, say."""
    return sum(1 << owner for owner in range(len(model.finished)) if model.waits_for(owner, owner) != 0)


class _Emitter:
    """Writes terms as Python source over variables c0, c1, ... for the components; remembers them."""

    def __init__(self) -> None:
        self._known: dict[Node, str] = {}

    def __call__(self, term: Term) -> str:
        if isinstance(term, int):
            return str(term)
        found = self._known.get(term)
        if found is None:
            found = self._known[term] = self._written(term)
        return found

    def named(self, terms: Iterable[Term]) -> list[str]:
        """Name what is shared among the terms, in this order; return the lines that compute it."""
        uses: Counter[Node] = Counter()
        order: list[Node] = []

        def count(term: Term) -> None:
            if isinstance(term, Node):
                uses[term] += 1
                if uses[term] == 1:
                    for argument in term.arguments if term.kind != "cell" else ():
                        count(argument)
                    order.append(term)

        for term in terms:
            count(term)
        lines: list[str] = []
        for term in order:
            if uses[term] > 1 and term.kind != "cell":
                text, self._known[term] = self(term), f"t{len(lines)}"
                lines.append(f" {self._known[term]} = {text}")
        return lines

    def _written(self, term: Node) -> str:
        inner = [self(a) for a in term.arguments]
        match term.kind:
            case "cell":
                return f"c{term.arguments[0]}"
            case "eq":
                return f"({inner[0]} == {inner[1]})"
            case "not":
                return f"(not {inner[0]})"
            case "and" | "or":
                return f"({f' {term.kind} '.join(inner)})"
            case "lt":
                return f"({inner[0]} < {inner[1]})"
            case "add":
                return f"({inner[0]} + {inner[1]})"
            case "if":
                return f"({inner[1]} if {inner[0]} else {inner[2]})"
            case "sum":
                return f"({' + '.join(f'bool({i})' for i in inner)})"
        raise TypeError(term.kind)
