"""A recorded trace read back: the JSON of `record`, found again step by step in the reference semantics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference
from cowpath.model.language.errors import InputError
from cowpath.model.language.system import Action, System
from cowpath.model.trace import record
from cowpath.model.trace.lasso import replay_lasso
from cowpath.model.trace.trace import REFINEMENT, Path, Trace, made, replay
from cowpath.model.trace.waiting import ReplayError

_KEYS: dict[str, Callable[[Any], bool]] = {
    "design": lambda value: isinstance(value, str),
    "scenario": lambda value: isinstance(value, str),
    "property": lambda value: isinstance(value, str),
    "trace": lambda value: _is_list(value, dict),
    "loop": lambda value: value is None or (type(value) is int and value >= 1),
    "refused": lambda value: value is None or isinstance(value, str),
    "starved": lambda value: value is None or (_is_list(value, str) and len(value) > 0),
}


class ReadError(InputError):
    """The text is no recorded trace, or the model does not follow it; the message is one line."""


def read(text: str) -> dict[str, Any]:
    """Return the record that the text is. Raises `ReadError`."""
    try:
        written = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"not JSON: {error}") from None
    for key, is_one in _KEYS.items():
        if not isinstance(written, dict) or not is_one(written.get(key)):
            raise ReadError(f"no '{key}' as `cowpath trace --format json` writes it")
    return dict(written)


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def retrace(system: System, instance: Instance, written: Mapping[str, Any]) -> Trace:
    """Return the recorded trace, every step of it made again.

    A step is found by its action, its owner, what it changes and what it sees. Raises `ReadError` if the
    design makes no such step there, or the end is not what the record says. What a run did next that was
    `refused` is taken from the record: the run is not at hand.
    """
    path = retraced(Reference(system, instance), written["trace"])
    name, loop, starved = written["property"], written.get("loop"), written.get("starved")
    refused = written.get("refused") or ""
    if refused and name != REFINEMENT:
        raise ReadError("what it says was refused cannot be")
    owners = instance.names[system.owners.name]
    try:
        if name == REFINEMENT:
            followed = replay(system, instance, written["scenario"], "", path, shortest=False)
            return replace(followed, property=name, refused=refused)
        if loop is None or starved is None:
            return replay(system, instance, written["scenario"], name, path, shortest=False)
        if name not in system.live or loop > len(path) + 1 or not {*starved} <= {*owners}:
            raise ReadError("what it says of a loop cannot be")
        victims = [owners.index(each) for each in starved]
        stem, around = path[: loop - 1], path[loop - 1 :]
        return replace(
            replay_lasso(system, instance, written["scenario"], victims, stem, around, name), shortest=False
        )
    except ReplayError as error:
        raise ReadError(str(error)) from None


def retraced(reference: Reference, steps: Sequence[Mapping[str, Any]]) -> Path:
    """Return the path whose steps are recorded. Raises `ReadError`."""
    state = reference.initial()
    path: list[tuple[Action, tuple[int, ...]]] = []
    for number, written in enumerate(steps, 1):
        for each in reference.steps(state):
            made_here, after = made(reference, number, each.action, each.arguments, state)
            if _essence(record.step(made_here)) == _essence(written):
                break
        else:
            what = " of ".join(str(_essence(written)[key]) for key in ("action", "request"))
            raise ReadError(f"step {number}: the model makes no such step {what} there")
        path.append((each.action, each.arguments))
        state = after
    return path


def _essence(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a recorded step must be found again; where its rule is from may have been reworded."""
    return {key: step.get(key) for key in ("step", "action", "request", "changes", "sees")}
