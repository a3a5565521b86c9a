"""Results as pages of HTML: a trace with what it is about."""

from __future__ import annotations

from cowpath.model.designs import Design
from cowpath.model.render import html
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import Geometry, describe
from cowpath.model.stack.binding import bind
from cowpath.model.stack.properties import MEANING
from cowpath.model.trace.against import follow_with
from cowpath.model.trace.trace import REFINEMENT, Trace

MEANINGS = {**MEANING, REFINEMENT: "the model makes every step that the run makes"}
"""What each property says that a trace may be about; a walk is about none."""


def trace_page(
    design: Design, scenario: Scenario, geometry: Geometry, trace: Trace, against: Design | None
) -> str:
    """Return the page about one trace; the other design is made to follow its steps."""
    beside = None
    if against is not None:
        departure = follow_with(against.system, bind(scenario, geometry), trace)
        beside = html.Beside(against.explanation, departure)
    return html.page(trace, subject(design, scenario, geometry, trace), beside)


def subject(design: Design, scenario: Scenario, geometry: Geometry, trace: Trace) -> html.Subject:
    """Return what a page says about the design, the scenario and the property."""
    disk, meaning = describe(scenario, geometry), MEANINGS.get(trace.property, "")
    return html.Subject(meaning, scenario.shows, disk, design.era, design.explanation)
