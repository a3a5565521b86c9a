"""Kept proofs: as they were, their refutations replayed; of no use where anything is different or damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cowpath.model.bench import kept_theorems
from cowpath.model.bench.check import check
from cowpath.model.bench.theorems import INTERRUPTED, Explored, Theorem
from cowpath.model.commands import prove
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.kept.answers import Answers, current, keeping
from cowpath.model.kept.store import Store
from cowpath.model.language.verdict import Verdict
from cowpath.model.prove.prover import Outcome
from cowpath.model.scenarios import bundled, find
from tests.in_process import Command

DESIGN = DESIGNS["rfc-2016"]


@pytest.fixture(autouse=True)
def keep(tmp_path: Path) -> Iterator[None]:
    with keeping(Answers(Store(tmp_path / "kept"))):
        yield


def theorems() -> list[Theorem]:
    trace = check(Case(DESIGN, find("unaligned-write"))).properties["deadlock"].trace
    outcomes = (
        Outcome("a", "about", "step", False, "deadlock", frozenset({"x", "y"}), 0.5),
        Outcome("b", "about", None, True, None, None, 0.25),
    )
    shown = Theorem(DESIGN.name, "snapshot", "any", Verdict.HOLDS, 0.75, outcomes[:1], ("x",), ())
    refuted = Theorem(
        DESIGN.name, "deadlock", "any", Verdict.VIOLATED, 1.5, outcomes, (), ("b",), "drawn", True, trace,
        ("m",), ("l",), Explored(5, 2, ("never",)),
    )  # fmt: skip
    return [shown, refuted]


def test_theorems_are_the_same_kept() -> None:
    asked = ("snapshot", "deadlock")
    assert kept_theorems.recall(DESIGN, asked, 100, bundled()) is None
    kept_theorems.keep(DESIGN, asked, 100, theorems())
    assert kept_theorems.recall(DESIGN, asked, 100, bundled()) == theorems()
    assert kept_theorems.recall(DESIGN, asked, 101, bundled()) is None
    assert kept_theorems.recall(DESIGN, asked[:1], 100, bundled()) is None
    assert kept_theorems.recall(DESIGNS["merged-2.8"], asked, 100, bundled()) is None
    other = replace(DESIGN, argument=replace(DESIGN.proof, invariants=())) if DESIGN.proof else DESIGN
    assert kept_theorems.recall(other, asked, 100, bundled()) is None


def test_what_an_interrupt_left_open_is_not_kept() -> None:
    shown, _ = theorems()
    open_ = replace(shown, theorem="deadlock", verdict=Verdict.UNDETERMINED, open=(INTERRUPTED,))
    kept_theorems.keep(DESIGN, ("snapshot", "deadlock"), 100, [shown, open_])
    assert kept_theorems.recall(DESIGN, ("snapshot", "deadlock"), 100, bundled()) is None


def test_a_refutation_that_the_reference_does_not_follow_is_none() -> None:
    kept_theorems.keep(DESIGN, ("deadlock",), 100, theorems())
    known, question = current(), kept_theorems._question(DESIGN, ("deadlock",), 100)
    assert known is not None
    answer = known.recall(question)
    answer[1]["trace"][2]["path"].pop()
    known.keep(question, answer)
    assert kept_theorems.recall(DESIGN, ("deadlock",), 100, bundled()) is None


@pytest.mark.lengthy
def test_the_command_says_what_is_kept(
    cowpath: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COWPATH_CACHE", str(tmp_path / "other"))
    first, second = (cowpath("prove", "unserialised", "--theorem", "deadlock") for _ in range(2))
    assert "Kept from an earlier run: unserialised" in second.out
    told = [re.sub(r"[\d.]+ s\b", "", ran.out.partition("Kept from")[0]) for ran in (first, second)]
    assert told[0] == told[1]


class Killed(BaseException):
    """What stands for a kill: nothing catches it."""


def test_a_killed_command_has_kept_what_was_done(
    tmp_path: Path, cowpath: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(paths: Any, work: Any, done: Any) -> Any:
        done("rfc-2016", (theorems(), ""))
        done("merged-2.8", (theorems(), INTERRUPTED))
        raise Killed

    monkeypatch.setattr(prove, "_run", killed)
    asked = ["prove", "rfc-2016", "merged-2.8", "--theorem", "deadlock", "--resume", str(tmp_path / "kept")]
    with pytest.raises(Killed):
        cowpath(*asked)
    left: list[str] = []

    def the_rest(paths: Any, work: Any, done: Any) -> Any:
        left.extend(paths)
        return {name: ([], INTERRUPTED) for name in paths}

    monkeypatch.setattr(prove, "_run", the_rest)
    assert "Kept from an earlier run: rfc-2016" in cowpath(*asked).out
    assert left == ["merged-2.8"]


@pytest.mark.parametrize("option", [["--uses"], ["--find"], ["--smt2", "there"]])
def test_what_is_not_kept_is_not_resumed(option: list[str], cowpath: Command) -> None:
    done = cowpath("prove", "rfc-2016", *option, "--resume", "kept")
    assert done.status == 2
    assert f"{option[0]} and --resume: nothing of what that finds is kept" in done.err
