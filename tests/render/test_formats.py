"""The formats of a trace: each is read by a tool that knows it, and says what the trace says."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cairosvg
import itf_py
import pytest
from lxml import etree

from cowpath.model.designs import DESIGNS, Case
from cowpath.model.render import mermaid, state_graphs
from cowpath.model.render.formats import FORMATS, Subject
from cowpath.model.render.graph import Picture
from cowpath.model.render.png import NoRenderer
from cowpath.model.render.timeline import lanes, rows
from cowpath.model.scenarios import bundled, find, loads
from cowpath.model.scenarios.writing import dumps
from cowpath.model.stack.properties import STANDARD
from cowpath.model.trace import record
from cowpath.model.trace.reading import ReadError, read, retrace
from cowpath.model.trace.trace import Trace
from tests.counterexamples import trace_of
from tests.in_process import Command

COWPATH = Path(sys.executable).with_name("cowpath")
TRACE = ["trace", "rfc-2016", "--scenario", "unaligned-write"]
MERMAID = "MERMAID_MODULES"
"""The environment variable that names a folder in which npm has installed mermaid and jsdom."""
CASES = (
    ("rfc-2016", "unaligned-write", "deadlock"),
    ("block-copy-4.2", "second-cluster", "snapshot"),
    ("copy-before-write-9.2", "break-snapshot", "snapshot"),
    ("fleecing-4.0", "write-among-reads", "progress"),
    ("rfc-2016", "stop-undrained", "lifetime"),
    ("rfc-2016", "neighbours", "assertion"),
)
cases = pytest.mark.parametrize("case", CASES, ids=" ".join)
Told = tuple[str, str, str]


@cache
def subject(case: Told) -> Subject:
    name, slug, wanted = case
    return Subject(trace_of(name, slug, wanted), Case(DESIGNS[name], find(slug)), name)


def rendered(case: Told, form: str) -> str:
    content = FORMATS[form](subject(case))
    assert isinstance(content, str)
    return content


# -- pictures


@cases
def test_a_picture_shows_every_step_in_order_and_asks_for_nothing_else(case: Told) -> None:
    svg = etree.fromstring(rendered(case, "svg").encode())
    plain = {"svg", "title", "g", "rect", "line", "path", "text"}
    assert {etree.QName(each).localname for each in svg.iter()} <= plain
    assert not re.search(r"href|url\(|@import", rendered(case, "svg"))
    texts = [(float(each.get("y")), each.text) for each in svg.iter("{*}text")]
    heights = []
    for step in subject(case).trace.steps:
        (number,) = (y for y, words in texts if words == str(step.number))
        assert any(words == step.action and abs(y - number) < 3 for y, words in texts)
        heights.append(number)
    assert heights == sorted(heights)
    assert max(y for y, _ in texts) < float(svg.get("height"))


@cases
def test_no_words_leave_the_picture(case: Told) -> None:
    svg = etree.fromstring(rendered(case, "svg").encode())
    for each in svg.iter("{*}text"):
        width = len(each.text) * float(each.get("font-size")) * 0.5
        start = float(each.get("x")) - {"start": 0, "middle": 0.5, "end": 1}[each.get("text-anchor")] * width
        assert start >= 0
        assert start + width <= float(svg.get("width")), each.text


def test_the_picture_of_a_deadlock_has_an_arrow_each_way_and_once_more_for_the_cycle() -> None:
    svg = etree.fromstring(rendered(CASES[0], "svg").encode())
    red = [each for each in svg.iter("{*}line") if each.get("stroke") == "#b3261e"]
    alarm = [each for each in red if not each.get("stroke-dasharray")]
    ways = [float(each.get("x1")) < float(each.get("x2")) for each in alarm]
    assert ways == [True, False, True, False]


def test_a_write_of_what_is_there_already_is_shown_as_one() -> None:
    trace = trace_of("rfc-2016", "read-among-rmw", "progress")
    writes = [row for row in rows(trace) if row.step.action == "write.data"]
    assert {row.disks[list(trace.scene.disks).index("secondary")] for row in writes} == {"write"}
    assert any(not any("secondary [" in c.what for c in row.step.changes) for row in writes)


@cases
def test_another_renderer_draws_it_as_well(case: Told) -> None:
    drawn = cairosvg.svg2png(bytestring=rendered(case, "svg").encode())
    png = FORMATS["png"](subject(case))
    assert isinstance(png, bytes)
    sizes = [[int.from_bytes(each[at : at + 4]) for at in (16, 20)] for each in (drawn, png)]
    assert all(each.startswith(b"\x89PNG") for each in (drawn, png))
    assert [2 * size for size in sizes[0]] == pytest.approx(sizes[1], abs=2)


def test_without_the_renderer_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(NoRenderer, match=r"pip install 'cowpath\[png\]'"):
        FORMATS["png"](subject(CASES[0]))


def test_no_picture_of_bits_is_put_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [COWPATH, *TRACE, "--format", "png"],
        stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=100, check=False,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert ran.returncode == 2
    assert ran.stderr == "cowpath: --format png: no terminal shows that; accepted: -o OUT, or a pipe\n"


# -- Mermaid

PARSER = """
const { JSDOM } = require("jsdom");
globalThis.window = new JSDOM("").window; globalThis.document = window.document;
import("mermaid").then(async ({ default: mermaid }) => {
  const found = [];
  for (const text of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    const actors = [...(db.getActors?.() ?? new Map()).values()].map((actor) => actor.description);
    const [boxes, arrows] = [db.getVertices?.().size, db.getEdges?.().length];
    found.push({ actors, messages: db.getMessages?.(), boxes, arrows });
  }
  console.log(JSON.stringify(found));
});
"""


def graph_pictures() -> tuple[Picture, Picture]:
    graph = state_graphs.explore(Case(DESIGNS["rfc-2016"], find("race")), 1000)
    return graph.quotient(), graph.picture()


@pytest.fixture(scope="module")
def parsed() -> list[dict[str, Any]]:
    """What Mermaid's own parser makes of each case; CI installs it, elsewhere we skip."""
    if MERMAID not in os.environ and not os.environ.get("CI"):
        pytest.skip(f"{MERMAID} names no folder with mermaid and jsdom in it")
    diagrams = [rendered(case, "mermaid") for case in CASES]
    diagrams += [picture.mermaid() for picture in graph_pictures()]
    done = subprocess.run(
        ["node", "-e", PARSER],
        cwd=os.environ[MERMAID], input=json.dumps(diagrams), capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@cases
def test_mermaid_reads_every_step_of_the_diagram(case: Told, parsed: list[dict[str, Any]]) -> None:
    trace, diagram = subject(case).trace, parsed[CASES.index(case)]
    assert diagram["actors"][: len(lanes(trace))] == list(lanes(trace))
    words = [str(each.get("message")) for each in diagram["messages"]]
    told = [re.match(r"(\d+) (\S+): ", each) for each in words]
    steps = dict.fromkeys((int(each[1]), each[2]) for each in told if each)
    assert list(steps) == [(step.number, step.action) for step in trace.steps]
    waits = [each for each in words if each.startswith("waits on ")]
    assert len(waits) >= len(trace.cycle) * 2


def test_mermaid_reads_every_box_and_arrow_of_a_graph(parsed: list[dict[str, Any]]) -> None:
    for picture, found in zip(graph_pictures(), parsed[len(CASES) :], strict=True):
        assert (found["boxes"], found["arrows"]) == (len(picture.boxes), len(picture.arrows))


def test_no_statement_is_cut_short_by_its_words() -> None:
    its = subject(CASES[0])
    trace = replace(its.trace, scenario="a; b #9 -->> c")
    for text in (mermaid.render(trace, its.meaning), *(rendered(case, "mermaid") for case in CASES)):
        assert not re.search("[#;]", text)


# -- ITF


@cases
def test_itf_goes_through_its_reader_and_back(case: Told) -> None:
    written = json.loads(rendered(case, "itf"))
    read = itf_py.trace_from_json(written)
    again = itf_py.trace_to_json(read)
    assert {key: again[key] for key in written} == written
    trace, system = subject(case).trace, DESIGNS[case[0]].system
    assert read.vars == list(system.variables)
    for state, words in zip(read.states, trace.states, strict=False):
        places = {who: place for (who,), place in words.values["pc"].items()}
        assert state.values["pc"] == places
        assert set(state.values["done"].values()) <= {True, False}
        assert all(isinstance(piece, int) for piece in state.values["piece"].values())
    assert [state.meta.get("action") for state in read.states[1:]] == [
        step.action for step in trace.steps[: len(read.states) - 1]
    ]
    if trace.loop is None:
        assert read.loop is None
        assert len(read.states) == len(trace.steps) + 1
    else:  # the state after the last is the one that the loop goes back to
        assert read.loop == trace.loop - 1
        assert len(read.states) == len(trace.steps)


# -- JSON, and back


@cases
def test_a_recorded_trace_is_made_again_by_the_model(case: Told) -> None:
    its = subject(case)
    written = json.loads(rendered(case, "json"))
    again = retrace(its.case.design.system, its.case.instance, written)
    assert not again.shortest
    assert record.document(again) == written
    assert again.states == its.trace.states


def altered(change: Callable[[list[dict[str, Any]]], object]) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(rendered(CASES[1], "json"))
    change(written["trace"])
    return written


ALTERATIONS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "a step is left out": lambda steps: steps.pop(3),
    "the end is left out": lambda steps: steps.pop(),
    "two steps change places": lambda steps: steps.insert(4, steps.pop(6)),
    "another makes the step": lambda steps: steps[5].update(request="nbd-write 0"),
    "another action": lambda steps: steps[5].update(action="copy.pass"),
    "another change": lambda steps: steps[9]["changes"][0].update(to="nbd-write 1"),
    "another value is read": lambda steps: steps[10]["sees"][0].update(value="original data"),
    "no step at all": lambda steps: steps[2].clear(),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_trace_is_refused(name: str) -> None:
    its = subject(CASES[1])
    with pytest.raises(ReadError):
        retrace(its.case.design.system, its.case.instance, altered(ALTERATIONS[name]))


def spoilt(document: Any) -> Iterator[Any]:
    """Every document that has something else in the place of one of its values."""
    places = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in [*places]:
        others = [None, 0, -1, "x", "", [], ["x"], {"x": 0}]
        inside = spoilt(value) if isinstance(value, dict | list) else []
        for other in (*others, *inside):
            again = copy(document)
            again[key] = other
            yield again


def made_again(case: Told, document: Any) -> Trace | ReadError:
    its = subject(case)
    try:
        written = read(json.dumps(document))
        return retrace(its.case.design.system, its.case.instance, written)
    except ReadError as error:
        return error


def test_however_a_record_is_spoilt_it_is_refused_or_means_the_same() -> None:
    plain, looped = (json.loads(rendered(case, "json")) for case in (CASES[1], CASES[3]))
    plain |= {"trace": plain["trace"][:2], "property": ""}  # there are many: be short
    told = [made_again(CASES[1], document) for document in spoilt(plain)]
    loop = {key: looped[key] for key in ("loop", "starved")}
    told += [made_again(CASES[3], looped | document) for document in spoilt(loop)]
    refused = [each for each in told if isinstance(each, ReadError)]
    assert not any("\n" in str(each) for each in refused)
    assert 100 < len(refused) < len(told)
    for each in told:
        if isinstance(each, Trace):
            whole = subject(CASES[3] if len(each.steps) > 2 else CASES[1]).trace
            assert each.steps == whole.steps[: len(each.steps)]


def test_a_recorded_trace_is_rendered_like_one_that_was_found(cowpath: Command) -> None:
    cowpath(*TRACE, "--format", "json", "-o", "t.json")
    again = cowpath(*TRACE, "--format", "mermaid", "--from", "t.json")
    assert again.status == 1
    assert again.out == rendered(CASES[0], "mermaid").replace("shortest trace", "trace")


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (None, (), "t.json: cannot read a recorded trace: No such file or directory"),
        ("{", (), "t.json: not JSON: "),
        ("[]", (), "t.json: no 'design' as `cowpath trace --format json` writes it"),
        ("other", (), "t.json: its design is 'merged-2.8', not 'rfc-2016'"),
        ("own", ("--property", "deadlock"), "--property says how to search; with --from nothing is searched"),
        ("own", ("--max-states", "10"), "--max-states says how to search; with --from nothing is searched"),
    ],
)
def test_bad_records_are_one_line(
    cowpath: Command, tmp_path: Path, content: str | None, arguments: tuple[str, ...], says: str
) -> None:
    own = rendered(CASES[0], "json")
    texts = {"own": own, "other": own.replace("rfc-2016", "merged-2.8")}
    if content is not None:
        (tmp_path / "t.json").write_text(texts.get(content, content))
    ran = cowpath(*TRACE, "--from", "t.json", *arguments)
    assert ran.status == 2
    assert ran.err.startswith(f"cowpath: {says}")
    assert ran.err.count("\n") == 1


# -- a test for pytest


def execute(text: str, folder: Path) -> None:
    """Run the tests of the file in this process."""
    space: dict[str, Any] = {}
    exec(compile(text, "<generated>", "exec"), space)
    tests = [made for name, made in space.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test(folder)


@cases
def test_the_written_test_passes(case: Told, tmp_path: Path) -> None:
    text = rendered(case, "pytest")
    alone = any(request.stream for request in subject(case).case.scenario.requests)
    assert ("def test_the_threads_make_these_steps" in text) == (not alone)
    execute(text, tmp_path)


def test_pytest_runs_it_as_it_is_and_sees_an_alteration(tmp_path: Path) -> None:
    text = rendered(CASES[0], "pytest")
    (tmp_path / "test_good.py").write_text(text)
    bad = text.replace("'action': 'write.settle'", "'action': 'write.data'")
    assert bad != text
    (tmp_path / "test_bad.py").write_text(bad)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert "2 failed, 2 passed" in ran.stdout
    assert "step 7: the model makes no such step write.data of nbd-write 1 there" in ran.stdout


def test_a_scenario_written_back_is_the_same() -> None:
    for scenario in bundled():
        again = loads(dumps(scenario), scenario.slug)
        assert vars(again) == {**vars(scenario), "shows": "", "expect": {}}
    odd = loads('name = "\\"a\\" \\\\ b"\nsectors = 4\ncluster = "2k"\n[[request]]\nkind = "stop"\n', "odd")
    assert loads(dumps(odd), "odd") == odd


# -- the command


def test_what_holds_is_not_drawn(cowpath: Command, tmp_path: Path) -> None:
    ran = cowpath("trace", "rfc-repaired", "--scenario", "race", "--format", "svg", "-o", "o.svg")
    assert ran.status == 0
    assert ran.out == ""
    assert ran.err.startswith(f"no trace: {', '.join(STANDARD)} on 'the race':")
    assert not (tmp_path / "o.svg").exists()
