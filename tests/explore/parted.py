"""What the processes of an `mpiexec` do for `test_ranks`: `compare`, or `die` at some depth."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore import ranks
from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.native.parted import PartedSearch
from cowpath.model.explore.native.search import Search
from cowpath.model.explore.result import UNLIMITED, Exploration, questions
from cowpath.model.kept import checkpoint
from cowpath.model.kept.answers import keeping, resuming
from cowpath.model.reductions.choice import choose
from cowpath.model.scenarios import find

ASKED = ("snapshot", "guest-write", "concurrency")
COMPARED = (
    ("rfc-2016", "unaligned-write", ()),
    ("unserialised", "two-by-two", ()),
    ("unserialised", "two-by-two", ("partial-order",)),
    ("fleecing-4.0", "write-among-reads", ("symmetry",)),
)


def silent(progress: object) -> None:
    pass


def explored(design: str, scenario: str, names: tuple[str, ...], **how: Any) -> Exploration:
    narrowed = Case(DESIGNS[design], find(scenario)).narrowed
    asked = questions(narrowed.model, ASKED)
    chosen, _ = choose(narrowed, asked, names)
    return NativeEngine(threads=how.get("threads", 1)).explore(narrowed, asked, UNLIMITED, silent, chosen)


def essence(found: Exploration) -> tuple[Any, ...]:
    return found.states, found.transitions, found.depth, found.stopped, found.depths, found.witnesses


def compare() -> None:
    for design, scenario, names in COMPARED:
        for threads in (1, 2):
            parted = explored(design, scenario, names, threads=threads)
            with ranks.apart():
                alone = explored(design, scenario, names)
            assert essence(parted) == essence(alone), (design, scenario, names, parted, alone)
            assert bool(parted.remarks) == (ranks.size() > 1)
    if not ranks.rank():
        print(f"the same in {ranks.size()}")


def die(folder: str, depths: list[int]) -> None:
    """Search; one process is killed within the first of the depths that is not behind the checkpoint."""
    checkpoint._SHARE = 0
    exchange = PartedSearch._exchanged

    def struck(self: PartedSearch) -> Any:
        come = exchange(self)
        if self.depth == next((d for d in depths if d > (self.resumed or 0)), None):
            self.among.Barrier()
            if self.depth % ranks.size() == ranks.rank():
                os.kill(os.getpid(), signal.SIGKILL)
        return come

    with mock.patch.object(PartedSearch, "_exchanged", struck), keeping(resuming(Path(folder), every=0.0)):
        found = explored("unserialised", "two-by-two", ())
    if not ranks.rank():
        print(found.states, found.transitions, found.depth, found.depths, *found.remarks)


if __name__ == "__main__":
    assert issubclass(PartedSearch, Search)
    if sys.argv[1] == "compare":
        compare()
    else:
        die(sys.argv[2], [int(each) for each in sys.argv[3:]])
