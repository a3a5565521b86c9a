"""Exactly when: what is found is right everywhere, and is found where something short is true."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cowpath.model.bench import survey
from cowpath.model.bench.exactly_when import exactly_when
from cowpath.model.bench.failing import judge
from cowpath.model.bench.formula import Formula, in_words
from cowpath.model.bench.survey import Plan
from cowpath.model.bench.workloads import Bound
from cowpath.model.designs import DESIGNS
from cowpath.model.language.verdict import Verdict
from tests.draws import some

THREE = ("nbd-write", "guest-read", "guest-write")
PAIRS = Bound(4, 4, 2, 2, THREE)
OTHERS = (Bound(8, 4, 2, 2, THREE), Bound(4, 4, 4, 2, THREE), Bound(3, 3, 2, 3, THREE))
DEADLOCK = "there is an unaligned NBD write r and a guest read q: q reads of r's blocks"


@pytest.mark.parametrize(
    ("design", "name", "words"),
    [
        ("rfc-2016", "deadlock", DEADLOCK),
        (
            "fleecing-4.0",
            "deadlock",
            "there is an unaligned NBD write r and a request q: q reads of r's blocks",
        ),
        (
            "rfc-2016",
            "assertion",
            "there is an unaligned NBD write r and an NBD write q: r and q share no block",
        ),
        ("rfc-2016", "guest-write", "there is an NBD write r and a guest write q: q reads what r covers"),
    ],
)
def test_the_known_ones(design: str, name: str, words: str) -> None:
    (found,) = survey.run(Plan([(DESIGNS[design], PAIRS)], (name,)), processes=1)
    formula = judge(found, name).when
    assert formula is not None
    assert in_words(formula) == words


def test_what_was_learned_on_one_disk_is_right_on_others() -> None:
    (found,) = survey.run(Plan([(DESIGNS["rfc-2016"], PAIRS)], ("deadlock",)), processes=1)
    formula = judge(found, "deadlock").when
    assert formula is not None
    for bound in OTHERS[: some(3, 2)]:
        (other,) = survey.run(Plan([(DESIGNS["rfc-2016"], bound)], ("deadlock",)), processes=1)
        said = [formula.holds(bound, workload) for workload in other.size.workloads]
        assert said == [verdict is Verdict.VIOLATED for verdict in other.verdicts("deadlock")]


@settings(max_examples=some(25, 6), derandomize=True, deadline=None, database=None)
@given(st.integers(0, 1 << 30), st.integers(2, 3), st.booleans())
def test_what_is_found_is_right_for_every_workload(seed: int, requests: int, noisy: bool) -> None:
    """Verdicts drawn at random, or by a rule with an exception: right, or nothing is said."""
    draw = random.Random(seed)
    bound = Bound(3, 3, 2, requests, ("nbd-write", "guest-read"))
    workloads = list(bound.workloads(requests))
    marked = set(draw.sample(range(len(bound.types)), 3))
    failing = [any(n in marked for n in workload) for workload in workloads]
    if noisy:
        failing[draw.randrange(len(failing))] ^= True
    formula = exactly_when(bound, workloads, failing) if any(failing) else None
    if formula is not None:
        assert [formula.holds(bound, workload) for workload in workloads] == failing


def test_where_all_facts_agree_nothing_is_said() -> None:
    bound = Bound(8, 8, 2, 1, ("guest-read",))
    workloads = list(bound.workloads(1))
    alike = [w for w in workloads if bound.types[w[0]].length == 4 and bound.types[w[0]].at % 2 == 0]
    assert len(alike) > 1
    assert exactly_when(bound, workloads, [w == alike[1] for w in workloads]) is None


def test_several_parts_are_put_together() -> None:
    bound = Bound(4, 4, 2, 2, ("nbd-write", "guest-read"))
    workloads = list(bound.workloads(2))

    def fails(workload: tuple[int, ...]) -> bool:
        r, q = (bound.types[n] for n in workload)
        return r.kind == q.kind == "guest-read" or any(
            one.kind == "nbd-write" and one.length == 4 and other.kind == "nbd-write" and other.length == 4
            for one, other in itertools.permutations((r, q))
        )

    failing = [fails(workload) for workload in workloads]
    formula = exactly_when(bound, workloads, failing)
    assert isinstance(formula, Formula)
    assert len(formula.parts) > 1
    assert ", or there is" in in_words(formula)
    assert [formula.holds(bound, workload) for workload in workloads] == failing
