"""What a survey has found: of each class of workloads, of each size, of a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cowpath.model.bench.classes import Classes
from cowpath.model.bench.workloads import Bound, Workload
from cowpath.model.designs import Design
from cowpath.model.language.verdict import Verdict


@dataclass(frozen=True)
class Found:
    """What was found of one workload: `depths` has the least depth of what answers a property's question.

    For `progress` it is the length of the lasso's stem. `complete`: every state was seen; `judged`: and every
    run, if progress was asked for.
    """

    states: int
    depth: int
    depths: Mapping[str, int]
    complete: bool
    judged: bool


@dataclass(frozen=True)
class Size:
    """All workloads of so many requests. `found[c]`: of class c, None where nothing is known of it."""

    requests: int
    workloads: tuple[Workload, ...]
    classes: Classes
    found: tuple[Found | None, ...]

    @property
    def states(self) -> int:
        """States of all the workloads together, as if each had been explored."""
        return sum(found.states for c in self.classes.of if (found := self.found[c]) is not None)

    @property
    def explored(self) -> int:
        """States that were explored: of one workload of each class."""
        return sum(found.states for found in self.found if found is not None)


@dataclass(frozen=True)
class Survey:
    """A design on every workload up to a bound; `sizes` by number of requests, from 1 up to the bound's.

    `kinds`: "always" or "sometimes" by property. `seconds`: of processor time, all searches together.
    `stopped`: why not everything was explored, if so. `kept`: some of it was explored earlier.
    """

    design: Design
    bound: Bound
    kinds: Mapping[str, str]
    sizes: Mapping[int, Size]
    seconds: float
    engine: str
    stopped: str | None
    remarks: tuple[str, ...] = ()
    kept: bool = False

    @property
    def size(self) -> Size:
        """The workloads of as many requests as the bound says."""
        return self.sizes[self.bound.requests]

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties asked."""
        return tuple(self.kinds)

    def verdicts(self, name: str, requests: int | None = None) -> list[Verdict]:
        """Return the verdict on a property for each workload of a size, the bound's unless one is given."""
        size = self.sizes[self.bound.requests if requests is None else requests]
        by_class = [self._verdict(name, found) for found in size.found]
        return [by_class[c] for c in size.classes.of]

    def _verdict(self, name: str, found: Found | None) -> Verdict:
        if found is None:
            return Verdict.UNDETERMINED
        always = self.kinds[name] == "always"
        if name in found.depths:
            return Verdict.VIOLATED if always else Verdict.HOLDS
        if not (found.judged if name in self.design.system.live else found.complete):
            return Verdict.UNDETERMINED
        return Verdict.HOLDS if always else Verdict.VIOLATED
