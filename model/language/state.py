"""The state as the text of an action sees it: variables by name, and what an action can say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import Any

from cowpath.model.language.action import (
    HANGS,
    Guard,
    List,
    Observation,
    Transfer,
    Update,
    Wait,
    hanging,
)
from cowpath.model.language.declarations import Declarations, Parameter, Variable
from cowpath.model.language.errors import fail
from cowpath.model.language.expression import Expr, If, Local, Operand, Param, Read, coerce, exists, local
from cowpath.model.language.program import Program, Region
from cowpath.model.language.sorts import BOOL, Enum, Index


class Recorder:
    """What one action's text has said so far."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.waits: list[Wait] = []
        self.updates: list[Update] = []
        self.observations: list[Observation] = []
        self.transfer: Transfer | None = None
        self.parks_on: Local | None = None
        self.scope: list[Local] = []
        self.owner: Local | None = None


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

    def __init__(self, system: Declarations, recorder: Recorder | None) -> None:
        object.__setattr__(self, "_system", system)
        object.__setattr__(self, "_recorder", recorder)

    def _declared(self, name: str) -> Variable | Parameter:
        system: Declarations = self._system
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

    def _recording(self) -> Recorder:
        if self._recorder is None:
            fail("only an action may require, wait, assign or observe")
        recorder: Recorder = self._recorder
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
        """Disable the action where the condition does not hold; the name is how reports speak of it.

        `location`: it is mere program order, nothing that a developer could leave out.
        """
        recorder = self._recording()
        if any(guard.name == name for guard in recorder.guards):
            fail(f"two guards are named '{name}'")
        recorder.guards.append(Guard(name, coerce(condition, BOOL), location))

    # -- where an owner is

    def _program(self, r: Expr, named: str | None) -> Program:
        system: Declarations = self._system
        sort: Any = getattr(r.sort, "index", r.sort)
        found = system.programs.get(named) if named is not None else system.program_of(sort)
        if found is None:
            fail(
                f"no program of {sort} is declared" if named is None else f"no program '{named}' is declared"
            )
        return found

    def is_at(self, r: Expr, *places: str, program: str | None = None) -> Expr:
        """Tell whether owner r is at one of the places of its (first) program."""
        return self._program(r, program).at(r, *places)

    def within(self, r: Expr, *regions: Region, program: str | None = None) -> Expr:
        """Tell whether owner r is at a place of one of the regions."""
        return self._program(r, program).within(r, *regions)

    def place(self, r: Expr, name: str, program: str | None = None) -> Expr:
        """Return a place of owner r's program, for a branch of `If`."""
        return coerce(name, self._program(r, program).sort)

    def require_at(self, r: Expr, *places: str, program: str | None = None) -> None:
        """Require that owner r is at one of the places: program order, not synchronisation."""
        self.require(self.is_at(r, *places, program=program), "at " + " or ".join(places), location=True)

    def go(self, r: Expr, place: Operand, program: str | None = None) -> None:
        """Let owner r go on to the place."""
        counter = self._program(r, program)
        self[counter.variable][r] = place

    # -- whom it waits for

    def wait_on(self, waited: List, index: Index, condition: Callable[[Expr], Expr]) -> None:
        """Make the owner wait on the list for every element that satisfies the condition."""
        recorder = self._recording()
        if any(wait.on == waited.name for wait in recorder.waits):
            fail(f"two waits are on '{waited.name}'")
        quantified: Any = exists(index, condition)
        recorder.waits.append(Wait(quantified.bound, quantified.body, waited))

    def wait_while(
        self, index: Index, condition: Callable[[Expr], Expr], *, on: List | str, held: str = ""
    ) -> None:
        """Make the owner wait for every element of the index sort that satisfies the condition.

        `on`: the list that it waits on, or the name of one that nothing else is said of.
        """
        self.wait_on(List(on, held or "what it waits for") if isinstance(on, str) else on, index, condition)

    def parks_on(self, other: Expr) -> None:
        """Note that by this step the owner begins to wait for the other, a parameter of the action."""
        if not isinstance(other, Local):
            fail("parks_on takes one of the action's parameters")
        self._recording().parks_on = other

    # -- what it transfers

    def read_from(
        self,
        disk: str,
        index: Index,
        where: Callable[[Expr], Expr],
        *,
        fails: str | None = None,
        when: Expr | None = None,
    ) -> None:
        """Read the disk, a variable, at every element where the condition holds.

        `fails`: the fault that strikes a request whose read is to fail; this step is of those that succeed.
        By its `hanging` the read never completes. `when`: something is read at all, if that is not certain.
        """
        declared = self._disk(disk, index)
        self._transfer(disk, index, where, writes=False, fails=fails, when=when)
        self.observe("reads", index, where, lambda x: self[disk][x], unset=declared.unset)

    def write_to(
        self,
        disk: str,
        index: Index,
        where: Callable[[Expr], Expr],
        value: Callable[[Expr], Operand],
        *,
        fails: str | None = None,
    ) -> None:
        """Write the value to the disk, a variable, at every element where the condition holds.

        `fails`: as for a read.
        """
        self._disk(disk, index)
        self._transfer(disk, index, where, writes=True, fails=fails)
        for x in self.each(index):
            self[disk][x] = If(where(x), value(x), self[disk][x])

    def fails(self, fault: str, name: str) -> None:
        """Require that the fault strikes the owner: this step is a transfer that fails."""
        self.require(self.struck(fault), name, location=True)

    def struck(self, fault: str) -> Expr:
        """Tell whether the fault strikes the owner."""
        system, recorder = self._system, self._recording()
        if system.faults is None:
            fail("no faults are declared: system.faults(owner, sort) says which may strike")
        if recorder.owner is None:
            fail("an action needs at least one parameter, its owner")
        struck: Expr = self[system.faults][recorder.owner] == fault
        return struck

    def _disk(self, disk: str, index: Index) -> Variable:
        declared = self._declared(disk)
        if not isinstance(declared, Variable) or declared.indices != (index,):
            fail(f"{disk} is no disk: a variable indexed by {index} is wanted")
        return declared

    def _transfer(
        self,
        disk: str,
        index: Index,
        where: Callable[[Expr], Expr],
        *,
        writes: bool,
        fails: str | None,
        when: Expr | None = None,
    ) -> None:
        recorder = self._recording()
        if recorder.transfer is not None:
            fail("a step transfers data once: it reads or writes one disk")
        quantified: Any = exists(index, where)
        if fails is None:
            recorder.transfer = Transfer(disk, writes, quantified.bound, quantified.body, None)
            return

        def strikes(*faults: Expr) -> Expr:
            struck = reduce(or_, faults)
            return struck if when is None else when & struck

        for_ever = [self.struck(word) for word in (HANGS, hanging(fails)) if self._is_fault(word)]
        hangs = strikes(*for_ever) if for_ever else None
        completes = f"the {'write' if writes else 'read'} succeeds"
        self.require(~strikes(self.struck(fails), *for_ever), completes, location=True)
        recorder.transfer = Transfer(disk, writes, quantified.bound, quantified.body, fails, completes, hangs)

    def _is_fault(self, word: str) -> bool:
        system: Declarations = self._system
        declared = system.parameters.get(system.faults or "")
        return declared is not None and isinstance(declared.sort, Enum) and word in declared.sort.values

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
