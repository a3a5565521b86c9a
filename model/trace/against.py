"""Another design on the steps of a trace: as far as it can follow, where the two part, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.language.system import Action, System
from cowpath.model.trace.trace import Trace, TraceStep, replay

MOST_STEPS = 400
"""How far the other design is followed after they part."""

_Path = list[tuple[Action, tuple[int, ...]]]


@dataclass(frozen=True)
class Departure:
    """The other design's own trace, which makes the first `common` steps of the other's, and then goes on.

    `refused` is the step that it does not make, `why` the reasons in words; None and nothing if it makes
    them all. `ended`: everybody finished in the end.
    """

    trace: Trace
    common: int
    refused: TraceStep | None
    why: tuple[str, ...]
    ended: bool


def follow_with(system: System, instance: Instance, trace: Trace) -> Departure:
    """Let the system make the steps of the trace, found by label and arguments, until it refuses one.

    From there on whoever moved last goes on for as long as it can, and then the next; the first of a
    request's steps is taken. That is one run of many, to show that there is a way on.
    """
    reference = Reference(system, instance)
    actions = {action.label: action for action in system.actions}
    state, path = reference.initial(), _Path()
    refused: TraceStep | None = None
    why: tuple[str, ...] = ()
    for step in trace.steps:
        action = actions.get(step.action)
        arguments = _arguments(instance, action, step) if action else None
        if action is None or arguments is None:
            why = ("it has no such step",)
        else:
            why = tuple(_refusals(reference, action, arguments, state))
        if action is None or arguments is None or why:
            refused = step
            break
        path.append((action, arguments))
        state = reference.apply(action, arguments, state)
    if refused is not None:
        onward, state = _go_on(reference, state, trace.elements["Request"].index(refused.owner))
    else:
        onward = []
    ended = not reference.unfinished(state)
    told = replay(system, instance, trace.scenario, "", [*path, *onward], shortest=False)
    return Departure(told, len(path), refused, why, ended)


def _arguments(instance: Instance, action: Action, step: TraceStep) -> tuple[int, ...] | None:
    """Return the arguments that the step's words mean for the action; None if it takes others."""
    try:
        return instance.arguments(action.params, step.arguments)
    except ValueError:
        return None


def _refusals(
    reference: Reference, action: Action, arguments: tuple[int, ...], state: Vector
) -> Iterator[str]:
    """Yield in words what keeps the action from happening."""
    show = reference.instance.show
    who = show(action.params[0].sort, arguments[0])
    bound = reference.bind(action, arguments)
    for guard in action.guards:
        if not reference.value(guard.condition, state, bound):
            if guard.location:
                yield f"by then {who} is elsewhere in its program, not {guard.name}"
            else:
                yield f"it lets this happen only if {guard.name}"
    for number, other in reference.waits(action, arguments, state):
        wait = action.waits[number]
        yield f"{who} waits for {show(wait.bound.sort, other)} on {wait.on}"


def _go_on(reference: Reference, state: Vector, last: int) -> tuple[_Path, Vector]:
    """Return a way on from the state, and where it leads."""
    path = _Path()
    while len(path) < MOST_STEPS:
        steps = {step.arguments[0]: step for step in reversed(list(reference.steps(state)))}
        able = [r for r in reference.unfinished(state) if r in steps]
        if not able:
            break
        last = last if last in able else able[0]
        path.append((steps[last].action, steps[last].arguments))
        state = steps[last].after
    return path, state
