"""The examples, each in every command that applies to it; and that their files say what is true."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.designs.loading import find as load_design
from cowpath.model.scenarios import load
from tests.in_process import Command

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = {
    "buffer_model": "buffer",
    "buffer_repaired": "buffer",
    "cowmap_model": "cowmap",
    "dining": "two-philosophers",
    "dining_repaired": "two-philosophers",
    "dm_snapshot": "snapshot-read",
    "dm_snapshot_waits": "snapshot-read",
    "aio_context": "drain-in-a-context",
    "aio_context_repaired": "drain-in-a-context",
    "dm_throttle": "throttled-writes",
    "dm_throttle_repaired": "throttled-writes",
    "rbd_clone": "flattened",
    "rbd_clone_checks": "flattened",
    "rwlock_model": "rwlock",
    "rwlock_repaired": "rwlock",
}
each_example = pytest.mark.parametrize("name", FILES)


@pytest.fixture
def example(cowpath: Command, tmp_path: Path) -> Command:
    """Run a command beside the examples."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    return cowpath


def test_every_scenario_of_the_examples_is_used() -> None:
    assert {f"{scenario}.toml" for scenario in FILES.values()} == {p.name for p in EXAMPLES.glob("*.toml")}


@each_example
def test_its_verdicts_are_what_its_scenario_says(name: str) -> None:
    design = load_design(str(EXAMPLES / f"{name}.py"), DESIGNS)
    scenario = load(EXAMPLES / f"{FILES[name]}.toml")
    result = check(Case(design, scenario), engine="python")
    expected = dict(scenario.expect[design.name])
    assert expected.pop("states", result.exploration.states) == result.exploration.states
    assert expected == {name: result.properties[name].verdict.value for name in expected}
    for engine in ("numpy", "native"):
        other = check(Case(design, scenario), engine=engine)
        assert other.exploration.states == result.exploration.states
        assert {n: (p.verdict, p.depth) for n, p in other.properties.items()} == {
            n: (p.verdict, p.depth) for n, p in result.properties.items()
        }


@each_example
def test_it_passes_through_every_command(name: str, example: Command, tmp_path: Path) -> None:
    file, on = f"{name}.py", ("--scenario", f"{FILES[name]}.toml")
    checked = example("check", file, *on, "--json", "-")
    assert checked.err == ""
    (result,) = json.loads(checked.out)
    fails = [n for n, p in result["properties"].items() if p["verdict"] == "violated"]
    assert checked.status == (1 if fails else 0)
    assert example("designs", file).status == 0
    assert example("scenarios", f"{FILES[name]}.toml").status == 0
    assert example("export", file, *on, "--to", "promela").out.startswith("/*")
    assert "MODULE" in example("export", file, *on, "--to", "tla").out
    for form in ("dot", "graphml", "mermaid"):
        assert example("graph", file, *on, "--format", form).status == 0
    walk = example("step", file, *on, typed="help\nquit\n")
    assert (walk.status, walk.err) == (0, "")
    page = example("report", file, *on, "-o", "report.html")
    assert page.status == checked.status
    for form in ("text", "html", "svg", "mermaid", "json", "itf", "pytest") if fails else ():
        ran = example("trace", file, *on, "--format", form, "-o", f"trace.{form}")
        assert (ran.status, ran.err) == (1, ""), form
        assert (tmp_path / f"trace.{form}").stat().st_size
    if fails:
        again = example("trace", file, *on, "--from", "trace.json")
        assert (again.status, again.err) == (1, "")


def test_the_philosophers_take_thirty_lines() -> None:
    lines = (EXAMPLES / "dining.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 30


def test_the_repaired_table_is_proved_for_any_number(example: Command) -> None:
    ran = example("prove", "dining_repaired.py", "--json", "-")
    assert {each["theorem"]: each["verdict"] for each in json.loads(ran.out)} == {
        "alone": "holds",
        "deadlock": "holds",
        "termination": "holds",
    }


def test_without_an_argument_prove_says_what_it_tries(example: Command) -> None:
    ran = example("prove", "dining.py", "--theorem", "termination")
    assert "dining brings no argument" in ran.err
    assert ran.status == 0


# -- the ninth design


def test_a_variant_of_the_rfc_is_two_files_of_a_few_lines() -> None:
    files = [(EXAMPLES / name).read_text() for name in ("rfc_shared.py", "rfc_shared_threads.py")]
    assert sum(len(text.splitlines()) for text in files) <= 60


def test_readers_of_the_variant_do_not_keep_each_other_out(example: Command) -> None:
    asked = ("--scenario", "two-readers", "--property", "concurrency", "--json", "-")
    (shared,) = json.loads(example("check", "rfc_shared.py", *asked).out)
    (rfc,) = json.loads(example("check", "rfc-2016", *asked).out)
    verdicts = [{n: p["verdict"] for n, p in each["properties"].items()} for each in (shared, rfc)]
    assert verdicts == [
        {"concurrency": "holds", "concurrency-done": "holds"},
        {"concurrency": "violated", "concurrency-done": "violated"},
    ]


def test_threads_of_the_variant_make_every_step_of_its_model(example: Command) -> None:
    on = ("--scenario", "race", "--scenario", "two-readers", "--strategy", "tours", "--json", "-")
    (outcome,) = json.loads(example("conform", "rfc_shared_threads.py", *on).out)
    assert outcome["verdict"] == "holds"
    for reached, there in outcome["coverage"].values():
        assert reached == there
    refused = example("conform", "rfc_shared_threads.py", "--scenario", "two-readers", "--as", "rfc-2016")
    assert refused.status == 1
