"""What a survey says of a property: how many workloads fail, the smallest, exactly when; and what changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cowpath.model.bench.exactly_when import exactly_when
from cowpath.model.bench.formula import Formula
from cowpath.model.bench.kept import checked
from cowpath.model.bench.surveyed import Survey
from cowpath.model.bench.workloads import Bound, Workload, case
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import Scenario
from cowpath.model.trace.trace import Trace


@dataclass(frozen=True)
class Smallest:
    """A failing workload that contains no other, with its trace, from a search of its own.

    `alike`: how many workloads of its class there are of its size that contain no other either.
    """

    workload: Workload
    scenario: Scenario
    trace: Trace | None
    alike: int


@dataclass(frozen=True)
class Failing:
    """A property of a design: `violated` of so many workloads of the bound's size, `undetermined` as many.

    `smaller`: by number of requests, how many workloads of fewer requests fail. `when`: the formula that is
    true of precisely the workloads that fail, of the bound's size and of every smaller one; None where none
    was found, or nothing fails, or something is undetermined.
    """

    name: str
    violated: int
    undetermined: int
    smaller: dict[int, int]
    smallest: tuple[Smallest, ...]
    when: Formula | None

    @property
    def verdict(self) -> Verdict:
        """The verdict on all workloads together."""
        if self.violated or any(self.smaller.values()):
            return Verdict.VIOLATED
        return Verdict.UNDETERMINED if self.undetermined else Verdict.HOLDS


def judge(survey: Survey, name: str) -> Failing:
    """Return what the survey says of a property."""
    by_size = {requests: survey.verdicts(name, requests) for requests in survey.sizes}
    own = by_size[survey.bound.requests]
    failing = {
        requests: [
            w
            for w, v in zip(survey.sizes[requests].workloads, verdicts, strict=True)
            if v is Verdict.VIOLATED
        ]
        for requests, verdicts in by_size.items()
    }
    undetermined = sum(verdicts.count(Verdict.UNDETERMINED) for verdicts in by_size.values())
    when = None
    if failing[survey.bound.requests] and not undetermined:
        when = _when(survey, by_size)
    return Failing(
        name,
        own.count(Verdict.VIOLATED),
        own.count(Verdict.UNDETERMINED),
        {requests: len(some) for requests, some in failing.items() if requests < survey.bound.requests},
        tuple(_smallest(survey, name, failing)),
        when,
    )


def _when(survey: Survey, by_size: dict[int, list[Verdict]]) -> Formula | None:
    """Return the formula, learned from the least size at which one is right for all of them."""
    for requests in survey.sizes:
        workloads, verdicts = survey.sizes[requests].workloads, by_size[requests]
        failing = [verdict is Verdict.VIOLATED for verdict in verdicts]
        if any(failing):
            found = exactly_when(survey.bound, workloads, failing)
            if found is not None and _right(survey, found, by_size):
                return found
    return None


def _right(survey: Survey, formula: Formula, by_size: dict[int, list[Verdict]]) -> bool:
    """Tell whether a formula is true of precisely the failing workloads, of every size."""
    return all(
        formula.holds(survey.bound, workload) == (verdict is Verdict.VIOLATED)
        for requests, verdicts in by_size.items()
        for workload, verdict in zip(survey.sizes[requests].workloads, verdicts, strict=True)
    )


def _smallest(survey: Survey, name: str, failing: dict[int, list[Workload]]) -> Iterator[Smallest]:
    bound = survey.bound
    minimal: list[Workload] = []
    for requests in sorted(failing):
        for workload in sorted(failing[requests], key=lambda w: sum(bound.types[t].length for t in w)):
            if not any(contains(bound, workload, other) for other in minimal):
                minimal.append(workload)
    alike: dict[tuple[int, int], list[Workload]] = {}
    for requests, size in survey.sizes.items():
        number = dict(zip(size.workloads, size.classes.of, strict=True))
        for workload in minimal:
            if len(workload) == requests:
                alike.setdefault((requests, number[workload]), []).append(workload)
    for some in alike.values():
        first = min(some)
        result = checked(case(survey.design, bound, first), properties=[name])
        trace = result.properties[name].trace
        yield Smallest(first, result.scenario, trace, len(some))


def contains(bound: Bound, workload: Workload, other: Workload) -> bool:
    """Tell whether the workload has for each request of the other one of its kind that covers it."""
    if len(other) > len(workload):
        return False
    types = [bound.types[number] for number in other]
    return any(
        all(type_.within(bound.types[number]) for type_, number in zip(types, chosen, strict=True))
        for chosen in itertools.permutations(workload, len(other))
    )


@dataclass(frozen=True)
class Change:
    """What a later design did about a property, against one before it, on the workloads that both have.

    `mended`: workloads that failed and hold; `broke`: that held and fail. The first few of each are named.
    """

    name: str
    before: str
    after: str
    mended: tuple[str, ...]
    broke: tuple[str, ...]


def changes(before: Survey, after: Survey) -> Iterator[Change]:
    """Yield for each property what changed, if anything did."""
    for name in before.properties:
        if name in after.kinds:
            one, other = _named(before, name), _named(after, name)
            both = [workload for workload in one if workload in other]
            mended = [w for w in both if (one[w], other[w]) == (Verdict.VIOLATED, Verdict.HOLDS)]
            broke = [w for w in both if (one[w], other[w]) == (Verdict.HOLDS, Verdict.VIOLATED)]
            if mended or broke:
                yield Change(name, before.design.name, after.design.name, tuple(mended), tuple(broke))


def _named(survey: Survey, name: str) -> dict[str, Verdict]:
    """Return the verdicts by the workloads' words, which are the same for all designs."""
    words = (survey.bound.named(workload) for workload in survey.size.workloads)
    return dict(zip(words, survey.verdicts(name), strict=True))


def first_few(words: Sequence[str], most: int = 3) -> str:
    """Return the first of the workloads, and that there are more."""
    return "; ".join(words[:most]) + ("; ..." if len(words) > most else "")
