"""The kernel on both substrates: order, waits, what it reports, and replay."""

from __future__ import annotations

import signal
from _thread import allocate_lock
from collections.abc import Callable
from functools import partial

import pytest

from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Failure, Kernel, Substrate
from cowpath.conformance.scheduler.schedule import Replay, ReplayError, Schedule
from cowpath.conformance.scheduler.substrate import Greenlets, HangError, PooledThreads
from cowpath.conformance.scheduler.sync import ScheduledSync
from cowpath.conformance.strategies.exhaustive import BoundedDFS
from cowpath.conformance.strategies.priorities import PCT, POS, UniformRandomWalk
from cowpath.conformance.strategies.simple import RandomWalk, Sequential
from cowpath.model.scenarios import find
from tests.conformance.toys import SUBSTRATES, Toy, locking


class Choosing(Sequential):
    """Choose as a list says, then the default."""

    def __init__(self, values: list[int]) -> None:
        self.values = values

    def choose(self, n: int, label: str, tasks: object) -> int:
        return self.values.pop(0) if self.values else 0


each_substrate = pytest.mark.parametrize("substrate", SUBSTRATES)
MakeSubstrate = Callable[[], Substrate]


def _fail(kernel: Kernel, *bodies: Callable[[], None]) -> Failure:
    failure = kernel.run([(f"task {i}", body) for i, body in enumerate(bodies)], Sequential())
    assert failure is not None
    return failure


@each_substrate
def test_by_default_each_runs_until_it_has_to_wait(substrate: MakeSubstrate) -> None:
    toy, kernel = Toy(3, 2, 1), Kernel(substrate())
    assert toy.run(kernel, Sequential()) is None
    assert toy.log == "aaabbc"
    assert kernel.steps == 6


@each_substrate
def test_who_is_woken_runs_first_in_first_out(substrate: MakeSubstrate) -> None:
    kernel, log = Kernel(substrate()), []
    here: list[int] = []
    sync = ScheduledSync(kernel)
    lock = sync.lock()
    condition = sync.condition(lock)

    def wait(name: str) -> Callable[[], None]:
        def body() -> None:
            lock.acquire()
            condition.wait_for(lambda: bool(here))
            log.append(name)
            lock.release()

        return body

    def wake() -> None:
        lock.acquire()
        here.append(1)
        condition.notify_all()
        lock.release()

    assert kernel.run([("a", wait("a")), ("b", wait("b")), ("c", wake)], Sequential()) is None
    assert log == ["a", "b"]


@each_substrate
def test_who_gives_a_lock_up_and_takes_it_again_may_find_others_before_it(substrate: MakeSubstrate) -> None:
    kernel, log, orders = Kernel(substrate()), list[str](), set[str]()
    lock = ScheduledSync(kernel).lock()

    def write(name: str, times: int) -> Callable[[], None]:
        def body() -> None:
            for _ in range(times):
                lock.acquire()
                log.append(name)
                lock.release()

        return body

    strategy = BoundedDFS(2)
    while not strategy.exhausted:
        log.clear()
        assert kernel.run([("a", write("a", 2)), ("b", write("b", 1))], strategy) is None
        orders.add("".join(log))
    assert orders == {"aab", "aba", "baa"}


@each_substrate
def test_a_wake_up_that_nobody_sends_is_reported_at_the_step_that_owes_it(substrate: MakeSubstrate) -> None:
    kernel = Kernel(substrate())
    here: list[int] = []
    sync = ScheduledSync(kernel)
    lock = sync.lock()
    condition = sync.condition(lock)

    def wait() -> None:
        lock.acquire()
        condition.wait_for(lambda: bool(here))

    def forget() -> None:
        kernel.pause()
        here.append(1)
        kernel.pause()
        raise AssertionError("it is reported before")

    failure = _fail(kernel, wait, forget)
    assert (failure.kind, failure.task) == ("lost wake-up", "task 1")
    assert failure.reason == "task 0 could go on after this step of task 1, but nobody wakes it"


@each_substrate
def test_two_locks_in_two_orders_get_stuck_and_in_one_order_do_not(substrate: MakeSubstrate) -> None:
    kernel = Kernel(substrate())
    outcomes = {}
    for order in ((("x", "y"), ("x", "y")), (("x", "y"), ("y", "x"))):
        strategy, kinds = BoundedDFS(9), set()
        while not strategy.exhausted:
            failure = kernel.run(locking(kernel, order), strategy)
            kinds.add(failure and failure.kind)
        outcomes[order[1]] = kinds
    assert outcomes == {("x", "y"): {None}, ("y", "x"): {None, "stuck"}}


@each_substrate
@pytest.mark.parametrize(
    ("misuse", "reason"),
    [
        ("lock.release()", "gives up a lock that it does not have"),
        ("lock.acquire(); lock.acquire()", "takes a lock that it has"),
        ("condition.waiters.append(kernel.current); condition.notify_all()", "notifies without the lock"),
    ],
)
def test_a_lock_misused_is_reported(substrate: MakeSubstrate, misuse: str, reason: str) -> None:
    kernel = Kernel(substrate())
    sync = ScheduledSync(kernel)
    lock = sync.lock()
    names = {"lock": lock, "condition": sync.condition(lock), "kernel": kernel}
    failure = _fail(kernel, lambda: exec(misuse, names))
    assert failure.kind == "lock"
    assert failure.reason.endswith(reason)


@each_substrate
def test_an_exception_ends_the_run_and_the_others_unwind(substrate: MakeSubstrate) -> None:
    kernel, unwound = Kernel(substrate()), []
    ScheduledSync(kernel)

    def other() -> None:
        try:
            kernel.pause()
            kernel.pause()
        finally:
            unwound.append("other")

    def crash() -> None:
        raise ValueError("no")

    failure = kernel.run([("a", other), ("b", crash)], Choosing([0, 1]))
    assert failure is not None
    assert (failure.kind, failure.task, failure.reason) == ("crash", "b", "ValueError: no")
    assert unwound == ["other"]
    toy = Toy(1, 1)  # the stacks are as good as new
    assert toy.run(kernel, Sequential()) is None
    assert toy.log == "ab"


@each_substrate
def test_a_run_without_end_is_given_up(substrate: MakeSubstrate) -> None:
    kernel = Kernel(substrate(), limit=50)
    ScheduledSync(kernel)

    def forever() -> None:
        while True:
            kernel.pause()

    assert _fail(kernel, forever, forever).kind == "limit"


@each_substrate
def test_a_task_may_start_others_and_wait_for_their_end(substrate: MakeSubstrate) -> None:
    kernel = Kernel(substrate())
    log: list[int] = []
    sync = ScheduledSync(kernel)

    def main() -> None:
        threads = [sync.spawn(partial(log.append, i), f"child {i}") for i in range(3)]
        for thread in threads:
            thread.join()
        log.append(int(sync.clock()) >= 3)

    for seed in range(20):
        log.clear()
        assert kernel.run([("main", main)], RandomWalk(seed)) is None
        assert sorted(log[:3]) == [0, 1, 2]
        assert log[3] is True


def test_both_substrates_make_the_same_run_of_the_same_choices() -> None:
    scenario = find("two-by-two")
    one, other = (Workload(PAIRS["rfc-2016"], scenario, Kernel(make())) for make in SUBSTRATES)
    for seed in range(30):
        a, b = one.run(RandomWalk(seed)), other.run(RandomWalk(seed))
        assert a.events == b.events
        assert str(a.schedule) == str(b.schedule)


STRATEGIES = [RandomWalk, PCT, POS, UniformRandomWalk]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("substrate", SUBSTRATES)
def test_a_token_replays_its_run(strategy: type[RandomWalk], substrate: MakeSubstrate) -> None:
    workload = Workload(PAIRS["rfc-2016"], find("unaligned-write"), Kernel(Greenlets()))
    again = Workload(PAIRS["rfc-2016"], find("unaligned-write"), Kernel(substrate()))
    made = strategy(1)
    for _ in range(25):
        run = workload.run(made)
        token = str(run.schedule)
        assert len(token) < 80
        for _ in range(4):
            replayed = again.run(Replay(Schedule.parse(token)))
            assert replayed.events == run.events
            assert (replayed.reason, str(replayed.schedule)) == (run.reason, token)


def test_a_token_of_another_run_is_an_error_at_the_decision_that_differs() -> None:
    workload = Workload(PAIRS["rfc-2016"], find("two-by-two"), Kernel(Greenlets()))
    other = Workload(PAIRS["fleecing-4.0"], find("two-by-two"), Kernel(Greenlets()))
    for seed in range(20):
        schedule = workload.run(RandomWalk(seed)).schedule
        with pytest.raises(ReplayError, match=r"^decision \d+: the recorded run had"):
            other.run(Replay(schedule))


def test_a_token_with_a_decision_changed_added_or_lost_is_refused() -> None:
    workload = Workload(PAIRS["unserialised"], find("race"), Kernel(PooledThreads()))
    schedule = workload.run(RandomWalk(3)).schedule
    digests = schedule.digests
    for wrong in (digests[:-1], digests + "A", "-" + digests[1:]):
        with pytest.raises(ReplayError, match=r"^decision \d+: the recorded run had"):
            workload.run(Replay(Schedule(schedule.deviations, wrong)))
    with pytest.raises(ReplayError, match="decision 0"):
        workload.run(Replay(Schedule({0: 7}, digests)))


@pytest.mark.parametrize("token", ["", "1:1", "1~A", "1:1;2:2~A", "~Ä", "-1:1~A"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ReplayError, match="is no token; accepted: "):
        Schedule.parse(token)


# -- what comes in the middle of a run


class Told(BaseException):
    """As Ctrl-C, or the end of somebody's patience."""


@each_substrate
def test_what_is_no_exception_comes_out_when_all_have_unwound(substrate: MakeSubstrate) -> None:
    kernel, unwound = Kernel(substrate()), []

    def waits() -> None:
        try:
            while True:
                kernel.pause()
        finally:
            unwound.append(kernel.ending)

    def tells() -> None:
        kernel.pause()
        raise Told

    with pytest.raises(Told):
        kernel.run([("waits", waits), ("tells", tells)], RandomWalk(1))
    assert unwound == [True]
    toy = Toy(2, 2)
    assert toy.run(kernel, Sequential()) is None
    assert toy.log == "aabb"


@each_substrate
def test_ctrl_c_unwinds_all_and_the_next_run_is_as_ever(substrate: MakeSubstrate) -> None:
    """On threads the signal comes to the one that waits for the run, while a task goes on running."""
    kernel, toy = Kernel(substrate()), Toy(2, 2)
    steps = 0

    def body() -> None:
        nonlocal steps
        while True:
            kernel.pause()
            steps += 1
            if steps == 5:
                signal.raise_signal(signal.SIGINT)

    for _ in range(3):
        steps = 0
        with pytest.raises(KeyboardInterrupt):
            kernel.run([("one", body), ("other", body)], RandomWalk(1))
        assert all(task.ended for task in kernel.tasks)
        assert toy.run(kernel, Sequential()) is None
        assert toy.log == "aabb"


def test_a_pool_of_threads_that_has_been_closed_may_be_used_again() -> None:
    pool = PooledThreads()
    kernel = Kernel(pool)
    for _ in range(50):
        toy = Toy(2, 2, 2)
        assert toy.run(kernel, RandomWalk(1)) is None
        pool.close()


def test_who_does_not_come_back_is_given_up() -> None:
    pool = PooledThreads(patience=1)
    kernel, gate = Kernel(pool), allocate_lock()

    def waits() -> None:
        gate.acquire()

    gate.acquire()
    with pytest.raises(HangError):
        kernel.run([("waits", waits)], Sequential())
    toy, pool.patience = Toy(2, 2), None
    assert toy.run(kernel, Sequential()) is None
    gate.release()
    assert toy.run(kernel, Sequential()) is None


@each_substrate
def test_a_run_does_not_wait_for_daemons(substrate: MakeSubstrate) -> None:
    kernel, log = Kernel(substrate()), list[str]()

    def serve() -> None:
        while True:
            log.append("served")
            kernel.block()

    def main() -> None:
        kernel.spawn(serve, "server", daemon=True)
        kernel.pause()
        log.append("done")

    assert kernel.run([("main", main)], BoundedDFS(2)) is None
    assert kernel.run([("main", main)], BoundedDFS(2)) is None
    assert log == ["done", "served"] * 2


def test_many_digests_of_the_same_are_counted_in_a_token() -> None:
    schedule = Schedule({3: 1}, "ab" + "c" * 200 + "d" * 8 + "e" * 9)
    assert str(schedule) == "3:1~abc.200.dddddddde.9."
    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.parse("3:1~ab" + "c" * 200 + "d" * 8 + "e" * 9) == schedule
    for token in ("~a.1234567.", "~.3.", "~a..", "~a.3"):
        with pytest.raises(ReplayError, match="is no token"):
            Schedule.parse(token)
