"""Which calls and statements of somebody's code are which steps of a model: what makes the model a judge."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from cowpath.conformance.own.events import Called, Rested, Returned, Seen, Stepped
from cowpath.conformance.own.explain import reason, states
from cowpath.conformance.own.explorer import Made, OwnRun, Watching
from cowpath.conformance.own.kernel import inside
from cowpath.conformance.own.oracle import Oracle
from cowpath.conformance.own.points import BEGUN, CALLED, MADE, RAISED, RETURNED, Point, Wanted, meant
from cowpath.conformance.own.result import Refused
from cowpath.conformance.own.vocabulary import Impossible, Vocabulary, WatchError
from cowpath.conformance.scheduler.kernel import Failure
from cowpath.model.designs.case import Case
from cowpath.model.finite.instance import Instance
from cowpath.model.language.errors import InputError
from cowpath.model.language.system import System

Facts = Mapping[Any, object]
"""{variable: value in the model's words}; of an indexed variable the owner's, or (variable, element, ...)."""
Function = Callable[..., Any] | str
WHITE, BLACK = "white", "black"


@dataclass(frozen=True)
class Call:
    """A function whose call is a stretch of an owner's life; with `last` it has finished when that returns.

    `says`: from what it returns, what the model has then; `raises`: the same of an exception.
    """

    function: Function
    says: Callable[[Any], Facts] | None = None
    raises: Callable[[BaseException], Facts] | None = None
    last: bool = True


class Watch:
    """A model, on an instance or as a case, and how the code shows its steps.

    `calls`: functions, or `Call`s; while one is under way its owner may make steps. A function is given as
    it is, or by its name. An owner is called as its thread, else as `owner(thread, number)` says, the number
    counting the owners that the thread has been before; None leaves a call out.
    `steps`: {"Class.method: statement": label}, told of when the statement is complete, with the facts that
    `facts[label]` makes of the function's local variables. `waits`: the same, told of when it begins.
    `sight`: "white" sees these steps, "black" none, a collection of labels those.

    Raises InputError if what is named is not there.
    """

    def __init__(
        self,
        model: System | Case,
        instance: Instance | None = None,
        *,
        calls: Iterable[Function | Call] = (),
        steps: Mapping[str, str] | None = None,
        waits: Mapping[str, str] | None = None,
        facts: Mapping[str, Callable[..., Facts]] | None = None,
        owner: Callable[[str, int], str | None] | None = None,
        sight: str | Collection[str] = WHITE,
    ) -> None:
        if isinstance(model, Case):
            system, instance = model.design.system, model.instance
        else:
            system = model
        if instance is None:
            raise InputError("Watch(system, instance), or Watch(Case(DESIGN, load('FILE.toml')))")
        self.vocabulary = Vocabulary(system, instance)
        self.calls = [call if isinstance(call, Call) else Call(call) for call in calls]
        self.steps, self.waits, self.facts = dict(steps or {}), dict(waits or {}), dict(facts or {})
        self.owner = owner
        labels = {action.label for action in system.actions}
        told = {*self.steps.values(), *self.waits.values()}
        _accept("steps", told, labels, "the model's steps")
        _accept("facts", self.facts, told, "labels of the steps")
        if sight in (WHITE, BLACK):
            self.seen = frozenset(told if sight == WHITE else ())
        elif isinstance(sight, str):
            raise InputError(f"sight={sight!r}; accepted: {WHITE}, {BLACK}, or a collection of labels")
        else:
            _accept("sight", sight, told, "labels of the steps")
            self.seen = frozenset(sight)

    def seen_as(self, sight: str) -> Watch:
        """Return a watch of the same that sees as much as it says."""
        return Watch(
            self.vocabulary.system,
            self.vocabulary.instance,
            calls=self.calls,
            steps=self.steps,
            waits=self.waits,
            facts=self.facts,
            owner=self.owner,
            sight=sight,
        )

    @cached_property
    def oracle(self) -> Oracle:
        """The model, made ready to judge."""
        return Oracle(self.vocabulary.system, self.vocabulary.instance, self.seen, bool(self.calls))

    # -- what an exploration asks

    def watching(self) -> Watching:
        """Return what sees the runs."""
        return _Eyes(self)

    def judge(self, run: OwnRun) -> Refused | None:
        """Return why the run is refused, None if the model explains all that was seen of it."""
        node = self.oracle.first
        at_rest = run.failure is None or run.failure.kind == "stuck"
        for rows, event in [*run.events, *([(None, Rested())] if at_rest else [])]:
            following = self.oracle.follow(node, event)
            if following is None:
                return Refused(reason(self.oracle, node, event), states(self.oracle, node), rows)
            node = following
        return None

    def modules(self) -> Sequence[ModuleType]:
        """Return the modules of the functions that are watched."""
        found = [inspect.getmodule(call.function) for call in self.calls if callable(call.function)]
        return [module for module in found if module is not None]

    def coverage(self) -> str:
        """Return in words how many of the model's steps the runs have made."""
        name = self.vocabulary.system.name
        if not self.seen:
            return f"the model '{name}' explains all of them, by their calls alone"
        made, there = len(self.oracle.edges), self.oracle.steps()
        of = "steps" if there is None else f"{there:,} steps"
        return f"the model '{name}' explains all of them; {made:,} of its {of} were made"


@dataclass
class _Life:
    """What a thread is in the model: `number` owners came before, `depth` watched calls are under way."""

    number: int = 0
    depth: int = 0
    owner: int | None = None


class _Eyes(Watching):
    """Sees the runs of one exploration."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.wanted = Wanted(
            True,
            frozenset(_place(call.function) for call in watch.calls),
            frozenset(name for name, label in watch.waits.items() if label in watch.seen),
            frozenset(name for name, label in watch.steps.items() if label in watch.seen),
        )
        self.events: list[tuple[int, Seen]] = []
        self.made_so_far: Sequence[Made] = ()
        self.lives: dict[str, _Life] = {}

    def prepare(self, points: Sequence[Point]) -> None:
        """Find the statements that were named. Raises InputError if one is not there, or is no step."""
        self.begun = _labels(points, self.watch.waits, "waits")
        self.made = _labels(points, self.watch.steps, "steps")

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Return what the points call."""
        return {
            CALLED: self.on_call,
            RETURNED: self.on_return,
            RAISED: self.on_raise,
            BEGUN: self.on_begun,
            MADE: self.on_made,
        }

    def begin(self, made: Sequence[Made]) -> list[Any]:
        """Begin to watch a run."""
        self.made_so_far, self.events, self.lives = made, [], {}
        return self.events

    def seen_events(self) -> Sequence[Any]:
        """Return what has been seen of the run under way."""
        return [event for _, event in self.events]

    def owner_of(self, thread: str) -> int | None:
        """Return which owner a thread of the run is now, or will be; None if it is none."""
        life = self.lives.get(thread, _Life())
        if life.owner is not None:
            return life.owner
        name = self.watch.owner(thread, life.number) if self.watch.owner else thread
        owners = self.watch.vocabulary.owners
        return owners.index(name) if name in owners else None

    # -- called by the code under test

    def on_call(self, function: str) -> None:
        """A watched call begins."""
        if (life := self.life()) is not None:
            life.depth += 1
            if life.depth == 1 and (owner := self.named(life)) is not None:
                self.tell(Called(owner))

    def on_return(self, function: str, value: Any) -> Any:
        """A watched call returns."""
        call = self.call(function)
        self.over(call, call.says, value)
        return value

    def on_raise(self, function: str) -> None:
        """A watched call raises."""
        call = self.call(function)
        self.over(call, call.raises, sys.exception())

    def on_begun(self, number: int) -> None:
        """A statement that waits begins."""
        self.step(self.begun[number], sys._getframe(1).f_locals)

    def on_made(self, number: int, value: Any = None) -> Any:
        """A statement is complete."""
        self.step(self.made[number], sys._getframe(1).f_locals)
        return value

    # -- details

    def tell(self, event: Seen) -> None:
        self.events.append((len(self.made_so_far), event))

    def life(self) -> _Life | None:
        """Return what the running thread is in the model; None of who is no thread of the run."""
        kernel = inside()
        if kernel is None or kernel.ending or kernel.atomic:
            return None
        return self.lives.setdefault(kernel.running().name, _Life())

    def named(self, life: _Life) -> int | None:
        """Return which owner the running thread is now."""
        if life.owner is None:
            kernel = inside()
            assert kernel is not None
            thread = kernel.running().name
            name = self.watch.owner(thread, life.number) if self.watch.owner else thread
            if name is not None:
                with _asking():
                    if life.number and self.watch.owner is None:
                        raise WatchError(
                            f"{thread} makes a second call: say owner=, a function (thread, number)"
                        )
                    life.owner = self.watch.vocabulary.owner(name, thread)
        return life.owner

    def over(self, call: Call, says: Callable[[Any], Facts] | None, value: object) -> None:
        life = self.life()
        if life is None:
            return
        life.depth -= 1
        if life.depth == 0 and life.owner is not None:
            with _asking():
                facts = self.watch.vocabulary.facts(says(value) if says else {}, life.owner)
                self.tell(Returned(life.owner, call.last, facts))
            if call.last:
                life.owner, life.number = None, life.number + 1

    def step(self, label: str, local: Mapping[str, Any]) -> None:
        life = self.life()
        if life is None or (owner := self.named(life)) is None:
            return
        says = self.watch.facts.get(label)
        with _asking():
            facts = self.watch.vocabulary.facts(_asked(says, local) if says else {}, owner)
            self.tell(Stepped(owner, label, facts))

    def call(self, function: str) -> Call:
        return next(call for call in self.watch.calls if meant(function, [_place(call.function)[1]]))


@contextmanager
def _asking() -> Iterator[None]:
    """Let what the watch asks for run as if nobody else were there; end the exploration where it is wrong."""
    kernel = inside()
    assert kernel is not None
    kernel.atomic = True
    try:
        yield
    except WatchError as error:
        kernel.raised = error
        kernel.give_up(Failure("facts", kernel.running().name, str(error)))
    except Impossible as error:
        kernel.give_up(Failure("facts", kernel.running().name, str(error)))
    except Exception as error:
        says = f"what the watch asks for raises {type(error).__name__}: {error}"
        kernel.give_up(Failure("facts", kernel.running().name, says, error=error))
    finally:
        kernel.atomic = False


def _asked(says: Callable[..., Facts], local: Mapping[str, Any]) -> Facts:
    """Call a function with those of the local variables that it has parameters for."""
    parameters = inspect.signature(says).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return says(**{name: value for name, value in local.items() if not name.startswith("__cowpath")})
    missing = [p.name for p in parameters if p.name not in local and p.default is p.empty]
    if missing:
        raise WatchError(f"the facts ask for {', '.join(missing)}; there are: {', '.join(local)}")
    return says(**{p.name: local[p.name] for p in parameters if p.name in local})


def _place(function: Function) -> tuple[str, str]:
    if isinstance(function, str):
        return "", function
    function = inspect.unwrap(function)
    if not inspect.isfunction(function) or inspect.isgeneratorfunction(function):
        raise InputError(
            f"calls: {function!r} is no function; accepted: functions, methods of a class, names"
        )
    return function.__code__.co_filename, function.__qualname__.replace(".<locals>", "")


def _labels(points: Sequence[Point], wanted: Mapping[str, str], what: str) -> dict[int, str]:
    """Return the label of each point that is meant."""
    found: dict[int, str] = {}
    for name, label in wanted.items():
        numbers = [number for number, point in enumerate(points) if meant(point.name, [name])]
        if not numbers:
            there = sorted({point.name for point in points if point.simple})
            near = difflib.get_close_matches(name, there, 1) or there
            raise InputError(
                f"{what}: there is no statement '{name}'; there is '{near[0]}'" if near else name
            )
        if not all(points[number].simple for number in numbers):
            raise InputError(f"{what}: '{name}' is a block; accepted: a statement in it")
        found.update(dict.fromkeys(numbers, label))
    return found


def _accept(what: str, given: Iterable[str], accepted: Collection[str], kind: str) -> None:
    for each in given:
        if each not in accepted:
            raise InputError(f"{what}: '{each}' is none of {kind}; those are: {', '.join(sorted(accepted))}")
