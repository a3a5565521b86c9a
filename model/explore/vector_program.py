"""A ground model as generated NumPy functions over columns of words of codes (see `codes`).

Commands are grouped by their owner's location, so that a guard is evaluated only on the states in which the
owner is at that point of its program. A term over one group of components is a table that its code looks up;
terms that join groups and are shared within a function are computed once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cowpath.model.explore import codes, packing
from cowpath.model.explore.codes import Coding, Columns, Indices, Packed
from cowpath.model.explore.program import own_waits, wait_matrix
from cowpath.model.explore.result import Question
from cowpath.model.explore.semantics import Semantics, Values, joined
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import Command, GroundModel
from cowpath.model.finite.reference import OutOfRange
from cowpath.model.finite.term import Node, Term

Mask = npt.NDArray[np.bool_]
_MOST_ENTRIES = 1 << 20


class _TooLarge(Exception):
    """A table of what a command does to a group would be too large."""


@dataclass(frozen=True)
class Group:
    """Commands of one owner at one location: component `switch` equals `value` (any value if None)."""

    owner: int
    switch: int | None
    value: int
    commands: tuple[int, ...]
    masks: Callable[..., tuple[Mask | bool, ...]]


class VectorProgram:
    """Functions generated for one ground model; the vectorised twin of `Program`."""

    def __init__(self, narrowed: Narrowed, questions: tuple[Question, ...]) -> None:
        self.model = model = narrowed.model
        try:
            self._code(narrowed, codes.MOST)
        except _TooLarge:  # where each component is a group, all tables are small
            self._code(narrowed, 0)
        self.packed = Packed(narrowed, self.coding)
        self.questions = {q.name: self._function([q.term]) for q in questions}
        self.unfinished = self._function([model.terms.negation(t) for t in model.finished])
        self.restless = self._function([model.terms.negation(t) for t in model.at_rest])
        edges = list(wait_matrix(model))
        self.edge_ends = [(owner, other) for owner, other, _ in edges]
        self.edges = self._function([condition for _, _, condition in edges])
        self.groups = list(self._groups(model))

    def _code(self, narrowed: Narrowed, most: int) -> None:
        self.coding = Coding.of(narrowed, most, packing.WORD)
        self.semantics = Semantics(self.coding, narrowed.model.terms)
        self.apply = [self._successor(n, c, narrowed) for n, c in enumerate(self.model.commands)]

    def expand(self, states: Columns) -> Iterator[tuple[int, Indices, Columns]]:
        """Yield (command, which states, their successors) for all commands enabled somewhere."""
        places: dict[int, npt.NDArray[np.uint8]] = {}
        for group in self.groups:
            if group.switch is None:
                where = np.arange(len(states[0]))
            else:
                if group.switch not in places:
                    places[group.switch] = self._values(states, group.switch)
                where = np.flatnonzero(places[group.switch] == group.value)
            if not len(where):
                continue
            here = tuple(column[where] for column in states)
            for number, mask in zip(group.commands, group.masks(*here), strict=True):
                if mask is True:
                    yield number, where, self.apply[number](*here)
                elif mask is not False:
                    chosen = np.flatnonzero(mask)
                    if len(chosen):
                        yield number, where[chosen], self.apply[number](*(c[chosen] for c in here))

    def deadlocked(self, states: Columns, movable: npt.NDArray[np.bool_]) -> Mask:
        """Tell in which states blocked owners wait in a cycle, or nobody moves and somebody is not at rest.

        `movable[r]` says in which states owner r has an enabled command.
        """
        size = len(states[0])
        unfinished = np.array([np.broadcast_to(m, size) for m in self.unfinished(*states)])
        blocked = unfinished & ~movable
        owed = blocked
        if self.model.can_hang:
            owed = blocked & np.array([np.broadcast_to(m, size) for m in self.restless(*states)])
        result = np.asarray(owed.any(axis=0) & ~movable.any(axis=0))
        least = 1 if own_waits(self.model) else 2  # so many are on a cycle
        candidates = np.flatnonzero((blocked.sum(axis=0) >= least) & ~result)
        if not len(candidates) or not self.edge_ends:
            return result
        here = tuple(column[candidates] for column in states)
        stuck = blocked[:, candidates]
        reach = np.zeros((len(blocked), len(candidates)), dtype=np.uint64)
        for (owner, other), mask in zip(self.edge_ends, self.edges(*here), strict=True):
            reach[owner] |= (stuck[owner] & stuck[other] & mask).astype(np.uint64) << np.uint64(other)
        for middle in range(len(blocked)):  # Warshall's transitive closure, a bit for each owner
            via = reach >> np.uint64(middle) & np.uint64(1)
            reach |= via * reach[middle]
        cyclic = np.zeros(len(candidates), dtype=bool)
        for owner in range(len(blocked)):
            cyclic |= (reach[owner] >> np.uint64(owner) & np.uint64(1)).astype(bool)
        result[candidates] = cyclic
        return result

    def _groups(self, model: GroundModel) -> Iterator[Group]:
        by_owner: dict[int, list[int]] = {}
        for number, command in enumerate(model.commands):
            by_owner.setdefault(command.owner, []).append(number)
        for owner, numbers in by_owner.items():
            switch = next(iter(model.counters(owner)), None)
            buckets: dict[int | None, list[tuple[int, Term]]] = {}
            for number in numbers:
                parts = _conjuncts(model.commands[number])
                location = next((p for p in parts if any(c == switch for c, _ in _tests(p))), None)
                rest = model.terms.conjunction(p for p in parts if p is not location)
                for value in [v for _, v in _tests(location)] if location is not None else [None]:
                    buckets.setdefault(value, []).append((number, rest))
            for value, bucket in buckets.items():
                masks = self._function([rest for _, rest in bucket])
                at = None if value is None else switch
                yield Group(owner, at, value or 0, tuple(number for number, _ in bucket), masks)

    def _values(self, states: Columns, cell: int) -> npt.NDArray[np.uint8]:
        group, place = self.coding.home[cell]
        values = np.array([v[place] for v in self.coding.groups[group].valuations], dtype=np.uint8)
        return np.asarray(values[self.coding.codes(states, group)])

    def _successor(self, number: int, command: Command, narrowed: Narrowed) -> Callable[..., Columns]:
        changed: dict[int, dict[int, Term]] = {}
        for cell, value in command.updates:
            group, place = self.coding.home[cell]
            changed.setdefault(group, {})[place] = value
        unproved = narrowed.unproved.get(number, ())
        writer = _Writer(self.semantics, [value for _, value in (*command.updates, *unproved)])
        parts = [part for part in _conjuncts(command) if isinstance(part, Node)]
        possible, _ = joined(self.semantics, parts, True)
        for cell, value in unproved:
            beyond = f"np.any({writer.number(value)} >= {self.model.layout.sizes[cell]})"
            writer.lines.append(f"if {beyond}: outside({number}, {cell})")
        columns = [[f"w{word}"] for word in range(self.coding.words)]
        for group, cells in changed.items():
            columns[self.coding.shifts[group] // self.coding.word].append(
                self._difference(writer, group, cells, possible.get(group))
            )
        writer.space["outside"] = self._outside
        return writer.function(f"({''.join(' ^ '.join(parts) + ',' for parts in columns)})")

    def _difference(
        self, writer: _Writer, group: int, cells: Mapping[int, Term], possible: Values | None
    ) -> str:
        """Return old code xor new code, where it lies in its word: the entry of a table.

        It is indexed by the old code and by the new values that depend on other groups. `possible`: at which
        old codes the command can be enabled, if that is known; the table has no entries for the others.
        """
        joining = self.semantics.joining(group, cells)
        rows = [
            dict(zip(joining, row, strict=True))
            for row in itertools.product(*(range(size) for _, size in joining.values()))
        ]
        size = len(self.coding.groups[group].valuations)
        olds = np.arange(size) if possible is None else np.flatnonzero(possible)
        if len(olds) * len(rows) > _MOST_ENTRIES:
            raise _TooLarge
        if not len(olds):
            return "0"
        table = np.maximum(self.semantics.moves(group, olds.tolist(), cells, rows), 0).ravel()
        place = writer.code(group)
        if len(olds) < size:
            rank = np.zeros(size, np.int64)
            rank[olds] = np.arange(len(olds))
            if joining:
                place = writer.entry(rank, place)
            else:
                table = table[rank]
        for term, count in joining.values():
            place = f"({place} * {count} + ({writer.number(term)}).view(np.int64))"
        shift = np.uint64(self.coding.shifts[group] % self.coding.word)
        return writer.entry(table.astype(np.uint64) << shift, place)

    def _function(self, terms: list[Term]) -> Callable[..., tuple[Mask | bool, ...]]:
        writer = _Writer(self.semantics, terms)
        results = [writer.truth(term) for term in terms]
        return writer.function(f"({''.join(result + ',' for result in results)})")

    def _outside(self, number: int, cell: int) -> None:
        command = self.model.commands[number]
        raise OutOfRange(f"{command.action.label} leaves the sort of {self.model.layout.show(cell)}")


def _conjuncts(command: Command) -> tuple[Term, ...]:
    term = command.enabled
    return term.arguments if isinstance(term, Node) and term.kind == "and" else (term,)


def _tests(term: Term) -> Iterator[tuple[int, int]]:
    """Yield (cell, value) if the term says that one cell equals one of some constants, else nothing."""
    match term:
        case Node(kind="eq", arguments=(Node(kind="cell", arguments=(int(cell),)), int(value))):
            yield cell, value
        case Node(kind="or", arguments=parts):
            found = [tuple(_tests(part)) for part in parts]
            if all(len(tests) == 1 for tests in found) and len({tests[0][0] for tests in found}) == 1:
                yield from (tests[0] for tests in found)


class _Writer:
    """Writes terms as NumPy source over the columns w0, w1, ...; what is shared goes into temporaries."""

    def __init__(self, semantics: Semantics, terms: list[Term]) -> None:
        self.semantics = semantics
        self.lines: list[str] = []
        self.space: dict[str, Any] = {"np": np, "u8": np.uint64}
        self.names: dict[tuple[Node, bool], str] = {}
        self.codes: dict[int, str] = {}
        self.uses: Counter[Node] = Counter()
        for term in terms:
            self._count(term)

    def _count(self, term: Term) -> None:
        if isinstance(term, Node):
            self.uses[term] += 1
            if self.uses[term] == 1 and term.kind != "cell":
                for argument in term.arguments:
                    self._count(argument)

    def function(self, result: str) -> Callable[..., Any]:
        """Return the compiled function of the columns with what was written so far as its body."""
        head = ", ".join(f"w{i}" for i in range(self.semantics.coding.words))
        body = "".join(f" {line}\n" for line in self.lines)
        exec(compile(f"def f({head}):\n{body} return {result}", "<vector>", "exec"), self.space)
        made: Callable[..., Any] = self.space["f"]
        return made

    def keep(self, source: str) -> str:
        """Give the value a name."""
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {source}")
        return name

    def code(self, group: int) -> str:
        """Return the group's code as an array of indices."""
        if group not in self.codes:
            coding = self.semantics.coding
            word, shift = divmod(coding.shifts[group], coding.word)
            mask = (1 << coding.groups[group].width) - 1
            self.codes[group] = self.keep(f"(w{word} >> {shift} & {mask}).view(np.int64)")
        return self.codes[group]

    def entry(self, table: npt.NDArray[Any], place: str) -> str:
        """Return an entry of a table."""
        name = f"T{len(self.space)}"
        self.space[name] = table
        return f"{name}[{place}]"

    def truth(self, term: Term) -> str:
        """Return the term as a boolean array."""
        return self._shared(term, True)

    def number(self, term: Term) -> str:
        """Return the term as an array of words."""
        return self._shared(term, False)

    def _shared(self, term: Term, truth: bool) -> str:
        if isinstance(term, int):
            return str(bool(term)) if truth else str(term)
        key = (term, truth)
        if key not in self.names:
            source = self._truth(term) if truth else self._number(term)
            self.names[key] = self.keep(source) if self.uses[term] > 1 else source
        return self.names[key]

    def _truth(self, node: Node) -> str:
        group = self.semantics.alone(node)
        if group is not None:
            return self.entry(self.semantics.values(node) != 0, self.code(group))
        arguments = node.arguments
        match node.kind:
            case "not":
                return f"(~{self.truth(arguments[0])})"
            case "and" | "or":
                parts, rest = joined(self.semantics, arguments, node.kind == "and")
                tests = [self.entry(truths != 0, self.code(g)) for g, truths in parts.items()]
                tests += [self.truth(term) for term in rest]
                return f"({(' & ' if node.kind == 'and' else ' | ').join(tests)})"
            case "eq":
                return f"({self.number(arguments[0])} == {self.number(arguments[1])})"
            case "lt":
                return f"({self.number(arguments[0])} < {self.number(arguments[1])})"
            case "if":
                condition, then, other = (self.truth(a) for a in arguments)
                return f"np.where({condition}, {then}, {other})"
        raise TypeError(node.kind)

    def _number(self, node: Node) -> str:
        group = self.semantics.alone(node)
        if group is not None:
            return self.entry(self.semantics.values(node).astype(np.uint64), self.code(group))
        match node.kind:
            case "add":
                return f"({self.number(node.arguments[0])} + {self.number(node.arguments[1])})"
            case "sum":
                return f"({' + '.join(f'{self.truth(a)}.astype(u8)' for a in node.arguments)})"
            case "if":
                condition, then, other = node.arguments
                branches = ", ".join(
                    f"u8({b})" if isinstance(b, int) else self.number(b) for b in (then, other)
                )
                return f"np.where({self.truth(condition)}, {branches})"
        return f"{self.truth(node)}.astype(u8)"
