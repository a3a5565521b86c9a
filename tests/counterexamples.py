"""Traces that the tests look at, each found once."""

from __future__ import annotations

from functools import cache

from cowpath.model.bench.check import Result, check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.scenarios import find
from cowpath.model.trace.trace import Trace


@cache
def result(design: str, scenario: str) -> Result:
    return check(Case(DESIGNS[design], find(scenario)))


def trace_of(design: str, scenario: str, name: str) -> Trace:
    found = result(design, scenario).properties[name].trace
    assert found is not None
    return found
