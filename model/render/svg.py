"""A trace as a picture in SVG: a lane for each request and disk, steps downwards, an arrow for each wait.

Self-contained and plain (no script, no style sheet), so that it looks the same in a document as in a browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from cowpath.model.render.stories import reasons
from cowpath.model.render.text import conclusion, heading, sentence, wrap
from cowpath.model.render.timeline import Row, disk_strips, lanes, rows
from cowpath.model.trace.trace import Trace
from cowpath.model.trace.waiting import WaitEdge

_MARGIN, _GUTTER, _REQUEST, _DISK, _CARD = 16, 30, 250, 120, 226  # widths
_LINE, _PAD, _GAP, _ARROW = 15, 7, 12, 26  # heights
_INK, _FAINT, _ALARM, _PAPER = "#1b1f24", "#8c959f", "#b3261e", "#ffffff"
_ORIGINAL, _COLOURS = "#d0d7de", ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442")
_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_WIDE = 0.55  # of the font's size: what a letter takes, on average, in the widest of the fonts


def render(trace: Trace, meaning: str) -> str:
    """Return the picture; `meaning` is the property in words."""
    return _Picture(trace).draw(meaning)


class _Picture:
    """Draws downwards: `y` is where the next row begins."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows = list(rows(trace))
        touched = {
            disk
            for row in self.rows
            for disk, how in zip(self.trace.scene.disks, row.disks, strict=True)
            if how
        }
        left = _MARGIN + _GUTTER
        self.lane = {name: left + _REQUEST * i + _REQUEST // 2 for i, name in enumerate(lanes(trace))}
        left += _REQUEST * len(self.lane)
        disks = [
            disk for disk in reversed(list(trace.scene.disks)) if disk in touched
        ]  # from the guest downwards
        self.disk = {name: left + _DISK * i + _DISK // 2 for i, name in enumerate(disks)}
        self.width = left + _DISK * len(disks) + _MARGIN
        self.since: dict[str, float] = {}  # from where on each lane's request has waited
        self.colour = dict(zip(self.lane, _COLOURS * 3, strict=False))
        self.svg = Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        self.svg.set("font-family", _FONT)
        self.below = SubElement(self.svg, "g")  # what the cards stand on
        self.above = SubElement(self.svg, "g")
        self.y = _MARGIN

    def draw(self, meaning: str) -> str:
        """Return the whole picture as text."""
        title = heading(self.trace)
        self._words(_MARGIN, title, size=15, width=self.width - 2 * _MARGIN, bold=True)
        self.y += _GAP
        for name, x in self.lane.items():
            self._box(x - _CARD / 2, self.y, _CARD, 24, fill=self.colour[name], rx=4)
            self._text(x, self.y + 16, name, bold=True, anchor="middle", fill=_readable(self.colour[name]))
        for name, x in self.disk.items():
            self._text(
                x,
                self.y + 10,
                self.trace.scene.disks[name].removeprefix("the "),
                bold=True,
                anchor="middle",
                size=11,
            )
            self._strip(name, 0, self.y + 15)
        self.y += 24 + _GAP
        top = loop = self.y
        for row in self.rows:
            if row.step.number == self.trace.loop:
                loop = self.y
            self._row(row)
        for x in (*self.lane.values(), *self.disk.values()):
            self._line(self.below, x, top - _GAP, x, self.y, _ORIGINAL)
        for name in list(self.since):
            self._wake(name, self.y)
        if self.trace.loop is not None:
            self._loop(loop)
        self._end([conclusion(self.trace, meaning), *reasons(self.trace)])
        self._legend()
        height = self.y + _MARGIN
        for name, value in (
            ("width", self.width),
            ("height", height),
            ("viewBox", f"0 0 {self.width} {height}"),
        ):
            self.svg.set(name, str(value))
        named, paper = Element("title"), Element("rect", width="100%", height="100%", fill=_PAPER)
        named.text = title
        self.svg[:0] = [named, paper]
        indent(self.svg)
        return tostring(self.svg, encoding="unicode") + "\n"

    def _row(self, row: Row) -> None:
        """Draw a step: a card, and arrows for the disks that it touches and the waits that it begins."""
        step = row.step
        x = self.lane[step.owner]
        lines = _wrapped(sentence(step), _CARD - 20, 12)
        height = 2 * _PAD + _LINE * (1 + len(lines))
        middle = self.y + height / 2
        self._text(_MARGIN + _GUTTER - 8, self.y + 18, str(step.number), anchor="end", fill=_FAINT)
        for disk, how in zip(self.trace.scene.disks, row.disks, strict=True):
            if how:
                card, edge = x + _CARD / 2 + 1, self._strip(disk, step.number, middle - 6) - 1
                ends, dashes = ((card, edge), None) if how == "write" else ((edge, card), "3 3")
                self._arrow(*ends, middle, _INK, dashes=dashes)
        self._box(x - _CARD / 2, self.y, _CARD, height, fill=_PAPER, stroke=self.colour[step.owner], rx=4)
        self._box(x - _CARD / 2, self.y, 5, height, fill=self.colour[step.owner], rx=2)
        self._text(x - _CARD / 2 + 13, self.y + _PAD + 11, step.action, bold=True)
        for number, line in enumerate(lines, 1):
            self._text(x - _CARD / 2 + 13, self.y + _PAD + 11 + number * _LINE, line)
        self._wake(step.owner, self.y)
        self.y += height
        for name, how in zip(self.lane, row.lanes, strict=True):
            if how == "waiting":
                self.since.setdefault(name, self.y)
            else:
                self._wake(name, self.y)
        self.y += _GAP
        for arrow in row.arrows:
            self._wait(arrow.edge, f"waits on {arrow.edge.on}", 1.2)

    def _wake(self, name: str, y: float) -> None:
        """Draw the lane of one who has waited, until then."""
        if name in self.since:
            x = self.lane[name]
            self._line(self.below, x, self.since.pop(name), x, y, _ALARM, width=3, dashes="6 4")

    def _wait(self, edge: WaitEdge, words: str, weight: float) -> None:
        start, end = self.lane[edge.waiter], self.lane[edge.holder]
        self._arrow(start, end, self.y + _ARROW - 10, _ALARM, width=weight)
        size = min(11, abs(end - start) / (len(words) * _WIDE))
        self._text((start + end) / 2, self.y + _ARROW - 15, words, anchor="middle", size=size, fill=_ALARM)
        self.y += _ARROW

    def _loop(self, top: float) -> None:
        """Draw the bracket around the steps that are repeated for ever."""
        x = _MARGIN + 2
        bottom = self.y - _GAP
        path = f"M{x + 8} {top:g} H{x} V{bottom:g} H{x + 8}"
        SubElement(self.above, "path", {"d": path, "stroke": _ALARM, "stroke-width": "2", "fill": "none"})
        self._text(x + 2, top - 3, "for ever", size=10, fill=_ALARM)

    def _end(self, told: Sequence[str]) -> None:
        """Draw what the last state shows, and once more the waits that decide it, side by side."""
        top = self.y
        self.y += _PAD
        for words in told:
            self._words(_MARGIN + 12, words, size=12, width=self.width - 2 * _MARGIN - 24)
        self.y += _PAD
        for edge in self.trace.cycle or self.trace.stuck:
            self._wait(edge, f"waits for {edge.held}", 3)
        self.y += _PAD
        stroke = _ALARM if self.trace.fails else _FAINT
        self._box(_MARGIN, top, self.width - 2 * _MARGIN, self.y - top, fill="none", stroke=stroke, rx=6)
        self.y += _GAP

    def _legend(self) -> None:
        """Say what the disks' cells, their colours and the arrows mean."""
        if not self.disk:
            return
        self.y += _GAP
        cells = " | ".join(next(iter(self.trace.scene.cells.values())))
        self._words(
            _MARGIN,
            f"A disk's cells, left to right: {cells}. Grey: original data; a request's colour: its data; "
            "white: not mapped. Solid arrow: the step writes to the disk; dashed: it reads or looks up.",
            size=11,
            width=self.width - 2 * _MARGIN,
            fill=_FAINT,
        )

    def _strip(self, disk: str, number: int, y: float) -> float:
        """Draw the cells of a disk, as they are after the step; return where they begin."""
        squares = disk_strips(self.trace, number)[disk].squares
        sectors = sum(square.width for square in squares)
        width = min(14, (_DISK - 24) / sectors)
        left = x = self.disk[disk] - width * sectors / 2
        for square in squares:
            fill = _PAPER if square.kind == "unmapped" else self.colour.get(square.writer or "", _ORIGINAL)
            self._box(x, y, width * square.width, 12, fill=fill, stroke=_FAINT)
            x += width * square.width
        return left

    def _arrow(
        self, start: float, end: float, y: float, colour: str, *, width: float = 1, dashes: str | None = None
    ) -> None:
        self._line(self.above, start, y, end, y, colour, width=width, dashes=dashes)
        back = end + (-8 if end > start else 8)
        SubElement(
            self.above, "path", d=f"M{end:g} {y:g} L{back:g} {y - 4:g} L{back:g} {y + 4:g} Z", fill=colour
        )

    def _line(
        self,
        layer: Element,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str,
        *,
        width: float = 1,
        dashes: str | None = None,
    ) -> None:
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke-width": width}
        line = SubElement(layer, "line", {name: f"{value:g}" for name, value in ends.items()}, stroke=colour)
        if dashes:
            line.set("stroke-dasharray", dashes)

    def _box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        stroke: str = "none",
        rx: float = 0,
    ) -> None:
        size = {"x": x, "y": y, "width": width, "height": height, "rx": rx}
        numbers = {name: f"{value:g}" for name, value in size.items()}
        SubElement(self.above, "rect", numbers, fill=fill, stroke=stroke)

    def _words(
        self, x: float, words: str, *, size: int, width: float, bold: bool = False, fill: str = _INK
    ) -> None:
        """Write lines of text from `y` on."""
        for line in _wrapped(words, width, size * (1.15 if bold else 1)):
            self.y += size + 4
            self._text(x, self.y - 4, line, size=size, bold=bold, fill=fill)

    def _text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        bold: bool = False,
        anchor: str = "start",
        fill: str = _INK,
    ) -> None:
        how = {"x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size:g}", "text-anchor": anchor, "fill": fill}
        text = SubElement(self.above, "text", how)
        if bold:
            text.set("font-weight", "bold")
        text.text = words


def _wrapped(words: str, width: float, size: float) -> list[str]:
    return wrap(words, int(width / (size * _WIDE)), "")


def _readable(colour: str) -> str:
    """Return black or white, whichever stands out more on the colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return _INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else _PAPER
