"""Systems: declared state, actions recorded once from Python functions, and properties.

An action is a Python function of the state and its parameters. It runs once, on proxies; what it requires,
waits for and assigns is recorded as expressions. All reads are of the state before the step, whatever the
order of the lines. Waiting is first class: one `wait_while` gives the guard, the wait-for edges, the words
of an explanation and (for the prover) the obligation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cowpath.model.language.errors import fail, recording
from cowpath.model.language.expression import Expr, Local, Operand, Param, Read, coerce, exists, local, nobody
from cowpath.model.language.sorts import BOOL, Index, Maybe, Sort


@dataclass(frozen=True)
class Variable:
    """Part of the state: one value of `sort` for each combination of `indices`.

    `initial` is an expression over the locals `bound`, one for each index. `unset` is the word that a
    trace uses for the value "nobody"; an `internal` variable's changes are left out of traces as text.
    """

    name: str
    indices: tuple[Index, ...]
    sort: Sort
    bound: tuple[Local, ...]
    initial: Expr
    unset: str
    internal: bool


@dataclass(frozen=True)
class Parameter:
    """A rigid function that the instance supplies: never changed by a step."""

    name: str
    indices: tuple[Index, ...]
    sort: Sort


@dataclass(frozen=True)
class Guard:
    """A named condition without which the action is disabled; `location` marks mere program order."""

    name: str
    condition: Expr
    location: bool


@dataclass(frozen=True)
class Wait:
    """The action is disabled while some element (`bound`) satisfies the condition: a wait-for edge to it.

    `on` names what is waited on, `held` what the other holds that stands in the way.
    """

    bound: Local
    condition: Expr
    on: str
    held: str


@dataclass(frozen=True)
class Update:
    """`variable[indices] := value`, for all values of the locals `bound`."""

    variable: str
    indices: tuple[Expr, ...]
    bound: tuple[Local, ...]
    value: Expr


@dataclass(frozen=True)
class Observation:
    """What a step sees, for traces only: `value` for each element `bound` that satisfies the condition."""

    label: str
    bound: Local
    condition: Expr
    value: Expr
    unset: str


@dataclass(frozen=True)
class Action:
    """One atomic step. The first parameter is the owner: who moves, and who waits."""

    label: str
    says: str
    source: str
    params: tuple[Local, ...]
    guards: tuple[Guard, ...]
    waits: tuple[Wait, ...]
    updates: tuple[Update, ...]
    observations: tuple[Observation, ...]

    @property
    def guard_names(self) -> tuple[str, ...]:
        """Names of everything that can disable the action."""
        return tuple(g.name for g in self.guards) + tuple(f"wait on {w.on}" for w in self.waits)

    def without(self, guard: str) -> Action:
        """Return the action with the guard or wait of that name deleted."""
        if guard not in self.guard_names:
            raise KeyError(f"{self.label} has no guard '{guard}'; it has: {', '.join(self.guard_names)}")
        return replace(
            self,
            guards=tuple(g for g in self.guards if g.name != guard),
            waits=tuple(w for w in self.waits if f"wait on {w.on}" != guard),
        )


@dataclass(frozen=True)
class Property:
    """`always`: true in every reachable state. `sometimes`: true in at least one."""

    name: str
    kind: str
    formula: Expr


@dataclass
class System:
    """A model: what is declared, what may happen, and what is claimed of it."""

    name: str
    variables: dict[str, Variable] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    finished: tuple[Local, Expr] | None = None
    pending: tuple[Local, Expr] | None = None

    @property
    def declarations(self) -> list[Variable | Parameter]:
        """All that is declared, variables first."""
        return [*self.variables.values(), *self.parameters.values()]

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
    ) -> None:
        """Declare a variable; `initial` is a value or a function of (state, *indices).

        The default initial value is false, or nobody.
        """
        self._is_new(name)
        with recording(f"variable {name}"):
            bound = tuple(local(index, index.name.lower()) for index in indices)
            value: Any = initial(State(self, None), *bound) if callable(initial) else initial
            if value is None:
                value = nobody(sort.index) if isinstance(sort, Maybe) else False
            self.variables[name] = Variable(name, indices, sort, bound, coerce(value, sort), unset, internal)

    def _is_new(self, name: str) -> None:
        if name in self.variables or name in self.parameters:
            fail(f"'{name}' is declared twice")

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
                recorder = _Recorder()
                locals_ = tuple(local(index, name) for name, index in params.items())
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
                )
            )

        return record

    def always(self, name: str, formula: Callable[[State], Expr]) -> None:
        """Claim that the formula is true in every reachable state."""
        self._claim(name, "always", formula)

    def sometimes(self, name: str, formula: Callable[[State], Expr]) -> None:
        """Claim that some reachable state satisfies the formula (the vacuity check)."""
        self._claim(name, "sometimes", formula)

    def _claim(self, name: str, kind: str, formula: Callable[[State], Expr]) -> None:
        with recording(f"property {name}"):
            self.properties.append(Property(name, kind, coerce(formula(State(self, None)), BOOL)))

    def terminal(self, owner: Index, formula: Callable[[State, Expr], Expr]) -> None:
        """Say when an owner counts as finished; a state where nobody can move must find all finished."""
        with recording("terminal"):
            bound = local(owner, "owner")
            self.finished = (bound, coerce(formula(State(self, None), bound), BOOL))

    def progress(self, owner: Index, pending: Callable[[State, Expr], Expr]) -> None:
        """Claim that no owner stays pending for ever, if it goes on whenever it again and again could.

        An owner that is not pending may stay where it is: what it does then is an arrival.
        """
        with recording("progress"):
            bound = local(owner, "owner")
            self.pending = (bound, coerce(pending(State(self, None), bound), BOOL))

    def without(self, label: str, guard: str) -> System:
        """Return a copy in which one guard of one action is deleted (to see whether it is needed)."""
        if all(action.label != label for action in self.actions):
            raise KeyError(f"no action '{label}'")
        return replace(self, actions=[a.without(guard) if a.label == label else a for a in self.actions])


class _Recorder:
    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.waits: list[Wait] = []
        self.updates: list[Update] = []
        self.observations: list[Observation] = []
        self.scope: list[Local] = []


class Cells:
    """An indexed variable or parameter, to be subscripted."""

    def __init__(self, state: State, declared: Variable | Parameter) -> None:
        self._state = state
        self._declared = declared

    def _indices(self, given: Any) -> tuple[Expr, ...]:
        given = given if isinstance(given, tuple) else (given,)
        declared = self._declared
        if len(given) != len(declared.indices):
            fail(f"{declared.name} takes {len(declared.indices)} indices, {len(given)} given")
        for value, index in zip(given, declared.indices, strict=True):
            sort = value.sort if isinstance(value, Expr) else type(value).__name__
            if sort != index and getattr(sort, "index", None) != index:
                fail(f"wrong sort: {declared.name} is indexed by {index}, {sort} given")
        return tuple(given)

    def __getitem__(self, given: Any) -> Expr:
        node = Read if isinstance(self._declared, Variable) else Param
        return node(self._declared.sort, self._declared.name, self._indices(given))

    def __setitem__(self, given: Any, value: Operand) -> None:
        self._state._assign(self._declared, self._indices(given), value)


class State:
    """The state as an action's text sees it: variables and parameters by name, and what can be said of it.

    Typed loosely on purpose (`state.anything`): names are checked when the text is recorded, and an
    undeclared one is reported with the action and line.
    """

    def __init__(self, system: System, recorder: _Recorder | None) -> None:
        object.__setattr__(self, "_system", system)
        object.__setattr__(self, "_recorder", recorder)

    def _declared(self, name: str) -> Variable | Parameter:
        system: System = self._system
        found = system.variables.get(name) or system.parameters.get(name)
        if found is None:
            names = sorted([*system.variables, *system.parameters])
            fail(f"no variable or parameter '{name}' is declared; declared are: {', '.join(names)}")
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        declared = self._declared(name)
        if declared.indices:
            return Cells(self, declared)
        node = Read if isinstance(declared, Variable) else Param
        return node(declared.sort, name, ())

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setattr__(self, name: str, value: Operand) -> None:
        declared = self._declared(name)
        if declared.indices:
            fail(f"{name} is indexed by {', '.join(map(str, declared.indices))}: assign one of its cells")
        self._assign(declared, (), value)

    def _recording(self) -> _Recorder:
        if self._recorder is None:
            fail("only an action may require, wait, assign or observe")
        recorder: _Recorder = self._recorder
        return recorder

    def _assign(self, declared: Variable | Parameter, indices: tuple[Expr, ...], value: Operand) -> None:
        recorder = self._recording()
        if isinstance(declared, Parameter):
            fail(f"{declared.name} is a parameter of the instance: no step may change it")
        bound = tuple(recorder.scope)
        stray = [b.name for b in bound if not any(b is index for index in indices)]
        if stray:
            fail(f"{declared.name} is assigned for each {', '.join(stray)} but not indexed by it")
        recorder.updates.append(Update(declared.name, indices, bound, coerce(value, declared.sort)))

    def require(self, condition: Expr, name: str, *, location: bool = False) -> None:
        """Disable the action where the condition does not hold; the name is how reports speak of it."""
        recorder = self._recording()
        if any(guard.name == name for guard in recorder.guards):
            fail(f"two guards are named '{name}'")
        recorder.guards.append(Guard(name, coerce(condition, BOOL), location))

    def wait_while(self, index: Index, condition: Callable[[Expr], Expr], *, on: str, held: str) -> None:
        """Make the owner wait for every element of the index sort that satisfies the condition."""
        recorder = self._recording()
        if any(wait.on == on for wait in recorder.waits):
            fail(f"two waits are on '{on}'")
        quantified: Any = exists(index, condition)
        recorder.waits.append(Wait(quantified.bound, quantified.body, on, held))

    def each(self, index: Index) -> Iterator[Expr]:
        """Bind a variable for the loop's body, which runs once: its assignments are for all elements."""
        recorder = self._recording()
        bound = local(index, index.name.lower())
        recorder.scope.append(bound)
        yield bound
        recorder.scope.pop()

    def observe(
        self,
        label: str,
        index: Index,
        where: Callable[[Expr], Expr],
        value: Callable[[Expr], Expr],
        *,
        unset: str,
    ) -> None:
        """Note what the step sees, for traces: the value for each element where the condition holds."""
        quantified: Any = exists(index, where)
        seen = value(quantified.bound)
        self._recording().observations.append(
            Observation(label, quantified.bound, quantified.body, seen, unset)
        )
