"""A limit of time stops everything, grounding included, and what was found before it is shown."""

from __future__ import annotations

import signal
import time

import pytest

from cowpath.model.bench.alarm import alarm
from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.result import Limits, Stop
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import loads

WIDE = """
name = "a write of thousands of clusters"
sectors = "256MiB"
cluster = "64KiB"
[[request]]
kind = "nbd-write"
at = ["0B", "240MiB"]
[[request]]
kind = "guest-read"
at = ["0B", "256MiB"]
"""


def test_it_stops_what_is_inside_and_leaves_no_trace() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Stop, match="time is up"), alarm(0.01, "time is up"):
        time.sleep(60)
    with alarm(0.01, "time is up"):
        pass
    time.sleep(0.02)
    with alarm(None, "never"):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("engine", ["auto", "numpy", "native"])
def test_a_model_that_takes_long_to_ground_is_given_up_in_time(engine: str) -> None:
    case = Case(DESIGNS["rfc-2016"], loads(WIDE, "wide"))
    result = check(case, engine=engine, limits=Limits(max_seconds=0.3))
    assert result.stopped == "--max-seconds 0.3 was reached"
    assert result.exploration.states == 0
    assert {outcome.verdict for outcome in result.properties.values()} == {Verdict.UNDETERMINED}


def test_blocks_of_64_mib_are_fast() -> None:
    """A block of so many clusters comes down to the few that matter."""
    text = WIDE.replace("256MiB", "64MiB").replace("240MiB", "512B")
    text = text.replace("[[request]]", '[secondary]\nrequest_alignment = "64MiB"\n[[request]]', 1)
    case = Case(DESIGNS["rfc-2016"], loads(text.replace('"0B", "512B"', '"512B", "512B"'), "huge"))
    assert len(case.geometry.clusters) < 5
    assert check(case, limits=Limits(max_seconds=60)).exploration.complete
