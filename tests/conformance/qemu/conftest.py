"""What these tests need to be there: QEMU and NBD's tools. CI installs them; elsewhere we skip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cowpath.conformance.qemu.binaries import Qemu, at_prefix, installed
from cowpath.conformance.qemu.errors import NoQemu
from tests.programs import need


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
