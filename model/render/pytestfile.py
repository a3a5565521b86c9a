"""A trace as a test: a file for pytest that has the model, and the threaded stack, make its steps again.

The file asks the command line alone: it lives elsewhere, and longer than any name inside of this project.
"""

from __future__ import annotations

from pprint import pformat

from cowpath.model.render.text import heading
from cowpath.model.trace import record
from cowpath.model.trace.trace import Trace

_HEAD = '''\
"""{heading}.

Written by `cowpath trace --format pytest`, to be run by pytest as it is. It fails as soon as a step of the
trace is changed, or the model{threads} no longer follows it.
"""

import json
import subprocess
import sys

DESIGN = {design!r}
SCENARIO = """\\
{scenario}"""
TRACE = {trace}


def cowpath(folder, command, *options):
    """Run a command on the scenario and the trace."""
    scenario, trace = folder / "scenario.toml", folder / "trace.json"
    scenario.write_text(SCENARIO, encoding="utf-8")
    trace.write_text(json.dumps(TRACE), encoding="utf-8")
    subject = [DESIGN, "--scenario", scenario, {reduce!r}]
    asked = [sys.executable, "-m", "cowpath", command, *subject, *options, trace]
    return subprocess.run(asked, capture_output=True, encoding="utf-8")


def test_the_model_makes_these_steps(tmp_path):
    ran = cowpath(tmp_path, "trace", "--format", "json", "--from")
    assert not ran.stderr, ran.stderr
    assert json.loads(ran.stdout) == TRACE
'''
_THREADS = """

def test_the_threads_make_these_steps(tmp_path):
    ran = cowpath(tmp_path, "replay", "--trace")
    assert ran.returncode == 0, ran.stdout + ran.stderr
"""


def render(trace: Trace, design: str, scenario: str, *, reduced: bool, threads: bool) -> str:
    """Return the file's text.

    `design` is a name or a file, `scenario` is TOML; `reduced` tells whether the trace's cells are those of
    the reduced disk. Without `threads` the model alone is asked: not every design and request is implemented.
    """
    head = _HEAD.format(
        heading=heading(trace),
        threads=" or the threaded stack" if threads else "",
        design=design,
        scenario=scenario.replace("\\", "\\\\"),
        trace=pformat(record.document(trace), width=100, sort_dicts=False),
        reduce="--reduce" if reduced else "--no-reduce",
    )
    return head + (_THREADS if threads else "")
