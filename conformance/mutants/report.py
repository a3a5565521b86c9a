"""Outcomes rendered: the matrix mutant x strategy, one mutant at length, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from conformance.log import Sight
from conformance.mutants.campaign import Hunt, Outcome
from conformance.mutants.mutant import StackMutant
from model.verdict import Verdict

_NONE = "\N{EN DASH}"


def matrix(outcomes: Sequence[Outcome]) -> Table:
    """Return the mutants by class of fault, with the median of schedules that each strategy took."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("mutant", no_wrap=True)
    for hunt in outcomes[0].hunts:
        table.add_column(hunt.strategy, justify="right")
    table.add_column("killed by", no_wrap=True)
    for fault, group in groupby(outcomes, lambda outcome: outcome.mutant.fault):
        table.add_row(Text(fault, "dim"))
        for outcome in group:
            medians = [Text(_number(hunt)) for hunt in outcome.hunts]
            table.add_row(Text(f"  {outcome.mutant.name}"), *medians, _ending(outcome))
    return table


def totals(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return how many died, and how many survive that should."""
    dead = [outcome for outcome in outcomes if not outcome.equivalent and outcome.by is not None]
    kinds = Counter(side(outcome) for outcome in dead)
    sides = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    survivors = [outcome for outcome in outcomes if outcome.equivalent and outcome.by is None]
    wrong = [outcome.mutant.name for outcome in outcomes if outcome.verdict is not Verdict.HOLDS]
    said = f"Killed: {len(dead)}{f' ({sides})' if dead else ''}. "
    said += f"Equivalent, and alive: {len(survivors)}. {seconds:.1f} s."
    return f"{said} Not as they should: {', '.join(wrong)}." if wrong else said


def details(outcome: Outcome) -> Iterator[str]:
    """Yield what is wrong with a mutant, and how its kill comes about."""
    mutant = outcome.mutant
    yield f"{mutant.name}, {mutant.fault}: {mutant.says}"
    if mutant.survives:
        yield f"With {' or '.join(mutant.survives)} sight nobody can tell: {mutant.why}."
    if outcome.verdicts:
        yield f"On {mutant.design}, {mutant.scenario}: {outcome.verdicts}."
    if outcome.kill is None:
        return
    run, refusal = outcome.kill.run, outcome.kill.refusal
    count = len(run.schedule.deviations)
    yield f"Killed on {mutant.design}, {mutant.scenario}, {count} deviations from the default schedule:"
    refused_at = refusal.position if refusal and outcome.sight is Sight.WHITE else len(run.log)
    steps = [each for each in run.log[: refused_at + 1] if each.kind == "step"]
    who = max((len(event.request) for event in steps), default=0)
    for number, event in enumerate(steps, 1):
        yield f"{number:>3}  {event.request:<{who}}  {event.label}"
    if refusal is None:
        yield f"{outcome.kill.by}: {run.reason}."
    else:
        event = refusal.event
        told = " ".join(filter(None, (event.request, event.kind, event.label)))
        facts = ", ".join(f"{name} {value}" for name, value in event.facts if name != "transfer")
        yield f"The model does not explain: {told}{f' ({facts})' if facts else ''}."
    yield f"token {run.schedule}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    return {
        "name": outcome.mutant.name,
        "side": side(outcome),
        "equivalent": outcome.equivalent,
        "killed": outcome.by is not None,
        "by": outcome.by,
        "median_schedules": outcome.median,
        "strategies": {hunt.strategy: hunt.median for hunt in outcome.hunts},
        "token": str(outcome.kill.run.schedule) if outcome.kill else None,
    }


def side(outcome: Outcome) -> str:
    """Return where the fault is."""
    return "impl" if isinstance(outcome.mutant, StackMutant) else "model"


def _number(hunt: Hunt) -> str:
    return _NONE if hunt.median is None else f"{hunt.median:g}"


def _ending(outcome: Outcome) -> Text:
    said = outcome.by or ("equivalent" if outcome.equivalent else "survives")
    return Text(said, "" if outcome.verdict is Verdict.HOLDS else "bold red")
