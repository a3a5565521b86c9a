"""Termination: a rank that every step raises, for any number of owners.

A rank is a list of measures, the weightiest first. A step raises it where something goes forward in one of
them and nothing back, there or in any before it; what later ones do is free. Heights are bounded and elements
finite in number, so no run goes on for ever. A wake-up, say, comes with a step that takes its owner forward,
and whoever waits again only uses it up.

The measures are the argument's. Between them stand orders of places, read off the text: where a program goes
round, the places of the loop are one stage, until a measure accounts for a move of it and the rest is put in
order again. How a rank is found need not be trusted: that each step raises it is proved.
Source: C. Alias, A. Darte, P. Feautrier, L. Gonnord, "Multi-dimensional Rankings, Program Termination, and
Complexity Bounds of Flowchart Programs", SAS 2010.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import z3

from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.language.claim import Measure, Tier
from cowpath.model.language.expression import Const, Expr, If, local
from cowpath.model.language.program import Program
from cowpath.model.language.sorts import BOOL, Int
from cowpath.model.language.system import Action, State, System
from cowpath.model.prove.prover import Prover
from cowpath.model.prove.templates import measures, programs, reads_of
from cowpath.model.prove.theory import Obligation, Theory
from cowpath.model.prove.universe import Bindings

TERMINATION = "termination"
_RISES = "the rank rises"


@dataclass(frozen=True)
class Rank:
    """Measures, the weightiest first. `loop`: steps of which they do not show that they are finitely many."""

    measures: tuple[Measure, ...]
    loop: tuple[str, ...]

    def raised(self, reference: Reference, before: Vector, after: Vector) -> bool:
        """Tell whether a step between the states raises the rank."""
        sizes = reference.instance.sizes
        for measure in self.measures:
            numbers, height = _text(measure, reference.system)
            ranges = (range(index.size(sizes)) for index in measure.indices)
            bounds = [dict(zip(numbers, elements, strict=True)) for elements in itertools.product(*ranges)]
            old, new = ([reference.value(height, s, bound) for bound in bounds] for s in (before, after))
            if old != new:
                return all(a <= b for a, b in zip(old, new, strict=True))
        return False


def find(theory: Theory, prover: Prover, without: Collection[str] = ()) -> Rank:
    """Put measures, the argument's and those read off the text, in one list with orders of places.

    `without`: hypotheses that are not to be used. Ends when no measure accounts for any of the steps left.
    """
    search = _Search(theory, prover, without)
    rank: list[Measure] = []
    for tier in dict.fromkeys((*search.tiers, _ALIKE)):  # who waits may be woken by a lighter tier
        search.tier = tier
        rank += search.orders()
        while (measure := search.next_measure()) is not None:
            rank += [measure, *search.orders()]
    return Rank(tuple(rank), tuple(dict.fromkeys(case.action.label for case in search.rest)))


def obligations(theory: Theory, rank: Rank) -> Iterator[Obligation]:
    """Yield that heights are bounded, and for each action that it raises the rank."""
    for measure in rank.measures:
        yield _bounded(theory, measure)
    for action in theory.system.actions:
        bound = theory.bind(action)
        goal: z3.BoolRef = z3.BoolVal(False)
        for measure in reversed(rank.measures):
            if _writes(action, measure, theory.system):
                kept, risen = _compare(theory, measure, action, bound)
                goal = z3.And(kept, z3.Or(risen, goal))
        own, goal = _own(theory, action, bound), z3.simplify(goal)
        yield Obligation(_RISES, action.label, own, goal, theorem=TERMINATION, near=frozenset(own))


def _own(theory: Theory, action: Action, bound: Bindings) -> dict[str, z3.BoolRef]:
    enabling = {f"{action.label}: {name}": f for name, f in theory.enabling(action, bound).items()}
    return {**theory.runs, **enabling}


def _text(measure: Measure, system: System) -> tuple[tuple[int, ...], Expr]:
    """Return the measure's height as text, and the numbers of the locals in it."""
    bound = tuple(local(index, index.name.lower()) for index in measure.indices)
    return tuple(b.number for b in bound), measure.height(State(system, None), *bound)


def _writes(action: Action, measure: Measure, system: System) -> bool:
    """Tell whether the action writes anything that the measure reads."""
    return not reads_of(_text(measure, system)[1]).isdisjoint(update.variable for update in action.updates)


def _compare(
    theory: Theory, measure: Measure, action: Action, bound: Bindings
) -> tuple[z3.BoolRef, z3.BoolRef]:
    """Return that nothing goes back in the measure by the action, and that something goes forward."""
    universe = theory.universe
    elements = [(universe.element(index, index.name.lower()), index) for index in measure.indices]
    numbers, height = _text(measure, theory.system)
    at = dict(zip(numbers, (e for e, _ in elements), strict=True))
    old = universe.translate(height, at, universe.now)
    new = universe.after(action, bound)(old)
    falls, rises = _less(new, old), _less(old, new)
    if measure.indices != (theory.owner,):
        return universe.forall(elements, z3.Not(falls)), z3.Not(universe.forall(elements, z3.Not(rises)))
    # Of the owner itself, and of all others, of whom most steps write nothing: that is seen without z3.
    ((who, _),), me = elements, bound[action.params[0].number]
    others = z3.simplify(z3.substitute(z3.Not(falls), (me == who, z3.BoolVal(False))))
    kept = z3.Not(z3.substitute(falls, (who, me)))
    if not z3.is_true(others):
        kept = z3.And(kept, universe.forall(elements, z3.Or(who == me, others)))
    return kept, z3.substitute(rises, (who, me))


def _less(one: z3.ExprRef, two: z3.ExprRef) -> z3.BoolRef:
    return z3.And(z3.Not(one), two) if z3.is_bool(one) else one < two


def _bounded(theory: Theory, measure: Measure) -> Obligation:
    universe = theory.universe
    elements = [(universe.element(index, index.name.lower()), index) for index in measure.indices]
    numbers, height = _text(measure, theory.system)
    value = theory.universe.translate(
        height, dict(zip(numbers, (e for e, _ in elements), strict=True)), universe.now
    )
    goal = universe.forall(elements, universe.belongs(value, height.sort))
    return Obligation(f"{measure.name} is bounded", None, {}, goal, theorem=TERMINATION)


# -- how it is found

_ALIKE = Tier("owner", lambda s, owner: Const(BOOL, 1))
"""All of them, where none starts another."""


@dataclass(frozen=True)
class _Case:
    """An action by which an owner of a tier takes the counters that it writes from one value to another."""

    action: Action
    bound: Bindings
    own: Mapping[str, z3.BoolRef]
    moves: Mapping[str, tuple[int, int]]
    tier: Tier

    def stays(self, counter: Program, stages: Sequence[Collection[int]]) -> bool:
        """Tell whether it stays in its stage, or does not write the counter at all."""
        start, end = self.moves.get(counter.variable, (0, 0))
        return start == end or any(start in stage and end in stage for stage in stages)


class _Search:
    """What is to be accounted for: `rest`, all that may happen at first; and what may yet do it."""

    def __init__(self, theory: Theory, prover: Prover, without: Collection[str]) -> None:
        self.theory = theory
        self.prover = prover
        self.without = without
        self.tiers = theory.argument.tiers or (_ALIKE,)
        self.tier = self.tiers[0]
        self.found = set[str]()
        self.counters = programs(theory.system, theory.owner)
        self.rest = [case for action in theory.system.actions for case in self._cases(action)]

    def orders(self) -> Iterator[Measure]:
        """Yield the order of each counter's stages that accounts for any of the rest; take those off."""
        for counter in self.counters:
            mine = [case for case in self.rest if self.tier in (case.tier, _ALIKE)]
            stages = _stages(counter, mine)
            gone = [case for case in mine if not case.stays(counter, stages)]
            if gone:
                self.rest = [case for case in self.rest if case not in gone]
                yield _of_tier(_order(self.theory, counter, stages), self.tier)

    def next_measure(self) -> Measure | None:
        """Return the first measure in which some of the rest go forward and none back; take those off."""
        each = (_of_tier(one, self.tier) for one in measures(self.theory.system, self.theory.owner))
        for measure in (*self.theory.argument.measures, *each):
            if measure.name in self.found:
                continue
            writers = [case for case in self.rest if _writes(case.action, measure, self.theory.system)]
            raising = self._raising(measure, writers)
            if raising:
                self.found.add(measure.name)
                self.rest = [case for case in self.rest if case not in raising]
                return measure
        return None

    def _raising(self, measure: Measure, writers: Iterable[_Case]) -> list[_Case]:
        found = []
        for case in writers:
            kept, risen = _compare(self.theory, measure, case.action, case.bound)
            if self._shown(measure.name, case.action, case.own, z3.And(kept, risen), self.without):
                found.append(case)
            elif not self._shown(measure.name, case.action, case.own, kept, self.without):
                return []
        return found

    def _shown(
        self,
        about: str,
        action: Action,
        own: Mapping[str, z3.BoolRef],
        goal: z3.BoolRef,
        without: Collection[str],
    ) -> bool:
        return self.prover.prove(Obligation(about, action.label, own, goal), without).proved

    def _cases(self, action: Action) -> Iterator[_Case]:
        """Yield how the action may move its owner, by its text; nothing if it never happens in such runs."""
        bound = self.theory.bind(action)
        own = _own(self.theory, action, bound)
        by_text_alone = {*self.theory.state, *self.without}
        if self._shown("it never happens", action, own, z3.BoolVal(False), by_text_alone):
            return
        written = {update.variable for update in action.updates}
        moves = [list(self._moves(action, bound, c)) for c in self.counters if c.variable in written]
        for tier in self.tiers:
            is_of = (
                {} if tier is _ALIKE else {f"the owner is a {tier.called}": self._is_of(tier, action, bound)}
            )
            for chosen in itertools.product(*moves):
                facts = {f"from and to a place of {name}": fact for name, _, fact in chosen} | is_of
                if is_of and self._shown(
                    "it never happens", action, own | facts, z3.BoolVal(False), self.without
                ):
                    continue
                yield _Case(action, bound, own | facts, {name: move for name, move, _ in chosen}, tier)

    def _is_of(self, tier: Tier, action: Action, bound: Bindings) -> z3.BoolRef:
        owner = local(self.theory.owner, "owner")
        condition = tier.holds(State(self.theory.system, None), owner)
        return self.theory.universe.translate(
            condition, {owner.number: bound[action.params[0].number]}, self.theory.universe.now
        )

    def _moves(
        self, action: Action, bound: Bindings, counter: Program
    ) -> Iterator[tuple[str, tuple[int, int], z3.BoolRef]]:
        """Yield the counter's name, its value before and after the action, and that these are they."""
        universe, me = self.theory.universe, bound[action.params[0].number]
        values = [universe.value(counter.sort, number) for number in range(len(counter.sort.values))]
        here = universe.now(counter.variable, (me,))
        there = universe.after(action, bound)(here)
        guards = [universe.translate(g.condition, bound, universe.now) for g in action.guards if g.location]
        for start, value in enumerate(values):
            if not z3.is_false(z3.simplify(z3.substitute(z3.And(guards), (here, value)))):
                for leaf in _leaves(z3.simplify(z3.substitute(there, (here, value)))):
                    for end in (n for n, other in enumerate(values) if leaf.eq(other) or leaf.num_args()):
                        yield counter.variable, (start, end), z3.And(here == value, there == values[end])


def _leaves(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Yield the values between which the term chooses."""
    if z3.is_app_of(term, z3.Z3_OP_ITE):
        yield from _leaves(term.arg(1))
        yield from _leaves(term.arg(2))
    else:
        yield term


def _of_tier(measure: Measure, tier: Tier) -> Measure:
    """Return a measure of owners, of those of the tier alone: it is nothing for all others."""
    if tier is _ALIKE:
        return measure

    def height(s: State, owner: Expr) -> Expr:
        whole = measure.height(s, owner)
        return If(tier.holds(s, owner), whole, Const(whole.sort, 0))

    return Measure(f"{measure.name}; of each {tier.called}", measure.indices, height)


def _stages(counter: Program, cases: Iterable[_Case]) -> list[list[int]]:
    """Return the counter's values in the order in which the cases pass them; a loop is one stage."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(counter.sort.values)))
    graph.add_edges_from(case.moves[counter.variable] for case in cases if counter.variable in case.moves)
    stages = nx.condensation(graph)
    order = nx.lexicographical_topological_sort(stages, lambda n: min(stages.nodes[n]["members"]))
    return [sorted(stages.nodes[n]["members"]) for n in order]


def _order(theory: Theory, counter: Program, stages: Sequence[Sequence[int]]) -> Measure:
    """Return the number of the stage that an owner is at, as a measure."""
    names = counter.sort.values

    def height(s: State, owner: Expr) -> Expr:
        number: Expr = Const(Int(len(stages) - 1), 0)
        for height, stage in enumerate(stages):
            here = functools.reduce(operator.or_, (s[counter.variable][owner] == names[n] for n in stage))
            number = If(here, height, number)
        return number

    loops = [" ".join(names[n] for n in stage) for stage in stages if len(stage) > 1]
    but = f"; these count as one: {'; and these: '.join(loops)}" if loops else ""
    name = f"{counter.variable}, of each {theory.owner.name.lower()}{but}"
    return Measure(name, (theory.owner,), height)
