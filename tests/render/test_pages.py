"""Pages of HTML: valid, whole in one file, and saying what the trace says."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import html5lib
import pytest
from bs4 import BeautifulSoup, Tag

from cowpath.model.bench.batch import Plan, run
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.render.overview import NoProofs, Proof, overview, read_proofs
from cowpath.model.render.pages import trace_page
from cowpath.model.scenarios import find
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.scenarios.vocabulary import PROPERTIES
from cowpath.model.stack.binding import bind
from cowpath.model.trace.against import follow_with
from cowpath.model.trace.trace import Trace
from tests.counterexamples import result, trace_of

DEADLOCK = trace_of("rfc-2016", "unaligned-write", "deadlock")
LASSO = trace_of("rfc-2016", "wide-write-among-reads", "progress")


def page_of(trace: Trace, scenario: str, against: str | None = None) -> str:
    case, asked = Case(DESIGNS[trace.design], find(scenario)), find(scenario)
    return trace_page(case, trace, Case(DESIGNS[against], asked) if against else None)


@pytest.fixture(scope="module")
def soup() -> BeautifulSoup:
    return BeautifulSoup(page_of(DEADLOCK, "unaligned-write"), "html5lib")


def text(element: Tag | None) -> str:
    assert element is not None
    return " ".join(element.get_text(" ").replace("\N{NO-BREAK SPACE}", " ").split())


def overview_of(
    designs: tuple[str, ...], scenarios: tuple[str, ...], proofs: dict[str, tuple[Proof, ...]]
) -> str:
    chosen = [DESIGNS[name] for name in designs]
    results = run(Plan(chosen, [find(name) for name in scenarios], tuple(PROPERTIES)[:7]))
    return overview(chosen, results, 1.0, proofs)


PAGES = {
    "a deadlock": lambda: page_of(DEADLOCK, "unaligned-write"),
    "a wrong read": lambda: page_of(trace_of("unserialised", "race", "snapshot"), "race"),
    "a lasso": lambda: page_of(
        trace_of("rfc-2016", "wide-write-among-reads", "progress"), "wide-write-among-reads"
    ),
    "two designs": lambda: page_of(DEADLOCK, "unaligned-write", "rfc-repaired"),
    "the overview": lambda: overview_of(("rfc-2016",), ("race", "unaligned-write"), {}),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_valid_and_needs_no_other_file(name: str) -> None:
    page = PAGES[name]()
    html5lib.HTMLParser(strict=True).parse(page)  # raises for any error
    found = BeautifulSoup(page, "html5lib")
    assert not found.find_all(["link", "img", "iframe", "object", "base"])
    assert not [tag for tag in found.find_all(True) if tag.has_attr("src")]
    assert all(str(a["href"]).startswith("#") for a in found.find_all("a"))
    assert not re.search(r"https?:|url\(|@import|fetch\(|import\(", page)
    ids = [str(tag["id"]) for tag in found.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for a in found.find_all("a")} <= set(ids)


def test_each_step_is_a_button_in_its_request_s_lane(soup: BeautifulSoup) -> None:
    cards = soup.select("button.card")
    assert len(cards) == len(DEADLOCK.steps)
    for card, step in zip(cards, DEADLOCK.steps, strict=True):
        assert f"Step {step.number}, {step.owner}:" in text(card)
        assert step.does in text(card)
        assert step.action in text(card)
        lane = ["guest-read 0", "nbd-write 1"].index(step.owner) + 2
        assert f"grid-column: {lane};" in str(card["style"])


def test_each_wait_is_an_arrow_to_the_one_who_holds(soup: BeautifulSoup) -> None:
    arrows = [(text(arrow), "onward" in arrow["class"]) for arrow in soup.select(".arrow")]
    assert arrows == [
        ("guest-read 0 waits for nbd-write 1 , who holds [512, 1024) on the secondary's tracked list", True),
        ("nbd-write 1 waits for guest-read 0 , who holds CowRequest [0, 65536)", False),
    ]
    waiting = [row for row in soup.select(".row") if row.select(".lane.waiting")]
    assert [text(row.select_one(".number")) for row in waiting] == ["5", "6", "7", "8"]


def test_the_cycle_is_drawn_with_what_each_holds(soup: BeautifulSoup) -> None:
    nodes = [text(item) for item in soup.select(".cycle li")]
    assert nodes == [
        "guest-read 0 holds CowRequest [0, 65536) waits for nbd-write 1 on the secondary's tracked list",
        "nbd-write 1 holds [512, 1024) on the secondary's tracked list waits for guest-read 0 on the job's "
        "CowRequest list",
    ]


def test_every_state_has_its_panel_with_disks_rule_and_difference(soup: BeautifulSoup) -> None:
    panels = soup.select(".panel")
    assert len(panels) == len(DEADLOCK.steps) + 1
    assert [panel.has_attr("hidden") for panel in panels] == [True, False] + [True] * (
        len(DEADLOCK.steps) - 1
    )
    for panel, step in zip(panels[1:], DEADLOCK.steps, strict=True):
        assert step.source in text(panel.select_one(".rule"))
        differences = [text(each) for each in panel.select(".diff div")]
        assert differences == [f"{c.what} {c.before} {c.after}" for c in step.changes if not c.internal]


def test_the_strips_show_what_each_disk_holds() -> None:
    trace = trace_of("unserialised", "race", "snapshot")
    soup = BeautifulSoup(page_of(trace, "race"), "html5lib")

    def strips(number: int) -> dict[str, list[tuple[str, bool]]]:
        rows = soup.select(".panel")[number].select(".strips tbody tr")
        cells = {
            text(row.th): [(text(td), "changed" in td["class"]) for td in row.find_all("td")] for row in rows
        }
        widths = {sum(int(str(td["colspan"])) for td in row.find_all("td")) for row in rows}
        assert widths == {len(trace.elements["Sector"])}
        return cells

    assert strips(8)["hidden disk"] == [("not mapped", False)]
    assert strips(9)["hidden disk"] == [("original", True)] * 3
    assert strips(9)["done bits"] == [("not copied", False)]
    assert strips(10)["done bits"] == [("copied", True)]
    assert strips(12)["secondary disk"] == [("original", False), ("nbd-write 1", True), ("original", False)]
    assert strips(13)["secondary disk"] == [("original", False), ("nbd-write 1", False), ("original", False)]
    assert strips(13)["the snapshot"] == [("original", False)] * 3


def test_requests_without_a_part_have_no_lane() -> None:
    trace = trace_of("rfc-2016", "checkpoint-unquiesced", "guest-write")
    soup = BeautifulSoup(page_of(trace, "checkpoint-unquiesced"), "html5lib")
    heads = [text(head) for head in soup.select(".heads b:not(.disk)")]
    assert heads == ["nbd-write 0", "guest-write 2"]
    assert "No lane: guest-read 1, checkpoint 3, which have no part in it." in text(soup.main)


def test_a_loop_says_where_it_begins() -> None:
    soup = BeautifulSoup(page_of(LASSO, "wide-write-among-reads"), "html5lib")
    (note,) = soup.select(".note")
    assert text(note) == "From here on, for ever:"
    following = note.find_next_sibling("li")
    assert isinstance(following, Tag)
    assert text(following.select_one(".number")) == str(LASSO.loop)


def test_what_comes_from_a_file_is_escaped() -> None:
    soup = BeautifulSoup(
        page_of(replace(DEADLOCK, scenario="<script>alert(1)</script>"), "unaligned-write"), "html5lib"
    )
    assert len(soup.find_all("script")) == 1
    assert "<script>alert(1)</script>" in text(soup.h1)


# -- against another design


def test_the_repaired_rfc_parts_from_the_rfc_where_the_reader_waits() -> None:
    scenario = find("unaligned-write")
    other = follow_with(DESIGNS["rfc-repaired"].system, bind(scenario, reduce(scenario)), DEADLOCK)
    assert (other.common, other.why, other.ended) == (4, ("it has no such step",), True)
    assert other.refused == DEADLOCK.steps[4]
    assert [(s.action, s.owner) for s in other.trace.steps[:4]] == [
        (s.action, s.owner) for s in DEADLOCK.steps[:4]
    ]
    assert other.trace.steps[4].action == "read.enter-secondary"
    assert set(other.trace.states[-1].values["pc"].values()) == {"done"}
    soup = BeautifulSoup(page_of(DEADLOCK, "unaligned-write", "rfc-repaired"), "html5lib")
    told = text(soup.select_one(".parting"))
    assert "Both make the first 4 steps. Step 5 is then that guest-read 0 waits for nbd-write 1" in told
    assert "Instead guest-read 0 enters the secondary's node unserialised ( read.enter-secondary ;" in told
    assert [len(side.select(".card")) for side in soup.select("[data-side]")] == [8, 17]
    assert [text(note) for note in soup.select(".note")] == ["Here they part."] * 2


def test_a_wait_of_the_other_design_is_the_reason_why_it_refuses() -> None:
    scenario = find("race")
    trace = trace_of("unserialised", "race", "snapshot")
    other = follow_with(DESIGNS["rfc-2016"].system, bind(scenario, reduce(scenario)), trace)
    assert other.why == ("nbd-write 1 waits for guest-read 0 on the job's CowRequest list",)
    assert (other.common, other.ended) == (5, True)


def test_a_design_that_goes_along_to_the_end_is_said_to() -> None:
    scenario = find("unaligned-write")
    other = follow_with(DESIGNS["merged-2.8"].system, bind(scenario, reduce(scenario)), DEADLOCK)
    assert (other.common, other.refused, other.ended) == (8, None, False)
    assert "merged-2.8 makes every one of these steps too, and ends where this ends." in page_of(
        DEADLOCK, "unaligned-write", "merged-2.8"
    )


# -- the overview


def test_the_overview_has_a_cell_for_each_run_and_the_trace_behind_each_violation() -> None:
    designs, scenarios = ("rfc-2016", "copy-before-write-9.2"), ("unaligned-write", "checkpoint-unquiesced")
    proof = Proof("deadlock", "any requests", "holds", 12, 12, ("a fact",), None)
    soup = BeautifulSoup(overview_of(designs, scenarios, {"rfc-2016": (proof,)}), "html5lib")
    rows = [[text(cell) for cell in row.find_all(["th", "td"])] for row in soup.select(".verdicts tr")]
    assert rows == [
        ["scenario", "rfc-2016 deadlock proved", "copy-before-write-9.2"],
        ["unaligned write", "deadlock 8", "holds"],
        ["unquiesced checkpoint", "snapshot 13 guest-write 14", "–"],
    ]
    for link in soup.select(".verdicts a.verdict"):
        (behind,) = soup.select(str(link["href"]))
        name, length = text(link).rsplit(" ", 1)
        assert len(behind.select(".card")) == int(length)
        assert text(behind.summary) == f"{name} {length} rfc-2016"
    assert "deadlock for any requests (12 of 12 obligations shown)." in text(soup.select_one(".proofs"))


def test_an_undetermined_verdict_is_no_pass_in_the_overview() -> None:
    found = result("rfc-2016", "race")
    undone = {n: replace(p, verdict=type(p.verdict)("undetermined")) for n, p in found.properties.items()}
    page = overview([DESIGNS["rfc-2016"]], [replace(found, properties=undone)], 1.0, {})
    cell = BeautifulSoup(page, "html5lib").select_one(".verdicts td")
    assert "snapshot undetermined" in text(cell)
    assert "holds" not in text(cell)


@pytest.mark.parametrize("content", ["", "[1]", '[{"design": "x"}]', "{}x"])
def test_a_file_of_something_else_than_proofs_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "proofs.json").write_text(content)
    with pytest.raises(NoProofs, match="not what `cowpath prove --json` writes"):
        read_proofs(str(tmp_path / "proofs.json"))
    with pytest.raises(NoProofs, match="cannot read proofs: No such file"):
        read_proofs(str(tmp_path / "missing.json"))


def test_colours_of_neighbouring_requests_differ() -> None:
    trace = trace_of("rfc-2016", "checkpoint-unquiesced", "guest-write")
    soup = BeautifulSoup(page_of(trace, "checkpoint-unquiesced"), "html5lib")
    hues = [str(item["style"]) for item in soup.select(".panel")[0].select(".standings li")]
    assert len(hues) == 4
    assert all(one != other for one, other in pairwise(hues))
