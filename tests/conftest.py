"""Tests marked `lengthy` say of more designs what others say of some; they run with `--everything`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="Run the lengthy tests, too.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--everything"):
        for item in items:
            if item.get_closest_marker("lengthy"):
                item.add_marker(pytest.mark.skip(reason="lengthy: runs with --everything"))
