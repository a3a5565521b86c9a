"""A mirror job, as who has started it knows it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import pytest

from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.job import Job
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.nodes import QmpCommand


def started(mode: str, *events: Mapping[str, object], fails: bool = False) -> Job:
    begun = Call("blockdev-mirror", done=True)
    qmp = SimpleNamespace(submit=lambda name, arguments: begun, events=[*events])
    command = QmpCommand("blockdev-mirror", {"copy-mode": mode})
    machine = cast(Machine, SimpleNamespace(job=command, process=SimpleNamespace(qmp=qmp)))
    job = Job(machine, at_start=False, fails=fails)
    assert not job.accepts("change-mode")
    job.start()
    return job


@pytest.mark.parametrize("mode", ["background", "write-blocking"])
def test_the_mode_is_changed_once_and_where_there_is_something_to_change(mode: str) -> None:
    """QEMU says yes to another change and makes none; the model has none."""
    job = started(mode)
    assert job.accepts("change-mode") == (mode == "background")
    job.said("change-mode")
    assert not job.accepts("change-mode")


def test_a_write_that_fails_though_none_is_to_is_no_run_without_end() -> None:
    failing = {"event": "BLOCK_JOB_ERROR", "data": {"operation": "write", "action": "ignore"}}
    with pytest.raises(Broken, match="the job fails to write, though nothing is to fail"):
        list(started("background", failing).news())
    assert list(started("background", failing, fails=True).news()) == []
