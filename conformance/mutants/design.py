"""Faults of the model: guards dropped, assignments left out, branches exchanged, in the text of a design.

The stack is as it should be. What a faulty model has too much, the threads refuse by doing what it forbids;
what it forbids too little, by waiting where it lets them go; what it claims wrongly shows in its verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cowpath.conformance.mutants.mutant import SIGHTS, Faults
from cowpath.model.language.action import Update
from cowpath.model.language.expression import IfThenElse
from cowpath.model.language.system import Action, System

GUARDS = Faults("a guard of the model")
UPDATES = Faults("an assignment of the model")


@GUARDS.model("rfc-2016", "race")
def copies_do_not_exclude_readers(system: System) -> System:
    """A copy begins though a CowRequest overlaps."""
    return system.without("cow.begin", "wait on the job's CowRequest list")


@GUARDS.model("rfc-2016", "two-readers")
def readers_do_not_exclude_readers(system: System) -> System:
    """A reader begins though a CowRequest overlaps."""
    return system.without("read.begin", "wait on the job's CowRequest list")


@GUARDS.model("rfc-repaired", "aligned-meets-unaligned")
def serialising_requests_do_not_wait(system: System) -> System:
    """An unaligned write enters its node though another request is there."""
    return system.without("write.begin", "no conflict on the secondary's tracked list")


@GUARDS.model("rfc-repaired", "stop-undrained")
def the_job_is_freed_undrained(system: System) -> System:
    """The job is freed while requests are in flight."""
    return system.without("stop.free", "wait on requests in flight (drain)")


@GUARDS.model("copy-before-write-9.2", "race")
def frozen_reads_are_not_waited_for(system: System) -> System:
    """A write goes on though a read of its clusters is frozen."""
    return system.without("cbw.go", "wait on the frozen reads")


@GUARDS.model("fleecing-4.0", "race")
def copies_do_not_serialise(system: System) -> System:
    """A copy is written to the hidden disk though somebody reads there."""
    return system.without("cow.serialise", "no conflict on the hidden disk's tracked list")


@UPDATES.model("rfc-2016", "two-by-two")
def nothing_is_ever_done(system: System) -> System:
    """A copied cluster is not marked done."""
    return without_update(system, "cow.set-done", "done")


@UPDATES.model("rfc-2016", "race")
def the_copy_is_not_mapped(system: System) -> System:
    """A copy is not in the hidden disk's map."""
    return without_update(system, "cow.write", "in_hidden")


@UPDATES.model("rfc-2016", "checkpoint")
def the_copy_is_not_there(system: System) -> System:
    """A copy is in the hidden disk's map, but not its data."""
    return without_update(system, "cow.write", "hidden")


@UPDATES.model("rfc-2016", "race")
def copies_keep_their_request(system: System) -> System:
    """Who has copied keeps its CowRequest."""
    return without_update(system, "cow.end", "cow_request")


@UPDATES.model("rfc-2016", "race")
def readers_take_no_request(system: System) -> System:
    """A reader enters no CowRequest in the list."""
    return without_update(system, "read.begin", "cow_request")


@UPDATES.model("rfc-repaired", "aligned-meets-unaligned")
def who_is_done_stays_in_the_node(system: System) -> System:
    """A write that completes stays on the tracked list."""
    return without_update(system, "write.end", "secondary_tracked")


@UPDATES.model("rfc-repaired", "aligned-meets-unaligned")
def who_leaves_wakes_nobody(system: System) -> System:
    """A write that completes wakes nobody."""
    return without_update(system, "write.end", "secondary_waiting_for")


@UPDATES.model("rfc-repaired", "three-in-a-block")
def nothing_is_written(system: System) -> System:
    """The data of a write do not come to the secondary disk."""
    return without_update(system, "write.data", "secondary")


@UPDATES.model("rfc-2016", "checkpoint")
def done_bits_stay(system: System) -> System:
    """A checkpoint does not clear the done bits."""
    return without_update(system, "checkpoint", "done")


@UPDATES.model("rfc-2016", "checkpoint")
def the_hidden_disk_stays(system: System) -> System:
    """A checkpoint does not empty the hidden disk."""
    return without_update(system, "checkpoint", "in_hidden")


@UPDATES.model("block-copy-5.0", "second-cluster")
def a_taken_cluster_stays_dirty(system: System) -> System:
    """Who takes a dirty extent to copy leaves it dirty."""
    return without_update(system, "copy.take", "done")


@UPDATES.model("block-copy-5.0", "failing-copies")
def a_failed_copy_stays_clean(system: System) -> System:
    """A failed copy does not make its clusters dirty again."""
    return without_update(system, "copy.fail", "done")


@UPDATES.model("copy-before-write-9.2", "race")
def reads_are_not_frozen(system: System) -> System:
    """A read of the source is not frozen."""
    return without_update(system, "snapshot.look", "frozen")


@UPDATES.model("rfc-2016", "race")
def a_map_is_read_the_wrong_way(system: System) -> System:
    """A reader goes below for what is in the hidden disk, and reads there what is not."""

    def swapped(update: Update) -> Update:
        value = update.value
        if update.variable == "pc" and isinstance(value, IfThenElse):
            return replace(update, value=replace(value, then=value.other, other=value.then))
        return update

    return _changed(
        system, "read.lookup-hidden", lambda a: replace(a, updates=tuple(map(swapped, a.updates)))
    )


@UPDATES.model("unserialised", "race")
def wrong_values_are_not_noted(system: System) -> System:
    """A read of other data than the snapshot's is not noted."""
    return without_update(system, "read.secondary", "wrong_value")


@UPDATES.model(
    "rfc-repaired",
    "three-in-a-block",
    survives=SIGHTS,
    why="a write that has completed reads its buffer no more",
)
def buffers_are_kept(system: System) -> System:
    """What a read-modify-write has read is not forgotten at its end."""
    return without_update(system, "write.end", "head_tail")


def without_update(system: System, label: str, variable: str) -> System:
    """Leave out what the action assigns to the variable. Raises KeyError if it assigns nothing to it."""

    def change(action: Action) -> Action:
        if variable not in {update.variable for update in action.updates}:
            raise KeyError(f"{label} does not assign {variable}")
        return replace(action, updates=tuple(u for u in action.updates if u.variable != variable))

    return _changed(system, label, change)


def _changed(system: System, label: str, change: Callable[[Action], Action]) -> System:
    """Change one action. Raises KeyError if there is none of that label."""
    if label not in {action.label for action in system.actions}:
        raise KeyError(f"no action '{label}'")
    return replace(system, actions=[change(a) if a.label == label else a for a in system.actions])
