"""Outcomes rendered: the matrix mutant x strategy, one mutant at length, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cowpath.conformance.campaign.columns import draw
from cowpath.conformance.mutants.hunt import Hunt, Outcome
from cowpath.conformance.mutants.mutant import StackMutant
from cowpath.model.commands.inputs import WIDTH
from cowpath.model.language.verdict import Verdict
from cowpath.model.render.text import wrap

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
    mutant, kill = outcome.mutant, outcome.kill
    yield from _wrapped(f"{mutant.name}, {mutant.fault}: {mutant.says}")
    if mutant.survives:
        yield from _wrapped(f"With {' or '.join(mutant.survives)} sight nobody can tell: {mutant.why}.")
    if kill is not None:
        count = len(kill.run.schedule.deviations)
        deviations = f"{count} deviation{'' if count == 1 else 's'}"
        yield f"Killed on {mutant.design}, {mutant.scenario}, {deviations} from the default schedule:"
        yield from draw(kill.run.log, kill.refusal.position if kill.refusal else None)
    if outcome.reason:
        yield from _wrapped(f"{outcome.by}: {outcome.reason}.")
    if kill is not None:
        yield f"token {kill.run.schedule}"


def _wrapped(line: str) -> list[str]:
    return wrap(line, WIDTH, "  ")


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
