"""One small test for each thing that threaded code does; all of `HOLDS` hold under every schedule."""

from __future__ import annotations

import contextvars
import functools
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock, RLock, Thread, local
from time import monotonic, sleep
from typing import Any

LOCK, RLOCK = Lock(), RLock()  # made when the module is imported, as all of these
LOCAL = local()
EVENT, SEMAPHORE = threading.Event(), threading.Semaphore(1)
CONDITION = threading.Condition()
QUEUE: queue.Queue[int] = queue.Queue(1)
VAR = contextvars.ContextVar("VAR", default="unset")
log = logging.getLogger("gallery")


class Holder:
    shared = threading.Lock()


HOLDER = Holder()


def go(*bodies: Callable[[], object], daemon: bool = False) -> None:
    threads = [Thread(target=body, daemon=daemon) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def locks_of_the_module() -> None:
    n: list[int] = []

    def body() -> None:
        with LOCK, Holder.shared:
            length = len(n)
            n.append(length)
        with RLOCK, RLOCK:
            pass

    go(body, body)
    assert n == [0, 1]


def other_things_of_the_module() -> None:
    def take() -> None:
        with SEMAPHORE:
            EVENT.wait()
        with CONDITION:
            while QUEUE.empty():
                CONDITION.wait()
            assert QUEUE.get() == 7

    def give() -> None:
        EVENT.set()
        with CONDITION:
            QUEUE.put(7)
            CONDITION.notify_all()

    EVENT.clear()
    go(take, give)


def timeouts() -> None:
    condition, event, waiting = threading.Condition(), threading.Event(), queue.Queue[int](1)
    start, wall = monotonic(), time.time()
    with condition:
        assert not condition.wait(5)
        assert not condition.wait_for(lambda: False, 3)
    assert not event.wait(7)
    try:
        waiting.get(timeout=11)
        raise AssertionError
    except queue.Empty:
        pass
    lock = Lock()
    assert lock.acquire()
    assert not lock.acquire(timeout=13)
    assert not lock.acquire(blocking=False)
    sleep(100)
    assert 139 <= monotonic() - start < 140
    assert 139 <= time.time() - wall < 140
    assert isinstance(time.monotonic_ns(), int)
    thread = Thread(target=lambda: sleep(50))
    thread.start()
    thread.join(1)
    assert thread.is_alive()
    thread.join()
    assert not thread.is_alive()


def polling() -> None:
    done: list[int] = []

    def body() -> None:
        sleep(3)
        done.append(1)

    Thread(target=body).start()
    end = monotonic() + 10
    while not done and monotonic() < end:
        sleep(0.5)
    assert done


def busy_waiting() -> None:
    done: list[int] = []
    Thread(target=lambda: done.append(1)).start()
    while not done:
        pass


def a_daemon_that_serves() -> None:
    jobs: queue.Queue[Callable[[], object]] = queue.Queue()
    got: list[int] = []

    def serve() -> None:
        while True:
            job = jobs.get()
            job()
            jobs.task_done()

    Thread(target=serve, daemon=True).start()
    jobs.put(lambda: got.append(1))
    jobs.put(lambda: got.append(2))
    jobs.join()
    assert got == [1, 2]


def executors() -> None:
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(pow, 2, i) for i in range(4)]
        assert [future.result() for future in futures] == [1, 2, 4, 8]
        assert list(pool.map(str, range(3))) == ["0", "1", "2"]
        assert len(list(as_completed(futures))) == 4


def barrier_semaphore_timer() -> None:
    barrier, semaphore, out = threading.Barrier(3), threading.BoundedSemaphore(2), list[int]()

    def body() -> None:
        barrier.wait()
        with semaphore:
            out.append(1)

    go(body, body, body)
    timer = threading.Timer(30, lambda: out.append(2))
    timer.start()
    timer.join()
    assert out == [1, 1, 1, 2]


def simple_queue() -> None:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    got: list[int] = []
    go(lambda: got.append(items.get()), lambda: items.put(5))
    assert got == [5]


class Mine(threading.local):
    def __init__(self, start: int) -> None:
        self.value = start


def local_variables() -> None:
    mine, seen = local(), list[tuple[int, int, int]]()

    class Inner(threading.local):
        def __init__(self, start: int) -> None:
            self.value = start

    inner, outer = Inner(7), Mine(8)

    def body(n: int) -> None:
        assert (inner.value, outer.value) == (7, 8)
        assert not hasattr(LOCAL, "n"), "left over from a former run"
        LOCAL.n = mine.n = inner.value = n
        sleep(1)
        seen.append((LOCAL.n, mine.n, inner.value))
        del mine.n
        assert not hasattr(mine, "n")

    go(lambda: body(1), lambda: body(2))
    assert not hasattr(mine, "n")
    assert sorted(seen) == [(1, 1, 1), (2, 2, 2)]


def context_variables() -> None:
    seen: list[str] = []
    assert VAR.get() == "unset", "left over from a former run"
    VAR.set("main")

    def body(n: str) -> None:
        seen.append(VAR.get())
        VAR.set(n)
        sleep(1)
        assert VAR.get() == n

    go(lambda: body("a"), lambda: body("b"))
    assert VAR.get() == "main"
    assert seen == ["unset", "unset"]


class Told:
    def __repr__(self) -> str:
        with LOCK:
            return "told"


def logging_what_takes_a_lock() -> None:
    handler = logging.StreamHandler(open("/dev/null", "w"))  # noqa: SIM115
    log.addHandler(handler)
    try:
        go(lambda: log.warning("%r", Told()), lambda: log.warning("%r", Told()))
    finally:
        log.removeHandler(handler)
        handler.stream.close()


def names_and_numbers() -> None:
    seen: dict[str, int] = {}

    def body() -> None:
        seen[threading.current_thread().name] = threading.get_ident()
        assert threading.active_count() == len(threading.enumerate())
        assert threading.current_thread() in threading.enumerate()

    threads = [Thread(target=body, name=name) for name in ("a", "b")]
    assert threads[0].ident is None
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seen["a"], seen["b"]] == [thread.ident for thread in threads] == [2, 3]
    assert threading.current_thread() is threading.main_thread()
    assert threading.get_ident() == 1
    assert threading.enumerate() == [threading.main_thread()]


def exits() -> None:
    go(lambda: sys.exit(3))


class Sub(Thread):
    def __init__(self) -> None:
        super().__init__()
        self.out: list[bool] = []

    def run(self) -> None:
        self.out.append(threading.current_thread() is self)


def a_subclass_of_thread() -> None:
    sub = Sub()
    sub.start()
    sub.join()
    assert sub.out == [True]
    try:
        sub.start()
        raise AssertionError
    except RuntimeError:
        pass


def cleaning_up() -> None:
    lock, out = Lock(), list[int]()

    def body() -> None:
        try:
            with lock:
                raise ValueError
        except ValueError:
            out.append(1)
        finally:
            with lock:
                out.append(2)

    go(body, body)
    assert sorted(out) == [1, 1, 2, 2]


class Cached:
    def __init__(self) -> None:
        self.made = 0

    @functools.cached_property
    def value(self) -> int:
        self.made += 1
        sleep(1)
        return 7


def cached_properties() -> None:
    cached, seen = Cached(), list[int]()
    go(lambda: seen.append(cached.value), lambda: seen.append(cached.value))
    assert seen == [7, 7]


def locks_misused() -> None:
    for lock in (Lock(), RLock()):
        try:
            lock.release()
            raise AssertionError
        except RuntimeError:
            pass
    condition = threading.Condition()
    for misuse in (condition.wait, condition.notify):
        try:
            misuse()
            raise AssertionError
        except RuntimeError:
            pass


def what_is_asked_of_locks() -> None:
    lock = Lock()
    assert not lock.locked()
    with lock:
        assert lock.locked()
    if sys.version_info >= (3, 13):
        kind: Any = threading.Lock  # a function, for the types of 3.12 and before
        assert isinstance(lock, kind)


HOLDS: list[Callable[[], None]] = [
    locks_of_the_module,
    other_things_of_the_module,
    timeouts,
    polling,
    busy_waiting,
    a_daemon_that_serves,
    executors,
    barrier_semaphore_timer,
    simple_queue,
    local_variables,
    context_variables,
    logging_what_takes_a_lock,
    names_and_numbers,
    exits,
    a_subclass_of_thread,
    cleaning_up,
    cached_properties,
    locks_misused,
    what_is_asked_of_locks,
]


# -- those that do not hold


def raises() -> None:
    go(lambda: 1 // 0)


def waits_for_ever() -> None:
    lock = Lock()

    def body() -> None:
        with lock, lock:
            pass

    go(body)


def swallows_its_end() -> None:
    condition = threading.Condition()

    def body() -> None:
        while True:
            try:
                with condition:
                    condition.wait()
            except BaseException:
                pass

    go(body)


def spins() -> None:
    while True:
        pass


def _hidden() -> Callable[[], None]:
    lock = Lock()

    def body() -> None:
        with lock:
            sleep(1)

    return body


HIDDEN: Any = _hidden()
"""What has a lock in a closure: nobody finds it there."""


def waits_for_a_hidden_lock() -> None:
    go(HIDDEN, HIDDEN)
