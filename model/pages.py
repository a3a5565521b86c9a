"""Results as pages of HTML: a trace with what it is about."""

from __future__ import annotations

from model.check import Result
from model.designs import Design
from model.scenarios.geometry import describe
from model.stack.binding import bind
from model.stack.properties import MEANING
from model.trace import html
from model.trace.against import follow_with
from model.trace.trace import Trace


def trace_page(design: Design, result: Result, trace: Trace, against: Design | None) -> str:
    """Return the page about one trace of a result; the other design is made to follow its steps."""
    beside = None
    if against is not None:
        beside = follow_with(against.system, bind(result.scenario, result.geometry), trace)
    return html.page(trace, subject(design, result, trace), beside)


def subject(design: Design, result: Result, trace: Trace) -> html.Subject:
    """Return what a page says about the design, the scenario and the property."""
    scenario = result.scenario
    disk = describe(scenario, result.geometry)
    return html.Subject(MEANING[trace.property], scenario.shows, disk, design.era, design.explanation)
