"""report.html in a real browser: it opens from a file, asks for nothing, breaks no policy, and fits a phone, paper and the dark."""

import runpy
from pathlib import Path

import pytest

from harness_core.sdk.testing import run_plugin

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins" / "report_bundle"
MAKE = runpy.run_path(str(ROOT / "tests" / "plugins" / "report_documents.py"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    found = {}
    for name in ("document", "wide", "hostile", "failed"):
        scratch = tmp_path_factory.mktemp(name)
        run_plugin(PLUGIN, report=MAKE[name](), scratch=scratch)
        found[name] = (scratch / "artifacts" / "report.html").as_uri()
    return found


@pytest.fixture
def visit(browser, files):
    """Open a report; whatever the page asks for beyond itself, and whatever it complains about, is collected."""
    contexts = []

    def opened(name, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url) if request.url != files[name] else None)
        page.goto(files[name])
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", ["document", "wide", "hostile", "failed"])
def test_it_opens_from_a_file_and_asks_for_nothing(visit, name):
    """No request, no violation of its own policy, no error; and it is styled, so the policy lets its own style through."""
    page = visit(name)
    assert page.complaints == []
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "650"


@pytest.mark.parametrize("name", ["document", "hostile", "failed"])
@pytest.mark.parametrize("width", [320, 360, 768, 1440])
def test_nothing_sticks_out_sideways(visit, name, width):
    """With everything unfolded, only what scrolls by itself is wider than the window."""
    page = visit(name, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(visit, scheme):
    """Every kind of text has a contrast of at least 4.5 to 1, in light and in dark."""
    page = visit("document", color_scheme=scheme)
    assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const shade = text => {
    const context = document.createElement('canvas').getContext('2d');
    context.fillStyle = text; context.fillRect(0, 0, 1, 1);
    const light = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
    return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  };
  const ground = shade(getComputedStyle(document.documentElement).backgroundColor);
  return [...document.querySelectorAll('h1, p, a, dt, dd, summary, .chip, .fig text, th, td')].filter(element => {
    const style = getComputedStyle(element);
    const ink = shade(element instanceof SVGElement ? style.fill : style.color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) < 4.5;
  }).map(element => element.outerHTML.slice(0, 80));
}"""


def test_a_link_unfolds_what_it_leads_to(visit):
    """From the table of data quality to a finding that is folded away: the browser opens it."""
    page = visit("document")
    page.click("#quality a[href='#f_000000000000001e']")
    assert page.evaluate("document.querySelector('#f_000000000000001e').checkVisibility()")


def test_the_skip_link_is_the_first_stop(visit):
    """One press of the tab key, then enter, and a keyboard is in the report."""
    page = visit("document")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_paper_shows_what_the_screen_folds(visit):
    """In print the bar of links is gone, and evidence is there without a click."""
    page = visit("document")
    page.emulate_media(media="print")
    assert not page.is_visible("nav.bar")
    assert page.evaluate("document.querySelector('.evidence pre').getBoundingClientRect().height") > 0


def test_two_thousand_columns_open_at_once(visit):
    """What is not on the screen is not laid out, which is what takes the time; the whole page can be scrolled all the same."""
    page = visit("wide")
    assert page.evaluate("document.documentElement.scrollHeight") > 20 * page.viewport_size["height"]
    drawn = (
        "[...document.querySelectorAll('.card h3')].filter(title => title.checkVisibility({contentVisibilityAuto: true})).length"
    )
    assert page.evaluate("document.querySelectorAll('.card h3').length") == 2_000
    assert page.evaluate(drawn) < 200
