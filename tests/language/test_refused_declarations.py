"""Declarations and claims that are refused: the message names what is being recorded, and where."""

from __future__ import annotations

import pytest

from cowpath.model.language.expression import Expr, exists, nobody
from cowpath.model.language.sorts import Int, Position
from cowpath.model.language.system import State, System
from tests.language.small import NO_TRUTH, Body, Request, declared, message_of, place_of


def declares_variable_twice(system: System) -> None:
    system.variable("lamp", Request)  # !


def declares_parameter_as_variable(system: System) -> None:
    system.variable("option")  # !


def declares_variable_as_parameter(system: System) -> None:
    system.parameter("lamp")  # !


@pytest.mark.parametrize(
    ("declare", "name"),
    [
        (declares_variable_twice, "lamp"),
        (declares_parameter_as_variable, "option"),
        (declares_variable_as_parameter, "lamp"),
    ],
)
def test_a_name_is_declared_once(declare: Body, name: str) -> None:
    said = message_of(lambda: declare(declared()))
    assert said == f"{place_of(declare)}: '{name}' is declared twice"


def takes_a_label_twice(system: System) -> None:
    def body(s: State, r: Expr) -> None:
        s.flag[r] = True

    system.action("go", r=Request)(body)
    system.action("go", r=Request)(body)  # !


def has_no_owner(system: System) -> None:
    system.action("go")(lambda s: None)  # !


def assigns_in_always(system: System) -> None:
    def formula(s: State) -> Expr:
        s.flag[nobody(Request)] = True  # !
        return exists(Request, lambda q: s.flag[q])

    system.always("dark", formula)


def assigns_in_terminal(system: System) -> None:
    def formula(s: State, r: Expr) -> Expr:
        s.lamp = True  # !
        return r == r

    system.terminal(Request, formula)


def assigns_initially(system: System) -> None:
    def initial(s: State, r: Expr) -> bool:
        s.lamp = True  # !
        return True

    system.variable("more", Request, initial=initial)


def requires_in_sometimes(system: System) -> None:
    def formula(s: State) -> Expr:
        s.require(s.lamp, "lit")  # !
        return exists(Request, lambda q: s.flag[q])

    system.sometimes("lit", formula)


def waits_in_always(system: System) -> None:
    def formula(s: State) -> Expr:
        s.wait_while(Request, lambda q: s.flag[q], on="it", held="it")  # !
        return exists(Request, lambda q: s.flag[q])

    system.always("free", formula)


def observes_in_always(system: System) -> None:
    def formula(s: State) -> Expr:
        s.observe("it", Request, lambda q: s.flag[q], lambda q: s.pc[q], unset="none")  # !
        return exists(Request, lambda q: s.flag[q])

    system.always("seen", formula)


def loops_in_always(system: System) -> None:
    def formula(s: State) -> Expr:
        return next(s.each(Request))  # !

    system.always("each", formula)


def claims_a_number(system: System) -> None:
    system.always("many", lambda s: s.total)  # !


def claims_progress_by_state(system: System) -> None:
    system.progress(Request, lambda s, r: s.lamp, {"progress": lambda s, r: s.lamp})  # !


def claims_by_and(system: System) -> None:
    system.sometimes("both", lambda s: s.lamp and s.option)  # !


def begins_outside(system: System) -> None:
    system.variable("high", sort=Int(2), initial=3)  # !


def begins_with_nothing(system: System) -> None:
    system.variable("high", sort=Int(2))  # !


ONLY_AN_ACTION = "only an action may require, wait, assign or observe"


@pytest.mark.parametrize(
    ("text", "what", "message"),
    [
        (takes_a_label_twice, "action go", "another action has this label"),
        (has_no_owner, "action go", "an action needs at least one parameter, its owner"),
        (assigns_in_always, "property dark", ONLY_AN_ACTION),
        (assigns_in_terminal, "terminal", ONLY_AN_ACTION),
        (assigns_initially, "variable more", ONLY_AN_ACTION),
        (requires_in_sometimes, "property lit", ONLY_AN_ACTION),
        (waits_in_always, "property free", ONLY_AN_ACTION),
        (observes_in_always, "property seen", ONLY_AN_ACTION),
        (loops_in_always, "property each", ONLY_AN_ACTION),
        (claims_a_number, "property many", "wrong sort: 0..3 given, bool wanted"),
        (claims_by_and, "property both", NO_TRUTH),
        (
            claims_progress_by_state,
            "progress",
            "of whom progress is claimed depends on the state; accepted: parameters alone",
        ),
        (begins_outside, "variable high", "3 is outside 0..2"),
        (begins_with_nothing, "variable high", "wrong sort: False given, 0..2 wanted"),
    ],
)
def test_the_message_names_what_is_recorded(text: Body, what: str, message: str) -> None:
    said = message_of(lambda: text(declared()))
    assert said == f"{what} ({place_of(text)}): {message}"


def test_an_unordered_sort_has_no_positions() -> None:
    with pytest.raises(TypeError, match="Request is unordered: it has no positions"):
        Position(Request)


def test_a_guard_that_is_not_there_cannot_be_deleted() -> None:
    system = declared()

    @system.action("go", r=Request)
    def go(s: State, r: Expr) -> None:
        s.require(s.lamp, "lit")
        s.wait_while(Request, lambda q: s.flag[q], on="a flag", held="it")

    with pytest.raises(KeyError, match="no action 'og'"):
        system.without("og", "lit")
    with pytest.raises(KeyError, match="go has no guard 'dark'; it has: lit, wait on a flag"):
        system.without("go", "dark")
    assert system.without("go", "lit").actions[0].guard_names == ("wait on a flag",)
    assert system.without("go", "wait on a flag").actions[0].guard_names == ("lit",)
    assert system.actions[0].guard_names == ("lit", "wait on a flag")
