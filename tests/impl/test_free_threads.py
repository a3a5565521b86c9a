"""Real threads that nobody schedules: requests overlap as they will, and the outcome is judged by content."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cowpath.impl.context import AioContext, Request
from cowpath.impl.design import Geometry
from cowpath.impl.designs import DESIGNS
from cowpath.impl.errors import AssertionFailed
from cowpath.impl.reqlist import Wait
from cowpath.impl.stack import Stack
from cowpath.impl.sync import Lock
from cowpath.impl.waits import WatchedThreads, describe

SECTORS, CLUSTER = 64, 8 * 512
GOOD = [
    "rfc-2016",
    "merged-2.8",
    "fleecing-4.0",
    "block-copy-5.0",
    "block-copy-5.1",
    "copy-before-write-9.2",
    "rfc-repaired",
]
"""Designs that keep the snapshot where writes are aligned and nobody stops the job."""


def _disk(epoch: int) -> bytes:
    return b"".join(bytes([epoch, sector]) * 256 for sector in range(SECTORS))


def _threads(*bodies: Callable[[], object]) -> list[threading.Thread]:
    started = [threading.Thread(target=body, daemon=True) for body in bodies]
    for thread in started:
        thread.start()
    return started


@pytest.mark.parametrize("design", GOOD)
def test_readers_see_the_snapshot_while_it_is_overwritten(design: str, tmp_path: Path) -> None:
    (tmp_path / "secondary.img").write_bytes(_disk(1))
    cycles: list[tuple[Wait, ...]] = []
    context = AioContext(WatchedThreads(cycles.append, delay=0.0002))
    wrong: list[str] = []
    with Stack(tmp_path, design, Geometry(SECTORS * 512, CLUSTER), context) as stack:

        def write(seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(60):
                sector = chance.randrange(SECTORS)
                count = chance.randint(1, min(12, SECTORS - sector))
                stack.nbd_write(sector * 512, bytes([200 + seed]) * 512 * count)

        def read(seed: int) -> None:
            chance, disk = random.Random(seed), _disk(1)
            for _ in range(60):
                sector = chance.randrange(SECTORS)
                here = slice(sector * 512, chance.randint(sector + 1, SECTORS) * 512)
                if stack.guest_read(here.start, here.stop - here.start) != disk[here]:
                    wrong.append(f"{here}")

        threads = _threads(*(partial(body, seed) for body in (write, read) for seed in range(3)))
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads), [describe(cycle) for cycle in cycles]
        assert not wrong
        assert not cycles
        assert stack.guest_read(0, SECTORS * 512) == _disk(1)
        snapshot, now = bytearray(), stack.nbd_read(0, SECTORS * 512)
        hidden = (tmp_path / "hidden.img").read_bytes()
        done = stack.design.hidden.allocated
        for start in range(0, SECTORS * 512, CLUSTER):
            copied, extent = done.run(stack.design.whole._replace(start=start, end=start + CLUSTER))
            snapshot += (hidden if copied else now)[extent.start : extent.end]
        assert snapshot == _disk(1)
        assert {now[start] for start in range(0, len(now), 512)} & {200, 201, 202}


@pytest.mark.parametrize("design", ["rfc-2016", "fleecing-4.0"])
def test_the_unaligned_write_hangs_real_threads_and_the_cycle_is_told(design: str, tmp_path: Path) -> None:
    """The reader is held between its look-up and its transfer until the writer is on the list."""
    writing, told = threading.Event(), threading.Event()
    cycles: list[tuple[Wait, ...]] = []

    def report(cycle: tuple[Wait, ...]) -> None:
        cycles.append(cycle)
        told.set()

    class Held(WatchedThreads):
        def pause(self, lock: Lock) -> None:
            lock.release()
            if threading.current_thread().name == "reader" and reached.is_set():
                writing.wait(10)
            lock.acquire()

    reached = threading.Event()

    def trace(label: str, request: Request, facts: dict[str, object]) -> None:
        if label == "read.lookup-hidden":
            reached.set()
        if label == "write.begin":
            writing.set()

    context = AioContext(Held(report), trace_hook=trace)
    stack = Stack(tmp_path, design, Geometry(8192, 8192, request_alignment=4096), context)
    reader = threading.Thread(target=lambda: stack.guest_read(0, 4096), name="reader", daemon=True)
    reader.start()
    assert reached.wait(10)
    (writer,) = _threads(lambda: stack.nbd_write(512, b"n" * 512))
    assert told.wait(10)
    writer.join(0.1)
    assert writer.is_alive()
    assert reader.is_alive()
    (cycle,) = cycles
    assert {wait.waiter.name for wait in cycle} == {"guest-read 0", "nbd-write 1"}
    assert (
        "nbd-write 1 holds [512, 1024) on the secondary's tracked list, waits for guest-read 0 on "
        in describe(cycle)
    )


def test_the_notifier_is_never_given_part_of_a_sector(tmp_path: Path) -> None:
    with Stack(tmp_path, "rfc-2016", Geometry(8192, 8192)) as stack, pytest.raises(AssertionFailed):
        stack.nbd_write(1, b"n")


def test_every_design_is_here_or_known_to_be_bad() -> None:
    assert set(DESIGNS) - set(GOOD) == {"unserialised", "block-copy-4.2"}
