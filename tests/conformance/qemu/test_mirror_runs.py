"""Runs of a real QEMU's mirror, held against the model of its release; and what it is refused for."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cowpath.conformance.campaign.mirror_drawing import draw_mirror
from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.qemu.bench import Bench, Subject
from cowpath.conformance.qemu.binaries import Qemu
from cowpath.conformance.qemu.campaign import campaign
from cowpath.conformance.qemu.faults import CRASHED, REFUSED, examine
from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.plan import Outcome, Plan
from cowpath.conformance.qemu.report import reported
from cowpath.conformance.qemu.stacks import STACKS
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.log_file import Header, LogError
from cowpath.conformance.scheduler.kernel import Strategy, Task
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.designs import ALL
from cowpath.model.scenarios import Scenario, bundled, find, loads

MIRROR, BLACK, PLAIN = STACKS["mirror"], Scheduled(Sight.BLACK), Options()
BESIDE = """
name = "beside a rounded copy"
sectors = "128KiB"
cluster = "64KiB"
[mirror]
dirty = [["0B", "64KiB"]]
target_cluster = "128KiB"
backing = "{backing}"
[[request]]
kind = "guest-write"
at = ["64KiB", "64KiB"]
"""


def of(backing: str) -> Scenario:
    return loads(BESIDE.format(backing=backing), "beside")


@pytest.fixture
def bench(qemu: Qemu) -> Iterator[Bench]:
    with Bench(qemu, MIRROR, Options(), ALL[MIRROR.judged_by(qemu.release)], BLACK) as made:
        yield made


def outcomes(qemu: Qemu, scenario: Scenario, options: Options = PLAIN) -> list[Outcome]:
    return [*campaign(Plan((qemu,), (MIRROR,), (scenario,), (options,), None, BLACK, 40, 0))]


def test_all_bundled_scenarios_that_fit_are_explained(bench: Bench) -> None:
    ran = 0
    for scenario in (each for each in bundled() if each.slug != "run-over-two-target-clusters"):
        subject = bench.prepare(scenario)
        if isinstance(subject, str):
            assert subject
            continue
        strategy = Portfolio(1)
        for _ in range(2):
            fault = examine(subject, bench.run(subject, strategy))
            assert fault is None or scenario.slug == "backing-by-name", (scenario.slug, fault)
        ran += 1
    assert ran >= 12


def test_it_dies_of_a_buffer_that_has_no_room_for_what_is_rounded(qemu: Qemu) -> None:
    """The model of every release falls there: so it is foretold."""
    (outcome,) = outcomes(qemu, find("run-over-two-target-clusters"))
    assert outcome.verdict == CRASHED
    assert "op->bytes <= s->buf_size" in outcome.reason
    assert "(the model falls there, too)" in outcome.reason


def test_a_lost_write_is_reported_and_its_reproducer_shows_it(qemu: Qemu, tmp_path: Path) -> None:
    """What the model has too: so the monitor has nothing to say, and what a mirror promises is asked."""
    (outcome,) = outcomes(qemu, of("name-only"))
    assert outcome.verdict == REFUSED
    assert "at [65536, 131072) the source has guest-write 0, the target original data" in outcome.reason
    (report,) = reported([outcome], BLACK)
    script = tmp_path / "reproduce.py"
    script.write_text(report.files["reproduce.py"])
    program = [*qemu.before, str(qemu.program(MIRROR.program))]
    done = subprocess.run(
        [sys.executable, str(script), *program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "the fault is there")
    page = report.files["page.html"]
    assert "breaks ‘mirror-equal’" in page
    assert "So the model explains the run." not in page


def test_an_outcome_with_a_fault_keeps_no_more_of_its_oracle_than_a_new_one(qemu: Qemu) -> None:
    (outcome,) = outcomes(qemu, of("name-only"))
    assert outcome.subject is not None
    kept = outcome.subject.oracle.kept
    outcome.subject.oracle.forget()
    assert kept == outcome.subject.oracle.kept


def test_with_an_opened_backing_nothing_is_lost(qemu: Qemu) -> None:
    (outcome,) = outcomes(qemu, of("open"))
    assert (outcome.verdict, outcome.reason) == ("explained", "")


def test_a_mirror_that_copies_nothing_is_refused(qemu: Qemu) -> None:
    with Bench(qemu, MIRROR, Options(no_snapshot=True), ALL["mirror-7.2"], BLACK) as bench:
        subject = bench.prepare(find("job-alone"))
        assert isinstance(subject, Subject)
        assert examine(subject, bench.run(subject, Portfolio(1))) is not None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (Options(sync="none"), "with sync=none nothing is to be copied, and of this disk something is"),
        (Options(sync="full"), "with sync=full all is to be copied, and of this disk only a part is"),
        (Options(filters=("raw",)), "the stack has no filters"),
    ],
)
def test_options_that_do_not_fit_say_so(qemu: Qemu, options: Options, why: str) -> None:
    (outcome,) = outcomes(qemu, of("name-only"), options=options)
    assert (outcome.verdict, outcome.reason) == ("unfit", why)


def test_grey_sight_says_why_it_does_not_judge_a_mirror(qemu: Qemu) -> None:
    grey = Scheduled(Sight.GREY)
    (outcome,) = campaign(Plan((qemu,), (MIRROR,), (of("open"),), (Options(),), None, grey, 5, 0))
    assert (outcome.verdict, outcome.reason) == ("unfit", MIRROR.black_only)


def test_what_is_drawn_fits(bench: Bench) -> None:
    chance = random.Random(1)
    drawn = [draw_mirror(chance, ("pause", "resume", "complete"), f"drawn {n}") for n in range(4)]
    fitting = [subject for subject in map(bench.prepare, drawn) if isinstance(subject, Subject)]
    assert len(fitting) >= 3
    for subject in fitting:
        bench.run(subject, Portfolio(1))


def test_a_campaign_draws_what_the_stack_takes(qemu: Qemu) -> None:
    alone = (find("job-alone"),)
    *_, drawn = campaign(Plan((qemu,), (MIRROR,), alone, (PLAIN,), None, BLACK, 1, 1))
    assert (drawn.scenario, drawn.runs) == ("1 drawn workloads", 12)


class First(Strategy):
    """Takes the first of those that it prefers, by name."""

    def __init__(self, prefers: Callable[[str], bool]) -> None:
        self.prefers = prefers

    def choose(self, n: int, label: str, tasks: Sequence[Task]) -> int:
        return next((i for i, task in enumerate(tasks) if self.prefers(task.name)), 0)


def test_nothing_is_at_rest_while_the_job_has_not_started(bench: Bench) -> None:
    """In the model it may start at any time: there nobody who is about to start would rest."""
    subject = bench.prepare(find("writes-meet-at-start"))
    assert isinstance(subject, Subject)
    run = bench.run(subject, First(lambda name: name != "the job"))
    assert [event.kind for event in run.log][:4] == ["invoke", "return"] * 2
    assert "rest" in [event.kind for event in run.log]


def test_of_transfers_that_are_alike_it_is_told_which_was_let_go(bench: Bench) -> None:
    scenario = find("dirtied-under-copy")
    (write,) = scenario.requests
    two = replace(write, label="guest-write 1", group=1)
    subject = bench.prepare(replace(scenario, requests=(write, two)))
    assert isinstance(subject, Subject)
    run = bench.run(subject, First(lambda name: name.startswith("guest-write")))
    let = [(doing.transfer, doing.nth) for doing in run.doings if doing.transfer.startswith("source WRITE")]
    assert let == [("source WRITE [0, 65536)", 1), ("source WRITE [0, 65536)", 0)]


def test_a_log_is_read_as_it_was_written(bench: Bench) -> None:
    subject = bench.prepare(find("completed-under-a-write"))
    assert isinstance(subject, Subject)
    run = bench.run(subject, Portfolio(2))
    text = log_file.write(Header(subject.scenario, bench.design.name, Sight.BLACK), run.log)
    _, events = log_file.read(text.splitlines(), "log")
    assert events == list(run.log)
    assert judge(subject.oracle, events) is None
    target = [i for i, event in enumerate(events) if event.fact("disk") == "target"]
    ((extent, data),) = events[target[0]].fact("data")
    wrong = (("disk", "target"), ("data", ((extent, bytes([9]) + data[1:]),)))
    events[target[0]] = Event("content", facts=wrong)
    assert judge(subject.oracle, events) is not None
    other = log_file.write(Header(find("race"), "rfc-2016", Sight.BLACK), run.log[-1:])
    with pytest.raises(LogError, match="the scenario has no"):
        log_file.read([*other.splitlines(), '{"event": "shows", "ready": 1}'], "log")
