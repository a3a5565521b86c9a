"""The mirror: what each release mended falls before and holds after; engines agree; files that are wrong."""

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, MIRRORS, Case
from cowpath.model.explore.engines import ENGINES
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import ScenarioError, bundled, find, loads
from cowpath.model.scenarios.writing import dumps

ROWS = [
    ("small-active-write", "mirror-equal", "mirror-3.0", "mirror-4.2"),
    ("short-of-buffers", "deadlock", "mirror-4.2", "mirror-5.0"),
    ("active-writes-meet", "deadlock", "mirror-5.0", "mirror-6.1"),
    ("active-writes-meet-background", "deadlock", "mirror-5.0", "mirror-6.1"),
    ("dirtied-under-copy", "assertion", "mirror-6.1", "mirror-7.2"),
    ("stream-of-active-writes", "convergence", "mirror-6.1", "mirror-7.2"),
    ("write-at-start-background", "assertion", "mirror-6.1", "mirror-7.2"),
    ("write-at-start", "assertion", "mirror-7.2", "mirror-8.2"),
]
JOB = 'name = "a job"\nsectors = "128KiB"\ncluster = "64KiB"\n[mirror]\n'


@pytest.mark.parametrize(("slug", "name", "before", "after"), ROWS)
def test_what_a_release_mended(slug: str, name: str, before: str, after: str) -> None:
    for design, verdict in ((before, Verdict.VIOLATED), (after, Verdict.HOLDS)):
        found = check(Case(MIRRORS[design], find(slug)), properties=[name])
        assert found.properties[name].verdict is verdict, design


@pytest.mark.parametrize("slug", ["zeroes-over-an-unopened-base", "zeroes-beside-a-copy"])
def test_zeroes_are_lost_where_the_target_is_taken_for_zero(slug: str) -> None:
    """As QEMU 11.1.3 loses them, and 10.0 does not."""
    found = check(Case(MIRRORS["mirror-10.1"], find(slug)))
    assert tuple(found.violated) == ("mirror-equal",)
    assert check(Case(MIRRORS["mirror-10.1-repaired"], find(slug))).verdict is Verdict.HOLDS


def test_before_10_1_zeroes_are_a_write_like_another() -> None:
    for name in ("mirror-3.0", "mirror-8.2", "mirror-repaired"):
        found = check(Case(MIRRORS[name], find("zeroes-over-an-unopened-base")))
        assert found.verdict is Verdict.HOLDS, name


def test_a_copy_that_needs_more_buffers_than_there_are_is_an_assertion() -> None:
    """As QEMU 5.2, 7.2 and 11.1 die of it."""
    for design in MIRRORS.values():
        found = check(Case(design, find("run-over-two-target-clusters")), properties=["assertion"])
        mended = "repaired" in design.name
        assert found.verdict is (Verdict.HOLDS if mended else Verdict.VIOLATED), design.name


def test_a_whole_chunk_was_always_right() -> None:
    for design in MIRRORS.values():
        assert check(Case(design, find("whole-active-write"))).verdict is Verdict.HOLDS


@pytest.mark.parametrize("design", ["mirror-3.0", "mirror-8.2"])
def test_engines_agree(design: str) -> None:
    asked = ("mirror-equal", "mirror-order", "deadlock", "assertion", "finished")
    for slug in ("active-writes-meet-background", "failing-target-write", "shared-target-cluster"):
        case = Case(MIRRORS[design], find(slug))
        found = [check(case, properties=asked, engine=e).exploration for e in ENGINES if e != "auto"]
        ends = {(each.states, each.transitions, each.depth, *sorted(each.depths.items())) for each in found}
        assert len(ends) == 1


def test_a_scenario_is_written_as_it_is_read() -> None:
    for scenario in bundled():
        if scenario.mirror is not None:
            assert loads(dumps(scenario), scenario.slug).mirror == scenario.mirror


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'copy_mode = "active"',
            "mirror.copy_mode: 'active' is unknown; accepted: write-blocking, background",
        ),
        ("buffers = 0", "mirror.buffers: 0; accepted: a number of chunks, from 1 to 16"),
        (
            'target_cluster = "96KiB"',
            "accepted: a multiple of the granularity, 65536 bytes",
        ),
        (
            'target_cluster = "4KiB"\nbacking = "name-only"',
            "mirror.target_cluster: 4096 bytes, less than a chunk",
        ),
        ('dirty = [["64KiB", "128KiB"]]', "mirror.dirty[0]: [65536, 196608) bytes"),
        ("[secondary]", "a mirror has a source and a target; accepted: no [secondary]"),
        ('[[request]]\nkind = "checkpoint"', "accepted: guest-write"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(ScenarioError) as error:
        loads(JOB + text, "a job")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_mirrors_scenario_fits_mirrors_alone() -> None:

    alone = find("job-alone")
    assert {name for name, design in DESIGNS.items() if design.unsupported(alone) is None} == set()
    assert all(design.unsupported(find("race")) for design in MIRRORS.values())


@pytest.mark.parametrize(
    ("backing", "rounds", "fills"),
    [("name-only", True, True), ("open", False, False), ("none", False, False)],
)
def test_the_target_s_clusters_matter_where_its_backing_is_only_named(
    backing: str, rounds: bool, fills: bool
) -> None:
    """As in QEMU 5.2 to 11.1, which round nothing where the backing file has been opened."""
    cluster = "" if backing == "none" else 'target_cluster = "128KiB"\n'
    scenario = loads(f'{JOB}{cluster}backing = "{backing}"', "a job")
    tables = Case(MIRRORS["mirror-8.2"], scenario).instance.tables
    assert (tables["rounds"][()], tables["fills"][()]) == (rounds, fills)
