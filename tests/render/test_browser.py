"""The pages in a real browser, Chromium without a window: CI installs it; elsewhere we skip without one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from cowpath.model.designs import DESIGNS
from tests.render.test_pages import DEADLOCK, overview_of, page_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BLOCKS = ".card, .touch:not(:empty), .arrow > span, .node, .edge span, h1, h2, p"
WORDS = "p, h1, h2, h3, h4, code, td, th, dt, dd, .card span, .arrow b"
OVERLAPS = """(selector) => {
  const boxes = [...document.querySelectorAll(selector)].filter((e) => e.offsetParent)
    .map((e) => [e, e.getBoundingClientRect()]);
  const hit = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([other, b]) => !one.contains(other) && !other.contains(one) && hit(a, b))
    .map(([other]) => [one.innerText, other.innerText]));
}"""
CONTRAST = """(selector) => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const color = rgb(getComputedStyle(e).backgroundColor); if (color[3] === 255) return color; }
    return [255, 255, 255, 255]; };
  const shown = [...document.querySelectorAll(selector)].filter((e) => e.offsetParent && e.innerText.trim());
  return shown.map((e) => {
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.className, e.innerText];
  }).filter(([ratio]) => ratio < 4.5);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("not installed: chromium")
    assert CHROMIUM is not None, "CI installs it: see .ci/run"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def no_network(request: Request) -> None:
    assert request.url.startswith("file:")


def opened(browser: Browser, folder: Path, content: str, **how: Any) -> Page:
    (folder / "page.html").write_text(content, encoding="utf-8")
    page = browser.new_page(**how)
    page.on("pageerror", lambda error: pytest.fail(f"the script fails: {error}"))
    page.on("request", no_network)
    page.goto((folder / "page.html").as_uri())
    return page


def shown(page: Page) -> tuple[str, list[str]]:
    """The step that the page says it is at, and the headings of the panels that can be seen."""
    headings = page.locator(".panel:visible h3").all_inner_texts()
    return page.locator("[data-now]").first.inner_text(), headings


def test_stepping_by_mouse_and_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write"))
    assert shown(page)[0] == "1"
    page.get_by_role("button", name="Step 5, guest-read 0").click()
    assert shown(page) == ("5", ["guest-read 0 waits for nbd-write 1 on the secondary's tracked list"])
    page.keyboard.press("ArrowLeft")
    assert shown(page)[0] == "4"
    assert page.evaluate("document.activeElement.innerText").startswith("Step 4, nbd-write 1:")
    assert page.locator(".card[aria-current=step]").count() == 1
    assert page.locator("#live").inner_text().startswith("Step 4 of 8: nbd-write 1 enters")
    page.keyboard.press("Home")
    assert shown(page) == ("0", ["The start"])
    assert page.get_by_role("button", name="One step back").is_disabled()
    page.keyboard.press("Tab")
    page.get_by_role("button", name="One step on").press("Enter")
    assert shown(page)[0] == "1"
    page.keyboard.press("End")
    assert shown(page) == ("8", ["nbd-write 1 waits on the job's CowRequest list"])
    assert page.get_by_role("button", name="To the end").is_disabled()


def test_a_link_opens_a_step_and_each_step_has_its_link(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write"))
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("#step=2")
    page.goto(page.url.replace("=2", "=5"))
    page.wait_for_function("document.querySelector('[data-now]').innerText == '5'")
    page.reload()
    assert shown(page)[0] == "5"
    for odd in ("=99", "=", "=-1", "=1e3", "s"):  # beyond the end is the end; anything else is the first
        page.goto((tmp_path / "page.html").as_uri() + "#step" + odd)
        page.reload()
        assert shown(page)[0] == ("8" if odd == "=99" else "1")


def test_what_comes_later_is_hidden_until_it_is_asked_for(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write"))
    ask = page.get_by_role("button", name="What happens next?")
    assert not ask.is_visible()
    page.get_by_label("hide what comes later").check()
    for number in range(1, 8):
        assert page.locator(".card:visible").count() == number
        assert not page.locator(".cycle, .lede, .end").first.is_visible()  # they give the end away
        ask.click()
    assert page.locator(".card:visible").count() == 8
    assert not ask.is_visible()
    page.keyboard.press("Home")
    assert page.locator(".card:visible").count() == 0
    page.emulate_media(media="print")
    assert page.locator(".card:visible").count() == 8
    page.emulate_media(media="screen")
    page.get_by_label("hide what comes later").uncheck()
    assert page.locator(".card:visible").count() == 8
    assert page.locator(".cycle").is_visible()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("against", [None, "rfc-repaired"])
def test_who_steps_by_keys_sees_card_panel_and_disks(
    browser: Browser, tmp_path: Path, width: int, against: str | None
) -> None:
    content = page_of(DEADLOCK, "unaligned-write", against)
    page = opened(browser, tmp_path, content, viewport={"width": width, "height": 800})
    for _ in range(7):
        page.keyboard.press("ArrowRight")
        panel = page.locator(".panel:visible").first
        seen = (
            page.locator(".card[aria-current]").first,
            panel.locator("h3"),
            panel.locator("tbody td").first,
        )
        places = [each.evaluate("(e) => e.getBoundingClientRect().y") for each in seen]
        assert all(0 <= y < 800 - 20 for y in places), places
        if width == 400 or against:  # there the panel is at the foot, and does not cover the card
            assert places[0] < places[1]


# Where things are does not depend on the colours, nor how they differ on the width.
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (700, "dark"), (400, "light")])
def test_nothing_overlaps_or_is_cut_off_and_all_can_be_read(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900}
    for content in (
        page_of(DEADLOCK, "unaligned-write"),
        page_of(DEADLOCK, "unaligned-write", "rfc-repaired"),
    ):
        page = opened(browser, tmp_path, content, viewport=size, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.add_style_tag(
            content=".right, .sheet { position: static !important; max-height: none !important }"
        )
        assert (
            page.evaluate(OVERLAPS, ".card, .touch:not(:empty), .arrow > span, .node, .edge span, h1, h2, p")
            == []
        )
        assert page.evaluate(CONTRAST, WORDS) == []
        page.close()


def test_what_overlaps_or_is_pale_would_be_noticed(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write"))
    page.add_style_tag(content=".card { margin-block: -0.5rem } .quiet { color: #aaa }")
    assert page.evaluate(OVERLAPS, BLOCKS)
    assert {name for _, name, _ in page.evaluate(CONTRAST, WORDS)} == {"quiet"}


def test_print_has_every_step_and_no_buttons(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write"))
    page.emulate_media(media="print")
    assert page.locator(".card:visible").count() == 8
    assert page.locator("nav:visible").count() == 0
    assert page.pdf().startswith(b"%PDF")


def test_two_designs_step_together_and_the_shorter_one_stays_at_its_end(
    browser: Browser, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, page_of(DEADLOCK, "unaligned-write", "rfc-repaired"))
    page.keyboard.press("End")
    assert shown(page) == ("17", ["nbd-write 1 waits on the job's CowRequest list", "nbd-write 1 completes"])
    page.get_by_label("rfc-repaired", exact=True).get_by_role("button", name="Step 5,").click()
    assert [heading.split(" ", 2)[2].split()[0] for heading in shown(page)[1]] == ["waits", "enters"]


def test_a_verdict_leads_to_its_trace(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, overview_of(("rfc-2016",), ("race", "unaligned-write"), {}))
    assert page.locator(".card:visible").count() == 0
    page.get_by_role("link", name="deadlock 8").press("Enter")
    page.wait_for_selector("details[open] .card")
    assert page.locator(".card:visible").count() == 8


def test_the_report_fits_a_phone_and_paper(browser: Browser, tmp_path: Path) -> None:
    content = overview_of(tuple(DESIGNS), ("race", "unaligned-write", "neighbours"), {})
    page = opened(browser, tmp_path, content, viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    narrow = "[...document.querySelectorAll('p, dd, li')].filter((e) => e.offsetParent)" + (
        ".map((e) => e.getBoundingClientRect().width).filter((width) => width < 120)"
    )
    assert page.evaluate(narrow) == []
    page.set_viewport_size({"width": 1032, "height": 700})  # A4 across, without its margins
    page.emulate_media(media="print")
    table = "(e) => e.getBoundingClientRect().right"
    assert page.locator(".verdicts").evaluate(table) <= 1032
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
