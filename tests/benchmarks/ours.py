"""One run of one of our engines on one model, in a process of its own: python -m tests.benchmarks.ours."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cowpath.command_line import collect_rarely
from cowpath.model.designs import ALL, MIRRORS, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.result import UNLIMITED, Engine, Limits, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.reductions.choice import NAMES, choose
from cowpath.model.scenarios import find
from tests.benchmarks import cow_request

HERE = Path(__file__).parent
CLAIMS = {"cow-request": ("snapshot",), "merged-2.8": ("snapshot",), "mirror-8.2": ("mirror-equal",)}
"""What is looked for."""
MIRROR = "run-between-written-clusters"
ROWS = {"small": 216_529, "medium": 11_066_980, "large": 70_424_216}
"""Rows of the CowRequest table, by their states."""
MODELS = {"cow-request": tuple(ROWS), "merged-2.8": (*ROWS, "huge"), "mirror-8.2": ("small",)}
"""The models, each with its sizes; the last of merged-2.8 is for reductions alone."""
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

    `cpu` and `whole_cpu` are both in processor time. One that was `stopped` would have found more states, in
    more time. `prepared` is what it took to generate and compile code; `memory` the peak of the process, in
    bytes.
    """

    tool: str
    states: int
    seconds: float
    prepared: float
    whole: float = 0.0
    cpu: float = 0.0
    whole_cpu: float = 0.0
    memory: int | None = None
    stopped: bool = False


def model_of(name: str, size: str) -> Narrowed:
    """Return the finite model."""
    if name == "cow-request":
        row = next(row for row in cow_request.TABLE if row.states == ROWS[size])
        return narrow(ground(cow_request.build(), cow_request.instance(row)))
    scenario = MIRROR if name in MIRRORS else str(HERE / f"merged_{size}.toml")
    return Case(ALL[name], find(scenario)).narrowed


def engine_of(way: Way) -> Engine:
    """Return the engine; without reductions native waits for its best code, as pan does for gcc."""
    if way.engine == "native" and not way.reductions:
        from cowpath.model.explore.native.engine import NativeEngine

        return NativeEngine(patience=0)
    return ENGINES[way.engine]


def explore(name: str, size: str, way: Way) -> tuple[Measured, float]:
    """Explore in this process; `whole` and `memory` are left to who started it.

    Return what was measured, and the seconds that went to measuring it.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: way.cores])
    narrowed = model_of(name, size)
    asked = questions(narrowed.model, CLAIMS[name])
    chosen, _ = choose(narrowed, asked, way.reductions)
    engine, times, began = engine_of(way), [time.process_time()], time.perf_counter()
    for limits in (Limits(max_states=1), UNLIMITED):  # the first does all that is done before the search
        extra = time.perf_counter() - began if limits is UNLIMITED else 0.0
        found = engine.explore(narrowed, asked, limits, lambda progress: None, chosen)
        times.append(time.process_time())
    before = times[1] - times[0]
    if found.engine != way.engine or found.stopped:
        raise SystemExit(f"{way.tool} on {name}: {found.engine} ran; {found.stopped}; {found.remarks}")
    cpu = times[2] - times[1] - before
    took = found.seconds, found.prepared, 0.0, cpu, times[2] - before
    return Measured(way.tool, found.states, *took), extra


if __name__ == "__main__":
    collect_rarely()
    measured, extra = explore(sys.argv[1], sys.argv[2], WAYS[int(sys.argv[3])])
    print(json.dumps({"measured": asdict(measured), "extra": extra}))
