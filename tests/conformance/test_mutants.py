"""The seeded faults: each dies by its saved schedule, what is equivalent survives, nothing stays changed.

Run this file to save the kills anew: `python -m tests.conformance.test_mutants` hunts all mutants.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cowpath.conformance.campaign.alarm import CanaryError, examine
from cowpath.conformance.commands import mutants as mutants_command
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.mutants import hunt
from cowpath.conformance.mutants.catalogue import CANARY, MUTANTS, scenario_of
from cowpath.conformance.mutants.hunt import Outcome, Plan, hunt_all, mutated
from cowpath.conformance.mutants.mutant import SIGHTS, ModelMutant, Mutant, StackMutant
from cowpath.conformance.pairs import find_pair
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.reducer import Deviate
from cowpath.impl.overlay import Hidden
from cowpath.model.designs import ALL

COWPATH = Path(sys.executable).with_name("cowpath")
KILLS = Path(__file__).with_name("kills.json")
SAVED: dict[str, str] = json.loads(KILLS.read_text())
STACK = [mutant for mutant in MUTANTS if isinstance(mutant, StackMutant)]
MODEL = [mutant for mutant in MUTANTS if isinstance(mutant, ModelMutant)]


def named(name: str) -> Mutant:
    return next(mutant for mutant in MUTANTS if mutant.name == name)


# -- the catalogue


def test_there_are_enough_of_each_kind() -> None:
    assert len([mutant for mutant in STACK if not mutant.survives]) >= 45
    assert len([mutant for mutant in MODEL if not mutant.survives]) >= 15
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_each_says_what_is_wrong_and_why_nobody_may_see_it() -> None:
    for mutant in MUTANTS:
        assert mutant.says.endswith(".")
        assert bool(mutant.survives) == bool(mutant.why)
        assert set(mutant.survives) <= set(SIGHTS)


def test_a_fault_is_gone_after_use_even_if_that_fails() -> None:
    for mutant in (CANARY, *STACK):
        before = dict(vars(mutant.owner))
        with mutant.applied():
            assert dict(vars(mutant.owner)) != before
        assert dict(vars(mutant.owner)) == before
        with pytest.raises(ZeroDivisionError), mutant.applied():
            raise ZeroDivisionError
        assert dict(vars(mutant.owner)) == before
    assert "empty" not in vars(Hidden)  # it is inherited again


def test_a_fault_takes_what_it_replaces_takes() -> None:
    """Else each call of it is a crash of its own, which kills for no reason."""
    checked = 0
    for mutant in (CANARY, *STACK):
        before = getattr(mutant.owner, mutant.attribute, None)
        if inspect.isroutine(before):
            taken = inspect.signature(before).parameters.values()
            named_only = {each.name: None for each in taken if each.kind is each.KEYWORD_ONLY}
            others = [None] * (len(taken) - len(named_only))
            with mutant.applied():
                inspect.signature(getattr(mutant.owner, mutant.attribute)).bind(*others, **named_only)
            checked += 1
    assert checked > 50


# -- kills


def test_every_kill_is_saved() -> None:
    threads_cannot_tell = {
        "model-bits-in-flight-are-not-looked-at",
        "model-copies-do-not-serialise",
        "model-serialising-requests-do-not-wait",
        "model-wrong-values-are-not-noted",
    }
    sighted = {mutant.name for mutant in MUTANTS if "white" not in mutant.survives}
    assert SAVED.keys() == sighted - threads_cannot_tell


@pytest.mark.parametrize("name", SAVED)
def test_the_saved_schedule_kills_and_the_sound_one_survives_it(name: str) -> None:
    mutant, schedule = named(name), Schedule.parse(SAVED[name])
    scenario = scenario_of(mutant)
    workload = Workload(find_pair(mutant.design), scenario, Kernel(Greenlets()))
    sound = Oracle(ALL[mutant.design], scenario)
    assert len(schedule.deviations) <= 5
    if isinstance(mutant, ModelMutant):
        run = workload.run(Replay(schedule))
        assert examine(Oracle(mutated(mutant), scenario), run)
        assert not examine(sound, run)
    else:
        assert isinstance(mutant, StackMutant)
        with mutant.applied():
            run = workload.run(Replay(schedule))
        assert examine(sound, run)
        assert not examine(sound, workload.run(Deviate(schedule.deviations)))
    workload.close()


@pytest.mark.parametrize("name", [mutant.name for mutant in MUTANTS if "white" in mutant.survives])
def test_what_is_equivalent_survives(name: str) -> None:
    (outcome,) = hunt_all([named(name)], Plan(budget=60))
    assert (outcome.equivalent, outcome.by) == (True, None)


@pytest.mark.parametrize("sight", [Sight.GREY, Sight.BLACK])
def test_what_only_the_steps_tell_survives_those_who_do_not_see_them(sight: Sight) -> None:
    blind = [m for m in MUTANTS if sight.value in m.survives and "white" not in m.survives]
    assert len(blind) > 5
    for outcome in hunt_all(blind, Plan(budget=40, sight=sight)):
        assert (outcome.mutant.name, outcome.equivalent, outcome.by) == (outcome.mutant.name, True, None)


@pytest.mark.parametrize("sight", [Sight.GREY, Sight.BLACK])
def test_what_a_client_can_tell_dies_with_less_sight_too(sight: Sight) -> None:
    names = [
        "nothing-is-copied",
        "the-copy-is-not-mapped",
        "a-failed-copy-keeps-its-request",
        "tails-are-forgotten",
        "nobody-serialises",
        "the-checkpoint-does-not-drain",
        "who-has-waited-is-never-waited-for",
    ]
    for outcome in hunt_all([named(name) for name in names], Plan(budget=400, seeds=1, sight=sight)):
        assert (outcome.mutant.name, outcome.by) == (outcome.mutant.name, "monitor")


def test_what_the_threads_cannot_tell_shows_in_the_verdicts() -> None:
    (outcome,) = hunt_all([named("model-wrong-values-are-not-noted")], Plan(budget=5, seeds=1))
    assert (outcome.by, outcome.kill) == ("verdicts", None)
    assert outcome.reason == "snapshot violated, then holds"


def test_the_median_counts_hunts_in_vain() -> None:
    assert hunt.Hunt("random", (3, None, 1)).median == 3
    assert hunt.Hunt("random", (3, None, None)).median is None


def test_a_bench_that_sees_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hunt, "examine", lambda oracle, run: None)
    with pytest.raises(CanaryError, match="the canary survives"):
        next(hunt_all(MUTANTS, Plan(budget=5, seeds=1)))


# -- the command


def mutants(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COWPATH, "mutants", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_shows_the_kill_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    done = mutants("nobody-is-woken", "one-place-for-all", "--budget", "30", "--json", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Killed: 1 (impl 1). Equivalent, and alive: 1." in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())
    assert "lost wake-up: nbd-write 1 could go on after this step of guest-read 0" in done.stdout
    killed, survivor = json.loads(path.read_text())
    assert killed["name"] == "nobody-is-woken"
    assert (killed["side"], killed["equivalent"], killed["killed"]) == ("impl", False, True)
    assert killed["by"] == "lost wake-up"
    assert 1 <= killed["median_schedules"] <= 5
    assert (survivor["killed"], survivor["by"], survivor["median_schedules"]) == (False, None, None)


def test_a_mutant_that_should_die_and_does_not_is_a_failure() -> None:
    done = mutants("the-hidden-disk-stays", "--strategy", "random", "--budget", "1", "--seeds", "1")
    assert done.returncode == 1
    assert "Not as they should: the-hidden-disk-stays." in done.stdout


def test_an_interrupt_leaves_the_rest_undetermined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(chosen: Sequence[Mutant], *arguments: Any) -> Iterator[Outcome]:
        yield from hunt_all(chosen[:1], *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(mutants_command, "hunt_all", interrupted)
    arguments = ["nobody-is-woken", "nothing-is-copied", "--budget", "9", "--json", str(tmp_path / "out")]
    done = CliRunner().invoke(mutants_command.mutants, arguments)
    assert done.exit_code == 3
    assert done.output.endswith("interrupted: 1 of 2 are undetermined\n")
    assert "Killed: 1 (impl 1)." in done.output
    (known,) = json.loads((tmp_path / "out").read_text())
    assert (known["name"], known["killed"]) == ("nobody-is-woken", True)


BAD = {
    "no such mutant": (
        ("nobody-is-woke",),
        "unknown mutant 'nobody-is-woke' (did you mean 'nobody-is-woken'?)",
    ),
    "no such strategy": (("--strategy", "luck"), "'luck' is not one of "),
    "no such sight": (("--sight", "red"), "'red' is not one of "),
    "no budget": (("--budget", "0"), "0 is not in the range"),
    "nowhere to write": (("--json", "/nowhere/x.json"), "--json: '/nowhere' is not a folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str) -> None:
    arguments, message = BAD[case]
    done = mutants(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def save() -> None:
    """Hunt all mutants and write the kills down."""
    kills = {
        outcome.mutant.name: str(outcome.kill.run.schedule)
        for outcome in hunt_all(MUTANTS, Plan(seeds=3))
        if outcome.kill is not None
    }
    KILLS.write_text(json.dumps(kills, indent=1) + "\n")


if __name__ == "__main__":
    save()
