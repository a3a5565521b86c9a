"""What a campaign is to run, what becomes of it, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cowpath.conformance.qemu.bench import Subject
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.faults import Fault
from cowpath.conformance.qemu.known import Known
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.run import QemuRun
from cowpath.conformance.qemu.stacks import Stack
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.scheduler.schedule import Schedule
from cowpath.model.designs import ALL, Design
from cowpath.model.designs.release import NoSuchRelease, Version
from cowpath.model.scenarios import Scenario

EXPLAINED, UNFIT, UNDETERMINED = "explained", "unfit", "undetermined"
"""Verdicts beside those of a fault."""
EVERYTHING = "everything"
"""What an outcome is of that is no single scenario's."""


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
        return built(self.stack, self.options)


@dataclass(frozen=True)
class Progress:
    """How far a campaign is: the row under way, and what was run for its stack so far."""

    qemu: str
    stack: str
    scenario: str
    runs: int
    seconds: float


Watch = Callable[[Progress], None]


def built(stack: Stack, options: Options) -> str:
    """Return the stack and how it is built otherwise than by default."""
    return ", ".join(filter(None, (stack.name, str(options))))
