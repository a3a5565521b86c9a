"""A trace as a test: a file for pytest that makes its steps again, on the model and on the threaded stack."""

from __future__ import annotations

from pprint import pformat

from model.trace import record
from model.trace.text import heading
from model.trace.trace import Trace

_HEAD = '''\
"""{heading}.

Written by `cowpath trace --format pytest`, to be run by pytest as it is. It fails as soon as a step of the
trace is changed, or the model{threads} no longer follows it.
"""

{imports}

SCENARIO = loads(
    """\\
{scenario}""",
    "scenario",
)
TRACE = {trace}


def traced():
    """The trace, made again by the model's reference semantics, which raises where it does not follow."""
    instance = bind(SCENARIO, {geometry}(SCENARIO))
    return retrace(find({design!r}, DESIGNS).system, instance, TRACE)


def test_the_model_makes_these_steps():
    assert record.document(traced()) == TRACE
'''
_THREADS = """

def test_the_threads_make_these_steps():
    workload = Workload(TRACE["design"], SCENARIO, Kernel(PooledThreads()))
    assert confirm(traced(), workload).departure is None
"""
_MODEL = """\
from model.designs import DESIGNS
from model.designs.loading import find
from model.scenarios import loads
from model.scenarios.geometry import {geometry}
from model.stack.binding import bind
from model.trace import record
from model.trace.reading import retrace"""
_HARNESS = """\
from conformance.replay import confirm
from conformance.scheduler.kernel import Kernel
from conformance.scheduler.substrate import PooledThreads
from conformance.workload import Workload
"""


def render(trace: Trace, design: str, scenario: str, geometry: str, *, threads: bool) -> str:
    """Return the file's text.

    `design` is a name or a file, `scenario` is TOML, `geometry` the function that the trace's cells are from.
    Without `threads` the model alone is asked: not every design and request is implemented.
    """
    written = pformat(record.document(trace), width=100, sort_dicts=False)
    head = _HEAD.format(
        heading=heading(trace),
        threads=" or the threaded stack" if threads else "",
        imports=(_HARNESS if threads else "") + _MODEL.format(geometry=geometry),
        scenario=scenario.replace("\\", "\\\\"),
        trace=written,
        geometry=geometry,
        design=design,
    )
    return head + (_THREADS if threads else "")
