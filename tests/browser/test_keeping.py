"""What is remembered, kept and undone in the browser: without a script, by keyboard, and with the keys that lead to places."""

import re

from playwright.sync_api import expect

from tests.api.serving import Served
from tests.browser.conftest import Open
from tests.browser.test_journey import TABLE, tab_to
from tests.fakes.running import until


def test_a_preset_of_a_run_is_kept_removed_and_put_back(open_page: Open, example_run: str) -> None:
    """From the configuration of a run to a name, without a script; its removal can be undone where it is told."""
    page = open_page(f"/runs/{example_run}/config", java_script_enabled=False)
    page.get_by_role("link", name="Keep them as a preset…").click()
    page.get_by_label("Name", exact=True).fill("kept")
    page.get_by_text("analysis_outliers,").click()
    page.get_by_role("textbox", name="significance", exact=True).fill("0.002")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kept")
    expect(page.get_by_role("group", name=re.compile("of a run")).get_by_text("0.005")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kept is removed")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kept")
    page.get_by_role("button", name="Remove").click()


def test_an_erp_by_keyboard_alone(open_page: Open, service: Served) -> None:
    """Tab and Enter, from the list to the saved ERP; a name that cannot be one never leaves the form."""
    page = open_page("/erps")
    tab_to(page, "New ERP")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new/erp")
    tab_to(page, "Name")
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('name').validity.patternMismatch")
    page.locator("#name").fill("keys")
    page.locator("#name").focus()
    tab_to(page, "Title")
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    page.wait_for_url("**/erps/keys")
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed")
    service.client.delete("/api/v1/erps/keys")


def test_runs_are_deleted_and_the_deletion_is_undone(open_page: Open, service: Served) -> None:
    """One on its page, several in the list; each says what was done, and one press takes it back."""
    runs = [service.start(service.upload(TABLE.encode(), f"undo_{number}.csv"), plugins=["analysis_outliers"]) for number in (1, 2)]
    for run_id in runs:
        until(lambda run_id=run_id: service.client.get(f"/api/v1/runs/{run_id}").json()["ended"], "the run has ended")
    page = open_page(f"/runs/{runs[0]}")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text="Deleted on")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Pin")).to_be_visible()

    page.goto("/runs?q=undo_")
    for box in page.get_by_role("checkbox", name=re.compile("Choose undo_")).all():
        box.check()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("status").filter(has_text="2 runs are deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name=re.compile("undo_"))).to_have_count(2)


def test_a_claim_is_checked_where_it_stands(open_page: Open, service: Served, example_run: str) -> None:
    """The button beside the evidence runs its queries again, and says what came of it."""
    finding = service.client.get(f"/api/v1/runs/{example_run}/findings").json()["findings"][0]["id"]
    page = open_page(f"/runs/{example_run}/findings/{finding}", java_script_enabled=False)
    page.get_by_role("button", name="Check this claim").click()
    expect(page.locator("#checked")).to_contain_text("This claim holds.")


def test_keys_lead_to_places_until_they_are_switched_off(open_page: Open) -> None:
    """Two keys to the runs, one to the search field, none while something is typed; a switch under Help ends it for this browser."""
    page = open_page("/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs")
    page.keyboard.press("/")
    page.keyboard.type("g?d")
    expect(page.get_by_label("File name or run id")).to_have_value("g?d")
    page.goto("/help")
    page.get_by_label("Single keys do this in this browser").uncheck()
    page.goto("/runs")
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.url.endswith("/runs")
