"""Proving: a design's theorems for any number of requests and clusters, and what refutes those that fail."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cowpath.model.bench.check import check, steps_of
from cowpath.model.designs import Case, Design
from cowpath.model.explore.numpy_engine import NumpyEngine
from cowpath.model.explore.result import UNLIMITED, Limits, Question
from cowpath.model.finite.domains import narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.reference import Reference
from cowpath.model.language.claim import Claim, ProofOutline
from cowpath.model.language.errors import InputError
from cowpath.model.language.system import ALWAYS, Property
from cowpath.model.language.verdict import Verdict
from cowpath.model.prove.counterexample import Counterexample, search
from cowpath.model.prove.drawing import draw
from cowpath.model.prove.prover import RLIMIT, Outcome, Poll
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.templates import assigned_values
from cowpath.model.prove.theorem import Attempt, Induction, Use, audit
from cowpath.model.prove.theory import DEADLOCK
from cowpath.model.scenarios import Scenario
from cowpath.model.trace.trace import Trace, replay

ANY = "any requests"
INTERRUPTED = "what was left when it was interrupted"
_REACH = Limits(max_states=200_000)  # of a counterexample's own instance: it is small
_SEARCHED = 3  # obligations not shown, for a counterexample to one: where z3 gave up there may be none
Keep = Callable[[str, str], None]  # a relative file name, and what belongs into it
_SLUG = re.compile(r"[^a-z0-9.]+")


@dataclass(frozen=True)
class Theorem:
    """A theorem about a design and what came of it.

    `scope`: what it is restricted to, in words. `open`: what could not be shown. `missing`: a counterexample
    to the first of these, drawn, and whether the checker `reaches` it. A refutation is the checker's `trace`.
    `rank`: measures by which runs end, in words; `loop`: steps that they leave to go round. `explored`: what
    the checker saw of the design in the scope of its argument.
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
    rank: tuple[str, ...] = ()
    loop: tuple[str, ...] = ()
    explored: Explored | None = None


@dataclass(frozen=True)
class Explored:
    """What shows that theorems are not vacuous: states that satisfy all that is assumed, and steps.

    `scenarios`: how many are in scope; `never`: labels of steps that are taken in none of them.
    """

    states: int
    scenarios: int
    never: tuple[str, ...]


class BrokenInvariant(InputError):
    """A claim of a design's argument is false; `trace` leads to a state that breaks it, if states do."""

    def __init__(self, message: str, trace: Trace | None = None) -> None:
        super().__init__(message, trace)  # all of it, for it crosses processes
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])


def prove(
    design: Design,
    theorems: Sequence[str],
    scenarios: Sequence[Scenario],
    *,
    rlimit: int = RLIMIT,
    keep: Keep | None = None,
    poll: Poll = lambda: None,
) -> Iterator[Theorem]:
    """Yield what comes of each theorem, in the scope of the design's argument and then without it.

    Refutations are sought on the scenarios. `keep`: is given every obligation as SMT-LIB 2. `poll`:
    called now and then; raises KeyboardInterrupt to end with what is known.
    Raises `BrokenInvariant` if one of the scenarios breaks a claim.
    """
    argument = argument_of(design)
    explored = explore_claims(design, argument, scenarios, poll)

    attempt = Attempt(design.system, argument, rlimit, poll)
    induction = attempt.induct(theorems)
    if keep is not None:
        _keep_scripts(attempt, induction.outcomes, design.name, keep)

    @functools.cache
    def general() -> Induction:
        return attempt.houdini(induction, [claim.name for claim in argument.scope])[0]

    def ranked(base: Induction) -> Induction:
        found = attempt.ranked(base)
        if keep is not None:
            kept = {outcome.name for outcome in induction.outcomes}
            own = [outcome for outcome in found.outcomes if outcome.name not in kept]
            _keep_scripts(attempt, own, f"{design.name}/{TERMINATION}", keep)
        return found

    for name in theorems:
        if name == TERMINATION:
            tried = [ranked(general())]
            if argument.scope and not tried[0].proves(name):
                tried.insert(0, ranked(induction))
        elif any(claim.name in induction.needs(name) for claim in argument.scope):
            tried = [general()] if general().proves(name) else [induction, general()]
        else:
            tried = [induction]
        for each in tried:
            yield replace(_judge(design, each, name, scenarios, poll), explored=explored)


def uses(
    design: Design, theorems: Sequence[str], rlimit: int = RLIMIT, poll: Poll = lambda: None
) -> Iterator[Use]:
    """Yield what each restriction, invariant and guard of a design is for. `poll`: see `prove`."""
    attempt = Attempt(design.system, argument_of(design), rlimit, poll)
    induction = attempt.ranked(attempt.induct())
    if not induction.complete:
        raise KeyboardInterrupt
    yield from audit(attempt, induction, theorems)


def _keep_scripts(attempt: Attempt, outcomes: Sequence[Outcome], folder: str, keep: Keep) -> None:
    for number, outcome in enumerate(outcomes, 1):
        script = attempt.prover.script(attempt.obligations[outcome.name], outcome.needs)
        keep(f"{folder}/{number:04}-{_SLUG.sub('-', outcome.name)[:80].strip('-')}.smt2", script)


def explore_claims(
    design: Design, argument: ProofOutline, scenarios: Sequence[Scenario], poll: Poll = lambda: None
) -> Explored:
    """Check every claim in every reachable state of the scenarios in scope, and see which steps are taken.

    Raises `BrokenInvariant`, naming the claim and the scenario, with the shortest trace.
    """
    states, explored = 0, 0
    never = [action.label for action in design.system.actions]
    claims = [*assigned_values(design.system), *argument.invariants]
    for case in in_scope(design, argument, scenarios):
        properties = [Property(c.name, "always", c.formula(design.system)) for c in claims]
        system = replace(design.system, properties=properties)
        narrowed = narrow(ground(system, case.instance))
        model, terms = narrowed.model, narrowed.model.terms
        broken = [Question(name, terms.negation(term)) for name, term in model.always.items()]
        steps = [
            Question(label, terms.disjunction(c.enabled for c in model.commands if c.action.label == label))
            for label in never
        ]
        found = NumpyEngine().explore(narrowed, (*broken, *steps), UNLIMITED, lambda progress: poll())
        if not found.complete:
            raise KeyboardInterrupt
        for question in broken:
            if question.name in found.witnesses:
                path = steps_of(model, found.witnesses[question.name].path)
                trace = replay(system, case.instance, case.scenario.name, question.name, path)
                raise BrokenInvariant(f"{case.title} breaks the invariant: {question.name}", trace)
        never = [label for label in never if label not in found.witnesses]
        states, explored = states + found.states, explored + 1
    return Explored(states, explored, tuple(never))


def in_scope(design: Design, argument: ProofOutline, scenarios: Sequence[Scenario]) -> Iterator[Case]:
    """Yield the design on the scenarios to which the argument applies; one that breaks `given` is an error.

    Raises `BrokenInvariant`.
    """
    for case in _cases(design, scenarios):
        for claim in argument.given:
            if not _holds(case, claim):
                raise BrokenInvariant(
                    f"'{case.scenario.name}' is not as every scenario should be: {claim.name}"
                )
        if all(_holds(case, claim) for claim in argument.scope):
            yield case


def argument_of(design: Design) -> ProofOutline:
    """Return the design's argument; one without claims of its own if it has none."""
    return design.proof or ProofOutline((), (), (), (), (), theorems_of(design, ()))


def theorems_of(design: Design, named: Sequence[str]) -> tuple[str, ...]:
    """Return which of the named theorems may be asked of the design; none named: all.

    These are freedom from deadlock, termination, and the properties that its proof is of; of a design that
    brings none, all that it claims of every state.
    """
    always = [claim.name for claim in design.system.properties if claim.kind == ALWAYS and claim.standard]
    own = design.proof.theorems if design.proof is not None else always
    asked = dict.fromkeys((*own, DEADLOCK, TERMINATION))
    return tuple(name for name in named if name in asked) if named else tuple(asked)


def _cases(design: Design, scenarios: Sequence[Scenario]) -> list[Case]:
    return [Case(design, scenario) for scenario in scenarios if design.unsupported(scenario) is None]


def _holds(case: Case, claim: Claim) -> bool:
    system = case.design.system
    return bool(Reference(system, case.instance).value(claim.formula(system), (), {}))


def _judge(
    design: Design,
    induction: Induction,
    theorem: str,
    scenarios: Sequence[Scenario],
    poll: Poll,
) -> Theorem:
    argument, outcomes = induction.argument, tuple(induction.rests_on(theorem))
    needs = induction.needs(theorem)
    proved = induction.proves(theorem)
    runs = argument.runs if theorem == TERMINATION else ()
    scope = [c.name for c in (*argument.scope, *runs) if c.name in needs or not proved]
    result = Theorem(
        design.name,
        theorem,
        "; ".join(scope) or ANY,
        Verdict.HOLDS if proved else Verdict.UNDETERMINED,
        sum(o.seconds for o in outcomes),
        outcomes,
        needs,
        tuple(o.name for o in outcomes if not o.proved) if induction.complete else (INTERRUPTED,),
    )
    if theorem == TERMINATION and induction.rank is not None:
        measures = tuple(measure.name for measure in induction.rank.measures)
        result = replace(result, rank=measures, loop=induction.rank.loop)
    if proved or not induction.complete:
        return result
    poll()
    first = itertools.islice((o for o in outcomes if not o.proved), _SEARCHED)
    missing = next(filter(None, (search(induction, outcome) for outcome in first)), None)
    trace = _refutation(design, argument, theorem, scenarios, poll)
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
    design: Design, argument: ProofOutline, theorem: str, scenarios: Sequence[Scenario], poll: Poll
) -> Trace | None:
    """Return the shortest trace that violates the theorem on a scenario in scope."""
    asked = (
        "progress" if theorem == TERMINATION else theorem
    )  # a loop without streams is of no use to anybody
    scope = (*argument.scope, *argument.runs) if theorem == TERMINATION else argument.scope
    traces = []
    for case in _cases(design, scenarios):
        if all(_holds(case, claim) for claim in scope):
            poll()
            trace = check(case, properties=(asked,)).properties[asked].trace
            if trace is not None:
                traces.append(trace)
    return min(traces, key=lambda trace: len(trace.steps), default=None)
