"""Designs of one's own, from a file: what is not ours is taken as it is, or refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_process import Command

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TEXT = (EXAMPLES / "dining.py").read_text()
ON = ("--scenario", str(EXAMPLES / "two-philosophers.toml"))
DESIGN = 'DESIGN = Design("dining", build=lambda: dining)'

WRONG = {
    "no return": ("lambda: dining", "lambda: None", "dining: build returns NoneType; accepted: a System"),
    "no name": ('Design("dining"', "Design(3", "3 is no name; accepted: letters, digits"),
    "an odd name": ('Design("dining"', 'Design("o w"', "'o w' is no name; accepted: letters, digits"),
    "another name": ('System("dining")', 'System("mine")', "its system is named 'mine'; accepted: 'dining'"),
    "no era": ("build=", "era=2016, build=", "era: 2016; accepted: a text"),
    "a source": ("build=", 'sources="my idea", build=', "sources: 'my idea'; accepted: a tuple of texts"),
    "no changes": ("build=", "changes=None, build=", "changes: None; accepted: a tuple of changes"),
    "no parts": ("build=", "parts=(), build=", "parts: (); accepted: Parts(...)"),
    "an argument": ("build=", 'argument="yes", build=', "argument: 'yes'; accepted: a ProofOutline, or None"),
    "no build": ("lambda: dining", "7", "build: 7; accepted: a function that returns a System"),
    "no end": ("dining.terminal(Philosopher)\n", "", "its system does not say when an owner is finished"),
    "a list": ("s.is_at(q, ", "s.is_on(q, ", "own.py:12: no variable or parameter 'is_on' is declared"),
    "a list's word": (
        "member=lambda s, q",
        "member=lambda r, q",
        "line 12: NameError: name 's' is not defined",
    ),
    "words": (
        "takes {f}",
        "takes {g}",
        "action take-left: 'takes {g}': what is in braces stands for something",
    ),
    "odd words": ("takes {f}", "takes }", "action take-left: 'takes }': what is in braces stands for"),
    "held": ('held="a fork"', 'held="a {fork}"', "action take-left: 'a {fork}': what is in braces stands"),
    "exits": (DESIGN, "raise SystemExit(0)", "line 32: SystemExit: 0"),
    "initial": (
        "forks = ",
        'dining.variable("late", Fork, sort=Maybe(Philosopher), initial=lambda s, f: s.holder[f])\nforks = ',
        "variable late: its initial value reads 'holder', which has none yet; accepted: constants and par",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_mistake_in_it_is_one_line(tmp_path: Path, cowpath: Command, name: str) -> None:
    was, now, said = WRONG[name]
    assert was in TEXT
    (tmp_path / "own.py").write_text(TEXT.replace(was, now))
    done = cowpath("check", "own.py", *ON)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"cowpath: own.py: {said}")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "trace", "step", "graph", "report", "export --to tla"])
@pytest.mark.parametrize(
    "declared", ['parameter("cost", Fork)', 'variable("spoon", Index("Spoon", ordered=False))']
)
def test_what_a_scenario_does_not_size_is_named(
    tmp_path: Path, cowpath: Command, command: str, declared: str
) -> None:
    (tmp_path / "own.py").write_text(TEXT.replace("forks = ", f"dining.{declared}\nforks = "))
    name, *options = command.split()
    done = cowpath(name, "own.py", *ON, *options)
    assert (done.status, done.out) == (2, "")
    assert "accepted: " in done.err
    assert len(done.err.splitlines()) == 1


OURS = """
from dataclasses import replace

from cowpath import Index
from cowpath.model.designs import DESIGNS
from cowpath.model.stack.world import Request

RFC = DESIGNS["rfc-2016"]


def build():
    variables = dict(RFC.system.variables)
    system = replace(RFC.system, name="mine", variables=variables, parameters=dict(RFC.system.parameters))
    system.{declared}
    return system


DESIGN = replace(RFC, name="mine", build=build, parts=type(RFC.parts)())
"""


@pytest.mark.parametrize("command", ["check", "trace", "step", "graph", "export --to tla"])
@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            'variable("spoon", Index("Spoon", ordered=False))',
            "how many of 'Spoon' there are; it does of: Request, ",
        ),
        ('parameter("cost", Request)', "mine: the scenario gives no parameter 'cost'; it gives: kind, "),
    ],
)
def test_a_block_stack_with_what_no_disk_sizes_is_refused(
    tmp_path: Path, cowpath: Command, command: str, declared: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(OURS.replace("{declared}", declared))
    name, *options = command.split()
    done = cowpath(name, "mine.py", "--scenario", "race", *options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
