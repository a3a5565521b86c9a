"""Designs of one's own, from a file: what is not ours is taken as it is, or refused in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.in_process import Command

TEXT = (Path(__file__).parent.parent / "commands" / "corpus" / "design.txt").read_text()
ON = ("--scenario", "race")
SNAPSHOT = '    system.always("snapshot"'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with a design that has two of the standard properties, and no argument."""
    (tmp_path / "own.py").write_text(TEXT)
    return tmp_path / "own.py"


def bare(own: Path) -> None:
    """Leave no property to it but those that every design has."""
    lines = [line for line in TEXT.splitlines() if not line.startswith((SNAPSHOT, "    system.sometimes("))]
    own.write_text("\n".join(lines))


# -- properties that it does not declare


@pytest.mark.parametrize("declares", [True, False])
def test_it_is_checked_for_the_properties_that_it_has(own: Path, cowpath: Command, declares: bool) -> None:
    if not declares:
        bare(own)
    done = cowpath("check", "own.py", *ON, "--json", "-")
    assert (done.status, done.err) == (0, "")
    (result,) = json.loads(done.out)
    assert set(result["properties"]) == ({"snapshot", "deadlock"} if declares else {"deadlock"})
    assert (result["verdict"], result["states"]) == ("holds", 9)


@pytest.mark.parametrize(
    "command",
    [
        ("trace", "own.py", *ON),
        ("report", "own.py", *ON),
        ("check", "own.py", "rfc-2016", *ON),
        ("export", "own.py", *ON, "--to", "promela"),
        ("step", "own.py", *ON),
        ("graph", "own.py", *ON),
        ("designs", "own.py"),
        ("designs", "own.py", "--guards"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("declares", [True, False])
def test_every_command_takes_it(
    own: Path, cowpath: Command, command: tuple[str, ...], declares: bool
) -> None:
    if not declares:
        bare(own)
    done = cowpath(*command)
    assert done.status == 0
    assert done.err == "" or done.err.startswith("no trace: ")


@pytest.mark.parametrize("command", ["check", "trace", "report", "export --to tla"])
def test_a_property_that_it_does_not_have_is_refused(own: Path, cowpath: Command, command: str) -> None:
    name, *options = command.split()
    done = cowpath(name, "own.py", *ON, *options, "--property", "lifetime")
    assert (done.status, done.out) == (2, "")
    assert (
        done.err == "cowpath: own declares no property 'lifetime'; accepted: snapshot, deadlock, all-over\n"
    )


def test_two_designs_with_other_properties_stand_side_by_side(own: Path, cowpath: Command) -> None:
    done = cowpath("check", "own.py", "unserialised", *ON)
    assert done.status == 1
    assert (
        "Checked: snapshot, deadlock, guest-write, write-through, progress, lifetime, assertion." in done.out
    )


def test_clusters_without_lives_have_no_quotient(own: Path, cowpath: Command) -> None:
    done = cowpath("graph", "own.py", *ON, "--quotient")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(
        "cowpath: --quotient: own on 'the race' knows no stages of clusters; accepted: "
    )


# -- proofs without an argument


def test_a_proof_without_an_argument_says_so_at_once(own: Path, cowpath: Command) -> None:
    done = cowpath("prove", "own.py", "--json", "-")
    assert done.status == 3
    assert done.err.startswith("own comes without an argument: ")
    assert len(done.err.splitlines()) == 1
    found = {each["theorem"]: each["verdict"] for each in json.loads(done.out)}
    assert found == {"snapshot": "undetermined", "deadlock": "undetermined", "termination": "holds"}


def test_a_theorem_about_what_it_does_not_claim_is_refused(own: Path, cowpath: Command) -> None:
    bare(own)
    done = cowpath("prove", "own.py", "--theorem", "snapshot")
    assert done.err.endswith("own declares no property 'snapshot'; accepted: deadlock, termination\n")
    assert (done.status, done.out) == (2, "")


# -- mistakes

WRONG = {
    "no return": ("    return system\n", "", "build() returns None; accepted: a System"),
    "no name": ('Design("own"', "Design(3", "3 is no name; accepted: letters, digits"),
    "an odd name": ('Design("own"', 'Design("o w"', "'o w' is no name; accepted: letters, digits"),
    "no kinds": (
        'lacks=("checkpoint", "stop")',
        "lacks=None",
        "None is no lacks; accepted: a tuple of kinds",
    ),
    "a kind": ('lacks=("checkpoint", "stop")', 'lacks="stop"', "'stop' is no lacks; accepted: a tuple of"),
    "no era": ('"today"', "2016", "2016 is no era; accepted: a text"),
    "a source": ('("my idea",)', '"my idea"', "'my idea' is no sources; accepted: a tuple of texts"),
    "an argument": ("lacks=(", 'argument="yes", lacks=(', "'yes' is no argument; accepted: an Argument"),
    "another name": ('System("own")', 'System("mine")', "its system is named 'mine'; accepted: 'own'"),
    "no end": (
        '    system.terminal(Request, lambda s, r: s.where[r] == "gone")\n',
        "",
        "says nothing of when an owner is finished",
    ),
    "no build": (", build, lacks", ", 7, lacks", "7 is no build; accepted: a function"),
    "exits": ("Where = ", "raise SystemExit(0)\nWhere = ", "line 9: SystemExit: 0"),
    "initial": (
        'initial="out")',
        'initial="out")\n    system.variable("late", Request, initial=lambda s, r: s.where[r] == "in")',
        "variable late: its initial value reads 'where', which has none yet; accepted: constants and par",
    ),
    "a claim": (
        "lacks=(",
        'argument=Argument((), (), (claim("none")(lambda s: s.nowhere),), (), (), ()), lacks=(',
        "claim 'none' (own.py:40): no variable or parameter 'nowhere' is declared",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_mistake_in_it_is_one_line(own: Path, cowpath: Command, name: str) -> None:
    was, now, said = WRONG[name]
    text = TEXT.replace(was, now)
    assert text != TEXT
    imports = "from cowpath.model.language.claim import Argument, claim\n"
    own.write_text(text.replace('"""\n\n', f'"""\n{imports}', 1))
    done = cowpath("check", "own.py", *ON)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"cowpath: own.py: {said}")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "trace", "step", "graph", "prove", "report", "export --to tla"])
@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            'system.variable("fork", Index("Fork", ordered=False))',
            "the scenario says nothing of how many of 'Fork' there are; it does of: Request, ",
        ),
        (
            'system.variable("fork", sort=Maybe(Index("Fork", ordered=False)))',
            "the scenario says nothing of how many of 'Fork' there are; it does of: Request, ",
        ),
        (
            'system.parameter("left", Request)',
            "own: the scenario gives no parameter 'left'; it gives: kind, fault, stream, ",
        ),
    ],
)
def test_what_no_scenario_sizes_is_refused(
    own: Path, cowpath: Command, command: str, declared: str, said: str
) -> None:
    text = TEXT.replace('    system.variable("turns"', f'    {declared}\n    system.variable("turns"')
    own.write_text(text.replace("import Enum,", "import Index, Enum,"))
    name, *options = command.split()
    done = cowpath(name, "own.py", *(() if name == "prove" else ON), *options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
