"""Theorems: which obligations each rests on, and whether they were all shown.

A conjunct is inductive when its own obligations are shown and so are those of every conjunct that they
needed, and so on: only that closure counts, so an invariant that no theorem needs cannot spoil one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from model.language.claim import Argument
from model.language.system import System
from model.prove import rank
from model.prove.prover import RLIMIT, Outcome, Poll, Prover
from model.prove.rank import Rank
from model.prove.theory import DEADLOCK, Obligation, Theory, descends

WAIT = "wait on "


@dataclass(frozen=True)
class Induction:
    """What came of every obligation of a system and its argument.

    `complete` is false when an interrupt came before the last. `rank`: by which runs end, if that was asked.
    """

    system: System
    argument: Argument
    outcomes: tuple[Outcome, ...]
    complete: bool = True
    rank: Rank | None = None

    def rests_on(self, theorem: str) -> list[Outcome]:
        """Return the outcomes that the theorem rests on, in order."""
        about = self.conjuncts(theorem)
        return [o for o in self.outcomes if (o.theorem or o.about) in about]

    def conjuncts(self, theorem: str) -> set[str]:
        """Return the conjuncts that the theorem needs, itself included."""
        needs: dict[str, set[str]] = {}
        for outcome in self.outcomes:
            needs.setdefault(outcome.theorem or outcome.about, set()).update(outcome.needs or ())
        found, queue = set[str](), [theorem]
        while queue:
            name = queue.pop()
            if name in needs and name not in found:
                found.add(name)
                queue += needs[name]
        return found

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


class Attempt:
    """A system and its argument with every obligation at hand, to be tried as a whole or again in part."""

    def __init__(
        self, system: System, argument: Argument, rlimit: int = RLIMIT, poll: Poll = lambda: None
    ) -> None:
        self.system = system
        self.argument = argument
        theory = Theory(system, argument)
        self.obligations: dict[str, Obligation] = {}
        for obligation in theory.obligations():
            poll()
            self.obligations[obligation.name] = obligation
        self.prover = Prover(theory, rlimit, poll)

    def induct(self) -> Induction:
        """Try every obligation. Ctrl-C ends it with what is known."""
        outcomes: list[Outcome] = []
        try:
            for obligation in self.obligations.values():
                outcomes.append(self.prover.prove(obligation))
        except KeyboardInterrupt:
            return Induction(self.system, self.argument, tuple(outcomes), complete=False)
        return Induction(self.system, self.argument, tuple(outcomes))

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
            outcomes = tuple(self.prover.prove(o, out) for o in obligations.values())
        except KeyboardInterrupt:
            return replace(induction, complete=False)
        self.obligations |= obligations
        return replace(induction, outcomes=(*induction.outcomes, *outcomes), rank=found)

    def without(self, induction: Induction, names: Collection[str]) -> Induction:
        """Return what comes of it without the hypotheses named: claims, restrictions, guards.

        Only obligations that needed one of them are tried again. Obligations of a claim that is left out
        remain in the result, but nothing can need them. A guard less only makes it easier to move.
        """
        outcomes = (
            self.prover.prove(self.obligations[o.name], names)
            if o.needs is not None and not o.needs.isdisjoint(names)
            else o
            for o in induction.outcomes
        )
        return replace(induction, outcomes=tuple(outcomes))

    def houdini(self, induction: Induction, names: Collection[str]) -> tuple[Induction, tuple[str, ...]]:
        """Leave out the hypotheses named and every invariant that falls, until the rest is inductive.

        Returns what comes of it and what was left out. Source: C. Flanagan, K. R. M. Leino, "Houdini, an
        annotation assistant for ESC/Java", FME 2001.
        """
        out = list(names)
        claims = {claim.name for claim in self.argument.invariants}
        while True:
            induction = self.without(induction, out)
            broken = {o.about for o in induction.outcomes if not o.proved and o.theorem is None}
            fallen = sorted(broken & claims - set(out))
            if not fallen:
                kept = tuple(claim for claim in self.argument.invariants if claim.name not in out)
                scope = tuple(claim for claim in self.argument.scope if claim.name not in out)
                argument = replace(self.argument, scope=scope, invariants=kept)
                return replace(induction, argument=argument), tuple(out)
            out += fallen

    def each_without(self, induction: Induction, names: Collection[str]) -> dict[str, Induction]:
        """Return what comes of it without each of the hypotheses, alone: see `without`."""
        tried: dict[str, dict[str, Outcome]] = {name: {} for name in names}
        for outcome in induction.outcomes:
            for name in outcome.needs or ():
                if name in tried:
                    again = self.prover.prove(self.obligations[outcome.name], [name])
                    tried[name][outcome.name] = again
        return {
            name: replace(induction, outcomes=tuple(again.get(o.name, o) for o in induction.outcomes))
            for name, again in tried.items()
        }

    def no_longer_waits(self, rest: Induction, label: str, wait: str, out: Collection[str]) -> Induction:
        """Correct what comes of a wait (and claims) left out: who waited there must be able to move."""
        theory = Theory(self.system.without(label, wait), self.argument)
        prover = Prover(theory, self.prover.rlimit, self.prover.poll)
        moves = tuple(prover.prove(obligation, out) for obligation in theory.moves())
        gone = {f"{label}: {descends(wait.removeprefix(WAIT))}", *(outcome.name for outcome in moves)}
        return replace(rest, outcomes=(*(o for o in rest.outcomes if o.name not in gone), *moves))


@dataclass(frozen=True)
class Use:
    """What a hypothesis is for: theorems no longer proved without it, and the first obligation then open."""

    name: str
    falls: tuple[str, ...]
    open: str | None


def audit(
    attempt: Attempt, induction: Induction, theorems: Sequence[str], names: Collection[str] | None = None
) -> Iterator[Use]:
    """Yield for each restriction, invariant and guard what falls without it, alone; nothing: not needed.

    `names`: only these. Program order (`location`) is left out: it is no guard that a developer could drop.
    """
    proved = [theorem for theorem in theorems if induction.proves(theorem)]
    labels = {action.label for action in induction.system.actions}
    for name, first in attempt.each_without(induction, names or induction.hypotheses).items():
        shaken = [theorem for theorem in proved if not first.proves(theorem)]
        open_ = next((o.name for theorem in shaken for o in first.rests_on(theorem) if not o.proved), None)
        # A claim that is broken now may not be needed: cores are not the smallest.
        rest, out = attempt.houdini(first, [name]) if shaken else (first, (name,))
        label, _, guard = name.partition(": ")
        if label in labels and guard.startswith(WAIT) and DEADLOCK in proved:
            rest = attempt.no_longer_waits(rest, label, guard, out)
        falls = tuple(theorem for theorem in proved if not rest.proves(theorem))
        if falls and open_ is None:
            open_ = next(o.name for theorem in falls for o in rest.rests_on(theorem) if not o.proved)
        yield Use(name, falls, open_ if falls else None)
