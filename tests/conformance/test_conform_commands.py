"""`cowpath conform` and `cowpath validate` as a user runs them; logs as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cowpath.command_line import run
from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.conform import Plan, conform
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.log_file import Header, LogError, read, write
from cowpath.conformance.runs.stress import Stress
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import bundled, find
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.writing import document


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def cowpath(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command in this process, which need not start then."""

    def command(*arguments: str) -> Done:
        try:
            status = run(arguments)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return Done(status, *capsys.readouterr())

    return command


Command = Callable[..., Done]


def test_a_design_conforms_to_its_own_model_and_not_to_another(tmp_path: Path, cowpath: Command) -> None:
    out = tmp_path / "out.json"
    done = cowpath(
        "conform", "rfc-2016", "unserialised", "--as", "rfc-2016", "--scenario", "race", "--schedules", "200",
        "--json", str(out), "--log", str(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    good, bad = json.loads(out.read_text())
    assert list(good) == ["design", "verdict", "schedules", "seconds", "strategy", "coverage", "failure"]
    assert (good["verdict"], good["schedules"], good["failure"]) == ("holds", 200, None)
    assert good["coverage"] == {"edges": [84, 84], "refusals": [10, 10]}
    assert bad["verdict"] == "violated"
    assert list(bad["failure"]) == ["token", "deviations", "reason"]
    assert bad["failure"]["deviations"] == 1
    assert "cow.begin  <-- refused" in done.stdout
    assert f"token {bad['failure']['token']}" in done.stdout
    again = cowpath("replay", "unserialised", "--scenario", "race", "--token", bad["failure"]["token"])
    assert again.returncode == 0
    for name, status in (("rfc-2016", 0), ("unserialised", 1)):
        log = tmp_path / f"{name}.ndjson"
        assert cowpath("validate", str(log)).returncode == status
        assert cowpath("validate", str(log), "--sight", "grey").returncode == 0
    other = cowpath("validate", str(tmp_path / "rfc-2016.ndjson"), "--design", "fleecing-4.0")
    assert other.returncode == 1
    assert "refused at line " in other.stdout


def test_free_threads_are_a_strategy(cowpath: Command) -> None:
    done = cowpath("conform", "unserialised", "--as", "rfc-repaired", "--strategy", "free", "--json", "-")
    (outcome,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert (outcome["strategy"], outcome["failure"]["token"]) == ("free", None)


def test_a_canary_that_lives_voids_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan((PAIRS["rfc-2016"],), (find("race"),), None, ("portfolio",), 10, Sight.WHITE)
    assert [outcome.verdict for outcome in conform(plan)] == [Verdict.HOLDS]
    monkeypatch.setattr("cowpath.conformance.campaign.conform.CANARY", ("rfc-2016", "rfc-2016", "race"))
    with pytest.raises(CanaryError, match="the canary lives: rfc-2016 was not refused as rfc-2016"):
        list(conform(plan))


def test_an_interrupted_campaign_says_what_it_knows() -> None:
    both = (PAIRS["rfc-2016"], PAIRS["rfc-repaired"])
    plan = Plan(both, (find("race"),), None, ("portfolio",), 500, Sight.WHITE)

    def interrupt(progress: Any) -> None:
        if progress.schedules:
            raise KeyboardInterrupt

    one, other = conform(plan, interrupt)
    assert (one.verdict, other.verdict) == (Verdict.UNDETERMINED, Verdict.UNDETERMINED)
    assert (one.schedules, other.schedules) == (50, 0)


BAD = {
    "no such design": (("conform", "rfc-2017"), "'rfc-2017' (did you mean 'rfc-2016'?); accepted: "),
    "no such judge": (("conform", "--as", "rfc-2017"), "unknown design 'rfc-2017'"),
    "no such scenario": (("conform", "--scenario", "rac"), "unknown scenario 'rac'"),
    "nothing fits": (("conform", "rfc-2016", "--scenario", "client-discard"), "no scenario given fits"),
    "no such log": (("validate", "nowhere.ndjson"), "nowhere.ndjson: cannot read a log: No such file"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_input_is_one_line(name: str, cowpath: Command) -> None:
    arguments, words = BAD[name]
    done = cowpath(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


# -- logs


@pytest.mark.parametrize("scenario", bundled(), ids=lambda scenario: scenario.slug)
def test_a_scenario_comes_back_as_it_was(scenario: Any) -> None:
    again = from_document(document(scenario), "again")
    kept = [name for name in vars(scenario) if name not in ("shows", "expect", "slug", "requests")]
    assert [getattr(again, name) for name in kept] == [getattr(scenario, name) for name in kept]
    assert [vars(r) | {"group": 0} for r in again.requests] == [
        vars(r) | {"group": 0} for r in scenario.requests
    ]


def a_log(sight: Sight, slug: str = "race", free: bool = False) -> str:
    workload = Workload(PAIRS["rfc-2016"], find(slug), Kernel(Greenlets()))
    log = (Stress(workload, 1).run() if free else workload.run(Portfolio(3))).log
    workload.close()
    return write(Header(find(slug), "rfc-2016", sight), log)


@pytest.mark.parametrize("sight", list(Sight))
@pytest.mark.parametrize(
    ("slug", "free"), [("race", False), ("failing-copies", True), ("unaligned-write", True)]
)
def test_a_log_comes_back_as_it_was(sight: Sight, slug: str, free: bool) -> None:
    text = a_log(sight, slug, free)
    header, events = read(text.splitlines(), "log")
    assert (header.design, header.sight) == ("rfc-2016", sight)
    assert write(header, events) == text


def edited(edit: Callable[[dict[str, Any]], Any], wanted: str) -> tuple[list[str], int]:
    """Return a log with the first line that has such an event, or label, edited; and its number."""
    lines = a_log(Sight.WHITE).splitlines()
    for number, line in enumerate(lines):
        record = json.loads(line)
        if wanted in (record.get("event"), record.get("label"), "header" if number == 0 else ""):
            edit(record)
            lines[number] = json.dumps(record)
            return lines, number + 1
    raise AssertionError(wanted)


WRONG: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "no header": ("header", lambda r: r.pop("cowpath"), "no header; accepted: "),
    "sight": ("header", lambda r: r.update(sight="pink"), "sight: 'pink'; accepted: white, grey, black"),
    "scenario": ("header", lambda r: r.update(scenario=3), "scenario: 3; accepted: an object"),
    "scenario's key": ("header", lambda r: r["scenario"].update(cluster="0B"), "scenario: cluster: is 0"),
    "event": ("invoke", lambda r: r.update(event="come"), "event: 'come'; accepted: invoke, return, "),
    "request": ("invoke", lambda r: r.update(request="nbd-write 7"), "request: 'nbd-write 7'; accepted: "),
    "stray key": ("invoke", lambda r: r.update(label="x"), "unknown key 'label'; accepted: event, request"),
    "extent": ("cow.copy", lambda r: r.update(extent=[4, 1]), "extent: [4, 1]; accepted: [start, end)"),
    "mapped": ("read.lookup-hidden", lambda r: r.update(mapped=1), "mapped: 1; accepted: true or false"),
    "disk": ("cow.read", lambda r: r["transfer"].update(disk="sda"), "transfer.disk: 'sda'; accepted: "),
    "write": ("cow.read", lambda r: r["transfer"].update(write=0), "transfer.write: 0; accepted: "),
    "transfer": ("cow.read", lambda r: r.update(transfer=[]), "transfer: []; accepted: an object"),
    "runs": (
        "return",
        lambda r: r.update(pieces=[{"at": [0, 1], "data": [[1, 256]]}]),
        "data: [[1, 256]]",
    ),
    "too short": (
        "return",
        lambda r: r.update(pieces=[{"at": [0, 2], "data": [[1, 1]]}]),
        "data: not as",
    ),
    "pieces": ("return", lambda r: r.update(pieces={}), "pieces: {}; accepted: a list of "),
    "map": ("map", lambda r: r.update(disk="secondary"), "disk: 'secondary'; accepted: hidden, active"),
    "clusters": ("map", lambda r: r.update(clusters=[2]), "clusters: [2]; accepted: a list of 0 and 1"),
    "too many": ("map", lambda r: r["clusters"].append(1), "clusters: 2; accepted: one of each touched, 1"),
    "no map": ("map", lambda r: r.pop("clusters"), "map: no clusters"),
    "who": ("parked", lambda r: r.update(who="all"), "who: 'all'; accepted: a list of requests"),
    "no who": ("parked", lambda r: r.pop("who"), "parked: no who"),
    "neither": (
        "cow.begin",
        lambda r: (r.pop("label"), r.pop("request")),
        "step: neither",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_line_is_named(name: str) -> None:
    wanted, edit, words = WRONG[name]
    lines, number = edited(edit, wanted)
    with pytest.raises(LogError) as caught:
        read(lines, "log")
    assert str(caught.value).startswith(f"log: line {number}: {words}")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 5000])
def test_what_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(LogError, match=r"^log: line 1: "):
        read(text.splitlines(), "log")
