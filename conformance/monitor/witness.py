"""What the model did in a run that was watched: a path that explains what was seen, as a trace."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from cowpath.conformance.monitor.explain import called, nearest
from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.monitor.oracle import Explaining, Node, Oracle
from cowpath.conformance.monitor.view import Move
from cowpath.conformance.runs.log import Event
from cowpath.model.finite.reference import Reference
from cowpath.model.trace.trace import REFINEMENT, Path, Trace, decided_by, follow, replay


def trace(oracle: Oracle, events: Sequence[Event], refusal: Refusal | None) -> Trace:
    """Return a path of the model that explains the events, up to the one that is refused if one is.

    Of all that explain them it ends where the model comes nearest to explaining that one, too; where none is
    refused, it is the shortest, and its property one that falls at its end, if one does.
    """
    if refusal is None:
        paths = _paths(oracle, events)
        end, refused = min(paths, key=lambda each: (len(paths[each]), each.state)), ""
    else:
        paths = _paths(oracle, events[: refusal.position])
        end, why = nearest(oracle, refusal)
        refused = f"the run goes on with {called(refusal.event)}; {why}"
    commands = [oracle.model.commands[move.command] for move in paths[end]]
    path = [(command.action, command.arguments) for command in commands]
    system, instance = oracle.design.system, oracle.model.instance
    falls = "" if refused else _falls(Reference(system, instance), path)
    made = replay(system, instance, oracle.scenario.name, falls, path, shortest=False)
    return made if falls else replace(made, property=REFINEMENT, refused=refused)


def _falls(reference: Reference, path: Path) -> str:
    _, states = follow(reference, path)
    return decided_by(reference, states[-1], [p.name for p in reference.system.properties])


def _paths(oracle: Oracle, events: Sequence[Event]) -> dict[Explaining, tuple[Move, ...]]:
    """Return where the model may be after the events, each with the steps that lead there."""
    node = oracle.first
    paths: dict[Explaining, tuple[Move, ...]] = {Explaining(oracle.program.initial): ()}
    _go_on(oracle, node, paths)
    for event in filter(None, map(oracle.sees, events)):
        before, paths = paths, {}
        for each, path in before.items():
            for move, after in oracle.after(each, node, event):
                paths.setdefault(after, (*path, move) if move else path)
        following = oracle.follow(node, event)
        assert following is not None
        node = following
        _go_on(oracle, node, paths)
    return paths


def _go_on(oracle: Oracle, node: Node, paths: dict[Explaining, tuple[Move, ...]]) -> None:
    """Add where unseen steps may have led from there."""
    rest = deque(paths)
    while rest:
        each = rest.popleft()
        for move, after in oracle.unseen(each, node.open, node.begun):
            if after not in paths:
                paths[after] = (*paths[each], move)
                rest.append(after)
