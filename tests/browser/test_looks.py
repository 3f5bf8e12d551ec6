"""How the pages hold at every width, in light and dark: nothing sticks out, everything can be read, everything can be reached."""

from tests.browser.conftest import Open

WIDTHS = (1440, 1024, 360, 320)
TOO_FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      const parts = parse(colour);
      if (colour.startsWith('rgb') && (parts.length === 3 || parts[3] === 1)) return parts.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    const shown = element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
    if (!walker.currentNode.textContent.trim() || !shown || element.closest('svg, .unseen, [disabled]')) continue;
    const [a, b] = [light(parse(style.color).slice(0, 3)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${walker.currentNode.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
OUTSIDE = "document.documentElement.scrollWidth - window.innerWidth"
TOO_SMALL = """() => [...document.querySelectorAll('button, .button, input[type=checkbox], input[type=radio], nav a')]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.unseen'))
  .map((e) => [e.innerText || e.id, e.getBoundingClientRect()])
  .filter(([, box]) => box.height && (box.height < 16 || box.width < 16)).map(([name]) => name)"""


def test_pages_hold_at_every_width(open_page: Open, all_places: list[str]) -> None:
    """No page is wider than its window, and all text keeps 4.5:1 against what is behind it, by day and by night."""
    page = open_page("/", reduced_motion="reduce")
    found: list[str] = []
    for place in all_places:
        page.emulate_media(color_scheme="light")
        page.goto(place)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found += [f"{place} at {width}: {over} px too wide"] if (over := page.evaluate(OUTSIDE)) > 0 else []
        found += [f"{place}: {name} is too small" for name in page.evaluate(TOO_SMALL)]
        found += [f"{place}: {text}" for text in page.evaluate(TOO_FAINT)]
        page.emulate_media(color_scheme="dark")
        found += [f"{place}, dark: {text}" for text in page.evaluate(TOO_FAINT)]
    assert found == []


def test_the_report_runs_nothing(open_page: Open, example_run: str) -> None:
    """The sandbox is in force: no script of the page can run, and its own style still applies."""
    page = open_page(f"/runs/{example_run}/report")
    assert page.evaluate("window.origin") == "null"
    assert page.locator("style").count() == 1
    assert page.evaluate("document.styleSheets.length") == 1


def test_colours_forced_and_motion_reduced(open_page: Open, example_run: str) -> None:
    """With forced colours badges and buttons keep an outline; with reduced motion nothing moves."""
    page = open_page(f"/runs/{example_run}", forced_colors="active", reduced_motion="reduce")
    assert page.locator(".badge").first.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"
    assert page.locator(".button").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
