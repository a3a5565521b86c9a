"""A survey as one page of HTML: tables, grids, and the traces of the smallest workloads that fail."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.model.bench.failing import Change
from cowpath.model.render import html
from cowpath.model.render.grid import grids
from cowpath.model.render.survey import Told, about, changed, classes, enough, headline, shown


def page(told: Sequence[Told], changes: Sequence[Change]) -> str:
    """Return the page of surveys of one bound or of several."""
    bounds = list(dict.fromkeys(each.survey.bound for each in told))
    return (
        html.environment()
        .get_template("survey.html")
        .render(
            told=told,
            changes=list(changed(changes)),
            abouts=[about(bound) for bound in bounds],
            enough=[line for bound in bounds if (line := enough(bound)) is not None],
            classes=" ".join(dict.fromkeys(map(classes, bounds))),
            meaning={name: words for each in told for name, words in each.survey.design.meanings.items()},
            headline=headline,
            shown=shown,
            grids=grids,
        )
    )
