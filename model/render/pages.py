"""Results as pages of HTML: a trace with what it is about."""

from __future__ import annotations

from cowpath.model.designs import Case, Design
from cowpath.model.render import html
from cowpath.model.trace.against import follow_with
from cowpath.model.trace.trace import REFINEMENT, Trace

_REFINES = "the model makes every step that the run makes"


def meaning_of(design: Design, name: str) -> str:
    """Return a property in words; "" if the design has no such property."""
    return _REFINES if name == REFINEMENT else design.meanings.get(name, "")


"""What each property says that a trace may be about; a walk is about none."""


def trace_page(case: Case, trace: Trace, against: Case | None = None) -> str:
    """Return the page about one trace; the other design is made to follow its steps."""
    beside = None
    if against is not None:
        departure = follow_with(against.design.system, against.instance, trace)
        beside = html.Beside(against.design.explanation, departure)
    return html.page(trace, subject(case, trace), beside)


def subject(case: Case, trace: Trace) -> html.Subject:
    """Return what a page says about the design, the scenario and the property."""
    design, meaning = case.design, meaning_of(case.design, trace.property)
    return html.Subject(meaning, case.scenario.shows, case.disk, design.era, design.explanation)
