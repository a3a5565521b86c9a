"""Whom a command needs: a proposal, made by folding terms place by place. Nothing here need be right.

For a command c of r and another owner q, with r at a place l: q's places from which it can come, r staying
where it is, to a step that clashes with c (or enables it). What cannot happen while r is at l is not followed:
that is how a lock that r holds keeps q's later steps out of account.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.explore.reductions import Need
from model.language.domains import Narrowed, Simplifier, refine
from model.language.term import Node, Term, Terms, cells_of
from model.reduce.places import Move, Places, among


@dataclass(frozen=True)
class _Meeting:
    """Where two commands clash, or one enables the other: the common condition, with one of the others."""

    common: Term
    cases: tuple[Term, ...]


class Commutation:
    """Terms about two commands one after the other."""

    def __init__(self, narrowed: Narrowed) -> None:
        self.terms = narrowed.model.terms
        self.commands = narrowed.model.commands
        self.updates = [dict(command.updates) for command in self.commands]
        self._after: list[dict[Node, Term]] = [{} for _ in self.commands]
        self._cells: dict[Node, frozenset[int]] = {}
        self.touched = [
            self.cells(c.enabled).union(u, *map(self.cells, u.values()))
            for c, u in zip(self.commands, self.updates, strict=True)
        ]

    def cells(self, term: Term) -> frozenset[int]:
        """Return the components that a term reads."""
        if isinstance(term, int):
            return frozenset()
        if term not in self._cells:
            self._cells[term] = frozenset(cells_of(term))
        return self._cells[term]

    def after(self, number: int, term: Term) -> Term:
        """Return what the term is worth after the command, as a term over the state before it."""
        updates = self.updates[number]
        if self.cells(term).isdisjoint(updates):
            return term
        return self.terms.substituted(term, updates, self._after[number])

    def apart(self, c: int, d: int) -> bool:
        """Tell whether neither command changes what the other reads or changes."""
        return self.touched[c].isdisjoint(self.updates[d]) and self.touched[d].isdisjoint(self.updates[c])

    def differences(self, c: int, d: int) -> Iterator[Term]:
        """Yield for each component that either changes whether the order matters to it."""
        for cell in sorted({*self.updates[c], *self.updates[d]}):
            old = self.terms.cell(cell)
            first = self.after(c, self.updates[d].get(cell, old))
            second = self.after(d, self.updates[c].get(cell, old))
            if first is not second:
                yield self.terms.negation(self.terms.equal(first, second))


def propose(narrowed: Narrowed, commutation: Commutation, places: Sequence[Places]) -> list[list[Need]]:
    """Return the needs of each command."""
    return _Proposal(narrowed, commutation, places).needs()


class _Proposal:
    def __init__(self, narrowed: Narrowed, commutation: Commutation, places: Sequence[Places]) -> None:
        self.model = narrowed.model
        self.terms = narrowed.model.terms
        self.masks = [sum(1 << value for value in values) for values in narrowed.values]
        self.commutation = commutation
        self.places = places
        self._folded: dict[tuple[Term, tuple[int, ...], tuple[int, ...]], bool] = {}
        self._relevant: dict[tuple[Term, int], tuple[int, ...]] = {}

    def needs(self) -> list[list[Need]]:
        needs: list[list[Need]] = [[] for _ in self.model.commands]
        for owner, other in itertools.permutations(range(len(self.places)), 2):
            for number, need in self._of(owner, other):
                needs[number].append(need)
        return needs

    def _of(self, r: int, q: int) -> Iterator[tuple[int, Need]]:
        """Yield the needs of the commands of r for q."""
        mine, moves = self.places[r], self.places[q].moves
        starts: dict[int, list[int]] = defaultdict(list)
        for move in mine.moves:
            starts[move.command].append(move.start)
        free = [
            frozenset(
                i
                for i, move in enumerate(moves)
                if self._possible(self.model.commands[move.command].enabled, (r, l), (q, move.start))
            )
            for l in range(len(mine.places))
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
        for l in at:
            bad = 0
            for i in free[l]:
                m, meeting = moves[i].start, meetings[moves[i].command]
                if (
                    meeting.cases
                    and not bad >> m & 1
                    and self._possible(meeting.common, (r, l), (q, m))
                    and any(self._possible(case, (r, l), (q, m)) for case in meeting.cases)
                ):
                    bad |= 1 << m
            if bad:
                key = (free[l], bad)
                if key not in reach:
                    reach[key] = _backwards([moves[i] for i in free[l]], bad)
                hindered[l] = reach[key]
        return hindered

    def _term(self, r: int, q: int, hindered: Mapping[int, int], of: Sequence[int] | None) -> Term:
        """Return a term for pairs of places; places of r not in `of` do not matter."""
        mine, its = self.places[r], self.places[q]
        universe = mine.places if of is None else [mine.places[l] for l in of]
        groups: dict[int, list[int]] = defaultdict(list)
        for l, mask in hindered.items():
            groups[mask].append(l)
        return self.terms.disjunction(
            self.terms.conjunction(
                [
                    among(self.terms, mine.own, [mine.places[l] for l in group], universe),
                    among(self.terms, its.own, [p for m, p in enumerate(its.places) if mask >> m & 1], its.places),
                ]
            )
            for mask, group in groups.items()
        )

    def _clash(self, c: int, d: int) -> _Meeting:
        of, terms = self.commutation, self.terms
        if of.apart(c, d):
            return _Meeting(0, ())
        mine, its = (_conjuncts(terms, self.model.commands[n].enabled) for n in (c, d))
        lost = [terms.negation(of.after(d, part)) for part in mine if of.after(d, part) is not part]
        lost += [terms.negation(of.after(c, part)) for part in its if of.after(c, part) is not part]
        return self._meeting([*mine, *its], [*lost, *of.differences(c, d)])

    def _enabling(self, c: int, d: int) -> _Meeting:
        of, terms = self.commutation, self.terms
        mine, its = (_conjuncts(terms, self.model.commands[n].enabled) for n in (c, d))
        then = [of.after(d, part) for part in mine]
        changed = [terms.negation(part) for part, new in zip(mine, then, strict=True) if new is not part]
        return self._meeting([*its, *then], changed)

    def _meeting(self, common: Sequence[Term], cases: Sequence[Term]) -> _Meeting:
        """The common part is in every case, too: folding finds what contradicts itself."""
        together = (self.terms.conjunction([*common, case]) for case in cases)
        possible = tuple(case for case in together if isinstance(case, Node) or case)
        return _Meeting(self.terms.conjunction(common), possible)

    def _possible(self, term: Term, *at: tuple[int, int]) -> bool:
        """Tell whether the term may be true with owners at these places."""
        if isinstance(term, int):
            return bool(term)
        cells: list[int] = []
        masks: list[int] = []
        for owner, place in at:
            key = (term, owner)
            if key not in self._relevant:
                read = self.commutation.cells(term)
                self._relevant[key] = tuple(cell for cell in self.places[owner].group if cell in read)
            known = self.places[owner].known[place]
            cells += self._relevant[key]
            masks += [known[cell] for cell in self._relevant[key]]
        case = (term, tuple(cells), tuple(masks))
        if case not in self._folded:
            here = list(self.masks)
            for cell, mask in zip(cells, masks, strict=True):
                here[cell] = mask
            self._folded[case] = (
                refine(term, here) is not None
                and refine(Simplifier(self.terms, here)(term), here) is not None
            )
        return self._folded[case]


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
