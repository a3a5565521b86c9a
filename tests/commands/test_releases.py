"""`cowpath releases`, and `--release` and `--role` in place of a design."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cowpath.model.designs.releases import ROLES
from tests.commands.running import COLUMNS, Ran, widest


def test_releases_are_listed_by_role(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("releases")
    assert (ran.status, ran.err) == (0, "")
    assert widest(ran.out) <= COLUMNS
    rows = json.loads(cowpath("releases", "--json", "-").out)
    assert [(row["role"], row["design"]) for row in rows] == [
        (r.name, e.design) for r in ROLES for e in r.eras
    ]
    assert {"2.6", "7.2", "10.2", "11.1"} <= {release for row in rows for release in row["releases"]}
    only = json.loads(cowpath("releases", "--role", "fleecing", "--json", "-").out)
    assert only == [row for row in rows if row["role"] == "fleecing"]


def test_a_release_stands_for_its_design(cowpath: Callable[..., Ran]) -> None:
    asked = ("--scenario", "race", "--json", "-")
    (found,) = json.loads(cowpath("check", "--release", "3.1.0", "--role", "replication", *asked).out)
    assert (found["design"], found["release"], found["role"]) == ("merged-3.0", "3.1.0", "replication")
    (named,) = json.loads(cowpath("check", "merged-3.0", *asked).out)
    assert {**named, "release": "3.1.0", "role": "replication", "seconds": 0} == {**found, "seconds": 0}
    trace = cowpath("trace", "--release", "2.8", "--role", "replication", "--scenario", "unaligned-write")
    assert trace.out == cowpath("trace", "merged-2.8", "--scenario", "unaligned-write").out


def test_check_of_a_role_says_at_which_release_a_verdict_changes(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "--role", "replication", "--scenario", "unaligned-write", "--scenario", "race")
    assert ran.status == 1
    _, _, told = ran.out.partition("2.8, unserialised-2.7 to merged-2.8:\n")
    told, _, later = told.partition("3.0, merged-2.10 to merged-3.0:\n")
    assert "a8bbee0edf" in told
    assert "    the race: snapshot \N{RIGHTWARDS ARROW} holds\n" in told
    assert "    unaligned write: snapshot \N{RIGHTWARDS ARROW} deadlock\n" in told
    at_4_2 = later.partition("4.2, replication-4.1 to replication-4.2:\n")[2].partition("5.0, ")[0]
    assert at_4_2.splitlines()[-1] == "    unaligned write: deadlock \N{RIGHTWARDS ARROW} holds"


def test_a_role_leaves_out_the_scenarios_that_are_not_of_it(cowpath: Callable[..., Ran]) -> None:
    ran = cowpath("check", "--release", "5.0", "--role", "fleecing", "--scenario", "checkpoint")
    assert (ran.status, ran.out) == (2, "")
    assert "fleecing has no checkpoint" in ran.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("check --release 7.2", "--release: what is copied for? accepted: with --role replication"),
        ("check --release 7.2 --role fleecin", "'fleecin' is unknown (did you mean 'fleecing'?); accepted: "),
        ("check --role nobody", "--role: 'nobody' is unknown; accepted: replication, fleecing"),
        ("check --release 1.5 --role fleecing", "1.5 has no fleecing that is known; accepted: "),
        ("check --release 6.2 --role snapshot-access", "accepted: a release from 7.0"),
        ("check --release new --role fleecing", "--release: 'new' is no release; accepted: such as 7.2"),
        ("check rfc-2016 --release 7.2 --role fleecing", "stands for a design; accepted: it, or rfc-2016"),
        ("trace --role fleecing --scenario race", "--role: of which release? accepted: with --release"),
        ("replay --scenario race", "Missing argument"),
        ("releases --role nobody", "--role: 'nobody' is unknown; accepted: replication, fleecing"),
    ],
)  # fmt: skip
def test_a_bad_release_or_role_is_one_line(cowpath: Callable[..., Ran], given: str, said: str) -> None:
    ran = cowpath(*given.split())
    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
