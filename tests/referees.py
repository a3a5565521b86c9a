"""Other model checkers, run on exported models: SPIN by way of gcc, and TLC by way of a jar."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

JAR = "TLA2TOOLS_JAR"
"""The environment variable that names tla2tools.jar."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended: what it printed, how long it took, its peak of memory in bytes.

    `cpu`: processor time, in seconds, the system's for it included.
    """

    text: str
    seconds: float
    peak: int
    cpu: float


@dataclass(frozen=True)
class Found:
    """What a checker found. `violated` names the claims as the export does.

    `transitions` are as the checker counts them: one leads to the initial state, and SPIN's include those
    of the process that watches. `errors` counts violations, where all were looked for. `seconds` is the
    search, `whole` includes generating and compiling code, `cpu` and `whole_cpu` are the same in processor
    time; `peak` is memory in bytes. `stopped`: there would have been more, but a limit came first.
    """

    states: int
    transitions: int
    violated: frozenset[str]
    errors: int
    seconds: float
    whole: float
    peak: int
    cpu: float
    whole_cpu: float
    stopped: bool = False


def missing_spin() -> str | None:
    """Return why SPIN cannot run; None if it can."""
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def missing_tlc() -> str | None:
    """Return why TLC cannot run; None if it can."""
    if JAR not in os.environ:
        return f"{JAR} does not name tla2tools.jar"
    return None if shutil.which("java") else "not installed: java"


def run(command: Sequence[str], folder: Path, *, where: Path | None = None) -> Finished:
    """Run the command, whatever its exit status, in the folder or elsewhere; the folder takes the output."""
    output = folder / "output.txt"
    began = time.perf_counter()
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=where or folder, stdout=file, stderr=subprocess.STDOUT)
        _, process.returncode, usage = os.wait4(process.pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    return Finished(output.read_text(), time.perf_counter() - began, usage.ru_maxrss * 1024, cpu)


def spin(
    model: str,
    folder: Path,
    *,
    reduced: bool,
    optimise: str = "-O0",
    hash_bits: int = 16,
    minutes: int | None = None,
) -> Found:
    """Explore the model exactly, depth first, past every error; with SPIN's reductions or without.

    It may be stopped after some minutes. Raises `ValueError` if the model is not accepted, or if the search
    is cut short otherwise.
    """
    (folder / "model.pml").write_text(model)
    whole = [] if reduced else ["-o2"]  # keeps what nobody reads in the state
    generated = run(["spin", "-a", *whole, "model.pml"], folder)
    reduction = [] if reduced else ["-DNOREDUCE"]
    compiled = run(["gcc", "-w", optimise, "-DSAFETY", *reduction, "-o", "pan", "pan.c"], folder)
    if not (folder / "pan").exists():
        raise ValueError(f"{generated.text}{compiled.text}")
    limit = [] if minutes is None else [f"-Q{minutes}"]
    searched = run(["./pan", "-c0", "-m100000", f"-w{hash_bits}", *limit], folder)
    text = searched.text
    stopped = minutes is not None and searched.seconds > 60 * minutes
    if ("Search not completed" in text and not stopped) or "max search depth too small" in text:
        raise ValueError(text)
    return Found(
        _number(r"(\S+) states, stored", text),
        _number(r"(\S+) transitions", text),
        frozenset(re.findall(r"^pan:\d+: (?:assertion violated )?(.+) \(at depth", text, re.MULTILINE)),
        _number(r"errors: (\d+)", text),
        searched.seconds,
        generated.seconds + compiled.seconds + searched.seconds,
        searched.peak,
        searched.cpu,
        generated.cpu + compiled.cpu + searched.cpu,
        stopped,
    )


def tlc(module: str, configuration: str, folder: Path, *, workers: int = 1) -> Found:
    """Explore the module `M`; after an error again without the invariant that fell, until all are known.

    A value outside its sort ends it: there may be more and more of them. Raises `ValueError` if the module
    is not accepted.
    """
    (folder / "M.tla").write_text(module)
    command = ["java", "-XX:+UseParallelGC", "-cp", os.environ[JAR], "tlc2.TLC", "-noGenerateSpecTE"]
    violated: set[str] = set()
    whole = whole_cpu = 0.0
    while True:
        (folder / "M.cfg").write_text(configuration)
        searched = run([*command, "-workers", str(workers), "M.tla"], folder)
        whole += searched.seconds
        whole_cpu += searched.cpu
        if "No error has been found" in searched.text:
            break
        fallen = re.search(r"[Ii]nvariant (?:of )?(\w+) is (?:violated|equal to FALSE)", searched.text)
        if fallen is None:
            raise ValueError(searched.text)
        violated.add(fallen[1])
        if fallen[1] == "TypeOK":
            took = searched.seconds, whole, searched.peak, searched.cpu, whole_cpu
            return Found(0, 0, frozenset(violated), 1, *took)
        configuration = configuration.replace(f" {fallen[1]}", "")
    return Found(
        _number(r"(\S+) distinct states found, 0 states left", searched.text),
        _number(r"(\S+) states generated, \S+ distinct states found, 0 states left", searched.text),
        frozenset(violated),
        len(violated),
        searched.seconds,
        whole,
        searched.peak,
        searched.cpu,
        whole_cpu,
    )


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(text)
    return int(float(found[1].replace(",", "")))
