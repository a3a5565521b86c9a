"""The stack as a library, one call at a time: what a disk returns, in every design."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from cowpath.conformance import Bounds, scenarios
from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Geometry
from cowpath.impl.designs import DESIGNS
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.stack import Stack
from cowpath.impl.sync import Threads
from cowpath.model.scenarios import Scenario

REPLICATION = [name for name in DESIGNS if name != "copy-before-write-9.2"]
SIZE, CLUSTER = 7 * 512, 4 * 512  # the last cluster is partial

every_design = pytest.mark.parametrize("design", list(DESIGNS))
every_replication = pytest.mark.parametrize("design", REPLICATION)


@every_design
def test_the_guest_sees_the_disk_as_of_the_checkpoint(design: str, tmp_path: Path) -> None:
    with Stack(tmp_path, design, Geometry(SIZE, CLUSTER)) as stack:
        stack.nbd_write(512, b"n" * 1024)
        assert stack.nbd_read(0, 2048) == bytes(512) + b"n" * 1024 + bytes(512)
        assert stack.guest_read(0, SIZE) == bytes(SIZE)


@every_replication
def test_a_checkpoint_shows_the_writes_and_drops_the_guests_own(design: str, tmp_path: Path) -> None:
    with Stack(tmp_path, design, Geometry(SIZE, CLUSTER)) as stack:
        stack.nbd_write(512, b"n" * 512)
        stack.guest_write(0, b"g" * 512)
        assert stack.guest_read(0, 1024) == b"g" * 512 + bytes(512)
        assert stack.nbd_read(0, 512) == bytes(512)
        stack.checkpoint()
        assert stack.guest_read(0, 1024) == bytes(512) + b"n" * 512


@every_replication
def test_without_a_job_nothing_is_copied_any_more(design: str, tmp_path: Path) -> None:
    with Stack(tmp_path, design, Geometry(SIZE, CLUSTER)) as stack:
        stack.stop()
        stack.nbd_write(0, b"n" * 512)
        assert stack.guest_read(0, 512) == b"n" * 512
        for call in (stack.checkpoint, stack.stop):
            with pytest.raises(OSError, match="no job"):
                call()


# Requests that are made one after the other: so many, and so many checkpoints, are no workload for a model.
ONE_AFTER_THE_OTHER = Bounds(
    ("nbd-write", "nbd-zero", "guest-write", "guest-read", "checkpoint"),
    requests=(0, 12),
    sectors=(1, 10),
    clusters=(1, 2, 4),
    alignments=(1, 2, 8),
    protocol_alignments=(1, 2),
    copies_on_read=True,
    endings=12,
)


@every_design
@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenario=scenarios(ONE_AFTER_THE_OTHER))
def test_one_call_after_the_other_is_as_on_two_plain_disks(design: str, scenario: Scenario) -> None:
    geometry = Geometry(
        scenario.size,
        scenario.cluster,
        scenario.request_alignment,
        scenario.protocol_alignment,
        scenario.copy_on_read,
    )
    disk, guest = bytearray(geometry.size), bytearray(geometry.size)
    with tempfile.TemporaryDirectory() as folder, Stack(folder, design, geometry) as stack:
        for byte, request in enumerate(scenario.requests, 1):
            kind, offset, length = request.kind, request.offset or 0, request.length or 0
            here = slice(offset, offset + length)
            if kind == "nbd-write":
                disk[here] = bytes([byte]) * length
                stack.nbd_write(offset, bytes([byte]) * length)
            elif kind == "nbd-zero":
                disk[here] = bytes(length)
                stack.nbd_zero(offset, length)
            elif kind == "guest-read":
                assert stack.guest_read(offset, length) == guest[here]
            elif design in REPLICATION and kind == "guest-write":
                guest[here] = bytes([byte]) * length
                stack.guest_write(offset, bytes([byte]) * length)
            elif design in REPLICATION:
                guest[:] = disk
                stack.checkpoint()
        assert stack.guest_read(0, geometry.size) == guest
        assert stack.nbd_read(0, geometry.size) == disk
        assert (Path(folder) / "secondary.img").read_bytes() == disk


def _failing(step: str) -> AioContext:
    def fault(label: str, request: Request) -> None:
        if label == step:
            raise OSError(errno.EIO, f"{label} of {request} is made to fail")

    return AioContext(Threads(), fault_hook=fault)


@every_design
@pytest.mark.parametrize("step", ["cow.read", "cow.write"])
def test_a_copy_that_fails_fails_the_write_and_leaves_the_disk_alone(
    design: str, step: str, tmp_path: Path
) -> None:
    (tmp_path / "secondary.img").write_bytes(b"s" * SIZE)  # else there is nothing to read for a copy
    with Stack(tmp_path, design, Geometry(SIZE, CLUSTER), _failing(step)) as stack:
        with pytest.raises(OSError, match=f"{step} of nbd-write 0"):
            stack.nbd_write(0, b"n" * 512)
        assert stack.nbd_read(0, 512) == stack.guest_read(0, 512) == b"s" * 512
        assert stack.design.in_flight.entries == []


@every_design
def test_a_data_write_that_fails_after_its_copy(design: str, tmp_path: Path) -> None:
    with Stack(tmp_path, design, Geometry(SIZE, CLUSTER), _failing("write.data")) as stack:
        with pytest.raises(OSError, match=r"write\.data"):
            stack.nbd_write(0, b"n" * 512)
        assert stack.guest_read(0, 512) == bytes(512)
        assert stack.design.secondary.tracked.entries == stack.design.in_flight.entries == []


def test_a_copy_that_fails_breaks_the_snapshot_instead(tmp_path: Path) -> None:
    geometry = Geometry(SIZE, CLUSTER, break_snapshot=True)
    (tmp_path / "secondary.img").write_bytes(b"s" * SIZE)
    with Stack(tmp_path, "copy-before-write-9.2", geometry, _failing("cow.read")) as stack:
        stack.nbd_write(0, b"n" * 512)
        assert stack.nbd_read(0, 512) == b"n" * 512
        with pytest.raises(OSError, match="the snapshot is broken") as caught:
            stack.guest_read(0, 512)
        assert caught.value.errno == errno.EACCES


def test_a_cluster_longer_than_the_memory_for_copies_cannot_be_asked_for(tmp_path: Path) -> None:
    most = 128 << 20
    for design in ("block-copy-4.2", "block-copy-5.1", "copy-before-write-9.2"):
        with (
            Stack(tmp_path, design, Geometry(4 * most, 2 * most)) as stack,
            pytest.raises(AssertionFailed, match=f"asks for {2 * most} bytes of {most}"),
        ):
            stack.nbd_write(0, b"n" * 512)


def test_what_the_secondary_disk_holds_stays_and_the_overlays_begin_empty(tmp_path: Path) -> None:
    for expected in (bytes(512), b"n" * 512):
        with Stack(tmp_path, "rfc-repaired", Geometry(SIZE, CLUSTER)) as stack:
            assert stack.guest_read(0, 512) == expected
            stack.nbd_write(0, b"n" * 512)
            stack.guest_write(512, b"g" * 512)
            stack.flush()


@pytest.mark.parametrize(("offset", "length"), [(-1, 2), (0, 0), (SIZE, 1), (SIZE - 1, 2)])
def test_what_does_not_lie_on_the_disk_is_refused(offset: int, length: int, tmp_path: Path) -> None:
    with Stack(tmp_path, "rfc-2016", Geometry(SIZE, CLUSTER)) as stack:
        for call in (stack.guest_read, stack.nbd_read, stack.nbd_zero):
            with pytest.raises(ValueError, match="does not lie on a disk of 3584 bytes"):
                call(offset, length)


def test_a_disk_of_another_size_is_not_cut(tmp_path: Path) -> None:
    disk = tmp_path / "secondary.img"
    disk.write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="has 100 bytes; accepted: 3584 bytes"):
        Stack(tmp_path, "rfc-2016", Geometry(SIZE, CLUSTER))
    assert disk.read_bytes() == b"x" * 100


def test_a_disk_that_is_cut_short_under_way_is_an_error(tmp_path: Path) -> None:
    with Stack(tmp_path, "rfc-2016", Geometry(SIZE, CLUSTER)) as stack:
        os.truncate(tmp_path / "secondary.img", 0)
        with pytest.raises(OSError, match="short read"):
            stack.guest_read(0, 512)


@pytest.mark.parametrize("size", ["size", "cluster", "request_alignment", "protocol_alignment"])
def test_sizes_below_one_byte_are_refused(size: str, tmp_path: Path) -> None:
    geometry = Geometry(**{**vars(Geometry(SIZE, CLUSTER)), size: 0})
    with pytest.raises(ValueError, match=f"{size} is 0; accepted: 1 byte or more"):
        Stack(tmp_path, "rfc-2016", geometry)
