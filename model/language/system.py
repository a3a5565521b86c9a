"""Systems: declared state, actions recorded once from Python functions, and properties.

An action is a Python function of the state and its parameters. It runs once, on proxies; what it requires,
waits for and assigns is recorded as expressions. All reads are of the state before the step, whatever the
order of the lines. Waiting is first class: one `wait_on` gives the guard, the wait-for edges, the words
of an explanation and (for the prover) the obligation. So are programs (where an owner is), lists (what it
waits on) and transfers (which disk a step reads or writes).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any

from cowpath.model.language.action import Action, List, Wait
from cowpath.model.language.declarations import Declarations, Parameter, Variable
from cowpath.model.language.errors import fail, recording
from cowpath.model.language.expression import (
    Expr,
    Local,
    Operand,
    Quantified,
    Read,
    coerce,
    local,
    nobody,
    parts,
    replaced,
)
from cowpath.model.language.program import Program, Region
from cowpath.model.language.sorts import BOOL, Enum, Index, Maybe, Places, Sort
from cowpath.model.language.state import Recorder, State

__all__ = ["Action", "List", "Parameter", "Property", "State", "System", "Variable"]

ALWAYS, SOMETIMES = "always", "sometimes"


@dataclass(frozen=True)
class Property:
    """`always`: true in every reachable state. `sometimes`: true in at least one.

    `means`: what it says, in words. `standard`: it is asked when no property is named. `fatal`: a run of an
    implementation dies where it falls.
    """

    name: str
    kind: str
    formula: Expr
    means: str = ""
    standard: bool = True
    fatal: bool = False


Properties = list[Property]


@dataclass
class System(Declarations):
    """A model: what is declared, what may happen, and what is claimed of it."""

    properties: Properties = field(default_factory=lambda: [])
    finished: tuple[Local, Expr] | None = None
    pending: tuple[Local, Expr] | None = None
    live: dict[str, tuple[Local, Expr]] = field(default_factory=lambda: {})

    @property
    def owners(self) -> Index:
        """The sort of those who move and wait; what is `terminal` must have been said."""
        assert self.finished is not None
        sort = self.finished[0].sort
        assert isinstance(sort, Index)
        return sort

    def parameter(self, name: str, *indices: Index, sort: Sort = BOOL) -> None:
        """Declare a rigid function."""
        self._is_new(name)
        self.parameters[name] = Parameter(name, indices, sort)

    def variable(
        self,
        name: str,
        *indices: Index,
        sort: Sort = BOOL,
        initial: Operand | Callable[..., Operand] | None = None,
        unset: str = "nobody",
        internal: bool = False,
        called: str = "",
    ) -> None:
        """Declare a variable; `initial` is a value, or a function of the state and the indices.

        The default initial value is false, or nobody. `called`: what pages call it, if not by its name.
        """
        self._is_new(name)
        with recording(f"variable {name}"):
            bound = tuple(local(index, index.name.lower()) for index in indices)
            value: Any = initial(State(self, None), *bound) if callable(initial) else initial
            if value is None:
                value = nobody(sort.index) if isinstance(sort, Maybe) else False
            self.variables[name] = Variable(
                name, indices, sort, bound, coerce(value, sort), unset, internal, called
            )

    def _is_new(self, name: str) -> None:
        if hasattr(State, name):
            fail(f"'{name}' is a word of the language; accepted: another name")
        if name in self.variables or name in self.parameters:
            fail(f"'{name}' is declared twice")

    def program(
        self,
        owner: Index,
        name: str = "pc",
        *,
        start: str = "idle",
        places: tuple[str, ...] = (),
        ends: tuple[str, ...] = (),
        says: str = "not under way",
        within: tuple[Region, ...] = (),
    ) -> Program:
        """Declare where an owner is in its program, a variable of that name, and return it to declare places.

        `start`: the place at which every owner begins, `says` in words. `ends`: where the owner is over.
        `places`: others, of which their names say all; more are declared by `Program.place`.
        `within`: regions that these belong to. The first program of an owner is what its actions' `go`,
        `is_at` and `require_at` speak of.
        """
        self._is_new(name)
        sort = Places(name.capitalize())
        made = Program(name, owner, sort, start, ends)
        with recording(f"program {name}"):
            made.place(start, says, within=within)
            for place in places:
                made.place(place)
            for end in ends:
                made.place(end, end, within=within)
            self.programs[name] = made
            self.variable(name, owner, sort=sort, initial=start, internal=True)
        return made

    def begins(self, program: Program, at: Callable[[State, Expr], Operand]) -> None:
        """Let each owner begin at a place of its own, a function of the instance's parameters."""
        with recording(f"program {program.variable}"):
            variable = self.variables[program.variable]
            initial = coerce(at(State(self, None), variable.bound[0]), program.sort)
            self.variables[program.variable] = replace(variable, initial=initial)

    def list(
        self,
        name: str,
        *,
        held: str,
        member: Callable[[State, Expr], Expr] | None = None,
        leaving: Callable[[State, Expr], Expr] | None = None,
    ) -> List:
        """Declare what is waited on; see `List`."""
        if name in self.lists:
            fail(f"two lists are named '{name}'")
        self.lists[name] = List(name, held, member, leaving)
        return self.lists[name]

    def faults_of(self, owner: Index, sort: Enum, name: str = "fault") -> None:
        """Declare which fault strikes an owner, a rigid function: "none", or a word that `fails=` uses."""
        self.parameter(name, owner, sort=sort)
        self.faults = name

    def action(
        self, label: str, *, says: str = "", source: str = "", **params: Index
    ) -> Callable[[Callable[..., None]], None]:
        """Record the decorated function as an action; its docstring is "what it does. Source: where from"."""

        def record(body: Callable[..., None]) -> None:
            doc, _, cited = inspect.cleandoc(body.__doc__ or "").partition("Source:")
            with recording(f"action {label}"):
                if any(action.label == label for action in self.actions):
                    fail("another action has this label")
                if not params:
                    fail("an action needs at least one parameter, its owner")
                recorder = Recorder()
                locals_ = tuple(local(index, name) for name, index in params.items())
                recorder.owner = locals_[0]
                body(State(self, recorder), *locals_)
            self.actions.append(
                Action(
                    label,
                    says or " ".join(doc.split()),
                    source or " ".join(cited.split()),
                    locals_,
                    tuple(recorder.guards),
                    tuple(recorder.waits),
                    tuple(recorder.updates),
                    tuple(recorder.observations),
                    recorder.transfer,
                    recorder.parks_on,
                )
            )

        return record

    def always(
        self,
        name: str,
        formula: Callable[[State], Expr],
        *,
        means: str = "",
        standard: bool = True,
        fatal: bool = False,
    ) -> None:
        """Claim that the formula is true in every reachable state; see `Property`."""
        self._claim(name, ALWAYS, formula, means, standard, fatal)

    def sometimes(self, name: str, formula: Callable[[State], Expr], *, means: str = "") -> None:
        """Claim that some reachable state satisfies the formula (the vacuity check)."""
        self._claim(name, SOMETIMES, formula, means, False, False)

    def _claim(
        self, name: str, kind: str, formula: Callable[[State], Expr], means: str, standard: bool, fatal: bool
    ) -> None:
        with recording(f"property {name}"):
            if any(known.name == name for known in self.properties):
                fail("another property has this name")
            claimed = coerce(formula(State(self, None)), BOOL)
            self.properties.append(Property(name, kind, claimed, means, standard, fatal))

    def terminal(self, owner: Index, formula: Callable[[State, Expr], Expr] | None = None) -> None:
        """Say when an owner counts as finished; a state where nobody can move must find all finished.

        Without a formula: at the end of its program.
        """
        with recording("terminal"):
            bound, state = local(owner, "owner"), State(self, None)
            program = self.program_of(owner)
            if formula is None and program is None:
                fail(f"no program of {owner} is declared: say by a formula when one is finished")
            ends = program.ends if program is not None else ()
            finished = formula(state, bound) if formula else state.is_at(bound, *ends)
            self.finished = (bound, coerce(finished, BOOL))

    def progress(
        self,
        owner: Index,
        pending: Callable[[State, Expr], Expr],
        live: Mapping[str, Callable[[State, Expr], Expr]] | None = None,
    ) -> None:
        """Claim that no owner stays pending for ever, if it goes on whenever it again and again could.

        An owner that is not pending may stay where it is: what it does then is an arrival.
        `live`: properties by name, each of which claims so of the owners of which its condition, one on the
        instance alone, holds; without it `progress` does of all.
        """
        with recording("progress"):
            bound, state = local(owner, "owner"), State(self, None)
            self.pending = (bound, coerce(pending(state, bound), BOOL))
            claimed = live or {"progress": lambda s, r: coerce(True, BOOL)}
            self.live = {name: (bound, coerce(of(state, bound), BOOL)) for name, of in claimed.items()}
            for name, (_, owners) in self.live.items():
                if _reads(owners):
                    fail(f"of whom {name} is claimed depends on the state; accepted: parameters alone")

    def waits_for(self, r: Expr, q: Expr, *lists: List, arrived: bool = True) -> Expr:
        """Return whether owner r has come to a recorded wait that q keeps closed, on one of the lists.

        Who is at the start of its program has not come anywhere yet; not `arrived`: it has, too. Complete
        only when all actions are recorded. None of the lists named: all.
        """
        names = {each.name for each in lists} or {wait.on for action in self.actions for wait in action.waits}
        found = coerce(False, BOOL)
        for action in self.actions:
            for wait in action.waits:
                if wait.on in names and wait.bound.sort == q.sort and action.params[0].sort == r.sort:
                    found = found | self._edge(action, wait, r, q, arrived)
        return found

    def hangs(self, r: Expr) -> Expr | None:
        """Return whether owner r is in a transfer that never completes; None if none can.

        Complete only when all actions are recorded.
        """
        found: Expr | None = None
        for action in self.actions:
            if action.hangs and action.params[0].sort == r.sort:
                hangs = _somehow(action, reduce(and_, action.hangs), {action.params[0].number: r})
                found = hangs if found is None else found | hangs
        return found

    def _edge(self, action: Action, wait: Wait, r: Expr, q: Expr, arrived: bool) -> Expr:
        met = reduce(lambda edge, here: here & edge, action.location, wait.condition)
        edge = _somehow(action, met, {action.params[0].number: r, wait.bound.number: q})
        assert isinstance(r.sort, Index)
        program = self.program_of(r.sort)
        return ~program.at(r, program.start) & edge if program is not None and arrived else edge

    def without(self, label: str, guard: str) -> System:
        """Return a copy in which one guard of one action is deleted (to see whether it is needed)."""
        if all(action.label != label for action in self.actions):
            raise KeyError(f"no action '{label}'")
        return replace(self, actions=[a.without(guard) if a.label == label else a for a in self.actions])


def _reads(expr: Expr) -> bool:
    """Tell whether the expression reads a variable."""
    return isinstance(expr, Read) or any(_reads(part) for part in parts(expr))


def _somehow(action: Action, condition: Expr, bound: Mapping[int, Expr]) -> Expr:
    """Return that the condition holds for some of the action's parameters beside the owner."""
    for other in reversed(action.params[1:]):
        condition = Quantified(BOOL, "exists", other, condition)
    return replaced(condition, bound)
