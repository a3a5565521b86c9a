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


def test_every_write_beside_a_mirror(tmp_path: Path) -> None:
    """A target in larger clusters, its backing file only named: 8.2 loses writes, and it is said which."""
    disk = "--sectors 4 --cluster 2 --requests 1 --dirty 0 --target-cluster 4"
    ran = run(tmp_path, *f"survey mirror-8.2 mirror-repaired {disk}".split())
    assert ran.status == 1
    said = " ".join(ran.out.split())
    assert (
        "beside a mirror that has [0, 2) to copy, write-blocking, a target in clusters of 4, its backing "
        "name-only. Every workload is explored" in said
    )
    assert "mirror-8.2: 10 workloads, classes: 10; 1,106 states, of which 1,106 were explored" in said
    assert (
        "mirror-equal violated of 6 of 10, exactly when there is a request r: r covers a part of a clean "
        "chunk, or there is a chunk-aligned part-cluster request guest-write [2, 3), 5 steps" in said
    )
    assert said.count("convergence holds of all") == 2
    assert "mirror-8.2 to mirror-repaired, mirror-equal: mended 6 (" in said


@pytest.mark.parametrize(("limit", "verdict"), [("", "holds"), ("--max-states 3", "undetermined")])
def test_a_mirror_s_runs_are_judged_where_all_were_seen(tmp_path: Path, limit: str, verdict: str) -> None:
    how = f"--sectors 1 --cluster 1 --requests 1 --kinds pause --property convergence --json - {limit}"
    (told,) = json.loads(run(tmp_path, *f"survey mirror-8.2 {how}".split()).out)
    assert told["properties"]["convergence"]["verdict"] == verdict
    assert told["bounds"]["mirror"]["dirty"] == [[0, 1]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("mirror-8.2 rfc-2016", "rfc-2016 is not a mirror, mirror-8.2 is; accepted: designs of one kind"),
        ("rfc-2016 --dirty all", "--dirty is of a mirror, which rfc-2016 is not"),
        ("mirror-8.2 --alignment 1", "--alignment is of a secondary's node, which mirror-8.2 has not"),
        (
            "mirror-8.2 --dirty 0,0",
            "--dirty '0,0'; accepted: all, none, or different numbers of chunks, 0 to 0",
        ),
        ("mirror-8.2 --dirty x", "--dirty 'x'; accepted: all, none, or"),
        ("mirror-8.2 --target-cluster 6", "a multiple of the granularity"),
        ("mirror-7.2 --kinds change-mode", "--kinds change-mode: mirror-7.2 has no such request"),
        ("mirror-8.2 --kinds stop", "--kinds stop: accepted: guest-write, guest-discard, guest-zero, pause"),
    ],
)
def test_bad_input_beside_a_mirror(tmp_path: Path, arguments: str, said: str) -> None:
    ran = run(tmp_path, "survey", *arguments.split())
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


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
