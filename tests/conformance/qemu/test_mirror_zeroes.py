"""A guest's zeroes beside a real QEMU's mirror: of a qcow2 image they are in its mapping, not in its data."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.campaign import campaign
from cowpath.conformance.qemu.faults import REFUSED, examine
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.plan import EXPLAINED, UNFIT, Outcome, Plan
from cowpath.conformance.qemu.qcow2 import Image
from cowpath.conformance.qemu.replay_image import read_image
from cowpath.conformance.qemu.report import reported
from cowpath.conformance.qemu.run import QemuRun
from cowpath.conformance.qemu.stacks import STACKS
from cowpath.conformance.qemu.walk import Scheduled, Walk
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.designs import ALL
from cowpath.model.scenarios import Scenario, find, loads

MIRROR, BLACK, PLAIN = STACKS["mirror"], Scheduled(Sight.BLACK), Options()
K = 1 << 10
UNOPENED = "zeroes-over-an-unopened-base"
JOB = """
name = "beside a job"
sectors = "128KiB"
cluster = "64KiB"
[mirror]
{mirror}
[[request]]
at = ["64KiB", "64KiB"]
"""
BESIDE = 'dirty = [["0B", "64KiB"]]\ntarget_cluster = "128KiB"\nbacking = "name-only"'


def asked(mirror: str, request: str = 'kind = "guest-zero"', more: str = "") -> Scenario:
    return loads(JOB.format(mirror=mirror) + request + "\n" + more, "beside")


def outcome(qemu: Qemu, scenario: Scenario, options: Options = PLAIN) -> Outcome:
    (found,) = campaign(Plan((qemu,), (MIRROR,), (scenario,), (options,), None, BLACK, 10, 0))
    return found


def refused(qemu: Qemu, scenario: Scenario) -> Outcome | None:
    """Return the first of ten runs that is refused, as it is; None if there is none."""
    design = MIRROR.judged_by(min(qemu.release, MIRROR.newest))
    with Bench(qemu, MIRROR, PLAIN, ALL[design], BLACK) as bench:
        subject, strategy = bench.prepare(scenario), Portfolio(1)
        assert isinstance(subject, Subject)
        for _ in range(10):
            fault = examine(subject, bench.run(subject, strategy))
            if fault is not None:
                told = (fault.verdict, fault.reason)
                return Outcome(
                    qemu, MIRROR, PLAIN, design, scenario.name, *told, fault=fault, subject=subject
                )
    return None


def ran(qemu: Qemu, scenario: Scenario) -> QemuRun:
    """Make one run, which must be explained."""
    with Bench(qemu, MIRROR, PLAIN, ALL[MIRROR.judged_by(qemu.release)], BLACK) as bench:
        subject = bench.prepare(scenario)
        assert isinstance(subject, Subject)
        run = bench.run(subject, Portfolio(1))
        assert examine(subject, run) is None
        return run


def content(run: QemuRun, disk: str) -> bytes:
    (event,) = (event for event in run.log if event.fact("disk") == disk)
    ((_, data),) = event.fact("data")
    assert isinstance(data, bytes)
    return data


def test_an_image_is_read_by_its_mapping() -> None:
    mapping = bytearray(Image(5 * 64 * K, 64 * K, ((0, 192 * K),)).to_bytes())
    (table,) = struct.unpack_from(">Q", mapping, 3 * 64 * K)
    l2 = table & ~(1 << 63)
    mapping[l2 + 15] |= 1  # allocated, and zero
    mapping[l2 + 3 * 8 + 7] |= 1  # zero, and not allocated
    data, behind = bytes([7]) * 320 * K, bytes([9]) * 320 * K
    found = read_image(bytes(mapping), data, behind)
    assert [found[at : at + 64 * K] == bytes([byte]) * 64 * K for at, byte in
            zip(range(0, 320 * K, 64 * K), (7, 0, 7, 0, 9), strict=True)] == [True] * 5  # fmt: skip
    struct.pack_into(">Q", mapping, l2, 64 * K | 1 << 63)
    with pytest.raises(ValueError, match="the data of 0 are at 65536"):
        read_image(bytes(mapping), data, behind)


def test_an_image_without_tables_is_what_is_behind_it() -> None:
    assert read_image(Image(64 * K, 64 * K).to_bytes(), bytes(64 * K), b"\1" * 64 * K) == b"\1" * 64 * K


def test_a_zeroed_cluster_of_an_image_is_seen(qemu: Qemu) -> None:
    """No transfer of the gate's tells of it: both disks are overlays, and there it is a flag."""
    run = ran(qemu, find(UNOPENED))
    assert not any(doing.transfer for doing in run.doings)
    for disk in ("source", "target"):
        assert content(run, disk) == bytes(64 * K) + b"\xff" * 64 * K, disk


def test_an_image_of_half_a_cluster_has_room_for_all_of_it(qemu: Qemu) -> None:
    options = Options(target="qcow2", cluster=128 * K, backing="name-only")
    with Bench(qemu, MIRROR, options, ALL[MIRROR.judged_by(qemu.release)], BLACK) as bench:
        subject = bench.prepare(find("data-among-zeroes"))
        assert isinstance(subject, Subject)
        run = bench.run(subject, Portfolio(1))
        assert any(event.fact("over") for event in run.log)
        assert len(content(run, "target")) == 64 * K


def test_zeroes_on_raw_disks_are_transfers(qemu: Qemu) -> None:
    run = ran(qemu, asked(""))
    assert {"source WRITE_ZEROES [65536, 131072)", "target WRITE_ZEROES [65536, 131072)"} <= {
        doing.transfer for doing in run.doings
    }


def test_what_is_not_completed_is_read_all_the_same(qemu: Qemu) -> None:
    """The job is cancelled then, and its images closed; the target has not got what was to be copied."""
    mirror = 'copy_mode = "background"\ndirty = [["0B", "64KiB"]]\nbacking = "open"'
    run = ran(qemu, asked(mirror, more='[[request]]\nkind = "pause"\n'))
    assert not any(event.fact("over") for event in run.log)
    assert content(run, "source") == b"\xff" * 64 * K + bytes(64 * K)
    assert len(content(run, "target")) == 128 * K


def test_the_job_has_begun_before_the_requests(qemu: Qemu) -> None:
    """Where discards are passed on it makes a raw target zero first."""
    with Bench(qemu, MIRROR, Options(discards=True), ALL[MIRROR.judged_by(qemu.release)], BLACK) as bench:
        subject = bench.prepare(asked(""))
        assert isinstance(subject, Subject)
        machine = bench.machine(subject.options)
        walk = Walk(machine, subject.scenario, BLACK)
        walk.begin()
        assert [doing.transfer for doing in walk.doings] == ["", "target WRITE_ZEROES [0, 131072)"]
        assert [str(transfer) for transfer in machine.gate.held] == ["source read [0, 131072)"]


def test_what_a_release_does_with_zeroes_over_an_unopened_base(release: Qemu) -> None:
    found = outcome(release, find(UNOPENED))
    if release.release < (10, 1):
        assert (found.verdict, found.reason) == (EXPLAINED, "")
    else:
        lost = "the source has guest-zero 0, the target original data, of which it was sent no data"
        assert found.verdict == REFUSED
        assert lost in found.reason


def reproduced(found: Outcome, folder: Path, qemu: Qemu) -> list[str]:
    """Return what the outcome's reproducer says, which has to show the fault."""
    (report,) = reported([found], BLACK)
    script = folder / "reproduce.py"
    script.write_text(report.files["reproduce.py"])
    program = [*qemu.before, str(qemu.program(MIRROR.program))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), *program], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_reproducer_reads_images_too(release: Qemu, tmp_path: Path) -> None:
    """A zeroed chunk beside a rounded copy: to 10.0 the copy overtakes it, later it is never written."""
    found = outcome(release, asked(BESIDE))
    assert found.verdict == REFUSED
    assert reproduced(found, tmp_path, release)[-3:] == [
        "          source there: 65536 x 0x00",
        "          target there: 65536 x 0xff",
        "the fault is there",
    ]


def test_zeroes_that_an_allocation_undoes(release: Qemu, tmp_path: Path) -> None:
    """QEMU's qcow2, not its mirror: a cluster that is being allocated is zeroed, and then has old data."""
    mirror = 'copy_mode = "background"\ndirty = []\nbacking = "open"'
    more = '[[request]]\nkind = "guest-write"\nat = ["64KiB", "4KiB"]\n'
    found = refused(release, asked(mirror, more=more))
    if release.release not in ((5, 2, 0), (7, 2, 22), (10, 0, 2)):
        assert found is None
        return
    assert found is not None
    assert reproduced(found, tmp_path, release)[-3:] == [
        "expected: the target has 65536 x 0xff, 65536 x 0x00 or 65536 x 0xff, 4096 x 0x02, 61440 x 0x00",
        "seen:     65536 x 0xff, 4096 x 0x02, 61440 x 0xff",
        "the fault is there",
    ]


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        (asked("", 'kind = "guest-discard"'), "QEMU's filter lets no discard through while the job is there"),
        (asked("", 'kind = "guest-zero"\nfault = "target-write"'), "do not say whose they are"),
        (
            asked(
                'dirty = []\ncopy_mode = "background"',
                'kind = "guest-write"',
                '[[request]]\nkind = "guest-zero"\nat = ["80KiB", "16KiB"]',
            ),
            "an overlay takes zeroes that end inside a cluster in pieces, and guest-zero 1 meets another's",
        ),
        (asked("dirty = []", more="[options]\nrequests_at_start = true"), "zeroes are what nobody has"),
    ],
    ids=["discard", "failing", "in pieces", "at start"],
)
def test_what_cannot_be_seen_is_not_run(qemu: Qemu, scenario: Scenario, why: str) -> None:
    found = outcome(qemu, scenario)
    assert found.verdict == UNFIT
    assert why in found.reason
