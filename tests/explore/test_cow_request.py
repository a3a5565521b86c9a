"""The CowRequest model gives the counts that SPIN, TLC and throw-away engines gave, on every engine."""

from __future__ import annotations

import pytest

from cowpath.model.explore.engines import ENGINES
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import DEADLOCK, questions
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from tests.benchmarks.cow_request import TABLE, Row, build, instance
from tests.toys import explore

SYSTEM = build()
SMALL = [row for row in TABLE if row.states < 10_000]
MILLION = next(row for row in TABLE if row.states > 1_000_000)

each_row = pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
each_engine = pytest.mark.parametrize("engine", list(ENGINES))


def test_the_table_has_its_rows() -> None:
    assert [row.name for row in SMALL] == ["34", "40", "40", "68", "788", "1,070", "7,803"]


@each_engine
@each_row
def test_counts(engine: str, row: Row) -> None:
    found = explore(ENGINES[engine], SYSTEM, instance(row))
    assert (found.states, found.transitions, found.depth) == (row.states, row.transitions, row.depth)
    assert found.complete
    assert (DEADLOCK in found.witnesses) == (row.deadlocks > 0)
    assert ("snapshot" in found.witnesses) == (row.bad > 0)


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "python"])  # which takes 15 s
def test_counts_of_a_million_states(engine: str) -> None:
    found = explore(ENGINES[engine], SYSTEM, instance(MILLION))
    assert (found.states, found.transitions, found.depth) == (
        MILLION.states,
        MILLION.transitions,
        MILLION.depth,
    )
    assert not found.witnesses


@each_row
def test_deadlocks_and_bad_states(row: Row) -> None:
    """A walk over all states counts those where nobody can move though somebody is not done."""
    narrowed = narrow(ground(SYSTEM, instance(row)))
    program = Program(narrowed, questions(narrowed.model, ["snapshot"]))
    seen, stack = {program.initial}, [program.initial]
    stuck = bad = 0
    while stack:
        state = stack.pop()
        successors = program.successors(state)
        stuck += not successors and program.deadlocked(state, successors)
        bad += "snapshot" in program.answers(state)
        for _, successor in successors:
            if successor not in seen:
                seen.add(successor)
                stack.append(successor)
    assert (len(seen), stuck, bad) == (row.states, row.deadlocks, row.bad)
