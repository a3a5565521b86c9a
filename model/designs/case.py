"""A case: a design on a scenario, on its whole disk or on the smallest equivalent one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cowpath.model.designs.design import Design
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance, fit
from cowpath.model.finite.own_instance import instance_of
from cowpath.model.language.errors import InputError
from cowpath.model.scenarios import Scenario, ScenarioError, mirror_geometry
from cowpath.model.scenarios.geometry import Geometry, describe, reduce, unreduced
from cowpath.model.scenarios.vocabulary import STALL


@dataclass(frozen=True)
class Case:
    """A design on a scenario; `reduced`: on the smallest disk that is equivalent, not on the whole.

    Raises ScenarioError if the scenario does not fit the design.
    """

    design: Design
    scenario: Scenario
    reduced: bool = True

    def __post_init__(self) -> None:
        if self.scenario.has_disk != self.design.has_disks:
            wanted = self.design.machine.wanted if self.design.has_disks else "[sizes] of its sorts"
            raise ScenarioError(
                f"{self.design.name} does not fit '{self.scenario.name}'; accepted: a scenario with {wanted}"
            )
        if (missing := self.design.unsupported(self.scenario)) is not None:
            raise ScenarioError(
                f"{self.design.name} has no {missing}: '{self.scenario.name}' does not fit it"
            )

    @property
    def title(self) -> str:
        """What it is called: the design's name and the scenario's."""
        return f"{self.design.name} on '{self.scenario.name}'"

    def asked(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of the named properties that the design has.

        None named: the standard ones, and `stall` where a transfer of the scenario's never completes.
        """
        asked = self.design.asked(names)
        if names or not self.scenario.hangs or STALL not in self.design.meanings:
            return asked
        return tuple(name for name in self.design.meanings if name in asked or name == STALL)

    @property
    def disk(self) -> str:
        """One line on the disk that is explored, or on the sizes of a system that has none."""
        if not self.scenario.has_disk:
            return ", ".join(f"{sort}: {size}" for sort, size in self.scenario.sizes.items())
        return describe(self.scenario, self.geometry)

    @cached_property
    def geometry(self) -> Geometry:
        """The disk that is explored. Raises ScenarioError if it has too many cells, or clusters to write."""
        if self.scenario.mirror is not None:
            return (mirror_geometry.reduce if self.reduced else mirror_geometry.unreduced)(self.scenario)
        return (reduce if self.reduced else unreduced)(self.scenario)

    @cached_property
    def instance(self) -> Instance:
        """What the scenario means to the design's system. Raises InputError where it says too little."""
        scenario = self.scenario
        if not scenario.has_disk:
            try:
                return instance_of(self.design.system, scenario.sizes, scenario.parameters, scenario.names)
            except InputError as error:
                raise ScenarioError(f"{scenario.slug}: {error}") from None
        return fit(
            self.design.system,
            self.design.machine.bind(scenario, self.geometry, self.design.vocabulary, self.design.splits),
        )

    @cached_property
    def narrowed(self) -> Narrowed:
        """The finite model. Raises ScenarioError as `geometry` does."""
        return narrow(ground(self.design.system, self.instance))
