"""A campaign: each stack of each QEMU on scenarios, bundled and drawn; every run held against the model."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.drawing import Bounds, draw
from cowpath.conformance.campaign.kept import question
from cowpath.conformance.campaign.mirror_drawing import draw_mirror
from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import SYSTEM, Qemu
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.faults import CRASHED, REFUSED, Fault, confirmed, examine, minimal, smaller
from cowpath.conformance.qemu.kept import build_of, outcome_read, outcome_written
from cowpath.conformance.qemu.known import Known
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.plan import (
    EVERYTHING,
    EXPLAINED,
    UNDETERMINED,
    UNFIT,
    Outcome,
    Plan,
    Progress,
    Watch,
    built,
)
from cowpath.conformance.qemu.stacks import FAULTS, Stack
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.scheduler.schedule import Replay
from cowpath.conformance.strategies.exhaustive import SleepSets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.bench.kept import design_text
from cowpath.model.bench.tasks import Tasks, Written
from cowpath.model.designs import Design
from cowpath.model.designs.release import NoSuchRelease
from cowpath.model.scenarios import Scenario, find
from cowpath.model.scenarios.vocabulary import MIRROR_WRITES
from cowpath.model.scenarios.writing import dumps

DRAWN = "drawn workloads"
_WORSE = (EXPLAINED, UNDETERMINED, REFUSED, CRASHED)
_PATIENCE = 400
_LEAST = 10  # runs of a scenario, at least
_TRIES = 40  # workloads drawn for each that fits
_ON_A_DRAWN_ONE = 12  # runs


def campaign(plan: Plan, watch: Watch = lambda progress: None) -> Iterator[Outcome]:
    """Yield an outcome for each scenario on each stack of each QEMU, and those of what was drawn.

    Raises CanaryError if a stack is not refused where it must be; KeyboardInterrupt comes through.
    """
    parts = list(_parts(plan))

    def work(number: int) -> list[Outcome]:
        return list(parts[number].outcomes(watch))

    def write(outcomes: list[Outcome]) -> list[Any]:
        return [outcome_written(outcome) for outcome in outcomes]

    def read(number: int, data: Any) -> list[Outcome]:
        with parts[number].bench() as bench:
            return [outcome_read(each, bench) for each in data]

    tasks = Tasks([part.question for part in parts], work, Written(write, read))
    tasks.deal()
    for number, part in enumerate(parts):
        if part.unfit is not None:
            yield part.unfit
        elif tasks.dealt:
            yield from tasks.result(number)
        else:
            yield from part.outcomes(watch)  # one by one, for who interrupts


@dataclass(frozen=True)
class _Part:
    """A stack of a QEMU, built in one way; `unfit` if the release that was asked for has none."""

    plan: Plan
    qemu: Qemu
    stack: Stack
    options: Options
    judge: Design | None
    unfit: Outcome | None = None

    @property
    def question(self) -> str:
        """All that its outcomes depend on, the workloads of scenarios excepted."""
        plan = self.plan
        scenarios = [dumps(scenario) for scenario in plan.scenarios]
        how = (plan.schedules, plan.drawn, plan.strategy, plan.exhaustive, plan.seed, scenarios)
        return question("part", self.about, how, plan.token and str(plan.token))

    @property
    def about(self) -> list[object]:
        """What is run, and who judges."""
        judge = "" if self.judge is None else design_text(self.judge)
        return [build_of(self.qemu), self.stack.name, repr(self.options), judge, repr(self.plan.how)]

    def bench(self) -> Bench:
        """Return what runs it."""
        assert self.judge is not None
        return Bench(self.qemu, self.stack, self.options, self.judge, self.plan.how)

    def outcomes(self, watch: Watch) -> Iterator[Outcome]:
        """Run it."""
        if self.unfit is not None:
            return
        with self.bench() as bench:
            yield from _Stage(self.plan, bench, watch, self.about).outcomes()


def _parts(plan: Plan) -> Iterator[_Part]:
    for qemu in plan.qemus:
        for stack in plan.stacks:
            try:
                judge = plan.judge(stack, qemu)
            except NoSuchRelease as error:
                unfit = Outcome(qemu, stack, plan.options[0], "", EVERYTHING, UNFIT, str(error))
                yield _Part(plan, qemu, stack, plan.options[0], None, unfit)
                continue
            for number, options in enumerate(plan.options):
                if number and options.target != "raw" and len(stack.targets) == 1:
                    continue  # it is built so anyway
                if number and stack.lacks(options):
                    continue
                less = replace(plan, schedules=plan.schedules // 4, drawn=plan.drawn // 4)
                yield _Part(less if number else plan, qemu, stack, options, judge)


class _Stage:
    """One stack of one QEMU."""

    def __init__(self, plan: Plan, bench: Bench, watch: Watch, about: list[object]) -> None:
        self.about = about
        self.plan = plan
        self.bench = bench
        self.watch = watch
        self.runs = 0
        self.began = time.perf_counter()

    def outcomes(self) -> Iterator[Outcome]:
        try:
            self._try()
        except Broken as error:
            yield self._outcome(EVERYTHING, UNFIT, str(error))
            return
        if self.plan.token is None:
            self._canary()
        prepared = [(scenario, self.bench.prepare(scenario)) for scenario in self.plan.scenarios]
        fitting = sum(isinstance(subject, Subject) for _, subject in prepared)
        share = max(_LEAST, -(-self.plan.schedules // max(fitting, 1)))
        while prepared:
            scenario, subject = prepared.pop(0)  # an oracle is kept no longer than it is needed
            if isinstance(subject, str):
                yield self._outcome(scenario.name, UNFIT, subject)
            else:
                yield self._row(scenario.name, subject, share)
        if self.plan.drawn and self.plan.token is None:
            yield from self._drawn()

    # -- a row of the table

    def _row(self, name: str, subject: Subject, share: int, number: int = 0) -> Outcome:
        """Return what is kept of a row that is run so, or run it; keep it where answers are."""
        plan = self.plan
        how = (share, plan.strategy, plan.seed + number, plan.exhaustive, plan.token and str(plan.token))
        task = Tasks(
            [question("row", self.about, dumps(subject.source), how)],
            lambda _: self._run(name, subject, share, self._strategy(number)),
            Written(
                lambda row: None if row.verdict == UNDETERMINED else outcome_written(row),
                lambda _, data: outcome_read(data, self.bench),
            ),
        )
        return task.result(0)

    def _run(self, name: str, subject: Subject, share: int, strategy: Strategy) -> Outcome:
        """Run the subject so many times, until a fault is found that is not known."""
        began = time.perf_counter()
        row = replace(self._outcome(name, EXPLAINED), told=subject.scenario)
        known: dict[Known, int] = {}
        example: Fault | None = None
        repeats = runs = 0
        for number in count():
            if strategy.exhausted or (number >= share and not self.plan.exhaustive):
                row = replace(row, all=self.plan.exhaustive)
                break
            if number % 20 == 0:
                self._say(name)
            try:
                run = self.bench.run(subject, strategy)
            except Broken as error:
                row = replace(row, verdict=UNDETERMINED, reason=str(error))
                break
            if run.failure is not None and run.failure.kind == "pruned":
                repeats += 1
                continue
            row = replace(row, last=run)
            runs += 1
            self.runs += 1
            fault = examine(subject, run)
            if fault is not None and fault.known is not None:
                known[fault.known] = known.get(fault.known, 0) + 1
                example = example or fault
            elif fault is not None:
                row = self._settled(row, subject, fault)
                break
        if example is not None and row.verdict == EXPLAINED:
            words = _counted(known)
            row = replace(
                row, verdict=REFUSED, reason=words, fault=example, subject=subject, last=example.run
            )  # fmt: skip
        seconds = time.perf_counter() - began
        for each in filter(None, (subject, row.subject)):
            each.oracle.forget()  # a row with a fault is kept, and its subject with it
        return replace(row, runs=runs, repeats=repeats, seconds=seconds, known=tuple(known.items()))

    def _settled(self, row: Outcome, subject: Subject, fault: Fault) -> Outcome:
        """Return the row with the fault on as small a workload, by as few deviations, as it is found.

        It must be seen again on a QEMU that has run nothing else.
        """
        if self.plan.token is None:
            fault = minimal(self.bench, subject, fault)
            subject, fault = smaller(self.bench, subject, fault, self._find_again)
            if not confirmed(self.bench, subject, fault):
                why = f"seen once, not on a new QEMU: {fault.reason}"
                return replace(row, verdict=UNDETERMINED, reason=why)
        return replace(
            row, verdict=fault.verdict, reason=fault.reason, fault=fault, subject=subject,
            told=subject.scenario, last=fault.run,
        )  # fmt: skip

    def _drawn(self) -> Iterator[Outcome]:
        """Draw workloads and run each some times; yield an outcome for all, then for each kind of fault."""
        began = time.perf_counter()
        chance = random.Random(self.plan.seed)
        rows: list[Outcome] = []
        kinds: dict[str, Outcome] = {}
        known: dict[Known, int] = {}
        for _ in range(_TRIES * self.plan.drawn):
            if len(rows) == self.plan.drawn:
                break
            scenario = self._draw(chance, f"drawn {len(rows) + 1}")
            subject = self.bench.prepare(scenario)
            if isinstance(subject, str):
                continue
            row = self._row(scenario.name, subject, _ON_A_DRAWN_ONE, len(rows) + 1)
            rows.append(replace(row, fault=None, subject=None))
            for each, number in row.known:
                known[each] = known.get(each, 0) + number
            if row.fault is not None and row.fault.known is None:
                kinds.setdefault(row.fault.kind, row)
        verdict = max((row.verdict for row in rows), key=_WORSE.index, default=UNDETERMINED)
        undetermined = next((row.reason for row in rows if row.verdict == UNDETERMINED), "")
        faults = f"{len(kinds)} fault{'s' * (len(kinds) != 1)}, below" if kinds else ""
        if len(rows) < self.plan.drawn:
            verdict, undetermined = UNDETERMINED, f"of {_TRIES} drawn for each, no more fit"
        yield replace(
            self._outcome(f"{len(rows)} {DRAWN}", verdict),
            reason=faults or undetermined or _counted(known),
            runs=sum(row.runs for row in rows),
            seconds=time.perf_counter() - began,
            known=tuple(known.items()),
            told=rows[-1].told if rows else None,
            last=rows[-1].last if rows else None,
        )
        yield from kinds.values()

    def _draw(self, chance: random.Random, name: str) -> Scenario:
        stack = self.bench.stack
        if stack.name != "mirror":
            return draw(chance, _bounds(stack), name)
        kinds = [kind for kind in stack.kinds if kind in self.bench.design.kinds]
        return draw_mirror(chance, tuple(kind for kind in kinds if kind not in MIRROR_WRITES), name)

    def _find_again(self, subject: Subject) -> Fault | None:
        """Return the first fault, made minimal, of some random runs on the subject."""
        strategy = STRATEGIES["portfolio"](self.plan.seed)
        for _ in range(60):
            try:
                fault = examine(subject, self.bench.run(subject, strategy))
            except Broken:
                return None
            if fault is not None and fault.known is None:
                return minimal(self.bench, subject, fault)
        return None

    # -- the beginning

    def _try(self) -> None:
        """Raise Broken, in QEMU's words, if this QEMU does not build the stack."""
        stack, qemu = self.bench.stack, self.bench.qemu
        if qemu.release < stack.since:
            raise Broken(f"QEMU has it from {'.'.join(map(str, stack.since))} on")
        lacks = ", ".join(name.replace("_", "-") for name in stack.lacks(self.bench.options))
        if lacks:
            raise Broken(f"the stack has no {lacks}")
        if stack.black_only and self.plan.how.sight is not Sight.BLACK:
            raise Broken(stack.black_only)
        if stack.program == SYSTEM and qemu.system is None:
            raise Broken(f"needs {SYSTEM}")
        self.bench.machine(self.bench.options)

    def _canary(self) -> None:
        """Give the reader no snapshot, in a QEMU of its own; that must be refused."""
        bench = self.bench
        options = replace(bench.options, no_snapshot=True, sync="")
        with Bench(bench.qemu, bench.stack, options, bench.design, bench.how) as other:
            subject = other.prepare(find(bench.stack.canary))
            if isinstance(subject, str):
                raise CanaryError(f"the canary cannot be tried on {bench.stack.name}: {subject}")
            strategy = STRATEGIES["portfolio"](self.plan.seed)
            for _ in range(_PATIENCE):
                self._say("the canary")
                if examine(subject, other.run(subject, strategy)) is not None:
                    return
        where = f"is not refused on '{bench.stack.canary}'"
        raise CanaryError(f"the canary lives: {bench.stack.name} without a snapshot {where}")

    # -- details

    def _strategy(self, number: int = 0) -> Strategy:
        if self.plan.token is not None:
            return _Once(self.plan.token)
        if self.plan.exhaustive:
            return SleepSets()
        return STRATEGIES[self.plan.strategy](self.plan.seed + number)

    def _outcome(self, scenario: str, verdict: str, reason: str = "") -> Outcome:
        bench = self.bench
        what = (bench.qemu, bench.stack, bench.options, bench.design.name, scenario)
        return Outcome(*what, verdict, reason)

    def _say(self, name: str) -> None:
        seconds = time.perf_counter() - self.began
        told = built(self.bench.stack, self.bench.options)
        self.watch(Progress(self.bench.qemu.version, told, name, self.runs, seconds))


class _Once(Replay):
    """Replays one run, and no other."""

    def end(self, failure: object) -> None:
        """Check that the run ended where the recorded one did; there is no second one."""
        super().end(None)
        self.exhausted = True


def _bounds(stack: Stack) -> Bounds:
    """Return what to draw for a stack: reads and writes more often than what ends or resets it."""
    often = [kind for kind in stack.kinds if kind not in ("stop", "checkpoint", "client-discard")]
    rare = [kind for kind in stack.kinds if kind not in often and kind != "client-discard"]
    options = ("on_cbw_error",) if stack.name == "cbw" else ()
    return Bounds((*often * 3, *rare), faults=FAULTS, options=options)


def _counted(known: Mapping[Known, int]) -> str:
    """Return in how many runs each simplification of the model was seen; empty if in none."""
    said = [f"{each.letter} in {number} run{'s' * (number != 1)}" for each, number in known.items()]
    return f"known: {', '.join(said)}" if said else ""
