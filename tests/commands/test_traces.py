"""`cowpath trace`, and `cowpath check --traces`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from cowpath.model.scenarios import bundled
from tests.commands.running import COLUMNS, STEP, Ran, widest


def test_traces_are_written_one_file_each(tmp_path: Path, cowpath: Callable[..., Ran]) -> None:
    on = ["--scenario", "unaligned-write", "--scenario", "checkpoint-unquiesced", "--scenario", "race"]
    ran = cowpath("check", "merged-2.8", "rfc-repaired", *on, "--json", "out.json", "--traces", "new/traces")
    assert ran.status == 1
    results = json.loads((tmp_path / "out.json").read_text())
    slugs = {scenario.name: scenario.slug for scenario in bundled()}
    depths = {
        f"{slugs[result['scenario']]}--{result['design']}--{name}.txt": outcome["depth"]
        for result in results
        for name, outcome in result["properties"].items()
        if outcome["verdict"] == "violated"
    }
    assert "unaligned-write--merged-2.8--deadlock.txt" in depths
    assert len(depths) > 1
    folder = tmp_path / "new" / "traces"
    assert {path.name for path in folder.iterdir()} == depths.keys()
    for name, depth in depths.items():
        content = (folder / name).read_text()
        assert widest(content) <= COLUMNS
        numbers = re.findall(r"^ *(\d+)  \S", content, re.M)
        assert numbers == [str(number) for number in range(1, depth + 1)]
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write")
    assert (folder / "unaligned-write--merged-2.8--deadlock.txt").read_text() == ran.out


def test_trace_prints_the_shortest_deadlock(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write")
    lines = ran.out.splitlines()
    assert (ran.status, ran.err) == (1, "")
    assert lines[0] == "merged-2.8 on 'unaligned write': deadlock, shortest trace, 8 steps"
    assert re.findall(r"^ *(\d+)  ", ran.out, re.M) == list("12345678")
    told = " ".join(ran.out.split())
    assert " deadlock: guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1" in told
    assert told.endswith("nbd-write 1 has waited for it since step 8, which closes the cycle.")
    assert widest(ran.out) <= 72


def test_trace_as_json(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "merged-2.8", "--scenario", "unaligned-write", "--format", "json")
    assert (ran.status, ran.err) == (1, "")
    written = json.loads(ran.out)
    assert written.keys() == {"design", "scenario", "property", "trace", "cycle"}
    assert (written["design"], written["scenario"]) == ("merged-2.8", "unaligned write")
    assert written["property"] == "deadlock"
    assert [step["step"] for step in written["trace"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(step.keys() == STEP for step in written["trace"])
    assert [(edge["request"], edge["waits_for"]) for edge in written["cycle"]] == [
        ("guest-read 0", "nbd-write 1"),
        ("nbd-write 1", "guest-read 0"),
    ]


def test_trace_into_a_file(tmp_path: Path, cowpath: Callable[..., Ran]) -> None:
    command = ("trace", "merged-2.8", "--scenario", "unaligned-write", "--format", "json")
    ran = cowpath(*command, "-o", "trace.out")
    assert (ran.status, ran.out, ran.err) == (1, "", "")
    assert (tmp_path / "trace.out").read_text() == cowpath(*command).out
    assert [path.name for path in tmp_path.iterdir()] == ["trace.out"]


def test_trace_of_a_property_that_holds_says_so_on_stderr(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("trace", "rfc-2016", "--scenario", "unaligned-write", "--property", "snapshot")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("no trace: snapshot on 'unaligned write'")
    assert re.search(r"^  snapshot +holds ", ran.err, re.M)


def test_concurrency_has_a_witness_where_readers_do_not_exclude_each_other(
    cowpath: Callable[..., Ran],
) -> None:
    """And its other half a counterexample where a CowRequest keeps a reader from what is copied."""
    on = ("--scenario", "two-readers", "--property", "concurrency")
    ran = cowpath("check", "fleecing-4.0", *on)
    assert ran.status == 0
    assert re.search(r"^  concurrency +holds ", ran.out, re.M)
    assert re.search(r"^  concurrency-done +holds ", ran.out, re.M)
    assert "fleecing-4.0 on 'two readers': concurrency, shortest trace, " in ran.out
    ran = cowpath("check", "merged-2.8", *on)
    assert ran.status == 1
    assert re.search(r"^  concurrency +violated ", ran.out, re.M)
    assert re.search(r"^  concurrency-done +violated ", ran.out, re.M)
    assert "merged-2.8 on 'two readers': concurrency-done, shortest trace, " in ran.out
    assert ran.out.count("shortest trace") == 1
