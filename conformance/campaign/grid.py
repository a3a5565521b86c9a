"""An interleaving as columns: one for each who acts, a row for each thing done; or, where that is too wide,
as a list, indented by who acts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NARROWEST = 12


@dataclass(frozen=True)
class Row:
    """What somebody did, in words, and a remark behind it."""

    column: str
    words: str
    remark: str = ""


def lines(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the drawing, so many characters wide or, with many columns, a little more."""
    columns = list(dict.fromkeys(row.column for row in rows))
    if not columns:
        return
    most = max((width - 6) // len(columns) - 2, _NARROWEST)
    needed = {c: max(len(c), *(len(row.words) for row in rows if row.column == c)) for c in columns}
    widths = [min(needed[column], most) for column in columns]
    yield "     " + "  ".join(f"{c:<{w}}" for c, w in zip(columns, widths, strict=True)).rstrip()
    for number, row in enumerate(rows, 1):
        at = columns.index(row.column)
        indent = " " * (sum(widths[:at]) + 2 * at)
        first, *rest = textwrap.wrap(row.words, widths[at], break_on_hyphens=True) or [""]
        yield f"{number:>3}  {indent}{first}{'  ' * bool(row.remark)}{row.remark}"
        yield from (f"     {indent}{line}" for line in rest)


def fitting(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the drawing as columns if no row has to be broken for that, else as a list."""
    columns = list(dict.fromkeys(row.column for row in rows))
    needed = [max(len(c), *(len(row.words) for row in rows if row.column == c)) for c in columns]
    if len(columns) > 1 and sum(needed) + 2 * len(needed) + 3 <= width:
        yield from lines(rows, width)
        return
    name, before = max(map(len, columns)), ""
    for number, row in enumerate(rows, 1):
        lead = f"{number:>3}  {row.column if row.column != before else '':<{name}}  "
        lead += "  " * columns.index(row.column)
        yield from textwrap.wrap(
            f"{row.words}{'  ' * bool(row.remark)}{row.remark}", max(width, len(lead) + _NARROWEST),
            initial_indent=lead, subsequent_indent=" " * (len(lead) + 2),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        before = row.column
