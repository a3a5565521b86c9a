"""pytest: a test under `@schedules(...)` runs so many times, each under another schedule.

The whole test function is the main thread of each run; fixtures are made outside, once, so what they hand
over is shared by all runs (one that must be fresh hands over a function that makes it). With Hypothesis on
top, each example that is drawn runs under so many schedules.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from _pytest.unittest import TestCaseFunction

from cowpath.conformance.own.decorator import Wish, wish_of
from cowpath.conformance.own.exchange import SourceError
from cowpath.conformance.own.explore import Exploration
from cowpath.conformance.own.explorer import modules_of
from cowpath.conformance.own.result import Explored
from cowpath.conformance.scheduler.schedule import ReplayError, Schedule
from cowpath.conformance.scheduler.substrate import HangError


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("cowpath")
    group.addoption(
        "--cowpath-schedules", type=int, metavar="N", help="schedules of each test, instead of what it says"
    )
    group.addoption(
        "--cowpath-replay", metavar="TOKEN", help="run the one selected test of @schedules as the token says"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options."""
    count = config.getoption("--cowpath-schedules")
    if count is not None and count < 1:
        raise pytest.UsageError(f"--cowpath-schedules {count}; accepted: 1 or more")
    token = config.getoption("--cowpath-replay")
    if token is not None:
        try:
            Schedule.parse(token)
        except ReplayError as error:
            raise pytest.UsageError(f"--cowpath-replay: {error}") from None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check that a token has one test to go to."""
    if config.getoption("--cowpath-replay") is not None:
        marked = [item for item in items if wish_of(getattr(item, "obj", None)) is not None]
        if len(marked) != 1 and not config.getoption("collectonly"):
            raise pytest.UsageError(
                f"--cowpath-replay: {len(marked)} tests of @schedules are selected; accepted: one, as in"
                " test_file.py::test_name"
            )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what would run without schedules."""
    if isinstance(item, TestCaseFunction) and wish_of(item.obj) is not None:
        pytest.fail(
            "@schedules is for functions, and methods of plain classes, not of TestCase", pytrace=False
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that has the mark."""
    __tracebackhide__ = True
    wish = wish_of(pyfuncitem.obj)
    if wish is None:
        return None
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        pytest.fail("@schedules is for threads; an async test has none", pytrace=False)
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    given = getattr(pyfuncitem.obj, "hypothesis", None)
    if given is None:
        _run(pyfuncitem, wish, pyfuncitem.obj, arguments)
        return True
    if pyfuncitem.config.getoption("--cowpath-replay") is not None:
        pytest.fail(
            "--cowpath-replay: of a test of @given Hypothesis replays the example itself", pytrace=False
        )
    inner = given.inner_test

    @functools.wraps(inner)
    def each(*drawn: Any, **options: Any) -> None:
        __tracebackhide__ = True
        _run(pyfuncitem, wish, functools.partial(inner, *drawn), options, drawn=True)

    given.inner_test = each
    try:
        pyfuncitem.obj(**arguments)
    finally:
        given.inner_test = inner
    return True


def _run(
    item: pytest.Function,
    wish: Wish,
    test: Callable[..., object],
    arguments: dict[str, Any],
    drawn: bool = False,
) -> None:
    __tracebackhide__ = True
    config = item.config
    token = config.getoption("--cowpath-replay")
    plan = wish.plan_with(config.getoption("--cowpath-schedules"))
    modules = wish.modules if wish.modules is not None else modules_of(inspect.unwrap(item.obj))
    try:
        exploration = Exploration(
            functools.partial(test, **arguments),
            modules,
            plan,
            wish.model,
            objects=tuple(arguments.values()),
            after=_rewriting(config, item.module),
        )
        result = exploration.replay(token) if token else exploration.explore()
    except (ReplayError, SourceError, HangError) as error:
        pytest.fail(str(error), pytrace=False)
    item.user_properties.append(("cowpath schedules", result.schedules))
    if result.interrupted:
        raise KeyboardInterrupt
    if result.found is not None:
        if not token:
            capture: Any = config.pluginmanager.getplugin("capturemanager")
            if capture is not None:
                capture.read_global_capture()  # all the other runs have printed, too
            result = exploration.again(result)
        _fail(item, result, drawn)


def _fail(item: pytest.Function, result: Explored, drawn: bool) -> None:
    """Raise what was raised in the run, with the schedule as its note; else fail, with nothing but that."""
    assert result.found is not None
    __tracebackhide__ = result.found.error is not None
    says = f"a schedule fails\n{result}"
    if not drawn:
        says += f"\nto see it again: pytest '{item.nodeid}' --cowpath-replay '{result.found.token}'"
    error = result.found.error
    if error is None:
        pytest.fail(says, pytrace=False)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename not in result.explorer.files:
        trace = trace.tb_next
    error.add_note(says)
    raise error.with_traceback(trace)


def _rewriting(config: pytest.Config, module: ModuleType) -> Callable[[Any, str, ModuleType], None]:
    """Return pytest's own rewriting of assertions, to be done to the test's module when it has points."""
    from _pytest.assertion.rewrite import rewrite_asserts

    plain = config.getoption("assertmode") == "plain"

    def rewrite(tree: Any, source: str, compiled: ModuleType) -> None:
        if compiled is module and not plain:
            rewrite_asserts(tree, source.encode(), str(compiled.__file__), config)

    return rewrite
