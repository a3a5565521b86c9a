"""Facts that may be invariants somewhere in a program: read off a system's declarations and its text.

A flag is set, one cursor is before another, a bitmap is set between two cursors, who is waited for does not
wait. And, from the text: a guard holds, nobody is in the way of a wait, a buffer holds what the disk holds
that a step is about to fill from it. Where a fact holds is not said here: see `candidates`.
Source: M. D. Ernst et al., "Dynamically discovering likely program invariants", ICSE 1999; predicates from
guards are those of S. Graf, H. Saidi, "Construction of abstract state graphs with PVS", CAV 1997.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cowpath.model.language.expression import Const, Expr, Local, Quantified, Read, local, nobody, replaced
from cowpath.model.language.program import Program
from cowpath.model.language.sorts import BOOL, Bool, Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import State, System
from cowpath.model.prove.templates import free, leaves, programs, reads_of, shape

TRUE = Const(BOOL, 1)
NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class Axis:
    """What a case is about: a value of an enum sort, such as an owner's place or the job's state."""

    value: Expr
    sort: Enum


@dataclass(frozen=True, eq=False)
class Fact:
    """`then` holds of all elements `bound` where `when` does, in those of the cases that are claimed.

    The cases are the combinations of values on the `axes`. `tells`: which states are evidence, where some
    satisfy the fact for want of anything else: all disks are alike before anybody writes.
    """

    name: str
    bound: tuple[Local, ...]
    axes: tuple[Axis, ...]
    then: Expr
    when: Expr = TRUE
    tells: Expr = TRUE

    @property
    def formula(self) -> Expr:
        """The fact, in whatever case."""
        return self.then if self.when is TRUE else self.when.implies(self.then)


class Facts:
    """The facts of a system whose owners are `owner`."""

    def __init__(self, system: System, owner: Index) -> None:
        self.system = system
        self.owner = owner
        self.state = State(system, None)
        self._programs = programs(system, owner)
        rigid = [p for p in system.parameters.values() if p.indices == (owner,)]
        kinds = [(p.name, p.sort) for p in rigid if isinstance(p.sort, Enum)]
        self._kinds = [max(kinds, key=lambda kind: len(kind[1].values))] if kinds else []
        self._modes = [
            Axis(self.state[v.name], v.sort)
            for v in system.variables.values()
            if not v.indices and isinstance(v.sort, Enum)
        ]

    def of(self, r: Local) -> tuple[Axis, ...]:
        """Return the axes of what an owner does: its place, what kind it is of, and the modes of all."""
        names = [*((p.variable, p.sort) for p in self._programs[:1]), *self._kinds]
        return (*(Axis(self.state[name][r], sort) for name, sort in names), *self._modes)

    def _on(self, counter: Program, r: Local) -> tuple[Axis, ...]:
        """Return the axes of where an owner is: in its program, and on another counter."""
        return tuple(Axis(self.state[each.variable][r], each.sort) for each in (self._programs[0], counter))

    def __iter__(self) -> Iterator[Fact]:
        r = local(self.owner, "r")
        for axes in (self.of(r), *(self._on(counter, r) for counter in self._programs[1:])):
            yield Fact(NOBODY, (r,), axes, Const(BOOL, 0))
        for fact in itertools.chain(self._of_an_owner(r), self._from_guards(r), self._from_updates(r)):
            yield from self._placed(fact, r)
        yield from self._cursors()
        yield from self._between_cursors()
        yield from self._of_two_owners()
        yield from self._of_bitmaps()
        yield from self._presence()

    def _placed(self, fact: Fact, r: Local) -> Iterator[Fact]:
        """Yield the fact of an owner by what it does, and by where it is on each other counter it has."""
        read = reads_of(fact.then)
        for axes in (self.of(r), *(self._on(counter, r) for counter in self._programs[1:])):
            if not read or read - set[str]().union(*(reads_of(axis.value) for axis in axes)):
                yield replace(fact, axes=axes)

    def _is_ghost(self, name: str) -> bool:
        """Tell whether no step depends on the variable."""
        return name in self.system.variables and not any(
            name in reads_of(expr)
            for action in self.system.actions
            for expr in (
                *(guard.condition for guard in action.guards),
                *(wait.condition for wait in action.waits),
                *(update.value for update in action.updates if update.variable != name),
            )
        )

    def _named(self, indices: tuple[Index, ...], sort: type, *, rigid: bool = False) -> list[str]:
        """Return the variables of these indices and this kind of sort (Maybe: an owner); or all declared."""
        declared = self.system.declarations if rigid else self.system.variables.values()
        return [
            d.name
            for d in declared
            if d.indices == indices
            and (d.sort == Maybe(self.owner) if sort is Maybe else isinstance(d.sort, sort))
            and not self._is_ghost(d.name)
        ]

    def _of_an_owner(self, r: Local) -> Iterator[Fact]:
        s, owner = self.state, self.owner
        found: list[tuple[str, Expr]] = []
        for name in self._named((owner,), Bool, rigid=True):
            found += [(name, s[name][r]), (f"not {name}", ~s[name][r])]
        found += [
            (p.name, s[p.name]) for p in self.system.parameters.values() if not p.indices and p.sort == BOOL
        ]
        for name in self._named((owner,), Maybe):
            found += [
                (f"{name} is nobody", s[name][r] == nobody(owner)),
                (f"{name} is somebody", s[name][r] != nobody(owner)),
            ]
        for name in self._named((), Maybe):
            found += [(f"it is {name}", s[name] == r), (f"it is not {name}", s[name] != r)]
        for name in self._named((owner,), Int):
            found.append((f"{name} = 0", s[name][r] == 0))
            found += [
                (f"{name} < {p}", s[name][r] < s[p][r])
                for p in self._named((owner,), Int, rigid=True)
                if p != name
            ]
        for name, then in found:
            yield Fact(name, (r,), (), then)

    def _from_guards(self, r: Local) -> Iterator[Fact]:
        """Yield that a guard holds or does not, and that nobody is in the way of a wait."""
        seen, names = set[object](), set[str]()
        for action in self.system.actions:
            me = action.params[0]
            conditions = [(g.name, g.condition) for g in action.guards if not g.location]
            for wait in action.waits:
                clear = ~Quantified(BOOL, "exists", wait.bound, wait.condition)
                conditions.append((f"nobody is waited for on {wait.on}", clear))
            for name, condition in conditions:
                if free(condition) != {me.number}:  # of more than the owner, or of none: a mode
                    continue
                then = replaced(condition, {me.number: r})
                for text, fact in ((name, then), (f"not: {name}", ~then)):
                    if shape(fact) not in seen:
                        seen.add(shape(fact))
                        called = f"{text} ({action.label})" if text in names else text
                        names.add(text)
                        yield Fact(called, (r,), (), fact)

    def _from_updates(self, r: Local) -> Iterator[Fact]:
        """Yield that a buffer holds what a disk does, where a step fills a disk from it."""
        s, seen = self.state, set[object]()
        for action in self.system.actions:
            for update in action.updates:
                variable = self.system.variables[update.variable]
                if len(update.indices) != 1 or not isinstance(variable.sort, Maybe):
                    continue
                (place,), (cells,) = update.indices, variable.indices
                if not any(place is each for each in update.bound):
                    continue
                x = local(cells, cells.name.lower())
                bound = {action.params[0].number: r, update.bound[0].number: x}
                for value, when in leaves(update.value):
                    if not isinstance(value, Read) or not free(value) == bound.keys() >= free(when):
                        continue
                    buffer, case = replaced(value, bound), replaced(when, bound)
                    for disk in self._named((cells,), Maybe):
                        if (key := (shape(case), shape(buffer), disk)) not in seen:
                            seen.add(key)
                            name = f"what {action.label} takes from {value.name} is {disk}"
                            there = buffer != nobody(self.owner)
                            yield Fact(name, (r, x), (), buffer == s[disk][x], case, there)

    def _pairs(self) -> list[tuple[str, str, Index]]:
        """Return pairs of an owner's positions in one index sort, with that."""
        sorts = {d.name: d.sort for d in self.system.declarations}
        return [
            (one, two, sort.index)
            for one, two in itertools.permutations(self._named((self.owner,), Position, rigid=True), 2)
            if isinstance(sort := sorts[one], Position) and sorts[two] == sort
        ]

    def _cursors(self) -> Iterator[Fact]:
        s, r = self.state, local(self.owner, "r")
        for one, two, _ in self._pairs():
            if one in self.system.parameters and two in self.system.parameters:
                continue
            a, b = s[one][r], s[two][r]
            found = [
                (f"{one} < {two}", a < b),
                (f"{one} <= {two}", a <= b),
                (f"{two} = {one} + 1", b == a + 1),
            ]
            found += [(f"{one} = {two}", a == b)] if one < two else []
            for name, then in found:
                yield Fact(name, (r,), self.of(r), then)

    def _between_cursors(self) -> Iterator[Fact]:
        s, r = self.state, local(self.owner, "r")
        for one, two, index in self._pairs():
            k = local(index, index.name.lower())
            inside = (s[one][r] <= k) & (k < s[two][r])
            for name, no in itertools.product(self._named((index,), Bool), ("", "not ")):
                then = ~s[name][k] if no else s[name][k]
                yield Fact(f"{no}{name} on [{one}, {two})", (r, k), self.of(r), then, inside, inside)

    def _of_two_owners(self) -> Iterator[Fact]:
        """Yield that two whose ranges meet have not the same flag, and where nobody is who is waited for."""
        s, owner = self.state, self.owner
        r, q = local(owner, "r"), local(owner, "q")
        for one, two, index in self._pairs():
            if one in self.system.variables or two in self.system.variables:
                continue
            k = local(index, index.name.lower())
            mine, others = ((s[one][o] <= k) & (k < s[two][o]) for o in (r, q))
            meet = (r != q) & mine & others
            for name in self._named((owner,), Bool):
                yield Fact(
                    f"no two whose [{one}, {two}) meet have {name}",
                    (r, q, k),
                    tuple(self._modes),
                    ~(s[name][r] & s[name][q]),
                    meet,
                    meet & s[name][r],
                )
        for name in self._named((owner,), Maybe):
            waits = (r != q) & (s[name][q] == r)
            yield Fact(f"nobody waits by {name} for who is", (r, q), self.of(r), ~waits)
            yield Fact(
                f"who is waited for by {name} waits for nobody",
                (r, q),
                tuple(self._modes),
                s[name][r] == nobody(owner),
                waits,
                waits,
            )
            for counter in self._programs[1:]:
                yield Fact(f"nobody waits by {name} for who is", (r, q), self._on(counter, r), ~waits)

    def _of_bitmaps(self) -> Iterator[Fact]:
        """Yield what one bitmap says of another, and of the disks."""
        s, modes = self.state, tuple(self._modes)
        for index in {i: None for v in self.system.variables.values() for i in v.indices if i != self.owner}:
            bitmaps = self._named((index,), Bool)
            k = local(index, index.name.lower())
            for one, no in itertools.product(bitmaps, ("", "not ")):
                here = ~s[one][k] if no else s[one][k]
                for two, other in itertools.product(bitmaps, ("", "not ")):
                    if one != two:
                        then = ~s[two][k] if other else s[two][k]
                        yield Fact(f"where {no}{one}, {other}{two}", (k,), modes, then, here, here)
                for cells, lies in self._grids(index):
                    x = local(cells, cells.name.lower())
                    where = ~s[one][s[lies][x]] if no else s[one][s[lies][x]]
                    for disk, second in itertools.combinations(self._named((cells,), Maybe), 2):
                        yield Fact(
                            f"where {no}{one}, {disk} = {second}",
                            (x,),
                            modes,
                            s[disk][x] == s[second][x],
                            where,
                            where & (s[disk][x] != nobody(self.owner)),
                        )

    def _presence(self) -> Iterator[Fact]:
        """Yield that somebody is at a place, in some mode of the whole."""
        for program in self._programs[:1] if self._modes else ():
            for place in program.places:
                q = local(self.owner, "q")
                yield Fact(
                    f"somebody is at {place}",
                    (),
                    tuple(self._modes),
                    Quantified(BOOL, "exists", q, program.at(q, place)),
                )

    def _grids(self, index: Index) -> Iterator[tuple[Index, str]]:
        """Yield index sorts whose elements lie in one of `index` each, and the parameter that says which."""
        for parameter in self.system.parameters.values():
            if parameter.sort == index and len(parameter.indices) == 1:
                yield parameter.indices[0], parameter.name
