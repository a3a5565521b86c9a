"""The text of a small scenario, and the one line that a mistake gets."""

from __future__ import annotations

from cowpath.model.scenarios import ScenarioError

READ = '[[request]]\nkind = "guest-read"\nat = [0, 1]\n'
HEAD = 'name = "small"\nunit = "sectors"\nsectors = 4\ncluster = 2\n'


def top(rest: str) -> str:
    return HEAD + rest


def one_line(error: ScenarioError) -> str:
    line = str(error)
    assert len(line.splitlines()) == 1
    return line
