"""A campaign: each stack of each QEMU on scenarios, bundled and drawn; every run held against the model."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.drawing import Bounds, draw
from cowpath.conformance.campaign.mirror_drawing import draw_mirror
from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import SYSTEM, Qemu
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.faults import CRASHED, REFUSED, Fault, confirmed, examine, minimal, smaller
from cowpath.conformance.qemu.known import Known
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.run import QemuRun
from cowpath.conformance.qemu.stacks import FAULTS, Stack
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.conformance.scheduler.schedule import Replay, Schedule
from cowpath.conformance.strategies.exhaustive import SleepSets
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.designs import ALL, Design
from cowpath.model.designs.release import NoSuchRelease, Version
from cowpath.model.scenarios import Scenario, find
from cowpath.model.scenarios.vocabulary import IO_KINDS

EXPLAINED, UNFIT, UNDETERMINED = "explained", "unfit", "undetermined"
DRAWN, EVERYTHING = "drawn workloads", "everything"
_WORSE = (EXPLAINED, UNDETERMINED, REFUSED, CRASHED)
_PATIENCE = 400
_LEAST = 10  # runs of a scenario, at least
_TRIES = 40  # workloads drawn for each that fits
_ON_A_DRAWN_ONE = 12  # runs


@dataclass(frozen=True)
class Plan:
    """What to run: each stack of each QEMU, built with each of the options, on each scenario that fits.

    The first of the options gets all of `schedules` and `drawn`, each other one a quarter.

    `schedules`: so many runs in all for each stack, shared by its scenarios; `exhaustive`: all interleavings
    of transfers instead. `drawn`: so many drawn workloads for each stack. `design` judges all stacks; None:
    that of the `release` does, in the stack's role, or of each QEMU's own. `token`: just that run.
    """

    qemus: Sequence[Qemu]
    stacks: Sequence[Stack]
    scenarios: Sequence[Scenario]
    options: Sequence[Options]
    design: Design | None
    how: Scheduled
    schedules: int
    drawn: int
    strategy: str = "portfolio"
    exhaustive: bool = False
    seed: int = 0
    token: Schedule | None = None
    release: Version | None = None

    def judge(self, stack: Stack, qemu: Qemu) -> Design:
        """Return the design whose model judges the stack in this QEMU: of one that is unknown, the newest.

        Raises NoSuchRelease if the release that was asked for has no such stack.
        """
        if self.design is not None:
            return self.design
        if self.release is not None:
            return ALL[stack.judged_by(self.release)]
        try:
            return ALL[stack.judged_by(qemu.release)]
        except NoSuchRelease:
            return ALL[stack.judged_by(stack.newest)]


@dataclass(frozen=True)
class Outcome:
    """What became of a scenario on a stack of a QEMU. `runs` were made; `all`: they are all that there are.

    `repeats`: runs of an exhaustive search that were given up, as they would have repeated others. `known`
    has how many runs were refused for each simplification of the model. `last` is a run to write down, and
    `told` its scenario as it was run; `subject` is kept with a fault only.
    """

    qemu: Qemu
    stack: Stack
    options: Options
    design: str
    scenario: str
    verdict: str
    reason: str = ""
    runs: int = 0
    seconds: float = 0.0
    all: bool = False
    repeats: int = 0
    known: tuple[tuple[Known, int], ...] = ()
    fault: Fault | None = None
    subject: Subject | None = field(default=None, repr=False)
    told: Scenario | None = field(default=None, repr=False)
    last: QemuRun | None = field(default=None, repr=False)

    @property
    def built(self) -> str:
        """The stack and how it was built otherwise than by default."""
        return _built(self.stack, self.options)


@dataclass(frozen=True)
class Progress:
    """How far a campaign is: the row under way, and what was run for its stack so far."""

    qemu: str
    stack: str
    scenario: str
    runs: int
    seconds: float


Watch = Callable[[Progress], None]


def campaign(plan: Plan, watch: Watch = lambda progress: None) -> Iterator[Outcome]:
    """Yield an outcome for each scenario on each stack of each QEMU, and those of what was drawn.

    Raises CanaryError if a stack is not refused where it must be; KeyboardInterrupt comes through.
    """
    for qemu in plan.qemus:
        for stack in plan.stacks:
            try:
                judge = plan.judge(stack, qemu)
            except NoSuchRelease as error:
                yield Outcome(qemu, stack, plan.options[0], "", EVERYTHING, UNFIT, str(error))
                continue
            for number, options in enumerate(plan.options):
                if number and options.target != "raw" and len(stack.targets) == 1:
                    continue  # it is built so anyway
                if number and stack.lacks(options):
                    continue
                less = replace(plan, schedules=plan.schedules // 4, drawn=plan.drawn // 4)
                part = less if number else plan
                with Bench(qemu, stack, options, judge, plan.how) as bench:
                    yield from _Stage(part, bench, watch).outcomes()


def _built(stack: Stack, options: Options) -> str:
    return ", ".join(filter(None, (stack.name, str(options))))


class _Stage:
    """One stack of one QEMU."""

    def __init__(self, plan: Plan, bench: Bench, watch: Watch) -> None:
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
                yield self._row(scenario.name, subject, share, self._strategy())
        if self.plan.drawn and self.plan.token is None:
            yield from self._drawn()

    # -- a row of the table

    def _row(self, name: str, subject: Subject, share: int, strategy: Strategy) -> Outcome:
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
            strategy = self._strategy(len(rows) + 1)
            row = self._row(scenario.name, subject, _ON_A_DRAWN_ONE, strategy)
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
        return draw_mirror(chance, tuple(kind for kind in kinds if kind not in IO_KINDS), name)

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
        built = _built(self.bench.stack, self.bench.options)
        self.watch(Progress(self.bench.qemu.version, built, name, self.runs, seconds))


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
