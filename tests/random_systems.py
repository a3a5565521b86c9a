"""Random systems and instances, drawn by Hypothesis."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from cowpath.model.finite.ground import GroundModel, ground
from cowpath.model.finite.instance import Instance, Table
from cowpath.model.finite.reference import Reference
from cowpath.model.language.expression import (
    Const,
    Expr,
    If,
    Local,
    Param,
    Quantified,
    Read,
    Size,
    coerce,
    constant,
    count,
    exists,
    forall,
    nobody,
)
from cowpath.model.language.sorts import BOOL, Bool, Enum, Index, Int, Maybe, Position, Sort
from cowpath.model.language.system import State, System
from tests.naive_search import Naive
from tests.toys import instance

Request = Index("Request", ordered=False)
Cluster = Index("Cluster", ordered=True)
Place = Enum("Place", ("idle", "busy", "done"))
HIGH = 3  # of the counter; no more elements than that, so counts fit
CHOICES = 1000  # bytes for a case; all choices after that are the first

PARAMETERS: dict[str, tuple[tuple[Index, ...], Sort]] = {
    "option": ((Request, Cluster), BOOL),
    "kind": ((Request,), Place),
    "first": ((Request,), Position(Cluster)),
    "weight": ((Request,), Int(1)),
    "home": ((Request,), Cluster),
    "twin": ((Request,), Request),
}
VARIABLES: dict[str, tuple[tuple[Index, ...], Sort]] = {
    "pc": ((Request,), Place),
    "flag": ((Request,), BOOL),
    "owner": ((Cluster,), Maybe(Request)),
    "at": ((Request,), Position(Cluster)),
    "bits": ((Request, Cluster), BOOL),
    "total": ((), Int(HIGH)),
    "pick": ((), Request),
    "spot": ((), Cluster),
}


def shown(expr: Expr) -> str:
    match expr:
        case Const():
            return str(expr.value)
        case Local():
            return expr.name
        case Read() | Param():
            return f"{expr.name}[{', '.join(map(shown, expr.indices))}]"
        case Quantified():
            return f"{expr.kind} {expr.bound.name}: ({shown(expr.body)})"
    parts = (getattr(expr, field.name) for field in fields(expr))
    return f"{type(expr).__name__}({', '.join(shown(part) for part in parts if isinstance(part, Expr))})"


class Case:
    """A random system on a random instance, and what a search over the reference finds there."""

    def __init__(self, choices: bytes, wild: bool) -> None:
        rest = iter(choices)
        self.system, self.instance = write_case(lambda n: next(rest, 0) % n, wild)

    def __repr__(self) -> str:
        lines = [str(dict(self.instance.sizes))]
        lines += [f"{name}: {[*table.values()]}" for name, table in self.instance.tables.items()]
        for action in self.system.actions:
            lines.append(f"{action.label}({', '.join(p.name for p in action.params)}):")
            lines += [f"  require {shown(g.condition)}{' (location)' * g.location}" for g in action.guards]
            lines += [f"  wait while some {w.bound.name}: {shown(w.condition)}" for w in action.waits]
            for u in action.updates:
                each = "".join(f"each {bound.name}: " for bound in u.bound)
                lines.append(f"  {each}{u.variable}[{', '.join(map(shown, u.indices))}] = {shown(u.value)}")
        assert self.system.finished is not None
        lines.append(f"finished owner: {shown(self.system.finished[1])}")
        lines += [f"{p.kind}: {shown(p.formula)}" for p in self.system.properties]
        return "\n".join(lines)

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.system, self.instance)

    @cached_property
    def model(self) -> GroundModel:
        return ground(self.system, self.instance)

    @cached_property
    def naive(self) -> Naive:
        return Naive(self.reference)


class Author:
    """Writes random terms of each sort with the language's own operators.

    Tame integers stay below a bound and tame positions within their index, so no step leaves a sort.
    """

    def __init__(self, below: Callable[[int], int], state: State, wild: bool) -> None:
        self.below = below
        self.s = state
        self.wild = wild
        self.scope: dict[Index, list[Expr]] = {Request: [], Cluster: []}

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def one_of(self, *makers: Callable[[], Expr]) -> Expr:
        return makers[self.below(len(makers))]()

    def bind(self, index: Index, body: Callable[[], Expr]) -> Callable[[Expr], Expr]:
        def scoped(i: Expr) -> Expr:
            self.scope[index].append(i)
            result = body()
            self.scope[index].pop()
            return result

        return scoped

    def term(self, sort: Sort, depth: int) -> Expr:
        match sort:
            case Bool():
                return self.boolean(depth)
            case Int():
                return self.integer(depth, HIGH)
            case Enum():
                return self.place(depth)
            case Maybe():
                return self.holder(depth)
            case Position():
                return self.position(depth)
            case Index():
                return self.element(sort, depth)
        raise TypeError(sort)

    def changed(self, old: Expr, sort: Sort) -> Expr:
        """Any term, or one that differs from the old value, so that there is somewhere to go."""
        if self.chance(50):
            return self.term(sort, 2)
        match sort:
            case Bool():
                return ~old
            case Int():
                return old + 1 if self.wild else If(old == HIGH, 0, old + 1)
            case Maybe():
                return If(old == nobody(Request), self.element(Request), nobody(Request))
            case Position():
                return self.next_of(old, self.element(Cluster))
        return self.term(sort, 1)

    def element(self, index: Index, depth: int = 1) -> Expr:
        bound, s = self.scope[index], self.s
        if bound and not self.chance(30):
            return bound[self.below(len(bound))]
        variable: Expr = s.pick if index == Request else s.spot
        if not depth:
            return variable
        look_up = s.twin if index == Request else s.home
        return self.one_of(
            lambda: variable,
            lambda: look_up[self.element(Request, depth - 1)],
            lambda: If(self.boolean(0), self.element(index, 0), self.element(index, 0)),
        )

    def boolean(self, depth: int) -> Expr:
        s, d = self.s, depth - 1
        if depth <= 0:
            return self.one_of(
                lambda: s.flag[self.element(Request)],
                lambda: s.pc[self.element(Request)] == Place.values[self.below(3)],
                lambda: s.bits[self.element(Request), self.element(Cluster)],
                lambda: s.option[self.element(Request), self.element(Cluster)],
                lambda: s.owner[self.element(Cluster)] == self.element(Request),
                lambda: coerce(bool(self.below(2)), BOOL),
            )
        return self.one_of(
            lambda: self.boolean(0),
            lambda: self.boolean(d) & self.boolean(d),
            lambda: self.boolean(d) | self.boolean(d),
            lambda: ~self.boolean(d),
            lambda: self.boolean(d).implies(self.boolean(d)),
            lambda: If(self.boolean(d), self.boolean(d), self.boolean(d)),
            lambda: self.compared(d),
            lambda: self.compared(d),
            lambda: self.quantified(Request, d),
            lambda: self.quantified(Cluster, d),
            lambda: self.looked_up(d),
        )

    def compared(self, depth: int) -> Expr:
        sort = (BOOL, Place, Maybe(Request), Int(HIGH), Position(Cluster))[self.below(5)]
        left, right = self.term(sort, depth), self.term(sort, depth)
        relations: list[Callable[[], Expr]] = [lambda: left == right, lambda: left != right]
        if isinstance(sort, Int | Position):
            relations += [lambda: left < right, lambda: left <= right]
            relations += [lambda: left > right, lambda: left >= right]
        return self.one_of(*relations)

    def quantified(self, index: Index, depth: int) -> Expr:
        body = self.bind(index, lambda: self.boolean(depth))
        return self.one_of(lambda: exists(index, body), lambda: forall(index, body))

    def looked_up(self, depth: int) -> Expr:
        """What holds of the element that a variable names, if it names one."""
        s, k, r = self.s, self.element(Cluster), self.element(Request)

        def of_holder(q: Expr) -> Expr:
            named: Expr = s.owner[k] == q
            return named & self.bind(Request, lambda: self.boolean(depth))(q)

        return self.one_of(
            lambda: exists(Request, of_holder),
            lambda: (s.owner[k] != nobody(Request)) & s.flag[s.owner[k]],
            lambda: If(s.at[r] < self.end(), s.bits[r, s.at[r]], self.boolean(depth)),
        )

    def integer(self, depth: int, most: int) -> Expr:
        s, d = self.s, depth - 1
        if self.wild:
            most = HIGH
        part = self.below(most + 1)
        leaves = [lambda: coerce(part, Int(most))]
        leaves += [lambda: s.weight[self.element(Request)]] * (most >= 1)
        leaves += [lambda: s.total] * 2 * (most >= HIGH)
        if depth <= 0:
            return self.one_of(*leaves)
        counted = self.bind(Request, lambda: self.boolean(d))
        return self.one_of(
            *leaves,
            *[lambda: count(Request, counted, HIGH)] * 3 * (most >= HIGH),
            lambda: self.integer(d, part) + self.integer(d, most - part),
            lambda: If(self.boolean(d), self.integer(d, most), self.integer(d, most)),
        )

    def holder(self, depth: int) -> Expr:
        if depth <= 0:
            return self.one_of(
                lambda: self.s.owner[self.element(Cluster)],
                lambda: nobody(Request),
                lambda: self.element(Request),
            )
        return If(self.boolean(depth - 1), self.holder(depth - 1), self.holder(depth - 1))

    def place(self, depth: int) -> Expr:
        if depth <= 0:
            return self.one_of(
                lambda: constant(Place, Place.values[self.below(3)]),
                lambda: constant(Place, Place.values[self.below(3)]),
                lambda: self.s.pc[self.element(Request)],
                lambda: self.s.kind[self.element(Request)],
            )
        return If(self.boolean(depth - 1), self.place(depth - 1), self.place(depth - 1))

    def end(self) -> Expr:
        return Size(Position(Cluster), Cluster)

    def position(self, depth: int) -> Expr:
        s, d = self.s, depth - 1
        if depth <= 0:
            far = 2 if self.wild else 1
            return self.one_of(
                lambda: s.at[self.element(Request)],
                lambda: s.first[self.element(Request)],
                lambda: self.element(Cluster),
                lambda: self.element(Cluster) + far,
                lambda: coerce(self.below(1 + far), Position(Cluster)),
                self.end,
            )
        return self.one_of(
            lambda: self.next_of(self.position(d), self.element(Cluster)),
            lambda: If(self.boolean(d), self.position(d), self.position(d)),
        )

    def next_of(self, p: Expr, wrapped: Expr) -> Expr:
        return p + 1 if self.wild else If(p < self.end(), p + 1, wrapped)


def write_action(author: Author, s: State, number: int, r: Expr, assignable: list[str]) -> None:
    """Record a random body: requirements, waits, assignments. Most actions lead from place to place."""
    comes_from, goes_to = Place.values[number % 3], Place.values[(number + 1) % 3]
    here = s.pc[r] == comes_from
    if author.chance(20):
        here = here | (s.pc[r] == Place.values[author.below(3)])
    s.require(here, "here", location=True)
    waits = (0, 0, 1, 1, 2)[author.below(5)]
    if author.chance(30):
        # Grounding drops an action, waits and all, whose guard folds to false, program order or not.
        s.require(author.boolean(2), "guard", location=bool(waits) or author.chance(50))
    for i in range(waits):
        there = Place.values[author.below(3)] if author.chance(60) else None

        def held(q: Expr, there: str | None = there) -> Expr:
            holds = author.bind(Request, lambda: author.boolean(1))
            return (q != r) & (holds(q) if there is None else s.pc[q] == there)

        s.wait_while(Request, held, on=f"wait {i}", held="it")
    if author.chance(90):
        s.pc[r] = goes_to if author.chance(70) else author.place(1)
    for name in assignable:
        if author.chance(60):
            assign(author, s, name)


def assign(author: Author, s: State, name: str) -> None:
    """Assign the variable at random indices, each a term or bound to all elements."""
    indices, sort = VARIABLES[name]
    if not indices:
        setattr(s, name, author.changed(s[name], sort))
        return
    cells, chosen = s[name], []
    loops = []
    for index in indices:
        if author.chance(40):
            loop = s.each(index)
            loops.append(loop)
            chosen.append(next(loop))
            author.scope[index].append(chosen[-1])
        else:
            chosen.append(author.element(index))
    old = cells[tuple(chosen)]
    new = author.changed(old, sort)
    cells[tuple(chosen)] = If(author.boolean(1), new, old) if loops and author.chance(50) else new
    for loop in reversed(loops):
        next(loop, None)
    for index, bound in zip(indices, chosen, strict=True):
        author.scope[index] = [b for b in author.scope[index] if b is not bound]


def add_action(system: System, author: Author, number: int, assignable: list[str]) -> None:
    """Add a random action of an owner and perhaps one more element."""

    def body(s: State, r: Expr, *others: Expr) -> None:
        author.s, author.scope = s, {Request: [r], Cluster: []}
        for other in others:
            assert isinstance(other.sort, Index)
            author.scope[other.sort].append(other)
        write_action(author, s, number, r, assignable)

    params: dict[str, Any] = {"r": Request, **({}, {"k": Cluster}, {"q": Request})[author.below(3)]}
    system.action(f"action {number}", **params)(body)


def write_case(below: Callable[[int], int], wild: bool) -> tuple[System, Instance]:
    """Write a random case; `below(n)` chooses one of 0 .. n-1."""
    system = System("random")
    sizes = {sort: (3, 2, 1, 3)[below(4)] for sort in ("Request", "Cluster")}
    tables: dict[str, Table] = {}

    def parameter(name: str, indices: tuple[Index, ...], sort: Sort) -> None:
        system.parameter(name, *indices, sort=sort)
        entries = itertools.product(*(range(sizes[i.name]) for i in indices))
        tables[name] = {entry: below(sort.size(sizes)) for entry in entries}

    for name, (indices, sort) in PARAMETERS.items():
        parameter(name, indices, sort)
    for name, (indices, sort) in VARIABLES.items():
        parameter(f"{name} at first", indices, sort)

        def initial(s: State, *bound: Expr, name: str = name) -> Expr:
            first = s[f"{name} at first"]
            value: Expr = first[bound] if bound else first
            return value

        system.variable(name, *indices, sort=sort, initial=initial)

    author = Author(below, State(system, None), wild)
    names = [*VARIABLES][1:]
    assignable = [names.pop(below(len(names))) for _ in range(2 + below(2))]
    if wild:
        assignable = ["at", "total"]
    for number in range(3 + below(4)):
        add_action(system, author, number, assignable)

    def claim(s: State, *owner: Expr) -> Expr:
        author.s = s
        author.scope = {Request: [*owner], Cluster: []}
        return author.boolean(2)

    system.terminal(Request, lambda s, r: (s.pc[r] == "done") | (claim(s, r) & author.chance(20)))
    for number in range(2):
        system.always(f"always {number}", claim)
        system.sometimes(f"sometimes {number}", claim)
    return system, instance(sizes, **tables)


@st.composite
def cases(draw: st.DrawFn, wild: bool = False) -> Case:
    """One draw of bytes for all choices: with a draw for each, most examples hardly differ."""
    return Case(draw(st.binary(min_size=CHOICES, max_size=CHOICES)), wild)
