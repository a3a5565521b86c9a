"""Surveys against single runs, classes against all workloads, and the disk that is large enough."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from cowpath.model.bench import survey
from cowpath.model.bench.check import check
from cowpath.model.bench.classes import Classes, Marks
from cowpath.model.bench.enough import is_enough, shown
from cowpath.model.bench.failing import changes, contains, judge
from cowpath.model.bench.survey import Plan
from cowpath.model.bench.surveyed import Survey
from cowpath.model.bench.workloads import Bound, BoundError, Workload, case, kinds_of
from cowpath.model.designs import DESIGNS, Design
from cowpath.model.explore.result import UNLIMITED, Limits, questions
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.instances import Instances
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios.geometry import unreduced
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.sizes import SECTOR
from cowpath.model.scenarios.vocabulary import IO_KINDS, KINDS
from cowpath.model.stack.binding import bind
from tests.toys import ENGINES

STANDARD = (
    'snapshot', 'guest-write', 'write-through', 'deadlock', 'progress', 'lifetime', 'assertion',
)  # fmt: skip
THREE = ("nbd-write", "guest-read", "guest-write")
PAIRS = Bound(4, 4, 2, 2, THREE)
RFC = DESIGNS["rfc-2016"]


def surveyed(
    design: Design, bound: Bound, properties: Sequence[str] = STANDARD, engine: str = "auto"
) -> Survey:
    (found,) = survey.run(Plan([(design, bound)], tuple(properties), engine), processes=1)
    assert found.stopped is None
    return found


def counts(found: Survey) -> dict[str, int]:
    return {name: found.verdicts(name).count(Verdict.VIOLATED) for name in found.properties}


# -- the workloads


def test_a_bound_has_every_multiset_of_its_types() -> None:
    assert len(PAIRS.types) == 30
    assert len(list(PAIRS.workloads(2))) == PAIRS.count(2) == 465
    assert len(list(PAIRS.workloads(3))) == PAIRS.count(3) == 4_960
    two_stops = Bound(1, 1, 1, 2, ("stop", "checkpoint"))
    assert [two_stops.named(w) for w in two_stops.workloads(2)] == [
        "stop + checkpoint",
        "checkpoint + checkpoint",
    ]


@pytest.mark.parametrize(
    ("sizes", "kinds"),
    [
        ((4, 4, 2), THREE),
        ((4, 2, 2), THREE),
        ((4, 2, 4), THREE),
        ((5, 4, 2), (*THREE, "nbd-zero", "client-discard")),
        ((2, 2, 2), KINDS),
    ],
)
@pytest.mark.parametrize("design", ["rfc-2016", "block-copy-4.2", "copy-before-write-9.2"])
def test_tables_by_type_are_those_of_each_workload(
    design: str, sizes: tuple[int, int, int], kinds: tuple[str, ...]
) -> None:
    some = DESIGNS[design]
    bound = Bound(*sizes, 2, kinds_of(some, kinds))
    workloads = list(bound.workloads(2))
    found = bound.types_of(some).instances(workloads)
    scenarios = [bound.scenario(workload) for workload in workloads]
    wanted = Instances.of(some.system, [bind(s, unreduced(s, SECTOR)) for s in scenarios])
    assert (set(found.places), len(found.rows)) == (set(wanted.places), len(wanted.rows))
    for mine, theirs in zip(found.rows, wanted.rows, strict=True):
        assert dict(zip(found.places, mine, strict=True)) == dict(zip(wanted.places, theirs, strict=True))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 4, 2, 2, THREE), "--sectors 0"),
        ((4, 4, 3, 2, THREE), "--alignment 3: accepted: 1, 2, 4, 8"),
        ((4, 4, 2, 2, ("write",)), "--kinds write: accepted: nbd-write, nbd-zero"),
        ((4, 4, 2, 2, ()), "names none"),
    ],
)
def test_a_bound_that_is_none(arguments: tuple[int, int, int, int, tuple[str, ...]], said: str) -> None:
    with pytest.raises(BoundError, match=said):
        Bound(*arguments)


# -- a survey against single runs


later = partial(pytest.param, marks=pytest.mark.lengthy)


def assert_as_alone(found: Survey, workloads: Sequence[Workload]) -> None:
    for workload in workloads:
        place = found.size.workloads.index(workload)
        mine = found.size.found[found.size.classes.of[place]]
        assert mine is not None
        alone = check(case(found.design, found.bound, workload), properties=found.properties)
        assert (mine.states, mine.depth) == (alone.exploration.states, alone.exploration.depth)
        for name, outcome in alone.properties.items():
            assert found.verdicts(name)[place] is outcome.verdict
            if name != "progress" and outcome.depth is not None:
                assert mine.depths[name] == outcome.depth


@pytest.mark.parametrize(
    ("design", "bound", "every"),
    [
        ("rfc-2016", PAIRS, 7),
        ("fleecing-4.0", PAIRS, 11),
        later("rfc-repaired", PAIRS, 40),
        later("merged-2.8", Bound(4, 2, 2, 2, THREE), 23),
        later("block-copy-4.2", Bound(3, 2, 2, 3, ("nbd-write", "guest-read")), 31),
        later("copy-before-write-9.2", Bound(4, 2, 4, 2, ("nbd-write", "guest-read", "client-discard")), 40),
        later("unserialised", Bound(2, 2, 2, 3, kinds_of(DESIGNS["unserialised"], KINDS)), 37),
        ("rfc-2016", Bound(4, 4, 2, 2, (*THREE, "nbd-zero")), 29),
    ],
)
def test_a_survey_says_of_each_workload_what_a_run_of_it_says(design: str, bound: Bound, every: int) -> None:
    found = surveyed(DESIGNS[design], bound)
    workloads = list(found.size.workloads)
    random.Random(1).shuffle(workloads)
    assert_as_alone(found, workloads[::every])


def test_the_465_workloads_of_two_requests() -> None:
    found = surveyed(RFC, PAIRS)
    assert (len(found.size.workloads), len(found.size.classes.first), found.size.states) == (465, 189, 34_226)
    fail = {"guest-write": 65, "deadlock": 58, "assertion": 8}
    assert counts(found) == dict.fromkeys(STANDARD, 0) | fail
    other = surveyed(DESIGNS["fleecing-4.0"], PAIRS)
    assert other.size.states == 40_657
    assert counts(other) == dict.fromkeys(STANDARD, 0) | {"deadlock": 113, "assertion": 8}


@pytest.mark.parametrize("engine", ["numpy", "native", "python"])
def test_every_engine_finds_the_same(engine: str) -> None:
    one, other = surveyed(RFC, PAIRS), surveyed(RFC, PAIRS, engine=engine)
    assert [size.found for size in other.sizes.values()] == [size.found for size in one.sizes.values()]
    assert other.engine == engine


def test_two_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_WORTH", 10)
    plan = Plan([(RFC, PAIRS)], STANDARD)
    one, two = (survey.run(plan, processes=processes)[0] for processes in (1, 2))
    assert one.sizes == two.sizes


def test_a_limit_leaves_the_rest_undetermined() -> None:
    for properties in (("deadlock", "progress"), ("deadlock",)):
        plan = Plan([(RFC, PAIRS)], properties, limits=Limits(max_states=3_000))
        (found,) = survey.run(plan, processes=1)
        assert found.stopped == "--max-states 3000 was reached"
        whole = surveyed(RFC, PAIRS, properties)
        for name in properties:
            pairs = list(zip(found.verdicts(name), whole.verdicts(name), strict=True))
            assert Verdict.UNDETERMINED in {one for one, _ in pairs}
            assert all(one in (Verdict.UNDETERMINED, other) for one, other in pairs)
            assert judge(found, name).when is None


# -- classes


@pytest.mark.parametrize(
    ("design", "bound", "classes"),
    [
        ("rfc-2016", PAIRS, 189),
        ("fleecing-4.0", PAIRS, 189),
        ("block-copy-4.2", PAIRS, 189),
        ("rfc-2016", Bound(4, 2, 2, 2, THREE), None),
        ("rfc-2016", Bound(4, 4, 2, 2, (*THREE, "nbd-zero")), None),
    ],
)
def test_workloads_of_one_class_have_the_same_states_and_depths(
    design: str, bound: Bound, classes: int | None
) -> None:
    """All of them explored, not one of each class."""
    some = DESIGNS[design]
    types, workloads = bound.types_of(some), list(bound.workloads(bound.requests))
    narrowed = narrow(types.instances(workloads).ground())
    found = Classes.by(map(Marks(types, narrowed).key, workloads))
    assert classes is None or len(found.first) == classes
    assert len(found.first) < len(workloads)
    asked = questions(narrowed.model, [name for name in STANDARD if name != "progress"])
    each = ENGINES[1].explore_each(narrowed, asked, UNLIMITED, lambda progress: None)
    assert each.transitions is not None
    columns = [each.states, each.transitions, each.depth, *each.depths.values()]
    told = list(zip(*(column.tolist() for column in columns), strict=True))
    assert all(one == told[found.first[c]] for one, c in zip(told, found.of, strict=True))


def test_there_are_2667_classes_of_three_requests() -> None:
    bound = Bound(4, 4, 2, 3, THREE)
    types, workloads = bound.types_of(RFC), list(bound.workloads(3))
    marks = Marks(types, narrow(types.instances(workloads).ground()))
    assert len(Classes.by(map(marks.key, workloads)).first) == 2_667


def test_sixteen_sectors_show_every_class_of_two_requests_in_a_cluster() -> None:
    assert is_enough(Bound(16, 16, 4, 2, THREE))
    assert is_enough(Bound(4, 4, 2, 1, THREE))
    for bound in (
        PAIRS,
        Bound(8, 8, 4, 2, THREE),
        Bound(16, 8, 4, 2, THREE),  # two clusters
        Bound(16, 16, 4, 3, THREE),
        Bound(16, 16, 4, 2, (*THREE, "nbd-zero")),
    ):
        assert not is_enough(bound)


def test_longer_blocks_and_more_of_them_show_no_more() -> None:
    """What the argument for the disk that is enough says, counted."""
    for requests, block, blocks in ((1, 3, 5), (2, 5, 9)):
        most = shown(block, block * blocks, requests)
        for other, count in (
            (block + 1, 3),
            (block - 1, blocks),
            (block, blocks + 1),
            (2, 8),
            (1, 9),
            (7, 8),
        ):
            assert shown(other, other * count, requests) <= most


# -- what it says


def test_the_smallest_contain_no_other_and_have_traces() -> None:
    found = surveyed(RFC, PAIRS)
    deadlock = judge(found, "deadlock")
    named = [PAIRS.named(smallest.workload) for smallest in deadlock.smallest]
    assert named == ["nbd-write [0, 1) + guest-read [0, 1)", "nbd-write [0, 1) + guest-read [1, 2)"]
    assert [smallest.alike for smallest in deadlock.smallest] == [4, 4]
    assert all(s.trace is not None and s.trace.cycle for s in deadlock.smallest)
    failing = [
        w
        for w, v in zip(found.size.workloads, found.verdicts("deadlock"), strict=True)
        if v is Verdict.VIOLATED
    ]
    classes = dict(zip(found.size.workloads, found.size.classes.of, strict=True))
    minimal = [w for w in failing if not any(v != w and contains(PAIRS, w, v) for v in failing)]
    assert len(minimal) == 8
    assert {classes[w] for w in minimal} == {classes[s.workload] for s in deadlock.smallest}


def test_what_a_later_design_mended_and_broke() -> None:
    rfc, fleecing = survey.run(Plan([(RFC, PAIRS), (DESIGNS["fleecing-4.0"], PAIRS)], STANDARD), processes=1)
    found = {change.name: change for change in changes(rfc, fleecing)}
    assert set(found) == {"deadlock", "guest-write"}
    assert (len(found["guest-write"].mended), len(found["guest-write"].broke)) == (65, 0)
    assert (len(found["deadlock"].mended), len(found["deadlock"].broke)) == (0, 55)


def test_documents_of_the_smallest_are_scenarios(tmp_path: Path) -> None:
    from cowpath.model.render.survey import Told, as_json

    found = surveyed(RFC, PAIRS)
    told = json.loads(json.dumps(as_json(Told(found, (judge(found, "assertion"),)))))
    (document,) = told["properties"]["assertion"]["smallest"]
    scenario = from_document(document, "smallest")
    assert [(r.kind, r.offset, r.length) for r in scenario.requests] == [
        ("nbd-write", 0, 512),
        ("nbd-write", 1024, 512),
    ]


def test_kinds_of_a_design() -> None:
    assert "client-discard" in kinds_of(DESIGNS["copy-before-write-9.2"], IO_KINDS)
    assert "client-discard" not in kinds_of(RFC, IO_KINDS)
