"""Theorems: which obligations each rests on, and whether they were all shown.

A conjunct is inductive when its own obligations are shown and so are those of every conjunct that they
needed, and so on: only that closure counts, so an invariant that no theorem needs cannot spoil one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from model.language.claim import Argument
from model.language.system import System
from model.prove.prover import RLIMIT, Outcome, Prover
from model.prove.theory import DEADLOCK, Theory

Watch = Callable[[int, int], None]
"""Told after each obligation: how many are done, of how many."""


@dataclass(frozen=True)
class Induction:
    """What came of every obligation of a system and its argument.

    `complete` is false when an interrupt came before the last.
    """

    system: System
    argument: Argument
    outcomes: tuple[Outcome, ...]
    complete: bool = True

    def rests_on(self, theorem: str) -> list[Outcome]:
        """Return the outcomes that the theorem rests on, in order."""
        about = self.conjuncts(theorem)
        return [o for o in self.outcomes if o.about in about or (theorem == DEADLOCK and o.deadlock)]

    def conjuncts(self, theorem: str) -> set[str]:
        """Return the conjuncts that the theorem needs, itself included."""
        needs: dict[str, set[str]] = {}
        for outcome in self.outcomes:
            about = DEADLOCK if outcome.deadlock else outcome.about
            needs.setdefault(about, set()).update(outcome.needs or ())
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

    def needs(self, theorem: str) -> tuple[str, ...]:
        """Return the hypotheses that the theorem's cores name: restrictions, invariants and guards."""
        named = set().union(*(o.needs or () for o in self.rests_on(theorem)))
        scope = [claim.name for claim in self.argument.scope]
        guards = [
            f"{action.label}: {name}"
            for action in self.system.actions
            for name in action.guard_names
            if not any(guard.name == name and guard.location for guard in action.guards)
        ]
        invariants = [claim.name for claim in self.argument.invariants]
        return tuple(name for name in (*scope, *invariants, *guards) if name in named)


def induct(
    system: System,
    argument: Argument,
    *,
    rlimit: int = RLIMIT,
    watch: Watch = lambda done, of: None,
) -> Induction:
    """Try every obligation. Ctrl-C ends it with what is known."""
    outcomes: list[Outcome] = []
    try:
        theory = Theory(system, argument)
        obligations = list(theory.obligations())
        prover = Prover(theory, rlimit)
        for obligation in obligations:
            outcomes.append(prover.prove(obligation))
            watch(len(outcomes), len(obligations))
    except KeyboardInterrupt:
        return Induction(system, argument, tuple(outcomes), complete=False)
    return Induction(system, argument, tuple(outcomes))


def without(induction: Induction, names: Collection[str], *, rlimit: int = RLIMIT) -> Induction:
    """Return what comes of every obligation without the hypotheses named (claims, restrictions or guards).

    Only obligations that needed one of them are tried again.
    """
    theory = Theory(induction.system, induction.argument)
    prover = Prover(theory, rlimit)
    again = {o.name for o in induction.outcomes if o.needs and not o.needs.isdisjoint(names)}
    tried: dict[str, Outcome] = {}
    for obligation in theory.obligations({o.step for o in induction.outcomes if o.name in again}):
        if obligation.name in again:
            tried[obligation.name] = prover.prove(obligation, names)
    outcomes = (tried.get(o.name, o) for o in induction.outcomes if o.about not in names)
    return replace(induction, outcomes=tuple(outcomes))
