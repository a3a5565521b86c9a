"""Actions that are refused: the message names the action, the line, and what is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cowpath.model.language.expression import Expr, If, constant, exists
from cowpath.model.language.system import State
from tests.language.small import NO_TRUTH, Body, Cluster, Place, Request, declared, message_of, place_of

REFUSED: list[Any] = []


def refused(message: str) -> Callable[[Body], Body]:
    """Note that the decorated body must be refused with the message, at its line marked `# !`."""

    def note(body: Body) -> Body:
        REFUSED.append(pytest.param(body, message, id=body.__name__))
        return body

    return note


NAMES = "at, flag, grid, home, lamp, option, owner, pc, total"


@refused(NO_TRUTH)
def truth_in_if(s: State, r: Expr, k: Expr) -> None:
    if s.flag[r]:  # !
        s.lamp = True


@refused(NO_TRUTH)
def truth_in_and(s: State, r: Expr, k: Expr) -> None:
    s.require(s.flag[r] and s.lamp, "both")  # !


@refused(NO_TRUTH)
def truth_in_or(s: State, r: Expr, k: Expr) -> None:
    s.require(s.flag[r] or s.lamp, "either")  # !


@refused(NO_TRUTH)
def truth_in_not(s: State, r: Expr, k: Expr) -> None:
    s.lamp = not s.lamp  # !


@refused(NO_TRUTH)
def chained_comparison(s: State, r: Expr, k: Expr) -> None:
    s.require(0 <= s.total < 2, "small")  # !


@refused(NO_TRUTH)
def membership(s: State, r: Expr, k: Expr) -> None:
    known: Any = s.pc[r] in ("idle", "done")  # !
    s.require(known, "anywhere")


@refused(NO_TRUTH)
def truth_in_a_quantifier(s: State, r: Expr, k: Expr) -> None:
    s.require(
        exists(
            Request,
            lambda q: s.flag[q] and s.lamp,  # !
        ),
        "some",
    )


@refused(f"no variable or parameter 'lapm' is declared; declared are: {NAMES}")
def undeclared_read(s: State, r: Expr, k: Expr) -> None:
    s.require(s.lapm, "lit")  # !


@refused(f"no variable or parameter 'lapm' is declared; declared are: {NAMES}")
def undeclared_assigned(s: State, r: Expr, k: Expr) -> None:
    s.lapm = True  # !


@refused(f"no variable or parameter 'flags' is declared; declared are: {NAMES}")
def undeclared_cell_assigned(s: State, r: Expr, k: Expr) -> None:
    s.flags[r] = True  # !


@refused("option is a parameter of the instance: no step may change it")
def parameter_assigned(s: State, r: Expr, k: Expr) -> None:
    s.option = True  # !


@refused("home is a parameter of the instance: no step may change it")
def parameter_cell_assigned(s: State, r: Expr, k: Expr) -> None:
    s.home[r] = k  # !


@refused("wrong sort: Cluster does not go with Request")
def wrong_sort_in_equality(s: State, r: Expr, k: Expr) -> None:
    s.require(r == k, "same")  # !


@refused("wrong sort: 'idle' given, Maybe(Request) wanted")
def wrong_constant_in_equality(s: State, r: Expr, k: Expr) -> None:
    s.require(s.owner[k] == "idle", "idle")  # !


@refused("wrong sort: Request does not go with 0..3")
def wrong_sort_in_inequality(s: State, r: Expr, k: Expr) -> None:
    s.require(s.total != r, "another")  # !


@refused("wrong sort: 0..3 does not go with Position(Cluster)")
def wrong_sort_in_order(s: State, r: Expr, k: Expr) -> None:
    s.require(s.at[r] < s.total, "less")  # !


@refused("4 is outside 0..3")
def constant_outside_in_order(s: State, r: Expr, k: Expr) -> None:
    s.require(s.total < 4, "less")  # !


@refused("wrong sort: bool given, 0..3 wanted")
def wrong_sort_in_integer(s: State, r: Expr, k: Expr) -> None:
    s.total = s.lamp  # !


@refused("cannot add to Request: only bounded integers and ordered indices count")
def unordered_in_sum(s: State, r: Expr, k: Expr) -> None:
    s.flag[r + 1] = True  # !


@refused("cannot add to bool: only bounded integers and ordered indices count")
def boolean_in_sum(s: State, r: Expr, k: Expr) -> None:
    s.total = s.lamp + 1  # !


@refused("True is not a number that can be added")
def truth_added(s: State, r: Expr, k: Expr) -> None:
    s.total = s.total + True  # !


@refused("-1 is not a number that can be added")
def negative_added(s: State, r: Expr, k: Expr) -> None:
    s.total = s.total + -1  # !


@refused("wrong sort: 0..3 given, bool wanted")
def number_as_condition(s: State, r: Expr, k: Expr) -> None:
    s.require(s.lamp & s.total, "lit")  # !


@refused("wrong sort: the branches of If are Request and Cluster")
def branches_of_two_families(s: State, r: Expr, k: Expr) -> None:
    s.require(If(s.lamp, r, k) == r, "r")  # !


@refused("wrong sort: 'done' given, bool wanted")
def branch_of_wrong_sort(s: State, r: Expr, k: Expr) -> None:
    s.lamp = If(s.lamp, s.flag[r], "done")  # !


@refused("If needs an expression in one of its branches, to know the sort of the other")
def branches_without_sort(s: State, r: Expr, k: Expr) -> None:
    s.total = If(s.lamp, 1, 2)  # !


@refused("wrong sort: Request given, bool wanted")
def if_on_an_element(s: State, r: Expr, k: Expr) -> None:
    s.lamp = If(r, True, False)  # !


@refused("wrong sort: Cluster given, Maybe(Request) wanted")
def wrong_sort_assigned(s: State, r: Expr, k: Expr) -> None:
    s.owner[k] = k  # !


@refused("wrong sort: 1 given, bool wanted")
def wrong_constant_assigned(s: State, r: Expr, k: Expr) -> None:
    s.lamp = 1  # !


@refused("4 is outside 0..3")
def constant_outside_assigned(s: State, r: Expr, k: Expr) -> None:
    s.total = 4  # !


@refused("-1 is outside Position(Cluster)")
def negative_position_assigned(s: State, r: Expr, k: Expr) -> None:
    s.at[r] = -1  # !


@refused("wrong sort: flag is indexed by Request, Cluster given")
def wrong_index_read(s: State, r: Expr, k: Expr) -> None:
    s.require(s.flag[k], "set")  # !


@refused("wrong sort: flag is indexed by Request, int given")
def number_as_index(s: State, r: Expr, k: Expr) -> None:
    s.require(s.flag[0], "set")  # !


@refused("wrong sort: grid is indexed by Cluster, Request given")
def wrong_index_assigned(s: State, r: Expr, k: Expr) -> None:
    s.grid[r, r] = True  # !


@refused("wrong sort: home is indexed by Request, Cluster given")
def wrong_index_of_parameter(s: State, r: Expr, k: Expr) -> None:
    s.require(s.home[k] == k, "home")  # !


@refused("Request is unordered: its values cannot be compared with < or >")
def unordered_elements_compared(s: State, r: Expr, k: Expr) -> None:
    s.require(r < r, "less")  # !


@refused("Maybe(Request) is unordered: its values cannot be compared with < or >")
def unordered_values_compared(s: State, r: Expr, k: Expr) -> None:
    s.require(s.owner[k] >= r, "more")  # !


@refused("Place is unordered: its values cannot be compared with < or >")
def enum_compared(s: State, r: Expr, k: Expr) -> None:
    s.require(s.pc[r] > "idle", "more")  # !


@refused("Place has no value 'gone'; it has: idle, done")
def enum_value_compared(s: State, r: Expr, k: Expr) -> None:
    s.require(s.pc[r] == "gone", "gone")  # !


@refused("Place has no value 'gone'; it has: idle, done")
def enum_value_assigned(s: State, r: Expr, k: Expr) -> None:
    s.pc[r] = "gone"  # !


@refused("Place has no value 'gone'; it has: idle, done")
def enum_constant(s: State, r: Expr, k: Expr) -> None:
    s.pc[r] = If(s.lamp, constant(Place, "gone"), "idle")  # !


@refused("grid takes 2 indices, 1 given")
def too_few_indices(s: State, r: Expr, k: Expr) -> None:
    s.require(s.grid[r], "set")  # !


@refused("flag takes 1 indices, 2 given")
def too_many_indices(s: State, r: Expr, k: Expr) -> None:
    s.flag[r, k] = True  # !


@refused("flag is indexed by Request: assign one of its cells")
def assigned_whole(s: State, r: Expr, k: Expr) -> None:
    s.flag = True  # !


@refused("flag is assigned for each request but not indexed by it")
def each_not_an_index(s: State, r: Expr, k: Expr) -> None:
    for _q in s.each(Request):
        s.flag[r] = True  # !


@refused("lamp is assigned for each cluster but not indexed by it")
def each_around_a_scalar(s: State, r: Expr, k: Expr) -> None:
    for j in s.each(Cluster):
        s.lamp = s.grid[r, j]  # !


@refused("grid is assigned for each request but not indexed by it")
def each_within_each(s: State, r: Expr, k: Expr) -> None:
    for _q in s.each(Request):
        for j in s.each(Cluster):
            s.grid[r, j] = True  # !


@refused("two guards are named 'lit'")
def guard_twice(s: State, r: Expr, k: Expr) -> None:
    s.require(s.lamp, "lit")
    s.require(s.flag[r], "lit")  # !


@refused("two waits are on 'a lock'")
def wait_twice(s: State, r: Expr, k: Expr) -> None:
    s.wait_while(Request, lambda q: s.flag[q], on="a lock", held="it")
    s.wait_while(Request, lambda q: s.flag[q], on="a lock", held="it")  # !


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_the_message_names_action_file_line_and_what_is_accepted(body: Body, message: str) -> None:
    said = message_of(lambda: declared().action("the action", r=Request, k=Cluster)(body))
    assert said == f"action the action ({place_of(body)}): {message}"


def test_an_action_that_was_refused_is_not_there() -> None:
    system = declared()
    message_of(lambda: system.action("a", r=Request, k=Cluster)(truth_in_if))
    assert system.actions == []
