"""What proofs about the mirror rest on: true on the bundled scenarios, false without a repair."""

import pytest

from cowpath.model.bench.theorems import BrokenInvariant, explore_claims
from cowpath.model.designs import MIRRORS
from cowpath.model.designs.mirror_repaired import repaired
from cowpath.model.scenarios import bundled, find


@pytest.mark.parametrize(
    "name",
    [name if name == "mirror-3.0" else pytest.param(name, marks=pytest.mark.lengthy) for name in MIRRORS],
)
def test_the_explorer_finds_every_invariant_true(name: str) -> None:
    design = MIRRORS[name]
    assert design.proof is not None
    explored = explore_claims(design, design.proof, bundled())
    assert explored.scenarios >= 12
    assert explored.states > 5000


def test_rounding_both_ends_lets_a_bit_be_cleared_that_another_operation_holds() -> None:
    design = repaired("without", "rounds_each_end")
    assert design.proof is not None
    scenario = find("run-between-written-clusters")
    with pytest.raises(BrokenInvariant, match="who holds a chunk has its bit set") as broken:
        explore_claims(design, design.proof, [scenario])
    assert broken.value.trace is not None
