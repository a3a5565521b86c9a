"""Machines: what parts of a design make up, and what a scenario of it is made into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cowpath.model.finite.instance import Instance
from cowpath.model.language.claim import Claim
from cowpath.model.language.system import System
from cowpath.model.scenarios.geometry import Geometry
from cowpath.model.scenarios.scenario import Scenario
from cowpath.model.scenarios.vocabulary import KINDS, Vocabulary
from cowpath.model.stack import binding, properties, wellformed
from cowpath.model.stack.part import Parts


@dataclass(frozen=True)
class Machine:
    """A kind of machine that designs are of.

    `wanted`: what its scenarios have, in words, and `fits` tells. `kinds`: the bundled kinds of request, in
    their order. `claims` adds to a system what is claimed of every such design; `given` is what the tables of
    all scenarios satisfy, and `runs` of which runs it is claimed that they end. `bind` makes the instance;
    its last argument is how deep requests of which kinds are cut into pieces. `spoilt`: of a disk, the
    variable that tells of a sector that it holds something else than is said there. `errors`: the steps after
    which a request comes back with an error, where no place of its own says so. `maps`: of a disk that need
    not have all, the variable that tells of a cluster that it has it. `clusters`: the sort of its geometry's
    clusters.
    """

    name: str
    wanted: str
    fits: Callable[[Scenario], bool]
    kinds: tuple[str, ...]
    claims: Callable[[System, Parts], None]
    given: tuple[Claim, ...]
    runs: tuple[Claim, ...]
    kinds_given: Callable[[tuple[str, ...]], Claim]
    bind: Callable[[Scenario, Geometry, Vocabulary, Mapping[str, int]], Instance]
    spoilt: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    maps: Mapping[str, str] = field(default_factory=dict)
    clusters: str = "Cluster"


SECONDARY = Machine(
    name="secondary",
    wanted="a disk and requests",
    fits=lambda scenario: scenario.has_disk and scenario.mirror is None,
    kinds=KINDS,
    claims=properties.declare,
    given=wellformed.GIVEN,
    runs=(wellformed.FINITE,),
    kinds_given=wellformed.of_kinds,
    bind=binding.bind,
    maps={"hidden": "in_hidden", "active": "in_active"},
)
"""The block stack of a secondary: a source that is written, a copy before each write, and readers."""
