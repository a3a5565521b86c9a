"""Measure the engines on a bundled scenario and on a larger one: seconds, states a second. Not a test."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from model.check import ENGINES, check
from model.designs import DESIGNS
from model.scenarios import find

RUNS = (
    ("unserialised", "two-by-two"),
    ("fleecing-4.0", "two-by-two"),
    ("rfc-2016", "two-by-two"),
    ("rfc-repaired", str(Path(__file__).with_name("three_by_three.toml"))),
    ("fleecing-4.0", str(Path(__file__).with_name("three_by_three.toml"))),
)


def main() -> None:
    """Print one row for each run and engine: the best of three."""
    table = Table("design", "scenario", "engine", "states", "transitions", "seconds", "states/s")
    for name, where in RUNS:
        scenario = find(where)
        for engine in ENGINES:
            runs = [check(DESIGNS[name], scenario, engine=engine).exploration for _ in range(3)]
            best = min(runs, key=lambda run: run.seconds)
            rate = f"{best.states / best.seconds:,.0f}"
            counts = (f"{best.states:,}", f"{best.transitions:,}", f"{best.seconds:.2f}", rate)
            table.add_row(name, scenario.name, engine, *counts)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
