"""The minimal trace: the fewest requests, sectors and context switches that still fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

from cowpath.model.bench.check import Result, steps_of
from cowpath.model.bench.kept import checked
from cowpath.model.designs import Case
from cowpath.model.explore.result import DEADLOCK, Limits, Stop, questions
from cowpath.model.explore.switches import fewest_switches
from cowpath.model.scenarios import Request, Scenario
from cowpath.model.scenarios.geometry import show_range
from cowpath.model.scenarios.sizes import SECTOR
from cowpath.model.trace.trace import Trace, replay


@dataclass
class Minimiser:
    """Looks for a smaller scenario on which a design still violates the property `name`.

    `watch` is told what is tried.
    """

    name: str
    engine: str
    limits: Limits
    reductions: Collection[str]
    watch: Callable[[str], None] = lambda task: None
    kept: tuple[Request, ...] = field(default=(), init=False)
    undecided: bool = field(default=False, init=False)
    _began: float = field(default=0.0, init=False)
    _harmless: set[object] = field(default_factory=set, init=False)  # instances, seen to violate nothing

    def minimise(self, result: Result) -> tuple[Case, Trace]:
        """Return the smallest case and the trace there, which says what was left out.

        First the fewest requests, of all choices; then each request's shortest extent, one after another as
        long as any shrinks, of those that begin and end at an edge of a request or of its blocks and
        clusters, or a sector beside one; then, of the shortest traces, one with the fewest context switches.
        After Ctrl-C the smallest known by then is returned, and the trace says so. A limit of time is for all
        of it.
        """
        best, remarks = result, []
        self._began = time.perf_counter()
        self.kept = result.scenario.requests
        try:
            for smaller in self._smaller(result):
                best = smaller
        except KeyboardInterrupt:
            remarks.append("interrupted: there may be smaller ones")
        if self.undecided:
            remarks.append("a limit left some smaller ones undecided")
        trace = best.properties[self.name].trace
        assert trace is not None
        original = result.properties[self.name].trace
        assert original is not None
        try:
            trace = self._with_fewest_switches(best, trace)
        except Stop:
            remarks.append("a limit came before the fewest context switches were found")
        removed = [*self._removed(result.scenario, best.scenario), *_switches(original, trace), *remarks]
        return best.case, replace(trace, removed=tuple(removed) or ("nothing",))

    def _smaller(self, result: Result) -> Iterator[Result]:
        """Yield ever smaller results that still violate the property."""
        best = result
        if (fewer := self._fewest_requests(result.case)) is not None:
            best = fewer
            yield best
        edges = _edges(best.scenario)
        while (shorter := self._shrink_any(best.case, edges)) is not None:
            best = shorter
            yield best

    def _fewest_requests(self, case: Case) -> Result | None:
        tried, scenario = set(), case.scenario
        for size in range(1, len(scenario.requests)):
            for kept in combinations(scenario.requests, size):
                alike = tuple(replace(request, label="", group=0) for request in kept)
                if alike not in tried:
                    tried.add(alike)
                    numbered = tuple(
                        replace(each, label=f"{each.kind} {place}") for place, each in enumerate(kept)
                    )
                    if (found := self._violated(case, numbered)) is not None:
                        self.kept = kept
                        return found
        return None

    def _shrink_any(self, case: Case, edges: Sequence[int]) -> Result | None:
        scenario = case.scenario
        for place, request in enumerate(scenario.requests):
            for start, end in _shorter(request, edges):
                smaller = replace(request, offset=start, length=end - start)
                requests = (*scenario.requests[:place], smaller, *scenario.requests[place + 1 :])
                if (found := self._violated(case, requests)) is not None:
                    return found
        return None

    def _violated(self, case: Case, requests: tuple[Request, ...]) -> Result | None:
        """Return the result with these requests if the property is violated there.

        What comes to the same instance as something before, which held, is not tried again.
        """
        smaller = replace(case, scenario=replace(case.scenario, requests=requests, expect={}))
        same = repr((smaller.instance.sizes, smaller.instance.tables))
        if same in self._harmless:
            return None
        left = None
        if self.limits.max_seconds is not None:  # for all the searches together
            left = self.limits.max_seconds - (time.perf_counter() - self._began)
            if left <= 0:
                self.undecided = True
                return None
        self.watch(f"{self.name} on {', '.join(request.label for request in requests)}")
        found = checked(
            smaller,
            properties=(self.name,),
            engine=self.engine,
            limits=replace(self.limits, max_seconds=left),
            reductions=self.reductions,
        )
        if found.stopped == "interrupted":
            raise KeyboardInterrupt
        self.undecided |= found.stopped is not None and self.name not in found.violated
        if self.name in found.violated:
            return found
        self._harmless.add(same)
        return None

    def _with_fewest_switches(self, result: Result, trace: Trace) -> Trace:
        """Return such a trace of the same length; a lasso stays as it is. Raises `Stop`."""
        if self.name in result.case.design.system.live:
            return trace
        narrowed = result.case.narrowed
        asked = questions(narrowed.model, (self.name,))
        path = fewest_switches(narrowed, None if self.name == DEADLOCK else asked[0], self.limits)
        steps = steps_of(narrowed.model, path)
        return replay(result.case.design.system, narrowed.model.instance, trace.scenario, self.name, steps)

    def _removed(self, before: Scenario, after: Scenario) -> Iterator[str]:
        """Say which requests are gone, which have another number for it, and which are shorter."""
        gone = [request.label for request in before.requests if request not in self.kept]
        if gone:
            yield f"{', '.join(gone)} left out"
        for was, now in zip(self.kept, after.requests, strict=True):
            if was.label != now.label:
                yield f"{was.label} is called {now.label}"
            if (was.offset, was.length) != (now.offset, now.length):
                yield f"{now.label} shortened from {_extent(before, was)} to {_extent(before, now)}"


def _edges(scenario: Scenario) -> list[int]:
    """Return where requests begin and end, their blocks and clusters, and a sector either side of that."""
    edges = {
        edge
        for request in scenario.requests
        if request.offset is not None and request.length is not None
        for edge in (request.offset, request.offset + request.length)
    }
    for unit in (scenario.cluster, scenario.request_alignment, scenario.protocol_alignment):
        for at in list(edges):
            edges |= {at // unit * unit, -(-at // unit) * unit}
    return sorted(edges | {at + SECTOR for at in edges} | {at - SECTOR for at in edges})


def _shorter(request: Request, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield extents between edges inside the request's, the shortest first."""
    if request.offset is None or request.length is None:
        return
    start, end = request.offset, request.offset + request.length
    inside = [at for at in edges if start <= at <= end]
    extents = [extent for extent in combinations(inside, 2) if extent != (start, end)]
    yield from sorted(extents, key=lambda extent: (extent[1] - extent[0], extent))


def _extent(scenario: Scenario, request: Request) -> str:
    assert request.offset is not None
    assert request.length is not None
    return show_range(scenario, request.offset, request.offset + request.length)


def _switches(before: Trace, after: Trace) -> Iterator[str]:
    """Say how many context switches are saved."""
    first, last = (
        sum(one.owner != other.owner for one, other in pairwise(trace.steps)) for trace in (before, after)
    )
    if last < first:
        yield f"{last} context switches instead of {first}"
