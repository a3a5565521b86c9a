"""Mutants that nobody chose: made of the stack's functions, held against the models, each with its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cowpath.conformance.campaign.conform import Plan
from cowpath.conformance.commands import generated_mutants
from cowpath.conformance.commands.mutants import mutants as command
from cowpath.conformance.mutants.generated import Hunt, Outcome, known_equivalents, stack_modules
from cowpath.conformance.own.mutate import Mutant, mutants
from cowpath.conformance.pairs import PAIRS, Pair
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.scheduler.schedule import Schedule
from cowpath.impl import reqlist, secondary, stack
from cowpath.impl.reqlist import ReqList
from cowpath.model.designs import DESIGNS
from cowpath.model.language.errors import InputError
from cowpath.model.scenarios import find
from tests.draws import everything

EXAMPLE = Path(__file__).parents[2] / "examples" / "rfc_shared_threads.py"
SOME = (reqlist, secondary, stack)  # modules: each is made anew for every run


@cache
def every() -> tuple[Mutant, ...]:
    return tuple(mutant for module in stack_modules() for mutant in mutants(module, lambda name: True))


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_each_mutant_listed_as_equivalent_is_one_and_has_a_reason() -> None:
    made = every()
    known = known_equivalents(made)
    assert known
    assert all(why.endswith(".") for why in known.values())


@pytest.mark.parametrize(
    "entry",
    [
        '[[rule]]\nkind = "statement removed"\nbefore = "nothing like it"\nwhy = "."',
        '[[mutant]]\nfile = "tracked.py"\nfunction = "f"\nkind = "k"\nbefore = "b"\nafter = "a"\nwhy = "."',
    ],
)
def test_an_entry_that_means_no_mutant_is_an_error(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "equivalents.toml"
    path.write_text(entry)
    with pytest.raises(InputError, match=r"equivalents.toml: no mutant is"):
        known_equivalents(every(), path)


def outcomes(*wanted: str) -> list[Outcome]:
    scenarios = (find("two-by-two"), find("unaligned-write"))
    plan = Plan((PAIRS["rfc-repaired"],), scenarios, None, ("portfolio",), 40, Sight.WHITE)
    hunt = Hunt(plan, SOME, wanted)
    try:
        hunt.prepare()
        assert "Folder.flush" in hunt.idle
        return list(hunt.run(known_equivalents(every())))
    finally:
        hunt.close()


def test_every_change_of_a_function_is_hunted_and_nothing_stays_changed() -> None:
    code = ReqList.remove.__code__
    found = outcomes("ReqList.remove")
    assert ReqList.remove.__code__ is code
    assert {outcome.mutant.before: outcome.state for outcome in found} == {
        "self.context.touch(self.called, entry.extent, True)": "equivalent",
        "self.entries.remove(entry)": "killed",
        "entry.listed = False": "killed",
        "entry.wake()": "killed",
    }
    for outcome in found:
        assert outcome.mutant.function == "ReqList.remove"
        assert bool(outcome.why) == (outcome.state == "equivalent")
        if outcome.killed:
            assert outcome.schedules > 0
            assert outcome.says
            assert outcome.design == "rfc-repaired"
    if everything():
        again = outcomes("ReqList.remove")  # but for the place where the watchdog met one that spins
        assert [replace(each, says="") for each in again] == [replace(each, says="") for each in found]


def test_a_run_that_is_refused_as_it_is_ends_the_hunt() -> None:
    pair = Pair(DESIGNS["rfc-repaired"], PAIRS["unserialised"].threads)
    plan = Plan((pair,), (find("race"),), None, ("portfolio",), 100, Sight.WHITE)
    hunt = Hunt(plan, SOME)
    with pytest.raises(InputError, match="rfc-repaired is refused as it is, on"):
        hunt.prepare()
    hunt.close()


def test_the_functions_of_a_file_with_threads_are_mutated() -> None:
    done = run(str(EXAMPLE), "--budget", "200", "--json", "-")
    found = json.loads(done.stdout)
    assert {each["function"] for each in found} == {"SharedJob.excludes"}
    assert {each["kind"] for each in found} == {"and for or", "not removed"}
    assert {each["state"] for each in found} == {"killed"}
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--generated", "some-name"], "some-name: generated mutants have no names"),
        (["--generated", str(EXAMPLE)], "--generated is of the bundled stack"),
        (["--generated", "--seeds", "2"], "--seeds is of the faults made by hand"),
        (["--generated", "--strategy", "pct"], "--strategy is of the faults made by hand"),
        (["--one-of", "2"], "--one-of is of generated mutants"),
        (["--function", "f"], "--function is of generated mutants"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], says: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(says)


def test_the_stack_is_mutated_under_the_runs_of_one_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_mutants, "bundled", lambda: (find("race"),))
    monkeypatch.setattr(generated_mutants, "DRAWN", 0)
    done = run("--generated", "rfc-repaired", "--function", "Bitmap.set", "--budget", "8", "--json", "-")
    assert done.exit_code == 0
    found = {each["before"]: each for each in json.loads(done.stdout)}
    assert len(found) == 4
    assert {(each["file"], each["function"]) for each in found.values()} == {("bitmap.py", "Bitmap.set")}
    touched = found["self.context.touch(self.called, (clusters.start, clusters.stop), True)"]
    assert (touched["state"], touched["by"], touched["token"]) == ("equivalent", None, None)
    assert touched["why"].endswith("no run does.")
    kept = found["self.those_set.update(clusters)"]
    assert (kept["state"], kept["kind"], kept["why"]) == ("killed", "statement removed", None)
    assert (kept["by"], kept["design"], kept["scenario"]) == ("monitor", "rfc-repaired", "the race")
    assert str(Schedule.parse(kept["token"])) == kept["token"]
    assert "the hidden disk lacks cluster [0, 65536)" in kept["says"]
