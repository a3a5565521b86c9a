"""Proving: a design's theorems for any number of requests and clusters, and what refutes those that fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model import output
from model.check import check
from model.designs import Design
from model.explore.numpy_engine import NumpyEngine
from model.explore.result import UNLIMITED, Limits, Question
from model.language.claim import Argument, Claim
from model.language.domains import narrow
from model.language.evaluate import Reference
from model.language.ground import ground
from model.language.instance import Instance
from model.language.system import Property
from model.prove.counterexample import Counterexample, search
from model.prove.drawing import draw
from model.prove.prover import RLIMIT, Outcome
from model.prove.templates import assigned_values
from model.prove.theorem import Attempt, Induction, Use, audit
from model.prove.theory import DEADLOCK
from model.scenarios import Scenario
from model.scenarios.geometry import reduce
from model.stack.binding import bind
from model.trace.trace import Trace
from model.verdict import Verdict

ANY = "any requests"
_REACH = Limits(max_states=200_000)  # of a counterexample's own instance: it is small
_SLUG = re.compile(r"[^a-z0-9.]+")
_NOTHING = Argument((), (), (), (), (), ())


@dataclass(frozen=True)
class Theorem:
    """A theorem about a design and what came of it.

    `scope`: what it is restricted to, in words. `open`: what could not be shown. `missing`: a counterexample
    to the first of these, drawn, and whether the checker `reaches` it. A refutation is the checker's `trace`.
    """

    design: str
    theorem: str
    scope: str
    verdict: Verdict
    seconds: float
    obligations: tuple[Outcome, ...]
    needs: tuple[str, ...]
    open: tuple[str, ...]
    missing: str | None = None
    reached: bool | None = None
    trace: Trace | None = None


class BrokenInvariant(Exception):
    """The explorer reaches a state that breaks a claim: the argument, or the prover, is wrong."""


Report = Callable[[str], None]


def prove(
    design: Design,
    theorems: Sequence[str],
    scenarios: Sequence[Scenario],
    *,
    rlimit: int = RLIMIT,
    folder: Path | None = None,
    report: Report = lambda task: None,
) -> Iterator[Theorem]:
    """Yield what comes of each theorem, in the scope of the design's argument and then without it.

    Refutations are sought on the scenarios. `folder`: where every obligation goes as SMT-LIB 2.
    Raises `BrokenInvariant` if one of the scenarios breaks a claim.
    """
    argument = design.argument or _NOTHING
    explore_claims(design, argument, scenarios, report)

    def watch(done: int, of: int) -> None:
        report(f"{design.name}: obligation {done} of {of}")

    report(f"{design.name}: stating the obligations")
    attempt = Attempt(design.system, argument, rlimit)
    induction = attempt.induct(watch)
    if folder is not None:
        _write_scripts(attempt, induction, folder / design.name)
    general: Induction | None = None
    for name in theorems:
        needs = induction.needs(name)
        if any(claim.name in needs for claim in argument.scope):
            if general is None:
                report(f"{design.name}: without its restrictions")
                general, _ = attempt.houdini(induction, [claim.name for claim in argument.scope])
            if not general.proves(name):
                yield _judge(design, induction, name, scenarios, report)
            yield _judge(design, general, name, scenarios, report)
        else:
            yield _judge(design, induction, name, scenarios, report)


def uses(design: Design, theorems: Sequence[str], rlimit: int = RLIMIT) -> Iterator[Use]:
    """Yield what each restriction, invariant and guard of a design is for."""
    attempt = Attempt(design.system, design.argument or _NOTHING, rlimit)
    yield from audit(attempt, attempt.induct(), theorems)


def _write_scripts(attempt: Attempt, induction: Induction, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, outcome in enumerate(induction.outcomes, 1):
        script = attempt.prover.script(attempt.obligations[outcome.name], outcome.needs)
        output.write(folder / f"{number:04}-{_SLUG.sub('-', outcome.name)[:80].strip('-')}.smt2", script)


def explore_claims(
    design: Design, argument: Argument, scenarios: Sequence[Scenario], report: Report = lambda task: None
) -> int:
    """Check every claim in every reachable state of the scenarios in scope; return the number of states.

    Raises `BrokenInvariant`, naming the claim and the scenario.
    """
    states = 0
    claims = [*assigned_values(design.system), *argument.invariants] if argument.invariants else []
    for scenario in scenarios if claims else ():
        instance = _instance(design, scenario)
        if instance is None:
            continue
        for claim in argument.given:
            if not _holds(design, instance, claim):
                raise BrokenInvariant(f"'{scenario.name}' is not as every scenario should be: {claim.name}")
        if not all(_holds(design, instance, claim) for claim in argument.scope):
            continue
        report(f"{design.name}: its invariants on '{scenario.name}'")
        properties = [Property(c.name, "always", c.formula(design.system)) for c in claims]
        narrowed = narrow(ground(replace(design.system, properties=properties), instance))
        terms = narrowed.model.terms
        questions = [Question(name, terms.negation(term)) for name, term in narrowed.model.always.items()]
        found = NumpyEngine().explore(narrowed, tuple(questions), UNLIMITED, lambda progress: None)
        broken = [name for name in found.witnesses if name != DEADLOCK]
        if broken:
            raise BrokenInvariant(f"{design.name} on '{scenario.name}' breaks the invariant: {broken[0]}")
        states += found.states
    return states


def _instance(design: Design, scenario: Scenario) -> Instance | None:
    return None if design.misses(scenario) else bind(scenario, reduce(scenario))


def _holds(design: Design, instance: Instance, claim: Claim) -> bool:
    return bool(Reference(design.system, instance).value(claim.formula(design.system), (), {}))


def _judge(
    design: Design,
    induction: Induction,
    theorem: str,
    scenarios: Sequence[Scenario],
    report: Report,
) -> Theorem:
    argument, outcomes = induction.argument, tuple(induction.rests_on(theorem))
    needs = induction.needs(theorem)
    proved = induction.proves(theorem)
    scope = [claim.name for claim in argument.scope if claim.name in needs or not proved]
    result = Theorem(
        design.name,
        theorem,
        "; ".join(scope) or ANY,
        Verdict.HOLDS if proved else Verdict.UNDETERMINED,
        sum(o.seconds for o in outcomes),
        outcomes,
        needs,
        tuple(o.name for o in outcomes if not o.proved),
    )
    if proved or not induction.complete:
        return result
    report(f"{design.name}: {theorem} is not proved; looking for what breaks it")
    found = (search(design.system, argument, outcome) for outcome in outcomes if not outcome.proved)
    missing = next(filter(None, found), None)
    trace = _refutation(design, argument, theorem, scenarios, report)
    return replace(
        result,
        verdict=Verdict.UNDETERMINED if trace is None else Verdict.VIOLATED,
        missing=None if missing is None else draw(missing),
        reached=None if missing is None else _reaches(missing),
        trace=trace,
    )


def _reaches(missing: Counterexample) -> bool | None:
    """Tell whether the checker reaches the state from which the step breaks the claim; None: undecided."""
    narrowed = narrow(ground(missing.system, missing.instance))
    terms = narrowed.model.terms
    term = terms.conjunction(
        terms.equal(terms.cell(i) if len(values) > 1 else values[0], value)
        for i, (value, values) in enumerate(zip(missing.before, narrowed.values, strict=True))
    )
    question = Question("the counterexample", term)
    found = NumpyEngine().explore(narrowed, (question,), _REACH, lambda progress: None)
    if question.name in found.witnesses:
        return True
    return False if found.complete else None


def _refutation(
    design: Design, argument: Argument, theorem: str, scenarios: Sequence[Scenario], report: Report
) -> Trace | None:
    """Return the shortest trace that violates the theorem on a scenario in scope."""
    traces = []
    for scenario in scenarios:
        instance = _instance(design, scenario)
        if instance is not None and all(_holds(design, instance, claim) for claim in argument.scope):
            report(f"{design.name}: {theorem} on '{scenario.name}'")
            trace = check(design, scenario, properties=(theorem,)).properties[theorem].trace
            if trace is not None:
                traces.append(trace)
    return min(traces, key=lambda trace: len(trace.steps), default=None)
