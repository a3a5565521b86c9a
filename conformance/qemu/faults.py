"""What a run shows to be wrong with QEMU, or with the model: told apart by kind, made as small as can be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import Refusal, judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.qemu import known
from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.job import OVER
from cowpath.conformance.qemu.known import Known
from cowpath.conformance.qemu.run import QemuRun
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.scheduler.schedule import Replay, ReplayError
from cowpath.conformance.strategies.reducer import reduce

REFUSED, CRASHED = "refused", "crashed"
UNEQUAL = "unequal"
"""What the kinds of faults begin with where a mirror is complete and its disks differ."""
_DETAILS = re.compile(r" \d+(?=\b)|\[[^)]*\)|\d+")
_WRITTEN = re.compile(r"target WRITE\w* \[(\d+), (\d+)\)")
_PROGRAM = re.compile(r"^\S*qemu-[\w-]+: ")


@dataclass(frozen=True)
class Fault:
    """A run with which something is wrong: QEMU died in it, or the model does not explain it.

    `kind` is the same for what is the same fault under another schedule. `known`: why the model, not QEMU, is
    to blame, None if that is not known.
    """

    verdict: str
    reason: str
    kind: str
    run: QemuRun = field(repr=False)
    refusal: Refusal | None = field(repr=False)
    known: Known | None = None

    @property
    def token(self) -> str:
        """What replays it."""
        return str(self.run.schedule)

    @property
    def deviations(self) -> int:
        """How many of its choices are not the default."""
        return len(self.run.schedule.deviations)


def examine(subject: Subject, run: QemuRun) -> Fault | None:
    """Return what is wrong with the run, None if nothing is."""
    oracle = subject.oracle
    refusal = judge(oracle, run.log)
    if run.died is not None:
        said = _PROGRAM.sub("", run.died.said) or f"exit status {run.died.status}, without a word"
        foretold = "" if refusal else " (the model falls there, too)"
        return Fault(CRASHED, f"QEMU died: {said}{foretold}", f"crash: {_plain(said)}", run, refusal)
    if refusal is None:
        lost = _unequal(oracle, run)
        return Fault(REFUSED, lost, f"{UNEQUAL}: {_plain(lost)}", run, None) if lost else None
    reason = explain.reason(oracle, refusal)
    blamed = known.recognise(oracle, run.log, refusal)
    return Fault(REFUSED, reason, _kind(oracle, refusal, reason), run, refusal, blamed)


def _unequal(oracle: Oracle, run: QemuRun) -> str:
    """Return where a mirror's two disks differ though QEMU has said that it is complete; empty if nowhere.

    That is what a mirror promises. The model may explain it: then it falls there, too.
    """
    over = next((i for i, event in enumerate(run.log) if event.fact(OVER)), None)
    found = [event for event in run.log[over:] if event.kind == "content"] if over is not None else []
    disks = {event.fact("disk"): oracle.cells.values(event.fact("data")) for event in found}
    names = oracle.model.instance.names["Sector"]
    for cell, source in disks.get("source", {}).items():
        if not source & disks["target"][cell]:
            has = [oracle.who(disks[disk][cell]) for disk in ("source", "target")]
            unsent = "" if _written(run, *oracle.cells.ranges[cell][0]) else ", of which it was sent no data"
            seen = f"at {names[cell]} the source has {has[0]}, the target {has[1]}{unsent}"
            return f"complete, but {seen}; so it is in the model, too"
    return ""


def _written(run: QemuRun, start: int, end: int) -> bool:
    """Tell whether data were written to the target where these bytes are."""
    written = filter(None, (_WRITTEN.match(doing.transfer) for doing in run.doings))
    return any(int(each[1]) < end and start < int(each[2]) for each in written)


def minimal(bench: Bench, subject: Subject, fault: Fault, most: int = 300) -> Fault:
    """Return the same kind of fault with as few deviations as can be found in so many runs."""

    def fails(strategy: Strategy) -> QemuRun | None:
        try:
            run = bench.run(subject, strategy)
        except Broken:
            return None
        again = examine(subject, run)
        return run if again is not None and again.kind == fault.kind else None

    least = reduce(fault.run, fails, most).run
    return examine(subject, least) or fault


def confirmed(bench: Bench, subject: Subject, fault: Fault) -> bool:
    """Tell whether the fault's run, on a QEMU that has run nothing before, shows it again."""
    bench.renew(subject)
    try:
        again = examine(subject, bench.run(subject, Replay(fault.run.schedule)))
    except (Broken, ReplayError):
        return False
    return again is not None and again.kind == fault.kind


def smaller(bench: Bench, subject: Subject, fault: Fault, find: Callable[[Subject], Fault | None]) -> (
    tuple[Subject, Fault]
):  # fmt: skip
    """Return the same kind of fault with fewer requests, where `find` finds it there."""
    shrunk = True
    while shrunk and len(subject.source.requests) > 1:
        shrunk = False
        for left_out in range(len(subject.source.requests) - 1, -1, -1):
            requests = [r for i, r in enumerate(subject.source.requests) if i != left_out]
            labelled = tuple(replace(r, label=f"{r.kind} {i}", group=i) for i, r in enumerate(requests))
            less = bench.prepare(replace(subject.source, requests=labelled))
            if isinstance(less, str):
                continue
            again = find(less)
            if again is not None and again.kind == fault.kind:
                subject, fault, shrunk = less, again, True
                break
    return subject, fault


def _kind(oracle: Oracle, refusal: Refusal, reason: str) -> str:
    event = refusal.event
    what = event.kind if not event.request else f"{event.kind} of {_plain(event.request)}"
    return f"{what}: {_plain(reason)}".replace("nbd-zero", "nbd-write")


def _plain(text: str) -> str:
    """Return the text without numbers and extents: what is common to all cases of a fault."""
    return " ".join(_DETAILS.sub("", text).split())
