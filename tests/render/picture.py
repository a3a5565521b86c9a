"""Draws the picture in the README: `python -m tests.render.picture`, with the fonts Inter, JetBrains Mono."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.render.test_browser import CHROMIUM
from tests.render.test_pages import DEADLOCK, page_of

PICTURE = Path(__file__).parents[2] / "docs" / "rfc-deadlock.png"


def main() -> None:
    """Draw the page of the RFC's deadlock in light colours, without its words about machine and design."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(page_of(DEADLOCK, "unaligned-write"), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(file.as_uri())
        page.add_style_tag(content=".opening, footer { display: none } main { margin-top: 2.5rem }")
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()
    Image.open(PICTURE).quantize(48).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
