"""Where `mpiexec` is: beside Python, where the extra `mpi` puts one, or on the PATH."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
_MISSING = MPIEXEC is None or importlib.util.find_spec("mpi4py") is None
needs_mpi = pytest.mark.skipif(
    _MISSING and "CI" not in os.environ,  # which installs both: there the test runs, and fails
    reason="mpiexec or mpi4py is missing: the extra `mpi`",
)
