"""The RFC's own question, answered from the verdicts on it and on its repair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cowpath.model.bench.check import Result
from cowpath.model.bench.formula import in_words
from cowpath.model.designs.rfc_2016 import DESIGN as RFC
from cowpath.model.designs.rfc_repaired import DESIGN as REPAIRED
from cowpath.model.liveness.starvation import PROGRESS
from cowpath.model.render.text import conclusion
from cowpath.model.scenarios.vocabulary import STALL
from cowpath.model.trace.trace import Trace

if TYPE_CHECKING:
    from cowpath.model.bench.failing import Failing
    from cowpath.model.bench.surveyed import Survey


def telling(results: Sequence[Result]) -> list[Trace]:
    """Return the traces to show beside a table: the RFC's shortest deadlock, by an unaligned write if any."""
    dead = [r for r in results if r.design == RFC.name and "deadlock" in r.violated]
    dead.sort(key=lambda r: (not any(r.case.geometry.unaligned), r.properties["deadlock"].depth))
    return [trace for r in dead[:1] if (trace := r.properties["deadlock"].trace) is not None]


def answer(results: Sequence[Result], all_: tuple[Survey, Failing] | None = None) -> str | None:
    """Return the answer to the RFC's question as the results give it; None if they bear on it too little.

    `all_`: which of all small workloads deadlock, if that was asked.
    """
    rfc = [r for r in results if r.design == RFC.name and set(RFC.standard) <= set(r.properties)]
    if len(rfc) < 2:
        return None
    if not all(result.exploration.complete for result in results):
        return "The RFC's question is not answered: not every run was explored completely."
    parts = ['Does the RFC "introduce an unexpected deadlock"?']
    dead = [r for r in rfc if "deadlock" in r.violated]
    if dead:
        (trace,) = telling(dead)
        words = conclusion(trace, "").removeprefix("deadlock: ")
        parts.append(
            f"Yes, in {len(dead)} of {len(rfc)} scenarios. On '{trace.scenario}' it takes "
            f"{len(trace.steps)} steps: {words}"
        )
    else:
        parts.append(f"Not in any of {len(rfc)} scenarios.")
    if all_ is not None:
        parts.append(_of_all(*all_))
    plain = [r for r in rfc if not any(r.case.geometry.unaligned) and not r.scenario.copy_on_read]
    if plain and not any("deadlock" in r.violated for r in plain):
        parts.append(
            f"In the {len(plain)} where every write is aligned to the notifier's node and that node does not "
            "copy on read, there is none."
        )
    closed = sum("snapshot" not in r.violated for r in rfc)
    parts.append(f"The race it was written for is closed in {closed} of {len(rfc)} scenarios.")
    repaired = [r for r in results if r.design == REPAIRED.name]
    if repaired:
        whole = sum(not set(r.violated) - {PROGRESS, STALL} for r in repaired)
        served = sum(PROGRESS not in r.violated for r in repaired)
        parts.append(
            f"With the changes of rfc-repaired every property but `progress` holds in {whole} of "
            f"{len(repaired)}, and `progress` in {served}; `cowpath designs rfc-repaired` lists them."
        )
    return " ".join(parts)


def _of_all(survey: Survey, failing: Failing) -> str:
    bound = survey.bound
    number = sum(len(size.workloads) for size in survey.sizes.values())
    fail = failing.violated + sum(failing.smaller.values())
    line = (
        f"Of all {number} workloads of up to {bound.requests} requests ({', '.join(bound.kinds)}) on a disk "
        f"of {bound.sectors} sectors in one cluster, with blocks of {bound.alignment}, it deadlocks in {fail}"
    )
    return f"{line}{'' if failing.when is None else f', exactly when {in_words(failing.when)}'}."
