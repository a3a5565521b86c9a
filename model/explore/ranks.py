"""The processes of one `mpiexec`: who they are, and whether they search together or have tasks of their own.

All of them run the same command. Nothing here imports MPI unless the process was started by it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

from cowpath.model.language.errors import InputError

# What MPICH, Slurm and Open MPI say of the number of processes, and of a process's own.
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
INTERRUPTED = 3
"""The exit status of who is interrupted."""
_alone = False


def size() -> int:
    """Return how many processes there are."""
    said = next((os.environ[name] for name in _SIZES if name in os.environ), None)
    if said is None and "PMIX_RANK" in os.environ:  # srun --mpi=pmix
        said = os.environ.get("SLURM_NTASKS")
    return int(said) if said is not None and said.isdigit() else 1


def rank() -> int:
    """Return which of them this is; 0 is the one that speaks."""
    said = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    return int(said) if size() > 1 and said.isdigit() else 0


@cache
def _communicator() -> Any:
    try:
        from mpi4py import MPI
    except ImportError:
        raise InputError("several processes need mpi4py; accepted: pip install 'cowpath[mpi]'") from None
    return MPI.COMM_WORLD


def everybody() -> Any:
    """Return the communicator of all processes; None if this is the only one. Raises `InputError`."""
    return _communicator() if size() > 1 else None


def together() -> Any:
    """Return the communicator of those who search together with this process; None if it is alone."""
    return None if _alone else everybody()


def agreed(value: Any) -> Any:
    """Return the value that process 0 has: what depends on files must not differ between those who search."""
    among = together()
    return value if among is None else among.bcast(value)


def leave() -> None:
    """Let process 0 go on alone, when all has been searched; the others end here."""
    global _alone
    if rank():
        raise SystemExit(0)
    _alone = True


def abort(status: int, why: str) -> NoReturn:
    """End all processes: the others may be waiting for this one."""
    if sys.__stderr__ is not None:  # it was closed before we began
        print(f"cowpath: process {rank()}: {why}", file=sys.__stderr__, flush=True)
    _communicator().Abort(status)
    raise SystemExit(status)


def talking() -> bool:
    """Tell whether this process has begun to talk with others, who may wait for it."""
    return size() > 1 and "mpi4py.MPI" in sys.modules


def cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0))


@cache
def neighbours() -> int:
    """Return how many of the processes are on this machine."""
    from mpi4py import MPI

    return int(MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED).size)


@contextmanager
def apart() -> Iterator[None]:
    """Let this process search alone: the others have tasks of their own."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before
