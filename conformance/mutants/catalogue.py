"""All mutants, and the scenarios on which they show."""

from __future__ import annotations

from pathlib import Path

from cowpath.conformance.mutants.design import GUARDS, UPDATES
from cowpath.conformance.mutants.ending import CHECKPOINT, LIFETIME
from cowpath.conformance.mutants.errors import ERRORS
from cowpath.conformance.mutants.locking import LOCKING
from cowpath.conformance.mutants.mirror import MIRROR
from cowpath.conformance.mutants.mutant import Mutant, StackMutant
from cowpath.conformance.mutants.ordering import ORDERING
from cowpath.conformance.mutants.overlap import OVERLAP, ROUNDING
from cowpath.conformance.mutants.waiting import WAITING
from cowpath.impl.disk import Disk
from cowpath.model.scenarios import Scenario, find, load

_CLASSES = (
    WAITING, OVERLAP, ROUNDING, ORDERING, ERRORS, CHECKPOINT, LIFETIME, LOCKING, GUARDS, UPDATES, MIRROR,
)  # fmt: skip
_FOLDER = Path(__file__).parent / "scenarios"

MUTANTS: tuple[Mutant, ...] = tuple(mutant for faults in _CLASSES for mutant in faults.mutants)

CANARY = StackMutant(
    name="canary",
    fault="canary",
    says="Every read from a disk returns zeroes: a bench that does not see it sees nothing.",
    design="rfc-repaired",
    scenario="race",
    owner=Disk,
    attribute="_read",
    make=lambda read: lambda disk, extent: bytes(extent.length),
)


def scenario_of(mutant: Mutant) -> Scenario:
    """Return the scenario on which the mutant shows: one of the mutants' own, or a bundled one."""
    own = _FOLDER / f"{mutant.scenario}.toml"
    return load(own) if own.exists() else find(mutant.scenario)
