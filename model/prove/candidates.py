"""Candidate invariants: templates over a system's own variables, filled in by what explored states satisfy.

Most templates are facts of an owner: a flag is set, one cursor is before another, a bitmap is set between
two cursors, a buffer holds what a disk holds. Of each fact the states tell at which places it ever failed;
that it holds elsewhere is the candidate. The rest are facts of the bitmaps and disks, and of two owners.
What holds in states explored may still be false, or true and not inductive: Houdini decides.
Source: M. D. Ernst et al., "Dynamically discovering likely program invariants", ICSE 1999; C. Flanagan,
K. R. M. Leino, "Houdini, an annotation assistant for ESC/Java", FME 2001.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.language.claim import Claim
from model.language.expression import (
    Add,
    And,
    Const,
    Eq,
    Expr,
    IfThenElse,
    Less,
    Local,
    Not,
    Or,
    Param,
    Read,
    Size,
    local,
    nobody,
)
from model.language.instance import Instance, Layout
from model.language.sorts import BOOL, Bool, Enum, Index, Maybe, Position
from model.language.system import State, System
from model.prove.templates import Counter, program

Values = Any  # an array with a value for each state, or one for all of them


@dataclass(frozen=True)
class Sample:
    """States that were explored, of one instance: a row for each, a column for each component."""

    system: System
    instance: Instance
    states: npt.NDArray[np.int16]

    @functools.cached_property
    def _layout(self) -> Layout:
        return Layout(self.system, self.instance)

    def value(self, expr: Expr, bound: dict[int, int]) -> Values:
        """Evaluate an expression without quantifiers, whose indices are rigid, in all states at once."""
        match expr:
            case Const():
                return expr.value
            case Size():
                return self.instance.sizes[expr.index.name]
            case Local():
                return bound[expr.number]
            case Param():
                return self.instance.tables[expr.name][tuple(self.value(i, bound) for i in expr.indices)]
            case Read():
                indices = tuple(self.value(i, bound) for i in expr.indices)
                return self.states[:, self._layout.position[expr.name, indices]]
            case Not():
                return np.logical_not(self.value(expr.operand, bound))
            case And():
                return np.logical_and(self.value(expr.left, bound), self.value(expr.right, bound))
            case Or():
                return np.logical_or(self.value(expr.left, bound), self.value(expr.right, bound))
            case Eq():
                return np.equal(self.value(expr.left, bound), self.value(expr.right, bound))
            case Less():
                return np.less(self.value(expr.left, bound), self.value(expr.right, bound))
            case Add():
                return self.value(expr.left, bound) + self.value(expr.right, bound)
            case IfThenElse():
                condition, then, other = (
                    self.value(e, bound) for e in (expr.condition, expr.then, expr.other)
                )
                return np.where(condition, then, other)
        raise TypeError(f"a template has no such part: {expr!r}")


@dataclass(frozen=True)
class Template:
    """A fact of elements of some index sorts: where `when` holds, `then` should; both without quantifiers.

    `placed`: the first element is an owner, and the candidate is that the fact holds at some of its places.
    `telling`: which of the cases are evidence, where some hold for want of anything else: all disks are
    alike before anybody writes.
    """

    name: str
    indices: tuple[Index, ...]
    when: Callable[..., Expr]
    then: Callable[..., Expr]
    placed: bool = True
    telling: Callable[..., Expr] | None = None


def candidates(system: System, owner: Index, samples: Sequence[Sample]) -> Iterator[Claim]:
    """Yield claims that hold in all states of the samples, and in some of them not for want of a case."""
    yield from _reached(system, owner, samples)
    cursors = list(_cursors(system, owner))
    ordered = [(one, two) for one, two in cursors if _in_order(system, owner, one, two, samples)]
    for template in itertools.chain(
        _of_an_owner(system, owner),
        _of_cursors(system, owner, ordered),
        _of_two_owners(system, owner, ordered),
        _of_bitmaps(system, owner),
    ):
        found = _fill_in(template, system, owner, samples)
        if found is not None:
            yield found


def _fill_in(template: Template, system: System, owner: Index, samples: Sequence[Sample]) -> Claim | None:
    counter = program(system, owner)
    bound = tuple(local(index, index.name.lower()) for index in template.indices)
    state = State(system, None)
    telling = template.telling or template.when
    parts = [part(state, *bound) for part in (template.when, template.then, telling)]
    seen, broken = set[int](), set[int]()
    for sample in samples:
        for elements in itertools.product(*(range(i.size(sample.instance.sizes)) for i in template.indices)):
            values = dict(zip((b.number for b in bound), elements, strict=True))
            case, holds, tells = (
                np.broadcast_to(np.asarray(sample.value(part, values), dtype=bool), len(sample.states))
                for part in parts
            )
            place = sample.value(state[counter.name][bound[0]], values) if template.placed else 0
            places = np.broadcast_to(place, len(sample.states))
            seen.update(np.unique(places[case & tells]).tolist())
            broken.update(np.unique(places[case & ~holds]).tolist())
    if not seen - broken or (broken and not template.placed):
        return None
    if not broken:
        return Claim(
            template.name, template.indices, lambda s, *e: template.when(s, *e).implies(template.then(s, *e))
        )
    all_ = counter.sort.values
    excepted = tuple(all_[number] for number in sorted(broken))
    kept = tuple(name for name in all_ if name not in excepted)

    def body(s: State, *elements: Expr) -> Expr:
        here = ~_at(s, counter, elements[0], excepted)
        return (here & template.when(s, *elements)).implies(template.then(s, *elements))

    where = f"but at {' '.join(excepted)}" if len(excepted) < len(kept) else f"at {' '.join(kept)}"
    return Claim(f"{template.name} {where}", template.indices, body)


def _reached(system: System, owner: Index, samples: Sequence[Sample]) -> Iterator[Claim]:
    """Yield that nobody is at a place where nobody was seen."""
    counter = program(system, owner)
    bound = local(owner, "r")
    place = State(system, None)[counter.name][bound]
    seen = set[int]()
    for sample in samples:
        for r in range(sample.instance.sizes[owner.name]):
            seen.update(np.unique(sample.value(place, {bound.number: r})).tolist())
    unseen = tuple(value for number, value in enumerate(counter.sort.values) if number not in seen)
    if unseen:
        yield Claim(f"nobody is at {' '.join(unseen)}", (owner,), lambda s, r: ~_at(s, counter, r, unseen))


def _at(s: State, counter: Counter, owner: Expr, places: Sequence[str]) -> Expr:
    return functools.reduce(operator.or_, (s[counter.name][owner] == place for place in places))


# -- the templates


def _always(s: State, *elements: Expr) -> Expr:
    return Const(BOOL, 1)


def _named(system: System, indices: tuple[Index, ...], sort: type, *, rigid: bool = False) -> list[str]:
    """Return the variables with these indices and of this kind of sort; `rigid`: the parameters as well."""
    declared = system.declarations if rigid else system.variables.values()
    return [d.name for d in declared if d.indices == indices and isinstance(d.sort, sort)]


def _at_rest(system: System) -> Callable[[State], Expr]:
    """Return that every global variable of an enum sort, as the job's state is, has its initial value."""
    names = [v for v in system.variables.values() if not v.indices and isinstance(v.sort, Enum)]

    def rests(s: State) -> Expr:
        return functools.reduce(operator.and_, (s[v.name] == v.initial for v in names), Const(BOOL, 1))

    return rests


def _of_an_owner(system: System, owner: Index) -> Iterator[Template]:
    """Yield which flags are set, which kind it is not, whether it waits; how its cursors lie."""
    for name in _named(system, (owner,), Bool, rigid=True):
        yield Template(name, (owner,), _always, lambda s, r, name=name: s[name][r])
        yield Template(f"not {name}", (owner,), _always, lambda s, r, name=name: ~s[name][r])
    for name in _named(system, (owner,), Enum, rigid=True):
        sort = next(d.sort for d in system.declarations if d.name == name)
        for value in sort.values if isinstance(sort, Enum) and name != program(system, owner).name else ():
            yield Template(
                f"{name} is not {value}",
                (owner,),
                _always,
                lambda s, r, name=name, value=value: s[name][r] != value,
            )
    for name in _named(system, (owner,), Maybe):
        yield Template(
            f"{name} is nobody", (owner,), _always, lambda s, r, name=name: s[name][r] == nobody(owner)
        )
    for name in _named(system, (), Maybe):
        yield Template(f"it is {name}", (owner,), _always, lambda s, r, name=name: s[name] == r)
        yield Template(f"it is not {name}", (owner,), _always, lambda s, r, name=name: s[name] != r)
    for one, two in _cursors(system, owner):
        if one in system.parameters and two in system.parameters:
            continue
        yield Template(
            f"{one} < {two}", (owner,), _always, lambda s, r, one=one, two=two: s[one][r] < s[two][r]
        )
        yield Template(
            f"{one} <= {two}", (owner,), _always, lambda s, r, one=one, two=two: s[one][r] <= s[two][r]
        )
        if one < two:
            yield Template(
                f"{one} = {two}", (owner,), _always, lambda s, r, one=one, two=two: s[one][r] == s[two][r]
            )


def _of_cursors(system: System, owner: Index, ordered: Sequence[tuple[str, str]]) -> Iterator[Template]:
    """Yield what bitmaps and buffers are between two cursors of an owner."""
    rests = _at_rest(system)
    for one, two in ordered:
        index = _index(system, one)

        def inside(s: State, r: Expr, k: Expr, one: str = one, two: str = two) -> Expr:
            return rests(s) & (s[one][r] <= k) & (k < s[two][r])

        for name in _named(system, (index,), Bool):
            for truth in (True, False):
                yield Template(
                    f"{'' if truth else 'not '}{name} on [{one}, {two})",
                    (owner, index),
                    inside,
                    lambda s, r, k, name=name, truth=truth: s[name][k] == Const(BOOL, int(truth)),
                )
        for cells, lies in _grids(system, index):
            for buffer, disk in itertools.product(
                _named(system, (owner, cells), Maybe), _named(system, (cells,), Maybe)
            ):
                yield Template(
                    f"{buffer} = {disk} on [{one}, {two})",
                    (owner, cells),
                    lambda s, r, x, lies=lies, inside=inside: inside(s, r, s[lies][x]),
                    lambda s, r, x, buffer=buffer, disk=disk: s[buffer][r, x] == s[disk][x],
                    telling=lambda s, r, x, buffer=buffer: s[buffer][r, x] != nobody(owner),
                )


def _of_two_owners(system: System, owner: Index, ordered: Sequence[tuple[str, str]]) -> Iterator[Template]:
    """Yield that two whose ranges meet have not the same flag, and that nobody waits for who waits."""
    for one, two in ordered:
        index = _index(system, one)
        for name in _named(system, (owner,), Bool):

            def meet(s: State, r: Expr, q: Expr, k: Expr, one: str = one, two: str = two) -> Expr:
                mine, others = ((s[one][o] <= k) & (k < s[two][o]) for o in (r, q))
                return (r != q) & mine & others

            yield Template(
                f"no two whose [{one}, {two}) meet have {name}",
                (owner, owner, index),
                meet,
                lambda s, r, q, k, name=name: ~(s[name][r] & s[name][q]),
                placed=False,
                telling=lambda s, r, q, k, name=name, meet=meet: meet(s, r, q, k) & s[name][r],
            )
    for name in _named(system, (owner,), Maybe):
        yield Template(
            f"who is waited for by {name} waits for nobody",
            (owner, owner),
            lambda s, r, q, name=name: (r != q) & (s[name][r] == q),
            lambda s, r, q, name=name: s[name][q] == nobody(owner),
            placed=False,
        )


def _of_bitmaps(system: System, owner: Index) -> Iterator[Template]:
    """Yield what one bitmap says of another, and of the disks."""
    rests = _at_rest(system)
    for index in {i: None for v in system.variables.values() for i in v.indices if i != owner}:
        bitmaps = _named(system, (index,), Bool)
        for one, first in itertools.product(bitmaps, (True, False)):

            def where(s: State, k: Expr, one: str = one, first: bool = first) -> Expr:
                return rests(s) & (s[one][k] == Const(BOOL, int(first)))

            said = f"{'' if first else 'not '}{one}"
            for two, second in itertools.product(bitmaps, (True, False)):
                if one != two:
                    yield Template(
                        f"where {said}, {'' if second else 'not '}{two}",
                        (index,),
                        where,
                        lambda s, k, two=two, second=second: s[two][k] == Const(BOOL, int(second)),
                        placed=False,
                    )
            for cells, lies in _grids(system, index):
                for disk, other in itertools.combinations(_named(system, (cells,), Maybe), 2):
                    yield Template(
                        f"where {said}, {disk} = {other}",
                        (cells,),
                        lambda s, x, lies=lies, where=where: where(s, s[lies][x]),
                        lambda s, x, disk=disk, other=other: s[disk][x] == s[other][x],
                        placed=False,
                        telling=lambda s, x, disk=disk: s[disk][x] != nobody(owner),
                    )


def _cursors(system: System, owner: Index) -> Iterator[tuple[str, str]]:
    """Yield pairs of an owner's positions in one index sort."""
    for one, two in itertools.permutations(_named(system, (owner,), Position, rigid=True), 2):
        same = _index(system, one) == _index(system, two)
        if same:
            yield one, two


def _index(system: System, cursor: str) -> Index:
    """Return what the cursor is a position in."""
    sort = next(d.sort for d in system.declarations if d.name == cursor)
    assert isinstance(sort, Position)
    return sort.index


def _in_order(system: System, owner: Index, one: str, two: str, samples: Sequence[Sample]) -> bool:
    """Tell whether the first cursor is never past the second."""
    bound, state = local(owner, "r"), State(system, None)
    order = state[one][bound] <= state[two][bound]
    return all(
        np.all(sample.value(order, {bound.number: r}))
        for sample in samples
        for r in range(sample.instance.sizes[owner.name])
    )


def _grids(system: System, index: Index) -> Iterator[tuple[Index, str]]:
    """Yield index sorts whose elements each lie in one of `index`, and the parameter that says in which."""
    for parameter in system.parameters.values():
        if parameter.sort == index and len(parameter.indices) == 1:
            yield parameter.indices[0], parameter.name
