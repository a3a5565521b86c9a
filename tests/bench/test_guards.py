"""No guard is decoration: without it some property falls, or it is listed here with the reason why not."""

import pytest

from cowpath.model.bench.guards import audit, guards
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import bundled
from tests.draws import first, some

PARKED = "nobody comes to wait twice on one list, so who looks again too early finds the same conflict"
PASSED = "nobody gets past a serialising request of the protocol node, where every request may be waited for"
BRANCH = "decides only whether the request waits before it goes on"
NO_JOB = "decides only between an error and a checkpoint that nobody uses"
NO_END = "decides only between an error and an end of the job, which may come twice"
ONLY_FAILS = "decides only whether a read fails: what it returns is judged as it is read"
UNHELD = "in this design no reader holds anything of the job's"
FALLEN = "`snapshot` has fallen on every scenario with a reader and a write before this guard comes to bear"
EXCLUDED = "overlapping guest writes exclude each other by CowRequests in this design"
LOCKED = "what it waits for is a writer's CowRequest, and those are gone before the job is"

COPIED = "a bit is set only after the copy, which kept every reader out: who finds all set may pass"
NEVER = "the filter is never removed in this design's scenarios"
FREED = "`lifetime` has fallen on every scenario that ends the job"

EVERYWHERE = {
    ("protocol.begin", "wait on the protocol node's tracked list"): PARKED,
    ("protocol.settle", "wait on the protocol node's tracked list"): PARKED,
    ("protocol.settle", "no conflict on the protocol node's tracked list"): PASSED,
    ("write.begin", "wait on the secondary's tracked list"): PARKED,
    ("write.settle", "wait on the secondary's tracked list"): PARKED,
}
CHECKPOINT = {
    ("checkpoint.refused", "there is no job"): NO_JOB,
    ("checkpoint.refused", "wait on requests in flight (drain)"): NO_JOB,
    ("checkpoint", "there is a job"): NO_JOB,
    ("checkpoint.clear-done", "there is a job"): NO_JOB,
}
NOTIFIER = {
    **EVERYWHERE,
    **CHECKPOINT,
    ("cow.wait", "overlapping CowRequest"): BRANCH,
    ("cow.pass", "wait on the job's CowRequest list"): COPIED,
}
READS_SERIALISE = {("read.enter-secondary", "wait on the secondary's tracked list"): PARKED}
TARGET_SERIALISES = {
    # In fleecing-4.0 `progress` falls without it: who does not wait is not woken. Here it has fallen before.
    ("cow.serialise", "wait on the hidden disk's tracked list"): PARKED,
}
FILTER = {**EVERYWHERE, ("cow.enter", "wait on the secondary's tracked list"): PARKED}
LOOKS_AGAIN = {
    ("copy.take", "wait on block-copy's in-flight list"): (
        "who takes what is dirty while it waits for a copy that is not does nothing that a newcomer could not"
    ),
    ("copy.return", "wait on block-copy's in-flight list"): PARKED,
}
POOLED = {
    ("copy.take", "no copy of its has failed"): "who copies on after a failure copies in vain",
    ("copy.taken", "nothing is dirty, or a copy has failed"): "who has all its copies looks again",
}
JOINED = "what its pieces read is judged as it is read, and a checkpoint waits for them, too"
JOINS = {
    ("read.join", "wait on its pieces"): JOINED,
    ("read.join", "no piece has failed"): ONLY_FAILS,
    ("read.join-fails", "wait on its pieces"): JOINED,
    ("read.join-fails", "a piece has failed"): ONLY_FAILS,
    ("read.join-hidden", "no piece has failed"): ONLY_FAILS,
    ("read.join-hidden-fails", "wait on its pieces"): (
        "no scenario has a write to come to what another piece reads when one fails"
    ),
    ("read.join-hidden-fails", "a piece has failed"): ONLY_FAILS,
}
STOPS = {("stop.refused", "there is no job"): NO_END}
CANCELS = {**STOPS, ("stop.cancel", "there is a job"): NO_END}
REMOVES = {**STOPS, ("stop.remove", "there is a job"): NO_END}
READER_BRANCHES = {("read.wait", "there is a job"): BRANCH, ("read.wait", "overlapping CowRequest"): BRANCH}
NOT_NEEDED: dict[str, dict[tuple[str, str], str]] = {
    "unserialised": {
        **NOTIFIER,
        **CANCELS,
        **READS_SERIALISE,
        ("cow.skip", "the notifier is gone"): FALLEN,
        ("cow.wait", "the notifier is there"): LOCKED,
        ("cow.begin", "wait on the job's CowRequest list"): FALLEN,
        ("cow.copy", "the cluster is not done"): FALLEN,
        ("cow.pass", "every cluster is done"): FALLEN,
        ("checkpoint", "wait on requests in flight (drain)"): FALLEN,
        ("stop.free", "wait on requests in flight (drain)"): UNHELD,
    },
    "rfc-2016": {**NOTIFIER, **CANCELS, **READS_SERIALISE, **READER_BRANCHES},
    "merged-2.8": {**NOTIFIER, **CANCELS, **READS_SERIALISE, **READER_BRANCHES},
    "fleecing-4.0": {
        **NOTIFIER,
        **CANCELS,
        **READS_SERIALISE,
        ("cow.wait", "the notifier is there"): LOCKED,
        ("stop.free", "wait on requests in flight (drain)"): UNHELD,
    },
    "block-copy-4.2": {
        **FILTER,
        **CHECKPOINT,
        **READS_SERIALISE,
        **TARGET_SERIALISES,
        **JOINS,
        **STOPS,
        ("stop.free", "there is a job"): NO_END,
        ("copy.wait", "there is a filter"): BRANCH,
        ("copy.wait", "copy in flight"): BRANCH,
        ("copy.pass", "there is a filter"): FREED,
        ("copy.begin", "there is a filter"): FREED,
    },
    "block-copy-5.0": {
        **FILTER,
        **CHECKPOINT,
        **READS_SERIALISE,
        **TARGET_SERIALISES,
        **LOOKS_AGAIN,
        **JOINS,
        **REMOVES,
    },
    "block-copy-5.1": {
        **FILTER,
        **CHECKPOINT,
        **READS_SERIALISE,
        **TARGET_SERIALISES,
        **LOOKS_AGAIN,
        **JOINS,
        **REMOVES,
        **POOLED,
    },
    "copy-before-write-9.2": {
        **FILTER,
        **LOOKS_AGAIN,
        **POOLED,
        ("copy.begin", "there is a filter"): NEVER,
        ("copy.begin", "the snapshot is whole"): "who copies for a broken snapshot copies in vain",
        ("snapshot.enter", "wait on the secondary's tracked list"): PARKED,
        ("snapshot.refuse", "the snapshot is broken or not accessible"): "decides only whether a read fails",
        ("snapshot.look", "the snapshot is whole"): "`snapshot` has fallen on the scenario that breaks it",
        ("snapshot.look", "what is left to read is accessible"): "`snapshot` has fallen on the only discard",
    },
    "rfc-repaired": {
        **NOTIFIER,
        **CANCELS,
        **READER_BRANCHES,
        ("guest.wait", "there is a job"): BRANCH,
        ("guest.wait", "overlapping CowRequest"): BRANCH,
        ("guest.allocate", "wait on the active disk's in-flight allocations"): EXCLUDED,
    },
}


# `--everything` takes the other designs, and all guards.
FIRST = ("rfc-2016",)


@pytest.mark.parametrize("name", first(DESIGNS, *FIRST))
def test_each_guard_is_needed_or_known_not_to_be(name: str) -> None:
    every = guards(DESIGNS[name])
    assert len(every) > 20
    assert set(NOT_NEEDED[name]) <= set(every)
    asked = every[:: len(every) // some(len(every), 6)]
    reports = list(audit(DESIGNS[name], bundled(), asked))
    assert tuple((r.action, r.guard) for r in reports) == asked
    assert {(r.action, r.guard) for r in reports if r.scenario is None} == {*NOT_NEEDED[name]} & {*asked}
    assert all(report.falls for report in reports if report.scenario is not None)


def test_what_is_masked_in_the_broken_design_is_needed_in_the_next() -> None:
    masked = {guard for guard, reason in NOT_NEEDED["unserialised"].items() if reason is FALLEN}
    assert masked
    assert masked.isdisjoint(NOT_NEEDED["rfc-2016"])
