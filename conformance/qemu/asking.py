"""What a scenario's request is to a QEMU: an NBD command of a client's, or a QMP command."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from cowpath.conformance.qemu.mirror import JOB
from cowpath.conformance.qemu.nbd import Command
from cowpath.conformance.qemu.stacks import WRITES
from cowpath.model.scenarios.scenario import Request

_COMMANDS = {
    "nbd-write": Command.WRITE,
    "nbd-zero": Command.WRITE_ZEROES,
    "guest-read": Command.READ,
    "guest-write": Command.WRITE,
    "client-discard": Command.TRIM,
    "guest-zero": Command.WRITE_ZEROES,
}
_JOB: Mapping[str, tuple[str, dict[str, object]]] = {
    "pause": ("job-pause", {}),
    "resume": ("job-resume", {}),
    "complete": ("job-complete", {}),
    "change-mode": ("block-job-change", {"type": "mirror", "copy-mode": "write-blocking"}),
}
"""What the user says to a mirror."""


def client_command(request: Request) -> tuple[Command, bool]:
    """Return the NBD command that a request is, and whether it is the writer's, not the guest's."""
    return _COMMANDS[request.kind], request.kind in WRITES


def control(request: Request, stack: str) -> tuple[str, dict[str, object]]:
    """Return the QMP command that a request is which is no I/O."""
    if request.kind in _JOB:
        name, more = _JOB[request.kind]
        return name, {"id": JOB} | more
    if request.kind == "checkpoint":
        return "xen-colo-do-checkpoint", {}
    if stack == "replication":
        return "xen-set-replication", {"enable": False, "primary": False, "failover": False}
    return "block-job-cancel", {"device": "job", "force": True}


def is_expected(request: Request, error: int | str) -> bool:
    """Tell whether a command's error is what QEMU says when all is well.

    A stop without failover ends the job, then takes a checkpoint, which says that the job is gone.
    """
    return request.kind == "stop" and "Backup job was cancelled unexpectedly" in str(error)


def in_words(error: int | str) -> str:
    """Return the error as it is called."""
    return errno.errorcode.get(error, f"error {error}") if isinstance(error, int) else error
