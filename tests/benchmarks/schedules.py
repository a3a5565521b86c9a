"""How many schedules a second: four requests, about 30 steps each run, on both substrates, beside frontrun.

    make bench

frontrun (from PyPI: the extra `bench`) schedules threads at every bytecode, the code unchanged; it is run
here on the same stack and requests, under its own command. Seconds are of processor time, on one core, and
every figure of ours is the best of many batches, since machines are shared; a loop of plain Python tells how
fast this one is now.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy, Substrate
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets, PooledThreads
from cowpath.conformance.strategies.exhaustive import DPOR
from cowpath.conformance.strategies.priorities import PCT, POS, UniformRandomWalk
from cowpath.conformance.strategies.simple import RandomWalk
from cowpath.impl.design import Geometry
from cowpath.impl.stack import Stack
from cowpath.model.designs import DESIGNS as MODELS
from cowpath.model.scenarios import find

DESIGN, SCENARIO = "rfc-2016", "two-by-two"
UNDER_FRONTRUN = "--under-frontrun"


def best(once: Callable[[], object], batch: int = 50, batches: int = 80) -> float:
    """Return calls a second, in the best batch."""
    least = float("inf")
    for _ in range(batches):
        began = time.process_time()
        for _ in range(batch):
            once()
        least = min(least, time.process_time() - began)
    return batch / least


def ours() -> None:
    cases: dict[str, Callable[[], object]] = {"sum(range(10_000))": lambda: sum(range(10_000))}
    substrates: tuple[type[Substrate], ...] = (Greenlets, PooledThreads)
    for substrate in substrates:
        workload = Workload(PAIRS[DESIGN], find(SCENARIO), Kernel(substrate()))
        strategies: list[Strategy] = [RandomWalk(1), PCT(1), UniformRandomWalk(1), POS(1), DPOR()]
        for strategy in strategies:
            name = f"{substrate.__name__:<13} {type(strategy).__name__}"
            cases[name] = partial(workload.run, strategy)
    workload = Workload(PAIRS[DESIGN], find(SCENARIO), Kernel(Greenlets()))
    oracle, walk = Oracle(MODELS[DESIGN], find(SCENARIO)), RandomWalk(1)
    for _ in range(2000):  # most of what the monitor works out it has worked out by then
        judge(oracle, workload.run(walk).log)
    cases["Greenlets     RandomWalk, judged"] = lambda: judge(oracle, workload.run(walk).log)
    for name, once in cases.items():
        print(f"{name:<32} {best(once):9,.0f}/s", flush=True)
    steps = sum(len(workload.run(RandomWalk(seed)).events) for seed in range(1000)) / 1000
    print(f"{steps:.1f} steps a run on average")


def tokens(runs: int = 20, times: int = 1000) -> None:
    """Replay the tokens of some runs again and again, on both substrates in turn."""
    one, other = (
        Workload(PAIRS[DESIGN], find(SCENARIO), Kernel(made())) for made in (Greenlets, PooledThreads)
    )
    strategy, same = POS(7), 0
    for _ in range(runs):
        run = one.run(strategy)
        replay = Replay(Schedule.parse(str(run.schedule)))
        same += sum((other if i % 2 else one).run(replay).events == run.events for i in range(times))
    print(f"{same} of {runs * times} replays of {runs} tokens were identical")


def frontrun_random(attempts: int = 20) -> None:
    import frontrun

    scenario = find(SCENARIO)
    geometry = Geometry(scenario.size, scenario.cluster, scenario.request_alignment)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:

        def worker(number: int) -> Callable[[Stack], object]:
            request = scenario.requests[number]
            offset, length = request.offset or 0, request.length or 0
            if request.kind == "guest-read":
                return lambda stack: stack.guest_read(offset, length)
            return lambda stack: stack.nbd_write(offset, bytes(length))

        began = time.process_time()
        result = frontrun.explore(
            setup=lambda: Stack(folder, DESIGN, geometry),
            workers=[worker(number) for number in range(len(scenario.requests))],
            invariant=lambda stack: True,
            strategy="random",
            max_attempts=attempts,
            max_ops=100_000,
            seed=1,
        )
        seconds = time.process_time() - began
    print(f"{'frontrun      random, bytecodes':<32} {result.num_explored / seconds:9,.1f}/s")


def main() -> None:
    if sys.argv[1:] == [UNDER_FRONTRUN]:
        frontrun_random()
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ours()
    tokens()
    command = shutil.which("frontrun", path=str(Path(sys.executable).parent))
    if command is None:
        print("frontrun is not installed; `pip install 'cowpath[bench]'` does it")
    else:
        subprocess.run([command, sys.executable, __file__, UNDER_FRONTRUN], check=True)


if __name__ == "__main__":
    main()
