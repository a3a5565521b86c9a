"""Proofs about the mirror: what they rest on is true on the bundled scenarios, and shows theorems.

Whatever is shown here is false without a repair, or in an older release.
"""

import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from cowpath import command_line
from cowpath.model.bench.theorems import BrokenInvariant, explore_claims, in_scope
from cowpath.model.designs import MIRRORS
from cowpath.model.designs.mirror_repaired import repaired
from cowpath.model.prove.prover import RLIMIT
from cowpath.model.prove.theorem import Attempt
from cowpath.model.prove.theory import DEADLOCK
from cowpath.model.scenarios import bundled, find
from cowpath.model.stack.mirror.wellformed import AMPLE
from tests.draws import some
from tests.expectations import expected

QUICK = ("mirror-3.0", "mirror-10.1", "mirror-10.1-repaired")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.lengthy) for name in MIRRORS],
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


SOON = 2_000_000
"""Less than `prove` allows an obligation: for those that are not shown."""


@functools.cache
def attempt(name: str, rlimit: int = RLIMIT) -> Attempt:
    """What is shown is asked as `prove` asks it: within a small limit the tests before it would decide."""
    design = MIRRORS[name]
    assert design.proof is not None
    return Attempt(design.system, design.proof, rlimit=rlimit)


def test_initially_all_holds_and_whoever_waits_waits_for_a_lower_level() -> None:
    """The cheap part of the theorems; the whole is lengthy."""
    whole = attempt("mirror-repaired")
    every = whole.obligations.values()
    initial = [each for each in every if each.initial]
    waits = [each for each in every if each.theorem == DEADLOCK and each.step is not None]
    assert len(initial) > 50
    assert len(waits) == 12
    assert [each.name for each in (*initial, *waits) if not whole.prover.prove(each).proved] == []


def test_where_parked_operations_are_waited_for_waits_do_not_descend() -> None:
    older = attempt("mirror-5.0", SOON)
    wait = "write.enter: who waits on the operations in flight waits for a lower level"
    assert not older.prover.prove(older.obligations[wait]).proved


@pytest.mark.parametrize(
    "name",
    ["mirror-11.0", *(pytest.param(f"mirror-{era}", marks=pytest.mark.lengthy) for era in ("8.2", "10.1"))],
)
def test_without_each_restriction_but_one_a_scenario_breaks_mirror_equal(name: str) -> None:
    """That the job is never short of buffers is a restriction of the proofs alone."""
    design = MIRRORS[name]
    argument = design.proof
    assert argument is not None

    def breaks(without: str) -> bool:
        less = replace(argument, scope=tuple(each for each in argument.scope if each.name != without))
        slugs = [case.scenario.slug for case in in_scope(design, less, bundled())]
        return any("mirror-equal" in expected(name)[slug]["violated"] for slug in slugs)

    assert not breaks("")
    assert [each.name for each in argument.scope if not breaks(each.name)] == [AMPLE.name]


@pytest.mark.lengthy
def test_zeroes_are_not_written_where_they_are_known_to_be() -> None:
    whole = attempt("mirror-11.0", SOON)
    obligation = whole.obligations["iterate.skip: what is clean and held by nobody is the same on both disks"]
    known = "what is known to be zero in the target is"
    outcome = whole.prover.prove(obligation)
    assert outcome.needs is not None
    assert known in outcome.needs
    assert not whole.prover.prove(obligation, [known]).proved


def test_a_write_that_settles_keeps_the_bits_of_others() -> None:
    whole = attempt("mirror-repaired")
    outcome = whole.prover.prove(whole.obligations["write.settle: who holds a chunk has its bit set"])
    assert outcome.needs is not None
    assert "no two hold one chunk" in outcome.needs


def test_who_chooses_chunks_can_move_or_somebody_is_lower() -> None:
    """Soon, from the hypotheses that are nearest; tried at every two chunks it takes minutes, or fails."""
    whole = attempt("mirror-repaired")
    for place in ("full", "busy-chunk")[: some(2, 2)]:
        name = f"in every state: who is at {place} can move, or waits, or is not on the lowest level"
        outcome = whole.prover.prove(whole.obligations[name])
        assert outcome.needs is not None, place
        assert outcome.needs <= whole.obligations[name].nearest, place


def test_a_write_writes_to_the_target_what_it_has_in_the_source() -> None:
    """Without the claim it might copy what another has written over since, with nobody left to copy that."""
    whole = attempt("mirror-repaired", SOON)
    obligation = whole.obligations["write.target: when it has written the target that is the same, or left"]
    claim = "what a write has written of the source is its own there, or left"
    assert not whole.prover.prove(obligation, [claim]).proved


@pytest.mark.lengthy
def test_the_repaired_mirror_is_proved_for_any_number_of_requests_and_chunks(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    asked = ["--theorem", "mirror-equal", "--theorem", DEADLOCK]
    with pytest.raises(SystemExit):
        command_line.run(["prove", "mirror-repaired", *asked, "--fresh", "--json", str(path)])
    found = {(r["theorem"], r["scope"]): r["verdict"] for r in json.loads(path.read_text())}
    assert found["mirror-equal", AMPLE.name] == "holds"
    assert found[DEADLOCK, AMPLE.name] == "holds"
