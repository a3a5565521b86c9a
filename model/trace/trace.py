"""Counterexamples: a path replayed step by step by the reference, with what each step did and saw."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.language.expression import Read
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import Action, Property, State, System
from cowpath.model.trace.conjunct import Fact, failed
from cowpath.model.trace.waiting import (
    ReplayError,
    WaitEdge,
    blocked_in,
    explain_deadlock,
    stalled,
    waits,
)

Path = Sequence[tuple[Action, tuple[int, ...]]]
STALL = "stall"
"""The property that nobody waits for a transfer that never completes."""
REFINEMENT = "refinement"
"""The property of an implementation that the model makes every step which it makes."""


@dataclass(frozen=True)
class Change:
    """A component of the state before and after a step, in words; `internal`: left out of the text."""

    what: str
    before: str
    after: str
    internal: bool

    @property
    def says(self) -> str:
        """The change in words."""
        verb = {("no", "yes"): "set", ("yes", "no"): "cleared"}.get((self.before, self.after))
        return f"{self.what} {verb}" if verb else f"{self.what} := {self.after}"


@dataclass(frozen=True)
class Seen:
    """What a step saw: a label, the values by place, in words, and of which variable, if of one."""

    label: str
    values: tuple[tuple[str, str], ...]
    of: str | None

    @property
    def says(self) -> str:
        """The values in words, each with its places unless all are the same."""
        if {value for _, value in self.values} <= {"yes", "no"}:
            verdicts = {"yes": self.label, "no": f"not {self.label}"}
            return grouped(((place, verdicts[value]) for place, value in self.values), "")
        values = grouped(self.values, "at ")
        return values if self.label == "reads" else f"{self.label} {values}"


@dataclass(frozen=True)
class TraceStep:
    """One step: who did what, by which rule, what changed and what was seen.

    `arguments` are the values of all the action's parameters in words, the owner's first. `assigns` names the
    variables that the rule assigns, whether or not that changes anything. `waits_for`: whom the owner begins
    to wait for by it; "" if it does not park.
    """

    number: int
    action: str
    says: str
    source: str
    owner: str
    changes: tuple[Change, ...]
    seen: tuple[Seen, ...]
    arguments: tuple[str, ...]
    assigns: tuple[str, ...]
    waits_for: str = ""

    @property
    def does(self) -> str:
        """What it does, as the end of a sentence that its owner begins."""
        says = self.says.rstrip(".")
        return f"{says[:1].lower()}{says[1:]}"

    @property
    def details(self) -> tuple[str, ...]:
        """What it saw and changed, in words, but for what is internal."""
        seen = [seen.says for seen in self.seen]
        return (*seen, *(change.says for change in self.changes if not change.internal))


Words = Mapping[tuple[str, ...], str]
"""A function in words: values by indices."""


@dataclass(frozen=True)
class TraceState:
    """A state that is put in words when somebody looks, for most are never looked at."""

    reference: Reference = field(repr=False, compare=False)
    state: Vector

    @cached_property
    def values(self) -> Mapping[str, Words]:
        """Each variable's values."""
        layout, show = self.reference.layout, self.reference.instance.show
        values: dict[str, dict[tuple[str, ...], str]] = {name: {} for name in self.reference.system.variables}
        for position, cell in enumerate(layout.cells):
            indices = self.reference.system.variables[cell.variable].indices
            places = tuple(map(show, indices, cell.indices))
            values[cell.variable][places] = layout.show_value(position, self.state[position])
        return values

    @cached_property
    def on_lists(self) -> Mapping[str, frozenset[str]]:
        """Who is on each list that the system says the members of."""
        reference = self.reference
        lists = {wait.list.name: wait for action in reference.system.actions for wait in action.waits}
        found = {}
        for name, wait in lists.items():
            if wait.list.member is not None:
                bound, index = wait.bound, wait.bound.sort
                member = wait.list.member(State(reference.system, None), bound)
                found[name] = frozenset(
                    reference.instance.show(index, i)
                    for i in range(index.size(reference.instance.sizes))
                    if reference.value(member, self.state, {bound.number: i})
                )
        return found

    def __getstate__(self) -> dict[str, object]:
        """Put everything in words: what is sent to another process has no model with it."""
        words = {"values": self.values, "waits": self.waits, "on_lists": self.on_lists}
        return {"state": self.state, **words}

    @cached_property
    def waits(self) -> tuple[WaitEdge, ...]:
        """The waits of those who are unfinished and cannot move."""
        blocked = blocked_in(self.reference, self.state)[1]
        return tuple(dict.fromkeys(edge for _, _, edge in waits(self.reference, self.state, blocked)))


@dataclass(frozen=True)
class Scene:
    """What pictures of a trace must know of its system.

    `owners`: what they are called. `program`: the variable that says where each is ("" if there is none),
    with the place where it starts, those where it ends, and all its `places` in words. `disks`: the variables
    that steps transfer data from or to, in words, and `cells`, the elements by which each is indexed.
    `flags`: what may be true of an owner and is shown, in words; `shared`: what is shown that is nobody's.
    """

    owners: tuple[str, ...] = ()
    program: str = ""
    start: str = ""
    ends: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    disks: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """A path from the initial state to one that decides the property; `cycle` is set for a deadlock.

    `stuck` lists every wait of the last state when nobody can move there and no cycle is closed; for `stall`,
    those for somebody whose transfer never completes. For `progress` the steps from number `loop` on are
    repeated for ever: `starved` are who can starve, the first of them does so here, and `passed` are its
    waits in the loop, each once. A walk by hand is not `shortest`, and has no property ("") as long as it
    decides none. For `refinement` the steps are those by which the model follows a run of an implementation;
    `refused` says what that did next, and why the model does not; "" if it follows to the end.
    """

    design: str
    scenario: str
    property: str
    steps: tuple[TraceStep, ...]
    cycle: tuple[WaitEdge, ...]
    stuck: tuple[WaitEdge, ...]
    unfinished: tuple[str, ...]
    loop: int | None = None
    starved: tuple[str, ...] = ()
    passed: tuple[WaitEdge, ...] = ()
    shortest: bool = True
    conjunct: str = ""
    facts: tuple[Fact, ...] = ()
    removed: tuple[str, ...] = ()
    refused: str = ""
    states: tuple[TraceState, ...] = ()
    setting: Mapping[str, Words] = field(default_factory=dict)
    elements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scene: Scene = Scene()

    @builtins.property  # `property` is a field here
    def fails(self) -> bool:
        """Whether it shows that a property is violated, and not a witness or a walk."""
        return bool(self.refused) or self.property not in ("", "concurrency", REFINEMENT)


def replay(
    system: System,
    instance: Instance,
    scenario: str,
    name: str,
    path: Path,
    *,
    shortest: bool = True,
) -> Trace:
    """Follow the path with the reference semantics and return it as a trace for the property `name`, if any.

    Raises `ReplayError` if a step is not enabled or the last state does not show what it should.
    """
    reference = Reference(system, instance)
    steps, states = follow(reference, path)
    state = states[-1]
    cycle: tuple[WaitEdge, ...] = ()
    stuck: tuple[WaitEdge, ...] = ()
    unfinished: tuple[str, ...] = ()
    conjunct = ""
    facts: tuple[Fact, ...] = ()
    claims = {claim.name: claim for claim in system.properties}
    if name == "deadlock":
        cycle, stuck, unfinished = explain_deadlock(reference, state)
    elif name and (name not in claims or not _decides(reference, state, claims[name])):
        raise ReplayError(f"the last state of the trace does not decide '{name}' in the reference")
    elif name == STALL:
        stuck = stalled(reference, state)
    elif name and claims[name].kind == "always":
        conjunct, facts = failed(reference, claims[name].formula, state)
    return Trace(
        system.name,
        scenario,
        name,
        steps,
        cycle,
        stuck,
        unfinished,
        shortest=shortest,
        conjunct=conjunct,
        facts=facts,
        states=tuple(TraceState(reference, each) for each in states),
        setting=setting(reference),
        elements=instance.names,
        scene=scene(reference),
    )


def decided_by(reference: Reference, state: Vector, names: Sequence[str]) -> str:
    """Return the first of the properties that falls in the state, `deadlock` before others; "" if none."""
    if "deadlock" in names:
        try:
            explain_deadlock(reference, state)
            return "deadlock"
        except ReplayError:
            pass
    always = (
        claim for claim in reference.system.properties if claim.kind == "always" and claim.name in names
    )
    return next((claim.name for claim in always if _decides(reference, state, claim)), "")


def follow(reference: Reference, path: Path) -> tuple[tuple[TraceStep, ...], tuple[Vector, ...]]:
    """Return the path's steps in words, and its states, the initial one first.

    Raises `ReplayError` if a step is not enabled.
    """
    states = [reference.initial()]
    steps = []
    for number, (action, arguments) in enumerate(path, 1):
        if not reference.enabled(action, arguments, states[-1]):
            raise ReplayError(f"step {number}, {action.label}{arguments}, is not enabled in the reference")
        step, after = made(reference, number, action, arguments, states[-1])
        steps.append(step)
        states.append(after)
    return tuple(steps), tuple(states)


def made(
    reference: Reference, number: int, action: Action, arguments: tuple[int, ...], state: Vector
) -> tuple[TraceStep, Vector]:
    """Return the step that the action makes of the state, in words, and the state after it."""
    instance = reference.instance
    after = reference.apply(action, arguments, state)
    seen = tuple(_seen(reference, action, arguments, state))
    names = {p.name: instance.show(p.sort, i) for p, i in zip(action.params, arguments, strict=True)}
    words, says = tuple(names.values()), action.says.format(**names)
    changes, assigns = tuple(_changes(reference, state, after)), tuple(u.variable for u in action.updates)
    whom = names[action.parks_on.name] if action.parks_on is not None else ""
    step = TraceStep(number, action.label, says, action.source, words[0], changes, seen, words, assigns, whom)
    return step, after


def setting(reference: Reference) -> Mapping[str, Words]:
    """Return the instance's parameters in words."""
    show, tables = reference.instance.show, reference.instance.tables
    return {
        name: {
            tuple(map(show, parameter.indices, indices)): show(parameter.sort, value)
            for indices, value in tables[name].items()
        }
        for name, parameter in reference.system.parameters.items()
    }


def scene(reference: Reference) -> Scene:
    """Return what pictures must know of the system."""
    system, names = reference.system, reference.instance.names
    program = system.program_of(system.owners)
    transferred = {action.transfer.disk for action in system.actions if action.transfer is not None}
    disks = [variable for name, variable in system.variables.items() if name in transferred]
    shown = [variable for variable in system.variables.values() if variable.called or not variable.internal]
    return Scene(
        names[system.owners.name],
        "" if program is None else program.variable,
        "" if program is None else program.start,
        () if program is None else program.ends,
        {} if program is None else {place.name: place.says for place in program.places.values()},
        {disk.name: disk.called or disk.name for disk in disks},
        {disk.name: names[disk.indices[0].name] for disk in disks},
        {v.name: v.spoken for v in shown if v.indices == (system.owners,) and v.sort == BOOL},
        {v.name: v.spoken for v in shown if not v.indices},
    )


def _decides(reference: Reference, state: Vector, claim: Property) -> bool:
    return bool(reference.value(claim.formula, state, {})) == (claim.kind == "sometimes")


def _changes(reference: Reference, before: Vector, after: Vector) -> Iterator[Change]:
    layout = reference.layout
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            variable = reference.system.variables[layout.cells[position].variable]
            yield Change(
                layout.show(position),
                layout.show_value(position, old),
                layout.show_value(position, new),
                variable.internal,
            )


def _seen(reference: Reference, action: Action, arguments: tuple[int, ...], state: Vector) -> Iterator[Seen]:
    instance = reference.instance
    for observation in action.observations:
        values = []
        for i in range(observation.bound.sort.size(instance.sizes)):
            bound = {**reference.bind(action, arguments), observation.bound.number: i}
            if reference.value(observation.condition, state, bound):
                value = reference.value(observation.value, state, bound)
                shown = instance.show(observation.value.sort, value, observation.unset)
                values.append((instance.show(observation.bound.sort, i), shown))
        if values:
            of = observation.value.name if isinstance(observation.value, Read) else None
            yield Seen(observation.label, tuple(values), of)


def grouped(values: Iterable[tuple[str, str]], at: str) -> str:
    """Return the values, each with its places unless all are the same."""
    places: dict[str, list[str]] = {}
    for place, value in values:
        places.setdefault(value, []).append(place)
    if len(places) == 1:
        return next(iter(places))
    return ", ".join(f"{value} {at}{' '.join(where)}" for value, where in places.items())
