"""A run in which somebody starves: what is checked of it before it is shown, and how it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cowpath.model.explore.result import UNLIMITED
from cowpath.model.finite.instance import Instance
from cowpath.model.language.expression import coerce
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import Action, System
from cowpath.model.liveness.runs import Lasso
from cowpath.model.liveness.starvation import starve
from cowpath.model.render.text import conclusion
from cowpath.model.trace import record
from cowpath.model.trace.lasso import replay_lasso
from cowpath.model.trace.trace import Trace
from cowpath.model.trace.waiting import ReplayError, WaitEdge
from tests.liveness.starving import STREAMS, narrowed_of, silent

Step = tuple[Action, tuple[int, ...]]


# -- what is checked of a lasso before it is shown


@pytest.fixture(scope="module")
def honest() -> tuple[System, Instance, Lasso, list[Step]]:
    """The write among reads of fleecing-4.0, as the search gives it."""
    narrowed = narrowed_of("fleecing-4.0", STREAMS[0])
    lasso = starve(narrowed, UNLIMITED, silent).lasso
    assert lasso is not None
    commands = narrowed.model.commands
    path = [(commands[n].action, commands[n].arguments) for n in (*lasso.stem, *lasso.loop)]
    return narrowed.model.system, narrowed.model.instance, lasso, path


Honest = tuple[System, Instance, Lasso, list[Step]]


def show(honest: Honest, path: list[Step], loop: int, *starved: int) -> Trace:
    system, where, lasso, _ = honest
    return replay_lasso(system, where, "some", starved or (lasso.owner,), path[:loop], path[loop:])


def test_an_honest_lasso_is_shown(honest: Honest) -> None:
    *_, lasso, path = honest
    trace = show(honest, path, len(lasso.stem), 0, 2)
    assert (trace.loop, len(trace.steps)) == (len(lasso.stem) + 1, len(path))
    assert trace.starved == ("nbd-write 0", "guest-read 2")
    assert {edge.waiter for edge in trace.passed} == {"nbd-write 0"}
    assert {edge.holder for edge in trace.passed} == {"guest-read 1", "guest-read 2"}
    assert record.decided(trace) == {"loop": trace.loop, "starved": list(trace.starved)}


def test_a_loop_that_does_not_close_is_refused(honest: Honest) -> None:
    *_, lasso, path = honest
    for end in range(len(lasso.stem) + 1, len(path)):
        with pytest.raises(ReplayError, match="does not close"):
            show(honest, path[:end], len(lasso.stem))
    with pytest.raises(ReplayError, match="does not close"):
        show(honest, path, len(lasso.stem) + 1)


def test_a_step_that_is_not_enabled_is_refused(honest: Honest) -> None:
    *_, lasso, path = honest
    for i in range(len(path)):
        with pytest.raises(ReplayError):
            show(honest, path[:i] + path[i + 1 :], len(lasso.stem))


def test_one_that_completes_does_not_starve(honest: Honest) -> None:
    *_, lasso, path = honest
    with pytest.raises(ReplayError, match="not pending all round"):
        show(honest, path, len(lasso.stem), 1)


def test_one_of_whom_nothing_is_claimed_does_not_starve(honest: Honest) -> None:
    system, where, lasso, path = honest
    owner, _ = system.live["progress"]
    nobody = replace(system, live={"progress": (owner, coerce(False, BOOL))})
    with pytest.raises(ReplayError, match="claims nothing of owner"):
        show((nobody, where, lasso, path), path, len(lasso.stem))


def test_a_loop_that_forgets_somebody_is_refused(honest: Honest) -> None:
    """Reads for ever, while the write has begun and could at any time go on with its copy."""
    *_, path = honest
    write = [step for step in path if step[1][0] == 0]
    read = [step for step in path if step[1][0] == 1 and step[0].label != "stream.next"]
    once = read[: [action.label for action, _ in read].index("read.end") + 1]
    again = next(step for step in path if step[0].label == "stream.next")
    assert again[1] == (1,)
    with pytest.raises(ReplayError, match="owner 0 could go on all round"):
        show(honest, [*write[:3], *once, again], 3)


def test_a_newcomer_that_overtakes_somebody_woken_is_refused(honest: Honest) -> None:
    """One reader is enough where it may come again before the write that it wakes has run."""
    *_, lasso, path = honest
    stem = path[: len(lasso.stem)]
    parked = stem[-1]
    assert parked[0].label == "cow.serialise.park"
    reader = [step for step in path if step[1][0] == 1]
    labels = [action.label for action, _ in reader]
    begins, ends = labels.index("read.begin"), labels.index("stream.next")
    inside = labels.index("read.enter-hidden") + 1
    loop = [*reader[inside : ends + 1], *reader[begins:inside], parked]
    with pytest.raises(ReplayError, match="overtakes"):
        show(honest, [*stem, *loop], len(stem))


# -- in words


def words(starved: tuple[str, ...], *holders: str) -> str:
    passed = tuple(WaitEdge("a 0", holder, "a list", "its place") for holder in holders)
    trace = Trace("d", "s", "progress", (), (), (), (), loop=0, starved=starved, passed=passed)
    return conclusion(trace, "it says so")


def test_the_conclusion_names_who_starves_and_whom_it_waits_for() -> None:
    claim = " progress is violated; it says that it says so."
    assert words(("a 0",), "b 1", "c 2") == (
        "a 0 is passed over for ever: it waits in turn for b 1 and c 2 on a list." + claim
    )
    assert words(("a 0", "d 3"), "b 1") == (
        "a 0 is passed over for ever: it waits for b 1 on a list. So can d 3 be." + claim
    )
    assert words(("a 0",)) == ("a 0 is passed over for ever: it never comes to its end." + claim)
