"""A walk by hand: where it stands, who may move, and who may not and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference, Step, Vector
from cowpath.model.language.sorts import BOOL, Enum, Maybe
from cowpath.model.language.system import Action, System, Variable
from cowpath.model.trace.trace import Trace, TraceState, Words, decided_by, grouped, replay


@dataclass(frozen=True)
class Blocked:
    """A step that is its owner's to make, and cannot be made: what it needs, and whom it waits for."""

    owner: str
    action: Action
    reasons: tuple[str, ...]


class Walk:
    """A path from the initial state, made step by step by the reference semantics, and taken back."""

    def __init__(self, system: System, instance: Instance, properties: Sequence[str]) -> None:
        self.reference = Reference(system, instance)
        self.properties = properties
        self.path: list[Step] = []

    @property
    def state(self) -> Vector:
        """Where the walk stands."""
        return self.path[-1].after if self.path else self.reference.initial()

    def moves(self) -> list[Step]:
        """Return the steps that can be made, by their owners."""
        return sorted(self.reference.steps(self.state), key=lambda step: step.arguments[0])

    def owner(self, step: Step) -> str:
        """Return whose step it is."""
        return self._shown(step.action, step.arguments)[step.action.params[0].name]

    def says(self, step: Step) -> str:
        """Return what the step does, in words."""
        return step.action.says.format(**self._shown(step.action, step.arguments)).rstrip(".")

    def trace(self, scenario: str) -> Trace:
        """Return the walk as a trace, for the property that its last state decides."""
        reference = self.reference
        name = decided_by(reference, self.state, self.properties)
        path = [(step.action, step.arguments) for step in self.path]
        return replay(reference.system, reference.instance, scenario, name, path, shortest=False)

    def blocked(self) -> Iterator[Blocked]:
        """Yield the steps that are their owners' next by program order, but for which a guard is false.

        A step that can be made with other arguments is not among them.
        """
        reference, state = self.reference, self.state
        for owner, name in enumerate(self.names()):
            for action in reference.system.actions:
                reasons: list[str] = []
                mine = [a for a in reference.arguments(action) if a[0] == owner]
                if any(reference.enabled(action, arguments, state) for arguments in mine):
                    continue
                for arguments in mine:
                    reasons += self._reasons(action, arguments)
                if reasons:
                    yield Blocked(name, action, tuple(dict.fromkeys(reasons)))

    def shared(self) -> Iterator[tuple[str, str]]:
        """Yield what the state shows of all that is not an owner's: a variable's name, and its values."""
        values = TraceState(self.reference, self.state).values
        for variable in self.reference.system.variables.values():
            if variable.indices[:1] != (self.reference.system.owners,) and not variable.internal:
                yield _spoken(variable), _grouped(values[variable.name])

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield of each owner where its program is, and what else is true or set for it."""
        first, now = (TraceState(self.reference, s).values for s in (self.reference.initial(), self.state))
        for owner in self.names():
            said: list[str] = []
            for variable in self.reference.system.variables.values():
                if variable.indices != (self.reference.system.owners,):
                    continue
                value = now[variable.name][owner,]
                changed = value != first[variable.name][owner,]
                if variable.name in self.reference.system.programs:
                    said += [f"at {value}"] if changed or not said else []
                elif changed and isinstance(variable.sort, Enum):
                    said.append(f"{_spoken(variable)} {value}")
                elif changed and variable.sort == BOOL:
                    said.append(_spoken(variable))
                elif changed and isinstance(variable.sort, Maybe):
                    said.append(f"{_spoken(variable)} {value}")
            yield owner, ", ".join(said)

    def about(self, owner: str) -> Iterator[tuple[str, str]]:
        """Yield every variable that is the owner's, internal ones too, with its values."""
        values = TraceState(self.reference, self.state).values
        for variable in self.reference.system.variables.values():
            if variable.indices[:1] == (self.reference.system.owners,):
                own = {place[1:]: v for place, v in values[variable.name].items() if place[0] == owner}
                yield _spoken(variable), _grouped(own)

    def names(self) -> tuple[str, ...]:
        """Return what the owners are called."""
        return self.reference.instance.names[self.reference.system.owners.name]

    def _reasons(self, action: Action, arguments: tuple[int, ...]) -> Iterator[str]:
        reference, state = self.reference, self.state
        bound = reference.bind(action, arguments)
        false = [g for g in action.guards if not reference.value(g.condition, state, bound)]
        if any(guard.location for guard in false):
            return
        for number, other in reference.waits(action, arguments, state):
            wait = action.waits[number]
            held = {word: table[other] for word, table in reference.instance.phrases.items()}
            whom = reference.instance.show(wait.bound.sort, other)
            yield f"waits for {whom}, who holds {wait.held.format(**held)}"
        yield from (f"needs: {guard.name}" for guard in false)

    def _shown(self, action: Action, arguments: tuple[int, ...]) -> dict[str, str]:
        show = self.reference.instance.show
        return {p.name: show(p.sort, i) for p, i in zip(action.params, arguments, strict=True)}


def _spoken(variable: Variable) -> str:
    return variable.name.replace("_", " ")


def _grouped(values: Words) -> str:
    return grouped(tuple((" ".join(place), value) for place, value in values.items()), "at ")
