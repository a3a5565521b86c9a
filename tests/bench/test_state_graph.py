"""State graphs: what is in them, that tools read them, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import networkx as nx
import pydot
import pytest
from lxml import etree

from cowpath.model.bench.check import check
from cowpath.model.bench.state_graph import TooLarge, quotient
from cowpath.model.designs import ALL, Case
from cowpath.model.render import state_graphs
from cowpath.model.render.graph import NoGraphviz
from cowpath.model.render.state_graphs import Explored
from cowpath.model.scenarios import find
from cowpath.model.stack.life import STAGES, stage
from tests.programs import need

COWPATH = Path(sys.executable).with_name("cowpath")
CASES = (
    ("unserialised", "race"),
    ("rfc-2016", "unaligned-write"),
    ("fleecing-4.0", "block-over-clusters"),
    ("block-copy-4.2", "second-cluster"),
    ("copy-before-write-9.2", "break-snapshot"),
    ("mirror-8.2", "backing-by-name"),
)
cases = pytest.mark.parametrize(("design", "slug"), CASES)


@cache
def explored(design: str, slug: str) -> Explored:
    return state_graphs.explore(Case(ALL[design], find(slug)), 10_000)


@cases
def test_the_graph_is_what_the_checker_explores(design: str, slug: str) -> None:
    of, result = explored(design, slug), check(Case(ALL[design], find(slug)))
    assert len(of.graph) == result.exploration.states
    assert of.graph.number_of_edges() == result.exploration.transitions
    far = nx.single_source_shortest_path_length(nx.DiGraph(of.graph), 0)
    assert max(far.values()) == result.exploration.depth
    for name, outcome in result.properties.items():
        marked = [at for at in of.graph if name in of.falls(of.graph.nodes[at]["state"])]
        assert bool(marked) == (name in result.violated)
        if marked:
            assert min(far[at] for at in marked) == outcome.depth


@cases
def test_the_quotient_has_every_state_in_one_class(design: str, slug: str) -> None:
    of = explored(design, slug)
    classes = quotient(of.graph, of.lives)
    assert sum(classes.nodes[at]["states"].states for at in classes) == len(of.graph)
    assert [at for at in classes if classes.nodes[at]["states"].initial] == [0]
    assert not list(nx.selfloop_edges(classes))
    lives = [of.lives(of.graph.nodes[at]["state"]) for at in of.graph]
    assert [classes.nodes[at]["states"].key for at in classes] == list(dict.fromkeys(lives))
    steps: Any = of.graph.edges(data="move")
    for source, target, found in classes.edges(data=True):
        keys = tuple(classes.nodes[at]["states"].key for at in (source, target))
        labels = {move.label for s, t, move in steps if (lives[s], lives[t]) == keys}
        assert found["labels"] == tuple(sorted(labels))


def test_the_life_of_a_cluster_in_the_rfc() -> None:
    """Worked out by hand: a write copies the cluster, marks it, and overwrites it; or both wait for ever."""
    picture = explored("rfc-2016", "unaligned-write").quotient()
    names = [" ".join(box.lines[:-1]) for box in picture.boxes]
    assert {(names[a.source], names[a.target]): a.labels for a in picture.arrows} == {
        ("clean", "being copied"): ("cow.copy",),
        ("being copied", "done"): ("cow.set-done",),
        ("done", "overwritten"): ("write.data",),
        ("clean", "deadlock clean"): ("cow.wait", "read.enter-secondary.park"),
    }
    kinds = {name: (box.kind, box.over, box.initial) for name, box in zip(names, picture.boxes, strict=True)}
    assert kinds["clean"] == ("", False, True)
    assert kinds["deadlock clean"] == ("deadlock", False, False)
    assert kinds["overwritten"] == ("", True, False)


def test_every_stage_has_its_facts() -> None:
    found = {
        stage(copying=copying, done=done, changed=changed)
        for copying in (False, True) for done in (False, True) for changed in (False, True)
    }  # fmt: skip
    assert found == STAGES.keys()


def test_new_data_over_a_copy_under_way_is_seen() -> None:
    """The fault of 4.2: its wait for copies in flight misses one."""
    for design, met in (("block-copy-4.2", True), ("block-copy-5.0", False)):
        of = explored(design, "second-cluster")
        lives = {of.lives(of.graph.nodes[at]["state"]) for at in of.graph}
        assert (("overwritten while being copied",) in lives) == met


# -- what tools read


@cases
@pytest.mark.parametrize("quotient", [False, True], ids=["whole", "quotient"])
def test_dot_and_graphml_have_the_same_boxes_and_arrows(design: str, slug: str, quotient: bool) -> None:
    of = explored(design, slug)
    picture = of.quotient() if quotient else of.picture()
    read = nx.read_graphml(BytesIO(picture.graphml().encode()), node_type=int, force_multigraph=True)
    assert [read.nodes[at]["label"] for at in read] == ["; ".join(box.lines) for box in picture.boxes]
    assert [read.nodes[at]["kind"] for at in read] == [box.kind for box in picture.boxes]
    arrows = sorted((a.source, a.target, ", ".join(a.labels)) for a in picture.arrows)
    assert sorted((s, t, found["label"]) for s, t, found in read.edges(data=True)) == arrows
    if len(picture.boxes) > 150:
        return  # pydot is slow
    graphs_read = pydot.graph_from_dot_data(picture.dot())
    assert graphs_read is not None
    (drawn,) = graphs_read
    boxes = {node.get_name() for node in drawn.get_nodes()} - {"node", "edge", "graph", "legend"}
    assert boxes == {str(number) for number in range(len(picture.boxes))}
    ends = [(int(str(e.get_source())), int(str(e.get_destination()))) for e in drawn.get_edges()]
    assert sorted(ends) == [(source, target) for source, target, _ in arrows]


def test_graphviz_draws_every_box() -> None:
    need("dot")
    picture = explored("rfc-2016", "unaligned-write").quotient()
    svg = etree.fromstring(picture.drawn("svg"))
    words = [text.text for text in svg.iter("{*}text")]
    for box in picture.boxes:
        assert {*box.lines} <= {*words}
    for arrow in picture.arrows:
        assert {*arrow.labels} <= {str(word).strip() for word in words}
    assert "a deadlock" in words
    assert picture.drawn("png").startswith(b"\x89PNG")


def test_the_same_graph_is_written_the_same(tmp_path: Path) -> None:
    again = state_graphs.explore(Case(ALL["unserialised"], find("race")), 10_000)
    assert again.quotient().dot() == explored("unserialised", "race").quotient().dot()
    assert again.picture().dot() == explored("unserialised", "race").picture().dot()


# -- what is refused


def test_a_graph_too_large_is_not_built() -> None:
    case = Case(ALL["unserialised"], find("race"))
    with pytest.raises(TooLarge, match="more than 78 states"):
        state_graphs.explore(case, 78)
    assert len(state_graphs.explore(case, 79).graph) == 79


def test_without_graphviz_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoGraphviz, match=r"Graphviz is not installed .*; accepted without it: "):
        explored("unserialised", "race").quotient().drawn("svg")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "--max-states 10",
            "rfc-2016 on 'two by two' has more than 10 states; accepted: --max-states for more",
        ),
        (
            "--format svg",
            "--format svg: nobody can read 1,828 boxes; accepted: up to 400, --quotient, or dot, graphml, "
            "mermaid",
        ),
        ("-o no/where.dot", "-o: 'no' is not a folder that can be written to"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, arguments: str, says: str) -> None:
    command = [str(COWPATH), "graph", "rfc-2016", "--scenario", "two-by-two", *arguments.split()]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"cowpath: {says}\n")
