"""A partial-order reduction, certified by z3.

**What is claimed.** Let s be a state and P a closed set of owners (`Reductions.needs`), T their enabled
commands. (i) T is a persistent set: no sequence of other commands from s contains one that clashes with a
command of T (is enabled or disabled by it, or gives another state in the other order), or one of an owner of
P. (ii) Let v be any state that others' commands reach from s; no command of T makes an asked question false
that is true in v, nor breaks a wait cycle there (`visible`).

Proof of (i). Let d1 d2 ... be others' commands from s, by owners outside P first. The owners of P stay at
their places. Let q own d1, outside P. For each command c of P that is disabled in s, c's `disabled` term for q
is false; by obligation 2 it stays false whatever q does, and no command of q enables c then; a command of
a third owner changes neither r's nor q's own components, so not the term. So c stays disabled, and no d is
c. For each c of T likewise with `enabled` and obligation 1: no d clashes with c, c stays enabled.

**Theorem.** If every state is expanded fully or by the enabled commands of a closed set none of which is
visible and one of which leads to a state not yet expanded, then every question that is true in some reachable
state is true in some state that is visited; so is a wait cycle, and every reachable state without successors
is visited.

Proof. Let d1 ... dn lead from a visited state s to v, where the question is true. By induction on n, then on
how many states are yet to be expanded when s is. n = 0: v is visited. If s is expanded fully, d1 leads to a
visited state, n - 1 steps from v. Else let T be the commands taken. If some d is in T, the first such di
can go first, by (i): its state is visited, and the others lead from there to v in n - 1 steps. If none is,
take t in T to a state that is expanded later. By (i), d1 ... dn lead from there to a state v' to which t leads
from v. The question is true in v', as t is not visible. (If v has no successors this case cannot be: t
would be enabled in v.)

Visibility needs only this one direction, and the last condition takes the place of a cycle proviso and of
termination. A state outside its sort must be an error: where that is not excluded, nothing is certified.

Sources: P. Godefroid, Partial-order methods for the verification of concurrent systems, LNCS 1032, 1996
(persistent sets; a process that may conflict later must come along); A. Valmari, Stubborn sets for reduced
state space generation, 1991 (disabled commands need only who may enable them); D. Peled, All from one, one for
all, CAV 1993 (visibility); D. Bosnacki and G. Holzmann, Improving Spin's partial-order reduction for
breadth-first search, SPIN 2005 (a successor that is not expanded yet).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import z3

from model.explore.program import wait_matrix
from model.explore.reductions import Need
from model.explore.result import Question
from model.language.domains import Narrowed
from model.language.term import Term
from model.reduce.clashes import Commutation, propose
from model.reduce.places import Places, TooMany, among, places_of
from model.symbolic.finite import FiniteState

_MOST_VALUATIONS = 2_000
_RLIMIT = 2_000_000  # of one query; z3's own count of work, the same on every machine


@dataclass(frozen=True)
class Certificate:
    """What partial-order reduction may use (see `Reductions`), and why not, or what for it may not."""

    needs: tuple[tuple[Need, ...], ...]
    visible: frozenset[int]
    refused: tuple[str, ...]


def certify(narrowed: Narrowed, questions: tuple[Question, ...]) -> Certificate:
    """Return needs and visible commands; all that is claimed of them has been proved by z3."""
    try:
        places = places_of(narrowed, _MOST_VALUATIONS)
    except TooMany:
        return _nothing("some owner has too many places")
    return _Certifier(narrowed, places).certificate(questions)


def _nothing(why: str) -> Certificate:
    return Certificate((), frozenset(), (f"partial order: {why}",))


class _Certifier:
    def __init__(self, narrowed: Narrowed, places: Sequence[Places]) -> None:
        self.narrowed = narrowed
        self.model = narrowed.model
        self.terms = narrowed.model.terms
        self.places = places
        self.of = Commutation(narrowed)
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
                self.solver.add(self.state.boolean(self.terms.disjunction(here)))
        self.solver.add([self.state.boolean(invariant) for invariant in self.invariants])
        if not all(self._keeps_places(number) for number in range(len(self.model.commands))):
            return _nothing("where owners can be is not confirmed")
        outside = sorted({self.model.commands[n].action.label for n in self.narrowed.unproved if self._leaves(n)})
        if outside:
            return _nothing(f"{', '.join(outside)} may leave a variable's sort: every state must be looked at")
        proposed = propose(self.narrowed, self.of, self.places)
        needs = tuple(tuple(self._certified(n, given)) for n, given in enumerate(proposed))
        refused = tuple(
            f"partial order: {self.model.commands[n].action.label}, not confirmed"
            for n, given in enumerate(needs)
            if any(need not in proposed[n] for need in given)
        )
        visible = (n for n in range(len(self.model.commands)) if self._is_visible(n, questions))
        return Certificate(needs, frozenset(visible), refused)

    def _never(self, *cases: Term) -> bool:
        """Tell whether z3 shows that none of the cases can be. Not knowing is no."""
        if all(isinstance(case, int) and not case for case in cases):
            return True
        self.solver.push()
        self.solver.add(self.state.boolean(self.terms.disjunction(cases)))
        answer = self.solver.check()
        self.solver.pop()
        return bool(answer == z3.unsat)

    def _all(self, *terms: Term) -> Term:
        return self.terms.conjunction(terms)

    def _any(self, terms: Iterable[Term]) -> Term:
        return self.terms.disjunction(terms)

    def _not(self, term: Term) -> Term:
        return self.terms.negation(term)

    def _keeps_places(self, d: int) -> bool:
        """Tell whether the command leaves every owner in one of its places."""
        left = (self._not(self.of.after(d, i)) for i in self.invariants if self.of.after(d, i) is not i)
        return self._never(self._all(self.model.commands[d].enabled, self._any(left)))

    def _leaves(self, number: int) -> bool:
        """Tell whether the command may set a component to a value outside its sort."""
        outside = (
            self.terms.less(self.model.layout.sizes[cell] - 1, value)
            for cell, value in self.narrowed.unproved[number]
        )
        return not self._never(self._all(self.model.commands[number].enabled, self._any(outside)))

    def _certified(self, c: int, proposed: Sequence[Need]) -> Iterator[Need]:
        """Yield what command c needs: as proposed where that is proved, else always."""
        given = {need.other: need for need in proposed}
        for q in range(len(self.places)):
            if q != self.model.commands[c].owner:
                need = given.get(q, Need(q, 0, 0))
                if not self._never(*self._objections(c, need)):
                    yield Need(q, 1, 1)
                elif q in given:
                    yield need

    def _objections(self, c: int, need: Need) -> Iterator[Term]:
        """Yield what must not be for the need to be right: obligations 1 (enabled) and 2 (disabled)."""
        enabled = self.model.commands[c].enabled
        free = self._all(enabled, self._not(need.enabled))
        shut = self._all(self._not(enabled), self._not(need.disabled))
        for d, other in enumerate(self.model.commands):
            if other.owner != need.other:
                continue
            # A term that d does not change is false after it, as it is before.
            clash = [then] if (then := self.of.after(d, need.enabled)) is not need.enabled else []
            wakes = [then] if (then := self.of.after(d, need.disabled)) is not need.disabled else []
            if not self.of.apart(c, d):
                clash += [self._not(self.of.after(d, enabled)), self._not(self.of.after(c, other.enabled))]
                clash += self.of.differences(c, d)
                wakes.append(self.of.after(d, enabled))
            yield self._all(free, other.enabled, self._any(clash))
            yield self._all(shut, other.enabled, self._any(wakes))

    def _is_visible(self, t: int, questions: tuple[Question, ...]) -> bool:
        """Tell whether the command may falsify a question, or break a wait cycle of others."""
        falsified = (
            self._all(question.term, self._not(after))
            for question in questions
            if (after := self.of.after(t, question.term)) is not question.term
        )
        return not self._never(
            self._all(self.model.commands[t].enabled, self._any([*falsified, *self._broken(t)]))
        )

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
