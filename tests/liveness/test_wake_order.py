"""The model lets woken requests run in any order and at any time; QEMU runs them before anybody else.

Here that is imposed: while a request of a tracked list is woken, only woken ones may move. No verdict and
no length of a trace changes, so none of them owes anything to an order that QEMU does not have.
"""

from dataclasses import replace

import pytest

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.language.action import Guard
from cowpath.model.language.expression import Expr, exists
from cowpath.model.language.system import State, System
from cowpath.model.scenarios import bundled
from cowpath.model.stack.world import Request
from tests.draws import first


def woken_first(system: System) -> System:
    lists = [name for name in system.variables if name.endswith("_waiting_for")]
    state = State(system, None)

    def woken(q: Expr) -> Expr:
        first, *others = (state[name][q] == q for name in lists)
        for other in others:
            first = first | other
        return first

    def only_woken(owner: Expr) -> Guard:
        return Guard("woken first", woken(owner) | ~exists(Request, lambda q: woken(q)), False)

    actions = [replace(a, guards=(*a.guards, only_woken(a.params[0]))) for a in system.actions]
    return replace(system, actions=actions)


# Who has been woken first goes first: the other writes of the block must then go round by another way.
LATER = {("writes-of-a-block", "write-through"): 2}


@pytest.mark.parametrize("name", first(DESIGNS, "rfc-2016"))
def test_no_verdict_depends_on_the_order_of_wake_ups(name: str) -> None:
    design = DESIGNS[name]
    system = woken_first(design.system)
    strict = replace(design, build=lambda: system)
    fewer = 0
    for scenario in bundled():
        if design.unsupported(scenario) is None:
            free = check(Case(design, scenario), engine="python")
            bound = check(Case(strict, scenario), engine="python")
            assert {p: r.verdict for p, r in free.properties.items()} == {
                p: r.verdict for p, r in bound.properties.items()
            }
            for p, r in free.properties.items():
                if r.depth is not None:
                    assert bound.properties[p].depth == r.depth + LATER.get((scenario.slug, p), 0)
            fewer += bound.exploration.transitions < free.exploration.transitions
    assert fewer > 0  # the restriction bites
