"""Programs that a test works with, and that no package of Python brings."""

from __future__ import annotations

import os
import shutil

import pytest


def need(*programs: str) -> None:
    """Skip the test if one of the programs is missing; in CI, which installs them, that is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    lacks(f"not installed: {', '.join(missing)}" if missing else "")


def lacks(reason: str | None) -> None:
    """Skip the test if there is a reason why it cannot run; in CI that is a failure."""
    if reason and "CI" not in os.environ:
        pytest.skip(reason)
    assert not reason, f"{reason}; CI installs what tests need: see .ci/run"
