"""A refusal in words: which guard the event met, and where the model was."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.monitor.oracle import Explaining, Oracle
from cowpath.conformance.monitor.view import Move
from cowpath.conformance.runs.log import Event
from cowpath.model.finite.reference import Vector
from cowpath.model.language.system import Action

_SHOWN = 2
_DATA, _GUARD, _OTHER = range(3)
"""How near a state comes: it has the step, but not the data; it has it, disabled; it has nothing of it."""
_Reason = tuple[int, str]


def nearest(oracle: Oracle, refusal: Refusal) -> tuple[Explaining, str]:
    """Return where the model comes nearest to explaining the event, and why it is refused there."""
    explaining = sorted(refusal.before.explaining, key=lambda each: each.state)
    said = [(each, why) for each in explaining for why in _reasons(oracle, each, refusal)]
    farthest = (explaining[0], (_OTHER, f"the model has nothing like {called(refusal.event)}"))
    each, (_, why) = min(said, key=lambda one: (one[1][0], len(one[1][1])), default=farthest)
    return each, why


def reason(oracle: Oracle, refusal: Refusal) -> str:
    """Return why the event is refused."""
    return nearest(oracle, refusal)[1]


def states(oracle: Oracle, refusal: Refusal) -> Iterator[str]:
    """Yield the model's states that explain what came before, the nearest few, each in one line."""

    def how_near(each: Explaining) -> tuple[int, bytes]:
        return _distance(oracle, each, refusal), each.state

    explaining = sorted(refusal.before.explaining, key=how_near)
    for each in explaining[:_SHOWN]:
        yield "; ".join(_state(oracle, each.state, refusal.before.open))
    if len(explaining) > _SHOWN:
        yield f"and {len(explaining) - _SHOWN:,} more"


def _distance(oracle: Oracle, each: Explaining, refusal: Refusal) -> int:
    return min((how_near for how_near, _ in _reasons(oracle, each, refusal)), default=_OTHER)


def _state(oracle: Oracle, state: bytes, open_: frozenset[int]) -> Iterator[str]:
    names = oracle.model.instance.names["Request"]
    for owner in oracle.under_way(state, open_):
        yield f"{names[owner]} at {oracle.place(state, owner)}"
    layout = oracle.model.layout
    now, then = oracle.program.vector(state), oracle.model.initial
    for position, (value, initial) in enumerate(zip(now, then, strict=True)):
        if value != initial and not oracle.model.system.variables[layout.cells[position].variable].internal:
            yield f"{layout.show(position)}: {layout.show_value(position, value)}"


def _reasons(oracle: Oracle, each: Explaining, refusal: Refusal) -> Iterator[_Reason]:
    event = refusal.event
    owner = oracle.number.get(event.request, -1)
    known = owner >= 0 and oracle.may_move(owner, refusal.before.open)
    if event.kind in ("step", "return", "crash") and event.request and not known:
        yield _OTHER, f"{event.request} is not under way"
    elif event.kind == "step":
        yield from _of_step(oracle, each, event, owner)
    elif event.kind == "return":
        yield from _of_return(oracle, each, event, owner)
    elif event.kind == "rest":
        yield from _of_rest(oracle, each, event, refusal.before.open)
    elif event.kind == "shows":
        yield from _of_values(oracle, each, event)
    elif event.kind == "map":
        yield from _of_map(oracle, each, event)
    elif event.kind == "content":
        yield from _of_content(oracle, each, event)
    elif event.kind in ("parked", "quiescent"):
        under_way = oracle.under_way(each.state, refusal.before.open)
        waiting = [oracle.number[n] for n in event.fact("who") or () if n in oracle.number] or [*under_way]
        yield from _of_waiting(oracle, each, waiting)
    elif event.kind == "deadlock":
        names = oracle.model.instance.names["Request"]
        for r, q in event.fact("cycle"):
            if (oracle.number.get(r), oracle.number.get(q)) not in oracle.waits(each.state):
                others = " and ".join(names[o] for w, o in sorted(oracle.waits(each.state)) if names[w] == r)
                yield _GUARD, f"{r} waits for {q}, but in the model for {others or 'nobody'}"
    elif event.kind == "crash":
        who = event.request or "somebody"
        yield _OTHER, f"{who} crashes: {event.fact('property')}, which holds in the model"


def _of_step(oracle: Oracle, each: Explaining, event: Event, owner: int) -> Iterator[_Reason]:
    candidates = [move for move in oracle.moves(each.state) if oracle.told(move, event)]
    for move in candidates:
        yield _DATA, "; ".join(oracle.differences(each.state, move, event))
    if candidates:
        return
    if not event.label:
        yield _OTHER, f"no request can make this transfer ({called(event)})"
        return
    actions = [action for action in oracle.design.system.actions if action.label == event.label]
    if not actions:
        yield _OTHER, f"{oracle.design.name} has no step {event.label}"
    vector = oracle.program.vector(each.state)
    for action in actions:
        missed = [
            tuple(_unmet(oracle, action, arguments, vector))
            for arguments in oracle.reference.arguments(action)
            if arguments[0] == owner
        ]
        nearest = min(missed, key=lambda guards: len(guards))
        yield _GUARD, f"the model does not let it: {'; '.join(nearest)}"


def _unmet(oracle: Oracle, action: Action, arguments: tuple[int, ...], state: Vector) -> Iterator[str]:
    """Yield the guards that do not hold, and whom the step waits for."""
    reference = oracle.reference
    bound = reference.bind(action, arguments)
    for guard in action.guards:
        if not reference.value(guard.condition, state, bound):
            yield f"not '{guard.name}'"
    for number, other in reference.waits(action, arguments, state):
        wait = action.waits[number]
        yield f"it waits on {wait.on} for {oracle.model.instance.show(wait.bound.sort, other)}"


def _of_return(oracle: Oracle, each: Explaining, event: Event, owner: int) -> Iterator[_Reason]:
    place, error = oracle.place(each.state, owner), event.fact("error")
    ending = "returns" if error is None else f"fails ({error})"
    if place != oracle.end(owner, fails=error is not None):
        yield _OTHER, f"{event.request} {ending}, but in the model it is at {place}"
        return
    if not oracle.tells(each, owner, fails=error is not None):
        has = "has failed" if error is None else "has not failed"
        yield _DATA, f"{event.request} {ending}, but in the model its transfer {has}"
        return
    values = oracle.cells.values(event.fact("data"))
    read = {cell: value for r, cell, value in each.read if r == owner}
    names = oracle.model.instance.names["Sector"]
    for cell in sorted(values.keys() | read.keys()):
        if read.get(cell) not in values.get(cell, ()):
            expected = oracle.who(None if cell not in read else [read[cell]])
            found = oracle.who(values.get(cell))
            yield _DATA, f"{event.request} returns {found} at {names[cell]}, in the model {expected}"


def _of_values(oracle: Oracle, each: Explaining, event: Event) -> Iterator[_Reason]:
    for name, told in event.facts:
        if (value := oracle.value(each.state, name)) != told:
            yield _DATA, f"the run says {name}: {told}, in the model it is {value}"


def _of_map(oracle: Oracle, each: Explaining, event: Event) -> Iterator[_Reason]:
    names, disk = oracle.model.instance.names[oracle.clusters], event.fact("disk")
    for name, told, here in zip(names, event.fact("clusters"), oracle.mapped(each.state, disk), strict=True):
        if told != here:
            yield (
                _DATA,
                f"in the end the {disk} disk {'has' if told else 'lacks'} {name}, not so in the model",
            )


def _of_content(oracle: Oracle, each: Explaining, event: Event) -> Iterator[_Reason]:
    names, writers = oracle.model.instance.names["Sector"], dict(event.fact("writers"))
    for cell, value in oracle.unlike(each.state, event):
        found = oracle.who(writers[cell])
        said = f"other than {oracle.writer(value)}" if value in writers[cell] else oracle.writer(value)
        yield _DATA, f"the {event.fact('disk')} has {found} at {names[cell]}, in the model {said}"


def _of_rest(oracle: Oracle, each: Explaining, event: Event, open_: frozenset[int]) -> Iterator[_Reason]:
    owners, amiss = set[int](), False
    for step in (Event("step", facts=(("transfer", held),)) for held in event.fact("held")):
        moves = oracle.moves(each.state)
        movers = [m for m in moves if oracle.may_move(m.owner, open_) and oracle.told(m, step)]
        fitting = {m.owner for m in movers if oracle.fits(each.state, m, step)}
        owners |= fitting
        amiss |= not fitting
        if not movers:
            yield _OTHER, f"{called(step)} is held, which is nobody's next step"
        for move in movers if not fitting else ():
            yield _DATA, f"{called(step)} is held: {'; '.join(oracle.differences(each.state, move, step))}"
    count = len(event.fact("held"))
    if not amiss and len(owners) < count:
        yield _OTHER, f"{count} transfers are held at once, in the model not so many are next steps"
    elif not amiss and not event.fact("out"):
        all_ = [*oracle.under_way(each.state, open_)]
        idle = [owner for owner in all_ if owner not in owners]
        yield from _of_waiting(oracle, each, idle or all_)


def _of_waiting(oracle: Oracle, each: Explaining, owners: list[int]) -> Iterator[_Reason]:
    names = oracle.model.instance.names["Request"]
    free: list[Move] = [
        move for move in oracle.moves(each.state) if move.owner in owners and move.action.parks_on is None
    ]
    for move in free:
        yield _GUARD, f"{names[move.owner]} waits, but the model lets it go on: {move.action.label}"
    ended = [names[owner] for owner in owners if oracle.is_over(each.state, owner)]
    if ended:
        yield _GUARD, f"{', '.join(ended)} does not return, but in the model it has ended"
    elif not free and oracle.fallen(each):
        yield _OTHER, f"nothing is amiss in the run, but in the model {', '.join(oracle.fallen(each))} falls"


def called(event: Event) -> str:
    """Return the event in a few words."""
    transfer = event.fact("transfer")
    if event.kind == "rest":
        held, out = len(event.fact("held")), event.fact("out")
        return f"a rest, {held} transfer{'s' * (held != 1)} held" + (f", {out} out" if out else "")
    if transfer is not None and not event.label:
        disk, wrote, pieces = transfer
        where = ", ".join(str(extent) for extent, _ in pieces)
        return f"a {'write to' if wrote else 'read of'} the {disk} disk at {where}"
    if event.kind == "content":
        return f"the content of the {event.fact('disk')}"
    return " ".join(filter(None, (event.kind, event.request, event.label)))
