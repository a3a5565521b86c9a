"""What a design is: a system with its history; made of parts, or of a function that builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cowpath.model.language.action import HANGS
from cowpath.model.language.claim import Claim, ProofOutline
from cowpath.model.language.errors import ModelError
from cowpath.model.language.system import System
from cowpath.model.scenarios.scenario import Scenario
from cowpath.model.scenarios.vocabulary import (
    BUNDLED,
    DEADLOCK,
    OPTIONS,
    PROPERTIES,
    TRANSFERS,
    Vocabulary,
)
from cowpath.model.stack.assembly import assemble, kinds_of, outline
from cowpath.model.stack.machine import SECONDARY, Machine
from cowpath.model.stack.part import Part, Parts

_NONE = Parts()


@dataclass(frozen=True)
class Change:
    """A change that a design makes to another: parts, what they do in words, and what falls without them."""

    parts: tuple[Part, ...]
    does: str
    falls: str


@dataclass(frozen=True)
class Design:
    """One way of keeping readers of the backup target and copy-before-write apart.

    It is made of `parts`, of one kind of machine, or `build` returns its system. For its proofs: `scope` is
    what they are restricted to, `order` who waits for whom, by names of levels, highest first, `theorems`
    the properties proved beside freedom from deadlock and termination. An `argument` of its own takes the
    place of what the parts say. `changes`: what it changes of another design, for a repair.
    """

    name: str
    era: str = ""
    explanation: str = ""
    sources: tuple[str, ...] = ()
    build: Callable[[], System] | None = None
    parts: Parts = _NONE
    machine: Machine = SECONDARY
    scope: tuple[Claim, ...] = ()
    order: tuple[str, ...] = ()
    theorems: tuple[str, ...] = ("snapshot",)
    changes: tuple[Change, ...] = ()
    argument: ProofOutline | None = None

    def changed(self, name: str, *parts: Part, without: tuple[type[Part], ...] = (), **told: Any) -> Design:
        """Return another design: this one with parts in place of those of the same slot, or added.

        `without`: classes of parts that it has not; `told`: what else is different, its history above all.
        """
        history = {"era": "", "explanation": "", "sources": (), "changes": ()}
        return replace(self, name=name, parts=self.parts.changed(parts, without), **(history | told))

    @cached_property
    def system(self) -> System:
        """The design's model, recorded once. Raises `ModelError` if its text is wrong."""
        if self.build is None:
            return assemble(self.name, self.parts, self.machine)
        system = self.build()
        if not isinstance(system, System):
            raise ModelError(f"{self.name}: build returns {type(system).__name__}; accepted: a System")
        return system

    @cached_property
    def proof(self) -> ProofOutline | None:
        """What its proofs for any number of requests and clusters rest on; None if it does not say."""
        if self.argument is not None or not self.parts:
            return self.argument
        return outline(self.system, self.parts, self.machine, self.scope, self.order, self.theorems)

    @cached_property
    def meanings(self) -> Mapping[str, str]:
        """All properties that may be asked of it, in the order of reports, each in words."""
        own = {claim.name: claim.means or claim.name for claim in self.system.properties}
        own[DEADLOCK] = PROPERTIES[DEADLOCK]
        own |= {name: PROPERTIES[name] for name in self.system.live}
        order = {name: number for number, name in enumerate(PROPERTIES)}
        return {name: own[name] for name in sorted(own, key=lambda name: order.get(name, -1))}

    @cached_property
    def standard(self) -> tuple[str, ...]:
        """The properties that are meant when none is named."""
        others = {claim.name for claim in self.system.properties if not claim.standard}
        return tuple(name for name in self.meanings if name not in others)

    def asked(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of the named properties that it has; the standard ones if none is named.

        `concurrency` has two halves.
        """
        halves = {"concurrency": ("concurrency", "concurrency-done")}
        named = dict.fromkeys(half for name in names for half in halves.get(name, (name,)))
        return tuple(name for name in named if name in self.meanings) if names else self.standard

    @property
    def has_disks(self) -> bool:
        """Whether it is a block stack, whose scenarios have disks and requests."""
        return "covers" in self.system.parameters

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that its scenarios may use: the bundled ones, then those of its parts' own."""
        faults = [fault for part in self.parts for fault in part.faults]
        return BUNDLED.extended(self.kinds, faults, sorted(self.options))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of request that it has a place for."""
        return kinds_of(self.parts, self.machine.kinds) if self.parts else self.machine.kinds

    @property
    def options(self) -> frozenset[str]:
        """The options of a scenario that it knows."""
        return frozenset(option for part in self.parts for option in part.options)

    @cached_property
    def faults(self) -> frozenset[str]:
        """The transfers of its requests that may fail, or hang."""
        transfers = (action.transfer for action in self.system.actions)
        return frozenset(transfer.fault for transfer in transfers if transfer and transfer.fault)

    @property
    def splits(self) -> Mapping[str, int]:
        """The kinds of request of which several parts may be in flight at once, and how deep they are cut."""
        return {kind: depth for part in self.parts for kind, depth in part.splits.items()}

    def unsupported(self, scenario: Scenario) -> str | None:
        """Return what of the scenario the design does not have, in words; None if it has all."""
        if scenario.has_disk != self.has_disks:
            return "disk" if scenario.has_disk else "[sizes] to set"
        if scenario.has_disk and not self.machine.fits(scenario):
            return "[mirror]" if scenario.mirror else "secondary: its scenarios have a [mirror]"
        used = dict.fromkeys(request.kind for request in scenario.requests)
        missing = [kind for kind in used if kind not in self.kinds]
        for name, option in OPTIONS.items():
            if option.must_be_known and scenario.option(name) and name not in self.options:
                missing.append(name)
        struck = {request.fault.removesuffix(f"-{HANGS}") for request in scenario.requests}
        missing += [f"transfer '{fault}'" for fault in TRANSFERS if fault in struck - self.faults]
        missing += [what for part in self.parts for what in part.unmet(scenario)]
        return ", ".join(missing) or None
