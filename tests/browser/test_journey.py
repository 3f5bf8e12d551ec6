"""From a file to its report in the browser: by mouse, by keyboard, and without any script."""

import hashlib
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.serving import Served
from tests.browser.conftest import EXAMPLE, Open

ENDED = re.compile(r"Completed")
TABLE = "day,shop,amount\n" + "".join(f"2024-01-{day:02},{'north' if day % 2 else 'south'},{day * 3}\n" for day in range(1, 29))


def choose_by_mouse(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose files, or drop them here").click()
    chooser.value.set_files(path)


def test_by_mouse_from_a_file_to_its_report(open_page: Open, service: Served) -> None:
    """Upload with hash and preview, start, watch it without reloading, and read the report."""
    page = open_page("/")
    choose_by_mouse(page, EXAMPLE)
    page.get_by_role("button", name="Upload and look at it").click()
    page.wait_for_url("**/start?upload=*")
    expect(page.get_by_role("heading", level=1)).to_have_text("sales_orders.csv")
    assert page.locator(f'code[title="{hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()}"]').count() == 1
    expect(page.get_by_role("table").first.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_text("harness run sales_orders.csv")).to_be_visible()

    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url("**/runs/run_*")
    page.evaluate("window.same = true")
    state = page.locator("#run-state")
    expect(state.locator(".badge").first).to_have_text(ENDED, timeout=180_000)
    expect(page).to_have_title("Completed · sales_orders.csv · Harness")
    expect(page.locator("#run-results .insights > li").first).to_be_visible()
    assert page.evaluate("window.same") is True
    expect(page.get_by_role("status")).to_have_text(re.compile("^Completed, "), timeout=15_000)

    run_id = page.url.rpartition("/")[2]
    last = service.client.get(f"/api/v1/runs/{run_id}").json()["event_seq"]
    numbers = [int(text) for text in page.locator("#run-events td:first-child").all_inner_texts()]
    assert numbers == list(range(last, 0, -1))

    page.get_by_role("link", name="Read the report").click()
    page.wait_for_url("**/report")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("system-ui")
    assert page.get_by_text("warehouse_stock").count() > 0


def tab_to(page: Page, name: str, limit: int = 80) -> None:
    """Press Tab until the element of this name has the focus; every stop on the way can be seen to have it."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        label, outline = page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.innerText || e.labels?.[0]?.innerText || '', s.outlineStyle]; }"
        )
        assert outline != "none", f"the focus cannot be seen on {label!r}"
        if name in label:
            return
    raise AssertionError(f"no Tab leads to {name!r}")


def test_by_keyboard_alone(open_page: Open, tmp_path: Path) -> None:
    """Past the navigation, to the file, the buttons and the report, with Tab and Enter, and the focus in sight."""
    (tmp_path / "shops.csv").write_text(TABLE)
    page = open_page("/")
    tab_to(page, "Skip to the content", 1)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "Choose files", 2)
    page.locator("#file").set_input_files(tmp_path / "shops.csv")  # the dialog belongs to the system, not to the page
    tab_to(page, "Upload and look at it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/start?upload=*")
    tab_to(page, "Start the run")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/run_*")
    expect(page.locator("#run-state .badge").first).to_have_text(ENDED, timeout=180_000)
    tab_to(page, "Read the report")
    page.keyboard.press("Enter")
    page.wait_for_url("**/report")
    assert page.locator("h1").count() == 1


def test_dropping_a_file_is_choosing_it(open_page: Open) -> None:
    """A dropped file goes the same way."""
    page = open_page("/")
    page.evaluate(
        "(text) => { const t = new DataTransfer(); t.items.add(new File([text], 'dropped.csv'));"
        " document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: t, bubbles: true, cancelable: true})); }",
        TABLE,
    )
    page.wait_for_url("**/start?upload=*")
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped.csv")


def test_without_a_script_everything_can_be_read_and_started(open_page: Open, service: Served, example_run: str) -> None:
    """Every page is complete by GET; starting and cancelling are forms."""
    page = open_page("/", java_script_enabled=False)
    expect(page.get_by_role("link", name="sales_orders.csv").first).to_be_visible()
    assert "curl --data-binary" in page.content()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
    page.locator(f'a[href="/runs/{example_run}"]').click()
    expect(page.locator("#run-state .badge").first).to_have_text(ENDED)
    expect(page.locator(".insights > li").first).to_be_visible()
    page.get_by_role("link", name=re.compile(r"20,000 rows")).click()
    expect(page.locator("table.data tbody tr")).to_have_count(50)
    page.get_by_role("link", name="After").click()
    expect(page.locator("#row-50")).to_be_visible()

    upload_id = service.upload(TABLE.encode(), "shops.csv")
    page.goto(f"/start?upload={upload_id}&choice=manual&plugin=analysis_slow&settings=analysis_slow: {{seconds: 60}}")
    page.get_by_role("button", name="Start the run").click()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
    expect(page.get_by_role("row", name=re.compile(r"shops\.csv")).first).to_be_visible()


def test_a_file_on_this_machine_needs_no_upload(open_page: Open) -> None:
    """From the overview to the allowed folder, to the file, to where its run is started."""
    page = open_page("/", java_script_enabled=False)
    page.get_by_role("link", name="or take a file on this machine").click()
    page.get_by_label("sales_orders.csv").check()
    page.get_by_role("button", name="Read and look at it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sales_orders.csv")
    expect(page.locator("table.data tbody tr")).to_have_count(50)


def test_a_setting_is_set_in_its_field_and_stands_in_the_command(open_page: Open, service: Served) -> None:
    """Checked before anything runs: a wrong value is told at its field, a right one is in the address and in the command."""
    upload_id = service.upload(TABLE.encode(), "shops.csv")
    page = open_page(f"/start?upload={upload_id}")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("analysis_slow, 1 setting").click()
    page.get_by_label("seconds").fill("many")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("alert")).to_contain_text("seconds")
    expect(page.locator(".wrong-words")).to_be_visible()
    page.get_by_label("seconds").fill("0.5")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("--set analysis_slow.seconds=0.5")).to_be_visible()
    assert "set.analysis_slow.seconds=0.5" in page.url


def test_reading_a_finding_without_a_script(open_page: Open, example_run: str) -> None:
    """Facets, one finding with its rows and its query, its column, and back: all by links."""
    page = open_page(f"/runs/{example_run}", java_script_enabled=False)
    page.get_by_role("navigation", name="This run").get_by_role("link", name="Findings").click()
    facet = page.get_by_role("list", name="Column").get_by_role("link", name=re.compile("unit_price"))
    count = int(re.findall(r"\d+", facet.inner_text())[-1])
    facet.click()
    expect(page.locator(".found > li")).to_have_count(count)
    page.get_by_role("link", name=re.compile("too high to belong")).first.click()
    expect(page.locator("pre.sql").first).to_contain_text("SELECT")
    expect(page.locator("table.data td.own").first).to_be_visible()
    page.locator("dl.line a").first.click()
    expect(page.get_by_role("img", name=re.compile("^Histogram of"))).to_be_visible()


def test_a_question_is_a_dialog_that_can_be_left_by_keyboard(open_page: Open, service: Served) -> None:
    """Escape leaves the run as it is and gives the focus back; the button does what the page of its own would do."""
    settings = {"analysis_slow": {"seconds": 60}}
    run_id = service.start(service.upload(TABLE.encode(), "asked.csv"), plugins=["analysis_slow"], settings=settings, force=True)
    page = open_page(f"/runs/{run_id}")
    page.get_by_role("link", name="Cancel…").press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel this run?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.url.endswith(run_id)
    page.get_by_role("link", name="Cancel…").press("Enter")
    dialog.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Cancelled"), timeout=10_000)
