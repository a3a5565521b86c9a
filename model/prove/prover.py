"""Running obligations: z3 by matching alone (no model search), with a core of what each needed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from model.prove.theory import Obligation, Theory

RLIMIT = 20_000_000
"""z3's units of work for one obligation: deterministic where time is not."""


@dataclass(frozen=True)
class Outcome:
    """What came of an obligation, by name. `needs`: hypotheses from which the goal follows; None if it was
    not found to.
    """

    name: str
    about: str
    step: str | None
    initial: bool
    deadlock: bool
    needs: frozenset[str] | None
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether the goal follows."""
        return self.needs is not None


class Prover:
    """Proves obligations of one theory, one after the other; those of one step share a solver."""

    def __init__(self, theory: Theory, rlimit: int = RLIMIT) -> None:
        self.theory = theory
        self.rlimit = rlimit
        self._own: Mapping[str, z3.BoolRef] | None = None
        self._initial = False
        self._solver: z3.Solver | None = None
        self._names: dict[str, z3.BoolRef] = {}
        self._by_id: dict[int, str] = {}

    def prove(self, obligation: Obligation, without: Iterable[str] = ()) -> Outcome:
        """Try to prove the obligation, leaving out the hypotheses named."""
        began = time.perf_counter()
        if self._solver is None or self._own is not obligation.own or self._initial != obligation.initial:
            self._begin(obligation)
        assert self._solver is not None
        dropped = set(without)
        self._solver.push()
        self._solver.add(z3.Not(obligation.goal))
        answer = self._solver.check([p for name, p in self._names.items() if name not in dropped])
        needs = None
        if answer == z3.unsat:
            needs = frozenset(self._by_id[p.get_id()] for p in self._solver.unsat_core())
        self._solver.pop()
        return Outcome(
            obligation.name,
            obligation.about,
            obligation.step,
            obligation.initial,
            obligation.deadlock,
            needs,
            time.perf_counter() - began,
        )

    def _begin(self, obligation: Obligation) -> None:
        theory = self.theory
        known = theory.instance if obligation.initial else {**theory.instance, **theory.state}
        self._own, self._initial = obligation.own, obligation.initial
        self._solver = z3.Solver()
        for option, value in (
            ("auto_config", False),
            ("mbqi", False),
            ("random_seed", 0),
            ("rlimit", self.rlimit),
        ):
            self._solver.set(option, value)
        self._names = {}
        for number, (name, formula) in enumerate({**known, **obligation.own}.items()):
            self._names[name] = z3.Bool(f"h{number}")
            self._solver.add(z3.Implies(self._names[name], formula))
        self._by_id = {p.get_id(): name for name, p in self._names.items()}
