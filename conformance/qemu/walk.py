"""A run as it goes: what can happen next at a machine, what has happened, and the log that tells of it."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cowpath.conformance.qemu.asking import client_command, control, in_words, is_expected
from cowpath.conformance.qemu.client import Call
from cowpath.conformance.qemu.errors import Broken, Died
from cowpath.conformance.qemu.gate import Stage, Transfer
from cowpath.conformance.qemu.job import SOURCE, TARGET, Job
from cowpath.conformance.qemu.machine import Machine
from cowpath.conformance.qemu.nbd import Command
from cowpath.conformance.qemu.stacks import WRITES
from cowpath.conformance.runs.log import Event, Fact, Sight, written_by
from cowpath.conformance.scheduler.kernel import Access, Task
from cowpath.impl.extent import Extent
from cowpath.model.scenarios import Scenario

_TIMERS = 1.0  # seconds: no timer of QEMU's that matters here is longer
_QEMU = ("qemu", None, True)
"""What each arrival and each answer accesses: all that QEMU knows, so that their order always counts."""


@dataclass(eq=False)
class Action:
    """What can happen next: a request, a transfer, the job's start. `task` is who does it, to strategies."""

    task: Task
    request: int | None = None
    transfer: Transfer | None = None
    job: bool = False

    @property
    def label(self) -> str:
        """What happens: a request arrives, a transfer takes effect, or is answered."""
        if self.transfer is None:
            return "arrive"
        return "answer" if self.transfer.stage is Stage.ANSWERED else "transfer"


@dataclass(frozen=True)
class Scheduled:
    """How runs are made: `sight`, for whom the log is; `apart` has answers as choices of their own."""

    sight: Sight
    apart: bool = False


@dataclass(frozen=True)
class Doing:
    """One thing that was done, and how QEMU then rested, for whoever wants to do it again.

    It is a request's arrival, the start of the `job`, or else a transfer's, by its name: that it took effect,
    maybe failing with an error number, and whether it was answered; `nth` of that name have come before it
    and are held. `held` and `back` are the transfers that
    were held then and the requests that had returned. `opened`: nothing was held any more. The log then had
    so many `events`.
    """

    request: int | None = None
    transfer: str = ""
    nth: int = 0
    answers: bool = False
    error: int = 0
    opened: bool = False
    held: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    events: int = 0
    job: bool = False


class Walk:
    """A run as it goes: what can happen next, and what has happened; `log` tells of it.

    Raises Died when QEMU does; Broken if it does not do as the machine needs.
    """

    def __init__(self, machine: Machine, scenario: Scenario, how: Scheduled, epilogue: int = 0) -> None:
        self.machine, self.scenario, self.how = machine, scenario, how
        requests = scenario.requests
        first = len(requests) - epilogue
        self.tasks = [Task(i, request.label, _nothing) for i, request in enumerate(requests[:first])]
        self.log: list[Event] = []
        self.results: dict[str, object] = {}
        self.doings: list[Doing] = []
        self._faults = {request.fault for request in requests} - {"none"}
        self._to_come = list(range(first))
        self._to_follow = list(range(first, len(requests)))
        self._calls: dict[int, Call] = {}
        self._settling: list[Call] = []
        self._of_transfer: dict[Transfer, Task] = {}
        ends = [r.offset + r.length for r in requests if r.offset is not None and r.length is not None]
        self._span = -(-max(ends, default=1) // scenario.cluster) * scenario.cluster
        self._base = machine.take_window(self._span)
        end = self._base + self._span
        self._job = None
        if machine.job is not None:
            at_start = scenario.option("requests_at_start")
            self._job = Job(machine, at_start=at_start, fails=bool(self._faults))
        self._starter = Task(len(requests), "the job", _nothing)
        whole = self._job is not None
        machine.gate.holds = lambda transfer: whole or self._base <= transfer.offset < end

    def begin(self) -> None:
        """Start the job, unless requests are to meet its start."""
        if self._job is not None and not self.scenario.option("requests_at_start"):
            self.do(Action(self._starter, job=True))

    def actions(self) -> list[Action]:
        """Return what can happen now; the first is the default: whoever moved last goes on."""
        held = self.machine.gate.held[::-1]
        held.sort(key=lambda transfer: transfer.stage is Stage.HELD)  # answers first
        actions = [Action(self._task(transfer), transfer=transfer) for transfer in held]
        if self._job is not None and self._job.begun is None:
            actions.append(Action(self._starter, job=True))
        groups = set()
        for number in self._to_come:
            request = self.scenario.requests[number]
            waits = request.kind == "checkpoint" and self.scenario.option("quiesced_checkpoint")
            waits |= request.kind == "stop" and self.scenario.option("drain_on_stop")
            if self._job is not None and request.offset is None and not self._job.accepts(request.kind):
                continue
            if request.group not in groups and not (waits and self._calls):
                groups.add(request.group)
                actions.append(Action(self.tasks[number], request=number))
        return actions

    def do(self, action: Action) -> list[Access]:
        """Have it happen, and leave QEMU to itself until it rests; return what that accessed.

        What a job asks of its target as it starts is let pass: it looks whether that is zero (10.1), and
        makes it so where it can, which is in no model.
        """
        accesses = self._act(action)
        self._rest()
        self._tell_rest()
        self._note()
        while action.job and (first := [t for t in self.machine.gate.held if t.disk.name == TARGET]):
            self.do(Action(self._task(first[0]), transfer=first[0]))
        return accesses

    def follow(self) -> None:
        """Make the requests of the epilogue, with nothing held, if all others have returned."""
        self.machine.gate.holds = lambda transfer: False
        for number in self._to_follow:
            if self._calls:
                return
            if self._job is not None and not self._job.accepts(self.scenario.requests[number].kind):
                continue
            self._submit(number)
            self._wait([self._calls[number]])
            self._collect()
            if self._job is not None:
                self._rest()
            self.doings[-1] = replace(self.doings[-1], opened=True)
            self._note()

    def open_up(self) -> None:
        """Hold nothing any more."""
        self.machine.gate.open_up()

    def end(self) -> tuple[str, ...]:
        """End the run; return who has not returned though nothing is held: the machine is of no use then."""
        self.open_up()
        hung: tuple[str, ...] = ()
        if self._calls:
            ended = self._wait(list(self._calls.values()))
            self.machine.spent |= not ended
            hung = () if ended else tuple(self.scenario.requests[i].label for i in self._calls)
        if self._job is not None:
            self._rest()
        # A copy under way at a run's end would meet the next run's checkpoint, which QEMU does not survive.
        if self._settling and not self._wait(self._settling):
            self.machine.spent = True
        breaks = self.scenario.option("on_cbw_error")
        self.machine.spent |= breaks and any(doing.error for doing in self.doings)
        self.machine.forget(self._base, self._span)
        return hung

    def _rest(self) -> None:
        """Leave QEMU to itself until it rests, and take in what it tells."""
        for number in range(2):
            if not self.machine.rest():
                raise Broken("QEMU does not come to rest")
            self._collect()
            if self._job is None:
                return
            if number == 0:
                self._job.wake()

    def read_back(self, *, hung: bool) -> None:
        """Tell what a job's disks hold when all is over; its target is told of when the job is.

        Mappings are in QEMU's memory until it closes the images, which it cannot while it hangs. Raises Died.
        """
        job = self._job
        if job is None or (hung and self.machine.maps):
            return
        if self.machine.maps:
            job.end()
        for disk in (SOURCE,) if job.over else (SOURCE, TARGET):
            self.tell(job.content(disk))

    def die(self, death: Died) -> None:
        """Take in that QEMU has died."""
        self.machine.spent = True
        self.tell(Event("crash", facts=(("property", "assertion"), ("text", death.said))))

    def tell(self, event: Event) -> None:
        """Write down what the sight lets through of an event."""
        seen = self.how.sight.of(event)
        if seen is not None:
            self.log.append(seen)

    def _task(self, transfer: Transfer) -> Task:
        """Return whom a transfer is to strategies; its index says which it is, whenever it appears."""
        if transfer not in self._of_transfer:
            at = transfer.offset - self._base
            name = f"{transfer.disk.name} {transfer.command} {at} {transfer.length} {transfer.number}"
            index = len(self.scenario.requests) + zlib.crc32(name.encode())
            self._of_transfer[transfer] = Task(index, name, _nothing)
        return self._of_transfer[transfer]

    def _act(self, action: Action) -> list[Access]:
        if action.job and self._job is not None:
            self._job.start()
            self.doings.append(Doing(job=True))
            return [_QEMU]
        if action.request is not None:
            self._submit(action.request)
            return [_QEMU]
        transfer = action.transfer
        assert transfer is not None
        answers = transfer.stage is Stage.DONE
        name = self._name(transfer)
        alike = [each for each in self.machine.gate.held if self._name(each) == name]
        accesses: list[Access] = []
        at = transfer.offset - self._base
        error = 0
        if not answers:
            error = self._fault(transfer)
            self.machine.gate.execute(transfer, error)
            if transfer.moves_data:
                accesses.append((transfer.disk.name, (at, at + transfer.length), transfer.writes))
                if not error:
                    self.tell(_step(self._transfer(transfer)))
        if answers or not self.how.apart:
            self.machine.answer(transfer)
            accesses.append(_QEMU)
        self.doings.append(Doing(None, name, alike.index(transfer), answers or not self.how.apart, error))
        if self.how.sight is not Sight.BLACK:  # the log tells of it, in its order
            accesses.append(_QEMU)
        return accesses

    def _submit(self, number: int) -> None:
        request, machine = self.scenario.requests[number], self.machine
        if number in self._to_come:
            self._to_come.remove(number)
        self.tell(Event("invoke", request.label))
        self.doings.append(Doing(number))
        if request.offset is None or request.length is None:
            if self._job is not None:
                self._job.said(request.kind)
            self._calls[number] = machine.process.qmp.submit(*control(request, machine.stack.name))
            machine.spent |= request.kind == "stop"
            return
        command, writes = client_command(request)
        data = b""
        if command is Command.WRITE:
            data = bytes([written_by(self.scenario, number)]) * request.length
        client = machine.writer if writes else machine.guest
        self._calls[number] = client.submit(command, self._base + request.offset, request.length, data)

    def _fault(self, transfer: Transfer) -> int:
        """Return with which error the transfer is to fail, by whose it can be; 0 if it is not to."""
        faults = self._faults
        if not faults or not transfer.moves_data:
            return 0
        name, writes = transfer.disk.name, transfer.writes
        strikes = {"secondary": "data-write", "source": "source-write", "target": "target-write"}
        if name in strikes and writes:
            owners = [i for i in self._calls if self._carries(transfer, i)]
            return errno.EIO * any(self.scenario.requests[i].fault == strikes[name] for i in owners)
        wanted = "cbw-write" if name == "hidden" and writes else "cbw-read" if name == "secondary" else ""
        start, end = transfer.offset - self._base, transfer.offset - self._base + transfer.length
        unit = self.scenario.cluster
        for i in self._calls:
            request = self.scenario.requests[i]
            if request.kind in WRITES and request.fault == wanted and request.offset is not None:
                first, last = request.offset // unit, (request.offset + (request.length or 1) - 1) // unit
                whole = start % unit == 0 and end % unit == 0
                if whole and first * unit <= start and end <= (last + 1) * unit:
                    return errno.EIO
        return 0

    def _carries(self, transfer: Transfer, number: int) -> bool:
        """Tell whether the transfer has the data of a request, maybe among others in the same block."""
        request, at = self.scenario.requests[number], transfer.offset - self._base
        if request.kind not in (*WRITES, "guest-write") or request.offset is None or request.length is None:
            return False
        start, end = max(request.offset, at), min(request.offset + request.length, at + transfer.length)
        part = (transfer.data or b"")[start - at : end - at] if start < end else b""
        return bool(part) and set(part) == {written_by(self.scenario, number)}

    def _note(self) -> None:
        """Complete what was done last by how QEMU rests now."""
        held = tuple(self._name(transfer) for transfer in self.machine.gate.held)
        self.doings[-1] = replace(self.doings[-1], held=held, back=(*self.results,), events=len(self.log))

    def _name(self, transfer: Transfer) -> str:
        at = transfer.offset - self._base
        out = ", not answered" if transfer.stage is Stage.DONE else ""
        return f"{transfer.disk.name} {transfer.command.name} [{at}, {at + transfer.length}){out}"

    # -- what is seen

    def _tell_rest(self) -> None:
        under_way = [t for t in self.machine.gate.held if t.moves_data]
        asks = len(self.machine.gate.held) - len(under_way)
        # In the model one that is to fail is no transfer; what comes of it may have come already.
        whole = [t for t in under_way if t.stage is Stage.HELD and not self._fault(t)]
        held = tuple(map(self._transfer, whole))
        to_start = self._job is not None and self._job.begun is None  # the model's job starts at any time
        out = len(under_way) - len(held) + asks + self.machine.sat_on + to_start
        self.tell(Event("rest", facts=(("held", held), ("out", out))))

    def _transfer(self, transfer: Transfer) -> tuple[str, bool, tuple[tuple[Extent, bytes], ...]]:
        data = transfer.data
        if data is None:
            data = transfer.disk.read(transfer.offset, transfer.length)
        at = transfer.offset - self._base
        return transfer.disk.name, transfer.writes, ((Extent(at, at + transfer.length), data),)

    def _collect(self) -> None:
        """Tell of the requests that have returned."""
        for number, call in list(self._calls.items()):
            request = self.scenario.requests[number]
            ends_a_job = request.kind == "stop" and self.machine.stack.name == "fleecing"
            if ends_a_job and not self.machine.job_ended:
                continue
            if call.done and not call.lost:
                del self._calls[number]
                facts: tuple[Fact, ...] = ()
                if call.error is not None and not is_expected(request, call.error):
                    facts = (("error", in_words(call.error)),)
                elif request.kind == "guest-read":
                    assert request.offset is not None
                    assert request.length is not None
                    extent = Extent(request.offset, request.offset + request.length)
                    facts = (("data", ((extent, call.data or b""),)),)
                self.results[request.label] = facts[0][1] if facts else None
                self.tell(Event("return", request.label, facts=facts))
                if request.kind == "checkpoint":
                    # Nobody waits yet: it may be sat on while others are held.
                    self._settling += self.machine.submit_settling()

        if self._job is not None:
            if self._job.there:
                self.results.setdefault("the job", None)
            for event in self._job.news():
                self.tell(event)
                self.results |= {name: None for name, _ in event.facts}
                if self._job.over:  # from now on the guest writes to the target
                    self.tell(self._job.content(TARGET))

    def _wait(self, calls: Sequence[Call]) -> bool:
        """Wait for all of them; tell whether they are done. Raises Died, and Broken if QEMU never rests.

        Who is not done when a QEMU rests in which no timer is due waits for ever. That time has passed says
        nothing: others may have had the processor.
        """
        process = self.machine.process
        ended = self.machine.loop.until(lambda: process.dead or all(call.done for call in calls), _TIMERS)
        if process.dead:
            raise process.death()
        if not ended and not self.machine.rest():
            raise Broken("QEMU does not come to rest")
        return all(call.done for call in calls)


def _nothing() -> None:
    """A request's task runs in QEMU, not here."""


def _step(transfer: tuple[str, bool, tuple[tuple[Extent, bytes], ...]]) -> Event:
    return Event("step", facts=(("transfer", transfer),))
