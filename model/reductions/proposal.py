"""Whom a command needs: a proposal, made by folding terms place by place. Nothing here need be right.

For a command c of r and another owner q, with r at a place p: q's places from which it can come, r staying
where it is, to a step that clashes with c (or enables it). What cannot happen while r is at p is not
followed: that is how a lock that r holds keeps q's later steps out of account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cowpath.model.explore.reductions import Need
from cowpath.model.finite.domains import Narrowed, Simplifier, refine
from cowpath.model.finite.term import Node, Term, Terms
from cowpath.model.reductions.commutation import Commutation
from cowpath.model.reductions.places import Move, Places, Valuation, among

_At = tuple[tuple[int, int], tuple[int, int]]  # two owners, each at one of its places
_Known = tuple[tuple[int, int], ...]  # components, each with the values (a bit mask) that it can have


@dataclass(frozen=True)
class _Meeting:
    """Where two commands clash, or one enables the other: the common condition, with one of the others."""

    common: tuple[Term, ...]
    cases: tuple[Term, ...]


def propose(
    narrowed: Narrowed, commutation: Commutation, places: Sequence[Places], pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Need]:
    """Return for pairs of owners what commands of the first need of the second, by command and owner."""
    proposal = _Proposal(narrowed, commutation, places)
    return {(number, q): need for r, q in pairs for number, need in proposal.needs(r, q)}


class _Proposal:
    def __init__(self, narrowed: Narrowed, commutation: Commutation, places: Sequence[Places]) -> None:
        self.model = narrowed.model
        self.terms = narrowed.model.terms
        self.masks = [sum(1 << value for value in values) for values in narrowed.values]
        self.commutation = commutation
        self.places = places
        self.parts = [tuple(_conjuncts(self.terms, command.enabled)) for command in self.model.commands]
        self._answers: dict[tuple[tuple[Term, ...], _Known], bool] = {}
        self._folded: dict[tuple[Term, _Known], Term] = {}
        self._relevant: dict[tuple[tuple[Term, ...], int], tuple[int, ...]] = {}

    def needs(self, r: int, q: int) -> Iterator[tuple[int, Need]]:
        """Yield the needs of the commands of r for q."""
        mine, moves = self.places[r], self.places[q].moves
        starts: dict[int, list[int]] = defaultdict(list)
        for move in mine.moves:
            starts[move.command].append(move.start)
        free = [
            frozenset(
                i
                for i, move in enumerate(moves)
                if self._possible(self.parts[move.command], ((r, p), (q, move.start)))
            )
            for p in range(len(mine.places))
        ]
        reach: dict[tuple[frozenset[int], int], int] = {}
        for c, at in starts.items():
            commands = sorted({move.command for move in moves})
            clashes, enables = (
                self._hindered((r, q), at, free, reach, {d: meet(c, d) for d in commands})
                for meet in (self._clash, self._enabling)
            )
            if clashes or enables:
                yield c, Need(q, self._term(r, q, clashes, at), self._term(r, q, enables, None))

    def _hindered(
        self,
        pair: tuple[int, int],
        at: Sequence[int],
        free: Sequence[frozenset[int]],
        reach: dict[tuple[frozenset[int], int], int],
        meetings: Mapping[int, _Meeting],
    ) -> dict[int, int]:
        """Return for places `at` of r the places of q (a bit mask) from which it may come to a meeting."""
        r, q = pair
        moves = self.places[q].moves
        hindered = {}
        for p in at:
            bad = 0
            for i in free[p]:
                m, meeting = moves[i].start, meetings[moves[i].command]
                if (
                    meeting.cases
                    and not bad >> m & 1
                    and self._possible(meeting.common, ((r, p), (q, m)))
                    and any(
                        self._possible((*meeting.common, case), ((r, p), (q, m))) for case in meeting.cases
                    )
                ):
                    bad |= 1 << m
            if bad:
                key = (free[p], bad)
                if key not in reach:
                    reach[key] = _backwards([moves[i] for i in free[p]], bad)
                hindered[p] = reach[key]
        return hindered

    def _term(self, r: int, q: int, hindered: Mapping[int, int], of: Sequence[int] | None) -> Term:
        """Return a term for pairs of places; places of r not in `of` do not matter."""
        mine, its = self.places[r], self.places[q]
        universe = mine.places if of is None else [mine.places[p] for p in of]
        groups: dict[int, list[int]] = defaultdict(list)
        for p, mask in hindered.items():
            groups[mask].append(p)
        return self.terms.disjunction(
            self.terms.conjunction(
                [
                    among(self.terms, mine.own, [mine.places[p] for p in group], universe),
                    among(self.terms, its.own, _chosen(its.places, mask), its.places),
                ]
            )
            for mask, group in groups.items()
        )

    def _clash(self, c: int, d: int) -> _Meeting:
        of, terms = self.commutation, self.terms
        if of.apart(c, d):
            return _Meeting((), ())
        mine, its = self.parts[c], self.parts[d]
        lost = [terms.negation(of.after(d, part)) for part in mine if of.after(d, part) is not part]
        lost += [terms.negation(of.after(c, part)) for part in its if of.after(c, part) is not part]
        return _Meeting((*mine, *its), (*lost, *of.differences(c, d)))

    def _enabling(self, c: int, d: int) -> _Meeting:
        of, terms = self.commutation, self.terms
        mine, its = self.parts[c], self.parts[d]
        then = [of.after(d, part) for part in mine]
        was = (terms.negation(part) for part, new in zip(mine, then, strict=True) if new is not part)
        return _Meeting((*its, *then), tuple(was))

    def _possible(self, parts: tuple[Term, ...], at: _At) -> bool:
        """Tell whether the parts may all be true with owners at these places."""
        case = (parts, self._known(parts, at))
        if case not in self._answers:
            self._answers[case] = self._possible_where(*case)
        return self._answers[case]

    def _known(self, parts: tuple[Term, ...], at: _At) -> _Known:
        """Return what the owners' places tell of the components that the parts read."""
        known: list[tuple[int, int]] = []
        for owner, place in at:
            key = (parts, owner)
            if key not in self._relevant:
                read = frozenset[int]().union(*map(self.commutation.cells, parts))
                self._relevant[key] = tuple(cell for cell in self.places[owner].group if cell in read)
            masks = self.places[owner].known[place]
            known += [(cell, masks[cell]) for cell in self._relevant[key]]
        return tuple(known)

    def _possible_where(self, parts: tuple[Term, ...], known: _Known) -> bool:
        here = list(self.masks)
        for cell, mask in known:
            here[cell] = mask
        folded: list[Term] = []
        for part in parts:
            term = self._fold(part, known, here)
            if isinstance(term, Node):
                folded.append(term)
            elif not term:
                return False
        together = self.terms.conjunction(folded)
        if isinstance(together, int):
            return bool(together)
        return refine(together, here) is not None

    def _fold(self, term: Term, known: _Known, here: list[int]) -> Term:
        """Return the term as it is where that is known."""
        if isinstance(term, int):
            return term
        read = self.commutation.cells(term)
        case = (term, tuple(each for each in known if each[0] in read))
        if case not in self._folded:
            self._folded[case] = Simplifier(self.terms, here)(term)
        return self._folded[case]


def _chosen(places: Sequence[Valuation], mask: int) -> list[Valuation]:
    return [place for number, place in enumerate(places) if mask >> number & 1]


def _conjuncts(terms: Terms, term: Term) -> list[Term]:
    if isinstance(term, int):
        return [term]
    if term.kind == "and":
        return [part for argument in term.arguments for part in _conjuncts(terms, argument)]
    if term.kind == "not":
        (inner,) = term.arguments
        if isinstance(inner, Node) and inner.kind == "or":
            return [part for a in inner.arguments for part in _conjuncts(terms, terms.negation(a))]
    return [term]


def _backwards(moves: Sequence[Move], places: int) -> int:
    """Return the places (a bit mask) from which moves lead to one of the places."""
    grown = True
    while grown:
        grown = False
        for move in moves:
            if not places >> move.start & 1 and any(places >> end & 1 for end in move.ends):
                places |= 1 << move.start
                grown = True
    return places
