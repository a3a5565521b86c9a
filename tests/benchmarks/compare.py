"""Measure every engine beside SPIN and TLC, in one run, on the same exported models. Not a test.

    python -m tests.benchmarks.compare [--quick] [--repeat N] [--spin-large]

Each run is a process of its own. `states/s` is the search alone; `whole` is from the start of the process,
so it includes importing, generating and compiling code; for SPIN it is spin, gcc and pan together. Memory
is the peak of the process, ours without what it held before the search. SPIN runs exact and depth first,
compiled with -O3 -DSAFETY, without any reduction and with all of its own; TLC runs where TLA2TOOLS_JAR
names its jar. All look for violations of `snapshot` and for requests that are stuck.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich import box
from rich.console import Console
from rich.table import Table

from model.check import ENGINES, finite
from model.designs import DESIGNS
from model.explore.result import UNLIMITED, questions
from model.export.promela import promela
from model.export.tla import tla
from model.language.domains import Narrowed, narrow
from model.language.ground import ground
from model.scenarios import find
from model.scenarios.geometry import reduce
from tests import referees
from tests.benchmarks import cow_request

SIZES = ("small", "medium", "large")
CLAIMS = ("snapshot",)


@dataclass(frozen=True)
class Measured:
    """What a run took. `ratio` columns compare it with SPIN on the same model."""

    tool: str
    states: int
    seconds: float
    whole: float
    memory: int | None
    reduced: bool = False


@dataclass(frozen=True)
class Ours:
    """One way of running an engine. `largest`: the last size it is asked for."""

    engine: str
    cores: int = 1
    reductions: str = "none"
    largest: str = "large"

    @property
    def tool(self) -> str:
        """What the table calls it."""
        reduced = "" if self.reductions == "none" else f", {self.reductions}"
        return f"{self.engine}, {self.cores} core{'s' * (self.cores > 1)}{reduced}"


OURS = tuple(
    Ours(engine, cores, largest="medium" if engine == "python" else "large")
    for engine in ("python", "numpy", "native")
    if engine in ENGINES
    for cores in ((1, 2) if engine == "native" else (1,))
)
ROWS = {
    "small": cow_request.Row(4, ((0, 2, 2), (1, 3, 2), (2, 4, 2)), ((0, 2), (2, 4)), True, ...),
}
