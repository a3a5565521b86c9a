"""Outcomes as plain data, and made again from that: a fault by its token, on a QEMU of the same build."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import DAEMON, SYSTEM, Qemu
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.faults import Fault, examine
from cowpath.conformance.qemu.known import ALL
from cowpath.conformance.qemu.plan import Outcome
from cowpath.conformance.scheduler.schedule import Replay, ReplayError, Schedule
from cowpath.model.scenarios import ScenarioError
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.writing import document

_PLAIN = ("scenario", "verdict", "reason", "runs", "seconds", "all", "repeats")


def outcome_written(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data: its fault by what makes it again, and no run beside that."""
    fault, subject = outcome.fault, outcome.subject
    return {
        **{name: getattr(outcome, name) for name in _PLAIN},
        "known": [(each.letter, number) for each, number in outcome.known],
        "fault": _written(subject, fault) if fault is not None and subject is not None else None,
    }


def outcome_read(data: Any, bench: Bench) -> Outcome:
    """Return the outcome that was written, its fault made again. Raises ValueError if it is not seen."""
    plain = {name: data[name] for name in _PLAIN}
    known = {each.letter: each for each in ALL}
    plain["known"] = tuple((known[letter], number) for letter, number in data["known"])
    row = Outcome(bench.qemu, bench.stack, bench.options, bench.design.name, **plain)
    if data["fault"] is None:
        return row
    subject, fault = _made_again(data["fault"], bench)
    return replace(row, fault=fault, subject=subject, told=subject.scenario, last=fault.run)


def _written(subject: Subject, fault: Fault) -> dict[str, Any]:
    source = subject.source
    return {"workload": document(source), "name": source.name, "kind": fault.kind, "token": fault.token}


def _made_again(data: Any, bench: Bench) -> tuple[Subject, Fault]:
    try:
        subject = bench.prepare(from_document(data["workload"], data["name"]))
        if isinstance(subject, str):
            raise ValueError(subject)
        fault = examine(subject, bench.run(subject, Replay(Schedule.parse(data["token"]))))
    except (ScenarioError, ReplayError, Broken) as error:
        raise ValueError(str(error)) from error
    if fault is None or fault.kind != data["kind"]:
        raise ValueError("another run")
    return subject, fault


def build_of(qemu: Qemu) -> list[object]:
    """Return what tells one build of QEMU from another: its version, and its programs as files."""
    programs = filter(None, (qemu.program(name) for name in (DAEMON, SYSTEM)))
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in programs]
    return [qemu.version, files, qemu.before, qemu.environment]
