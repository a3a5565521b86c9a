"""What the language refuses while a model is recorded, saying where and why; and what it records."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from cowpath.model.explore.program import Program
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.reference import Reference
from cowpath.model.language.errors import ModelError
from cowpath.model.language.expression import (
    Expr,
    If,
    Local,
    Not,
    Quantified,
    Read,
    constant,
    count,
    exists,
    forall,
    nobody,
)
from cowpath.model.language.sorts import BOOL, Enum, Index, Int, Maybe, Position, Sort
from cowpath.model.language.system import State, System
from tests.toys import column, instance

Request = Index("Request", ordered=False)
Cluster = Index("Cluster", ordered=True)
Place = Enum("Place", ("idle", "done"))
THIS_FILE = "test_language.py"

Body = Callable[..., None]


def declared() -> System:
    system = System("small")
    system.parameter("option")
    system.parameter("home", Request, sort=Cluster)
    system.variable("pc", Request, sort=Place, initial="idle")
    system.variable("flag", Request)
    system.variable("grid", Request, Cluster)
    system.variable("owner", Cluster, sort=Maybe(Request))
    system.variable("at", Request, sort=Position(Cluster), initial=0)
    system.variable("total", sort=Int(3), initial=0)
    system.variable("lamp")
    return system


def place_of(function: Body) -> str:
    """Return file and line of the statement marked `# !` in the function."""
    lines, first = inspect.getsourcelines(function)
    (line,) = (number for number, text in enumerate(lines, first) if "# !" in text)
    return f"{THIS_FILE}:{line}"


def message_of(record: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        record()
    return str(caught.value)


REFUSED: list[Any] = []


def refused(message: str) -> Callable[[Body], Body]:
    """Note that the decorated body must be refused with the message, at its line marked `# !`."""

    def note(body: Body) -> Body:
        REFUSED.append(pytest.param(body, message, id=body.__name__))
        return body

    return note


NO_TRUTH = "the truth value of an expression is not known while the model is recorded: use & | ~ If"
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


# -- declarations and claims: the message names what is being recorded


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


# -- grounding


HERE = instance({"Request": 2, "Cluster": 2}, option={(): 0}, home=column(0, 1))


def test_a_system_without_terminal_is_not_grounded() -> None:
    assert message_of(lambda: ground(declared(), HERE)) == "small: terminal is not declared"


def test_two_assignments_to_a_cell_are_not_grounded() -> None:
    """Which cells two assignments mean is known on an instance only."""
    system = declared()
    system.terminal(Request, lambda s, r: s.lamp)

    @system.action("fill", r=Request)
    def fill(s: State, r: Expr) -> None:
        for j in s.each(Cluster):
            s.grid[r, j] = True
        s.grid[r, s.home[r]] = False

    said = message_of(lambda: narrow(ground(system, HERE)))
    assert said == "action fill: grid request 0 cluster 0 is assigned twice"


# -- what is recorded


def test_quantifiers_stay_nodes() -> None:
    system = declared()

    @system.action("look", r=Request)
    def look(s: State, r: Expr) -> None:
        s.require(exists(Request, lambda q: s.flag[q]), "some")
        s.require(forall(Cluster, lambda k: s.grid[r, k]), "all")
        s.wait_while(Request, lambda q: s.flag[q], on="flags", held="one")
        s.total = count(Request, lambda q: ~s.flag[q], high=3)
        for j in s.each(Cluster):
            s.grid[r, j] = s.owner[j] == r

    (action,) = system.actions
    some, every = (guard.condition for guard in action.guards)
    (wait,) = action.waits
    counted, filled = action.updates
    r = action.params[0]

    assert isinstance(some, Quantified)
    assert (some.kind, some.sort, some.bound.name, some.bound.sort) == ("exists", BOOL, "q", Request)
    assert isinstance(some.body, Read)
    assert some.body.indices[0] is some.bound

    assert isinstance(every, Quantified)
    assert (every.kind, every.sort, every.bound.name, every.bound.sort) == ("forall", BOOL, "k", Cluster)
    assert isinstance(every.body, Read)
    assert every.body.indices[0] is r
    assert every.body.indices[1] is every.bound

    assert isinstance(wait.bound, Local)
    assert isinstance(wait.condition, Read)
    assert wait.condition.indices[0] is wait.bound

    assert isinstance(counted.value, Quantified)
    assert (counted.value.kind, counted.value.sort) == ("count", Int(3))
    assert isinstance(counted.value.body, Not)

    (j,) = filled.bound
    assert j.sort == Cluster
    assert filled.indices[0] is r
    assert filled.indices[1] is j
    assert len({some.bound.number, every.bound.number, wait.bound.number, j.number, r.number}) == 5


@pytest.mark.parametrize(
    ("then", "other", "sort"),
    [
        ("r", "owner", Maybe(Request)),
        ("owner", "r", Maybe(Request)),
        ("k", "at", Position(Cluster)),
        ("at", "k", Position(Cluster)),
        ("total", "few", Int(3)),
        ("few", "total", Int(3)),
        ("r", "r", Request),
    ],
)
def test_if_has_the_wider_of_its_branches_sorts(then: str, other: str, sort: Sort) -> None:
    system = declared()
    system.variable("few", sort=Int(1), initial=0)
    seen = []

    @system.action("choose", r=Request, k=Cluster)
    def choose(s: State, r: Expr, k: Expr) -> None:
        terms = {"r": r, "k": k, "owner": s.owner[k], "at": s.at[r], "total": s.total, "few": s.few}
        seen.append(If(s.lamp, terms[then], terms[other]).sort)

    assert seen == [sort]


@pytest.mark.parametrize("turned", [False, True])
def test_reads_are_of_the_state_before_the_step(turned: bool) -> None:
    """Two variables are swapped, and a third counts from the old one, whatever the order of the lines."""
    system = System("swap")
    system.variable("a", sort=Int(9), initial=1)
    system.variable("b", sort=Int(9), initial=5)
    system.variable("c", sort=Int(9), initial=0)
    system.variable("row", Cluster, sort=Int(9), initial=7)

    @system.action("swap", r=Request)
    def swap(s: State, r: Expr) -> None:
        s.require(s.c == 0, "first")
        names = [("a", "b"), ("b", "a"), ("c", "a")]
        for target, source in reversed(names) if turned else names:
            setattr(s, target, s[source])
        for k in s.each(Cluster):
            s.row[k] = s.a + s.c

    system.terminal(Request, lambda s, r: s.c != 0)
    where = instance({"Request": 1, "Cluster": 2})
    reference = Reference(system, where)
    (step,) = reference.steps(reference.initial())
    assert step.after == (5, 1, 1, 1, 1)
    program = Program(narrow(ground(system, where)), ())
    ((_, after),) = program.successors(program.initial)
    assert program.vector(after) == step.after


def test_what_an_action_says_and_cites_is_its_docstring() -> None:
    system = declared()

    @system.action("go", r=Request)
    def go(s: State, r: Expr) -> None:
        """Goes
        on. Source: a book,
        page 3
        """

    system.action("stay", r=Request, says="stays", source="nowhere")(go_nowhere)
    assert [(a.says, a.source) for a in system.actions] == [
        ("Goes on.", "a book, page 3"),
        ("stays", "nowhere"),
    ]


def go_nowhere(s: State, r: Expr) -> None:
    """Goes nowhere. Source: a map"""
