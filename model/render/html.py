"""A trace as one page of HTML that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cowpath.model.render import timeline
from cowpath.model.render.stories import reasons
from cowpath.model.render.text import ending, glued
from cowpath.model.trace.against import Departure
from cowpath.model.trace.trace import Trace

if TYPE_CHECKING:
    from jinja2 import Environment

HUES = (28, 212, 140, 322, 265, 82, 185, 0)
"""Colours of requests, as degrees on the circle; they repeat, for no colour says what words do not."""


@dataclass(frozen=True)
class Subject:
    """What a page tells beside the trace: the property, the scenario and the design in words."""

    meaning: str
    shows: str
    disk: str
    era: str
    explanation: str


@dataclass(frozen=True)
class Beside:
    """Another design, in words, and how far it goes along."""

    explanation: str
    departure: Departure


def hue(trace: Trace, request: str) -> int:
    """Return the request's colour."""
    return HUES[timeline.requests(trace).index(request) % len(HUES)]


def environment() -> Environment:
    """Return the templates, with what they may call."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # takes its time to load

    found = Environment(
        loader=PackageLoader("cowpath.model.render"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    found.filters["glued"] = glued
    found.globals.update(timeline=timeline, hue=hue, reasons=reasons, ending=ending)
    return found


def page(trace: Trace, subject: Subject, against: Beside | None = None) -> str:
    """Return the page; another design's run of the same scenario is shown beside the trace."""
    return environment().get_template("page.html").render(trace=trace, subject=subject, against=against)


def report_page(report: object, meaning: Mapping[str, str]) -> str:
    """Return the page of all verdicts; the report is what the template says it is."""
    return environment().get_template("report.html").render(report=report, meaning=meaning)
