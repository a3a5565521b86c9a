"""What a system declares: variables, rigid parameters, programs."""

from __future__ import annotations

from dataclasses import dataclass, field

from cowpath.model.language.action import Action, List
from cowpath.model.language.expression import Expr, Local
from cowpath.model.language.program import Program
from cowpath.model.language.sorts import Index, Sort


@dataclass(frozen=True)
class Variable:
    """Part of the state: one value of `sort` for each combination of `indices`.

    `initial` is an expression over the locals `bound`, one for each index. `unset` is the word that a
    trace uses for the value "nobody"; an `internal` variable's changes are left out of traces as text.
    `called`: what a page calls it, for a disk "the hidden disk", for what is true of an owner "has a frozen
    read"; "" if the name will do. A page leaves out what is internal and has no words of its own.
    """

    name: str
    indices: tuple[Index, ...]
    sort: Sort
    bound: tuple[Local, ...]
    initial: Expr
    unset: str
    internal: bool
    called: str = ""

    @property
    def spoken(self) -> str:
        """What a page calls it."""
        return self.called or self.name.replace("_", " ")


@dataclass(frozen=True)
class Parameter:
    """A rigid function that the instance supplies: never changed by a step."""

    name: str
    indices: tuple[Index, ...]
    sort: Sort


@dataclass
class Declarations:
    """What is declared, by name, and the actions.

    `faults`: the parameter that says which fault strikes an owner, if any does.
    """

    name: str
    variables: dict[str, Variable] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    lists: dict[str, List] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    faults: str | None = None

    @property
    def declarations(self) -> list[Variable | Parameter]:
        """All that is declared, variables first."""
        return [*self.variables.values(), *self.parameters.values()]

    def program_of(self, owner: Index) -> Program | None:
        """Return the owner's program: the first that is declared of it; None if there is none."""
        return next((p for p in self.programs.values() if p.owner == owner), None)
