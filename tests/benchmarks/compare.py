"""Measure every engine beside SPIN and TLC, in one run, on the same models, exported. Not a test.

    python -m tests.benchmarks.compare [--largest SIZE] [--repeat N] [--spin-large] [--cpu]

Everybody looks for states that violate one claim and goes on to the end. Each run is a process of its own.
`M states/s` is of the search; `whole` is the process's life: importing, certifying, generating and compiling
code, exploring; of SPIN it is spin, gcc -O3 -DSAFETY and pan together, the export being there already. Memory
is by how much more the process takes, at its peak, than on the small model; TLC takes what it is given, so
nothing is said. SPIN runs exact and depth first: with everything it can leave out, and without (-o2,
-DNOREDUCE). Where that would take too long it is stopped: then "≥" is before what it would have exceeded.

With --cpu all seconds are of processor time, which is what can be said where the machine has other work: then
it says nothing of two cores.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich import box
from rich.console import Console
from rich.table import Table

from cowpath.model.explore.result import questions
from cowpath.model.export.promela import promela
from cowpath.model.export.tla import tla
from tests import referees
from tests.benchmarks.ours import CLAIMS, HERE, MODELS, SIZES, WAYS, Measured, Way, model_of

HASH_BITS = {"small": 18, "medium": 24, "large": 27, "huge": 27}
"""SPIN's best hash tables: a slot a state or so."""
MINUTES = 5
"""What SPIN gets for the huge model."""


def ours(name: str, size: str, way: Way) -> Measured:
    """Measure an engine in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.ours", name, size, str(WAYS.index(way))]
    with TemporaryDirectory() as folder:
        done = referees.run(command, Path(folder), where=HERE.parents[1])
    try:
        found = json.loads(done.text)
    except ValueError:
        raise SystemExit(done.text) from None
    whole = done.seconds - found["extra"]
    return Measured(**{**found["measured"], "whole": whole, "memory": done.peak})


def spin(name: str, size: str, reduced: bool) -> Measured:
    """Measure SPIN."""
    narrowed = model_of(name, size)
    text = promela(narrowed, [name], questions(narrowed.model, CLAIMS[name]), deadlock=False)
    with TemporaryDirectory() as folder:
        found = referees.spin(
            text,
            Path(folder),
            reduced=reduced,
            optimise="-O3",
            hash_bits=HASH_BITS[size],
            minutes=MINUTES if size == "huge" else None,
        )
    tool, prepared = "SPIN, reduced" if reduced else "SPIN", found.whole - found.seconds
    took = found.seconds, prepared, found.whole, found.cpu, found.whole_cpu
    return Measured(tool, found.states, *took, found.peak, found.stopped)


def tlc(name: str, size: str, workers: int) -> Measured:
    """Measure TLC."""
    narrowed = model_of(name, size)
    text = tla(narrowed, "M", [name], questions(narrowed.model, CLAIMS[name]), deadlock=False)
    with TemporaryDirectory() as folder:
        found = referees.tlc(*text, Path(folder), workers=workers)
    tool = f"TLC, {workers} worker{'s' * (workers > 1)}"
    return Measured(tool, found.states, found.seconds, 0.0, found.whole, found.cpu, found.whole_cpu)


def runs(name: str, size: str, spin_large: bool) -> Iterator[Callable[[], Measured]]:
    """Yield everything that is to be measured on a model of a size, SPIN first."""
    if referees.missing_spin() is None:
        if size in ("small", "medium") or (size == "large" and spin_large):
            yield partial(spin, name, size, False)
        if size != "large" or spin_large or name == "merged-2.8":
            yield partial(spin, name, size, True)
    for way in WAYS:
        if SIZES.index(size) <= SIZES.index(way.largest) and (size != "huge" or way.largest == "huge"):
            yield partial(ours, name, size, way)
    if size == "small" and referees.missing_tlc() is None:
        yield partial(tlc, name, size, 1)
        yield partial(tlc, name, size, 2)


def empty() -> Table:
    """Return the table's head."""
    table = Table(box=box.MARKDOWN)
    table.add_column("", no_wrap=True)
    columns = ("states", "M states/s", "/ SPIN", "bytes a state", "compiling", "whole", "SPIN, reduced /")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def fill(table: Table, title: str, measured: Sequence[Measured], small: Sequence[Measured]) -> None:
    """Add the measurements with their ratios to SPIN's: to its speed, and to the time of its verdict.

    Bytes are what a process takes more than on the small model, for each state more.
    """
    base = {each.tool: each for each in small}
    found = {each.tool: each for each in measured}
    table.add_row(f"**{title}**")
    for each in measured:
        speed = each.states / each.seconds
        faster = sooner = memory = ""
        if (whole := found.get("SPIN")) is not None:
            faster = _shown(speed * whole.seconds / whole.states)
        if (reduced := found.get("SPIN, reduced")) is not None:
            sooner = _least(reduced) + _shown(reduced.whole / each.whole)
        before = base.get(each.tool)
        if each.memory and before and before.memory and each.states > 10 * before.states:
            memory = f"{(each.memory - before.memory) / (each.states - before.states):.1f}"
        seconds = (f"{each.prepared:.1f} s", f"{_least(each)}{each.whole:.1f} s")
        table.add_row(
            each.tool, f"{_least(each)}{each.states:,}", _shown(speed / 1e6), faster, memory, *seconds, sooner
        )
    if (one := found.get("native, 1 core")) is not None:
        table.add_row("second core", "", f"x {one.seconds / found['native, 2 cores'].seconds:.2f}")


def _least(measured: Measured) -> str:
    return "≥ " if measured.stopped else ""


def _shown(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2g}"


def median(measured: Sequence[Measured]) -> Measured:
    """Return the run whose search took the median time."""
    return sorted(measured, key=lambda each: each.seconds)[(len(measured) - 1) // 2]


@click.command(help=__doc__)
@click.option("--largest", type=click.Choice(SIZES), default=SIZES[-1], show_default=True, help="Models.")
@click.option("--repeat", default=1, show_default=True, help="Take the median of so many runs.")
@click.option("--spin-large", is_flag=True, help="SPIN explores the largest, too (10 GB, minutes).")
@click.option("--cpu", is_flag=True, help="Seconds of processor time, for a machine that has other work.")
def main(largest: str, repeat: int, spin_large: bool, cpu: bool) -> None:
    """Print a table of each model and size as soon as it is measured."""
    console = Console(width=140, highlight=False)
    console.print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}")
    for missing in filter(None, (referees.missing_spin(), referees.missing_tlc())):
        console.print(f"left out: {missing}")
    with console.status("") as status:
        for name, sizes in MODELS.items():
            small: list[Measured] = []
            for size in sizes[: SIZES.index(largest) + 1]:
                status.update(f"{name}, {size}")
                tools = list(runs(name, size, spin_large))
                rounds = [[run() for run in tools] for _ in range(repeat)]  # so that all share what disturbs
                measured = [median(same) for same in zip(*rounds, strict=True)]
                measured = [by_processor(each) for each in measured] if cpu else measured
                small = small or measured
                table = empty()
                fill(table, f"{name}, {size}", measured, small)
                console.print(table)


def by_processor(measured: Measured) -> Measured:
    """Return the same in processor time; what is no search is then all before it."""
    before = measured.whole_cpu - measured.cpu
    return replace(measured, seconds=measured.cpu, whole=measured.whole_cpu, prepared=before)


def processor() -> str:
    """Return what the machine's processor calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
