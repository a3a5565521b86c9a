"""The command in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.running import Ran, run


@pytest.fixture
def cowpath(tmp_path: Path) -> Callable[..., Ran]:
    return lambda *arguments: run(tmp_path, *arguments)
