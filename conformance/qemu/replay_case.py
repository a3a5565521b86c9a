"""Forces one interleaving on a QEMU; exit status 1 if the fault is there, 0 if not, 2 if it cannot be tried.

    python3 reproduce.py QEMU-STORAGE-DAEMON-OR-QEMU-SYSTEM [ARGUMENTS BEFORE OURS...]

Needs nothing but Python 3.9 and the QEMU. QEMU's disks are NBD exports of this script, which holds each of
QEMU's transfers until it is let go. `CASE` below says how QEMU is set up (QMP commands), what is asked of it
and which transfer is let go when, and what must not come of it.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from typing import Any

from cowpath.conformance.qemu.replay_image import read_image
from cowpath.conformance.qemu.replay_wires import (
    COMMANDS,
    QMP,
    READ,
    SIZE,
    WRITE,
    Call,
    Client,
    Gate,
    Loop,
)

CASE: dict[str, Any] = {}
MB = 1 << 20
ANOTHER_WAY = 2.0  # seconds until we say that QEMU does not go the way that was recorded


def unpacked(text: str) -> bytes:
    """Return an image: qcow2 with the data in another file, so that it is a mapping and little else."""
    return zlib.decompress(base64.b64decode(text))


def filled(value: Any, folder: str) -> Any:
    """Return QMP arguments with the folder in its place."""
    if isinstance(value, dict):
        return {key: filled(each, folder) for key, each in value.items()}
    return value.replace("{folder}", folder) if isinstance(value, str) else value


class Machine:
    """QEMU, its disks and its clients."""

    def __init__(self, command: list[str], folder: str) -> None:
        self.folder, self.loop = folder, Loop()
        self.gate = Gate(self.loop, f"{folder}/gate", CASE["disks"])
        for name, packed in CASE["images"].items():
            with open(f"{folder}/{name}.qcow2", "wb") as image:
                image.write(unpacked(packed))
        for name, disk in CASE["disks"].items():
            for start, end, byte in disk["parts"]:
                self.gate.poke(name, start, bytes([byte]) * (end - start))
            if disk["image"]:
                self.gate.poke(name, 0, unpacked(disk["image"]))
        said = subprocess.run([*command, "--version"], stdout=subprocess.PIPE, check=False).stdout.decode()
        print(said.splitlines()[0] if said else "no version")
        ours, theirs = socket.socketpair()
        chardev = f"socket,id=qmp,fd={theirs.fileno()}"
        arguments = ["--chardev", chardev, "--monitor", "chardev=qmp"]
        if "emulator" in said:
            arguments = [
                "-machine",
                "none",
                "-nodefaults",
                "-nographic",
                "-display",
                "none",
                "-S",
                "-no-user-config",
            ]
            arguments += ["-chardev", chardev, "-mon", "chardev=qmp,mode=control"]
        self.errors = open(f"{folder}/stderr", "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*command, *arguments], pass_fds=[theirs.fileno()], stderr=self.errors, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        atexit.register(self.close)  # also where the rest cannot be set up
        theirs.close()
        self.qmp = QMP(self.loop, ours)
        for name, arguments in CASE["commands"]:
            self.qmp.run(name, filled(arguments, folder))
        self.clients = {
            name: Client(self.loop, f"{folder}/nbd", name, CASE["structured"] and name == "guest")
            for name in CASE["clients"]
        }
        self.kicker = Client(self.loop, f"{folder}/nbd", "guest", False)
        self.kicks: dict[str, int] = {}
        if "writer" in CASE["clients"]:
            self.kicks = {"hidden": SIZE - 4 * MB, "secondary": SIZE - 8 * MB, "active": SIZE - 12 * MB}
            first = [self.clients["writer"].submit(WRITE, self.kicks["hidden"], 512, bytes(512))]
            if "active" in CASE["disks"]:
                first.append(self.clients["guest"].submit(WRITE, self.kicks["active"], 512, bytes(512)))
            self.wait(lambda: all(call.done for call in first), 5)
        self.gate.holding = True
        self.as_recorded = True

    @property
    def dead(self) -> bool:
        """Whether QEMU has ended."""
        return not self.qmp.open or self.process.poll() is not None

    def wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """Wait; now and then read elsewhere: QEMU's NBD client may sit on a reply while another is out."""
        end = time.monotonic() + timeout
        while not self.loop.until(lambda: done() or self.dead, 0.1):
            for disk in {t.disk for t in self.gate.held} & self.kicks.keys():
                self.kicker.submit(READ, self.kicks[disk], 512)
            if time.monotonic() > end:
                return False
        return done()

    def close_images(self) -> None:
        """Have QEMU close its images: then it writes down their mappings. A job that is there ends first."""
        commands = list(CASE["closing"])
        if commands and not self.wait(lambda: "BLOCK_JOB_COMPLETED" in self.qmp.events, ANOTHER_WAY):
            commands.insert(0, ["block-job-cancel", {"device": "job", "force": True}])
        for name, arguments in commands:
            self.qmp.run(name, arguments)
            self.loop.until(lambda: False, 0.2)

    def content(self, disk: str, size: int) -> bytes:
        """Return what a disk is read as, with what is behind it opened."""
        data = self.gate.peek(disk, 0, size)
        if disk not in CASE["behind"]:
            return data
        about, behind = CASE["behind"][disk], bytearray(size)
        for start, end, byte in ((0, size, about["fill"]), *about["parts"]):
            behind[start:end] = bytes([byte]) * (end - start)
        with open(f"{self.folder}/{disk}.qcow2", "rb") as image:
            return read_image(image.read(), data, bytes(behind))

    def equal(self) -> bool:
        """Tell whether a mirror's disks are the same, once it has completed."""
        if not self.wait(lambda: "BLOCK_JOB_COMPLETED" in self.qmp.events, ANOTHER_WAY):
            print("seen:     the job does not complete")
            return True
        size = CASE["disks"]["source"]["size"]
        self.close_images()
        source, target = (self.content(disk, size) for disk in ("source", "target"))
        differ = [at for at in range(0, size, 512) if source[at : at + 512] != target[at : at + 512]]
        print(f"seen:     {len(differ)} sectors differ" + (f", the first at {differ[0]}" if differ else ""))
        for name, data in (("source", source), ("target", target)) if differ else ():
            print(f"          {name} there: {show(data[differ[0] : differ[-1] + 512])}")
        return not differ

    def said(self) -> str:
        """Return the last line that QEMU has said."""
        self.process.wait(5)
        self.errors.seek(0)
        return (self.errors.read().decode(errors="replace").strip().splitlines() or ["nothing"])[-1]

    def close(self) -> None:
        """End QEMU."""
        self.process.kill()
        self.process.wait(10)
        self.errors.close()


def show(data: bytes) -> str:
    """Return data as runs."""
    runs: list[list[int]] = []
    for byte in data:
        if runs and runs[-1][1] == byte:
            runs[-1][0] += 1
        else:
            runs.append([1, byte])
    return ", ".join(f"{count} x 0x{byte:02x}" for count, byte in runs[:8])


def alike(data: bytes, right: list[list[int]]) -> bool:
    """Tell whether data are what is right, as runs of a byte; what is no byte may be anything."""
    at = 0
    for count, byte in right:
        if byte >= 0 and data[at : at + count] != bytes([byte]) * count:
            return False
        at += count
    return True


def follow(machine: Machine) -> dict[str, Call]:
    """Do what was recorded; return the calls by what they are called."""
    calls: dict[str, Call] = {}
    gate = machine.gate
    for number, step in enumerate(CASE["steps"], 1):
        if "ask" in step:
            print(f"{number:3}. {step['says']}")
            if "qmp" in step:
                call = calls[step["ask"]] = machine.qmp.submit(*step["qmp"])
                if "event" in step:
                    call.also = lambda event=step["event"]: event in machine.qmp.events
            else:
                start, end = step["at"]
                data = bytes([step["byte"]]) * (end - start) if step["command"] == "WRITE" else b""
                client = machine.clients[step["client"]]
                command = COMMANDS[step["command"]]
                calls[step["ask"]] = client.submit(command, start, end - start, data)
        elif "let" in step:
            found = [t for t in gate.held if str(t) == step["let"]]
            if len(found) <= step["nth"]:
                print(f"{number:3}. {step['let']} is not there: this QEMU goes another way")
                machine.as_recorded = False
                return calls
            print(f"{number:3}. {step['says']}")
            transfer = found[step["nth"]]
            if not transfer.executed:
                gate.execute(transfer, step["error"])
            if step["answer"]:
                gate.answer(transfer)
        if step.get("open"):
            gate.open_up()
            machine.wait(lambda: calls[step["ask"]].done, ANOTHER_WAY)  # noqa: B023
            continue

        def as_recorded(step: dict[str, Any] = step) -> bool:
            held = sorted(map(str, gate.held))
            back = [name for name, call in calls.items() if call.done]
            back += [name for event, name in CASE["events"].items() if event in machine.qmp.events]
            return held == sorted(step["held"]) and sorted(back) == sorted(step["back"])

        if not machine.wait(as_recorded, ANOTHER_WAY) and not machine.dead:
            machine.as_recorded = False
            held = "; ".join(map(str, gate.held)) or "nothing"
            recorded = "; ".join(step["held"]) or "nothing"
            print(f"     another way: QEMU now waits for {held}; recorded was {recorded}")
    return calls


def judge(machine: Machine, calls: dict[str, Call]) -> bool:
    """Print what is expected and what was seen; return whether the fault is there."""
    check = CASE["check"]
    print(f"expected: {check['expected']}")
    if machine.dead:
        print(f"seen:     QEMU died: {machine.said()}")
        return True
    if not (machine.as_recorded or check.get("any_way")):
        print("seen:     another interleaving, of which nothing is said")
        return False
    call = calls.get(check["request"])
    held = [str(t) for t in machine.gate.held]
    if check["kind"] == "transfer":
        there = set(check["held"]) <= set(held)
        print(f"seen:     QEMU waits for {'; '.join(held) or 'nothing'}")
        return there
    if check["kind"] == "early":
        done = call is not None and call.done and bool(call.error) == check["fails"]
        print(f"seen:     {check['request']} {'has' if call and call.done else 'has not'} returned")
        return done
    machine.gate.open_up()
    machine.wait(lambda: all(each.done for each in calls.values()), ANOTHER_WAY)
    if machine.dead:
        print(f"seen:     QEMU died: {machine.said()}")
        return True
    if check["kind"] == "equal":
        return not machine.equal()
    if check["kind"] == "content":
        machine.close_images()
        data = machine.content(check["disk"], check["size"]).translate(bytes.maketrans(*check["reads"]))
        print(f"seen:     {show(data)}")
        return not any(alike(data, right) for right in check["right"])
    if check["kind"] == "crash":
        print("seen:     QEMU lives")
        return False
    if check["kind"] == "hang":
        waits = [name for name, each in calls.items() if not each.done]
        print(f"seen:     {', '.join(waits) or 'nobody'} hangs")
        return bool(waits)
    if call is None or not call.done or call.error:
        print(f"seen:     {check['request']} {'fails' if call and call.error else 'does not return'}")
        return call is not None and call.done
    print(f"seen:     {show(call.data)}")
    return all(call.data != b"".join(bytes([b]) * n for n, b in right) for right in check["right"])


def main() -> int:
    """Run the case on the QEMU that is given; say what came of it."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    folder = tempfile.mkdtemp(prefix="qemu-case-")
    machine: Machine | None = None
    try:
        print(CASE["title"])
        try:
            machine = Machine(sys.argv[1:], folder)
        except (OSError, RuntimeError) as error:
            print(f"cannot be tried on this QEMU: {error}")
            return 2
        fault = judge(machine, follow(machine))
        print("the fault is there" if fault else "the fault is not there")
        return 1 if fault else 0
    finally:
        if machine is not None:
            machine.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
