"""ERPs, presets, raw formats and decisions on the pages and over HTTP: written, changed, compared, removed and put back."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from harness_api.pages.remembered_forms import kept_form
from harness_core.bootstrap import Core, open_core
from harness_core.settings import read_settings
from tests.api.conftest import Archive, client_of, run_to_its_end

ISSUE = {"id": "minus", "kind": "sentinel", "columns": ["a"], "condition": "a < 0", "severity": "warning"}
OUTLIERS = {"analysis_outliers": {"significance": 0.001}}


@pytest.fixture
def full(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client of a home with the product's own plugins: settings need something that they set."""
    core = open_core(read_settings({}, home=tmp_path_factory.mktemp("full")), queue_url="memory://")
    yield client_of(core)
    core.close()


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*>([^<]*)</textarea>', page)
    assert found
    return found[1].replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize(
    ("place", "document"),
    [
        ("erps/north", {"title": "North", "known_issues": [ISSUE], "roles": {"a": "measure"}, "settings": OUTLIERS}),
        ("presets/strict", {"settings": OUTLIERS, "roles": {"a": "measure"}, "notes": "Strict."}),
        ("formats/shop", {"headers": [[{"name": "a", "type": "number"}]], "roles": {"a": "measure"}}),
    ],
)
def test_written_removed_and_put_back(full: TestClient, place: str, document: dict[str, Any]) -> None:
    """Saying it again changes nothing; what was removed comes back from what its removal gave, as a document and on its page."""
    address = f"/api/v1/{place}"
    assert full.put(address, json=document).json()["state"] == "saved"
    assert full.put(address, json=document).json()["state"] == "unchanged"
    shown = full.get(address).json()
    assert shown["roles"] == {"a": "measure"}
    assert full.put(address + "?new=true", json={**document, "roles": {}}).status_code == 409
    assert "schema_version" in full.get(f"{address}?format=yaml").text
    gone = full.delete(address).json()
    assert (gone["state"], full.get(address).status_code) == ("removed", 404)
    assert full.put(address, json=gone["document"]).json()["state"] == "saved"
    page = full.post(f"/{place}/remove").text
    assert full.get(address).status_code == 404
    back = full.post("/remembered", data={"document": hidden(page, "document"), "restore": "1"}, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, f"/{place}")
    assert full.get(address).json() == shown


@pytest.mark.parametrize(
    ("place", "document", "field"),
    [
        ("erps/north", {"known_issues": [{"id": "x", "kind": "sentinel"}]}, "condition"),
        ("erps/north", {"settings": {"analysis_outlierz": {}}}, "analysis_outlierz"),
        ("presets/strict", {"settings": {"analysis_outliers": {"significance": "many"}}}, "significance"),
        ("formats/shop", {"headers": []}, "headers"),
        ("presets/strict", {"name": "other", "settings": OUTLIERS}, ""),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(full: TestClient, place: str, document: dict[str, Any], field: str) -> None:
    """Every problem with its place, and nothing is kept."""
    answer = full.put(f"/api/v1/{place}", json=document)
    assert answer.status_code == 422
    assert field in str(answer.json()["problems"]) + answer.json()["title"]
    assert full.get(f"/api/v1/{place}").status_code == 404


def test_a_preset_is_written_changed_and_compared_in_forms(full: TestClient) -> None:
    """Fields are settings; what stood in the form stands in it again; what applying it changes is told before it is applied."""
    form = {"name": "strict", "set.analysis_outliers.significance": "0.001", "notes": "Yearly."}
    assert full.post("/presets", data=form, follow_redirects=False).headers["location"] == "/presets/strict"
    assert full.get("/api/v1/presets/strict").json()["settings"] == OUTLIERS
    assert 'value="0.001"' in full.get("/presets/strict/edit").text
    changes = full.get("/api/v1/presets/strict/diff").json()["changes"]
    assert changes == [{"plugin_id": "analysis_outliers", "setting": "significance", "before": 0.005, "after": 0.001}]
    changed = {"set.analysis_outliers.significance": "0.002", "role_column": "a", "role": "measure"}
    full.post("/presets/strict", data=changed)
    shown = full.get("/api/v1/presets/strict").json()
    assert (shown["settings"]["analysis_outliers"], shown["roles"], shown["notes"]) == (
        {"significance": 0.002},
        {"a": "measure"},
        "",
    )
    wrong = full.post("/presets/strict", data={"set.analysis_outliers.significance": "many"})
    assert (wrong.status_code, 'value="many"' in wrong.text) == (422, True)
    assert full.post("/presets", data={"name": "empty"}).status_code == 422


def test_settings_survive_their_form(full: TestClient) -> None:
    """Whatever a field would not give back as it was stands in the YAML beside the fields, and so is not lost by saving."""
    core: Core = full.app.state.service.core  # type: ignore[attr-defined]
    odd: dict[str, Any] = {"ingest_tabular": {"delimiter": "", "sheet": "007"}, "gone_plugin": {"x": 1}, **OUTLIERS}
    form = kept_form(core, odd, {}, "")
    fields = {field.key: field.value for _, items, _ in form.settings for field in items if field.value}
    assert fields == {"sheet": "007", "significance": "0.001"}
    assert "gone_plugin" in form.settings_text
    assert "delimiter: ''" in form.settings_text.replace('""', "''")


def test_a_known_issue_is_written_removed_and_put_back(full: TestClient) -> None:
    """On the page of its ERP; a mistake comes back in the form."""
    full.post("/erps", data={"name": "north", "title": "North"})
    assert full.post("/erps/north/issue", data={"id": "minus", "kind": "sentinel"}).status_code == 422
    full.post("/erps/north/issue", data={**ISSUE, "columns": "a"})
    issues = full.get("/api/v1/erps/north").json()["known_issues"]
    assert issues == [{**ISSUE, "title": "minus"}]
    page = full.post("/erps/north/issue/remove", data={"id": "minus"}).text
    assert full.get("/api/v1/erps/north").json()["known_issues"] == []
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    full.post("/erps/north/issue", data={name: value.replace("&lt;", "<") for name, value in form.items()})
    assert full.get("/api/v1/erps/north").json()["known_issues"] == issues


def test_a_format_is_seen_named_and_given_roles(client: TestClient, core: Core, ended: str) -> None:
    """A new name keeps what it is recognised by; the columns of a dataset version that it has already teach it nothing."""
    core.knowledge.see_format((("a", "text"), ("b", "text")), "table.csv")
    (seen,) = client.get("/api/v1/formats").json()["formats"]
    form = {"name": "shops", "role_column": ["a", "b"], "role": ["identifier", ""], "notes": "Monthly."}
    answer = client.post(f"/formats/{seen['name']}", data=form, follow_redirects=False)
    assert answer.headers["location"] == "/formats/shops"
    (kept,) = client.get("/api/v1/formats").json()["formats"]
    assert (kept["format_id"], kept["name"], kept["roles"]) == (seen["format_id"], "shops", {"a": "identifier"})
    assert "Monthly." in client.get("/formats/shops").text
    dataset = client.get(f"/api/v1/runs/{ended}").json()["dataset_version_id"]
    again = client.post(f"/api/v1/formats/shops/headers?dataset_version_id={dataset}").json()
    assert again["state"] == "unchanged"


def test_roles_are_given_before_the_run_and_remembered(full: TestClient) -> None:
    """For this very file: the form is as it was, and the next run of the same bytes has them too."""
    client, core = full, full.app.state.service.core  # type: ignore[attr-defined]
    upload_id = client.post("/api/v1/uploads?filename=table.csv", content=b"a,b\n1,x\n2,y\n3,x\n").json()["upload_id"]
    back = f"upload={upload_id}&seed=7"
    form = {"upload": upload_id, "back": back, "role_column": ["a", "b"], "role": ["identifier", ""]}
    answer = client.post("/start/roles", data=form, follow_redirects=False)
    assert answer.headers["location"] == f"/start?{back}#roles-title"
    assert core.knowledge.dataset_roles(core.library.upload(upload_id).sha256) == {"a": "identifier"}
    assert re.search(r'<option value="identifier" selected>', client.get(f"/start?{back}").text)
    assert client.post("/start/roles", data={**form, "back": "//elsewhere"}).status_code == 422


def test_roles_over_http(client: TestClient, ended: str) -> None:
    """Those that are named change; a column or a role that is not there is refused."""
    address = f"/api/v1/datasets/{client.get(f'/api/v1/runs/{ended}').json()['dataset_version_id']}/roles"
    assert client.put(address, json={"roles": {"a": "flag", "b": "text"}}).json()["roles"] == {"a": "flag", "b": "text"}
    assert client.put(address, json={"roles": {"a": None}}).json()["roles"] == {"b": "text"}
    assert client.put(address, json={"roles": {"none": "flag"}}).json()["code"] == "no_such_column"
    assert client.put(address, json={"roles": {"b": "flagg"}}).json()["code"] == "bad_role"
    assert client.get(address).json()["roles"] == {"b": "text"}


def test_the_difference_to_the_last_run_is_told(client: TestClient, core: Core, upload_id: str) -> None:
    """Of a file of the same name: what is configured otherwise, before anything runs."""
    last = run_to_its_end(core, client)
    text = client.get(f"/start?upload={upload_id}&seed=7").text
    assert "1 difference to the last run" in text
    assert f"/runs/{last}" in text


def test_a_decision_is_made_from_a_finding_and_taken_back(archive: Archive) -> None:
    """It says what it covers; taking it back gives the form that makes it again."""
    client = archive.client
    finding = client.get(f"/api/v1/runs/{archive.run_id}/findings").json()["findings"][0]
    assert 'action="/decisions"' in client.get(f"/runs/{archive.run_id}/findings/{finding['id']}").text
    form = {"state": "accepted", "kind": finding["kind"], "reason": "We know.", "scope": "", "until": ""}
    client.post("/decisions", data=form)
    (decision, _) = archive.core.insights.decisions()[-1]
    assert (decision.reason, decision.expires_at) == ("We know.", None)
    assert "We know." in client.get("/decisions").text
    page = client.post(f"/decisions/{decision.decision_id}/remove").text
    assert archive.core.insights.decisions() == []
    client.post("/decisions", data=dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)))
    assert [item.reason for item, _ in archive.core.insights.decisions()] == ["We know."]
    archive.core.memory.remove_decision(archive.core.insights.decisions()[0][0].decision_id)
    assert client.post("/decisions", data={**form, "state": "burnt"}).status_code == 422
