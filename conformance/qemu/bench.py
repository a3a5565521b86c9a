"""A stack of one QEMU on the bench: its machines, made as they are needed, and what is run on them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.errors import Broken
from cowpath.conformance.qemu.fitting import fit
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.run import Driver, QemuRun
from cowpath.conformance.qemu.stacks import Stack
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.runs.epilogue import epilogue
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.scheduler.kernel import Strategy
from cowpath.model.designs import Design
from cowpath.model.scenarios import Request, Scenario, ScenarioError
from cowpath.model.scenarios.scenario import MOST_REQUESTS

_MOST_MACHINES = 3


@dataclass(frozen=True)
class Subject:
    """A scenario as it is run and judged: `epilogue` of its requests are made when all others have ended.

    `source` is the scenario as it was given.
    """

    source: Scenario
    scenario: Scenario
    options: Options
    epilogue: int
    oracle: Oracle


class Bench:
    """Runs scenarios on a stack of a QEMU, built with `options`, and judges by a design. Close it."""

    def __init__(self, qemu: Qemu, stack: Stack, options: Options, design: Design, how: Scheduled) -> None:
        self.qemu = qemu
        self.stack = stack
        self.options = options
        self.design = design
        self.how = how
        self._machines: OrderedDict[Options, Machine] = OrderedDict()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *raised: object) -> None:
        for machine in self._machines.values():
            machine.close()
        self._machines.clear()

    def prepare(self, scenario: Scenario) -> Subject | str:
        """Return what is run and judged; or why the stack cannot run the scenario."""
        fitted = fit(scenario, self.stack, self.design, self.options)
        if isinstance(fitted, str):
            return fitted
        told = fitted.scenario
        last = self._epilogue(told)
        told = replace(told, requests=(*told.requests, *last))
        try:
            oracle = Oracle(self.design, told, self.how.sight)
        except ScenarioError as error:
            return str(error)
        return Subject(scenario, told, fitted.options, len(last), oracle)

    def run(self, subject: Subject, strategy: Strategy) -> QemuRun:
        """Make a run. A QEMU that does not answer is tried once more, on a new machine. Raises Broken."""
        try:
            return self._driver(subject).run(strategy)
        except Broken:
            return self._driver(subject).run(strategy)

    def renew(self, subject: Subject) -> None:
        """Have the subject's next run made on a new machine."""
        if subject.options in self._machines:
            self._machines[subject.options].spent = True

    def _driver(self, subject: Subject) -> Driver:
        return Driver(self.machine(subject.options), subject.scenario, subject.epilogue, self.how)

    def machine(self, options: Options) -> Machine:
        """Return a machine that can be used. Raises Broken if this QEMU does not build the stack."""
        machine = self._machines.pop(options, None)
        if machine is not None and machine.spent:
            machine.close()
            machine = None
        if machine is None:
            while len(self._machines) >= _MOST_MACHINES:
                self._machines.popitem(last=False)[1].close()
            machine = Machine(self.qemu, self.stack, options)
        self._machines[options] = machine
        return machine

    def _epilogue(self, scenario: Scenario) -> tuple[Request, ...]:
        """Return what is made in the end, with black sight: reads of all that was touched; a mirror's end."""
        if self.how.sight is not Sight.BLACK:
            return ()
        if scenario.mirror is not None:
            number, kind = len(scenario.requests), "complete"
            asked = any(request.kind == kind for request in scenario.requests) or number == MOST_REQUESTS
            return () if asked else (Request(kind, None, None, False, "none", f"{kind} {number}", number),)
        last = epilogue(scenario, self.design)
        first_checkpoint = next((i for i, r in enumerate(last) if r.kind == "checkpoint"), len(last))
        return last[:first_checkpoint]
