"""The theorems about the bundled designs: proved in scope, refuted without it, every part accounted for."""

from __future__ import annotations

import functools
import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import z3

from cowpath import command_line
from cowpath.model.bench.theorems import ANY, BrokenInvariant, explore_claims
from cowpath.model.designs import ALL, DESIGNS, MIRRORS
from cowpath.model.language.claim import claim
from cowpath.model.prove.prover import Prover
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.theorem import Attempt, Induction, audit
from cowpath.model.prove.theory import DEADLOCK, Obligation
from cowpath.model.scenarios import bundled, find
from cowpath.model.stack.wellformed import ALIGNED, FINITE, NO_COPY_ON_READ, QUIESCED
from cowpath.model.stack.world import Request
from tests.draws import first, some

# Which theorems fall without which restriction, invariant or guard: as `cowpath prove DESIGN --uses` says.
USES = tomllib.loads((Path(__file__).parent / "uses.toml").read_text())
ALIGNED_ONLY = "; ".join(each.name for each in (ALIGNED, NO_COPY_ON_READ, QUIESCED))
THEOREMS = ("snapshot", DEADLOCK, TERMINATION)
FALSE = z3.BoolVal(False)
# What never happens while every write is aligned and checkpoints are quiesced.
NEVER = {
    "protocol.settle.park",
    "write.begin",
    "write.begin.park",
    "write.settle.park",
    "write.next-piece",
    "read.enter-secondary.park",
    "checkpoint.clear-done",
    "checkpoint.empty-active",
    "checkpoint.empty-hidden",
}
pytestmark = pytest.mark.xdist_group("designs")  # which share what was proved
# rfc-repaired is in docs/proofs.md, merged-2.8 takes the same steps as rfc-2016, fleecing-4.0 has the RFC's
# argument, and copy-before-write-9.2, a minute of proofs, is the widest of the later ones: of its obligations
# one in 72 is tried unless everything is. `cowpath prove` does all.
WIDEST = "copy-before-write-9.2"
EXPECTED = {
    ("rfc-2016", "snapshot", ALIGNED_ONLY): "holds",
    ("rfc-2016", "snapshot", ANY): "violated",
    ("rfc-2016", DEADLOCK, ALIGNED_ONLY): "holds",
    ("rfc-2016", DEADLOCK, ANY): "violated",
    ("rfc-2016", TERMINATION, FINITE.name): "holds",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return proved("rfc-2016", tmp_path_factory.mktemp("prove"))


def proved(design: str, folder: Path) -> list[dict[str, Any]]:
    path = folder / "out.json"
    with pytest.raises(SystemExit) as exit_:
        command_line.run(["prove", design, "--json", str(path)])
    assert exit_.value.code == 1
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def test_the_theorems(results: list[dict[str, Any]]) -> None:
    assert {(r["design"], r["theorem"], r["scope"]): r["verdict"] for r in results} == EXPECTED


@pytest.mark.lengthy
def test_the_theorems_of_the_widest(tmp_path: Path) -> None:
    results = proved(WIDEST, tmp_path)
    found = {(r["theorem"], r["scope"]): r["verdict"] for r in results}
    assert found["snapshot", ANY] == "violated"
    assert found[DEADLOCK, ANY] == "holds"
    assert {theorem for (theorem, _), verdict in found.items() if verdict == "holds"} == set(THEOREMS)
    test_a_refutation_is_a_trace_and_a_proof_has_none(results)


def test_the_argument_of_the_widest_is_inductive() -> None:
    design = DESIGNS[WIDEST]
    assert design.proof is not None
    attempt = Attempt(design.system, design.proof)
    obligations = list(attempt.obligations.values())
    asked = obligations[:: len(obligations) // some(len(obligations), 72)]
    assert [o.name for o in asked if not attempt.prover.prove(o).proved] == []


def test_a_refutation_is_a_trace_and_a_proof_has_none(results: list[dict[str, Any]]) -> None:
    for result in results:
        assert (result["trace"] is not None) == (result["verdict"] == "violated")
        shown = [obligation["proved"] for obligation in result["obligations"]]
        assert all(shown) == (result["verdict"] == "holds")
        if not all(shown):
            assert result["counterexample_to_induction"]


def test_needs_name_what_the_proof_rests_on(results: list[dict[str, Any]]) -> None:
    (snapshot,) = (
        r["needs"]
        for r in results
        if (r["design"], r["theorem"], r["verdict"]) == ("rfc-2016", "snapshot", "holds")
    )
    assert "CowRequests never overlap" in snapshot
    assert "read.begin: wait on the job's CowRequest list" in snapshot
    assert "the flush_rwlock is held only by who copies or waits to" not in snapshot


@functools.cache
def tried(name: str) -> tuple[Attempt, Induction]:
    design = DESIGNS[name]
    assert design.proof is not None
    attempt = Attempt(design.system, design.proof)
    return attempt, attempt.ranked(attempt.induct())


@pytest.fixture
def rfc() -> tuple[Attempt, Induction]:
    return tried("rfc-2016")


@pytest.mark.parametrize("name", first(USES, "rfc-2016"))
def test_each_part_of_a_proof_is_needed_or_said_not_to_be(name: str) -> None:
    attempt, induction = tried(name)
    hypotheses = list(induction.hypotheses)
    asked = hypotheses[:: len(hypotheses) // some(len(hypotheses), 48)]
    uses = list(audit(attempt, induction, THEOREMS, asked))
    assert [use.name for use in uses] == asked
    assert set(USES[name]) <= set(hypotheses)
    assert {use.name: list(use.falls) for use in uses if use.falls} == {
        name: falls for name, falls in USES[name].items() if name in asked
    }
    assert all((use.open is None) == (not use.falls) for use in uses)


def test_its_hypotheses_are_not_contradictory(rfc: tuple[Attempt, Induction]) -> None:
    """Beside that, the explorer's states satisfy all of them, and its steps are the actions'."""
    prover: Prover = rfc[0].prover
    for action in rfc[0].system.actions:
        theory = prover.theory
        own = theory.enabling(action, theory.bind(action))
        impossible = prover.prove(Obligation("nothing", action.label, own, FALSE)).proved
        assert impossible == (action.label in NEVER), action.label


def test_smt2_scripts_are_proved_by_another_solver(rfc: tuple[Attempt, Induction]) -> None:
    import cvc5  # takes its time to load

    attempt, induction = rfc
    for outcome in induction.outcomes[::40]:
        script = attempt.prover.script(attempt.obligations[outcome.name], outcome.needs)
        solver = cvc5.Solver()
        solver.setOption("rlimit", "2000000")
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, outcome.name)
        answers = []
        symbols = parser.getSymbolManager()
        while not (command := parser.nextCommand()).isNull():
            answers.append(command.invoke(solver, symbols).strip())
        assert [answer for answer in answers if answer] == ["unsat"], outcome.name


# rfc-2016's are found true with its theorems; merged-2.8 has its argument, and block-copy-5.1 that of 5.0.
@pytest.mark.parametrize(
    "name",
    first(
        (name for name, design in DESIGNS.items() if design.proof),
        *("fleecing-4.0", "block-copy-4.2", WIDEST, "rfc-repaired"),
    ),
)
def test_the_explorer_finds_every_invariant_true(name: str) -> None:
    design = DESIGNS[name]
    assert design.proof is not None
    explored = explore_claims(design, design.proof, bundled())
    assert explored.states > 10_000
    assert explored.scenarios >= 12
    # All that a design can do in its scope it does on some scenario; in 7.0 no snapshot breaks there.
    whole = {"cbw.pass", "cbw.break", "filter.gone", "snapshot.refuse", "discard.give-up", "discard.target"}
    whole |= {"source.give-up", "source.discard", "status.refuse"}
    unaligned = {"write.rmw", "write.rmw-fails"}
    offload = {"cow.copy-range"}  # none is in scope
    assert set(explored.never) <= NEVER | unaligned | offload | (
        whole if "cbw.break" in explored.never else set()
    )


@pytest.mark.parametrize(
    "name",
    first(
        (n for n, design in ALL.items() if design.proof and n not in {*DESIGNS, *MIRRORS}),
        "drain-4.1",
    ),
)
def test_the_explorer_finds_every_invariant_of_a_variant_true(name: str) -> None:
    design = ALL[name]
    assert design.proof is not None
    explored = explore_claims(design, design.proof, bundled())
    assert explored.states > 5_000
    assert explored.scenarios >= 2  # block-copy-5.1-scarce takes those that say so alone


def test_an_invariant_that_the_explorer_breaks_is_an_error() -> None:
    design = DESIGNS["rfc-repaired"]
    assert design.proof is not None
    false = claim("nobody finishes", Request)(lambda s, r: s.pc[r] != "done")
    argument = replace(design.proof, invariants=(*design.proof.invariants, false))
    with pytest.raises(BrokenInvariant, match="'the race' breaks the invariant: nobody finishes"):
        explore_claims(design, argument, [find("race")])
