"""The overlays from 4.2 on: what a guest's read has looked up is transferred while it looks up the rest.

Each run of clusters with one answer is the task of a piece, unless it is all of the range; the read waits for
its pieces at the end. The entry on the hidden disk's list is of who has asked that disk, and is there until
all its pieces are back.
Source: block/qcow2.c qcow2_co_preadv_part, qcow2_add_task, qcow2_co_preadv_task (4.2, d710cf575a).
"""

from __future__ import annotations

from collections.abc import Callable

from cowpath.impl.context import Request
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Active, Hidden, Overlay
from cowpath.impl.pool import Pool

Read = Callable[[Request, bool, Extent], bytes]
"""Reads a run for the request, which has been found here or not."""


class PooledHidden(Hidden):
    """The hidden disk."""

    def read(self, request: Request, extent: Extent) -> bytes:
        """Read the extent from here or from the secondary disk. Raises OSError."""
        assert self.tracked is not None
        entry = self.tracked.begin(request, extent)
        last = "read.join-hidden"

        def read(who: Request, here: bool, run: Extent) -> bytes:
            nonlocal last
            label = "read.hidden" if here else "read.secondary"
            if who is request:
                last = label
            try:
                data = self._transfer(who, run, here)
            except OSError:
                if who is not request:
                    self.context.trace(f"{label}-fails", who)
                raise
            if who is not request:
                self.context.trace(label, who)
            return data

        try:
            self.tracked.wait(entry, "read.enter-hidden")
            self.context.step("read.enter-hidden", request)
            found, _ = _in_runs(self, "read.lookup-hidden", request, extent, read)
        except OSError:
            self.tracked.end(entry)
            request.ends(self.context, f"{last}-fails")
            raise
        self.tracked.end(entry)
        request.ends(self.context, last)
        return found

    def _transfer(self, who: Request, run: Extent, here: bool) -> bytes:
        if here:
            return self.disk.read("read.hidden", who, run)
        return self.backing.read(
            who,
            run,
            enter="read.enter-secondary",
            transfer="read.secondary",
            serialises=self.reads_wait,
        )


class PooledActive(Active):
    """The active disk."""

    def read(self, request: Request) -> bytes:
        """Read the request's extent from here or from below. Raises OSError."""

        def read(who: Request, here: bool, run: Extent) -> bytes:
            if not here:
                return self.backing.read(who, run)
            try:
                found = self.disk.read("read.active", who, run)
            except OSError:
                who.ends(self.context, "read.active-fails")
                raise
            who.ends(self.context, "read.active")
            return found

        def fails() -> None:
            self.context.step("read.join-fails", request)

        found, pooled = _in_runs(self, "read.lookup-active", request, request.extent, read, fails)
        if pooled:
            self.context.step("read.join", request)
        return found


def _in_runs(
    disk: Overlay,
    label: str,
    request: Request,
    whole: Extent,
    read: Read,
    fails: Callable[[], None] = lambda: None,
) -> tuple[bytes, bool]:
    """Look the disk's map up, run by run, and read each; return the data, and whether by pieces.

    Where one has failed no more are handed out. The step with which all is back is the caller's, who does it
    by `fails` if one has failed. Raises OSError then.
    """
    rest, found, pool = whole, dict[int, bytes](), Pool(disk.context, request)
    while rest.start < rest.end and pool.error is None:
        here, run = disk.allocated.run(rest)
        if run == whole:
            disk.context.step(label, request, extent=run, mapped=here)
            return read(request, here, run), False
        rest = Extent(run.end, rest.end)
        piece = request.piece(run, disk.cluster)

        def task(piece: Request = piece, here: bool = here, run: Extent = run) -> None:
            found[run.start] = read(piece, here, run)

        pool.start(piece, task)
        disk.context.step(f"{label}.piece", request, extent=run, mapped=here)
    try:
        pool.wait()
    except OSError:
        fails()
        raise
    return b"".join(found[start] for start in sorted(found)), True
