"""Strongly connected components of a graph given as arrays: step i goes from source[i] to target[i].

What lies on no cycle is peeled off first, a layer at a time, by NumPy: of a graph without cycles nothing is
left. The rest is decomposed by Tarjan's algorithm with a stack of its own. Both are linear.
Source: R. Tarjan, "Depth-first search and linear graph algorithms", 1972.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cowpath.model.explore.codes import Indices


def components(source: Indices, target: Indices) -> Iterator[Indices]:
    """Yield, for each component with a step inside, the numbers of its steps."""
    left = on_cycles(source, target)
    if not len(left):
        return
    states, ends = np.unique(np.concatenate([source[left], target[left]]), return_inverse=True)
    tail, head = ends[: len(left)], ends[len(left) :]
    label = by_tarjan(len(states), tail, head)
    inside = np.flatnonzero(label[tail] == label[head])
    order = inside[np.argsort(label[tail[inside]], kind="stable")]
    cuts = np.flatnonzero(np.diff(label[tail[order]])) + 1
    yield from (left[part] for part in np.split(order, cuts) if len(part))


def on_cycles(source: Indices, target: Indices) -> Indices:
    """Return the steps left when those that no cycle leads to, or that lead to none, are peeled off."""
    left = _peeled(source, target, np.arange(len(source)))
    return _peeled(target, source, left)


def _peeled(source: Indices, target: Indices, steps: Indices) -> Indices:
    """Remove, again and again, the steps out of states that no step leads into (Kahn's algorithm)."""
    if not len(steps):
        return steps
    size = int(max(source[steps].max(), target[steps].max())) + 1
    steps = steps[np.argsort(source[steps], kind="stable")]
    start = np.searchsorted(source[steps], np.arange(size + 1))
    entries = np.bincount(target[steps], minlength=size)
    peeled = np.zeros(size, dtype=bool)
    layer = np.flatnonzero(entries == 0)
    while len(layer):
        peeled[layer] = True
        counts = start[layer + 1] - start[layer]
        ahead = np.cumsum(counts)
        out = np.repeat(start[layer] - ahead + counts, counts) + np.arange(counts.sum())
        reached, times = np.unique(target[steps[out]], return_counts=True)
        entries[reached] -= times
        layer = reached[entries[reached] == 0]
    return np.sort(steps[~peeled[source[steps]]])


def by_tarjan(size: int, source: Indices, target: Indices) -> Indices:
    """Return a label for each state, equal for those of one component."""
    order = np.argsort(source, kind="stable")
    start = np.searchsorted(source[order], np.arange(size + 1)).tolist()
    heads = target[order].tolist()
    found = [-1] * size  # when it was found; `size` once its component is known
    low = [0] * size  # the earliest found that it leads back to
    label = [0] * size
    cursor = start[:-1]
    open_: list[int] = []  # found, component not known yet
    clock = number = 0
    for root in range(size):
        path = [root] if found[root] < 0 else []
        while path:
            state = path[-1]
            if found[state] < 0:
                found[state] = low[state] = clock
                clock += 1
                open_.append(state)
            while cursor[state] < start[state + 1]:
                head = heads[cursor[state]]
                if found[head] < 0:
                    path.append(head)
                    break
                if found[head] < size:
                    low[state] = min(low[state], low[head])
                cursor[state] += 1
            else:
                path.pop()
                if low[state] == found[state]:
                    member = -1
                    while member != state:
                        member = open_.pop()
                        found[member], label[member] = size, number
                    number += 1
    return np.array(label, dtype=np.intp)
