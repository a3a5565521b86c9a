"""How many schedules a second: four requests, about 32 steps each run, on both substrates, beside frontrun.

    python tests/benchmarks/schedules.py

frontrun (from PyPI, no dependency of ours) schedules threads at every bytecode, the code unchanged; if
it is installed it is run here on the same stack and requests, under its own command. Every figure is the best
of many batches on one core, since machines are shared; a loop of plain Python tells how fast this one is now.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from conformance.monitor.monitor import judge
from conformance.monitor.oracle import Oracle
from conformance.scheduler.kernel import Kernel, Strategy
from conformance.scheduler.schedule import Replay, Schedule
from conformance.scheduler.substrate import Greenlets, PooledThreads
from conformance.strategies.exhaustive import DPOR
from conformance.strategies.priorities import PCT, POS, UniformRandomWalk
from conformance.strategies.simple import RandomWalk
from conformance.workload import Workload
from impl.design import Geometry
from impl.stack import Stack
from model.designs import DESIGNS as MODELS
from model.scenarios import find

DESIGN, SCENARIO = "rfc-2016", "two-by-two"
UNDER_FRONTRUN = "--under-frontrun"


def best(once: Callable[[], object], batch: int = 50, batches: int = 40) -> float:
    """Return calls a second, in the best batch."""
    fastest = float("inf")
    for _ in range(batches):
        began = time.perf_counter()
        for _ in range(batch):
            once()
        fastest = min(fastest, time.perf_counter() - began)
    return batch / fastest


def ours() -> None:
    substrates: dict[str, type[Greenlets] | type[PooledThreads]] = {
        "greenlets": Greenlets,
        "threads": PooledThreads,
    }
    strategies: list[Strategy] = [RandomWalk(1), PCT(1), UniformRandomWalk(1), POS(1), DPOR()]
    for name, substrate in substrates.items():
        workload = Workload(DESIGN, find(SCENARIO), Kernel(substrate()))
        for strategy in strategies:
            rate = best(lambda s=strategy, w=workload: w.run(s))  # type: ignore[misc]
            print(f"{name:<10} {type(strategy).__name__:<18} {rate:7,.0f} schedules/s")
    workload = Workload(DESIGN, find(SCENARIO), Kernel(Greenlets()))
    oracle, walk = Oracle(MODELS[DESIGN], find(SCENARIO)), RandomWalk(1)
    for _ in range(2000):  # most of what the monitor works out it has worked out by then
        judge(oracle, workload.run(walk).log)
    rate = best(lambda: judge(oracle, workload.run(walk).log))
    print(f"{'greenlets':<10} {'RandomWalk, judged':<18} {rate:7,.0f} schedules/s")
    steps = sum(len(workload.run(RandomWalk(seed)).events) for seed in range(1000)) / 1000
    print(f"{steps:.1f} steps a run on average")


def tokens(runs: int = 20, times: int = 1000) -> None:
    """Replay the tokens of some runs again and again, on both substrates in turn."""
    one, other = (Workload(DESIGN, find(SCENARIO), Kernel(made())) for made in (Greenlets, PooledThreads))
    strategy, same = POS(7), 0
    for _ in range(runs):
        run = one.run(strategy)
        replay = Replay(Schedule.parse(str(run.schedule)))
        same += sum((other if i % 2 else one).run(replay).events == run.events for i in range(times))
    print(f"{same} of {runs * times} replays of {runs} tokens were identical")


def frontrun_random(attempts: int = 20) -> None:
    import frontrun  # type: ignore[import-not-found]  # not a dependency

    scenario = find(SCENARIO)
    geometry = Geometry(scenario.size, scenario.cluster, scenario.request_alignment)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:

        def worker(number: int) -> Callable[[Stack], object]:
            request = scenario.requests[number]
            offset, length = request.offset or 0, request.length or 0
            if request.kind == "guest-read":
                return lambda stack: stack.guest_read(offset, length)
            return lambda stack: stack.nbd_write(offset, bytes(length))

        began = time.perf_counter()
        result = frontrun.explore(
            setup=lambda: Stack(folder, DESIGN, geometry),
            workers=[worker(number) for number in range(len(scenario.requests))],
            invariant=lambda stack: True,
            strategy="random",
            max_attempts=attempts,
            max_ops=100_000,
            seed=1,
        )
        seconds = time.perf_counter() - began
    print(f"{'frontrun':<10} {'random, bytecodes':<18} {result.num_explored / seconds:7,.1f} schedules/s")


def main() -> None:
    if sys.argv[1:] == [UNDER_FRONTRUN]:
        frontrun_random()
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"this machine now: {best(lambda: sum(range(10_000))) / 100:,.1f} million additions/s")
    ours()
    tokens()
    command = shutil.which("frontrun", path=str(Path(sys.executable).parent))
    if command is None:
        print("frontrun is not installed")
    else:
        subprocess.run([command, sys.executable, __file__, UNDER_FRONTRUN], check=True)


if __name__ == "__main__":
    main()
