"""Running obligations: z3 by matching alone (no model search), with a core of what each needed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import z3

from cowpath.model.prove.theory import Obligation, Theory

RLIMIT = 20_000_000
"""z3's units of work for one obligation: deterministic where time is not."""
SHORT = (50_000, 1_000_000)
"""The same for first tries: which hypotheses z3 soon makes do with is seen by trying."""
Poll = Callable[[], None]
"""Called before each proof, and each further try: raises KeyboardInterrupt to end with what is known."""
_OPTIONS = {"auto_config": False, "mbqi": False, "random_seed": 0, "ctrl_c": False}
VARIATIONS: tuple[dict[str, int], ...] = ({"relevancy": 1}, {}, {"relevancy": 1, "random_seed": 1})
"""What z3 is told besides, where an obligation was too much work for it: one after the other, each with all
of the limit. With relevancy 1 its theories hear of every atom that it has decided, not only of those that are
of use to it by then. In which of the two ways it loses itself is luck.
"""
_ASSUME = "assume "
_GAVE_UP = ("canceled", "max. resource limit exceeded")


@dataclass(frozen=True)
class Outcome:
    """What came of an obligation, by name. `needs`: hypotheses from which the goal follows; None if it was
    not found to.
    """

    name: str
    about: str
    step: str | None
    initial: bool
    theorem: str | None
    needs: frozenset[str] | None
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether the goal follows."""
        return self.needs is not None


class Prover:
    """Proves obligations of one theory by one solver; those of a step, one after the other, share more."""

    def __init__(self, theory: Theory, rlimit: int = RLIMIT, poll: Poll = lambda: None) -> None:
        self.theory = theory
        self.rlimit = rlimit
        self.poll = poll
        self._shared = self._solver()
        self._own: Mapping[str, z3.BoolRef] | None = None
        self._sufficed: dict[str | None, set[str]] = {}

    def prove(self, obligation: Obligation, without: Collection[str] = ()) -> Outcome:
        """Try to prove the obligation, leaving out the hypotheses named."""
        self.poll()
        began = time.perf_counter()
        names = [name for name in self._hypotheses(obligation) if name not in without]
        if self._own is not obligation.own:
            if self._own is not None:
                self._shared.pop()
            self._shared.push()
            self._shared.add(_assumed(obligation.own))
            self._own = obligation.own
        nearest = [name for name in names if name in obligation.nearest]
        near = [name for name in names if name in obligation.near]
        # What others about this, or of this step, were shown by is likely to be what this one needs.
        seen = obligation.near.union(*(self._sufficed.get(of, ()) for of in _kin(obligation)))
        more = [name for name in names if name in seen]
        tries = [each for each in (nearest, near, more if more != near else [], names) if each] or [names]
        limits = sorted({min(limit, self.rlimit) for limit in SHORT})
        needs = self._ask(self._shared, obligation, tries, limits)
        if needs is None and tries and self.rlimit > max(SHORT):
            # What z3 has learnt from the obligations before may stand in its way.
            alone = self._solver()
            alone.add(_assumed(obligation.own))
            longer = [each for each in tries if each is not near or not nearest]  # which is less
            needs = self._ask(alone, obligation, longer, [self.rlimit])
            if needs is None:
                needs = self._vary(obligation, longer)
        for of in _kin(obligation):
            self._sufficed.setdefault(of, set()).update(needs or ())
        return Outcome(
            obligation.name,
            obligation.about,
            obligation.step,
            obligation.initial,
            obligation.theorem,
            needs,
            time.perf_counter() - began,
        )

    def _ask(
        self, solver: z3.Solver, obligation: Obligation, tries: list[list[str]], limits: Iterable[int]
    ) -> frozenset[str] | None:
        """Return from which of the hypotheses the goal follows; None if that was not found.

        Takes off the tries those that are not enough: all their instances are consistent.
        """
        solver.push()
        solver.add(z3.Not(obligation.goal))
        try:
            for limit, names in itertools.product(limits, list(tries)):
                if names not in tries:
                    continue
                solver.set("rlimit", limit)
                if solver.check([_literal(name) for name in names]) == z3.unsat:
                    return _core(solver)
                if solver.reason_unknown() not in _GAVE_UP:
                    tries.remove(names)
            return None
        finally:
            solver.pop()

    def _vary(self, obligation: Obligation, tries: list[list[str]]) -> frozenset[str] | None:
        """Return what `_ask` does, of each variation in turn.

        Each is asked in a context of its own, of nothing but the hypotheses named: how z3 numbers its terms,
        which is the order that it takes them in, then no longer depends on what came before.
        """
        hypotheses = self._hypotheses(obligation)
        for names, variation in itertools.product(list(tries), VARIATIONS):
            if names not in tries:
                continue
            self.poll()
            plain = z3.SimpleSolver()  # matching alone, as the others do it between push and pop
            plain.add(*self.theory.instance.values())
            plain.add(*_assumed({name: hypotheses[name] for name in names}), z3.Not(obligation.goal))
            context = z3.Context()
            solver = plain.translate(context)
            for option, value in {**_OPTIONS, **variation, "rlimit": self.rlimit}.items():
                solver.set(option, value)
            if solver.check([z3.Bool(_ASSUME + name, context) for name in names]) == z3.unsat:
                return _core(solver)
            if solver.reason_unknown() not in _GAVE_UP:
                tries.remove(names)
        return None

    def script(self, obligation: Obligation, needs: Collection[str] | None) -> str:
        """Return the obligation as SMT-LIB 2, from the hypotheses named (None: all); unsat if it holds."""
        solver = z3.Solver()
        hypotheses = self._hypotheses(obligation)
        needed = [f for name, f in hypotheses.items() if needs is None or name in needs]
        # z3 writes a conjunction of nothing as a bare `and`, which nobody else reads.
        nothing = (z3.And([]), z3.BoolVal(True))
        for formula in (*self.theory.instance.values(), *needed, z3.Not(obligation.goal)):
            solver.add(z3.substitute(formula, nothing))
        return f"; {obligation.name}\n(set-logic ALL)\n{solver.to_smt2()}"

    def _hypotheses(self, obligation: Obligation) -> dict[str, z3.BoolRef]:
        state = {} if obligation.initial else self.theory.state
        return {**self.theory.scope, **state, **obligation.own}

    def _solver(self) -> z3.Solver:
        """Open a solver: facts of the instance are asserted, what a core may name is assumed."""
        solver = z3.Solver()
        for option, value in _OPTIONS.items():
            solver.set(option, value)
        solver.add(*self.theory.instance.values())
        solver.add(_assumed({**self.theory.scope, **self.theory.state}))
        return solver


def _kin(obligation: Obligation) -> tuple[str, ...]:
    """Return what an obligation has in common with others, by name: its conjunct or theorem, and its step."""
    return (obligation.theorem or obligation.about, *(() if obligation.step is None else (obligation.step,)))


def _assumed(hypotheses: Mapping[str, z3.BoolRef]) -> list[z3.BoolRef]:
    return [z3.Implies(_literal(name), formula) for name, formula in hypotheses.items()]


def _core(solver: z3.Solver) -> frozenset[str]:
    """Return the names of the hypotheses that were enough."""
    return frozenset(str(p.decl().name()).removeprefix(_ASSUME) for p in solver.unsat_core())


def _literal(name: str) -> z3.BoolRef:
    return z3.Bool(_ASSUME + name)
