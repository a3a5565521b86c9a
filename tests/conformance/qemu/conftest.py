"""What these tests need to be there: QEMU and NBD's tools. CI installs them; elsewhere we skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from cowpath.conformance.qemu.binaries import Qemu, installed
from cowpath.conformance.qemu.errors import NoQemu


def need(*programs: str) -> None:
    """Skip the test if one of the programs is missing; in CI that is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert not missing, "CI installs them: see .ci/run"


@pytest.fixture
def needs() -> Callable[..., None]:
    return need


@pytest.fixture(scope="session")
def qemu() -> Qemu:
    need("qemu-storage-daemon", "qemu-system-x86_64")
    try:
        return installed()
    except NoQemu as error:
        pytest.fail(str(error))
