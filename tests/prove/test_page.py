"""The table of docs/proofs.md: what is proved of which design, in the scope of its argument.

`python -m tests.prove.test_page DESIGN...` asks for all that a design's theorems rest on, but not whether its
runs end, and prints its rows as they should read. Whether a row is true is lengthy to ask: some minutes each.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cowpath.model.bench.theorems import theorems_of
from cowpath.model.designs import ALL
from cowpath.model.prove.theorem import Attempt
from cowpath.model.prove.theory import DEADLOCK

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"
PROVED, OPEN = "proved", "open"
# What a theorem is restricted to, by the words of the page: a list of "- *words*: the claim".
WORDS = dict(re.findall(r"^- \*([a-z ]+)\*: (.+)$", PAGE.read_text(), re.MULTILINE))
Row = tuple[str, str, str, str, str]


def rows() -> list[Row]:
    """Return what the page says, but for how long that took, and when."""
    return list(read(PAGE.read_text()))


def read(text: str) -> Iterator[Row]:
    """Yield the rows of a text."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 7 and cells[0] in ALL:
            yield cells[0], cells[1], cells[2], cells[3], cells[4]


def answer(name: str) -> Iterator[str]:
    """Yield the rows of a design as they should read."""
    design, began = ALL[name], time.process_time()
    assert design.proof is not None
    theorems = tuple(dict.fromkeys((*design.proof.theorems, DEADLOCK)))
    induction = Attempt(design.system, design.proof).induct(theorems)
    cost = f"{time.process_time() - began:.0f} s"
    for theorem in theorems:
        outcomes, needs = induction.rests_on(theorem), induction.needs(theorem)
        scope = ", ".join(word for word, claim in WORDS.items() if claim in needs) or "any requests"
        shown = sum(outcome.proved for outcome in outcomes)
        verdict = PROVED if induction.proves(theorem) else OPEN
        count = f"{shown:,} of {len(outcomes):,}"
        yield f"| {' | '.join((name, theorem, scope, verdict, count, cost, time.strftime('%F')))} |"


def test_each_row_is_of_a_theorem_and_restricted_by_what_the_design_is() -> None:
    assert len(rows()) > 12
    for name, theorem, scope, verdict, obligations in rows():
        design = ALL[name]
        assert design.proof is not None
        assert theorem in theorems_of(design, ())
        claims = {claim.name for claim in design.proof.scope}
        assert scope == "any requests" or {WORDS[word] for word in scope.split(", ")} <= claims, name
        shown, of = obligations.split(" of ")
        assert (shown == of) == (verdict == PROVED), name
        assert verdict in (PROVED, OPEN)


@pytest.mark.lengthy
@pytest.mark.parametrize("name", sorted({told[0] for told in rows()}))
def test_the_rows_of_a_design_are_what_the_prover_says(name: str) -> None:
    """In a process of its own: which of several proofs z3 finds depends on what it was asked before."""
    command = [sys.executable, "-m", "tests.prove.test_page", name]
    printed = subprocess.run(command, cwd=PAGE.parents[1], capture_output=True, text=True, check=True).stdout
    told = {each for each in rows() if each[0] == name}
    assert told <= set(read(printed))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(*answer(argument), sep="\n", flush=True)
