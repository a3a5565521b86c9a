"""Why the last state of a trace is the end of the story: what failed, and where the data came from."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.trace.conjunct import Fact
from cowpath.model.trace.trace import Trace, TraceStep, WaitEdge

JUDGED = "but the snapshot has"
"""The label under which a step notes what it should have read."""
DISKS = {"secondary": "the secondary disk", "hidden": "the hidden disk", "active": "the active disk"}
"""Variables that are a disk's data by sector, in words; `in_hidden` and `in_active` say which clusters are
mapped there."""

_LISTS = {
    "the job's CowRequest list": "cow_request",
    "the secondary's tracked list": "secondary_tracked",
    "the hidden disk's tracked list": "hidden_tracked",
}
"""Which variable says who is on a list."""


def reasons(trace: Trace) -> tuple[str, ...]:
    """Return sentences: the waits of a deadlock in order, or the failed conjunct and how it came to fail."""
    if trace.property == "deadlock":
        return tuple(_waits(trace))
    told = [_failed(trace)] if trace.conjunct else []
    for fact in trace.facts:
        since = _since(trace, fact)
        if since and (story := _STORIES.get(fact.variable)):
            told += story(trace, trace.steps[since - 1])
    return tuple(told)


def _waits(trace: Trace) -> Iterator[str]:
    """Say in which order the waits of the cycle began, and since when each holder had what it holds."""
    order = sorted(trace.cycle, key=lambda edge: _since_wait(trace, edge))
    for number, edge in enumerate(order, 1):
        step = _since_wait(trace, edge)
        taken = _LISTS.get(edge.on)
        since = f"since step {_written(trace, taken, (edge.holder,), step)}" if taken else "already"
        closes = ", which closes the cycle" if number == len(order) else ""
        yield (
            f"{edge.holder} has held {edge.held} {since}; {edge.waiter} has waited for it since step "
            f"{step}{closes}."
        )


def _since_wait(trace: Trace, edge: WaitEdge) -> int:
    """Return the step since which the edge is there."""
    without = (n for n in range(len(trace.steps), -1, -1) if edge not in trace.states[n].waits)
    return next(without, -1) + 1


def _failed(trace: Trace) -> str:
    values = []
    for fact in trace.facts:
        since = _since(trace, fact)
        when = "" if since is None else f" since step {since}" if since else " from the start"
        values.append(f"{fact} is {fact.value}{when}")
    return f"The conjunct that fails: {trace.conjunct}, where {' and '.join(values)}."


def _since(trace: Trace, fact: Fact) -> int | None:
    """Return the step since which the fact is so, 0 for the start; None for what never changes."""
    if fact.variable not in trace.states[-1].values:
        return None
    return _written(trace, fact.variable, fact.indices, len(trace.steps))


def _written(trace: Trace, variable: str, indices: tuple[str, ...], until: int) -> int:
    """Return the last step up to `until` that changed the component; 0 if none did."""
    values = [state.values[variable][indices] for state in trace.states[: until + 1]]
    return next((n for n in range(until, 0, -1) if values[n] != values[n - 1]), 0)


def _wrong_read(trace: Trace, step: TraceStep) -> Iterator[str]:
    """Say of a guest read's wrong sectors where their data came from."""
    for seen in step.seen:
        if seen.label == JUDGED:
            for place, _ in seen.values:
                yield _origin(trace, step, place, step)


def _wrong_fill(trace: Trace, step: TraceStep) -> Iterator[str]:
    """Say of the sectors that a guest write has filled wrongly where their data came from."""
    after = trace.states[step.number].values
    for (place,), value in after["active"].items():
        uncovered = trace.setting["covers"][step.owner, place] == "no"
        read = _last_read(trace, step, place)
        if uncovered and read is not None and value != after["epoch"][place,]:
            yield _origin(trace, read, place, step)


def _stale(trace: Trace, step: TraceStep) -> Iterator[str]:
    """Say of the sectors that a read-modify-write has undone when it had read them."""
    before, after = (trace.states[n].values["secondary"] for n in (step.number - 1, step.number))
    for (place,), value in after.items():
        read = _last_read(trace, step, place)
        uncovered = trace.setting["covers"][step.owner, place] == "no"
        if value != before[place,] and uncovered and read is not None:
            lost = _written(trace, "secondary", (place,), step.number - 1)
            yield (
                f"At {place} step {step.number} writes {_data(value)} back, which step {read.number} had "
                f"read, over {_data(before[place,])} of step {lost}."
            )


def _freed(trace: Trace, step: TraceStep) -> Iterator[str]:
    """Say since when the job that a step uses is gone."""
    job = trace.states[step.number - 1].values["job"][()]
    since = _written(trace, "job", (), step.number - 1)
    when = _by(trace, since)
    yield f"Step {step.number} ({step.owner}, {step.action}) uses the job, which is {job} {when}."


_STORIES = {
    "wrong_value": _wrong_read,
    "wrong_fill": _wrong_fill,
    "stale_write_back": _stale,
    "use_after_free": _freed,
}


def _last_read(trace: Trace, step: TraceStep, place: str) -> TraceStep | None:
    """Return the owner's last step before this one that read data at the place."""
    for earlier in reversed(trace.steps[: step.number - 1]):
        labels = [s.label for s in earlier.seen if any(where == place for where, _ in s.values)]
        if earlier.owner == step.owner and "reads" in labels:
            return earlier
    return None


def _origin(trace: Trace, read: TraceStep, place: str, end: TraceStep) -> str:
    """Say where the data read at the place came from, and when and where the snapshot's could be had."""
    (source, got) = next(
        (seen.of, dict(seen.values)[place])
        for seen in read.seen
        if seen.label == "reads" and seen.of and place in dict(seen.values)
    )
    before = read.number - 1
    put = _arrived(trace, source, place, before)
    wanted = trace.states[end.number].values["epoch"][place,]
    words = [
        f"At {place} step {read.number} ({read.owner}, {read.action}) reads {_data(got)} from "
        f"{DISKS[source]}, there {_by(trace, put)}."
    ]
    right = []
    if put and trace.states[put - 1].values[source][place,] == wanted:
        right.append(f"in {DISKS[source]} until step {put}")
    for disk, since in _copies(trace, place, wanted, before):
        right.append(f"in {DISKS[disk]} since step {since}")
    if right:
        words.append(f"What the snapshot has, {_data(wanted)}, was {' and '.join(right)}.")
    else:
        taken = _written(trace, "epoch", (place,), end.number)
        words.append(f"The snapshot has {_data(wanted)}, {_by(trace, taken)}.")
    looked = _look_up(trace, read)
    if looked is not None:
        words.append(f"It goes by what step {looked.number} saw ({looked.action}: {looked.seen[0].says}).")
    return " ".join(words)


def _copies(trace: Trace, place: str, wanted: str, until: int) -> Iterator[tuple[str, int]]:
    """Yield every overlay that has the wanted data mapped, with the step since which it has."""
    cluster = trace.setting["cluster_of"][place,]
    values = trace.states[until].values
    for disk in ("hidden", "active"):
        if values[f"in_{disk}"][cluster,] == "yes" and values[disk][place,] == wanted:
            yield disk, _arrived(trace, disk, place, until)


def _arrived(trace: Trace, disk: str, place: str, until: int) -> int:
    """Return the last step up to `until` that changed the data there, or mapped the cluster."""
    mapped = f"in_{disk}"
    cluster = trace.setting["cluster_of"][place,]
    since = _written(trace, mapped, (cluster,), until) if mapped in trace.states[0].values else 0
    return max(since, _written(trace, disk, (place,), until))


def _look_up(trace: Trace, read: TraceStep) -> TraceStep | None:
    """Return the look-up by which the read went where it went."""
    for earlier in reversed(trace.steps[: read.number - 1]):
        if earlier.owner == read.owner and any(seen.label == "mapped" for seen in earlier.seen):
            return earlier
    return None


def _by(trace: Trace, put: int) -> str:
    step = trace.steps[put - 1]
    return f"since step {put} ({step.owner}, {step.action})" if put else "from the start"


def _data(value: str) -> str:
    return value if value.endswith("data") else f"{value}'s data"
