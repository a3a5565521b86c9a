"""What a plain search has seen, as liveness asks of it: who is pending, who is stranded, is there a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.model.explore.plain import Graph
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed


def pending(narrowed: Narrowed) -> tuple[Question, ...]:
    """Return the questions who is pending, named by the owners' numbers.

    Who is in a transfer that never completes, or waits for such a one, is owed nothing.
    """
    return tuple(Question(str(owner), term) for owner, term in enumerate(narrowed.model.owed))


def owed_bits(questions: Sequence[Question]) -> dict[int, int]:
    """Return the bit of an answer that says that an owner is pending, by owner; names say which they are."""
    return {int(q.name): 1 << bit for bit, q in enumerate(questions) if q.name.isdigit()}


def stranded(graph: Graph) -> tuple[int, ...] | None:
    """Return a shortest path, by commands, to a state where only an arrival could help, if there is one.

    Somebody is pending there, nobody who is can move, and nobody is deadlocked.
    """
    bits = owed_bits(graph.program.questions)
    owed = sum(bits.values())
    by_command = [bits.get(owner, 0) for owner in graph.program.owners]
    for at, answers in enumerate(graph.answers):
        pending_here = answers & owed
        if (
            pending_here
            and not graph.deadlocked[at]
            and not any(by_command[command] & pending_here for command, _ in graph.successors[at])
        ):
            return _path(graph, at)
    return None


def acyclic(graph: Graph) -> bool:
    """Tell whether no state of a graph that was searched plainly can be reached from itself."""
    if graph.forward:
        return True
    targets = [[graph.number[after] for _, after in successors] for successors in graph.successors]
    entries = [0] * len(targets)
    for there in targets:
        for target in there:
            entries[target] += 1
    free = [at for at, count in enumerate(entries) if not count]
    for at in free:  # which grows meanwhile
        for target in targets[at]:
            entries[target] -= 1
            if not entries[target]:
                free.append(target)
    return len(free) == len(targets)


def _path(graph: Graph, at: int) -> tuple[int, ...]:
    """Return the path by which the state was found."""
    path: list[int] = []
    while at:
        target = graph.states[at]
        at, command = next(
            (before, command)
            for before, successors in enumerate(graph.successors)
            for command, after in successors
            if after == target
        )
        path.append(command)
    return tuple(reversed(path))
