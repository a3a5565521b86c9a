"""Mutants of somebody's code: which there are, that each is really made, who sees them, and what is said."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable

import pytest

from cowpath.conformance import schedules
from cowpath.conformance.own.decorator import wish_of
from cowpath.conformance.own.hunt import NEVER_RUN, BaselineError, Hunt, Outcome
from cowpath.conformance.own.mutate import mutants
from cowpath.conformance.own.testfile import Test
from cowpath.model.language.errors import InputError
from tests.conformance.own import buffers, mutated
from tests.conformance.own.buffer_model import watch
from tests.conformance.own.buffers import Lost, Right, workload


def hunted(body: Callable[[], None], *functions: str, schedules_: int = 60) -> list[Outcome]:
    wish = wish_of(body)
    assert wish is not None
    hunt = Hunt([Test("test", body, wish)], functions, schedules_)
    hunt.prepare()
    return list(hunt.run())


def test_there_is_a_mutant_of_every_kind() -> None:
    found = {(m.kind, m.before, m.after) for m in mutants(mutated, lambda name: name == "Kinds.method")}
    assert found == {
        ("statement removed", "self.n = 1", "pass"),
        ("off by one", "1", "2"),
        ("lock removed", "with self.lock:", "self.n += 2; self.n = self.n"),
        ("critical section split", "with self.lock:", "with self.lock:; with self.lock:"),
        ("statement removed", "self.n += 2", "pass"),
        ("off by one", "2", "3"),
        ("statement removed", "self.n = self.n", "pass"),
        ("if for while", "while not self.n > 3:", "if not self.n > 3:"),
        ("not removed", "not self.n > 3", "self.n > 3"),
        ("comparison", "self.n > 3", "self.n >= 3"),
        ("off by one", "3", "4"),
        ("wait removed", "self.changed.wait()", "pass"),
        ("finally on success only", "try:", "self.work(); self.changed.notify_all()"),
        ("statement removed", "self.work()", "pass"),
        ("wake-up removed", "self.changed.notify_all()", "pass"),
        ("notify for notify_all", "self.changed.notify_all()", "self.changed.notify()"),
        ("condition never true", "if self.n and x:", "if False and (self.n and x):"),
        ("and for or", "self.n and x", "self.n or x"),
        ("statement removed", "raise ValueError(x)", "pass"),
        ("statement removed", "return", "pass"),
    }


@pytest.mark.parametrize("number", range(len(list(mutants(mutated, lambda name: True)))))
def test_each_mutant_differs_and_can_be_compiled(number: int) -> None:
    mutant = list(mutants(mutated, lambda name: True))[number]
    source = inspect.getsource(mutated)
    tree = ast.parse(source)
    mutant.apply(tree, source, mutated)
    assert ast.dump(tree) != ast.dump(ast.parse(source))
    compile(ast.fix_missing_locations(tree), "m.py", "exec")


@schedules(modules=[buffers])
def fine() -> None:
    workload(Right)()


@schedules(modules=[buffers], model=watch(Right))
def judged() -> None:
    workload(Right)()


@schedules(modules=[buffers])
def failing() -> None:
    workload(Lost)()


def test_what_the_model_sees_and_the_test_does_not() -> None:
    alone = {(o.mutant.line, o.mutant.kind) for o in hunted(fine) if o.killed}
    model = {(o.mutant.line, o.mutant.kind) for o in hunted(judged) if o.killed}
    assert alone < model
    assert len(model) >= 12


def test_every_mutant_that_survives_was_made() -> None:
    outcomes = hunted(fine, "Right.__init__", "Right.put", "Right.get")
    assert {outcome.mutant.function for outcome in outcomes} == {"Right.__init__", "Right.put", "Right.get"}
    assert {outcome.remark for outcome in outcomes if not outcome.killed} == {""}
    assert {outcome.remark for outcome in outcomes if outcome.killed} <= {
        "an exception", "stuck", "it spins", "it hangs",
    }  # fmt: skip


@schedules(modules=[mutated])
def in_a_child() -> None:
    assert mutated.Child().n == 5
    assert mutated.nested()() == 1


def test_closures_and_super_do_not_keep_a_mutant_from_being_made() -> None:
    outcomes = hunted(in_a_child)
    removed = [o for o in outcomes if o.mutant.before == "super().__init__()"]
    assert [outcome.killed for outcome in removed] == [True]
    inner = [o for o in outcomes if o.mutant.function == "nested.inner"]
    assert inner
    assert all(outcome.killed for outcome in inner if outcome.mutant.kind == "off by one")
    never = [o for o in outcomes if o.mutant.before == "return 7"]
    assert [(o.killed, o.remark) for o in never] == [(False, NEVER_RUN)] * len(never)


def test_a_test_that_fails_as_it_is_is_no_base() -> None:
    with pytest.raises(BaselineError, match="test fails as it is: stuck"):
        hunted(failing, schedules_=600)


def test_functions_are_chosen_by_name() -> None:
    assert {outcome.mutant.function for outcome in hunted(fine, "put")} == {"Right.put"}
    with pytest.raises(InputError, match="there is no function push to be mutated"):
        hunted(fine, "push")


def test_functions_that_no_test_runs_are_named() -> None:
    wish = wish_of(fine)
    assert wish is not None
    hunt = Hunt([Test("test", fine, wish)], (), 20)
    hunt.prepare()
    assert "Lost.put" in hunt.idle
