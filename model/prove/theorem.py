"""Theorems: which obligations each rests on, and whether they were all shown.

A conjunct is inductive when its own obligations are shown and so are those of every conjunct that they
needed, and so on: only that closure counts, so an invariant that no theorem needs cannot spoil one.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cowpath.model.language.claim import ProofOutline
from cowpath.model.language.system import System
from cowpath.model.prove import rank
from cowpath.model.prove.prover import RLIMIT, Outcome, Poll, Prover
from cowpath.model.prove.rank import Rank
from cowpath.model.prove.theory import DEADLOCK, Obligation, Theory, descends, stays

WAIT = "wait on "


@dataclass(frozen=True)
class Induction:
    """What came of every obligation of a system and its argument.

    `complete` is false when an interrupt came before the last. `rank`: by which runs end, if that was asked.
    """

    system: System
    argument: ProofOutline
    outcomes: tuple[Outcome, ...]
    complete: bool = True
    rank: Rank | None = None

    def rests_on(self, theorem: str) -> list[Outcome]:
        """Return the outcomes that the theorem rests on, in order."""
        about = self.conjuncts(theorem)
        return [o for o in self.outcomes if _subject(o) in about]

    def conjuncts(self, theorem: str) -> set[str]:
        """Return the conjuncts that the theorem needs, itself included."""
        return _closure({theorem}, self.outcomes)

    def proves(self, theorem: str) -> bool:
        """Tell whether everything that the theorem rests on was shown."""
        outcomes = self.rests_on(theorem)
        return self.complete and bool(outcomes) and all(o.proved for o in outcomes)

    def inductive(self) -> set[str]:
        """Return the conjuncts that are shown, and rest only on such."""
        own = [outcome for outcome in self.outcomes if outcome.theorem is None]
        broken = {outcome.about for outcome in own if not outcome.proved}
        while more := {o.about for o in own if not broken.isdisjoint(o.needs or ())} - broken:
            broken |= more
        return {outcome.about for outcome in own} - broken

    def needs(self, theorem: str) -> tuple[str, ...]:
        """Return the hypotheses that the theorem's cores name: restrictions, invariants and guards."""
        named = set().union(*(o.needs or () for o in self.rests_on(theorem)))
        return tuple(name for name in self.hypotheses if name in named)

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of all restrictions, invariants and guards, in order."""
        guards = [
            f"{action.label}: {name}"
            for action in self.system.actions
            for name in action.guard_names
            if not any(guard.name == name and guard.location for guard in action.guards)
        ]
        argument = self.argument
        claims = [claim.name for claim in (*argument.scope, *argument.runs, *argument.invariants)]
        return (*claims, *guards)


def _subject(of: Obligation | Outcome) -> str:
    """Return what it is about: a theorem, or a conjunct."""
    return of.theorem or of.about


def _closure(names: Collection[str], outcomes: Iterable[Outcome]) -> set[str]:
    """Return the theorems and conjuncts named, and all that they need, guards and restrictions included."""
    needs: dict[str, set[str]] = {}
    for outcome in outcomes:
        needs.setdefault(_subject(outcome), set()).update(outcome.needs or ())
    found, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += needs.get(name, ())
    return found


class Attempt:
    """A system and its argument with every obligation at hand, to be tried as a whole or again in part."""

    def __init__(
        self, system: System, argument: ProofOutline, rlimit: int = RLIMIT, poll: Poll = lambda: None
    ) -> None:
        self.system = system
        self.argument = argument
        theory = Theory(system, argument)
        self.obligations: dict[str, Obligation] = {}
        for obligation in theory.obligations():
            poll()
            self.obligations[obligation.name] = obligation
        self.prover = Prover(theory, rlimit, poll)
        self._known: dict[str, list[tuple[frozenset[str], Outcome]]] = {}

    def induct(self, theorems: Collection[str] = ()) -> Induction:
        """Try every obligation, or only what the theorems rest on. Ctrl-C ends it with what is known."""
        outcomes: dict[str, Outcome] = {}
        wanted = set(theorems) or {_subject(each) for each in self.obligations.values()}
        complete = True
        try:
            self._complete(outcomes, wanted, ())
        except KeyboardInterrupt:
            complete = False
        return Induction(self.system, self.argument, tuple(outcomes.values()), complete)

    def _complete(self, outcomes: dict[str, Outcome], wanted: set[str], out: Collection[str]) -> None:
        """Add what comes of all that the theorems and conjuncts named rest on, where it is not known yet.

        A conjunct that was needed, and of which nothing was tried, would pass for a fact of the instance.
        """
        left = frozenset(out)
        while True:
            about = _closure(wanted, outcomes.values())
            new = [o for o in self.obligations.values() if _subject(o) in about and o.name not in outcomes]
            if not new:
                return
            for obligation in new:
                found = outcomes[obligation.name] = self.prover.prove(obligation, left)
                self._known.setdefault(obligation.name, []).append((left, found))

    def ranked(self, induction: Induction) -> Induction:
        """Add what comes of termination, by what the induction still claims. Ctrl-C leaves it incomplete."""
        if not induction.complete:
            return induction
        kept = {claim.name for claim in (*induction.argument.scope, *induction.argument.invariants)}
        claims = (*self.argument.scope, *self.argument.invariants)
        out = [claim.name for claim in claims if claim.name not in kept]
        theory = self.prover.theory
        try:
            found = rank.find(theory, self.prover, out)
            obligations = {o.name: o for o in rank.obligations(theory, found)}
            outcomes = {o.name: o for o in induction.outcomes}
            outcomes |= {o.name: self.prover.prove(o, out) for o in obligations.values()}
            self._complete(outcomes, {rank.TERMINATION}, out)
        except KeyboardInterrupt:
            return replace(induction, complete=False)
        self.obligations |= obligations
        for name in obligations:  # which may have been of another rank
            self._known.pop(name, None)
        return replace(induction, outcomes=tuple(outcomes.values()), rank=found)

    def houdini(self, induction: Induction, names: Collection[str]) -> tuple[Induction, tuple[str, ...]]:
        """Leave out the hypotheses named and every invariant that falls, until the rest is inductive.

        Returns what comes of it and what was left out. Source: C. Flanagan, K. R. M. Leino, "Houdini, an
        annotation assistant for ESC/Java", FME 2001.
        """
        out = list(names)
        claims = {claim.name for claim in self.argument.invariants}
        outcomes = {o.name: o for o in induction.outcomes}
        seen: tuple[int, int] | None = None
        while seen != (len(out), len(outcomes)):
            seen = len(out), len(outcomes)
            for outcome in list(outcomes.values()):
                if outcome.about in claims and outcome.theorem is None and outcome.about not in out:
                    outcomes[outcome.name] = again = self._again(outcome, out)
                    if not again.proved:
                        out.append(again.about)
            for outcome in list(outcomes.values()):
                if outcome.about not in claims or outcome.theorem is not None:
                    outcomes[outcome.name] = self._again(outcome, out)
            self._complete(outcomes, {_subject(o) for o in outcomes.values()} - set(out), out)
        kept = tuple(claim for claim in self.argument.invariants if claim.name not in out)
        scope = tuple(claim for claim in self.argument.scope if claim.name not in out)
        argument = replace(self.argument, scope=scope, invariants=kept)
        return replace(induction, argument=argument, outcomes=tuple(outcomes.values())), tuple(out)

    def _again(self, outcome: Outcome, without: Collection[str]) -> Outcome:
        """Return what comes of an obligation without the hypotheses, asking only what is not known.

        A proof that needs none of them stands; what was not shown without some of them is not shown now.
        """
        left = frozenset(without)
        known = self._known.setdefault(outcome.name, [(frozenset(), outcome)])
        for less, found in known:
            if less <= left if found.needs is None else found.needs.isdisjoint(left):
                return found
        found = self.prover.prove(self.obligations[outcome.name], left)
        known.append((left, found))
        return found

    def no_longer_waits(self, rest: Induction, label: str, wait: str, out: Collection[str]) -> Induction:
        """Correct what comes of a wait (and claims) left out: who waited there must be able to move.

        That concerns only places where it was enough that they wait; nobody else's wait is in question.
        """
        theory = Theory(self.system.without(label, wait), self.argument)
        prover = Prover(theory, self.prover.rlimit, self.prover.poll)
        on = wait.removeprefix(WAIT)
        waited = {o.name for o in rest.outcomes if stays(label, on) in (o.needs or ())}
        moves = {o.name: prover.prove(o, out) for o in theory.moves() if o.name in waited}
        gone = f"{label}: {descends(on)}"
        return replace(rest, outcomes=tuple(moves.get(o.name, o) for o in rest.outcomes if o.name != gone))


@dataclass(frozen=True)
class Use:
    """What a hypothesis is for: theorems no longer proved without it, and the first obligation then open."""

    name: str
    falls: tuple[str, ...]
    open: str | None


def audit(
    attempt: Attempt, induction: Induction, theorems: Sequence[str], hypotheses: Sequence[str] | None = None
) -> Iterator[Use]:
    """Yield for each restriction, invariant and guard what falls without it, alone; nothing: not needed.

    `hypotheses`: those asked about, by name; None for all of the induction's.
    Program order (`location`) is left out: it is no guard that a developer could drop. Termination falls if
    the rank that was found with all of them no longer does.
    """
    proved = [theorem for theorem in theorems if induction.proves(theorem)]
    labels = {action.label for action in induction.system.actions}
    for name in induction.hypotheses if hypotheses is None else hypotheses:
        # A claim that is broken now may not be needed: cores are not the smallest.
        rest, out = attempt.houdini(induction, [name])
        label, _, guard = name.partition(": ")
        if label in labels and guard.startswith(WAIT) and DEADLOCK in proved:
            rest = attempt.no_longer_waits(rest, label, guard, out)
        falls = tuple(theorem for theorem in proved if not rest.proves(theorem))
        yield Use(name, falls, _first_open(induction, rest, name, falls[0]) if falls else None)


def _first_open(induction: Induction, rest: Induction, name: str, theorem: str) -> str:
    """Return the first obligation that is open without the hypothesis, preferably one that needed it."""
    open_ = {o.name for o in rest.outcomes if not o.proved}
    needed = (o.name for o in induction.rests_on(theorem) if o.name in open_ and name in (o.needs or ()))
    return next(itertools.chain(needed, (o.name for o in rest.rests_on(theorem) if not o.proved)))
