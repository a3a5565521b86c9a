"""A run that the model does not explain, or that the scheduler itself refuses; made as short as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cowpath.conformance.monitor.monitor import Monitor, Refusal
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs.workload import SPINS, Run
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.strategies.reducer import reduce
from cowpath.impl.errors import Crash
from cowpath.model.language.action import HANGS

_EXPLAINED = ("deadlock", "stuck", "pruned")
"""Ends of a run of which the log tells all that there is to judge; a crash of the stack's own is another."""

UNREPORTED = "unreported deadlock"
"""What finds a run that is stuck where the model is in a cycle of waits, wherever it may be.

Not where a transfer hangs: who waits for several waits, in the stack, for one of them, and in no cycle by
another while that one hangs.
"""


class CanaryError(Exception):
    """What must be refused is not: whatever else is said of a campaign would mean nothing."""


@dataclass(frozen=True)
class Finding:
    """Who refused the run: the `monitor`, or the scheduler by the kind of its failure.

    `says`: why, where it is neither the refusal nor the run's own end that tells.
    """

    by: str
    run: Run
    refusal: Refusal | None
    says: str = ""


def examine(oracle: Oracle, run: Run) -> Finding | None:
    """Return what is wrong with the run, None if nothing is."""
    failure = run.failure
    if failure is not None and failure.kind not in _EXPLAINED and not isinstance(failure.error, Crash):
        return Finding(failure.kind, run, None)
    monitor = Monitor(oracle)
    refusal = next(filter(None, map(monitor.observe, run.log)), None)
    if refusal is not None:
        return Finding("monitor", run, refusal)
    hangs = any(request.fault.endswith(HANGS) for request in oracle.scenario.requests)
    if failure is not None and failure.kind == "stuck" and not hangs:
        cycles = [oracle.cycle(state) for state in sorted(monitor.states)]
        if all(cycles):
            names = oracle.model.instance.names[oracle.model.system.owners.name]
            waits = ", ".join(f"{names[who]} waits for {names[whom]}" for who, whom in cycles[0])
            says = f"the run is stuck, and its detector of deadlocks says nothing; in the model {waits}"
            return Finding(UNREPORTED, run, None, says)
    return None


def minimal(run: Callable[[Strategy], Run], oracle: Oracle, finding: Finding) -> Finding:
    """Return the finding of a run near this one with as few deviations as can be; `run` makes a run.

    A run that spins is left as it is: each like it takes seconds.
    """
    if finding.by == SPINS:
        return finding

    def fails(strategy: Strategy) -> Run | None:
        again = examine(oracle, run(strategy))
        return again.run if again and again.by == finding.by else None

    return examine(oracle, reduce(finding.run, fails).run) or finding
