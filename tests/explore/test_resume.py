"""Searches that are killed and go on: the end is that of a search that nobody disturbed."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cowpath.model.bench.workloads import Bound
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.each import Each
from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.native import saved
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.native.search import Search
from cowpath.model.explore.result import UNLIMITED, Exploration, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.kept import checkpoint
from cowpath.model.kept.answers import keeping, resuming
from cowpath.model.reductions.choice import choose
from cowpath.model.scenarios import find
from tests.commands.running import environment
from tests.in_process import Command

ASKED = ("snapshot", "write-through", "deadlock", "concurrency")


class Killed(BaseException):
    """What stands for a kill: nothing catches it."""


def silent(progress: object) -> None:
    pass


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save before every layer."""
    monkeypatch.setattr(checkpoint, "_SHARE", 0)


def killed_again_and_again(
    search: Callable[[], Any], folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> Any:
    """Return what comes of a search that is killed at random moments, and how often it was."""
    dice, kills = random.Random(seed), 0
    save, expand = saved.save, Search._expand

    def struck(*arguments: Any) -> None:
        save(*arguments)
        if dice.random() < 0.15:
            raise Killed

    def struck_within(self: Search, *arguments: Any) -> None:
        if dice.random() < 0.05:
            raise Killed
        expand(self, *arguments)

    monkeypatch.setattr(saved, "save", struck)
    monkeypatch.setattr(Search, "_expand", struck_within)
    with keeping(resuming(folder, every=0.0)):
        while True:
            try:
                found = search()
                break
            except Killed:
                kills += 1
    assert not list(folder.rglob("*.npz"))
    monkeypatch.undo()
    return found, kills


def essence(found: Exploration) -> tuple[Any, ...]:
    return found.states, found.transitions, found.depth, found.stopped, found.depths, found.witnesses


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("design", ["unserialised", "rfc-2016"])
def test_killed_at_random_moments(
    design: str, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrowed = Case(DESIGNS[design], find("two-by-two")).narrowed
    asked = questions(narrowed.model, ASKED)
    engine = NativeEngine(threads=threads)
    whole = engine.explore(narrowed, asked, UNLIMITED, silent)
    kills = 0
    for seed in range(2):
        monkeypatch.setattr(checkpoint, "_SHARE", 0)
        found, times = killed_again_and_again(
            lambda: engine.explore(narrowed, asked, UNLIMITED, silent), tmp_path, monkeypatch, seed
        )
        kills += times
        assert essence(found) == essence(whole)
        assert bool(found.remarks) == bool(times)
    assert kills > 4


@pytest.mark.parametrize("names", [("symmetry",), ("partial-order",)])
def test_a_reduced_search_goes_on(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrowed = Case(DESIGNS["unserialised"], find("two-by-two")).narrowed
    asked = questions(narrowed.model, ("snapshot",))
    chosen, _ = choose(narrowed, asked, names)
    engine = NativeEngine(threads=1)
    whole = engine.explore(narrowed, asked, UNLIMITED, silent, chosen)
    found, kills = killed_again_and_again(
        lambda: engine.explore(narrowed, asked, UNLIMITED, silent, chosen), tmp_path, monkeypatch, 1
    )
    assert kills
    assert essence(found) == essence(whole)


def many() -> Narrowed:
    bound = Bound(4, 4, 2, 2, ("nbd-write", "guest-read"))
    types = bound.types_of(DESIGNS["rfc-2016"])
    return narrow(types.instances(list(bound.workloads(2))).ground())


def counted(found: Each) -> list[Any]:
    of_each = (found.states, found.depth, found.complete, *found.depths.values())
    return [[*map(int, each)] for each in of_each]


def test_a_search_from_many_starts_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrowed = many()
    asked = questions(narrowed.model, ("snapshot", "assertion"))
    engine = NativeEngine(threads=1)
    whole = engine.explore_each(narrowed, asked, UNLIMITED, silent)
    found, kills = killed_again_and_again(
        lambda: engine.explore_each(narrowed, asked, UNLIMITED, silent), tmp_path, monkeypatch, 2
    )
    assert kills
    assert counted(found) == counted(whole)


def test_a_damaged_checkpoint_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrowed = Case(DESIGNS["rfc-2016"], find("two-by-two")).narrowed
    asked = questions(narrowed.model, ASKED)
    engine = NativeEngine(threads=1)
    whole = engine.explore(narrowed, asked, UNLIMITED, silent)
    save = saved.save

    def struck(search: Search, *arguments: Any) -> None:
        save(search, *arguments)
        if search.depth == 9:
            raise Killed

    dice = random.Random(3)
    for change in ("cut", "flipped", "empty", "other"):
        with keeping(resuming(tmp_path, every=0.0)):
            monkeypatch.setattr(saved, "save", struck)
            with pytest.raises(Killed):
                engine.explore(narrowed, asked, UNLIMITED, silent)
            monkeypatch.setattr(saved, "save", save)
            (path,) = tmp_path.rglob("*.npz")
            content = bytearray(path.read_bytes())
            if change == "flipped":
                for _ in range(20):
                    content[dice.randrange(len(content))] ^= 255
            short = {"cut": bytes(content[: len(content) // 2]), "empty": b"", "other": b"no archive" * 99}
            path.write_bytes(short.get(change, bytes(content)))
            found = engine.explore(narrowed, asked, UNLIMITED, silent)
        assert not found.remarks
        assert essence(found) == essence(whole)


@pytest.mark.parametrize("engine", ["numpy", "python"])
def test_an_engine_that_saves_nothing_is_refused(engine: str, cowpath: Command) -> None:
    one = ("rfc-2016", "--scenario", "race")
    for asked in (
        ("check", *one),
        ("trace", *one, "--property", "snapshot"),
        ("report", *one, "-o", "x"),
        ("survey", "rfc-2016"),
    ):
        done = cowpath(*asked, "--engine", engine, "--resume", "kept")
        assert done.status == 2, asked
        assert f"--engine {engine} and --resume: this engine saves nothing" in done.err


def test_where_there_is_no_machine_code_it_is_said_that_nothing_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    narrowed = Case(DESIGNS["rfc-2016"], find("race")).narrowed
    for answers, said in ((None, False), (resuming(tmp_path), True)):
        with keeping(answers):
            found = ENGINES["native"].explore(narrowed, (), UNLIMITED, silent)
        assert ("saved nothing on its way" in found.remarks[-1]) == said


KILLED = """
import sys
from pathlib import Path
from cowpath.model.kept import answers, checkpoint
from cowpath.command_line import run
checkpoint._SHARE = 0
folder, every = Path(sys.argv[1]), answers.resuming
answers.resuming.__defaults__ = (0.0,)
sys.exit(run(sys.argv[2:] + ["--resume", str(folder)]))
"""


@pytest.mark.lengthy
def test_a_command_that_is_killed_goes_on(tmp_path: Path) -> None:
    scenario = Path(__file__).parent.parent / "benchmarks" / "merged_small.toml"
    asked = ["check", "merged-2.8", "--scenario", str(scenario), "--engine", "native", "--json", "-"]

    def command() -> subprocess.Popen[bytes]:
        whole = [sys.executable, "-c", KILLED, str(tmp_path / "saved"), *asked]
        return subprocess.Popen(whole, env=environment(), stdout=subprocess.PIPE)

    dice, kills = random.Random(4), 0
    while kills < 6:
        process = command()
        time.sleep(0.7 + 1.5 * dice.random())
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    out = command().communicate()[0]
    assert kills
    assert b'"states": 213329,' in out
    assert b'"transitions": 916483,' in out
    assert b'"depth": 44,' in out
    assert b'"stopped": null,' in out
