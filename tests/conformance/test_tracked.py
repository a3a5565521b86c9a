"""Whom a request waits for on a tracked list, and who wakes it: on the threads and in the model."""

from __future__ import annotations

import pytest

from cowpath.conformance.campaign.tours import Graph
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.impl.context import AioContext, Request
from cowpath.impl.extent import Extent
from cowpath.impl.sync import Threads
from cowpath.impl.tracked import TrackedRequests
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import find

BLOCK = Extent(0, 4096)


@pytest.mark.parametrize(("past", "found"), [(0, "read"), (1, "write"), (2, "zero")])
def test_the_newest_is_waited_for_unless_whoever_chooses_looks_past_it(past: int, found: str) -> None:
    asked: list[str] = []

    def choose(n: int, label: str) -> int:
        asked.append(label)
        return int(len(asked) <= past)

    context = AioContext(Threads(), choose_hook=choose if past else None)
    listed = TrackedRequests(context, "the secondary")
    zero, write, read, late = (Request(name) for name in ("zero", "write", "read", "late"))
    for owner in (zero, write, write, read):  # the second entry of the write is a read inside it
        listed.begin(owner, BLOCK)
    nested = listed.entries[1]
    conflict = listed.find_conflict(listed.begin(late, BLOCK, serialising=True))
    assert conflict is not None
    assert conflict.owner.name == found
    assert (conflict is nested) == (found == "write")
    assert asked == ["look past read", "look past write"][: past + 1 if past else 0]


@pytest.mark.parametrize(("design", "wakes"), [("unserialised", True), ("rfc-repaired", False)])
def test_the_end_of_the_jobs_read_wakes_who_waits_for_that_and_nobody_else(design: str, wakes: bool) -> None:
    oracle = Oracle(DESIGNS[design], find("ragged-zero"))
    requests = range(len(oracle.scenario.requests))
    woken, asleep = 0, 0
    for state, moves in Graph(oracle).moves.items():
        for move in moves:
            for r in requests if move.action.label == "cow.read" else ():
                if oracle.value(state, "secondary_waiting_for", r) == move.owner != r:
                    for_the_read = wakes and oracle.value(state, "secondary_waits_for_nested", r)
                    after = oracle.value(move.after, "secondary_waiting_for", r)
                    assert after == (r if for_the_read else move.owner)
                    woken, asleep = woken + (after == r), asleep + (after != r)
    assert asleep > 0
    assert (woken > 0) == wakes
