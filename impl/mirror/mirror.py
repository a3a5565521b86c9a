"""A mirror: its filter, its background, and what a user may ask of it.

    guest -> the mirror's filter -> source
                      \\
    background --------> target
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from cowpath.impl.context import AioContext, Request
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.active import Filter
from cowpath.impl.mirror.background import Background
from cowpath.impl.mirror.job import Job, MirrorDisks, MirrorGeometry
from cowpath.impl.mirror.switches import Switches


class Mirror:
    """A release's mirror. What fails raises OSError, what must not be `Crash`.

    `run` is the job's own coroutine; somebody has to give it a thread. A command that the job does not
    accept now fails, or waits until it does if it is `patient`.
    """

    name = ""
    has = Switches()

    def __init__(self, context: AioContext, disks: MirrorDisks, geometry: MirrorGeometry) -> None:
        self.context = context
        self.disks = disks
        self.job = Job(context, disks, geometry, in_order=self.has.in_order)
        if self.has.knows_zeroes and self.job.target.fills and not self.has.heeds_backing:
            self.job.zero.set(Extent(0, geometry.size))
        self.filter = Filter(self.job, self.has)
        self.background = Background(self.job, self.has)

    def run(self) -> None:
        """Run the job, to its end."""
        with self.context:
            try:
                self.background.run()
            finally:
                self.background.still = True
                self.job.changed()

    def halt(self) -> None:
        """Let the job come to where it may pause, or to its end; it is to do nothing more."""
        with self.context:
            self.job.to_pause = True
            self.job.changed()
            self.job.until(lambda: self.background.still)

    def guest_write(self, request: Request) -> None:
        """Write for the guest."""
        with self.context:
            self.filter.write(request, request.data or bytes(request.extent.length))

    def guest_discard(self, request: Request) -> None:
        """Discard for the guest: what it discards reads as zeroes."""
        self.guest_write(request)

    def guest_zero(self, request: Request) -> None:
        """Write zeroes for the guest."""
        with self.context:
            self.filter.write(request, bytes(request.extent.length), zeroes=True)

    def guest_read(self, request: Request) -> bytes:
        """Read what the guest sees: the source, or the target once the mirror is over."""
        with self.context:
            disk = self.disks.target if self.job.state == "over" else self.disks.source
            return disk.read("guest.read", request, request.extent)

    def pause(self, request: Request, *, patient: bool = False) -> None:
        """Ask the job to pause (job.c job_user_pause)."""
        self._command("pause", request, self._set_pause, patient=patient)

    def resume(self, request: Request, *, patient: bool = False) -> None:
        """Let the job go on (job.c job_user_resume)."""
        self._command("resume", request, self._clear_pause, patient=patient)

    def complete(self, request: Request, *, patient: bool = False) -> None:
        """Ask the job to complete (block/mirror.c mirror_complete)."""
        self._command("complete", request, self._set_complete, patient=patient)

    def change_mode(self, request: Request, *, patient: bool = False) -> None:
        """Let writes be copied from now on (block/mirror.c mirror_change)."""
        self._command("change-mode", request, self._set_blocking, patient=patient)

    def accepts(self, kind: str) -> bool:
        """Tell whether the job accepts a command now."""
        job = self.job
        return (
            job.state not in ("unborn", "over")
            and {
                "pause": not job.to_pause,
                "resume": job.to_pause,
                "complete": job.ready and not job.to_complete and not job.to_pause,
                "change-mode": self.has.changes_mode and not job.blocking,
            }[kind]
        )

    def _command(self, kind: str, request: Request, does: Callable[[], None], *, patient: bool) -> None:
        with self.context:
            if patient:
                self.job.until(lambda: self.accepts(kind))
            elif not self.accepts(kind):
                raise OSError(errno.EBUSY, f"the job does not accept {kind} now")
            does()
            self.job.trace(kind, request)

    def _set_pause(self) -> None:
        self.job.to_pause = True

    def _clear_pause(self) -> None:
        self.job.to_pause = False

    def _set_complete(self) -> None:
        self.job.to_complete = True

    def _set_blocking(self) -> None:
        self.job.blocking = True
