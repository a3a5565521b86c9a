"""A survey as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cowpath.model.bench.enough import is_enough
from cowpath.model.bench.failing import Change, Failing, Smallest, first_few
from cowpath.model.bench.formula import in_words
from cowpath.model.bench.surveyed import Survey
from cowpath.model.bench.workloads import Bound
from cowpath.model.language.verdict import Verdict, worst
from cowpath.model.scenarios.sizes import SECTOR, show_extent
from cowpath.model.scenarios.writing import document

INDENT = "    "
CLASSES = (
    "One workload of each class is explored. Two are of one class if requests change places, if they differ "
    "in what no rule reads of such a request, or if the same combinations of marks occur in each cluster: "
    "then their states, steps and verdicts are the same."
)
BESIDE_A_MIRROR = "Every workload is explored; requests that change places make one."
ENOUGH = (
    "The disk shows every class of {} within one cluster, whatever its size and that of its blocks: so this "
    "is said of all of them."
)


@dataclass(frozen=True)
class Told:
    """A survey with what it says of each property."""

    survey: Survey
    failing: tuple[Failing, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on everything together."""
        return worst(each.verdict for each in self.failing)


def counted(number: int, noun: str) -> str:
    """Return so many of something."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def about(bound: Bound) -> str:
    """Return in words what the workloads are."""
    requests = f"every workload of {counted(bound.requests, 'request')} ({', '.join(bound.kinds)})"
    disk = f"on a disk of {counted(bound.sectors, 'sector')}"
    if bound.job is None:
        return f"{requests} {disk}, in clusters of {bound.cluster} and blocks of {bound.alignment}"
    job = bound.job
    copies = "; ".join(show_extent(*each, False) for each in job.dirty) or "nothing"
    behind = f", a target in clusters of {job.target_cluster // SECTOR}, its backing {job.backing}"
    return (
        f"{requests} {disk}, in chunks of {bound.cluster}, beside a mirror that has {copies} to copy, "
        f"{job.copy_mode}{behind * (job.backing != 'none')}"
    )


def classes(bound: Bound) -> str:
    """Return which workloads are explored."""
    return CLASSES if bound.job is None else BESIDE_A_MIRROR


def lines(told: Told) -> Iterator[str]:
    """Yield the lines on one design; what belongs to a property is indented."""
    survey = told.survey
    size = survey.size
    yield (
        f"{survey.design.name}: {counted(len(size.workloads), 'workload')}, classes: "
        f"{len(size.classes.first):,}; {counted(size.states, 'state')}, "
        f"of which {size.explored:,} were explored; {survey.seconds:.2f} s on the {survey.engine} engine"
        + ("" if survey.stopped is None else f"; stopped: {survey.stopped}")
        + ("; kept from an earlier run (--fresh explores again)" if survey.kept else "")
    )
    yield from survey.remarks
    width = max(len(each.name) for each in told.failing) + 1
    for each in told.failing:
        yield f"  {each.name:<{width}}{headline(each, len(size.workloads))}"
        for smallest in each.smallest:
            yield f"  {'':<{width}}{INDENT}{shown(survey, smallest)}"


def headline(failing: Failing, workloads: int) -> str:
    """Return one line on a property, as the end of a line that names it."""
    parts = []
    if failing.violated:
        line = f"violated of {failing.violated:,} of {workloads:,}"
        if failing.when is not None:
            line += f", exactly when {in_words(failing.when)}"
        elif not failing.undetermined:
            line += ", no short formula found; the smallest"
        parts.append(line)
    elif not failing.undetermined:
        parts.append("holds of all")
    if failing.undetermined:
        parts.append(f"undetermined of {failing.undetermined:,}")
    for requests, number in failing.smaller.items():
        if number:
            parts.append(f"violated of {number:,} of {counted(requests, 'request')}")
    return "; ".join(parts)


def shown(survey: Survey, smallest: Smallest) -> str:
    """Return one of the smallest failing workloads, with how long its trace is."""
    line = survey.bound.named(smallest.workload)
    if smallest.trace is not None:
        line += f", {counted(len(smallest.trace.steps), 'step')}"
    return line + (f" ({smallest.alike:,} alike)" if smallest.alike > 1 else "")


def changed(changes: Sequence[Change]) -> Iterator[str]:
    """Yield a line for each property that a later design mended or broke."""
    for each in changes:
        said = [
            f"{what} {len(some):,} ({first_few(some)})"
            for what, some in (("mended", each.mended), ("broke", each.broke))
            if some
        ]
        yield f"{each.before} to {each.after}, {each.name}: {'; '.join(said)}"


def enough(bound: Bound) -> str | None:
    """Return what a disk that is large enough stands for; None if it is not known to be."""
    return ENOUGH.format(counted(bound.requests, "request")) if is_enough(bound) else None


def as_json(told: Told) -> dict[str, Any]:
    """Return the object that `--json` writes for a design."""
    survey = told.survey
    size, bound = survey.size, survey.bound
    return {
        "design": survey.design.name,
        "workloads": len(size.workloads),
        "classes": len(size.classes.first),
        "states": size.states,
        "explored": size.explored,
        "seconds": round(survey.seconds, 3),
        "engine": survey.engine,
        "stopped": survey.stopped,
        "kept": survey.kept,
        "bounds": {
            "sectors": bound.sectors,
            "cluster": bound.cluster,
            "alignment": bound.alignment,
            "requests": bound.requests,
            "kinds": list(bound.kinds),
            **({} if bound.job is None else {"mirror": document(bound.scenario(()))["mirror"]}),
            "every_cluster": is_enough(bound),
        },
        "properties": {
            each.name: {
                "verdict": each.verdict.value,
                "violated": each.violated,
                "undetermined": each.undetermined,
                "smallest": [document(smallest.scenario) for smallest in each.smallest],
                "depths": [len(s.trace.steps) if s.trace is not None else None for s in each.smallest],
                "when": None if each.when is None else in_words(each.when),
            }
            for each in told.failing
        },
        "smaller": [
            {
                "requests": requests,
                "workloads": len(smaller.workloads),
                "states": smaller.states,
                "properties": {each.name: each.smaller[requests] for each in told.failing},
            }
            for requests, smaller in survey.sizes.items()
            if requests < bound.requests
        ],
    }
