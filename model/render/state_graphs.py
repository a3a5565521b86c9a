"""State graphs of designs on scenarios: every state, or classes by the lives of their clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from cowpath.model.bench import state_graph
from cowpath.model.bench.state_graph import Class, Node, TooLarge
from cowpath.model.designs import Case
from cowpath.model.explore.result import DEADLOCK, questions
from cowpath.model.finite.domains import Narrowed
from cowpath.model.language.expression import Const
from cowpath.model.language.system import Property, State
from cowpath.model.render.graph import Arrow, Box, Picture
from cowpath.model.stack import life
from cowpath.model.stack.machine import SECONDARY
from cowpath.model.stack.world import Cluster


@dataclass(frozen=True)
class Explored:
    """The whole graph, and the model that it is of."""

    title: str
    graph: nx.MultiDiGraph[int]
    narrowed: Narrowed
    properties: tuple[str, ...]

    @property
    def clusters(self) -> tuple[str, ...]:
        """What the clusters are called."""
        clusters = self.narrowed.model.instance.names.get("Cluster", ())
        return tuple(name.removeprefix("cluster ") for name in clusters)

    @property
    def requests(self) -> tuple[str, ...]:
        """What the requests are called."""
        return self.narrowed.model.instance.names[self.narrowed.model.system.owners.name]

    def falls(self, node: Node) -> tuple[str, ...]:
        """Return the properties that fall in a state, a deadlock first."""
        fallen = [name for name in self.properties if name in node.answers]
        return (DEADLOCK, *fallen) if node.deadlock else tuple(fallen)

    def lives(self, node: Node) -> tuple[str, ...]:
        """Return at which stage of its life each cluster is."""
        facts = (
            {fact: f"{fact} {k}" in node.answers for fact in ("copying", "done", "changed")}
            for k in range(len(self.clusters))
        )
        return tuple(life.stage(**each) for each in facts)

    def places(self, node: Node) -> tuple[str, ...]:
        """Return where each request is in its program."""
        model = self.narrowed.model
        cells = [model.counters(r)[:1] for r in range(len(self.requests))]
        return tuple(model.layout.show_value(cell, node.vector[cell]) for own in cells for cell in own)

    def picture(self) -> Picture:
        """Return all states as a picture: a box says where each request is."""
        boxes = []
        for at in self.graph:
            node: Node = self.graph.nodes[at]["state"]
            places = [f"{who}: {place}" for who, place in zip(self.requests, self.places(node), strict=True)]
            boxes.append(_box(places, self.falls(node), over=node.over, initial=at == 0))
        moves = ((source, target, found["move"]) for source, target, found in self.graph.edges(data=True))
        arrows = (Arrow(s, t, (move.label,), self.requests[move.owner]) for s, t, move in moves)
        return Picture(self.title, tuple(boxes), tuple(arrows), self.requests)

    def quotient(self) -> Picture:
        """Return classes of states as a picture: states alike in their clusters' lives, and in what falls."""
        classes = state_graph.quotient(self.graph, lambda node: (self.lives(node), self.falls(node)))
        boxes = []
        for at in classes:
            each: Class = classes.nodes[at]["states"]
            lives, falls = each.key
            named = zip(self.clusters, lives, strict=True)
            lines = [*lives] if len(lives) == 1 else [f"{cluster} {stage}" for cluster, stage in named]
            lines.append(f"{each.states:,} state{'s' if each.states > 1 else ''}")
            boxes.append(_box(lines, falls, over=each.over > 0, initial=each.initial))
        arrows = (Arrow(s, t, found["labels"], None) for s, t, found in classes.edges(data=True))
        met = {stage for at in classes for stage in classes.nodes[at]["states"].key[0]}
        stages = {stage: meaning for stage, meaning in life.STAGES.items() if stage in met}
        return Picture(self.title, tuple(boxes), tuple(arrows), words=stages)


def _box(lines: Sequence[str], falls: Sequence[str], *, over: bool, initial: bool) -> Box:
    told = [name if name == DEADLOCK else f"{name} is violated" for name in falls]
    kind = "" if not falls else "deadlock" if DEADLOCK in falls else "falls"
    return Box((*told, *lines), kind, over, initial)


def explore(
    case: Case,
    most: int,
    report: Callable[[int], None] = lambda states: None,
) -> Explored:
    """Return the graph of the case. Raises `TooLarge`, and `ScenarioError` if there is no such disk."""
    design, system, claims = case.design, case.design.system, []
    lives = design.machine is SECONDARY and case.scenario.has_disk
    for k in range(len(case.geometry.clusters) if lives else 0):
        s, cluster = State(system, None), Const(Cluster, k)
        facts = {"done": s.done[cluster]}
        facts |= {"copying": life.copying(s, cluster), "changed": life.changed(s, cluster)}
        claims += [Property(f"{name} {k}", "sometimes", formula) for name, formula in facts.items()]
    observed = replace(system, properties=[*system.properties, *claims])
    narrowed = replace(case, design=replace(design, build=lambda: observed)).narrowed
    names = [*design.standard, *(claim.name for claim in claims)]
    try:
        graph = state_graph.explore(narrowed, questions(narrowed.model, names), most, report)
    except TooLarge as error:
        raise TooLarge(f"{case.title} has {error}") from None
    return Explored(case.title, graph, narrowed, design.standard)
