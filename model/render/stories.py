"""Where the data of a block stack came from: why a property has fallen, told from the trace.

What a story is about it knows by the names of the stack's ghosts, disks and tables; of other systems only the
failed conjunct is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.trace.explain import failed, since_fact, waits, written
from cowpath.model.trace.trace import Trace, TraceStep

JUDGED = "but the snapshot has"
"""The label under which a step notes what it should have read."""


def reasons(trace: Trace) -> tuple[str, ...]:
    """Return sentences: the waits of a deadlock in order, or the failed conjunct and how it came to fail."""
    if trace.property == "deadlock":
        return tuple(waits(trace))
    told = [failed(trace)] if trace.conjunct else []
    for fact in trace.facts:
        since = since_fact(trace, fact)
        if since and (story := _STORIES.get(fact.variable)):
            told += story(trace, trace.steps[since - 1])
    return tuple(told)


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
            lost = written(trace, "secondary", (place,), step.number - 1)
            yield (
                f"At {place} step {step.number} writes {_data(value)} back, which step {read.number} had "
                f"read, over {_data(before[place,])} of step {lost}."
            )


def _freed(trace: Trace, step: TraceStep) -> Iterator[str]:
    """Say since when the job that a step uses is gone."""
    job = trace.states[step.number - 1].values["job"][()]
    since = written(trace, "job", (), step.number - 1)
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
        f"{trace.scene.disks[source]}, there {_by(trace, put)}."
    ]
    right = []
    if put and trace.states[put - 1].values[source][place,] == wanted:
        right.append(f"in {trace.scene.disks[source]} until step {put}")
    for disk, since in _copies(trace, place, wanted, before):
        right.append(f"in {trace.scene.disks[disk]} since step {since}")
    if right:
        words.append(f"What the snapshot has, {_data(wanted)}, was {' and '.join(right)}.")
    else:
        taken = written(trace, "epoch", (place,), end.number)
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
    since = written(trace, mapped, (cluster,), until) if mapped in trace.states[0].values else 0
    return max(since, written(trace, disk, (place,), until))


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
