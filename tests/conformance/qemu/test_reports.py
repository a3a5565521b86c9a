"""What a fault is reported with; the reproducer is run, on the broken stack and on the right one."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.campaign import campaign
from cowpath.conformance.qemu.faults import REFUSED
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.plan import Outcome, Plan
from cowpath.conformance.qemu.report import Report, accepted, reported
from cowpath.conformance.qemu.stacks import STACKS
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import ORIGINAL, Sight
from cowpath.model.scenarios import find, loads

HOW = Scheduled(Sight.BLACK)


def plan(qemu: Qemu, stack: str, *slugs: str, no_snapshot: bool) -> Plan:
    built = Options(no_snapshot=no_snapshot)
    return Plan((qemu,), (STACKS[stack],), [find(slug) for slug in slugs], (built,), None, HOW, 40, 0)


def found(qemu: Qemu, stack: str, slug: str, *, no_snapshot: bool) -> tuple[Outcome, Report]:
    (outcome,) = campaign(plan(qemu, stack, slug, no_snapshot=no_snapshot))
    (report,) = reported([outcome], HOW)
    return outcome, report


def reproduced(script: str, folder: Path, qemu: Qemu, program: str) -> tuple[int, str]:
    """Run a reproducer where cowpath is not to be found; return its exit status and what it says."""
    path = folder / "reproduce.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(path), str(qemu.program(program))],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("stack", [name for name in STACKS if name != "mirror"])
def test_the_reproducer_tells_the_broken_stack_from_the_right_one(
    qemu: Qemu, stack: str, tmp_path: Path
) -> None:
    outcome, report = found(qemu, stack, "race", no_snapshot=True)
    assert outcome.verdict == REFUSED
    program = STACKS[stack].program
    status, said = reproduced(report.files["reproduce.py"], tmp_path, qemu, program)
    assert (status, said.splitlines()[-1]) == (1, "the fault is there")
    assert "another way" not in said
    right = STACKS[stack].graph(Options(), qemu.release)
    commands = [[command.name, dict(command.arguments)] for command in right.commands]
    status, said = reproduced(with_commands(report.files["reproduce.py"], commands), tmp_path, qemu, program)
    assert (status, said.splitlines()[-1]) == (0, "the fault is not there")


def with_commands(script: str, commands: Sequence[object]) -> str:
    """Return the script with QEMU set up in another way."""
    (node,) = (
        each
        for each in ast.parse(script).body
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "CASE"
    )
    assert node.value is not None
    case = ast.literal_eval(node.value)
    assert case["commands"] != commands
    case["commands"] = commands
    lines = script.splitlines()
    lines[node.lineno - 1 : node.end_lineno] = [f"CASE = {case!r}"]
    return "\n".join(lines)


def test_the_reproducer_needs_the_standard_library_alone(qemu: Qemu) -> None:
    _, report = found(qemu, "cbw", "race", no_snapshot=True)
    names = set()
    for node in ast.walk(ast.parse(report.files["reproduce.py"])):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    assert {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names}


def test_what_cannot_be_tried_is_not_called_healthy(qemu: Qemu, tmp_path: Path) -> None:
    before = set(qemus_without_parent())
    _, report = found(qemu, "cbw", "race", no_snapshot=True)
    script = report.files["reproduce.py"]
    status, said = reproduced(
        with_commands(script, [["blockdev-add", {"driver": "no-such", "node-name": "x"}]]), tmp_path, qemu, ""
    )
    assert status == 2
    assert "cannot be tried on this QEMU: blockdev-add: " in said
    assert set(qemus_without_parent()) <= before  # it has ended what it started


def qemus_without_parent() -> list[str]:
    asked = ["pgrep", "--parent", "1", "--full", "qemu-s"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()


def test_a_report_says_what_a_maintainer_asks(qemu: Qemu) -> None:
    outcome, report = found(qemu, "fleecing", "race", no_snapshot=True)
    assert report.covers(outcome)
    text = report.files["fault.txt"]
    assert "guest-read" in text.splitlines()[0]
    assert f"QEMU {qemu.version}" in text
    assert "Expected: guest-read" in text
    assert "Seen: guest-read" in text
    assert f"--token {report.fault.token}" in text
    commands = [json.loads(line) for line in report.files["commands.qmp"].splitlines()]
    assert commands[0]["execute"] == "blockdev-add"
    assert report.files["page.html"].startswith("<!")
    header, events = log_file.read(report.files["log.ndjson"].splitlines(), "log")
    assert header.design == "block-copy-5.1"
    assert events[-1].kind in ("return", "quiescent")
    assert loads(report.files["workload.toml"], "workload").requests


@pytest.mark.lengthy
def test_a_model_with_parts_of_requests_says_what_a_read_may_return(qemu: Qemu) -> None:
    _, report = found(qemu, "cbw", "two-by-two", no_snapshot=True)
    assert report.fault.refusal is not None
    may = accepted(report.subject, report.fault.refusal)
    assert [run[0][1] for run in may] == [ORIGINAL]


def test_the_same_fault_is_reported_once_on_its_smallest_example(qemu: Qemu) -> None:
    outcomes = list(campaign(plan(qemu, "cbw", "two-readers", "race", no_snapshot=True)))
    assert [outcome.verdict for outcome in outcomes] == [REFUSED, REFUSED]
    (report,) = reported(outcomes, HOW)
    assert list(report.outcomes) == outcomes
    assert len(report.subject.source.requests) <= 2
