"""A counterexample to induction as text, drawn like a trace: who, the state, the step, what breaks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from cowpath.model.finite.instance import Layout
from cowpath.model.finite.reference import Reference
from cowpath.model.language.expression import index_of
from cowpath.model.language.sorts import BOOL
from cowpath.model.prove.counterexample import Counterexample

WIDTH = 100


def draw(found: Counterexample) -> str:
    """Return the counterexample in at most 100 columns."""
    lines = []
    for label, items in (
        ("there are", _tables(found)),
        ("state", _differences(found, Reference(found.system, found.instance).initial(), found.before)),
        ("step", _step(found)),
        ("breaks", iter([found.about])),
    ):
        lead = f"  {label:<9}  "
        text = "; ".join(items) or "as at the start"
        lines += textwrap.wrap(lead + text, WIDTH, subsequent_indent=" " * len(lead), break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def _tables(found: Counterexample) -> Iterator[str]:
    """Yield what the instance says of each owner, and of the rest, leaving out what is false or zero."""
    assert found.system.finished is not None
    owner = index_of(found.system.finished[0])
    for number, name in enumerate(found.instance.names[owner.name]):
        yield f"{name} ({', '.join(_facts(found, number)) or 'nothing else'})"
    for name, parameter in found.system.parameters.items():
        if not parameter.indices and found.instance.tables[name][()]:
            yield name.replace("_", " ")


def _facts(found: Counterexample, number: int) -> Iterator[str]:
    system, instance = found.system, found.instance
    assert system.finished is not None
    owner = index_of(system.finished[0])
    for name, parameter in system.parameters.items():
        table = instance.tables[name]
        if parameter.indices == (owner,):
            value = table[(number,)]
            shown = instance.show(parameter.sort, value)
            if parameter.sort == BOOL and value:
                yield name.replace("_", " ")
            elif parameter.sort != BOOL and not instance.names[owner.name][number].startswith(shown):
                yield f"{name.replace('_', ' ')} {shown}"
        elif parameter.indices[:1] == (owner,) and parameter.sort == BOOL and len(parameter.indices) == 2:
            other = parameter.indices[1]
            where = [instance.show(other, i) for i in instance.elements(other) if table[(number, i)]]
            if where:
                yield f"{name.replace('_', ' ')} {' and '.join(where)}"


def _differences(found: Counterexample, before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[str]:
    layout = Layout(found.system, found.instance)
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            yield f"{layout.show(position)} = {layout.show_value(position, new)}"


def _step(found: Counterexample) -> Iterator[str]:
    if found.step is None:
        yield "none: the state itself"
        return
    action, arguments = found.step
    names = {p.name: found.instance.show(p.sort, i) for p, i in zip(action.params, arguments, strict=True)}
    says = action.says.format(**names).rstrip(".")
    yield f"{names[action.params[0].name]}, {action.label}: {says[:1].lower()}{says[1:]}"
    yield from _differences(found, found.before, found.after)
