"""Does every run end? Then no cycle proviso is needed.

Each owner's places are ranked along its moves. Certified: no step lowers its owner's rank, and of the steps
that leave it as it is (who was woken waits again, in the same place) no two of one owner follow each other
without one that raises a rank in between: such a step disables all of its kind of its owner, and enables
none of another's. So between two steps that raise a rank there are at most as many others as owners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.term import Term
from cowpath.model.reductions.commutation import Commutation
from cowpath.model.reductions.places import Places, among

Doubtful = Callable[[Mapping[int, Term]], set[int]]


def terminates(model: GroundModel, of: Commutation, places: Sequence[Places], doubtful: Doubtful) -> bool:
    """Tell whether every run is finite; `doubtful` returns which of the terms may be true somewhere."""
    ranks = [rank for mine in places if (rank := _rank(model, mine)) is not None]
    if len(ranks) < len(places):
        return False
    terms = model.terms
    steps = [(command.enabled, ranks[command.owner]) for command in model.commands]
    after = [of.after(number, rank) for number, (_, rank) in enumerate(steps)]

    def where(number: int, told: Callable[[Term, Term], Term]) -> Term:
        enabled, rank = steps[number]
        return terms.conjunction([enabled, told(rank, after[number])])

    stays = doubtful(
        {n: where(n, lambda rank, new: terms.negation(terms.less(rank, new))) for n in range(len(steps))}
    )
    idle = {number: where(number, terms.equal) for number in sorted(stays)}
    if doubtful({number: where(number, lambda rank, new: terms.less(new, rank)) for number in idle}):
        return False
    again = (
        terms.conjunction([idle[d], of.after(d, idle[c]), *_unless(model, c, d, idle[c])])
        for c in idle
        for d in idle
    )
    return not doubtful({0: terms.disjunction(again)})


def _unless(model: GroundModel, c: int, d: int, idle: Term) -> list[Term]:
    """Another owner's step may stay as possible as it was."""
    same = model.commands[c].owner == model.commands[d].owner
    return [] if same else [model.terms.negation(idle)]


def _rank(model: GroundModel, places: Places) -> Term | None:
    """Return how far the owner has come, as a term; None if its moves go round."""
    order = TopologicalSorter[int](dict.fromkeys(range(len(places.places)), ()))
    for move in places.moves:
        for end in move.ends - {move.start}:
            order.add(end, move.start)
    try:
        order.prepare()
    except CycleError:
        return None
    reached: set[int] = set()
    later = []
    while order.is_active():
        generation = order.get_ready()
        order.done(*generation)
        reached.update(generation)
        rest = [place for number, place in enumerate(places.places) if number not in reached]
        later.append(among(model.terms, places.own, rest, places.places))
    return model.terms.counted(later)
