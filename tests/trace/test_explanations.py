"""Explanations: what of the property fails, with its values, and where the data came from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from cowpath.model.finite.reference import Reference
from cowpath.model.language.expression import Expr, exists, forall
from cowpath.model.language.sorts import Index, Int
from cowpath.model.language.system import State, System
from cowpath.model.render.stories import reasons
from cowpath.model.render.text import render, to_ascii
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.stack.binding import bind
from cowpath.model.trace.conjunct import failed
from tests.counterexamples import result, trace_of
from tests.toys import instance

RACE = trace_of("unserialised", "race", "snapshot")


def test_a_wrong_read_is_traced_to_the_write_and_to_where_the_snapshot_s_data_were() -> None:
    conjunct, story = reasons(RACE)
    assert conjunct == ("It fails: guest-read 0 has read a wrong value since step 13.")
    assert story == (
        "At [512, 1024) step 13 (guest-read 0, read.secondary) reads nbd-write 1's data from the secondary "
        "disk, there since step 12 (nbd-write 1, write.data). What the snapshot has, original data, was in "
        "the secondary disk until step 12 and in the hidden disk since step 9. It goes by what step 3 saw "
        "(read.lookup-hidden: not mapped)."
    )


def test_the_steps_that_a_story_names_did_what_it_says() -> None:
    for name in ("snapshot", "guest-write"):
        trace = trace_of("rfc-2016", "checkpoint-unquiesced", name)
        for number, owner, action in re.findall(r"step (\d+) \((\S+ \d+), (\S+)\)", " ".join(reasons(trace))):
            step = trace.steps[int(number) - 1]
            assert (step.owner, step.action) == (owner, action)


def test_a_wrong_fill_is_traced_to_the_read_that_filled_it() -> None:
    story = reasons(trace_of("rfc-2016", "checkpoint-unquiesced", "guest-write"))[1]
    assert story.startswith("At [0, 1) step 13 (guest-write 2, read.secondary) reads nbd-write 0's data")


def test_a_snapshot_taken_after_the_look_up_is_named() -> None:
    story = reasons(trace_of("rfc-2016", "checkpoint-unquiesced", "snapshot"))[1]
    assert "reads original data from the hidden disk, there since step 5" in story
    assert "The snapshot has nbd-write 0's data, since step 9 (checkpoint 3, checkpoint.clear-done)" in story


def test_a_use_after_free_names_the_step_that_freed_the_job() -> None:
    trace = trace_of("rfc-2016", "stop-undrained", "lifetime")
    story = reasons(trace)[1]
    assert (
        story
        == "Step 9 (guest-read 0, read.end) uses the job, which is freed since step 4 (stop 2, stop.free)."
    )
    assert [step.number for step in trace.steps if step.action == "stop.free"] == [4]


def test_a_fallen_assertion_gives_its_values() -> None:
    (told,) = reasons(trace_of("rfc-2016", "neighbours", "assertion"))
    assert told == (
        "It fails at this conjunct: not (nbd-write 0 is at final-parked and unaligned nbd-write 0), where "
        "nbd-write 0 is at final-parked since step 8 and unaligned nbd-write 0 is yes."
    )


def test_a_deadlock_s_waits_come_in_the_order_in_which_they_began() -> None:
    assert reasons(trace_of("rfc-2016", "unaligned-write", "deadlock")) == (
        "nbd-write 1 has held [512, 1024) on the secondary's tracked list since step 4; guest-read 0 has "
        "waited for it since step 5.",
        "guest-read 0 has held CowRequest [0, 65536) since step 1; nbd-write 1 has waited for it since step "
        "8, which closes the cycle.",
    )


THING = Index("Thing", ordered=False)


def counting(*values: int) -> tuple[Reference, tuple[int, ...]]:
    system = System("counting")
    system.variable("level", THING, sort=Int(3), initial=0)
    system.variable("lit", sort=Int(1), initial=0)
    system.variable("low_level_all", initial=True)
    system.variable("dry", THING, initial=True, called="has run dry")
    return Reference(system, instance({"Thing": len(values) - 1})), (*values, *[1] * len(values))


@pytest.mark.parametrize(
    ("formula", "words", "facts"),
    [
        (
            lambda s: (s.lit == 0) & forall(THING, lambda t: s.level[t] < 2),
            "level thing 1 < 2",
            ["level thing 1 is 2"],
        ),
        (lambda s: (s.lit == 1) & (s.lit == 0), "lit = 1", ["lit is 0"]),
        (
            lambda s: ~exists(THING, lambda t: (s.level[t] == 2) & (s.lit == 0)),
            "not (level thing 1 = 2 and lit = 0)",
            ["level thing 1 is 2", "lit is 0"],
        ),
        (
            lambda s: exists(THING, lambda t: s.level[t] == 3),
            "some t: level t = 3",
            ["level thing 0 is 1", "level thing 1 is 2"],
        ),
        (
            lambda s: exists(THING, lambda t: (s.level[t] == 3) & s.dry[t]),
            "some t: level t = 3",
            ["level thing 0 is 1", "level thing 1 is 2"],
        ),
        (
            lambda s: forall(THING, lambda t: (s.level[t] == 0) | (s.level[t] == 2) | (s.level[t] == 3)),
            "level thing 0 != 1",
            ["level thing 0 is 1"],
        ),
        (
            lambda s: forall(THING, lambda t: ~s.dry[t]),
            "not (thing 0 has run dry)",
            ["thing 0 has run dry"],
        ),
        (
            lambda s: (s.lit == 1) | ~(s.low_level_all & ~exists(THING, lambda t: s.level[t] > 2)),
            "lit = 1 if low level all and (no t: 2 < level t)",
            ["lit is 0", "low level all is yes", "level thing 0 is 1", "level thing 1 is 2"],
        ),
        (lambda s: forall(THING, lambda t: ~(s.level[t] < 2)), "level thing 0 >= 2", ["level thing 0 is 1"]),
    ],
)
def test_a_false_formula_is_gone_down_into_until_one_part_is_false_by_itself(
    formula: Callable[[State], Expr], words: str, facts: list[str]
) -> None:
    reference, state = counting(1, 2, 0)
    said, found = failed(reference, formula(State(reference.system, None)), state)
    assert said == words
    assert [str(fact) for fact in found] == facts


def test_every_state_in_words_follows_from_the_one_before_and_the_step_s_changes() -> None:
    for trace in (RACE, trace_of("rfc-2016", "unaligned-write", "deadlock")):
        assert len(trace.states) == len(trace.steps) + 1
        for (before, after), step in zip(pairwise(trace.states), trace.steps, strict=True):
            changed = {
                (" ".join([name.replace("_", " "), *places]), before.values[name][places], value)
                for name, values in after.values.items()
                for places, value in values.items()
                if value != before.values[name][places]
            }
            assert changed == {(change.what, change.before, change.after) for change in step.changes}


def test_who_waits_cannot_move_and_the_last_state_of_a_deadlock_has_its_cycle() -> None:
    trace = trace_of("rfc-2016", "unaligned-write", "deadlock")
    assert [bool(state.waits) for state in trace.states] == [False] * 5 + [True] * 4
    assert set(trace.cycle) <= set(trace.states[-1].waits)


def test_the_setting_is_the_scenario_s() -> None:
    found = result("rfc-2016", "unaligned-write")
    names = bind(found.scenario, reduce(found.scenario)).names
    assert RACE.elements["Sector"] == names["Sector"]
    assert RACE.setting["covers"]["nbd-write 1", "[512, 1024)"] == "yes"
    assert RACE.setting["unaligned"]["nbd-write 1",] == "no"


def test_the_text_fits_a_mail() -> None:
    for trace in (RACE, trace_of("rfc-2016", "neighbours", "assertion")):
        assert max(map(len, render(trace, PROPERTIES[trace.property]).splitlines())) <= 72


def test_plain_ascii_loses_accents_and_escapes_the_rest() -> None:
    trace = replace(RACE, scenario="Kühe – 牛")
    assert to_ascii(render(trace, "")).startswith("unserialised on 'Kuhe \\u2013 \\u725b': snapshot")
