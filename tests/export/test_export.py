"""What is exported, as text: names, locations, properties. What it means is for the referees to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tla as tla_language

from cowpath import command_line
from cowpath.model.explore.result import questions
from cowpath.model.export.processes import processes
from cowpath.model.export.promela import promela
from cowpath.model.export.tla import tla
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from tests.benchmarks.cow_request import TABLE, build, instance
from tests.toys import Toy, awkward, dining, leak, mutex, overflow

ROW = next(row for row in TABLE if row.states == 788)


def cow_request() -> Narrowed:
    return narrow(ground(build(), instance(ROW)))


def model(toy: Toy) -> Narrowed:
    return narrow(ground(toy.system, toy.instance))


def words(narrowed: Narrowed) -> list[str]:
    return [*narrowed.model.always, *narrowed.model.sometimes]


def exported(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command_line.run(["export", *arguments]) == 0
    return capsys.readouterr().out


def test_the_program_counter_is_found_and_becomes_the_location() -> None:
    narrowed = cow_request()
    shown = narrowed.model.layout.show
    for process in processes(narrowed, ()):
        assert process.counter is not None
        assert shown(process.counter).startswith("pc ")
        private = {shown(cell).split()[0] for cell in process.private}
        assert {"pc", "at"} <= private
        assert not private & {"secondary", "listed", "waiting"}
        steps = [step for steps in process.locations.values() for step in steps]
        assert not any(cell == process.counter for step in steps for cell, _ in step.updates)


def test_a_watched_program_counter_is_a_variable_as_well() -> None:
    narrowed = cow_request()
    watched = range(len(narrowed.values))
    for process in processes(narrowed, watched):
        assert process.private == frozenset()
        for at, steps in process.locations.items():
            for step in steps:
                assigned = [value for position, value in step.updates if position == process.counter]
                assert (assigned or [at]) == [step.goes_to]


def test_owners_rest_where_they_may_be_finished() -> None:
    text = promela(model(leak(2)), ["x"], (), deadlock=False)
    assert re.findall(r"^(\w+):", text, re.MULTILINE) == ["at_idle", "at_one", "end_at_done"] * 2


def test_an_owner_without_program_counter_has_one_location() -> None:
    """A counter that may leave its sort is no place to be."""
    text = promela(narrow(ground(*overflow(0))), ["x"], (), deadlock=False)
    assert "end_at_all:\n  if\n  /* add */\n  :: d_step { assert(total_ + 1 < 3);" in text


def test_names_that_are_taken_are_not_used() -> None:
    narrowed = model(awkward())
    text = promela(narrowed, ["x"], questions(narrowed.model, words(narrowed)), deadlock=True)
    declared = re.findall(r"^ *(?:bit|unsigned|hidden int|active proctype|#define) (\w+)", text, re.MULTILINE)
    assert len(declared) == len({*declared})
    assert not {"now", "done", "if", "skip", "bit"} & {*declared}
    module, _ = tla(narrowed, "M", ["x"], (), deadlock=True)
    defined = re.findall(r"^(\w+)(?:\(.*\))? ==", module, re.MULTILINE)
    assert len(defined) == len({*defined})


def test_a_comment_cannot_be_left() -> None:
    text = promela(model(mutex(1)), ["a */ b"], (), deadlock=False)
    assert "a * / b" in text


@pytest.mark.parametrize("deadlock", [False, True])
def test_a_tla_module_parses(deadlock: bool) -> None:
    narrowed = model(dining(2))
    module, configuration = tla(narrowed, "M", ["x"], questions(narrowed.model, ["finished"]), deadlock)
    assert tla_language.parse(module).name == "M"
    assert ("NoDeadlock" in configuration) == deadlock == ("NoDeadlock ==" in module)
    assert configuration.splitlines()[-1].startswith("INVARIANTS TypeOK Never_finished")


def test_only_the_properties_asked_for_are_exported(capsys: pytest.CaptureFixture[str]) -> None:
    run = ("rfc-2016", "--scenario", "two-by-two", "--to")
    text = exported(capsys, *run, "promela", "--property", "snapshot", "--property", "lifetime")
    assert re.findall(r"assert\((\w+)\)", text) == ["snapshot_holds"]
    assert "/* lifetime_holds: the values that can occur at all do not violate it */" in text
    text = exported(capsys, *run, "tla", "--property", "deadlock", "--property", "concurrency")
    assert text.endswith("INVARIANTS TypeOK Never_concurrency Concurrency_done_holds NoDeadlock\n")


def test_what_only_endless_runs_violate_is_not_exported(capsys: pytest.CaptureFixture[str]) -> None:
    run = ("mirror-8.2", "--scenario", "stream-in-background", "--to")
    assert not re.search("convergence|progress", exported(capsys, *run, "promela"))
    assert command_line.run(["export", *run, "tla", "--property", "convergence"]) == 2
    assert "convergence is of runs without end, and not exported" in capsys.readouterr().err


def test_a_module_and_its_configuration_lie_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("rfc-2016", "--scenario", "race", "--to", "tla")
    shown = exported(capsys, *run)
    assert exported(capsys, *run, "-o", str(tmp_path / "the_race.tla")) == ""
    module, configuration = ((tmp_path / f"the_race.{end}").read_text() for end in ("tla", "cfg"))
    assert shown == f"{module}\nrfc_2016_race.cfg:\n{configuration}".replace("the_race", "rfc_2016_race")


def test_the_disk_may_be_exported_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requests = "".join(
        f'[[request]]\nkind = "{kind}"\nat = {at}\n'
        for kind, at in (("nbd-write", [0, 3]), ("guest-read", [0, 4]))
    )
    unit = 'unit = "sectors"\n'
    (tmp_path / "one.toml").write_text(f'name = "one"\n{unit}sectors = 8\ncluster = 4\n{requests}')
    run = ("unserialised", "--scenario", str(tmp_path / "one.toml"), "--to", "promela")
    reduced, whole = exported(capsys, *run), exported(capsys, *run, "--no-reduce")
    assert "reduced to" in reduced
    assert "reduced to" not in whole
    declared = [re.findall(r"^unsigned secondary_(\w+) :", text, re.MULTILINE) for text in (reduced, whole)]
    assert declared == [["0_3"], ["0_1", "1_2", "2_3"]]
