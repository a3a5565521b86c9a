"""Why a model does not explain an event, in words: the guard that it met, and where the model was."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.conformance.own.events import Called, Facts, Rested, Returned, Seen, Stepped
from cowpath.conformance.own.oracle import Node, Oracle

_SHOWN = 2
_NEAR, _FAR = range(2)


def reason(oracle: Oracle, node: Node, event: Seen) -> str:
    """Return the nearest reason that any of the states has for not explaining the event."""
    said = [each for state in sorted(node.states) for each in _reasons(oracle, state, node, event)]
    return min(said, default=(_FAR, "the model has nothing like it"), key=lambda one: (one[0], len(one[1])))[
        1
    ]


def states(oracle: Oracle, node: Node) -> list[str]:
    """Return the model's states that explain what came before, the first few, each in one line."""
    found = [_state(oracle, state) for state in sorted(node.states)[:_SHOWN]]
    more = len(node.states) - _SHOWN
    return [*found, *([f"or one of {more:,} more states"] if more > 0 else [])]


def _state(oracle: Oracle, state: bytes) -> str:
    initial = oracle.model.initial
    changed = ((i, value) for i, value in enumerate(oracle.program.vector(state)) if value != initial[i])
    return "; ".join(_shown(oracle, i, value, ":") for i, value in changed) or "as at the start"


def _shown(oracle: Oracle, position: int, value: int, verb: str) -> str:
    """Return a value of the state in words; of a program, where its owner is."""
    layout = oracle.model.layout
    cell = layout.cells[position]
    if cell.variable in oracle.system.programs:
        who = " ".join(oracle.instance.names[oracle.system.owners.name][i] for i in cell.indices)
        return f"{who}{' is' if verb == ' is' else ''} at {layout.show_value(position, value)}"
    return f"{layout.show(position)}{verb} {layout.show_value(position, value)}"


def _reasons(oracle: Oracle, state: bytes, node: Node, event: Seen) -> Iterator[tuple[int, str]]:
    owners = oracle.owners
    match event:
        case Called():
            return
        case Stepped(owner, label, _) if owner not in node.open:
            yield _FAR, f"{owners[owner]} makes {label} outside of a call that is watched"
        case Stepped(owner, label, facts):
            made = [move for move in oracle.moves(state) if (move.label, move.owner) == (label, owner)]
            for move in made:
                yield _NEAR, f"after {label} of {owners[owner]}, {_differences(oracle, move.after, facts)}"
            if not made:
                for unmet in _unmet(oracle, state, owner, label):
                    yield _FAR, f"{owners[owner]} makes {label}, which the model does not allow: {unmet}"
        case Returned(owner, last, facts):
            if last and not oracle.finished(state, owner):
                yield _FAR, f"{owners[owner]} returns, but in the model it has not finished"
            else:
                yield _NEAR, f"when {owners[owner]} returns, {_differences(oracle, state, facts)}"
        case Rested():
            for owner in oracle.late(state, node.open):
                yield _NEAR, f"{owners[owner]} does not return, but in the model it has finished"
            for move in oracle.free(state, node.open):
                yield _NEAR, f"{owners[move.owner]} cannot move, but in the model it can: {move.label}"


def _differences(oracle: Oracle, state: bytes, facts: Facts) -> str:
    layout = oracle.model.layout
    said = (
        f"{_shown(oracle, position, told, ' is')}; in the model {layout.show_value(position, expected)}"
        for position, told, expected in oracle.wrong(state, facts)
    )
    return "; ".join(said)


def _unmet(oracle: Oracle, state: bytes, owner: int, label: str) -> Iterator[str]:
    """Yield, for each way to make the step, the guards that do not hold and whom it waits for."""
    vector, reference = oracle.program.vector(state), oracle.reference
    for action in oracle.system.actions:
        if action.label != label:
            continue
        for arguments in reference.arguments(action):
            if arguments[0] != owner:
                continue
            bound, said = reference.bind(action, arguments), []
            for guard in action.guards:
                if not reference.value(guard.condition, vector, bound):
                    said.append(f"not '{guard.name}'")
            for number, other in reference.waits(action, arguments, vector):
                wait = action.waits[number]
                said.append(f"it waits on {wait.on} for {oracle.instance.show(wait.bound.sort, other)}")
            yield ", ".join(said) or "it leads elsewhere"
