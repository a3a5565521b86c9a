"""Several processes that share a search find what one finds alone, also after a kill."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.running import environment
from tests.explore.parted import essence, explored
from tests.mpi import MPIEXEC, needs_mpi

pytestmark = needs_mpi
RANKS = [2, *(pytest.param(number, marks=pytest.mark.lengthy) for number in (1, 3))]


def ran(number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(MPIEXEC), "-n", str(number), sys.executable, "-m", *arguments]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("number", RANKS)
def test_they_find_what_one_finds(number: int) -> None:
    done = ran(number, "tests.explore.parted", "compare")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"the same in {number}\n"


def until_the_end(number: int, folder: Path, depths: range | list[int]) -> tuple[list[int], str]:
    """Return from which depths the search went on, each start after a kill, and what it found."""
    resumed: list[int] = []
    while True:
        done = ran(number, "tests.explore.parted", "die", str(folder), *map(str, depths))
        if done.returncode == 0:
            at = re.search(r"at depth (\d+)", done.stdout)
            assert at is not None
            return [*resumed, int(at.group(1))], done.stdout
        assert len(resumed) < 100, done.stderr
        resumed.append(len(resumed))


def _test_kills(number: int, folder: Path, depths: list[int]) -> None:
    whole = explored("unserialised", "two-by-two", ())
    resumed, told = until_the_end(number, folder, depths)
    assert len(resumed) == len(depths) + 1  # each start has died once, one depth after where it went on
    assert resumed[-1] == depths[-1], "a kill costs more than the depth that it strikes"
    assert told.startswith(f"{whole.states} {whole.transitions} {whole.depth} {whole.depths} ")
    assert not list(folder.rglob("*.npz"))


def test_a_killed_process_costs_a_depth(tmp_path: Path) -> None:
    _test_kills(2, tmp_path, [4, 17])


@pytest.mark.lengthy
@pytest.mark.parametrize("number", [2, 3])
def test_a_process_killed_at_every_depth(number: int, tmp_path: Path) -> None:
    _test_kills(number, tmp_path, list(range(1, explored("unserialised", "two-by-two", ()).depth)))


def test_runs_are_dealt_to_them() -> None:
    asked = ("cowpath", "check", "rfc-2016", "unserialised", "--json", "-")
    some = [f"--scenario={name}" for name in ("unaligned-write", "two-by-two", "race")]
    several = ran(2, *asked, *some)
    alone = subprocess.run(
        [sys.executable, "-m", *asked, *some], env=environment(), capture_output=True, text=True, check=False
    )
    assert (several.returncode != 0) == (alone.returncode != 0)
    one, other = json.loads(several.stdout), json.loads(alone.stdout)
    for each in (*one, *other):
        del each["seconds"]
    assert one == other


def test_what_is_not_shared_is_refused_once() -> None:
    for asked, said in (
        (("prove",), "prove is not shared"),
        (("check", "nonsense"), "unknown design 'nonsense'"),
        (("check", "--max-seconds", "5"), "who starts them bounds the time"),
    ):
        done = ran(2, "cowpath", *asked)
        assert done.returncode != 0
        assert done.stderr.count("cowpath: ") == 1
        assert said in done.stderr
    assert essence(explored("rfc-2016", "race", ()))[3] is None
