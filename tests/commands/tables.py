"""The tables of verdicts, read back."""

from __future__ import annotations

from itertools import pairwise

from cowpath.model.scenarios import bundled

NAMES = [scenario.name for scenario in bundled()]


def table(out: str) -> dict[str, dict[str, str]]:
    """Read the tables of verdicts: scenario -> design -> cell, with the lines of a cell joined."""
    lines = out.splitlines()
    cells: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines):
        if line.split()[:1] == ["scenario"]:
            for name, row in _one_table(lines, number).items():
                cells.setdefault(name, {}).update(row)
    return cells


def _one_table(lines: list[str], top: int) -> dict[str, dict[str, str]]:
    designs = lines[top].split()[1:]
    starts = [0, *(lines[top].index(f" {design}") for design in designs), None]
    rows: list[list[str]] = []
    for line in lines[top + 2 :]:
        if not line.strip():
            break
        cells = [line[start:end].strip() for start, end in pairwise(starts)]
        if cells[0] and (not rows or rows[-1][0] in NAMES):
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {below}".strip() for above, below in zip(rows[-1], cells, strict=True)]
    return {name: dict(zip(designs, cells, strict=True)) for name, *cells in rows}
