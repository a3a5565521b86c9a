"""The stack over NBD, used by real clients: qemu-io, nbdcopy and fio. CI installs them; elsewhere we skip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cowpath.impl.designs import DESIGNS
from tests.programs import need

COWPATH = Path(sys.executable).with_name("cowpath")
CLIENTS = ("nbdkit", "qemu-io", "nbdcopy", "nbdinfo", "fio")
PATIENCE = 120
GUEST = '"nbd+unix:///guest?socket=$unixsocket"'
CONTROL = '"nbd+unix:///control?socket=$unixsocket"'


@pytest.fixture(autouse=True, scope="module")
def _clients() -> None:
    need(*CLIENTS)


def serve(folder: Path, *arguments: str, run: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COWPATH, "serve", *arguments, str(folder), "--run", run],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def qemu_io(uri: str, *commands: str) -> str:
    return f"qemu-io -f raw {' '.join(f'-c {command!r}' for command in commands)} {uri}"


@pytest.mark.parametrize("design", list(DESIGNS))
def test_qemu_io_writes_to_one_export_and_reads_the_snapshot_from_another(
    design: str, tmp_path: Path
) -> None:
    session = " && ".join(
        [
            qemu_io("$uri", "write -P 7 512 1024", "read -P 7 512 1024", "read -P 0 4096 4096"),
            qemu_io(GUEST, "read -P 0 0 1M"),
            qemu_io("$uri", "write -z 1024 4096", "read -P 0 1024 4096", "flush"),
        ]
    )
    done = serve(tmp_path, design, "--size", "1MiB", run=session)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Pattern verification failed" not in done.stdout
    assert (tmp_path / "secondary.img").read_bytes()[:2048] == bytes(512) + b"\7" * 512 + bytes(1024)


def test_a_checkpoint_is_made_through_the_control_export(tmp_path: Path) -> None:
    session = " && ".join(
        [
            qemu_io("$uri", "write -P 7 0 64k"),
            qemu_io(GUEST, "read -P 0 0 64k", "write -P 9 512 512", "read -P 9 512 512"),
            f"printf %-512s checkpoint | nbdcopy - {CONTROL}",
            qemu_io(GUEST, "read -P 7 0 64k"),
            f"printf %-512s stop | nbdcopy - {CONTROL}",
            f"nbdcopy {CONTROL} - | tr -d '\\0'",
        ]
    )
    done = serve(tmp_path, "rfc-repaired", "--size", "1MiB", run=session)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verification failed" not in done.stdout
    assert done.stdout.endswith("rfc-repaired: job freed, 0 in flight\n")


def test_nbdcopy_fills_the_disk_and_reads_back_what_it_was(tmp_path: Path) -> None:
    """Many requests at once on several connections; the guest's export still is the old disk."""
    old, new, seen, now = (tmp_path / name for name in ("old", "new", "seen", "now"))
    disks = tmp_path / "disks"
    disks.mkdir()
    for path in (old, new):
        path.write_bytes(os.urandom(4 << 20))
    shutil.copy(old, disks / "secondary.img")
    done = serve(
        disks,
        "block-copy-5.0",
        run=f"nbdcopy --connections=4 {new} $uri && nbdcopy {GUEST} {seen} && nbdcopy $uri {now}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert seen.read_bytes() == old.read_bytes()
    assert now.read_bytes() == (disks / "secondary.img").read_bytes() == new.read_bytes()


def fio(size: str, seconds: int) -> str:
    """Return a session of two jobs: one writes sectors, the other reads whole clusters at the same time."""
    return (
        f"timeout -s KILL 60 fio --thread --ioengine=nbd --size={size} --runtime={seconds} --time_based "
        "--name=writer --rw=randwrite --bs=512 --iodepth=1 --uri=$uri "
        f"--name=reader --rw=randread --bs=64k --iodepth=8 --uri={GUEST}"
    )


@pytest.mark.parametrize("design", ["rfc-repaired", "copy-before-write-9.2"])
def test_fio_reads_and_writes_at_once(design: str, tmp_path: Path) -> None:
    done = serve(tmp_path, design, "--size", "4MiB", "--request-alignment", "4KiB", run=fio("4M", 1))
    assert (done.returncode, done.stderr) == (0, "")
    assert "READ:" in done.stdout
    assert "WRITE:" in done.stdout


@pytest.mark.parametrize("design", ["rfc-2016", "fleecing-4.0"])
def test_fio_runs_into_the_deadlock_and_the_server_says_so(design: str, tmp_path: Path) -> None:
    """On a disk that takes time, where a sector is part of a block: the session ends with the server."""
    slow = ("--request-alignment", "4KiB", "--delay", "0.001")
    done = serve(tmp_path, design, "--size", "64MiB", *slow, run=fio("64M", 50))
    assert "cowpath: QEMU would hang here for ever, in a deadlock: " in done.stderr
    assert "on the secondary's tracked list, waits for guest-read" in done.stderr


def test_two_unaligned_writes_can_bring_the_server_down(tmp_path: Path) -> None:
    """The notifier is given part of a sector, which QEMU asserts never happens."""
    done = serve(tmp_path, "rfc-2016", "--size", "1MiB", run=qemu_io("$uri", "write 1 1"))
    assert done.stderr.startswith("cowpath: QEMU would have crashed here: the notifier is given [1, 2)")


TARGET = '-r "nbd+unix:///target?socket=$unixsocket"'


def order(word: str, folder: Path) -> str:
    """Return what tells the job a word."""
    sector = folder / f"{word}.sector"
    sector.write_bytes(word.encode().ljust(512, b"\0"))
    return f"nbdcopy {sector} {CONTROL}"


def told(words: str) -> str:
    """Return what waits until the job says so."""
    status = f"nbdcopy {CONTROL} - | grep -aq '{words}'"
    return f"for i in $(seq 100); do {status} && break; sleep 0.1; done; {status}"


def test_a_mirror_is_written_to_while_it_copies_and_completes(tmp_path: Path) -> None:
    disks = tmp_path / "disks"
    disks.mkdir()
    (disks / "source.img").write_bytes(os.urandom(1 << 20))
    session = " && ".join(
        [
            qemu_io("$uri", "write -P 7 100000 70000", "write -z 300000 4096"),
            told(" ready, 0 chunks dirty"),
            qemu_io(TARGET, "read -P 7 100000 70000", "read -P 0 300000 4096"),
            order("complete", tmp_path),
            told("job over"),
            qemu_io("$uri", "write -P 9 0 512", "read -P 9 0 512"),
        ]
    )
    done = serve(disks, "mirror-8.2", run=session)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Pattern verification failed" not in done.stdout
    source, target = ((disks / f"{name}.img").read_bytes() for name in ("source", "target"))
    assert source[512:] == target[512:]
    assert source[:512] != target[:512] == b"\x09" * 512


def test_what_a_mirror_s_job_does_not_accept_is_refused_in_words(tmp_path: Path) -> None:
    run = f"{order('resume', tmp_path)}; {order('stop', tmp_path)}"
    done = serve(tmp_path, "mirror-8.2", "--size", "1MiB", run=run)
    assert "the job does not accept resume now" in done.stderr
    assert "no order 'stop' at 0; accepted: pause, resume, complete, change-mode, at 0" in done.stderr


@pytest.mark.parametrize(("breaks", "failing"), [("break-guest-write", "write"), ("break-snapshot", "read")])
def test_a_copy_that_takes_too_long_breaks_what_the_options_say(
    breaks: str, failing: str, tmp_path: Path
) -> None:
    options = ("--size", "1MiB", "--cbw-timeout", "0.001", "--delay", "0.2", "--on-cbw-error", breaks)
    session = f"{qemu_io('$uri', 'write -P 7 0 512')}; {qemu_io(GUEST, 'read 0 512')}; true"
    done = serve(tmp_path, "copy-before-write-9.2", *options, run=session)
    (failed,) = (line for line in (done.stdout + done.stderr).splitlines() if " failed: " in line)
    assert failed.startswith(f"{failing} failed: ")


BAD = {
    "a mirror's": (
        ("rfc-2016", "--size", "1MiB", "--buffers", "2"),
        "--buffers is of a mirror, which rfc-2016",
    ),
    "not a mirror's": (("mirror-8.2", "--copy-on-read"), "--copy-on-read is of a design that copies before"),
    "no source": (("mirror-8.2",), "source.img is not there to tell a length: give --size"),
    "no length": (("rfc-2016",), "secondary.img is not there to tell a length: give --size"),
    "no size": (("rfc-2016", "--size", "big"), "--size: 'big' is not a size; accepted: "),
    "nothing": (("rfc-2016", "--size", "0B"), "--size: 0B; accepted: 1B or more"),
    "no design": (("rfc-2017", "--size", "1MiB"), "unknown design 'rfc-2017'; accepted: unserialised, "),
    "no policy": (("rfc-2016", "--size", "1MiB", "--break-snapshot"), "rfc-2016 does not know on-cbw-error"),
    "no timeout": (
        ("copy-before-write-7.0", "--size", "1MiB", "--cbw-timeout", "1"),
        "--cbw-timeout: copy-before-write-7.0 does not know cbw-timeout",
    ),
    "a mirror has none": (("mirror-8.2", "--cbw-timeout", "1"), "--cbw-timeout is of a design that copies"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_input_is_one_line(name: str, tmp_path: Path) -> None:
    arguments, words = BAD[name]
    done = serve(tmp_path, *arguments, run="true")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cowpath: ")
    assert words in done.stderr


def test_a_disk_of_another_length_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secondary.img").write_bytes(b"x" * 1024)
    done = serve(tmp_path, "rfc-2016", "--size", "2KiB", run="true")
    assert done.returncode == 2
    assert "has 1024 bytes; accepted: 2048 bytes, or no such file" in done.stderr
    assert (tmp_path / "secondary.img").read_bytes() == b"x" * 1024
