"""Classes of workloads: what the rules of a design cannot tell apart is explored once.

Two workloads are of one class if one becomes the other by these, each of which is a one-to-one map between
the states of both that keeps steps and what properties say:

- *Requests change places.* The text knows a request only by what its parameters say of it.
- *Marks that nobody reads are forgotten.* In the finite model of all workloads it is looked up which
  parameters are still read of a request whose kind and flags are known: of a guest read, for one, not what
  it would be rounded to. What no term has cannot matter.
- *Sectors of a cluster are a set.* If the text never compares sectors, counts them or names one, sectors of
  which all parameters say the same start equal, are treated alike and stay equal; so it matters which
  combinations of marks there are in a cluster, and not where or how often (the argument of
  `scenarios.geometry`). Clusters keep their order.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cowpath.model.bench.workloads import Workload
from cowpath.model.finite.domains import Narrowed, Simplifier
from cowpath.model.finite.instances import ByType
from cowpath.model.finite.term import Term, cells_of
from cowpath.model.language.expression import Add, Const, Eq, Expr, Less, Quantified, Size
from cowpath.model.language.sorts import Bool, Enum, Index, Maybe, Position, Sort
from cowpath.model.language.system import System


@dataclass(frozen=True)
class Classes:
    """Workloads by class: `of[i]` is the class of workload i, `first[c]` the first workload of class c."""

    of: tuple[int, ...]
    first: tuple[int, ...]

    @staticmethod
    def by(keys: Iterator[object]) -> Classes:
        """Gather workloads with equal keys."""
        number: dict[object, int] = {}
        of: list[int] = []
        first: list[int] = []
        for workload, key in enumerate(keys):
            if key not in number:
                number[key] = len(first)
                first.append(workload)
            of.append(number[key])
        return Classes(tuple(of), tuple(first))


class Marks:
    """What the rules read of each type of request.

    `narrowed` is the finite model of workloads of these types in which every parameter of a request has all
    the values that it has in any; its first request is looked at, for the text knows no difference.
    """

    def __init__(self, types: ByType, narrowed: Narrowed) -> None:
        self._system = types.system
        self._tables = types.of_all.tables
        self._sizes = types.of_all.sizes
        self._narrowed = narrowed
        self._requests = types.index
        self._sets = [index for index in _indices(self._system) if self._is_set(index)]
        number = range(self._sizes[types.index])
        self._read_by_flags: dict[tuple[tuple[str, int], ...], frozenset[str]] = {}
        self._read = [self._reads(self._flags(each)) for each in number]
        self._heads = [self._head(each) for each in number]
        self._columns = [[self._column(each, index) for index in self._sets] for each in number]
        self._shared = [self._column(None, index) for index in self._sets]
        self._pairs = [
            name
            for name, p in self._system.parameters.items()
            if [i.name for i in p.indices].count(types.index) > 1
        ]

    def key(self, workload: Workload) -> object:
        """Return what is equal for workloads of one class: the least of all orders of the requests."""
        by_head: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for number in workload:
            by_head[self._heads[number]].append(number)
        groups = [by_head[head] for head in sorted(by_head)]
        heads = tuple(self._heads[number] for group in groups for number in group)
        orders = itertools.product(*(itertools.permutations(group) for group in groups))
        return heads, min(self._told([r for group in order for r in group]) for order in orders)

    def _told(self, order: Sequence[int]) -> tuple[object, ...]:
        pairs = tuple(
            self._tables[name][r, q]
            for name in self._pairs
            if any(name in self._read[r] for r in order)
            for r in order
            for q in order
        )
        sets = tuple(
            tuple(sorted({*zip(shared, *(self._columns[r][n] for r in order), strict=True)}))
            for n, shared in enumerate(self._shared)
        )
        return pairs, sets

    def _flags(self, number: int) -> tuple[tuple[str, int], ...]:
        """Return the parameters of a type that are no places: they say which rules are for it."""
        return tuple(
            (name, self._tables[name][number,])
            for name, p in self._system.parameters.items()
            if len(p.indices) == 1 and p.indices[0].name == self._requests and isinstance(p.sort, Bool | Enum)
        )

    def _reads(self, flags: tuple[tuple[str, int], ...]) -> frozenset[str]:
        """Return which parameters some term reads of the first request, if it has these flags."""
        found = self._read_by_flags.get(flags)
        if found is None:
            found = self._read_by_flags[flags] = frozenset(self._looked_up(dict(flags)))
        return found

    def _looked_up(self, flags: Mapping[str, int]) -> Iterator[str]:
        model, layout = self._narrowed.model, self._narrowed.model.layout
        masks = [sum(1 << value for value in values) for values in self._narrowed.values]
        for name, value in flags.items():
            cell = layout.position.get((name, (0,)))
            if cell is not None:
                masks[cell] = 1 << value
        simple = Simplifier(model.terms, masks)
        terms: list[Term] = [
            *model.always.values(),
            *model.sometimes.values(),
            *model.finished,
            *model.pending,
            *model.hangs,
        ]
        for number, command in enumerate(model.commands):
            enabled, here = simple(command.enabled), simple(command.here)
            if not (isinstance(enabled, int) and enabled == 0 and isinstance(here, int) and here == 0):
                terms += [enabled, here, *(wait.condition for wait in command.waits)]
                terms += [value for _, value in (*command.updates, *self._narrowed.unproved.get(number, ()))]
        read = {layout.cells[number] for term in terms for number in cells_of(simple(term))}
        for place in read:
            parameter = self._system.parameters.get(place.variable)
            if parameter is not None and any(
                index.name == self._requests and at == 0
                for index, at in zip(parameter.indices, place.indices, strict=True)
            ):
                yield place.variable

    def _head(self, number: int) -> tuple[Any, ...]:
        """Return what is read of a type apart from its marks on elements of sets."""
        found: list[object] = [self._flags(number)]
        for name, p in self._system.parameters.items():
            names = [index.name for index in p.indices]
            others = [index for index in p.indices if index.name != self._requests]
            if names.count(self._requests) == 1 and not any(index in self._sets for index in others):
                every = itertools.product(
                    *([number] if n == self._requests else range(self._sizes[n]) for n in names)
                )
                read = name in self._read[number]
                found.append(tuple(self._tables[name][at] for at in every) if read else ())
        return tuple(found)

    def _column(self, number: int | None, index: Index) -> list[tuple[int, ...]]:
        """Return for each element what is read there of a type; or what is said of it whatever the type."""
        wanted = [index.name] if number is None else [self._requests, index.name]
        names = [
            name
            for name, p in self._system.parameters.items()
            if [i.name for i in p.indices] == wanted and (number is None or name in self._read[number])
        ]
        start = () if number is None else (number,)
        return [
            tuple(self._tables[name][*start, x] for name in names) for x in range(self._sizes[index.name])
        ]

    def _is_set(self, index: Index) -> bool:
        """Tell whether equal elements of the sort may be taken for one, wherever they are."""
        forms = ([index.name], [self._requests, index.name])
        return (
            index.name != self._requests
            and all(
                [i.name for i in p.indices] in forms
                for p in self._system.parameters.values()
                if index in p.indices
            )
            and not any(_ranges_over(d.sort, index) for d in self._system.declarations)
            and not any(_tells_apart(expr, index) for expr in _expressions(self._system))
        )


def _indices(system: System) -> list[Index]:
    return list(dict.fromkeys(index for declared in system.declarations for index in declared.indices))


def _ranges_over(sort: Sort, index: Index) -> bool:
    return sort == index or (isinstance(sort, Maybe | Position) and sort.index == index)


def _tells_apart(expr: Expr, index: Index) -> bool:
    """Tell whether a node compares elements of the sort, counts them, or names one."""
    if isinstance(expr, Size):
        return expr.index == index
    if isinstance(expr, Quantified):
        return expr.kind == "count" and expr.bound.sort == index
    if isinstance(expr, Const):
        return _ranges_over(expr.sort, index)
    if isinstance(expr, Less | Add | Eq):
        return _ranges_over(expr.left.sort, index) or _ranges_over(expr.right.sort, index)
    return False


def _expressions(system: System) -> Iterator[Expr]:
    """Yield every node of the system's text."""
    tops: list[Expr] = [variable.initial for variable in system.variables.values()]
    tops += [claim.formula for claim in system.properties]
    tops += [claim[1] for claim in (system.finished, system.pending) if claim is not None]
    for action in system.actions:
        tops += [guard.condition for guard in action.guards]
        tops += [wait.condition for wait in action.waits]
        for update in action.updates:
            tops += [*update.indices, update.value]
    while tops:
        expr = tops.pop()
        yield expr
        for field in fields(expr):
            value = getattr(expr, field.name)
            parts = value if isinstance(value, tuple) else (value,)
            tops += [part for part in parts if isinstance(part, Expr)]
