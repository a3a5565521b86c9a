"""A folder that is served: once at a time, from any state it was left in; and orders that are none."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cowpath.impl.design import Geometry
from cowpath.impl.stack import Stack
from tests.programs import lacks, need

COWPATH = Path(sys.executable).with_name("cowpath")
PATIENCE = 60
SIZE = ("--size", "1MiB")


def test_two_stacks_do_not_share_a_folder(tmp_path: Path) -> None:
    geometry = Geometry(1 << 20, 1 << 16)
    with Stack(tmp_path, "rfc-repaired", geometry) as stack:
        stack.guest_write(0, b"x" * 512)
        with pytest.raises(ValueError, match=r"secondary.img is in use by another stack; accepted: "):
            Stack(tmp_path, "rfc-repaired", geometry)
        assert stack.guest_read(0, 512) == b"x" * 512
    Stack(tmp_path, "rfc-repaired", geometry).close()


@pytest.fixture
def _clients() -> None:
    need("nbdkit", "nbdcopy")
    plugin = subprocess.run(["nbdkit", "python", "--dump-plugin"], capture_output=True)
    lacks("nbdkit has no Python plugin" if plugin.returncode else None)


def serve(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(COWPATH), "serve", "rfc-repaired", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Serve the folder, and wait until somebody listens there."""
    command = [str(COWPATH), "serve", "rfc-repaired", str(folder), *SIZE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + PATIENCE
        uri = f"nbd+unix:///control?socket={folder}/nbd.sock"
        try:
            while subprocess.run(["nbdcopy", uri, "null:"], capture_output=True).returncode:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("_clients")
def test_a_folder_is_served_once_and_can_be_served_again(tmp_path: Path) -> None:
    with served(tmp_path):
        again = serve(tmp_path, *SIZE)
        assert again.returncode == 2
        assert "is in use by another stack" in again.stderr
        elsewhere = serve(tmp_path / "other", *SIZE, "--socket", str(tmp_path / "nbd.sock"))
        assert elsewhere.returncode == 2
        assert "--socket: another server listens on " in elsewhere.stderr
    assert (tmp_path / "nbd.sock").is_socket()  # it was struck down
    with served(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)


@pytest.mark.usefixtures("_clients")
@pytest.mark.parametrize("path", ["taken", "no/such/folder/nbd.sock", "x" * 200])
def test_a_socket_that_cannot_be_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "taken").write_text("a file")
    done = serve(tmp_path / "disks", *SIZE, "--socket", str(tmp_path / path))
    assert done.returncode == 2
    assert done.stderr.startswith("cowpath: --socket: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.usefixtures("_clients")
@pytest.mark.parametrize("size", ["4096", "1MB", "0x1000"])
def test_a_size_without_a_unit_is_refused(tmp_path: Path, size: str) -> None:
    done = serve(tmp_path / "disks", "--size", size)
    assert done.returncode == 2
    assert "; accepted: " in done.stderr
    assert done.stderr.startswith("cowpath: --size: ")


@pytest.mark.usefixtures("_clients")
def test_an_order_that_is_none_is_one_line_and_harms_nobody(tmp_path: Path) -> None:
    to = '"nbd+unix:///control?socket=$unixsocket"'
    orders = ("nonsense", "x" * 512, "stop", "stop", "checkpoint")
    session = "; ".join(f"printf %-512s {order} | nbdcopy - {to} 2>/dev/null; echo $?" for order in orders)
    session += f"; nbdcopy {to.replace('control', 'nowhere')} null: 2>/dev/null; nbdcopy {to} - | tr -d '\\0'"
    done = serve(tmp_path, *SIZE, "--run", session)
    assert done.stdout.splitlines() == ["1", "1", "0", "1", "1", "rfc-repaired: job freed, 0 in flight"]
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert lines[0].endswith("no order 'nonsense' at 0; accepted: checkpoint, stop, at 0")
    assert lines[2].endswith("there is no job")
    assert lines[4].endswith("no export 'nowhere'; accepted: secondary, guest, control")
    assert all(len(line) < 300 for line in lines)
