"""A walk by hand: where it stands, who may move, and who may not and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from model.language.evaluate import Reference, Step, Vector
from model.language.instance import Instance
from model.language.sorts import BOOL, Enum, Int, Position
from model.language.system import Action, System, Variable
from model.trace.text import grouped
from model.trace.trace import Trace, decided_by, replay


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
        for variable in self._variables():
            if variable.indices[:1] != (self.reference.system.owners,) and not variable.internal:
                yield words(variable), self._values(variable)

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield of each owner where its program is, and what else is true or set for it."""
        owners = self.reference.system.owners
        for owner, name in enumerate(self.names()):
            said: list[str] = []
            for variable in self._variables():
                if variable.indices != (owners,) or isinstance(variable.sort, Position | Int):
                    continue
                value, changed = self._values(variable, owner), self._changed(variable, owner)
                if isinstance(variable.sort, Enum):
                    said += [f"at {value}"] if changed or not said else []
                elif changed:
                    said.append(words(variable) if variable.sort == BOOL else f"{words(variable)} {value}")
            yield name, ", ".join(said)

    def about(self, owner: str) -> Iterator[tuple[str, str]]:
        """Yield every variable that is the owner's, internal ones too, with its values."""
        for variable in self._variables():
            if variable.indices[:1] == (self.reference.system.owners,):
                yield words(variable), self._values(variable, self.names().index(owner))

    def names(self) -> tuple[str, ...]:
        """Return what the owners are called."""
        return self.reference.instance.names[self.reference.system.owners.name]

    def _reasons(self, action: Action, arguments: tuple[int, ...]) -> Iterator[str]:
        reference, state = self.reference, self.state
        bound = reference.bind(action, arguments)
        false = [g for g in action.guards if not reference.value(g.condition, state, bound)]
        if any(guard.location for guard in false):
            return
        yield from (f"needs: {guard.name}" for guard in false)
        for number, other in reference.waits(action, arguments, state):
            wait = action.waits[number]
            held = {word: table[other] for word, table in reference.instance.phrases.items()}
            whom = reference.instance.show(wait.bound.sort, other)
            yield f"waits for {whom}, who holds {wait.held.format(**held)}"

    def _variables(self) -> Collection[Variable]:
        return self.reference.system.variables.values()

    def _values(self, variable: Variable, owner: int | None = None) -> str:
        """Return the variable's values in words, grouped by value; only the owner's if one is given."""
        layout, show, values = self.reference.layout, self.reference.instance.show, []
        for position, cell in enumerate(layout.cells):
            if cell.variable == variable.name and (owner is None or cell.indices[0] == owner):
                indices = list(zip(variable.indices, cell.indices, strict=True))
                where = indices if owner is None else indices[1:]
                place = " ".join(show(sort, i) for sort, i in where)
                values.append((place, layout.show_value(position, self.state[position])))
        return grouped(tuple(values), "at ")

    def _changed(self, variable: Variable, owner: int) -> bool:
        position = self.reference.layout.position[variable.name, (owner,)]
        return self.state[position] != self.reference.initial()[position]

    def _shown(self, action: Action, arguments: tuple[int, ...]) -> dict[str, str]:
        show = self.reference.instance.show
        return {p.name: show(p.sort, i) for p, i in zip(action.params, arguments, strict=True)}


def words(variable: Variable) -> str:
    """Return what the variable is called in a trace."""
    return variable.name.replace("_", " ")
