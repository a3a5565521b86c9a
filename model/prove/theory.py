"""A system and its argument in z3: hypotheses by name, and the obligations that theorems come down to.

An inductive proof has one obligation for each action and conjunct: from all that is claimed of a state and
the action's guards follows the conjunct in the state after it. A conjunct that reads nothing the action
writes is kept trivially and makes none.
Freedom from deadlock follows from what is claimed of every state by levels: (1) whoever waits, waits for an
unfinished owner on a lower level, so no wait cycle can close; (2) whoever is unfinished can move, or waits,
or is in a transfer that never completes, or somebody unfinished is on a lower level, so an unfinished owner
on the lowest level can move, or nobody has to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import z3

from cowpath.model.language.action import Wait
from cowpath.model.language.claim import Landmark, ProofOutline
from cowpath.model.language.expression import Expr, Local, Quantified, index_of, local
from cowpath.model.language.sorts import Index, Maybe, Position
from cowpath.model.language.system import Action, State, System
from cowpath.model.prove.templates import assigned_values, begets, reads_of
from cowpath.model.prove.universe import Bindings, Look, Universe, index_within

DEADLOCK = "deadlock"
_EVERYBODY = "in question is whoever is in the way"
_RANGE = "a value of its sort is in "


@dataclass(frozen=True)
class Obligation:
    """`goal` follows from what is known of the instance, of the state and from `own` (all by name).

    `about` is the conjunct, or the theorem, that needs it; `step` the action in question. `initial`: it
    is about the initial state, of which nothing else is known; `theorem`: it is about no conjunct but part of
    this theorem's. `near`: hypotheses that will do, most likely; to be tried first, `nearest` before them.
    """

    about: str
    step: str | None
    own: Mapping[str, z3.BoolRef]
    goal: z3.BoolRef
    initial: bool = False
    theorem: str | None = None
    near: frozenset[str] = frozenset()
    nearest: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What has to be shown, in words."""
        return f"{'initially' if self.initial else self.step or 'in every state'}: {self.about}"


def _asked(action: Action) -> set[str]:
    """Return the variables that decide whether the action can happen."""
    conditions = [*(guard.condition for guard in action.guards), *(wait.condition for wait in action.waits)]
    return set().union(*map(reads_of, conditions))


def _there(formula: z3.BoolRef, here: z3.ExprRef, value: z3.ExprRef) -> z3.ExprRef:
    """Return what is left of a formula where somebody's place has the value."""
    return z3.simplify(z3.substitute(formula, (here, value)))


def _terms(formula: z3.ExprRef) -> set[int]:
    """Return the numbers that z3 has for what occurs in the formula."""
    found, queue = set[int](), [formula]
    while queue:
        term = queue.pop()
        if term.get_id() not in found:
            found.add(term.get_id())
            queue += [term.body()] if z3.is_quantifier(term) else term.children()
    return found


def descends(on: str) -> str:
    """Return what has to be shown of a wait."""
    return f"who waits on {on} waits for a lower level"


def stays(label: str, on: str) -> str:
    """Return what is said of who cannot move: it does not wait there either."""
    return f"{label} does not wait on {on}"


class Theory:
    """All that is claimed of a system, translated. `sizes`: in a universe of so many elements."""

    def __init__(
        self, system: System, argument: ProofOutline, sizes: Mapping[str, int] | None = None
    ) -> None:
        if system.finished is None:
            raise ValueError(f"{system.name}: terminal is not declared")
        self.system = system
        self.argument = argument
        self.universe = Universe(system, sizes)
        self._finished_owner, self._finished = system.finished
        self.owner = index_of(self._finished_owner)
        self.formulas: dict[str, Expr] = {
            **{claim.name: claim.formula(system) for claim in assigned_values(system)},
            **{claim.name: claim.formula(system) for claim in argument.invariants},
            **{p.name: p.formula for p in system.properties if p.name in argument.theorems},
        }
        self._reads = {
            **{f"{_RANGE}{name}": {name} for name in system.variables},
            **{name: reads_of(formula) for name, formula in self.formulas.items()},
        }

    def _in(self, look: Look, expr: Expr, bound: Bindings | None = None) -> z3.BoolRef:
        return self.universe.translate(expr, bound or {}, look)

    def _now(self, expr: Expr, bound: Bindings | None = None) -> z3.BoolRef:
        return self._in(self.universe.now, expr, bound)

    # -- what is known

    @cached_property
    def instance(self) -> dict[str, z3.BoolRef]:
        """What holds of every instance, by name."""
        universe = self.universe
        sizes = [universe.size(i) >= 0 for i in universe.indices.values() if universe.is_number(i)]
        found = {"sizes": z3.And(sizes)}
        found |= {f"{_RANGE}{n}": f for n, f in universe.ranges(universe.now, self.system.parameters)}
        found |= {claim.name: self._now(claim.formula(self.system)) for claim in self.argument.given}
        if universe.sizes is None:
            found["elements"] = universe.landings()
        return found

    @cached_property
    def scope(self) -> dict[str, z3.BoolRef]:
        """What the theorems are restricted to, by name."""
        return {claim.name: self._now(claim.formula(self.system)) for claim in self.argument.scope}

    @cached_property
    def runs(self) -> dict[str, z3.BoolRef]:
        """What termination is restricted to besides, by name."""
        return {claim.name: self._now(claim.formula(self.system)) for claim in self.argument.runs}

    def conjuncts(self, look: Look) -> dict[str, z3.BoolRef]:
        """What is claimed of every reachable state, by name, in the state that `look` reads."""
        ranges = {f"{_RANGE}{n}": f for n, f in self.universe.ranges(look, self.system.variables)}
        return ranges | {name: self._in(look, formula) for name, formula in self.formulas.items()}

    @cached_property
    def state(self) -> dict[str, z3.BoolRef]:
        """The conjuncts in the state before a step."""
        return self.conjuncts(self.universe.now)

    def cases(self, look: Look) -> dict[str, z3.BoolRef]:
        """What is claimed of every reachable state, of elements with names: to be shown, not to be used."""
        found = self.conjuncts(look)
        if self.universe.sizes is not None:
            return found
        for name, formula in self.formulas.items():
            bound, inside, body = {}, [], formula
            while isinstance(body, Quantified) and body.kind == "forall":
                index = index_of(body.bound)
                element = bound[body.bound.number] = self.universe.element(index, body.bound.name)
                inside.append(self.universe.is_element(element, index))
                body = body.body
            found[name] = z3.Implies(z3.And(inside), self._in(look, body, bound))
        return found

    @cached_property
    def _cases(self) -> dict[str, z3.BoolRef]:
        return self.cases(self.universe.now)

    def bind(self, action: Action) -> dict[int, z3.ExprRef]:
        """Return fresh constants for the action's parameters."""
        return {p.number: self.universe.element(p.sort, p.name) for p in action.params}

    def enabling(self, action: Action, bound: Bindings) -> dict[str, z3.BoolRef]:
        """What must hold for the action to happen, by the names of its guards and waits."""
        found = {}
        for p in action.params:
            found[f"{p.name} exists"] = self.universe.is_element(bound[p.number], index_of(p))
        for guard in action.guards:
            found[guard.name] = self._now(guard.condition, bound)
        for wait in action.waits:
            other = self.universe.element(wait.bound.sort, wait.bound.name)
            waits = self._now(wait.condition, {**bound, wait.bound.number: other})
            found[f"wait on {wait.on}"] = self.universe.forall([(other, index_of(wait.bound))], z3.Not(waits))
        return found

    # -- invariants

    def obligations(self, steps: Collection[str | None] | None = None) -> Iterator[Obligation]:
        """Yield all obligations; of actions, only those of the steps given."""
        yield from self.initiation()
        for action in self.system.actions:
            if steps is None or action.label in steps:
                yield from self.kept_by(action)
        yield from self.deadlock()

    def initiation(self) -> Iterator[Obligation]:
        """Yield that every conjunct holds initially."""
        nothing: dict[str, z3.BoolRef] = {}
        for name, goal in self.cases(self.universe.initial).items():
            yield Obligation(name, None, nothing, goal, initial=True)

    def kept_by(self, action: Action) -> Iterator[Obligation]:
        """Yield that the action keeps every conjunct that reads what it writes."""
        bound = self.bind(action)
        own = {f"{action.label}: {name}": f for name, f in self.enabling(action, bound).items()}
        after = self.universe.after(action, bound)
        written = {update.variable for update in action.updates}
        for name, claimed in self._cases.items():
            if not self._reads[name].isdisjoint(written):
                yield Obligation(name, action.label, own, after(claimed), near=frozenset({name, *own}))

    # -- freedom from deadlock

    def deadlock(self) -> Iterator[Obligation]:
        """Yield what freedom from deadlock comes down to: (1), then (2)."""
        for action in self.system.actions:
            for wait in action.waits:
                yield self._descends(action, wait)
        yield from self.moves()

    def level(self, owner: z3.ExprRef) -> z3.ExprRef:
        """Return the number of the owner's level; 0 for none."""
        bound = local(self.owner, "owner")
        number = z3.IntVal(0)
        for height, level in enumerate(reversed(self.argument.levels), 1):
            here = level.here(State(self.system, None), bound)
            number = z3.If(self._now(here, {bound.number: owner}), z3.IntVal(height), number)
        return number

    def finished(self, owner: z3.ExprRef) -> z3.BoolRef:
        """Return that the owner is finished."""
        return self._now(self._finished, {self._finished_owner.number: owner})

    def _descends(self, action: Action, wait: Wait) -> Obligation:
        bound = self.bind(action)
        other = self.universe.element(wait.bound.sort, wait.bound.name)
        own = self._waits(action, wait, bound, other, self.universe.is_element)
        me = bound[action.params[0].number]
        goal = z3.And(z3.Not(self.finished(other)), self.level(other) < self.level(me))
        read = reads_of(wait.condition) | set(self.system.programs)
        near = frozenset(own) | {name for name, reads in self._reads.items() if reads <= read}
        return Obligation(descends(wait.on), action.label, own, goal, theorem=DEADLOCK, near=near)

    def _waits(
        self,
        action: Action,
        wait: Wait,
        bound: Bindings,
        other: z3.ExprRef,
        exists: Callable[[z3.ExprRef, Index], z3.BoolRef],
    ) -> dict[str, z3.BoolRef]:
        """What makes a wait-for edge, by name: program order alone, as for the explorer."""
        found = {f"{p.name} exists": exists(bound[p.number], index_of(p)) for p in action.params}
        found["the other exists"] = exists(other, index_of(wait.bound))
        found |= {g.name: self._now(g.condition, bound) for g in action.guards if g.location}
        found[f"wait on {wait.on}"] = self._now(wait.condition, {**bound, wait.bound.number: other})
        return {f"{action.label}: {name}": f for name, f in found.items()}

    def moves(self) -> Iterator[Obligation]:
        """Yield, for each place of the program, that who is there can move, or waits, or is not lowest."""
        universe = self.universe
        me, other = (universe.element(self.owner, name) for name in ("me", "other"))
        lower = z3.Or(self.finished(other), self.level(other) >= self.level(me))
        own = {
            "it exists": universe.is_element(me, self.owner),
            "it is unfinished": z3.Not(self.finished(me)),
            _EVERYBODY: universe.all_of_it(),
            "whom it waits for exists": z3.And(
                [
                    universe.landing(universe.now(v.name, (me,)), v.sort)
                    for v in self.system.variables.values()
                    if v.sort == Maybe(self.owner) and v.indices == (self.owner,)
                ]
            ),
            "whom its tables name exists": z3.And(list(self._named(me))),
            "nobody unfinished is lower": universe.forall([(other, self.owner)], lower),
        }
        always = frozenset(own)
        marks = list(self._landmarks(me))
        own |= {mark.name: fact for mark, _, fact in marks}
        asked = set(self.system.programs).union(*map(_asked, self.system.actions))
        simple = {
            name
            for name, reads in self._reads.items()
            if reads <= asked and not (name in self.formulas and begets(self.formulas[name]))
        }
        program = self.system.program_of(self.owner)
        places = program.sort.values if program is not None else ("some place",)
        values = [z3.IntVal(0)]
        here = values[0]  # without a program all are at one place
        if program is not None:
            values = [universe.value(program.sort, number) for number in range(len(places))]
            here = universe.now(program.variable, (me,))
        near: list[set[str]] = [{mark.name for mark, _, _ in marks} for _ in places]
        nearest: list[set[str]] = [set() for _ in places]
        found: list[list[tuple[z3.ExprRef, Index]]] = [[] for _ in places]
        for mark, first, _ in marks:
            holds = self._at_mark(mark, me, first)
            for names, positions, value in zip(nearest, found, values, strict=True):
                if not z3.is_false(_there(holds, here, value)):
                    names.add(mark.name)
                    positions += [(first, mark.index), (first - 1, mark.index)]
        for action in self.system.actions:
            others = [(universe.element(p.sort, p.name), index_of(p)) for p in action.params[1:]]
            bound = {p.number: e for p, e in zip(action.params, (me, *(e for e, _ in others)), strict=True)}
            there = {
                f"{p.name} exists": universe.is_known(bound[p.number], index_of(p)) for p in action.params[1:]
            }
            never = z3.Not(z3.And(list({**self.enabling(action, bound), **there}.values())))
            disabled = f"{action.label} is disabled"
            facts = {disabled: universe.forall(others, never)}
            if action.hangs:
                hangs = z3.And([self._now(condition, bound) for condition in action.hangs])
                facts[f"{action.label} does not hang"] = universe.forall(others, z3.Not(hangs))
            for wait in action.waits:
                holder = universe.element(wait.bound.sort, wait.bound.name)
                waits = self._waits(action, wait, bound, holder, universe.is_known)
                edge = z3.And(list(waits.values()))
                facts[stays(action.label, wait.on)] = universe.forall(
                    [*others, (holder, index_of(wait.bound))], z3.Not(edge)
                )
            own |= facts
            location = z3.And([self._now(g.condition, bound) for g in action.guards if g.location])
            for place, names, fewer, more, value in zip(places, near, nearest, found, values, strict=True):
                if z3.is_false(_there(location, here, value)):
                    continue
                names.update(facts)
                fewer.update(facts)
                if any(index.ordered for _, index in others):
                    read = _terms(_there(never, here, value))
                    at = [(p, index) for p, index in self._positions(me) if p.get_id() in read]
                    fewer.remove(disabled)
                    fewer.add(f"{disabled}, tried at {place}")
                    own[f"{disabled}, tried at {place}"] = self._tried(others, never, [*at, *more])
        for place, names, fewer, value in zip(places, near, nearest, values, strict=True):
            yield Obligation(
                f"who is at {place} can move, or waits, or is not on the lowest level",
                None,
                own,
                here != value,
                theorem=DEADLOCK,
                near=always | names | simple,
                nearest=(always | fewer | simple | set(self.scope)) - {_EVERYBODY},
            )

    def _tried(
        self,
        others: Sequence[tuple[z3.ExprRef, Index]],
        fact: z3.BoolRef,
        at: Sequence[tuple[z3.ExprRef, Index]],
    ) -> z3.BoolRef:
        """Return a fact about others with these for its positions.

        Tried at every position that is known, it begets ever more of them.
        """
        positions = [(e, index) for e, index in others if index.ordered]
        rest = [(e, index) for e, index in others if not index.ordered]
        names = [e for e, _ in positions]
        choices = itertools.product(*([p for p, of in at if of == index] for _, index in positions))
        tried = [z3.substitute(fact, *zip(names, chosen, strict=True)) for chosen in choices]
        return self.universe.forall(rest, z3.And(tried))

    def _positions(self, me: z3.ExprRef) -> Iterator[tuple[z3.ExprRef, Index]]:
        """Yield the positions that the state has for the owner, or for all."""
        for variable in self.system.variables.values():
            index = index_within(variable.sort)
            if index is not None and index.ordered and variable.indices in ((), (self.owner,)):
                yield self.universe.now(variable.name, (me,) if variable.indices else ()), index

    def _at_mark(self, mark: Landmark, me: z3.ExprRef, at: z3.ExprRef) -> z3.BoolRef:
        """Return that the landmark's condition holds there."""
        owner = local(self.owner, "owner")
        place = Local(Position(mark.index), "place", -1)
        here = mark.here(State(self.system, None), owner, place)
        return self._now(here, {owner.number: me, place.number: at})

    def _named(self, me: z3.ExprRef) -> Iterator[z3.BoolRef]:
        """Yield that those are known whom a table has for the owner and a position, where an action asks.

        Whoever is known brings his positions and his own with him: those that nobody asks for are too many.
        """
        universe = self.universe
        tables = [
            table
            for table in self.system.parameters.values()
            if table.sort == Maybe(self.owner) and len(table.indices) == 2 and table.indices[0] == self.owner
        ]
        asked = set[int]()
        for action in self.system.actions if tables else ():
            others = {p.number: universe.element(p.sort, p.name) for p in action.params[1:]}
            asked |= _terms(z3.And(*self.enabling(action, {action.params[0].number: me, **others}).values()))
        for table in tables:
            position = Position(table.indices[1])
            for declared in self.system.declarations:
                if (declared.sort, declared.indices) == (position, (self.owner,)):
                    named = universe.now(table.name, (me, universe.now(declared.name, (me,))))
                    if named.get_id() in asked:
                        yield universe.landing(named, table.sort)

    def _landmarks(self, me: z3.ExprRef) -> Iterator[tuple[Landmark, z3.ExprRef, z3.BoolRef]]:
        """Yield for each landmark that there is a first place where its condition holds, if there is any.

        The condition is tried at every position that the state or the instance has for the owner, and at the
        end of the order.
        """
        universe = self.universe
        for mark in self.argument.landmarks:
            first = universe.element(mark.index, "first")

            def least(at: z3.ExprRef, mark: Landmark = mark, first: z3.ExprRef = first) -> z3.BoolRef:
                holds, found = (self._at_mark(mark, me, k) for k in (at, first))
                return z3.Implies(holds, z3.And(found, first <= at))

            anywhere = universe.element(mark.index, "place")
            sort = Position(mark.index)
            declared = self.system.declarations
            positions = (d.name for d in declared if (d.sort, d.indices) == (sort, (self.owner,)))
            yield (
                mark,
                first,
                z3.And(
                    universe.belongs(first, sort),
                    universe.landing(first, sort),
                    universe.landing(first - 1, sort),
                    universe.forall([(anywhere, mark.index)], least(anywhere)),
                    *(least(universe.now(name, (me,))) for name in positions),
                    least(universe.size(mark.index)),
                ),
            )
