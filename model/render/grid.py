"""The verdicts on all workloads of two requests as grids: one's extent against the other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from cowpath.model.bench.surveyed import Survey
from cowpath.model.bench.workloads import Type
from cowpath.model.language.verdict import Verdict

_SIDE = 300  # of a grid, at most
_CELL = 20  # of a cell, at most
_LABEL = 46
_NAMED = 14  # extents whose names have room

COLOUR = {Verdict.HOLDS: "holds", Verdict.VIOLATED: "violated", Verdict.UNDETERMINED: "undetermined"}


@dataclass(frozen=True)
class Grid:
    """The requests of one kind (rows) against those of another (columns); `svg` is the picture."""

    rows: str
    columns: str
    violated: int
    svg: str


def grids(survey: Survey, name: str) -> Iterator[Grid]:
    """Yield a grid for each two kinds of which some workload fails; none where no two requests were tried."""
    if 2 not in survey.sizes:
        return
    types = survey.bound.types
    verdicts = dict(zip(survey.sizes[2].workloads, survey.verdicts(name, 2), strict=True))
    kinds = list(dict.fromkeys(type_.kind for type_ in types))
    for place, kind in enumerate(kinds):
        for other in kinds[place:]:
            rows = [n for n, type_ in enumerate(types) if type_.kind == kind]
            columns = [n for n, type_ in enumerate(types) if type_.kind == other]
            cells = {(r, c): verdicts.get((min(r, c), max(r, c))) for r in rows for c in columns}
            violated = sum(verdict is Verdict.VIOLATED for verdict in cells.values())
            if violated:
                yield Grid(kind, other, violated, _drawn(types, rows, columns, cells))


def _drawn(
    types: Sequence[Type],
    rows: Sequence[int],
    columns: Sequence[int],
    cells: Mapping[tuple[int, int], Verdict | None],
) -> str:
    """Return the grid as SVG; extents in the order of their first sectors, then of their ends."""
    side = min(_CELL, _SIDE / max(len(rows), len(columns)))
    named = max(len(rows), len(columns)) <= _NAMED
    left = top = _LABEL if named else 12
    width, height = left + side * len(columns) + 2, top + side * len(rows) + 2
    svg = Element(
        "svg", xmlns="http://www.w3.org/2000/svg", role="img", width=f"{width:.0f}", height=f"{height:.0f}"
    )
    svg.set("viewBox", f"0 0 {width:.1f} {height:.1f}")
    svg.set("class", "grid")
    title = f"{types[rows[0]].kind} (rows) against {types[columns[0]].kind} (columns)"
    SubElement(svg, "title").text = title
    paths: dict[Verdict, list[str]] = {}
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            verdict = cells[row, column]
            if verdict is None:
                continue
            if named:
                cell = SubElement(svg, "rect", x=f"{left + x * side:.2f}", y=f"{top + y * side:.2f}")
                cell.set("width", f"{side - 1:.2f}")
                cell.set("height", f"{side - 1:.2f}")
                cell.set("class", COLOUR[verdict])
                SubElement(cell, "title").text = f"{types[row]} + {types[column]}: {verdict.value}"
            else:
                corner = f"M{left + x * side:.2f} {top + y * side:.2f}"
                paths.setdefault(verdict, []).append(f"{corner}h{side:.2f}v{side:.2f}h-{side:.2f}z")
    for verdict, parts in paths.items():
        SubElement(svg, "path", d="".join(parts)).set("class", COLOUR[verdict])
    if named:
        for y, row in enumerate(rows):
            label = SubElement(svg, "text", x=f"{left - 4}", y=f"{top + (y + 0.7) * side:.1f}")
            label.set("text-anchor", "end")
            label.text = _extent(types[row])
        for x, column in enumerate(columns):
            at = f"{left + (x + 0.7) * side:.1f}"
            label = SubElement(svg, "text", x=at, y=f"{top - 4}", transform=f"rotate(-90 {at} {top - 4})")
            label.text = _extent(types[column])
    return tostring(svg, encoding="unicode")


def _extent(type_: Type) -> str:
    return f"[{type_.at}, {type_.end})" if type_.length else type_.kind
