"""What all tests share: commands run in this process, and the tests that only run with `--everything`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from io import StringIO
from pathlib import Path

import pytest

from cowpath.command_line import run
from tests.draws import draw_everything
from tests.in_process import SHARED, Command, Ran

# A shell starts what it runs in the background with interrupts ignored, and a process hands that on to
# those it starts: then no test of Ctrl-C could end. A handler is not handed on: they start with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No test is answered by what an earlier run kept, nor any command that one starts; some share (`SHARED`).
os.environ["COWPATH_CACHE"] = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="Run the lengthy tests, too.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--everything"):
        draw_everything()
    if not hasattr(config, "workerinput"):  # the workers of xdist have it from the process that starts them
        folder = tempfile.TemporaryDirectory(prefix="cowpath-tests-")
        os.environ[SHARED] = folder.name
        config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--everything"):
        for item in items:
            if item.get_closest_marker("lengthy"):
                item.add_marker(pytest.mark.skip(reason="lengthy: runs with --everything"))


@pytest.fixture
def cowpath(in_process: Command) -> Command:
    return in_process


@pytest.fixture
def in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command in an empty folder, with what is typed coming from a pipe."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", StringIO(typed))
        try:
            status = run(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Ran(status, *capsys.readouterr())

    return ran
