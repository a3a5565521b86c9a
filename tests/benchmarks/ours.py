"""One run of one of our engines on one model, in a process of its own: python -m tests.benchmarks.ours."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from cowpath.command_line import collect_rarely
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.result import UNLIMITED, Engine, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.reductions.choice import NAMES, choose
from cowpath.model.scenarios import find
from tests.benchmarks import cow_request

HERE = Path(__file__).parent
CLAIMS = ("snapshot",)
ROWS = {"small": 216_529, "medium": 11_066_980, "large": 70_424_216}
"""Rows of the CowRequest table, by their states."""
MODELS = {"cow-request": tuple(ROWS), "merged-2.8": (*ROWS, "huge")}
"""The models, each with its sizes; the last is for reductions alone."""
SIZES = MODELS["merged-2.8"]


@dataclass(frozen=True)
class Way:
    """A way of running an engine. `largest`: the largest size it is asked for."""

    engine: str
    cores: int = 1
    reductions: tuple[str, ...] = ()
    largest: str = "large"

    @property
    def tool(self) -> str:
        """What the table calls it."""
        cores = f"{self.cores} core{'s' * (self.cores > 1)}"
        return ", ".join([self.engine, cores, *self.reductions])


WAYS = (
    Way("python", largest="small"),
    Way("numpy", largest="medium"),
    Way("native"),
    Way("native", 2),
    Way("native", 2, ("symmetry",)),
    Way("native", 2, NAMES, "huge"),
)
"""All that is measured of ours."""


@dataclass(frozen=True)
class Measured:
    """One run. `seconds` is the search, `whole` the process from its beginning to its end.

    One that was `stopped` would have found more states, in more time. `prepared` is what it took to generate
    and compile code; `memory` the peak of the process, in bytes.
    """

    tool: str
    states: int
    seconds: float
    prepared: float
    whole: float = 0.0
    memory: int | None = None
    stopped: bool = False


def model_of(name: str, size: str) -> Narrowed:
    """Return the finite model."""
    if name == "cow-request":
        row = next(row for row in cow_request.TABLE if row.states == ROWS[size])
        return narrow(ground(cow_request.build(), cow_request.instance(row)))
    return Case(DESIGNS[name], find(str(HERE / f"merged_{size}.toml"))).narrowed


def engine_of(way: Way) -> Engine:
    """Return the engine; without reductions native waits for its best code, as pan does for gcc."""
    if way.engine == "native" and not way.reductions:
        from cowpath.model.explore.native.engine import NativeEngine

        return NativeEngine(patience=0)
    return ENGINES[way.engine]


def explore(name: str, size: str, way: Way) -> Measured:
    """Explore in this process; `whole` and `memory` are left to who started it."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: way.cores])
    narrowed = model_of(name, size)
    asked = questions(narrowed.model, CLAIMS)
    chosen, _ = choose(narrowed, asked, way.reductions)
    found = engine_of(way).explore(narrowed, asked, UNLIMITED, lambda progress: None, chosen)
    if found.engine != way.engine or found.stopped:
        raise SystemExit(f"{way.tool} on {name}: {found.engine} ran; {found.stopped}; {found.remarks}")
    return Measured(way.tool, found.states, found.seconds, found.prepared)


if __name__ == "__main__":
    collect_rarely()
    print(json.dumps(asdict(explore(sys.argv[1], sys.argv[2], WAYS[int(sys.argv[3])]))))
