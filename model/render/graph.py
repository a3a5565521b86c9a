"""A state graph as a picture: boxes and arrows, in DOT, drawn by Graphviz, as Mermaid or in GraphML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import graphviz
import networkx as nx

from cowpath.model.language.errors import InputError

_FILL = {"deadlock": "#f4b6b2", "falls": "#fbe0a8", "": "#ffffff"}
_WORDS = {"deadlock": "a deadlock", "falls": "a property falls"}
_COLOURS = ("#0072b2", "#b87800", "#007a59", "#a34f82", "#2f84b5", "#6b6b00")
_TABLE = 'border="0" cellborder="0" cellspacing="3"'
_INK, _FAINT = "#1b1f24", "#57606a"


class NoGraphviz(InputError):
    """Graphviz is not installed; the message is one line."""


@dataclass(frozen=True)
class Box:
    """A state, or a class of some.

    `kind` is "deadlock", "falls" (a property does) or ""; `over` tells that all requests can be over there.
    """

    lines: tuple[str, ...]
    kind: str
    over: bool
    initial: bool


@dataclass(frozen=True)
class Arrow:
    """Steps from a box to another, by their numbers; of one request, or of any (None)."""

    source: int
    target: int
    labels: tuple[str, ...]
    owner: str | None


@dataclass(frozen=True)
class Picture:
    """Boxes, numbered as they come, with arrows between them.

    `owners` are the requests that have colours; `words` are explained in the legend.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    owners: Sequence[str] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def graphml(self) -> str:
        """Return the graph in GraphML."""
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(title=self.title)
        for number, box in enumerate(self.boxes):
            words = "; ".join(box.lines)
            graph.add_node(number, label=words, kind=box.kind, over=box.over, initial=box.initial)
        for arrow in self.arrows:
            words = ", ".join(arrow.labels)
            graph.add_edge(arrow.source, arrow.target, label=words, request=arrow.owner or "")
        return "\n".join(nx.generate_graphml(graph)) + "\n"

    def mermaid(self) -> str:
        """Return the graph as a flowchart of Mermaid's."""
        lines = [
            "flowchart TD",
            *(f"    classDef {kind} fill:{fill}" for kind, fill in _FILL.items() if kind),
        ]
        for number, box in enumerate(self.boxes):
            words, kind = "<br/>".join(box.lines), f":::{box.kind}" if box.kind else ""
            lines.append(f'    {number}["{words}"]{kind}')
        for arrow in self.arrows:
            lines.append(f'    {arrow.source} -- "{"<br/>".join(arrow.labels)}" --> {arrow.target}')
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """Return the graph in DOT."""
        return str(self._digraph().source)

    def drawn(self, form: str) -> bytes:
        """Return the graph as Graphviz draws it. Raises `NoGraphviz`."""
        try:
            graph = self._digraph()
            if form == "png":
                graph.attr(dpi="144")  # sharp on dense screens
            return bytes(graph.pipe(format=form))
        except graphviz.ExecutableNotFound:
            raise NoGraphviz(
                f"--format {form}: Graphviz is not installed (on Debian: apt install graphviz); "
                "accepted without it: dot, graphml, mermaid"
            ) from None

    def _digraph(self) -> graphviz.Digraph:
        font = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": _INK}
        title = graphviz.escape(self.title)
        graph = graphviz.Digraph(
            graph_attr={**font, "label": f"{title}\n\n", "labelloc": "t", "fontsize": "16"},
            node_attr={**font, "shape": "box", "style": "filled,rounded", "fontsize": "11", "color": _FAINT},
            edge_attr={**font, "fontsize": "9", "color": _FAINT, "arrowsize": "0.7"},
        )
        for number, box in enumerate(self.boxes):
            self._box(graph, str(number), box)
        for arrow in self.arrows:
            how = {"color": self._colour(arrow.owner), "fontcolor": self._colour(arrow.owner)}
            label = "".join(f" {graphviz.escape(each)}\\l" for each in arrow.labels)
            graph.edge(str(arrow.source), str(arrow.target), label, **how)
        legend = f"<<table {_TABLE}>{''.join(self._legend())}</table>>"
        graph.node("legend", legend, style="", margin="0.05")
        return graph

    def _box(self, graph: graphviz.Digraph, name: str, box: Box) -> None:
        label = graphviz.escape("\n".join(box.lines))
        how = {"fillcolor": _FILL[box.kind], "peripheries": "2" if box.over else "1"}
        graph.node(name, label, **how, penwidth="2.5" if box.initial else "1")

    def _legend(self) -> Iterator[str]:
        """Yield what the colours and borders that occur mean, as rows of a table."""
        for kind, words in _WORDS.items():
            if any(box.kind == kind for box in self.boxes):
                yield _legend_row(f' bgcolor="{_FILL[kind]}" border="1"', " ", words)
        yield _legend_row("", "thick border", "the start")
        if any(box.over for box in self.boxes):
            yield _legend_row("", "double border", "all requests can be over")
        for owner in self.owners:
            line = f'<font color="{self._colour(owner)}">\N{EM DASH}\N{EM DASH}\N{EM DASH}</font>'
            yield _legend_row("", line, f"a step of {owner}")
        for word, meaning in self.words.items():
            yield _legend_row("", word, meaning)

    def _colour(self, owner: str | None) -> str:
        return _FAINT if owner is None else _COLOURS[self.owners.index(owner) % len(_COLOURS)]


def _legend_row(style: str, sign: str, words: str) -> str:
    return f'<tr><td{style}>{sign}</td><td align="left">{words}</td></tr>'
