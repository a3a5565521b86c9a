"""A partial-order reduction, certified by z3.

Let s be a reachable state, P a closed set of owners there (see `Reductions`), T their enabled commands.

**Lemma.** Let d1 ... dn be commands outside T that lead from s to v. None of them is of an owner of P; every
t in T is enabled in v; and t can as well go first: t d1 ... dn leads from s to where d1 ... dn t does.

Proof, by induction on n: so far the owners of P have stayed at their places. Let d be next, of owner q, c a
command of some r in P, and first q outside P. If c was disabled in s, its `disabled` term for q was false; it
still is (z3: q's commands keep it false while c is disabled; no third owner changes what it reads), so d does
not enable c (z3). If c is in T, its `enabled` term for q is false likewise, so c and d do not disable each
other and both orders give the same state (z3). So no command of P but those of T is ever enabled, and d,
which is not in T, is not of an owner of P.

**Theorem.** Let every visited state be expanded fully, or by the enabled commands of a closed set, none of
them visible and one of them to a state that is expanded later. Then each question that is true in some
reachable state is true in a visited one; so is there a wait cycle of owners that cannot move; and every
reachable state without successors is visited.

Proof. Let d1 ... dn lead from a visited s to v, where the question is true: by induction on n, then on how
many states are expanded after s. If n = 0, v is visited. If s is expanded fully, d1 leads to a visited state.
Else let T be the commands taken. If one of the path is in T, the first such can go first (lemma), and from
where it leads, which is visited, the others lead to v. If none is, take t in T to a state that is expanded
later: the path leads from there to where t leads from v, and there the question is true, too, as t is not
visible (z3: t does not falsify it, in whatever state). A v without successors has no such t.

Where every run ends (termination.py) the condition on what is expanded later is not needed: take instead the
length of the longest run from s. Elsewhere it is the cycle proviso. A step that leaves a
variable's sort is an error that a reduced search might not come to: where z3 cannot exclude it, nothing is
certified. Of the rest what z3 does not confirm (within a fixed amount of work) is given up one by one: the
command then needs the other owner always, or is visible. Pairs of owners that are renamings of each other are
asked about once (orbits.py).

Sources: P. Godefroid, Partial-order methods for the verification of concurrent systems, LNCS 1032, 1996
(persistent sets; conflicts that a process may come to); A. Valmari, Stubborn sets for reduced state space
generation, 1991 (disabled commands need only who may enable them); D. Peled, All from one, one for all,
CAV 1993 (visibility); D. Bosnacki and G. J. Holzmann, Improving Spin's partial-order reduction for
breadth-first search, SPIN 2005 (the proviso).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import z3

from cowpath.model.explore.program import wait_matrix
from cowpath.model.explore.reductions import Need
from cowpath.model.explore.result import Question
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.in_z3 import FiniteState
from cowpath.model.finite.term import Term
from cowpath.model.reductions.commutation import Commutation
from cowpath.model.reductions.orbits import images, renamed
from cowpath.model.reductions.places import Places, TooMany, among, places_of
from cowpath.model.reductions.proposal import propose
from cowpath.model.reductions.termination import terminates

_Key = TypeVar("_Key")
_MOST_VALUATIONS = 2_000
_RLIMIT = 2_000_000  # of one query; z3's own count of work, the same on every machine


@dataclass(frozen=True)
class Certificate:
    """What partial-order reduction may use (see `Reductions`), and why not all, or nothing."""

    needs: tuple[tuple[Need, ...], ...]
    visible: frozenset[int]
    terminates: bool
    refused: tuple[str, ...]


def certify(narrowed: Narrowed, questions: tuple[Question, ...]) -> Certificate:
    """Return needs and visible commands; all that is claimed of them has been proved by z3."""
    try:
        places = places_of(narrowed, _MOST_VALUATIONS)
    except TooMany:
        return _nothing("some owner has too many places")
    return _Certifier(narrowed, places).certificate(questions)


def _nothing(why: str) -> Certificate:
    return Certificate((), frozenset(), False, (f"partial order: {why}",))


class _Certifier:
    def __init__(self, narrowed: Narrowed, places: Sequence[Places]) -> None:
        self.narrowed = narrowed
        self.model = narrowed.model
        self.terms = narrowed.model.terms
        self.places = places
        self.of = Commutation(narrowed)
        self.images = images(narrowed.model)
        self.state = FiniteState(narrowed.model.layout.sizes)
        self.solver = z3.SolverFor("QF_FD")
        self.solver.set("random_seed", 0)
        self.solver.set("rlimit", _RLIMIT)
        self.invariants = [among(self.terms, p.group, p.valuations) for p in places]

    def certificate(self, questions: tuple[Question, ...]) -> Certificate:
        """Assume what is known of the values, prove where owners can be, assume that, prove the rest."""
        for cell, values in enumerate(self.narrowed.values):
            here = (self.terms.equal(self.terms.cell(cell), value) for value in values)
            if len(values) > 1:
                self.solver.add(self.state.boolean(self._any(here)))
        self.solver.add([self.state.boolean(invariant) for invariant in self.invariants])
        numbers = range(len(self.model.commands))
        initial = self.terms.substituted(self._all(*self.invariants), dict(enumerate(self.model.initial)), {})
        if initial != 1 or self._doubtful({n: self._strays(n) for n in numbers}):
            return _nothing("where owners can be is not confirmed")
        if outside := self._doubtful({n: self._leaves(n) for n in self.narrowed.unproved}):
            why = "may leave a variable's sort: every state must be looked at"
            return _nothing(f"{self._labels(outside)} {why}")
        proposed = self._proposed()
        doubted = self._doubted(proposed)
        needs = {**proposed, **{(n, q): Need(q, 1, 1) for n, q in doubted}}
        needs |= {
            (image.commands[n], q): renamed(self.terms, needs[n, image.of[1]], q, image.permutation)
            for (_, q), image in self.images.items()
            for n, command in enumerate(self.model.commands)
            if command.owner == image.of[0]
        }
        return Certificate(
            tuple(
                tuple(
                    need
                    for (c, _), need in needs.items()
                    if c == n and (need.enabled, need.disabled) != (0, 0)
                )
                for n in numbers
            ),
            frozenset(self._doubtful({n: self._shows(n, questions) for n in numbers})),
            terminates(self.model, self.of, self.places, self._doubtful),
            (f"partial order: whom {self._labels({n for n, _ in doubted})} need is not confirmed: everybody",)
            if doubted
            else (),
        )

    def _proposed(self) -> dict[tuple[int, int], Need]:
        """Return for each command and each other owner what is proposed, but for images of other pairs."""
        owners = range(len(self.places))
        pairs = [pair for pair in itertools.permutations(owners, 2) if pair not in self.images]
        nothing = {
            (n, q): Need(q, 0, 0)
            for n, command in enumerate(self.model.commands)
            for r, q in pairs
            if r == command.owner
        }
        return nothing | propose(self.narrowed, self.of, self.places, pairs)

    def _doubted(self, proposed: Mapping[tuple[int, int], Need]) -> set[tuple[int, int]]:
        """Return which needs z3 does not confirm. Asked of two owners at a time it answers sooner."""
        objections: dict[tuple[int, int], dict[tuple[int, int], Term]] = defaultdict(dict)
        for (n, q), need in proposed.items():
            objections[self.model.commands[n].owner, q][n, q] = self._objection(n, need)
        return set().union(*(self._doubtful(of_two) for of_two in objections.values()))

    def _labels(self, numbers: Iterable[int]) -> str:
        return ", ".join(sorted({self.model.commands[number].action.label for number in numbers}))

    def _never(self, case: Term) -> bool:
        """Tell whether z3 shows that the case cannot be. Not knowing is no."""
        if isinstance(case, int):
            return not case
        self.solver.push()
        self.solver.add(self.state.boolean(case))
        answer = self.solver.check()
        self.solver.pop()
        return bool(answer == z3.unsat)

    def _doubtful(self, cases: Mapping[_Key, Term]) -> set[_Key]:
        """Return the cases that z3 does not show to be impossible; it is asked of many at a time."""
        if self._never(self._any(cases.values())):
            return set()
        if len(cases) == 1:
            return set(cases)
        items = list(cases.items())
        half = len(items) // 2
        return self._doubtful(dict(items[:half])) | self._doubtful(dict(items[half:]))

    def _all(self, *terms: Term) -> Term:
        return self.terms.conjunction(terms)

    def _any(self, terms: Iterable[Term]) -> Term:
        return self.terms.disjunction(terms)

    def _not(self, term: Term) -> Term:
        return self.terms.negation(term)

    def _strays(self, d: int) -> Term:
        """Return when the command brings an owner to where none of its places is."""
        left = (self._not(self.of.after(d, i)) for i in self.invariants if self.of.after(d, i) is not i)
        return self._all(self.model.commands[d].enabled, self._any(left))

    def _leaves(self, d: int) -> Term:
        """Return when the command sets a component to a value outside its sort."""
        sizes = self.model.layout.sizes
        outside = (self.terms.less(sizes[cell] - 1, value) for cell, value in self.narrowed.unproved[d])
        return self._all(self.model.commands[d].enabled, self._any(outside))

    def _objection(self, c: int, need: Need) -> Term:
        """Return when command c needs the other owner though this is not said: what the lemma excludes."""
        enabled = self.model.commands[c].enabled
        clashes, wakes = [], []
        for d, other in enumerate(self.model.commands):
            if other.owner != need.other:
                continue
            # A term that d does not change is false after it, as it is before.
            clash = [then] if (then := self.of.after(d, need.enabled)) is not need.enabled else []
            wake = [then] if (then := self.of.after(d, need.disabled)) is not need.disabled else []
            if not self.of.apart(c, d):
                clash += [self._not(self.of.after(d, enabled)), self._not(self.of.after(c, other.enabled))]
                clash += self.of.differences(c, d)
                wake.append(self.of.after(d, enabled))
            clashes.append(self._all(other.enabled, self._any(clash)))
            wakes.append(self._all(other.enabled, self._any(wake)))
        return self._any(
            [
                self._all(enabled, self._not(need.enabled), self._any(clashes)),
                self._all(self._not(enabled), self._not(need.disabled), self._any(wakes)),
            ]
        )

    def _shows(self, t: int, questions: tuple[Question, ...]) -> Term:
        """Return when the command falsifies a question, or breaks a wait cycle of others."""
        falsified = (
            self._all(question.term, self._not(after))
            for question in questions
            if (after := self.of.after(t, question.term)) is not question.term
        )
        return self._all(self.model.commands[t].enabled, self._any([*falsified, *self._broken(t)]))

    def _broken(self, t: int) -> Iterator[Term]:
        """Yield for each two owners that are stuck, one waiting for the other, that t changes that.

        They are stuck in v; t's owner is another. An edge of a wait cycle is such a pair, and so is the next.
        """
        mover = self.model.commands[t].owner
        for r, q, edge in self._edges:
            if mover in (r, q):
                continue
            stays = self._all(edge, self._stuck[r])
            after = self.of.after(t, stays)
            if after is not stays:
                yield self._all(stays, self._stuck[q], self._not(after))

    @cached_property
    def _stuck(self) -> list[Term]:
        """For each owner: it is unfinished and none of its commands is enabled."""
        return [
            self._all(
                self._not(finished),
                *(self._not(c.enabled) for c in self.model.commands if c.owner == owner),
            )
            for owner, finished in enumerate(self.model.finished)
        ]

    @cached_property
    def _edges(self) -> list[tuple[int, int, Term]]:
        return list(wait_matrix(self.model))
