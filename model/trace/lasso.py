"""Lassos: a run that goes on for ever, and that somebody is passed over on, replayed by the reference."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cowpath.model.finite.instance import Instance
from cowpath.model.finite.reference import Reference, Vector
from cowpath.model.language.system import System
from cowpath.model.trace.trace import Path, Trace, TraceState, follow, scene, setting
from cowpath.model.trace.waiting import ReplayError, WaitEdge, waits


def replay_lasso(
    system: System,
    instance: Instance,
    scenario: str,
    starved: Sequence[int],
    stem: Path,
    loop: Path,
    name: str = "progress",
) -> Trace:
    """Follow the stem and then the loop with the reference semantics; the first of the starved starves there.

    `name`: the property that falls by it, which claims progress of the first. An empty loop stands for
    staying where the stem ends. Raises `ReplayError` if it claims none of that one, a step is not enabled,
    the loop does not close, the starved one is not pending all the way round, somebody who could go on all
    the way round never does, or a newcomer overtakes somebody who is woken.
    """
    reference = Reference(system, instance)
    steps, states = follow(reference, [*stem, *loop])
    if states[-1] != states[len(stem)]:
        raise ReplayError("the loop of the lasso does not close in the reference")
    around = [_Seen(reference, state) for state in states[len(stem) : -1] or states[-1:]]
    victim = starved[0]
    if victim not in reference.live(name):
        raise ReplayError(f"{name} claims nothing of owner {victim} in the reference")
    if not all(victim in seen.pending for seen in around):
        raise ReplayError("the starved one is not pending all round the loop in the reference")
    going = {arguments[0] for _, arguments in loop}
    for owner in (r for r in around[0].pending if r not in going and all(seen.can(r) for seen in around)):
        raise ReplayError(f"owner {owner} could go on all round the loop and never does: it is not fair")
    movers = [arguments[0] for _, arguments in [*stem, *loop, *loop]]
    before = [_Seen(reference, state) for state in states[: len(stem)]]
    _check_order(movers, [*before, *around, *around, around[0]][: len(movers) + 1])
    names = tuple(instance.show(reference.system.owners, r) for r in starved)
    passed = tuple(dict.fromkeys(edge for seen in around for edge in seen.ahead.get(victim, ())))
    return Trace(
        system.name,
        scenario,
        name,
        steps,
        (),
        (),
        (),
        loop=len(stem) + 1,
        starved=names,
        passed=passed,
        states=tuple(TraceState(reference, state) for state in states),
        setting=setting(reference),
        elements=instance.names,
        scene=scene(reference),
    )


class _Seen:
    """Who is pending in a state, which of them can move, and for whom each waits."""

    def __init__(self, reference: Reference, state: Vector) -> None:
        assert reference.system.pending is not None
        owner, formula = reference.system.pending
        owners = range(owner.sort.size(reference.instance.sizes))
        self.pending = [r for r in owners if reference.value(formula, state, {owner.number: r})]
        self._reference, self._state = reference, state
        self._can: dict[int, bool] = {}
        self.ahead: dict[int, list[WaitEdge]] = {}
        for r, _, edge in waits(reference, state, self.pending):
            self.ahead.setdefault(r, []).append(edge)

    def can(self, owner: int) -> bool:
        """Tell whether the owner is pending and can move; asked of the reference when somebody asks."""
        if owner not in self._can:
            able = owner in self.pending and self._reference.can_move(owner, self._state)
            self._can[owner] = able
        return self._can[owner]


def _check_order(movers: Sequence[int], states: Sequence[_Seen]) -> None:
    """Check that while somebody who parked can go on only such move, or who moved last and is not over."""
    parked: set[int] = set()
    last = None
    for owner, (here, after) in zip(movers, pairwise(states), strict=True):
        woken = {r for r in parked if r not in here.ahead and here.can(r)}
        if woken and owner not in woken and (owner != last or owner not in here.pending):
            raise ReplayError(f"owner {owner} overtakes {woken}, who are woken: no run of the lasso's kind")
        parked.discard(owner)
        if owner in after.ahead and not after.can(owner):
            parked.add(owner)
        last = owner
