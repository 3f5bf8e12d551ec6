"""axe-core on every page: in light and dark, at 320 px, with forced colours and with reduced motion, without one violation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.browser.places import ALIKE

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_COLOUR = ["color-contrast", "link-in-text-block"]  # where colours are forced, they are the reader's own
BY_ROOM = ["target-size", "scrollable-region-focusable"]
ASK = "([left, options]) => axe.run({exclude: left}, {resultTypes: ['violations'], elementRef: false, iframes: false, ...options})"
# Rows and fields that are made in one loop look alike: the first few of each are looked at in every look, all others in none or one.
ALIKE_ROWS = [["table.data tbody tr:nth-child(n+4)"]]
ALIKE_PARTS = [["tbody tr:nth-child(n+6)"], [".settings .field:nth-child(n+3)"], [".log li:nth-child(n+6)"]]


def violations(page: Page, place: str, look: str, options: dict[str, Any]) -> Iterator[str]:
    left = ALIKE_ROWS if options["runOnly"] == STANDARDS else ALIKE_PARTS
    for found in page.evaluate(ASK, [left, options])["violations"]:
        targets = [node["target"][0] for node in found["nodes"][:3]]
        yield f"{place}, {look}: {found['id']} ({found['impact']}), {len(found['nodes'])} times, such as {targets}"


def test_no_rule_is_broken(open_page: Open, all_places: list[str]) -> None:
    """WCAG 2.2 A and AA and good practice on every page as it opens; then the rules that depend on looks, as others see it."""
    page = open_page("/")
    found: list[str] = []
    for place in all_places:
        if place.endswith("/report") or place.startswith(ALIKE):  # the report is a document in a sandbox where no script runs
            continue
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="no-preference")
        page.goto(place)
        page.evaluate(AXE)  # a script element would be refused by the policy
        found += violations(page, place, "as it opens", {"runOnly": STANDARDS})
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += violations(page, place, "dark and still", {"runOnly": BY_COLOUR})
        page.set_viewport_size({"width": 320, "height": 800})
        page.emulate_media(color_scheme="light", forced_colors="active")
        found += violations(page, place, "narrow, with forced colours", {"runOnly": BY_ROOM})
    assert found == []
