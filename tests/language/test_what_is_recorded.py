"""What is recorded of a model, and what is asked of all of it when it is grounded."""

from __future__ import annotations

import pytest

from cowpath.model.explore.program import Program
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.reference import Reference
from cowpath.model.language.expression import Expr, If, Local, Not, Quantified, Read, count, exists, forall
from cowpath.model.language.sorts import BOOL, Int, Maybe, Position, Sort
from cowpath.model.language.system import State, System
from tests.language.small import Cluster, Request, declared, message_of
from tests.toys import column, instance

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
