"""A mirror job, as who has started it knows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.job import Job
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.nodes import QmpCommand


@pytest.mark.parametrize("mode", ["background", "write-blocking"])
def test_the_mode_is_changed_once_and_where_there_is_something_to_change(mode: str) -> None:
    """QEMU says yes to another change and makes none; the model has none."""
    begun = Call("blockdev-mirror", done=True)
    qmp = SimpleNamespace(submit=lambda name, arguments: begun, events=[])
    command = QmpCommand("blockdev-mirror", {"copy-mode": mode})
    job = Job(cast(Machine, SimpleNamespace(job=command, process=SimpleNamespace(qmp=qmp))), at_start=False)
    assert not job.accepts("change-mode")
    job.start()
    assert job.accepts("change-mode") == (mode == "background")
    job.said("change-mode")
    assert not job.accepts("change-mode")
