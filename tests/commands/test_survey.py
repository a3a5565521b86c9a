"""The command `survey`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.running import run

TWO = "--sectors 4 --cluster 4 --alignment 2 --requests 2 --kinds nbd-write,guest-read,guest-write"


def test_every_workload_of_two_requests(tmp_path: Path) -> None:
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    ran = run(tmp_path, *f"survey rfc-2016 fleecing-4.0 {TWO} --json {out} --html {page}".split())
    assert ran.status == 1
    said = " ".join(ran.out.split())
    assert "rfc-2016: 465 workloads, classes: 106; 29,882 states, of which 7,312 were explored" in said
    assert (
        "deadlock violated of 58 of 465, exactly when there is an unaligned NBD write r and a guest read q: "
        "q reads of r's blocks" in said
    )
    assert "nbd-write [0, 1) + guest-read [0, 1), 8 steps (4 alike)" in said
    assert "rfc-2016 to fleecing-4.0, guest-write: mended 65" in said
    one, other = json.loads(out.read_text())
    assert (one["design"], one["workloads"], one["states"]) == ("rfc-2016", 465, 29_882)
    assert one["properties"]["deadlock"]["violated"] == 58
    assert one["properties"]["snapshot"] == {
        "verdict": "holds", "violated": 0, "undetermined": 0, "smallest": [], "depths": [], "when": None,
    }  # fmt: skip
    assert one["smaller"][0]["workloads"] == 30
    assert other["properties"]["deadlock"]["violated"] == 113
    written = page.read_text()
    assert "http" not in written.replace("http://www.w3.org/2000/svg", "")
    grids = [part.split("</svg>")[0] for part in written.split("<svg")[1:]]
    deadlock = next(grid for grid in grids if "nbd-write (rows) against guest-read (columns)" in grid)
    picture = ElementTree.fromstring(f"<svg{deadlock}</svg>")
    cells = [cell.get("class") for cell in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert (len(cells), cells.count("violated")) == (100, 58)


def test_everything_holds_is_status_0_and_a_limit_is_3(tmp_path: Path) -> None:
    few = "--sectors 2 --cluster 2 --kinds guest-read"
    assert run(tmp_path, *f"survey rfc-2016 {few}".split()).status == 0
    ran = run(tmp_path, *f"survey rfc-repaired {TWO} --max-states 500".split())
    assert ran.status == 3
    assert "stopped: --max-states 500 was reached" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--alignment 3", "--alignment 3: accepted: 1, 2, 4, 8 ... sectors"),
        ("--kinds write", "--kinds write: accepted: nbd-write"),
        ("--kinds client-discard", "--kinds client-discard: rfc-2016 has no such request"),
        ("--sectors 200 --cluster 200", "200 cells"),
        ("--requests 0", "--requests"),
        ("--json nowhere/out.json", "nowhere"),
        ("--html nowhere/out.html", "nowhere"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, options: str, said: str) -> None:
    ran = run(tmp_path, "survey", "rfc-2016", *options.split())
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
