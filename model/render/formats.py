"""The formats that a trace is written in: for each, who renders it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cowpath.model.designs import ALL, Case
from cowpath.model.render import itf, mermaid, pages, png, pytestfile, svg, text
from cowpath.model.scenarios.writing import dumps
from cowpath.model.trace import record
from cowpath.model.trace.trace import Trace


@dataclass(frozen=True)
class Subject:
    """A trace and what it is of; `source` is the design's name or file, as given.

    `plain` asks for ASCII, `against` is another design on the same, to be shown beside the trace.
    """

    trace: Trace
    case: Case
    source: str
    plain: bool = False
    against: Case | None = None

    @property
    def meaning(self) -> str:
        """What the property says; nothing for a walk that decides none."""
        return pages.meaning_of(self.case.design, self.trace.property)


def _text(it: Subject) -> str:
    rendered = text.render(it.trace, it.meaning)
    return text.to_ascii(rendered) if it.plain else rendered


def _pytest(it: Subject) -> str:
    scenario = it.case.scenario
    alone = any(request.stream for request in scenario.requests)
    threads = it.source in ALL and not alone
    written = dumps(scenario)
    return pytestfile.render(it.trace, it.source, written, reduced=it.case.reduced, threads=threads)


FORMATS: Mapping[str, Callable[[Subject], str | bytes]] = {
    "text": _text,
    "json": lambda it: json.dumps(record.document(it.trace), indent=1) + "\n",
    "svg": lambda it: svg.render(it.trace, it.meaning),
    "png": lambda it: png.render(svg.render(it.trace, it.meaning)),
    "mermaid": lambda it: mermaid.render(it.trace, it.meaning),
    "itf": lambda it: itf.render(it.trace, it.case.design.system),
    "pytest": _pytest,
    "html": lambda it: pages.trace_page(it.case, it.trace, it.against),
}
