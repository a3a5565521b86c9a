"""The table of docs/proofs.md: what is proved of which design, in the scope of its argument.

`python -m tests.prove.test_page DESIGN...` asks for all that two theorems of a design rest on, and prints its
rows as they should read. Whether a row is true is lengthy to ask: up to some minutes a design.
"""

from __future__ import annotations

import functools
import re
import sys
import time
from pathlib import Path

import pytest

from cowpath.model.bench.theorems import theorems_of
from cowpath.model.designs import ALL
from cowpath.model.prove.theorem import Attempt, Induction
from cowpath.model.prove.theory import DEADLOCK

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"
THEOREMS = ("snapshot", DEADLOCK)
PROVED, OPEN = "proved", "open"
# What a theorem is restricted to, by the words of the page: a list of "- *words*: the claim".
WORDS = dict(re.findall(r"^- \*([a-z ]+)\*: (.+)$", PAGE.read_text(), re.MULTILINE))
Row = tuple[str, str, str, str, str]


def rows() -> list[Row]:
    """Return design, theorem, scope, verdict and obligations of each row; when it took how long is left."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 7 and cells[0] in ALL:
            found.append((cells[0], cells[1], cells[2], cells[3], cells[4]))
    return found


@functools.cache
def asked(name: str) -> Induction:
    design = ALL[name]
    assert design.proof is not None
    return Attempt(design.system, design.proof).induct(THEOREMS)


def row(name: str, theorem: str) -> Row:
    """Return the row as it should read."""
    induction = asked(name)
    outcomes, needs = induction.rests_on(theorem), induction.needs(theorem)
    words = [word for word, claim in WORDS.items() if claim in needs]
    shown = sum(outcome.proved for outcome in outcomes)
    verdict = PROVED if induction.proves(theorem) else OPEN
    return name, theorem, ", ".join(words) or "any requests", verdict, f"{shown:,} of {len(outcomes):,}"


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
@pytest.mark.parametrize("told", rows(), ids=" ".join)
@pytest.mark.xdist_group("rows")  # the two of a design are asked together
def test_each_row_is_what_the_prover_says(told: Row) -> None:
    assert row(told[0], told[1]) == told


if __name__ == "__main__":
    for design in sys.argv[1:]:
        began = time.process_time()
        asked(design)
        cost = f"{time.process_time() - began:.0f} s"
        for theorem in THEOREMS:
            print("|", " | ".join((*row(design, theorem), cost, time.strftime("%F"))), "|", flush=True)
