"""Walking the model by hand: what is offered, what is refused and why, and what the walk is kept as."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.stack.binding import bind
from cowpath.model.stack.properties import STANDARD
from cowpath.model.trace import record
from cowpath.model.trace.walk import Walk
from tests.counterexamples import trace_of
from tests.in_process import Command

STEP = ("step", "rfc-2016", "--scenario", "unaligned-write")
DEADLOCK = "1 1 1 2 1 1 1 1"


def walk(design: str = "rfc-2016", slug: str = "unaligned-write") -> Walk:
    scenario = find(slug)
    return Walk(DESIGNS[design].system, bind(scenario, reduce(scenario)), STANDARD)


def go(walked: Walk, owner: str, label: str) -> None:
    """Make the first step offered that is the owner's and has this label."""
    moves = (move for move in walked.moves() if (walked.owner(move), move.action.label) == (owner, label))
    walked.path.append(next(moves))


@pytest.mark.parametrize(
    ("design", "slug", "name"),
    [
        ("rfc-2016", "unaligned-write", "deadlock"),
        ("unserialised", "race", "snapshot"),
        ("merged-2.8", "neighbours", "assertion"),
        ("rfc-2016", "stop-undrained", "lifetime"),
    ],
)
def test_a_counterexample_can_be_walked_and_decides_what_it_should(design: str, slug: str, name: str) -> None:
    trace, walked = trace_of(design, slug, name), walk(design, slug)
    for step in trace.steps:
        assert walked.trace("").property == ""
        go(walked, step.owner, step.action)
    by_hand = walked.trace(trace.scenario)
    assert by_hand.steps == trace.steps
    assert record.document(by_hand) == record.document(trace)


def test_who_is_offered_nothing_is_told_why() -> None:
    """Of every state on the way to the deadlock: whoever has not ended is offered a step, or told why not."""
    walked = walk()
    for step in trace_of("rfc-2016", "unaligned-write", "deadlock").steps:
        offered = {walked.owner(move) for move in walked.moves()}
        refused = {each.owner for each in walked.blocked() if each.reasons}
        assert offered | refused == {*walked.names()}
        go(walked, step.owner, step.action)
    reasons = {(each.owner, each.action.label): each.reasons for each in walked.blocked()}
    assert walked.moves() == []
    assert reasons == {
        ("guest-read 0", "read.enter-secondary"): (
            "waits for nbd-write 1, who holds [512, 1024) on the secondary's tracked list",
            "needs: no conflict on the secondary's tracked list",
        ),
        ("nbd-write 1", "cow.pass"): (
            "waits for guest-read 0, who holds CowRequest [0, 65536)",
            "needs: every cluster is done",
        ),
        ("nbd-write 1", "cow.begin"): ("waits for guest-read 0, who holds CowRequest [0, 65536)",),
    }


def test_no_step_is_both_offered_and_refused() -> None:
    walked = walk()
    for _ in range(12):
        offered = {(walked.owner(move), move.action.label) for move in walked.moves()}
        assert offered.isdisjoint((each.owner, each.action.label) for each in walked.blocked())
        walked.path.append(walked.moves()[-1])


def test_the_state_is_told_in_words() -> None:
    walked = walk()
    assert dict(walked.shared())["secondary"] == "original data"
    assert dict(walked.places()) == {"guest-read 0": "at idle", "nbd-write 1": "at idle"}
    while walked.moves():
        walked.path.append(walked.moves()[-1])  # the writer first
    assert dict(walked.shared())["secondary"] == (
        "original data at [0, 512)+[1024, 4096) [4096, 65536), nbd-write 1 at [512, 1024)"
    )
    assert dict(walked.shared())["done"] == "yes"
    assert dict(walked.places()) == {"guest-read 0": "at done", "nbd-write 1": "at done"}


def test_of_a_request_all_is_told() -> None:
    walked = walk()
    go(walked, "guest-read 0", "read.begin")
    about = dict(walked.about("guest-read 0"))
    assert (about["pc"], about["cow request"]) == ("lookup-active", "yes")
    assert dict(walked.about("nbd-write 1"))["cow request"] == "no"


# -- the command


def test_a_walk_into_the_deadlock(cowpath: Command) -> None:
    ran = cowpath(*STEP, typed=f"{DEADLOCK}\n")
    assert (ran.status, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    assert "deadlock: guest-read 0 holds CowRequest [0, 65536), waits for nbd-write 1" in words
    assert ran.out.count("step ") == 8
    assert f"> {DEADLOCK}\n" in ran.out  # what comes from a pipe is echoed


def test_a_walk_to_the_end_says_so(cowpath: Command) -> None:
    assert "All requests are over." in cowpath(*STEP, typed="1 " * 17).out


def test_undo_and_restart_lead_back(cowpath: Command) -> None:
    straight = cowpath(*STEP, typed="1\n").out.partition("step 1")[2]
    undone = cowpath(*STEP, typed="1 1 u\n").out.rpartition("step 2")[2]
    assert undone.splitlines()[1:-1] == straight.splitlines()[1:-1]
    again = cowpath(*STEP, typed="1 1\nrestart\n").out
    fresh = cowpath(*STEP).out
    assert again.partition("> restart\n")[2].splitlines() == fresh.splitlines()[2:]


def test_a_request_s_name_tells_about_it(cowpath: Command) -> None:
    told = cowpath(*STEP, typed="1 1 guest-read 0 quit 1\n").out.partition("step 2")[2]
    assert "block/qcow2.c qcow2_co_preadv, 2.8" in told  # the rule of its next step
    assert "cow request" in told
    assert "step 3" not in told


def test_a_saved_walk_is_a_trace(cowpath: Command, tmp_path: Path) -> None:
    cowpath(*STEP, typed="1\nsave one.json\n1 1 2 1 1 1 1 save all.json\n")
    written = json.loads((tmp_path / "all.json").read_text())
    assert (written["property"], len(written["trace"]), len(written["cycle"])) == ("deadlock", 8, 2)
    shown = cowpath("trace", *STEP[1:], "--from", "all.json")
    assert shown.status == 1
    assert shown.out.startswith("rfc-2016 on 'unaligned write': deadlock, trace, 8 steps\n")
    shown = cowpath("trace", *STEP[1:], "--from", "one.json")
    assert shown.status == 0
    assert shown.out.splitlines()[0] == "rfc-2016 on 'unaligned write': trace, 1 step"
    assert shown.out.splitlines()[-1] == "Nothing is decided here."
    for name, ending in (("all.json", "threads: deadlock"), ("one.json", "threads: all requests end.")):
        replayed = cowpath("replay", *STEP[1:], "--trace", name)
        assert replayed.status == 0, replayed.err
        assert ending in replayed.out
        assert "They agree." in replayed.out


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("9\n", "line 1: '9' is no step; accepted: 1 to 2"),
        (f"{DEADLOCK}\n1\n", "line 2: '1' is no step; nobody can move; accepted: undo, restart"),
        ("undo\n", "line 1: undo: no step has been made"),
        ("1\n\njump\n", "line 3: 'jump' is no command; accepted: a number: make that step; "),
        ("save\n", "line 1: save: '' is not a file's path"),
        ("save no/where.json\n", "line 1: save: 'no' is not a folder that can be written to"),
    ],
)
def test_a_bad_command_from_a_pipe_ends_the_walk(cowpath: Command, typed: str, says: str) -> None:
    ran = cowpath(*STEP, typed=typed)
    assert ran.status == 2
    assert ran.err.startswith(f"cowpath: {says}")
    assert ran.err.count("\n") == 1


def test_what_does_not_fit_cannot_be_walked(cowpath: Command) -> None:
    ran = cowpath("step", "rfc-2016", "--scenario", "client-discard")
    assert ran.status == 2
    assert ran.err == "cowpath: rfc-2016 has no client-discard: 'the client discards' does not fit it\n"
