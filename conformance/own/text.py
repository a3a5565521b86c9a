"""What is printed of an exploration: the interleaving as columns, why it fails, and what replays it."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cowpath.conformance.campaign.grid import Row, fitting
from cowpath.conformance.own.explorer import MAIN, Explorer, OwnRun
from cowpath.conformance.own.result import Explored, Found

WIDTH = 100
_FICKLE = (
    "Something is kept from run to run (in an object made outside of the test), or comes from elsewhere: a"
    " real clock, the order of a set, random numbers that are not Python's."
)
_MOST = 40  # rows of a drawing
_KINDS = {
    "crash": "{task} raises {reason}",
    "stuck": "{reason}",
    "limit": "it spins: {reason}",
    "refused": "the model refuses it: {reason}",
    "facts": "the model refuses it: {reason}",
}


def explored(result: Explored) -> Iterator[str]:
    """Yield what came of an exploration, in lines."""
    if result.found is not None:
        yield from found(result.explorer, result.found)
        return
    count = f"{result.schedules:,} schedule{'s' * (result.schedules != 1)}"
    if result.interrupted:
        yield f"interrupted: no failure in {count}; the rest is undetermined"
    elif result.exhausted:
        yield f"no failure in {count}, which are all that {result.plan.strategy} has"
    else:
        yield f"no failure in {count} of {result.plan.strategy}, {result.seconds:.1f} s"
    if result.coverage:
        yield result.coverage
    if result.stuck:
        yield f"in {result.stuck:,} of them nobody can move at the end, as in the model"
    modules = ", ".join(module.__name__ for module in result.explorer.modules)
    yield f"threads were interrupted at the {result.plan.way.points} of {modules}"


def found(explorer: Explorer, failure: Found) -> Iterator[str]:
    """Yield a run that fails: the interleaving, why, where the model was, how it was found, the token."""
    yield from drawing(explorer, failure.run, failure.refused.rows if failure.refused else None)
    yield from _wrapped(f"{reason(explorer, failure)}.")
    if failure.refused is not None:
        for state in failure.refused.states:
            yield from _wrapped(f"the model then: {state}.")
    yield from _wrapped(f"{_history(failure)}.")
    if failure.fickle:
        yield from _wrapped(f"when this schedule is run again, {failure.fickle}. {_FICKLE}")
    yield f"token {failure.token}"


def reason(explorer: Explorer, failure: Found) -> str:
    """Return why a run fails, in one sentence."""
    task = failure.run.failure.task if failure.run.failure else ""
    known = _KINDS.get(failure.kind, "{kind}: {reason}")
    words = failure.reason.split("\n")[0].rstrip(": .") + (
        f" {where}" if (where := _raised_at(explorer, failure)) else ""
    )
    return known.format(kind=failure.kind, task=task, reason=words)


def _raised_at(explorer: Explorer, failure: Found) -> str:
    """Return where in the user's own code an exception was raised, in words; nothing if none was."""
    frames = traceback.extract_tb(failure.error.__traceback__) if failure.error else []
    own = [frame for frame in frames if frame.filename in explorer.files]
    return f"at {own[-1].line} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def drawing(explorer: Explorer, run: OwnRun, until: int | None = None) -> Iterator[str]:
    """Yield the statements as columns, from the first of a second thread on, the last of them at the end.

    `until`: how many there are up to the one that a model refuses, which gets a mark.
    """
    points, made = explorer.exchange.points, run.made
    first = next((i for i, each in enumerate(made) if each.thread != MAIN), 0)
    rows = [Row(each.thread, points[each.point].text) for each in made[first:until]]
    if until is not None and rows:
        rows[-1] = replace(rows[-1], remark="<-- refused")
    if left_out := max(len(rows) - _MOST, 0):
        yield f"     ({left_out} statements before these are left out)"
    yield from fitting(rows[left_out:], WIDTH)


def _history(failure: Found) -> str:
    switches = len(failure.run.schedule.deviations)
    count = f"{switches} deviation{'s' * (switches != 1)} from the default schedule"
    if not failure.number:
        return f"replayed, {count}"
    lead = f"found by schedule {failure.number:,}"
    if not failure.replays:
        return f"{lead}, {count}"
    ended = "" if failure.minimal else ", and more runs might make it shorter"
    return f"{lead}, made shorter by {failure.replays:,} runs: {count}{ended}"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
