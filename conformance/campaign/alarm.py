"""A run that the model does not explain, or that the scheduler itself refuses; made as short as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cowpath.conformance.monitor.monitor import Refusal, judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs.workload import Run
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.strategies.reducer import reduce
from cowpath.impl.errors import Crash

_EXPLAINED = ("deadlock", "stuck", "pruned")
"""Ends of a run of which the log tells all that there is to judge; a crash of the stack's own is another."""


class CanaryError(Exception):
    """What must be refused is not: whatever else is said of a campaign would mean nothing."""


@dataclass(frozen=True)
class Finding:
    """Who refused the run: the `monitor`, or the scheduler by the kind of its failure."""

    by: str
    run: Run
    refusal: Refusal | None


def examine(oracle: Oracle, run: Run) -> Finding | None:
    """Return what is wrong with the run, None if nothing is."""
    failure = run.failure
    if failure is not None and failure.kind not in _EXPLAINED and not isinstance(failure.error, Crash):
        return Finding(failure.kind, run, None)
    refusal = judge(oracle, run.log)
    return Finding("monitor", run, refusal) if refusal else None


def minimal(run: Callable[[Strategy], Run], oracle: Oracle, finding: Finding) -> Finding:
    """Return the finding of a run near this one with as few deviations as can be; `run` makes a run."""

    def fails(strategy: Strategy) -> Run | None:
        again = examine(oracle, run(strategy))
        return again.run if again and again.by == finding.by else None

    return examine(oracle, reduce(finding.run, fails).run) or finding
