"""The mirror as a machine that designs are of."""

from __future__ import annotations

from cowpath.model.scenarios.vocabulary import MIRROR_KINDS
from cowpath.model.stack.machine import Machine
from cowpath.model.stack.mirror import binding, properties, wellformed

MIRROR = Machine(
    name="mirror",
    wanted="a [mirror]",
    fits=lambda scenario: scenario.mirror is not None,
    kinds=MIRROR_KINDS,
    claims=properties.declare,
    given=wellformed.GIVEN,
    runs=(wellformed.FINITE,),
    kinds_given=wellformed.of_kinds,
    bind=binding.bind,
    spoilt={"target": "stale"},
    errors=("write.source.fail",),  # a target's failure is the job's affair: the guest is told nothing
    clusters="Chunk",
)
"""A mirror job with its filter: a source, a target, a guest that writes meanwhile."""
