"""The mirror on real QEMUs, by hand: what is known of each release, and what no record tells.

The QEMU that is installed, and those that `make qemu` has unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.gate import Transfer
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.nbd import Command
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.stacks import STACKS

K = 1 << 10


class Hands:
    """Does to a mirror what a test says, in its order; all transfers are held from the start on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.begun: Call | None = None
        machine.gate.holds = lambda transfer: True

    def start(self) -> None:
        """Start the job, and leave QEMU to itself."""
        job = self.machine.job
        assert job is not None
        self.begun = self.machine.process.qmp.submit(job.name, dict(job.arguments))
        assert self.machine.rest()

    def write(self, offset: int, length: int, byte: int) -> Call:
        call = self.machine.guest.submit(Command.WRITE, offset, length, bytes([byte]) * length)
        assert self.machine.rest()
        return call

    def held(self) -> list[str]:
        return [str(transfer) for transfer in self.machine.gate.held]

    def let(self, fits: Callable[[Transfer], bool] = lambda transfer: True, most: int = 40) -> None:
        """Let what fits go, one after the other, and what comes of it."""
        for _ in range(most):
            fitting = [transfer for transfer in self.machine.gate.held if fits(transfer)]
            if not fitting:
                return
            self.machine.gate.execute(fitting[0])
            self.machine.answer(fitting[0])
            assert self.machine.rest()
        pytest.fail(f"there is no end to it: {self.held()}")

    def told(self, name: str) -> bool:
        return any(event["event"] == name for event in self.machine.process.qmp.events)

    @property
    def ready(self) -> bool:
        return self.told("BLOCK_JOB_READY")

    def complete(self) -> None:
        """End the job, holding nothing back."""
        self.machine.process.qmp.run("job-complete", {"id": "job"})
        self.machine.rest()
        self.let()
        assert self.told("BLOCK_JOB_COMPLETED")

    def differing(self) -> list[int]:
        """Return the sectors in which source and target differ."""
        source, target = (self.machine.disks[name] for name in ("source", "target"))
        at = range(0, source.size, 512)
        return [offset // 512 for offset in at if source.read(offset, 512) != target.read(offset, 512)]


@contextmanager
def mirror(qemu: Qemu, **options: Any) -> Iterator[Hands]:
    machine = Machine(qemu, STACKS["mirror"], Options(**options))
    try:
        yield Hands(machine)
    finally:
        machine.close()


def _before(end: int, transfer: Transfer) -> bool:
    return transfer.offset < end


def of(*disks: str, writes: bool | None = None) -> Callable[[Transfer], bool]:
    return lambda t: t.disk.name in disks and writes in (None, t.writes)


def test_it_copies_what_is_dirty_and_what_is_written(release: Qemu) -> None:
    with mirror(release, size=256 * K, dirty=((0, 64 * K), (128 * K, 192 * K))) as hands:
        assert len(hands.differing()) == 256
        hands.start()
        call = hands.write(64 * K + 512, 1024, 7)
        hands.let()
        assert (call.done, call.error, hands.ready) == (True, None, True)
        hands.complete()
        assert hands.differing() == []
        assert hands.machine.disks["target"].read(64 * K, 1024) == b"\xff" * 512 + b"\7" * 512


@pytest.mark.parametrize(("at", "length"), [(1 << 20, 64 * K), (1048618, 1)], ids=["aligned", "one byte"])
def test_a_write_into_a_dirty_chunk_leaves_the_rest_of_it_dirty(release: Qemu, at: int, length: int) -> None:
    """V1 of 3.0 and 4.0: the whole chunk was taken for clean."""
    with mirror(release, size=2 << 20, dirty=((0, 2 << 20),)) as hands:
        hands.start()
        hands.write(at, length, 7)
        hands.let(lambda t: t.writes)  # the write first; the background has begun at 0
        hands.let()
        assert hands.ready
        hands.complete()
        assert hands.differing() == []


def test_a_discard_is_dropped_while_the_job_is_there(release: Qemu) -> None:
    """So none is sent; before the job it reaches the disk. No discard=unmap can be given to the filter."""
    with mirror(release, size=128 * K, dirty=((0, 128 * K),), discards=True) as hands:
        hands.machine.guest.submit(Command.TRIM, 0, 64 * K)
        assert hands.machine.rest()
        assert hands.held() == ["source trim [0, 65536)"]
        hands.let()
        hands.start()
        hands.let(of("target"))  # it is made to read as zeroes
        before = hands.held()
        call = hands.machine.guest.submit(Command.TRIM, 0, 64 * K)
        assert hands.machine.rest()
        assert (call.done, call.error, hands.held()) == (True, None, before)


def test_writes_that_meet_wait_for_each_other_up_to_6_0(release: Qemu) -> None:
    """D1: d44dae1a7c, 6.1."""
    with mirror(release, size=3 << 20, sync="none") as hands:
        hands.start()
        M = 1 << 20
        writes = [
            hands.write(*at, byte) for byte, at in enumerate([(0, M), (0, 2 * M), (0, 2 * M), (M, 2 * M)])
        ]
        hands.let(lambda t: t.offset == 0 and t.length == M)
        hands.let()
        assert all(call.done for call in writes) == (release.release >= (6, 1))


def test_a_guest_that_always_writes_keeps_it_from_copying_up_to_7_1(release: Qemu) -> None:
    """L1: d69a879bdf, 7.2."""
    with mirror(release, size=1 << 20, dirty=((0, 64 * K),)) as hands:
        hands.start()
        hands.write(512 * K, 64 * K, 1)
        hands.let(lambda t: t.offset < 64 * K)  # all that there is to copy
        for end in range(576, 896, 64):
            hands.write(end * K, 64 * K, 2)
            hands.let(partial(_before, end * K))
        assert hands.ready == (release.release >= (7, 2))
        hands.let()
        assert hands.ready


def test_a_write_on_the_only_dirty_chunk_when_the_job_comes_to_it(release: Qemu) -> None:
    """D2: 6.1 alone died of it, CVE-2021-4145."""
    with mirror(release, size=64 * K, dirty=((0, 64 * K),)) as hands:
        hands.start()
        call = hands.write(0, 64 * K, 3)
        hands.let(of("source"))
        hands.let()
        assert call.done
        hands.complete()
        assert hands.differing() == []


@pytest.mark.parametrize("mode", ["write-blocking", "background"])
def test_a_write_at_the_start_is_lost_in_8_2_to_10_2(release: Qemu, mode: str) -> None:
    """V3: 949a156773. The job asks what is allocated; then the guest writes, and nobody marks it."""
    with mirror(release, size=256 * K, at_start=True, copy_mode=mode, discards=True) as hands:
        hands.start()
        hands.let(of("target"))  # it is made to read as zeroes
        assert hands.held() == ["mapping read [262144, 327680)"]
        call = hands.write(64 * K, 64 * K, 9)
        hands.let(of("source", "target"))
        assert call.done
        hands.let()
        assert hands.ready
        hands.complete()
        lost = (8, 2) <= release.release < (11, 0)
        assert hands.differing() == (list(range(128, 256)) if lost else [])


def test_the_end_of_the_first_zeroing_forgets_who_is_in_flight(release: Qemu) -> None:
    """No record tells of it. Its end clears the bits in flight of all its chunks, and with them that of
    a write that has come meanwhile (mirror_iteration_done): the next to its chunk does not wait for it. From
    8.0 on no write is copied before that is over.
    """
    with mirror(release, size=128 * K, at_start=True, dirty=(), discards=True) as hands:
        hands.start()
        zeroing = [t for t in hands.machine.gate.held if t.disk.name == "target" and t.writes]
        first = hands.write(0, 64 * K, 1)
        hands.let(lambda t: t in zeroing)
        hands.let(lambda t: t.disk.name != "target")
        second = hands.write(0, 64 * K, 2)
        hands.let(lambda t: t.disk.name != "target")
        copies = [t for t in hands.machine.gate.held if t.disk.name == "target"]
        lost = release.release < (8, 0)
        assert bool(zeroing) == (release.release < (10, 1))
        assert len(copies) == 1 + lost  # of which the second should have waited
        hands.let(lambda t: t is copies[-1])
        hands.let()
        assert (first.done, second.done) == (True, True)
        hands.complete()
        assert hands.differing() == list(range(128 * lost))


def test_writes_that_meet_at_the_start_are_lost(release: Qemu) -> None:
    """No record tells of it. One is not copied, and marks its chunk when it returns; then the other, which is
    copied, and was before it on the source, makes the chunk clean. The background is kept busy elsewhere.
    """
    dirty = ((128 * K, 192 * K),)
    with mirror(release, size=256 * K, at_start=True, dirty=dirty, discards=True) as hands:
        hands.write(0, 64 * K, 1)  # allocates the cluster, so that others need not wait there
        hands.let()
        hands.start()
        first = hands.write(0, 64 * K, 2)
        hands.let(lambda t: t.disk.name != "below" and not (t.disk.name == "source" and t.writes))
        second = hands.write(0, 64 * K, 3)
        writes = [t for t in hands.machine.gate.held if t.disk.name == "source"]
        assert len(writes) == 2  # which no two that are copied would be
        for transfer in reversed(writes):
            hands.machine.gate.execute(transfer)
        for transfer in writes:
            hands.machine.answer(transfer)
            assert hands.machine.rest()
        hands.let(lambda t: t.disk.name != "below")
        assert (first.done, second.done, hands.ready) == (True, True, False)
        hands.let()
        hands.complete()
        written = [
            sector for sector in hands.differing() if sector < 256
        ]  # what is dirty is below the source
        assert written == list(range(128))


@pytest.mark.parametrize("backing", ["name-only", "open"])
def test_a_write_beside_a_chunk_in_a_larger_cluster_of_the_target(release: Qemu, backing: str) -> None:
    """No record tells of it: the background rounds to the target's cluster, and owns no bit of what it adds.

    Only where the target names a backing that is not opened.
    """
    options = {"target": "qcow2", "cluster": 128 * K, "backing": backing}
    with mirror(release, size=256 * K, dirty=((0, 64 * K),), **options) as hands:
        hands.start()  # and is held reading, with what it adds
        call = hands.write(64 * K, 64 * K, 9)
        hands.let(lambda t: t.writes or (t.disk.name == "base" and t.offset == 0))
        hands.let()
        assert call.done
        assert hands.ready
        hands.complete()
        assert hands.differing() == (list(range(128, 256)) if backing == "name-only" else [])
