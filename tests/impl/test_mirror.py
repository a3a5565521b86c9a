"""A mirror in a folder, on Python's own threads: what a guest writes is on both disks in the end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.impl.context import AioContext, Request
from cowpath.impl.designs import MIRRORS
from cowpath.impl.designs.mirrors import Mirror82
from cowpath.impl.disk import Disk, open_file
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.extent import Extent
from cowpath.impl.mirror.job import MirrorGeometry
from cowpath.impl.mirror.target import Target
from cowpath.impl.stack import MirrorStack
from cowpath.impl.sync import Threads

SIZE, CHUNK, SECTOR = 16 << 12, 1 << 12, 512
PATIENCE = 60.0  # seconds


def wait(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.002)


def is_ready(stack: MirrorStack) -> bool:
    return stack.design.job.ready


def both(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "source.img").read_bytes(), (folder / "target.img").read_bytes()


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(
    "design", ["mirror-4.2", "mirror-6.2", "mirror-7.2", "mirror-8.2", "mirror-repaired"]
)
def test_a_guest_that_writes_all_the_time_has_two_equal_disks_in_the_end(
    design: str, blocking: bool, tmp_path: Path
) -> None:
    """Writers of disjoint parts, and buffers for all: so no deadlock of old releases arises."""
    (tmp_path / "source.img").write_bytes(bytes([5]) * SIZE)
    context = AioContext(Threads(delay=0.0003))
    geometry = MirrorGeometry(SIZE, CHUNK, blocking=blocking, buffers=3 if design > "mirror-7" else None)
    with MirrorStack(tmp_path, design, geometry, context) as stack:

        def write(part: int) -> None:
            chance = random.Random(part)
            for _ in range(12):
                at = (part * 4 + chance.randrange(4)) * CHUNK + chance.randrange(8) * SECTOR
                length = min(chance.randrange(1, 9) * SECTOR, (part + 1) * 4 * CHUNK - at)
                stack.guest_write(at, bytes([part + 1]) * length)

        writers = [threading.Thread(target=write, args=(part,)) for part in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(PATIENCE)
        wait(lambda: is_ready(stack))
        stack.complete()
        wait(lambda: stack.design.job.state == "over")
        source, target = both(tmp_path)
        assert source == target
        assert {*source} > {1, 2, 3, 4}
        stack.guest_write(0, b"late")  # the target is the guest's disk now
        assert stack.guest_read(0, 4) == stack.target_read(0, 4) == b"late"
    assert both(tmp_path)[0][:4] != b"late"


def test_a_paused_job_copies_nothing_and_goes_on_when_it_is_told(tmp_path: Path) -> None:
    with MirrorStack(tmp_path, "mirror-8.2", MirrorGeometry(SIZE, CHUNK, blocking=False)) as stack:
        wait(lambda: is_ready(stack))
        stack.pause()
        with pytest.raises(OSError, match="the job does not accept complete now"):
            stack.complete()
        wait(lambda: "paused" in stack.status())
        stack.guest_write(CHUNK, b"new.")
        assert stack.target_read(CHUNK, 4) == bytes(4)
        wait(lambda: "background, ready, paused, 1 chunks dirty" in stack.status())
        stack.change_mode()
        stack.guest_write(3 * CHUNK, b"next")
        assert stack.target_read(3 * CHUNK, 4) == b"next"
        stack.resume()
        wait(lambda: stack.target_read(CHUNK, 4) == b"new.")
        stack.guest_discard(CHUNK, 4)
        assert stack.target_read(CHUNK, 4) == bytes(4)


def test_only_what_is_data_in_the_source_is_copied(tmp_path: Path) -> None:
    with (tmp_path / "source.img").open("wb") as file:
        file.truncate(SIZE)
        file.seek(8 * CHUNK)
        file.write(b"x" * CHUNK)
    with MirrorStack(tmp_path, "mirror-8.2", MirrorGeometry(SIZE, CHUNK)) as stack:
        wait(lambda: is_ready(stack))
    source, target = both(tmp_path)
    assert source == target
    assert (tmp_path / "target.img").stat().st_blocks <= (tmp_path / "source.img").stat().st_blocks


def test_what_the_job_dies_of_is_told(tmp_path: Path) -> None:
    class Dying(Mirror82):
        def run(self) -> None:
            raise AssertionFailed("as it must not be")

    told: list[BaseException] = []
    MIRRORS["dying"] = Dying
    try:
        geometry = MirrorGeometry(SIZE, CHUNK)
        stack = MirrorStack(tmp_path, "dying", geometry, died=told.append)
        wait(lambda: bool(told))
        assert str(told[0]) == "as it must not be"
        stack.design.background.still = True
        stack.close()
    finally:
        del MIRRORS["dying"]


def test_a_write_that_does_not_lie_on_the_disk_is_refused(tmp_path: Path) -> None:
    with MirrorStack(tmp_path, "mirror-3.0", MirrorGeometry(SIZE, CHUNK)) as stack:
        with pytest.raises(ValueError, match="does not lie on a disk"):
            stack.guest_write(SIZE - 2, b"four")
        stack.guest_write(SIZE - 4, b"four")


def test_a_new_cluster_of_a_target_with_a_backing_name_is_filled_with_zeroes(tmp_path: Path) -> None:
    context = AioContext(Threads())
    disk = Disk(context, "the target disk", open_file(tmp_path / "target.img", SIZE, keep=False), SIZE)
    request = Request("guest-write 0")
    with context:
        disk.write("", request, Extent(0, SIZE), b"b" * SIZE)
        target = Target(context, disk, 2 * CHUNK, fills=True)
        target.write("", request, Extent(SECTOR, 2 * SECTOR), b"w" * SECTOR)
        target.write("", request, Extent(4 * SECTOR, 5 * SECTOR), b"w" * SECTOR)
        Target(context, disk, CHUNK, fills=False).write("", request, Extent(6 * CHUNK, 6 * CHUNK + 1), b"w")
        data = disk.read("", request, Extent(0, SIZE))
    one, gap = b"w" * SECTOR, bytes(2 * SECTOR)
    first = bytes(SECTOR) + one + gap + one + bytes(2 * CHUNK - 5 * SECTOR)
    assert data[: 2 * CHUNK] == first
    assert data[2 * CHUNK : 6 * CHUNK] == b"b" * 4 * CHUNK
    assert data[6 * CHUNK :] == b"w" + b"b" * (10 * CHUNK - 1)
