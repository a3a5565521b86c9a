"""A mirror job under way, as who has started it knows it: by its events, and by what QMP answers."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.mirror import JOB
from cowpath.conformance.runs.log import ORIGINAL, Event
from cowpath.impl.extent import Extent

SOURCE, TARGET = "source", "target"
"""Its two disks."""
READY, OVER = "ready", "over"
"""What QEMU tells of, as the model's variables are called."""
EVENTS = {"BLOCK_JOB_READY": READY, "BLOCK_JOB_COMPLETED": OVER}
"""By which event it tells."""


class Job:
    """Of a machine's one run. `begun`: the command that has started it. `fails`: some transfers may fail."""

    def __init__(self, machine: Machine, *, at_start: bool, fails: bool = False) -> None:
        self.machine = machine
        self._fails = fails
        self.begun: Call | None = None
        self._at_start = at_start
        self._paused = False
        self._completing = False
        self._copying = machine.job is not None and machine.job.arguments["copy-mode"] != "background"
        self._told: set[str] = set()

    def start(self) -> None:
        """Start it."""
        command = self.machine.job
        assert command is not None
        self.begun = self.machine.process.qmp.submit(command.name, dict(command.arguments))

    @property
    def over(self) -> bool:
        """Whether QEMU has said that it has completed: the target is the guest's disk since."""
        return OVER in self._told

    @property
    def there(self) -> bool:
        """Whether it has been started, and has not ended. Raises Broken if it could not be."""
        if self.begun is not None and self.begun.error is not None:
            raise Broken(f"the job is not started: {self.begun.error}")
        return self.begun is not None and self.begun.done and not self.over

    def accepts(self, kind: str) -> bool:
        """Tell whether QEMU accepts this command of the user's now, and something comes of it."""
        return self.there and {
            "pause": not self._paused,
            "resume": self._paused,
            "complete": READY in self._told and not self._paused and not self._completing,
            "change-mode": not self._copying,
        }.get(kind, False)

    def said(self, kind: str) -> None:
        """Take note of a command that has been given."""
        self._paused = kind == "pause" or (self._paused and kind != "resume")
        self._completing |= kind == "complete"
        self._copying |= kind == "change-mode"

    def news(self) -> Iterator[Event]:
        """Yield what QEMU has told of the job since. Raises Broken if it has failed."""
        for event in self.machine.process.qmp.events:
            name = EVENTS.get(event["event"], "")
            if "error" in event.get("data", {}):
                raise Broken(f"the job fails: {event['data']['error']}")
            if event["event"] == "BLOCK_JOB_ERROR" and not self._fails:  # it would try again for ever
                raise Broken(f"the job fails to {event['data']['operation']}, though nothing is to fail")
            if name and name not in self._told:
                self._told.add(name)
                yield Event("shows", facts=((name, 1),))

    def wake(self) -> None:
        """Have it look at once what has become dirty: once it is ready it does so ten times a second.

        Whoever sets a job's speed wakes it, if it sleeps (block_job_set_speed).
        """
        if self.there and READY in self._told and not self._paused:
            self.machine.process.qmp.submit("block-job-set-speed", {"device": JOB, "speed": 0})

    def end(self) -> None:
        """End it if it is there still, and have its images closed. Raises Broken."""
        if self.there:
            self.machine.process.qmp.run("block-job-cancel", {"device": JOB, "force": True})
            self.machine.rest()
        self.machine.close_images()

    def content(self, disk: str) -> Event:
        """Return what the disk holds: the target when the job is over, any when images are closed."""
        data = self.machine.content(disk)
        if self._at_start:  # there zeroes are what nobody has written
            data = data.replace(b"\0", bytes([ORIGINAL]))
        return Event("content", facts=(("disk", disk), ("data", ((Extent(0, len(data)), data),))))
