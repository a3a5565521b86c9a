"""A trace in the Informal Trace Format, which Apalache and Quint write, and viewers of theirs read.

Source: Apalache, ADR 015, "Informal trace format in JSON".
"""

from __future__ import annotations

import json
from typing import Any

from cowpath.model.language.sorts import BOOL, Int, Sort
from cowpath.model.language.system import System
from cowpath.model.render.text import heading
from cowpath.model.trace.trace import Trace, Words

_FORMAT = "https://apalache-mc.org/docs/adr/015adr-trace.html"


def render(trace: Trace, system: System) -> str:
    """Return the trace with every state in full.

    A variable with indices is a map from what they are called, a tuple of that if there are several. Of a
    trace that repeats, `loop` is the state that the last one is followed by.
    """
    sorts = {name: variable.sort for name, variable in system.variables.items()}
    how = [{}, *({"action": step.action, "request": step.owner} for step in trace.steps)]
    states = [
        {"#meta": {"index": number, **made}}
        | {name: _value(state.values[name], sort) for name, sort in sorts.items()}
        for number, (made, state) in enumerate(zip(how, trace.states, strict=True))
    ]
    written: dict[str, Any] = {
        "#meta": {"format": "ITF", "format-description": _FORMAT, "description": heading(trace)},
        "vars": list(sorts),
        "states": states,
    }
    if trace.loop is not None:
        back = trace.loop - 1
        written |= {"states": states[: max(back + 1, len(states) - 1)], "loop": back}
    return json.dumps(written, indent=1) + "\n"


def _value(words: Words, sort: Sort) -> Any:
    if list(words) == [()]:
        return _scalar(words[()], sort)
    return {"#map": [[_key(place), _scalar(word, sort)] for place, word in words.items()]}


def _key(place: tuple[str, ...]) -> Any:
    return place[0] if len(place) == 1 else {"#tup": list(place)}


def _scalar(word: str, sort: Sort) -> Any:
    if sort == BOOL:
        return word == "yes"
    return {"#bigint": word} if isinstance(sort, Int) else word
