"""The state graph of a small model, by networkx: what is true in each state, and which step leads where."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx

from cowpath.model.explore.program import Program
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.reference import Vector
from cowpath.model.language.errors import InputError


class TooLarge(InputError):
    """There are more states than may be drawn."""


@dataclass(frozen=True)
class Node:
    """A state: the questions that it answers, whether it is a deadlock, and whether all is over."""

    vector: Vector
    answers: frozenset[str]
    deadlock: bool
    over: bool


@dataclass(frozen=True)
class Move:
    """A step from a state to another: its action's label, and whose it is."""

    label: str
    owner: int


def explore(
    narrowed: Narrowed, questions: Sequence[Question], most: int, report: Callable[[int], None]
) -> nx.MultiDiGraph[int]:
    """Return the graph of all states, numbered by their distance from the first, which is 0.

    Every node has a `Node` as its `state`, every edge a `Move` as its `move`. Reports now and then how many
    states there are. Raises `TooLarge`.
    """
    over = Question("", narrowed.model.terms.conjunction(narrowed.model.finished))
    program = Program(narrowed, (*questions, over))
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    number, states = {program.initial: 0}, [program.initial]
    for at, state in enumerate(states):  # which grows meanwhile
        if at % 1024 == 0:
            report(len(states))
        successors, answers = program.successors(state), program.answers(state)
        told = frozenset(answers) - {""}
        deadlock = program.deadlocked(state, successors)
        graph.add_node(at, state=Node(program.vector(state), told, deadlock, "" in answers))
        for command, after in successors:
            if after not in number:
                number[after] = len(states)
                states.append(after)
                if len(states) > most:
                    raise TooLarge(f"more than {most:,} states; accepted: --max-states for more")
            action = narrowed.model.commands[command].action
            graph.add_edge(at, number[after], move=Move(action.label, program.owners[command]))
    return graph


@dataclass(frozen=True)
class Class:
    """States that are taken for one: their key, how many they are, and in how many of them all is over."""

    key: Any
    states: int
    over: int
    initial: bool


def quotient(graph: nx.MultiDiGraph[int], key: Callable[[Node], Hashable]) -> nx.DiGraph[int]:
    """Return the graph of the classes of states with the same key, in the order of their first states.

    Every node has a `Class` as its `states`; every edge the `labels` of the steps that lead from one to the
    other. Steps within a class are left out.
    """
    of = {at: key(graph.nodes[at]["state"]) for at in graph}
    members: dict[Hashable, list[int]] = {}
    for at, its in of.items():
        members.setdefault(its, []).append(at)
    number = {its: i for i, its in enumerate(members)}
    classes: nx.DiGraph[int] = nx.DiGraph()
    for its, states in members.items():
        over = sum(graph.nodes[at]["state"].over for at in states)
        classes.add_node(number[its], states=Class(its, len(states), over, 0 in states))
    labels: dict[tuple[int, int], set[str]] = {}
    for source, target, attributes in graph.edges(data=True):
        if of[source] != of[target]:
            names = labels.setdefault((number[of[source]], number[of[target]]), set())
            names.add(attributes["move"].label)
    for (source, target), names in sorted(labels.items()):
        classes.add_edge(source, target, labels=tuple(sorted(names)))
    return classes
