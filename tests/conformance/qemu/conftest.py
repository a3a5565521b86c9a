"""What these tests need to be there: QEMU and NBD's tools. CI installs them; elsewhere we skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.conformance.qemu.binaries import Qemu, at_prefix, installed
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


UNPACKED = {folder.name: folder for folder in Path(__file__).parents[3].glob("build/qemu-*")}
"""The QEMUs that `make qemu` has unpacked."""


@pytest.fixture(scope="module", params=["installed", *sorted(UNPACKED)])
def release(request: pytest.FixtureRequest, qemu: Qemu) -> Qemu:
    unpacked = UNPACKED.get(request.param)
    return qemu if unpacked is None else at_prefix(str(unpacked))


@pytest.fixture(scope="session")
def qemu() -> Qemu:
    need("qemu-storage-daemon", "qemu-system-x86_64")
    try:
        return installed()
    except NoQemu as error:
        pytest.fail(str(error))
