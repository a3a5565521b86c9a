"""Releases and roles: each release has one row, and each row a design that there is."""

from __future__ import annotations

import pytest

from cowpath.impl import designs as threads
from cowpath.model.designs import ALL, DESIGNS, VARIANTS
from cowpath.model.designs.release import RELEASES, Era, NoSuchRelease, Role, parse_release, written
from cowpath.model.designs.releases import ROLES

EACH = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@EACH
def test_every_release_of_a_role_has_exactly_one_row(role: Role) -> None:
    known = [r for r in RELEASES if role.eras[0].since <= r <= role.until]
    rows = [release for era in role.eras if len(era.since) == 2 for release in role.releases(era)]
    assert rows == known
    for release in known:
        assert [era for era in role.eras if release in role.releases(era)] == [role.era(release)]
    assert [era.since for era in role.eras] == sorted({era.since for era in role.eras})


@EACH
def test_every_row_has_a_design_and_says_what_came_with_it(role: Role) -> None:
    for era in role.eras:
        assert era.design in ALL
        assert era.changed
    assert all(kind in {k for e in role.eras for k in ALL[e.design].kinds} for kind in role.without)


def test_every_variant_stands_for_some_release_and_runs() -> None:
    used = {era.design for role in ROLES for era in role.eras}
    assert set(VARIANTS) - used == {"rfc-2016-2.6", "rfc-2016-2.7"}  # in no release, and in the record
    assert list(threads.VARIANTS) == list(VARIANTS)
    assert not set(VARIANTS) & set(DESIGNS)


ERAS = (Era((7, 0), "a"), Era((7, 1), "b"), Era((7, 2, 15), "c"), Era((9, 1), "d"), Era((10, 0), "b"))
SOME = Role("some", "an invented role", ERAS, (10, 1))


@pytest.mark.parametrize(
    ("release", "design"),
    [("7.0", "a"), ("7.2", "b"), ("7.2.14", "b"), ("7.2.15", "c"), ("7.2.99", "c"), ("8.0", "b"),
     ("8.2.17", "b"), ("9.2", "d"), ("v10.1.0", "b"), ("7.2.22 (Debian 1:7.2+dfsg)", "c")],
)  # fmt: skip
def test_a_stable_release_may_differ_from_its_branch(release: str, design: str) -> None:
    assert SOME.era(parse_release(release)).design == design


def test_spans_and_borders() -> None:
    spans = {design: SOME.span(eras) for design, eras in SOME.columns()}
    assert spans == {"a": "7.0", "b": "7.1 - 9.0, 10.0 - 10.1", "c": "7.2.15 on", "d": "9.1 - 9.2"}
    borders = [(before.design, written(after.since)) for before, after in SOME.borders()]
    assert borders == [("a", "7.1"), ("b", "7.2.15"), ("b", "9.1"), ("d", "10.0")]


@pytest.mark.parametrize("text", ["6.9", "10.2", "1.0", "seven", "7", "7.2.x", ""])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(NoSuchRelease, match="accepted: "):
        SOME.era(parse_release(text))
