"""Running obligations: z3 by matching alone (no model search), with a core of what each needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import z3

from model.prove.theory import Obligation, Theory

RLIMIT = 20_000_000
"""z3's units of work for one obligation: deterministic where time is not."""
SHORT = 50_000
"""The same for a try with what is near: if that does not do, it is soon seen."""
Poll = Callable[[], None]
"""Called before each proof: raises KeyboardInterrupt to end with what is known."""
_OPTIONS = {"auto_config": False, "mbqi": False, "random_seed": 0, "ctrl_c": False}


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


@dataclass(frozen=True)
class _Session:
    """A solver for the obligations of one step; `names` are of the assumptions that stand for hypotheses."""

    own: Mapping[str, z3.BoolRef]
    solver: z3.Solver
    assumptions: Mapping[str, z3.BoolRef]
    names: Mapping[int, str]


class Prover:
    """Proves obligations of one theory; those of one step, asked one after the other, share a solver."""

    def __init__(self, theory: Theory, rlimit: int = RLIMIT, poll: Poll = lambda: None) -> None:
        self.theory = theory
        self.rlimit = rlimit
        self.poll = poll
        self._last: _Session | None = None

    def prove(self, obligation: Obligation, without: Collection[str] = ()) -> Outcome:
        """Try to prove the obligation, leaving out the hypotheses named.

        Most follow from what is near: the conjunct itself and the guards, say.
        """
        self.poll()
        began = time.perf_counter()
        rest = set(self._hypotheses(obligation)) - set(without)
        session = self._session(obligation)
        session.solver.push()
        session.solver.add(z3.Not(obligation.goal))
        answer = z3.unknown
        if obligation.near:
            answer = self._ask(session, rest & obligation.near, min(SHORT, self.rlimit))
        if answer != z3.unsat:
            answer = self._ask(session, rest, self.rlimit)
        if answer == z3.unknown:  # what z3 has learnt from the obligations before may stand in its way
            session = self._open(obligation)
            session.solver.push()
            session.solver.add(z3.Not(obligation.goal))
            answer = self._ask(session, rest, self.rlimit)
        needs = self._core(session) if answer == z3.unsat else None
        session.solver.pop()
        return Outcome(
            obligation.name,
            obligation.about,
            obligation.step,
            obligation.initial,
            obligation.theorem,
            needs,
            time.perf_counter() - began,
        )

    def _ask(self, session: _Session, names: Collection[str], rlimit: int) -> z3.CheckSatResult:
        """Ask for a state that satisfies these hypotheses and not the goal."""
        session.solver.set("rlimit", rlimit)
        return session.solver.check(
            [session.assumptions[name] for name in session.assumptions if name in names]
        )

    def _core(self, session: _Session) -> frozenset[str]:
        """Return which of the hypotheses the proof just made needs."""
        return frozenset(session.names[p.get_id()] for p in session.solver.unsat_core())

    def script(self, obligation: Obligation, needs: Collection[str] | None) -> str:
        """Return the obligation as SMT-LIB 2, from the hypotheses named (None: all); unsat if it holds."""
        solver = z3.Solver()
        solver.add(*self.theory.instance.values())
        hypotheses = self._hypotheses(obligation)
        solver.add(*(f for name, f in hypotheses.items() if needs is None or name in needs))
        solver.add(z3.Not(obligation.goal))
        return f"; {obligation.name}\n(set-logic ALL)\n{solver.to_smt2()}"

    def _hypotheses(self, obligation: Obligation) -> dict[str, z3.BoolRef]:
        state = {} if obligation.initial else self.theory.state
        return {**self.theory.scope, **state, **obligation.own}

    def _session(self, obligation: Obligation) -> _Session:
        """Open a solver: facts of the instance are asserted, what a core may name is assumed."""
        if self._last is None or self._last.own is not obligation.own:
            return self._open(obligation)
        return self._last

    def _open(self, obligation: Obligation) -> _Session:
        solver = z3.Solver()
        for option, value in _OPTIONS.items():
            solver.set(option, value)
        solver.add(*self.theory.instance.values())
        hypotheses = self._hypotheses(obligation)
        assumptions = {name: z3.Bool(f"h{number}") for number, name in enumerate(hypotheses)}
        solver.add(*(z3.Implies(assumptions[name], formula) for name, formula in hypotheses.items()))
        names = {p.get_id(): name for name, p in assumptions.items()}
        self._last = _Session(obligation.own, solver, assumptions, names)
        return self._last
