"""One search by threads, and by processes of an `mpiexec`, side by side.

    python -m tests.benchmarks.ranks [SCENARIO.toml] [--most N]

Each is a process of its own, or several, that searches `merged-2.8` on the scenario in machine code that was
well compiled before; states a second are those of the search alone. No kept answer is looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click

from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore import ranks
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.result import UNLIMITED, questions
from cowpath.model.scenarios import find

MEDIUM = Path(__file__).with_name("merged_medium.toml")
_TIMES = re.compile(r"\w+ processes .*; (?P<bytes>[\d.]+) bytes")


@click.command()
@click.argument("scenario", default=str(MEDIUM))
@click.option("--most", default=2, show_default=True, help="Threads, and processes, at most.")
@click.option("--threads", hidden=True, type=int)
def main(scenario: str, most: int, threads: int | None) -> None:
    """Print a table of states a second and bytes exchanged a state."""
    if threads is not None:
        _search(scenario, threads)
        return
    again = [sys.executable, "-m", "tests.benchmarks.ranks", scenario, "--threads"]
    click.echo(f"load {os.getloadavg()[0]:.1f} on {ranks.cores()} cores")
    click.echo("| | states | M states/s | CPU s | bytes a state |\n|---|--:|--:|--:|--:|")
    for number in range(1, most + 1):
        for name, command in (
            (f"threads: {number}", [*again, str(number)]),
            (f"processes: {number}", ["mpiexec", "-n", str(number), *again, "1"]),
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            click.echo(f"| {name} | {done.stdout.strip()} |")


def _search(scenario: str, threads: int) -> None:
    narrowed = Case(DESIGNS["merged-2.8"], find(scenario)).narrowed
    asked = questions(narrowed.model, ("snapshot", "deadlock"))
    engine = NativeEngine(threads, patience=0)
    engine.threads *= ranks.neighbours() if ranks.size() > 1 else 1  # so many in each process
    began = time.process_time()
    found = engine.explore(narrowed, asked, UNLIMITED, lambda progress: None)
    spent = time.process_time() - began - found.prepared
    everybody = ranks.everybody()
    spent = spent if everybody is None else everybody.allreduce(spent)
    if not ranks.rank():
        sent = next((m["bytes"] for line in found.remarks if (m := _TIMES.match(line))), "")
        click.echo(
            f"{found.states:,} | {found.states / found.seconds / 1e6:.1f} | {spent:.1f} | {sent}", nl=False
        )


if __name__ == "__main__":
    main()
