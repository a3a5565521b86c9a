"""What each strategy promises, counted on toys and on the stack."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, permutations
from math import comb, factorial

import pytest

from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.original import is_original, original
from cowpath.conformance.runs.workload import Run, Workload
from cowpath.conformance.scheduler.kernel import Kernel, Strategy
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.exhaustive import DPOR, BoundedDFS, SleepSets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.conformance.strategies.priorities import PCT, POS, UniformRandomWalk
from cowpath.conformance.strategies.simple import Guided, RandomWalk, Wanted
from cowpath.model.scenarios import find
from tests.conformance.toys import Toy

EVERYTHING = 10**9


def logs(toy: Toy, strategy: Strategy, runs: int = 100_000) -> Counter[str]:
    kernel, found = Kernel(Greenlets()), Counter[str]()
    while not strategy.exhausted and runs:
        failure = toy.run(kernel, strategy)
        assert failure is None or failure.kind == "pruned"
        found[toy.log] += failure is None
        runs -= 1
    return +found


@pytest.mark.parametrize("sections", [(1, 1), (2, 3), (4, 4), (2, 2, 2), (1, 2, 3)])
def test_depth_first_makes_every_interleaving_once(sections: tuple[int, ...]) -> None:
    found = logs(Toy(*sections), BoundedDFS(EVERYTHING))
    count = factorial(sum(sections))
    for section in sections:
        count //= factorial(section)
    assert len(found) == count
    assert set(found.values()) == {1}


def test_a_bound_on_the_deviations_bounds_the_runs() -> None:
    toy = Toy(3, 3)
    sizes = [len(logs(toy, BoundedDFS(bound))) for bound in range(8)]
    assert sizes[0] == 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == comb(6, 3)
    assert sizes[1] < sizes[2] < sizes[-1]


@pytest.mark.parametrize("strategy", [SleepSets, DPOR])
def test_steps_that_are_independent_are_run_in_one_order_only(strategy: type[SleepSets]) -> None:
    assert len(logs(Toy(3, 3, 3, apart=True), strategy())) == 1
    assert len(logs(Toy(3, 3), strategy())) == comb(6, 3)


def test_a_uniform_random_walk_is_uniform_and_a_plain_one_is_not() -> None:
    runs, every = 20_000, comb(10, 2)
    counts = {made: logs(Toy(8, 2), made(1), runs) for made in (UniformRandomWalk, RandomWalk)}
    expected = runs / every
    assert len(counts[UniformRandomWalk]) == every
    assert all(0.7 < count / expected < 1.4 for count in counts[UniformRandomWalk].values())
    assert max(counts[RandomWalk].values()) > 5 * expected


def test_pct_finds_a_bug_of_depth_two_as_often_as_it_promises() -> None:
    toy, runs = Toy(6, 6), 3000
    found = logs(toy, PCT(1, depth=2), runs)
    # b's only chance to come between a's third and fourth step is one change point in some 12 decisions.
    hits = sum(count for log, count in found.items() if log.startswith("aaab"))
    assert hits >= runs / (2 * 12)
    assert all(sum(x != y for x, y in pairwise(log)) <= 2 for log in found)


def test_pos_runs_independent_steps_in_every_order_and_dependent_ones_evenly() -> None:
    found = logs(Toy(1, 1, 1), POS(1), 3000)
    assert len(found) == 6
    assert all(350 < count < 650 for count in found.values())


OUTCOMES = [
    ("unserialised", "race"),
    ("rfc-2016", "unaligned-write"),
    ("merged-2.8", "copy-on-read"),
    pytest.param("fleecing-4.0", "unaligned-write", marks=pytest.mark.lengthy),
    pytest.param("rfc-repaired", "neighbours", marks=pytest.mark.lengthy),
    ("copy-before-write-9.2", "race"),
]


def _outcome(workload: Workload, run: Run) -> tuple[object, ...]:
    """What the run came to; of a crash only who crashed, since it cuts off the others wherever they are."""
    if run.failure is not None and run.failure.kind == "crash":
        return (run.failure.reason,)
    disks = tuple(os.pread(file, 65536, 0) for file in workload.rig.files)
    return (run.reason, disks, tuple(sorted((k, v) for k, v in run.results.items() if isinstance(v, bytes))))


@pytest.mark.parametrize(("design", "scenario"), OUTCOMES)
def test_reductions_find_every_outcome_in_fewer_runs(design: str, scenario: str) -> None:
    found, runs = {}, {}
    for strategy in (BoundedDFS(EVERYTHING), SleepSets(), DPOR()):
        workload = Workload(PAIRS[design], find(scenario), Kernel(Greenlets()))
        outcomes, count = set(), 0
        while not strategy.exhausted:
            run = workload.run(strategy)
            count += 1
            if run.failure is None or run.failure.kind != "pruned":
                outcomes.add(_outcome(workload, run))
        found[type(strategy)], runs[type(strategy)] = outcomes, count
        workload.close()
    assert found[DPOR] == found[SleepSets] == found[BoundedDFS]
    assert runs[DPOR] < runs[SleepSets] < runs[BoundedDFS] / 4


FINDERS = [RandomWalk(1), PCT(1), POS(1), UniformRandomWalk(1), BoundedDFS(3), SleepSets(), DPOR()]


@pytest.mark.parametrize("strategy", FINDERS, ids=lambda strategy: type(strategy).__name__)
def test_each_finds_the_race(strategy: Strategy) -> None:
    race = Workload(PAIRS["unserialised"], find("race"), Kernel(Greenlets()))
    wrong = 0
    for _ in range(300):
        if strategy.exhausted:
            break
        data = race.run(strategy).results.get("guest-read 0", b"")
        wrong += isinstance(data, bytes) and not is_original(0, data)
    assert wrong


def test_nobody_finds_a_race_where_there_is_none() -> None:
    for design in ("rfc-2016", "fleecing-4.0", "block-copy-5.0", "copy-before-write-9.2", "rfc-repaired"):
        workload, strategy = Workload(PAIRS[design], find("race"), Kernel(Greenlets())), DPOR()
        while not strategy.exhausted:
            run = workload.run(strategy)
            if run.failure is None:
                assert run.results["guest-read 0"] == original(0, 4096)


def test_a_guide_says_where_the_run_departs() -> None:
    workload = Workload(PAIRS["rfc-2016"], find("race"), Kernel(Greenlets()))
    guide = Guided([Wanted("read.begin", "guest-read 0"), Wanted("cow.begin", "nbd-write 1")])
    workload.run(guide)
    assert guide.departed == (
        2,
        "step 2 is cow.begin of nbd-write 1, but nbd-write 1 makes the step write.settle",
    )
    guide = Guided([Wanted("read.begin", "guest-read 7")])
    workload.run(guide)
    assert guide.departed == (
        1,
        "step 1 is read.begin of guest-read 7, but guest-read 7 cannot run; guest-read 0, nbd-write 1 can",
    )


# -- tasks that are started in the middle of a run


def family(kernel: Kernel, log: list[str]) -> list[tuple[str, Callable[[], None]]]:
    """A parent with one step, who starts two children with two steps each; all write the same."""

    def step(name: str) -> None:
        log.append(name)
        kernel.accesses.append(("the log", None, True))
        kernel.strategy.labelled("step", name)

    def child(name: str) -> Callable[[], None]:
        def body() -> None:
            for i in range(2):
                if i:
                    kernel.pause()
                step(name)

        return body

    def parent() -> None:
        step("p")
        for name in "ab":
            kernel.spawn(child(name), name)

    return [("p", parent)]


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_knows_tasks_that_are_spawned(name: str) -> None:
    strategy, kernel, logs = STRATEGIES[name](1), Kernel(Greenlets()), set[str]()
    for _ in range(400):
        if strategy.exhausted:
            break
        log: list[str] = []
        failure = kernel.run(family(kernel, log), strategy)
        if failure is None:
            logs.add("".join(log))
        assert failure is None or failure.kind == "pruned"
    everything = {f"p{''.join(order)}" for order in permutations("aabb")}
    assert len(everything) == comb(4, 2)
    assert logs <= everything
    assert len(logs) >= (4 if name == "pct" else 5)
    if name in ("dfs", "sleep-sets", "dpor"):
        assert strategy.exhausted
        assert logs == everything or name == "dfs"


def test_a_child_knows_what_its_parent_has_done() -> None:
    """The parent's step comes before those of its children: it is no race, and nobody is tried before it."""
    strategy, kernel, runs = DPOR(), Kernel(Greenlets()), 0
    while not strategy.exhausted:
        kernel.run(family(kernel, []), strategy)
        runs += 1
    assert runs == comb(4, 2)
