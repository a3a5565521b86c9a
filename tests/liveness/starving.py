"""Who starves in a model, its graph, and the bundled scenarios in which somebody may."""

from __future__ import annotations

from cowpath.model.designs import DESIGNS
from cowpath.model.explore import plain
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import UNLIMITED, Progress
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.liveness.graph import pending
from cowpath.model.liveness.starvation import starve
from cowpath.model.scenarios import Scenario, bundled
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind

STREAMS = [scenario for scenario in bundled() if any(request.stream for request in scenario.requests)]


def silent(progress: Progress) -> None:
    pass


def starved(narrowed: Narrowed) -> tuple[int, ...]:
    found = starve(narrowed, UNLIMITED, silent)
    assert found.stopped is None
    assert (found.lasso is None) == (not found.starved)
    assert found.lasso is None or found.lasso.owner in found.starved
    return found.starved


def seen(narrowed: Narrowed, most: int | None = None) -> plain.Graph:
    _, graph = plain.explore(Program(narrowed, pending(narrowed)), UNLIMITED, silent, most)
    assert graph is not None
    return graph


def narrowed_of(design: str, scenario: Scenario) -> Narrowed:
    known = DESIGNS[design]
    return narrow(ground(known.system, bind(scenario, reduce(scenario), known.vocabulary, known.splits)))
