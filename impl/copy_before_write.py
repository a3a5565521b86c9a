"""Copy-before-write with snapshot-access: the filter itself keeps readers and copies apart.

A reader of a cluster not copied yet reads the source, frozen: it registers its whole remaining range, and a
write that has copied its clusters waits for the frozen reads there before it touches the source. A reader of
a copied cluster reads the target and registers nothing.
Source: block/copy-before-write.c cbw_do_copy_before_write, cbw_snapshot_read_lock, cbw_co_preadv_snapshot
(7.0 - 10.2).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from cowpath.impl.bitmap import Bitmap
from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_timeout import TimedCopies
from cowpath.impl.errors import AssertionFailed, CopyFailed
from cowpath.impl.extent import Extent
from cowpath.impl.overlay import Hidden
from cowpath.impl.reqlist import Entry, ReqList
from cowpath.impl.secondary import Secondary


class CopyBeforeWrite(TimedCopies):
    """The filter. `break_snapshot` is on-cbw-error: a failed copy breaks the snapshot, not the write.

    `timeout`: seconds that a write waits for its copy at most, 0 for ever.

    `frozen_may_overlap`: if not, two frozen reads that overlap are an error of QEMU's own (before 9.2).
    `discard_source`: a reader is a backup, which discards there what it has read (9.1).
    `discards_round`: if not, so is a client's discard that ends inside a cluster (before 9.1).
    `outside_bitmap`: what the filter's bitmap, if it has one, lacks: as if given up from the start.
    """

    def __init__(
        self,
        context: AioContext,
        source: Secondary,
        target: Hidden,
        cluster: int,
        *,
        break_snapshot: bool,
        timeout: float,
        discard_source: bool,
        frozen_may_overlap: bool,
        discards_round: bool,
        outside_bitmap: Sequence[Extent],
    ) -> None:
        super().__init__(context, source, target, cluster, timeout)
        self.break_snapshot = break_snapshot
        self.discard_source = discard_source
        self.frozen_may_overlap = frozen_may_overlap
        self.discards_round = discards_round
        self.snapshot_error = False
        self.transferred = Bitmap(context, "the filter's bitmap", cluster)
        self.given_up = Bitmap(context, "what is not accessible", cluster)
        for extent in outside_bitmap:
            self.given_up.set(extent)
            self.done.set(extent)
        self.frozen = ReqList(context, "the frozen reads", "a frozen read of {}")

    def before_write(self, request: Request) -> None:
        """Copy the clusters of a write, then wait for those who still read them (cbw_do_copy_before_write).

        Raises OSError if the copy fails and it is the write that shall break.
        """
        self.context.touch("the snapshot", None, False)
        if self.snapshot_error:
            self.context.step("cbw.pass", request)
            return
        try:
            self.block_copy(request)
        except CopyFailed as error:
            if not self.break_snapshot:
                self.context.trace(error.step, request)
                raise
            self.context.step(error.step, request)
            self.context.touch("the snapshot", None, True)
            self.snapshot_error = True
            self.context.step("cbw.break", request)
        else:
            self.transferred.set(request.extent)
            self.context.step("cbw.mark", request)
        self.frozen.wait_all(request, self.clusters(request))
        self.context.step("cbw.go", request)

    def read(self, request: Request) -> bytes:
        """Read the snapshot, run by run (cbw_co_preadv_snapshot).

        Raises OSError if the snapshot is broken or not accessible (EACCES), or if a transfer fails.
        """
        rest, found = request.extent, []
        while rest.start < rest.end:
            if self._is_refused(rest):
                self.context.trace("snapshot.refuse", request)
                raise OSError(errno.EACCES, "the snapshot is broken or not accessible")
            copied, run = self.transferred.run(rest)
            found.append(self._read_target(request, run) if copied else self._read_source(request, run, rest))
            rest = Extent(run.end, rest.end)
        if self.discard_source:
            self._discard(request, request.extent.narrowed(self.cluster), "source.give-up", "source.discard")
        else:
            self.context.trace("snapshot.end", request)
        return b"".join(found)

    def status(self, request: Request) -> None:
        """Ask for the block status of the first run of the snapshot (cbw_co_snapshot_block_status).

        Raises OSError if the snapshot is broken or not accessible (EACCES).
        """
        if self._is_refused(request.extent):
            self.context.trace("status.refuse", request)
            raise OSError(errno.EACCES, "the snapshot is broken or not accessible")
        copied, run = self.transferred.run(request.extent)
        if copied:
            self.context.step("status.look", request, extent=run, mapped=True)
        else:
            frozen = self._freeze("status.look", request, run, request.extent)
            self.frozen.remove(frozen)
        self.context.trace("status.answer", request)

    def discard(self, request: Request) -> None:
        """Give up what the client needs no more, and discard it in the target (cbw_co_pdiscard_snapshot).

        Nobody is waited for. Raises OSError if the discard fails.
        """
        given = self.clusters(request)
        if self.discards_round:
            given = request.extent.narrowed(self.cluster)
        self._discard(request, given, "discard.give-up", "discard.target")

    def _read_target(self, request: Request, run: Extent) -> bytes:
        self.context.step("snapshot.look", request, extent=run, mapped=True)
        try:
            data = self.target.disk.read("snapshot.target", request, run)
        except OSError:
            self.context.trace("snapshot.target-fails", request)
            raise
        self.context.step("snapshot.target", request)
        return data

    def _read_source(self, request: Request, run: Extent, rest: Extent) -> bytes:
        frozen = self._freeze("snapshot.look", request, run, rest)
        try:
            data = self.source.read(request, run, enter="snapshot.enter", transfer="snapshot.source")
            self.context.step("snapshot.source", request)
        except OSError:
            self.context.step("snapshot.source-fails", request)
            self.frozen.remove(frozen)
            self.context.trace("snapshot.thaw-fails", request)
            raise
        self.frozen.remove(frozen)
        self.context.step("snapshot.thaw", request)
        return data

    def _is_refused(self, rest: Extent) -> bool:
        """Tell whether a reader is told that the snapshot is broken or not accessible there."""
        self.context.touch("the snapshot", None, False)
        return self.snapshot_error or self.given_up.run(rest) != (False, rest)

    def _freeze(self, label: str, request: Request, run: Extent, rest: Extent) -> Entry:
        """Keep writers off what is left to read, of which `run` is next."""
        overlapping = None if self.frozen_may_overlap else self.frozen.find_conflict(rest)
        frozen = self.frozen.add(request, rest)
        if overlapping is not None:
            self.context.trace(label, request, extent=run, mapped=False)
            raise AssertionFailed(f"a part of {rest} is read frozen already")
        self.context.step(label, request, extent=run, mapped=False)
        return frozen

    def _discard(self, request: Request, given: Extent, begins: str, ends: str) -> None:
        """Give clusters up, and discard them in the target. Raises OSError."""
        if given.start < given.end:
            self.given_up.set(given)
            self.done.set(given)
        if not self.discards_round and given != request.extent:
            self.context.trace(begins, request)
            raise AssertionFailed(f"{request.extent} is not of whole clusters")
        self.context.step(begins, request)
        if given.start < given.end:
            self.target.disk.write(ends, request, given, bytes(given.length))
            self.target.allocated.reset(given)
        self.context.trace(ends, request)
