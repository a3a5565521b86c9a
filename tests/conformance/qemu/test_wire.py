"""Our side of NBD: against foreign clients and servers, and against peers that do not keep to it."""

from __future__ import annotations

import random
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cowpath.conformance.qemu import nbd
from cowpath.conformance.qemu.client import Client
from cowpath.conformance.qemu.disk import SparseDisk
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.gate import Gate, Stage
from cowpath.conformance.qemu.loop import Loop, Wire
from cowpath.conformance.qemu.nbd import Command

Needs = Callable[..., None]
MB = 1 << 20


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as made:
        yield made


@pytest.fixture
def disk() -> SparseDisk:
    return SparseDisk("disk", 4 * MB, fill=0, tells_status=True, discards=True)


@pytest.fixture
def gate(loop: Loop, disk: SparseDisk, tmp_path: Path) -> Iterator[Gate]:
    coarse = SparseDisk("coarse", MB, fill=255, block=4096)
    made = Gate(loop, str(tmp_path / "gate"), [disk, coarse])
    yield made
    made.close()


def uri(tmp_path: Path, export: str = "disk") -> str:
    return f"nbd+unix:///{export}?socket={tmp_path / 'gate'}"


def run(loop: Loop, *command: object) -> str:
    """Run a foreign client while we serve it; return what it says."""
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ended = loop.until_polled(lambda: process.poll() is not None, 20)
    if not ended:
        process.kill()
    said = process.communicate()[0]
    assert ended, said
    assert process.returncode == 0, said
    return said


# -- foreign clients


def test_qemu_io_reads_back_what_it_writes(
    loop: Loop, gate: Gate, disk: SparseDisk, tmp_path: Path, needs: Needs
) -> None:
    needs("qemu-io")
    commands = ("write -P 7 1000 3000", "read -P 7 1000 3000", "write -z 65536 65536", "discard 131072 65536")
    arguments = [part for command in commands for part in ("-c", command)]
    said = run(loop, "qemu-io", "-f", "raw", "-d", "unmap", *arguments, uri(tmp_path))
    assert "Pattern verification failed" not in said
    assert disk.read(1000, 3000) == b"\7" * 3000
    assert disk.read(0, 1000) == bytes(1000)


def test_nbdcopy_copies_there_and_back(
    loop: Loop, gate: Gate, disk: SparseDisk, tmp_path: Path, needs: Needs
) -> None:
    needs("nbdcopy")
    content = random.Random(1).randbytes(MB) + bytes(2 * MB) + random.Random(2).randbytes(MB)
    (tmp_path / "in").write_bytes(content)
    run(loop, "nbdcopy", tmp_path / "in", uri(tmp_path))
    assert disk.read(0, 4 * MB) == content
    run(loop, "nbdcopy", uri(tmp_path), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content


def test_nbdinfo_finds_exports_and_allocation(
    loop: Loop, gate: Gate, disk: SparseDisk, tmp_path: Path, needs: Needs
) -> None:
    needs("nbdinfo")
    disk.write(65536, b"\1" * 65536)
    said = run(loop, "nbdinfo", "--list", f"nbd+unix://?socket={tmp_path / 'gate'}")
    assert 'export="disk"' in said
    assert 'export="coarse"' in said
    assert "block_size_minimum: 4096" in said
    said = run(loop, "nbdinfo", "--map", uri(tmp_path))
    assert [line.split()[:3] for line in said.splitlines()] == [
        ["0", "65536", "3"],
        ["65536", "65536", "0"],
        ["131072", str(4 * MB - 131072), "3"],
    ]


# -- our client and foreign servers


@pytest.mark.parametrize("structured", [False, True])
def test_our_client_talks_to_qemu_nbd(loop: Loop, tmp_path: Path, needs: Needs, structured: bool) -> None:
    needs("qemu-nbd")
    (tmp_path / "disk").write_bytes(bytes(MB))
    path = tmp_path / "socket"
    command = [
        "qemu-nbd",
        "-f",
        "raw",
        "-k",
        str(path),
        "-t",
        "-x",
        "it",
        "--discard=unmap",
        str(tmp_path / "disk"),
    ]
    server = subprocess.Popen(command)
    try:
        assert loop.until_polled(path.exists, 10)
        client = Client(loop, str(path), "it", structured=structured)
        assert client.size == MB
        assert client.tells_status == structured
        calls = [
            client.submit(Command.WRITE, 4096, 4096, b"\5" * 4096),
            client.submit(Command.READ, 0, 65536),
            client.submit(Command.READ, MB - 10, 20),
        ]
        loop.until(lambda: all(call.done for call in calls), 5)
        assert calls[0].error is None
        assert calls[2].error is not None  # past the end
        again = client.submit(Command.READ, 0, 12288)
        assert loop.until(lambda: again.done, 5)
        assert again.data == bytes(4096) + b"\5" * 4096 + bytes(4096)
        client.close()
        with pytest.raises(Broken, match="no NBD export 'other'"):
            Client(loop, str(path), "other")
    finally:
        server.kill()
        server.wait()


# -- the gate


def test_a_transfer_waits_until_it_is_let_go(
    loop: Loop, gate: Gate, disk: SparseDisk, tmp_path: Path
) -> None:
    gate.holds = lambda transfer: transfer.offset < 65536
    client = Client(loop, str(tmp_path / "gate"), "disk")
    write = client.submit(Command.WRITE, 0, 4096, b"\1" * 4096)
    elsewhere = client.submit(Command.WRITE, 65536, 4096, b"\2" * 4096)
    read = client.submit(Command.READ, 0, 4096)
    assert loop.until(lambda: elsewhere.done and len(gate.held) == 2, 5)
    assert [str(t) for t in gate.held] == ["disk write [0, 4096)", "disk read [0, 4096)"]
    of_write, of_read = gate.held
    gate.execute(of_read)
    assert of_read.stage is Stage.DONE
    gate.execute(of_write)
    gate.answer(of_write)
    gate.answer(of_read)
    assert loop.until(lambda: read.done and write.done, 5)
    assert read.data == bytes(4096)  # as it was when the read took effect
    assert not gate.held


def test_a_transfer_can_fail(loop: Loop, gate: Gate, disk: SparseDisk, tmp_path: Path) -> None:
    gate.holds = lambda transfer: True
    for structured in (False, True):
        client = Client(loop, str(tmp_path / "gate"), "disk", structured=structured)
        call = client.submit(Command.WRITE, 0, 512, b"\1" * 512)
        read = client.submit(Command.READ, 0, 512)
        assert loop.until(lambda: len(gate.held) == 2, 5)
        for transfer in list(gate.held):
            gate.execute(transfer, 5)
            gate.answer(transfer)
        assert loop.until(lambda: call.done and read.done, 5)  # noqa: B023
        assert (call.error, read.error) == (5, 5)
        assert disk.read(0, 512) == bytes(512)


def test_what_is_not_aligned_or_not_there_is_refused(loop: Loop, gate: Gate, tmp_path: Path) -> None:
    client = Client(loop, str(tmp_path / "gate"), "coarse")
    refused = [
        client.submit(Command.READ, 512, 512),
        client.submit(Command.READ, MB, 4096),
        client.submit(Command.WRITE, MB, 4096, bytes(4096)),
        client.submit(Command.TRIM, 0, 4096),
        client.submit(Command.READ, 0, 0),
    ]
    right = client.submit(Command.READ, 4096, 4096)
    assert loop.until(lambda: right.done, 5)
    assert [call.error for call in refused] == [22, 22, 28, 22, 22]
    assert right.data == b"\xff" * 4096


# -- hostile peers

HANDSHAKE = struct.pack(">I", 3)
GO = nbd.option(nbd.Option.GO, nbd.named(b"disk"))
REQUEST = nbd.Request(0, Command.READ, 1, 0, 512).to_bytes()
HOSTILE = {
    "no option": HANDSHAKE + bytes(16),
    "an endless option": HANDSHAKE + struct.pack(">QII", nbd.OPTION_MAGIC, 7, 0xFFFFFFFF),
    "a name cut short": HANDSHAKE + nbd.option(nbd.Option.GO, struct.pack(">I", 99)) + bytes(16),
    "no such export": HANDSHAKE + nbd.option(nbd.Option.EXPORT_NAME, b"\xff\xfe"),
    "no request": HANDSHAKE + GO + bytes(28),
    "an endless write": HANDSHAKE + GO + nbd.Request(0, Command.WRITE, 1, 0, 0xFFFFFFFF).to_bytes(),
    "half a request": HANDSHAKE + GO + REQUEST[:13],
    "contexts cut short": HANDSHAKE
    + nbd.option(8)
    + nbd.option(10, nbd.named(b"disk") + b"\0\0\0\1\0\0\0\x09"),
}


@pytest.mark.parametrize("case", list(HOSTILE))
def test_a_hostile_client_harms_itself_only(loop: Loop, gate: Gate, tmp_path: Path, case: str) -> None:
    gate.holds = lambda transfer: False
    with socket.socket(socket.AF_UNIX) as hostile:
        hostile.connect(str(tmp_path / "gate"))
        hostile.sendall(HOSTILE[case])
        loop.until(lambda: False, 0.02)
    other = Client(loop, str(tmp_path / "gate"), "disk")
    call = other.submit(Command.READ, 0, 512)
    assert loop.until(lambda: call.done, 5)
    assert call.data == bytes(512)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200), connected=st.booleans())
def test_noise_ends_a_connection_at_most(data: bytes, connected: bool) -> None:
    ours, theirs = socket.socketpair()
    with Loop() as loop, ours:
        gate = Gate.__new__(Gate)
        gate.disks, gate.held = {"disk": SparseDisk("disk", MB)}, []
        gate.holds = lambda transfer: False
        gate.arrived = lambda transfer: None
        wire = Wire(loop, theirs, gate._serve)
        ours.sendall((HANDSHAKE + GO if connected else b"") + data)
        while loop.pump(0):
            pass
        wire.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"not an NBD server",
        nbd.MAGIC + bytes(40),
        nbd.MAGIC + struct.pack(">QH", nbd.OPTION_MAGIC, 3) + bytes(20),
        nbd.MAGIC + struct.pack(">QH", nbd.OPTION_MAGIC, 3) + nbd.option_reply(7, 3, b"x" * 200)[:-1],
    ],
)
def test_a_server_that_is_none_is_said_to_be_none(loop: Loop, tmp_path: Path, reply: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        accepted: list[socket.socket] = []

        def accept() -> None:
            accepted.append(server.accept()[0])
            accepted[0].sendall(reply + bytes(18))
            accepted[0].shutdown(socket.SHUT_WR)

        loop.add(server, accept)
        with pytest.raises(Broken, match="no NBD export 'disk'"):
            Client(loop, str(tmp_path / "socket"), "disk", timeout=1)
        for sock in accepted:
            sock.close()


def test_a_reply_to_nothing_breaks_the_connection_and_ends_its_calls(loop: Loop) -> None:
    """Whoever waits for an answer must be told that none will come."""
    ours, theirs = socket.socketpair()
    client = Client.__new__(Client)
    client.export, client._structured, client._calls, client._last, client._ready = (
        "disk",
        False,
        {},
        0,
        False,
    )
    client.size = client.flags = 0
    from cowpath.conformance.qemu.loop import Wire

    client._wire = Wire(loop, ours, client._talk)
    client._wire.closed = client._closed
    theirs.sendall(nbd.MAGIC + struct.pack(">QH", nbd.OPTION_MAGIC, 3) + nbd.option_reply(7, 1))
    assert loop.until(lambda: client._ready, 1)
    call = client.submit(Command.READ, 0, 512)
    theirs.sendall(nbd.simple(77))
    assert loop.until(lambda: call.done, 1)
    assert call.lost
    assert client.broken == "a reply to no request, 77"
    theirs.close()


# -- disks


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    writes=st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 70_000), st.integers(0, 3)), max_size=6)
)
def test_a_sparse_disk_holds_what_a_plain_one_would(writes: list[tuple[int, int, int]]) -> None:
    sparse, plain = SparseDisk("disk", 300_000, fill=9), bytearray([9]) * 300_000
    for offset, length, byte in writes:
        if byte == 0:
            sparse.discard(offset, length)
            plain[offset : offset + length] = bytes([9]) * length
        else:
            sparse.write(offset, bytes([byte]) * length)
            plain[offset : offset + length] = bytes([byte]) * length
    assert sparse.read(0, 300_000) == plain[:300_000]
    assert sum(length for length, _ in sparse.status(0, 300_000)) == 300_000
