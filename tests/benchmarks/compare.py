"""Measure every engine beside SPIN and TLC, in one run, on the same models, exported. Not a test.

    python -m tests.benchmarks.compare [--quick] [--repeat N] [--spin-large]

Everybody looks for states that violate `snapshot` and for requests that are stuck, and goes on to the end.
Each run is a process of its own. `whole` is its life: importing, generating and compiling code, exploring;
of SPIN it is spin, gcc -O3 -DSAFETY and pan together, the export being there already. Memory is by how much
more the process takes, at its peak, than on the small model; TLC takes what it is given, so nothing is said.
SPIN runs exact and depth first: with everything it can leave out, and without (-o2, -DNOREDUCE).
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich import box
from rich.console import Console
from rich.table import Table

from model.check import finite
from model.designs import DESIGNS
from model.explore.engines import ENGINES
from model.explore.result import UNLIMITED, questions
from model.export.promela import promela
from model.export.tla import tla
from model.language.domains import Narrowed, narrow
from model.language.ground import ground
from model.scenarios import find
from model.scenarios.geometry import reduce
from tests import referees
from tests.benchmarks import cow_request

HERE = Path(__file__).parent
CLAIMS = ("snapshot",)
ROWS = {"small": 216_529, "medium": 11_066_980, "large": 70_424_216}
"""Rows of the CowRequest table, by their states."""
HASH_BITS = {"small": 18, "medium": 24, "large": 27}
"""SPIN's best hash tables: a slot a state or so."""
SIZES = tuple(ROWS)
MODELS = ("cow-request", "merged-2.8")


@dataclass(frozen=True)
class Ours:
    """A way of running an engine. `largest`: the largest size it is asked for."""

    engine: str
    cores: int = 1
    reductions: str = "none"
    largest: str = "large"

    @property
    def tool(self) -> str:
        """What the table calls it."""
        reduced = "" if self.reductions == "none" else f", {self.reductions}"
        return f"{self.engine}{reduced}, {self.cores} core{'s' * (self.cores > 1)}"


OURS = (
    Ours("python", largest="medium"),
    Ours("numpy"),
    *(Ours("native", cores) for cores in (1, 2) if "native" in ENGINES),
)
"""All that is measured of ours; a reduction is one more line here, and its meaning in `explore`."""


@dataclass(frozen=True)
class Measured:
    """One run, or the median of several. `memory` is the peak of the process, in bytes."""

    tool: str
    states: int
    transitions: int
    seconds: float
    whole: float
    memory: int | None


def model_of(name: str, size: str) -> Narrowed:
    """Return the finite model."""
    if name == "cow-request":
        row = next(row for row in cow_request.TABLE if row.states == ROWS[size])
        return narrow(ground(cow_request.build(), cow_request.instance(row)))
    scenario = find(str(HERE / f"merged_{size}.toml"))
    return finite(DESIGNS[name], scenario, reduce(scenario))


def explore(name: str, size: str, way: Ours) -> Measured:
    """Explore in this process; `whole` and `memory` are left to who started it."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: way.cores])
    narrowed = model_of(name, size)
    found = ENGINES[way.engine].explore(
        narrowed, questions(narrowed.model, CLAIMS), UNLIMITED, lambda progress: None
    )
    if found.engine != way.engine or found.stopped:
        raise SystemExit(f"{way.tool} on {name}: {found.engine} ran; {found.stopped}; {found.remarks}")
    return Measured(way.tool, found.states, found.transitions, found.seconds, 0.0, None)


def ours(name: str, size: str, way: Ours) -> Measured:
    """Measure an engine in a process of its own."""
    with TemporaryDirectory() as folder:
        child = [sys.executable, "-m", "tests.benchmarks.compare", "--one", name, size, str(OURS.index(way))]
        done = referees.run(child, Path(folder), where=HERE.parents[1])
    return Measured(**{**json.loads(done.text), "whole": done.seconds, "memory": done.peak})


def spin(name: str, size: str, reduced: bool) -> Measured:
    """Measure SPIN."""
    narrowed = model_of(name, size)
    text = promela(narrowed, [name], questions(narrowed.model, CLAIMS), deadlock=False)
    with TemporaryDirectory() as folder:
        found = referees.spin(text, Path(folder), reduced=reduced, optimise="-O3", hash_bits=HASH_BITS[size])
    tool = "SPIN, reduced" if reduced else "SPIN"
    return Measured(tool, found.states, found.transitions, found.seconds, found.whole, found.peak)


def tlc(name: str, size: str, workers: int) -> Measured:
    """Measure TLC."""
    narrowed = model_of(name, size)
    text = tla(narrowed, "M", [name], questions(narrowed.model, CLAIMS), deadlock=False)
    with TemporaryDirectory() as folder:
        found = referees.tlc(*text, Path(folder), workers=workers)
    tool = f"TLC, {workers} worker{'s' * (workers > 1)}"
    return Measured(tool, found.states, found.transitions, found.seconds, found.whole, None)


def runs(name: str, size: str, spin_large: bool) -> Iterator[Callable[[], Measured]]:
    """Yield everything that is to be measured on a model of a size, SPIN first."""
    if size != "large" or spin_large:
        yield partial(spin, name, size, False)
        yield partial(spin, name, size, True)
    for way in OURS:
        if SIZES.index(size) <= SIZES.index(way.largest):
            yield partial(ours, name, size, way)
    if size != "large" and referees.missing_tlc() is None:
        yield partial(tlc, name, size, 1)
        yield partial(tlc, name, size, 2)


def table(measured: Sequence[Measured], small: Sequence[Measured]) -> Table:
    """Return the measurements with their ratios to SPIN's: to its speed, and to the time of its verdict.

    `small`: what was measured on the small model.
    """
    base = {each.tool: each for each in small}
    result = Table(box=box.MARKDOWN)
    result.add_column("")
    for column in ("states", "M states/s", "/ SPIN", "bytes a state", "whole", "SPIN, reduced /"):
        result.add_column(column, justify="right")
    spins = {each.tool: each for each in measured if each.tool.startswith("SPIN")}
    for each in measured:
        speed = each.states / each.seconds
        faster, sooner, memory = "", "", ""
        if spins:
            faster = _shown(speed * spins["SPIN"].seconds / spins["SPIN"].states)
            sooner = _shown(spins["SPIN, reduced"].whole / each.whole)
        less = base.get(each.tool, each)
        if each.memory is not None and less.memory is not None and less.states < each.states:
            memory = f"{(each.memory - less.memory) / (each.states - less.states):.1f}"
        states, whole = f"{each.states:,}", f"{each.whole:.1f} s"
        result.add_row(each.tool, states, _shown(speed / 1e6), faster, memory, whole, sooner)
    return result


def _shown(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2g}"


def median(run: Callable[[], Measured], repeat: int) -> Measured:
    """Return the run whose search took the median time."""
    return sorted((run() for _ in range(repeat)), key=lambda each: each.seconds)[(repeat - 1) // 2]


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Small models only.")
@click.option("--repeat", default=1, show_default=True, help="Take the median of so many runs.")
@click.option("--spin-large", is_flag=True, help="SPIN explores the largest, too (10 GB, minutes).")
@click.option("--one", nargs=3, hidden=True)
def main(quick: bool, repeat: int, spin_large: bool, one: tuple[str, str, str] | None) -> None:
    """Print a table for each model and size."""
    if one is not None:
        name, size, number = one
        print(json.dumps(asdict(explore(name, size, OURS[int(number)]))))
        return
    console = Console(width=110, highlight=False)
    console.print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}")
    for missing in filter(None, (referees.missing_spin(), referees.missing_tlc())):
        console.print(f"left out: {missing}")
    for name in MODELS:
        small: list[Measured] = []
        for size in SIZES[:1] if quick else SIZES:
            measured = [median(run, repeat) for run in runs(name, size, spin_large)]
            small = small or measured
            console.print(f"\n{name}, {size}:", end="")
            console.print(table(measured, small))


def processor() -> str:
    """Return what the machine's processor calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
