"""Many instances of one shape at once: what tells them apart becomes state that no command changes.

Instances have one shape if their index sorts have the same sizes. A parameter that differs between them is
then declared a *variable* of the same name, sort and indices, which the initial state sets and no action
assigns: the text reads it as before. So the finite model has one initial state for each instance, every
state carries the instance that it belongs to, and searches of two instances never meet: each has the
states, transitions, depths and verdicts that it has alone. (The map that forgets the added components is
one to one between the states reached from one start and those of the instance alone, and commands, guards
and values agree under it.) In the software product lines literature this is family-based model checking.
Source: A. Classen and others, "Model checking lots of systems", ICSE 2010.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cowpath.model.finite.ground import Grounder, GroundModel, ground_from
from cowpath.model.finite.instance import Instance, Layout, Table
from cowpath.model.finite.reference import Vector
from cowpath.model.finite.term import Node, evaluate
from cowpath.model.language.expression import Const, local
from cowpath.model.language.sorts import Maybe
from cowpath.model.language.system import System, Variable

Place = tuple[str, tuple[int, ...]]
"""A parameter at given indices."""


class DifferentShapes(ValueError):
    """The instances differ in the size of an index sort."""


@dataclass(frozen=True)
class Instances:
    """`plain`: one of the instances. `places`: where they differ; `rows[i]`: what instance i has there.

    Only instances of which no two are equal can be told apart in one search.
    """

    system: System
    plain: Instance
    places: tuple[Place, ...]
    rows: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(system: System, instances: Sequence[Instance]) -> Instances:
        """Gather instances of the system. Raises `DifferentShapes`."""
        first = instances[0]
        if any(each.sizes != first.sizes for each in instances):
            raise DifferentShapes("the instances differ in how many elements an index sort has")
        places = tuple(
            (name, indices)
            for name, table in first.tables.items()
            if name in system.parameters
            for indices, value in table.items()
            if any(each.tables[name][indices] != value for each in instances)
        )
        rows = tuple(tuple([each.tables[name][at] for name, at in places]) for each in instances)
        return Instances(system, first, places, rows)

    def ground(self) -> GroundModel:
        """Return the finite model of them all, with a start for each, in order. Otherwise as `ground`."""
        names = {name for name, _ in self.places}
        system = _loosened(self.system, names)
        tables: dict[str, Table] = {n: t for n, t in self.plain.tables.items() if n not in names}
        instance = replace(self.plain, tables=tables)
        return ground_from(system, instance, list(self._starts(system, instance, names)))

    def _starts(self, system: System, instance: Instance, names: Iterable[str]) -> Iterable[Vector]:
        """Yield the initial state of each: terms over what tells them apart, evaluated."""
        layout = Layout(system, instance)
        grounder = Grounder(instance, layout)
        state = [0] * len(layout.cells)
        derived: list[tuple[int, Node]] = []
        for number, cell in enumerate(layout.cells):
            if cell.variable in names:
                state[number] = self.plain.tables[cell.variable][cell.indices]
                continue
            variable = system.variables[cell.variable]
            bound = dict(zip((b.number for b in variable.bound), cell.indices, strict=True))
            term = grounder.term(variable.initial, bound)
            if isinstance(term, Node):
                derived.append((number, term))
            else:
                state[number] = term
        at = [layout.position[place] for place in self.places]
        for row in self.rows:
            for number, value in zip(at, row, strict=True):
                state[number] = value
            for number, term in derived:
                state[number] = evaluate(term, state)
            yield tuple(state)


def _loosened(system: System, names: Iterable[str]) -> System:
    """Return the system with variables, declared last, for some of its parameters."""
    variables = dict(system.variables)
    for name in sorted(names):
        parameter = system.parameters[name]
        bound = tuple(local(index, index.name.lower()) for index in parameter.indices)
        unused = Const(parameter.sort, 0)  # the starts say what they are
        variables[name] = Variable(name, parameter.indices, parameter.sort, bound, unused, "nobody", True)
    return replace(system, variables=variables)


@dataclass(frozen=True)
class ByType:
    """Instances whose elements of one index sort are each of one of a few types, as requests of a workload.

    `of_all` is the instance that has one element of each type, `index` the sort's name.
    """

    system: System
    index: str
    of_all: Instance

    def instances(self, workloads: Sequence[tuple[int, ...]]) -> Instances:
        """Return the instances of which each has elements of these types, equally many in all.

        A parameter that is indexed by the sort has at elements what it has at their types, others are as in
        `of_all`: so this is right for parameters that say something of one element or of two.
        """
        size = len(workloads[0])
        sizes = {**self.of_all.sizes, self.index: size}
        plain = self._instance(workloads[0], sizes)
        sources: dict[Place, list[tuple[tuple[int, ...], int]]] = {}
        for name, table in plain.tables.items():
            mine = [i for i, s in enumerate(self.system.parameters[name].indices) if s.name == self.index]
            if mine:
                for indices in table:
                    sources[name, indices] = [(indices, i) for i in mine]
        places, columns = [], []
        for (name, indices), slots in sources.items():
            column = self._column(name, indices, [i for _, i in slots], workloads)
            if len({*column}) > 1:
                places.append((name, indices))
                columns.append(column)
        rows = tuple(zip(*columns, strict=True)) if columns else ((),) * len(workloads)
        return Instances(self.system, plain, tuple(places), rows)

    def _instance(self, workload: tuple[int, ...], sizes: Mapping[str, int]) -> Instance:
        tables: dict[str, Table] = {}
        for name, table in self.of_all.tables.items():
            if name not in self.system.parameters:
                continue
            declared = self.system.parameters[name].indices
            ranges = [range(sizes[sort.name]) for sort in declared]
            tables[name] = {
                indices: self._value(name, table, workload, indices, sizes)
                for indices in itertools.product(*ranges)
            }
        names = {**self.of_all.names, self.index: tuple(self.of_all.names[self.index][t] for t in workload)}
        phrases = {word: tuple(said[t] for t in workload) for word, said in self.of_all.phrases.items()}
        return Instance(sizes, tables, names, phrases)

    def _value(
        self,
        name: str,
        table: Table,
        workload: tuple[int, ...],
        indices: tuple[int, ...],
        sizes: Mapping[str, int],
    ) -> int:
        declared = self.system.parameters[name]
        value = table[
            tuple(
                workload[i] if sort.name == self.index else i
                for sort, i in zip(declared.indices, indices, strict=True)
            )
        ]
        if isinstance(declared.sort, Maybe) and declared.sort.index.name == self.index:
            assert value == self.of_all.sizes[self.index], f"{name} names an element, not a type"
            return sizes[self.index]  # nobody
        return value

    def _column(
        self, name: str, indices: tuple[int, ...], slots: Sequence[int], workloads: Sequence[tuple[int, ...]]
    ) -> list[int]:
        """Return a parameter's value at given indices in each of the workloads."""
        table = self.of_all.tables[name]
        types = range(self.of_all.sizes[self.index])
        if len(slots) == 1:
            (slot,) = slots
            element = indices[slot]
            by_type = [table[(*indices[:slot], t, *indices[slot + 1 :])] for t in types]
            return [by_type[workload[element]] for workload in workloads]
        found = []
        for workload in workloads:
            at = list(indices)
            for slot in slots:
                at[slot] = workload[indices[slot]]
            found.append(table[tuple(at)])
        return found
