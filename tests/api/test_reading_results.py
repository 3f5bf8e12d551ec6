"""Reading what a run found: facets that count what they leave, permalinks, the view as a file, and settings as fields."""

import csv
import io
import json
import shlex
from typing import Any

import pytest
from fastapi.testclient import TestClient

from harness_api.pages.findings import View, facets, found, view_of
from harness_api.pages.forms import command_line
from harness_api.pages.setting_fields import settings_from, value_of
from harness_api.pages.start import schema_differences
from harness_api.pages.words import coded, needs, number, sureness
from harness_core.bootstrap import Core
from harness_core.domain.settings_resolution import layer_of
from harness_core.services.submitting import Submission
from tests.api.conftest import Archive


def finding(id_: str, severity: str = "notice", columns: tuple[str, ...] = ("a",), **more: Any) -> dict[str, Any]:
    return {"id": id_, "severity": severity, "plugin_id": "p", "kind": "outlier", "columns": list(columns), "title": id_,
            "statement": f"About {id_}.", **more}  # fmt: skip


FINDINGS = [finding("one"), finding("two", "critical", ("a", "b")), finding("three", plugin_id="q", kind="trend")]


def test_facets_count_what_choosing_them_would_leave() -> None:
    """Each facet under all other filters; choosing one shows exactly as many as it said."""
    view = View(severity="notice")
    shown = {facet["name"]: {option["value"]: option["count"] for option in facet["options"]} for facet in facets(FINDINGS, view)}
    assert shown == {"severity": {"critical": 1, "notice": 2}, "plugin": {"p": 1, "q": 1}, "kind": {"outlier": 1, "trend": 1},
                     "column": {"a": 2}}  # fmt: skip
    for facet in facets(FINDINGS, View()):
        for option in facet["options"]:
            query = dict(part.split("=") for part in option["url"].removeprefix("?").split("&"))
            assert len(found(FINDINGS, view_of(query))) == option["count"]


def test_the_address_is_the_view() -> None:
    """Worst first unless asked otherwise; words find statements; a strange sort or start is passed over."""
    assert [item["id"] for item in found(FINDINGS, View())] == ["two", "one", "three"]
    assert [item["id"] for item in found(FINDINGS, view_of({"q": "ABOUT TH"}))] == ["three"]
    assert view_of({"sort": "x", "start": "-3"}) == View()
    assert View(plugin="p", start=100).query(kind="trend") == "?plugin=p&kind=trend"


def test_every_page_of_a_run_can_be_read(archive: Archive) -> None:
    """Findings and their permalinks, logs, files, configuration, lineage, and a comparison with itself."""
    listed = archive.client.get(f"/api/v1/runs/{archive.run_id}/findings").json()
    assert listed["count"] == listed["of"] == len(listed["findings"]) > 0
    permalink = f"/runs/{archive.run_id}/findings/{listed['findings'][0]['id']}"
    text = archive.client.get(permalink).text
    assert listed["findings"][0]["statement"] in text
    assert "SELECT count(*) FROM data" in text
    for path in ("findings", "columns", "logs", "files", "config", "lineage"):
        answer = archive.client.get(f"/runs/{archive.run_id}/{path}")
        assert (answer.status_code, 'aria-current="page"' in answer.text) == (200, True)
    same = archive.client.get(f"/compare?a={archive.run_id}&b={archive.run_id}").text
    assert "No difference" in same
    assert archive.client.get(f"/api/v1/compare?a={archive.run_id}&b={archive.run_id}").json()["equal"] is True


@pytest.mark.parametrize("path", ["findings/f_0000000000000000", "columns/none", "logs?file=none", "nothing"])
def test_what_is_not_there_is_told(archive: Archive, path: str) -> None:
    """A page of its own with a next step, never an empty one."""
    answer = archive.client.get(f"/runs/{archive.run_id}/{path}", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "What to do" in answer.text or path == "nothing"


def test_an_export_has_the_rows_of_its_view(archive: Archive) -> None:
    """As many rows as the view has findings; a text that a spreadsheet would compute is made harmless."""
    url = f"/api/v1/runs/{archive.run_id}/findings"
    rows = list(csv.DictReader(io.StringIO(archive.client.get(f"{url}?format=csv").text)))
    assert [row["id"] for row in rows] == [item["id"] for item in archive.client.get(url).json()["findings"]]
    assert archive.client.get(f"{url}?severity=none").json()["count"] == 0
    from harness_api.tables import _cell

    assert [_cell(value) for value in ("=1+1", "-2", "plain", -2, None)] == ["'=1+1", "'-2", "plain", -2, ""]


def test_a_run_without_a_report_says_so(client: TestClient, upload_id: str) -> None:
    """Before its end there is nothing to read, and the page says what to do."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    answer = client.get(f"/runs/{run_id}/findings", headers={"accept": "text/html"})
    assert (answer.status_code, "has no report to read" in answer.text) == (404, True)
    assert client.get(f"/runs/{run_id}/logs").status_code == 200
    assert client.get(f"/runs/{run_id}/config").status_code == 200


def test_a_damaged_report_is_refused_on_every_page(core: Core, client: TestClient, ended: str) -> None:
    """What it says would not be what the run found."""
    report = core.settings.home / "runs" / ended / "report.json"
    report.chmod(0o644)
    document = json.loads(report.read_bytes())
    report.write_text(json.dumps(document | {"status": "FAILED"}))
    assert "is not what the run wrote" in client.get(f"/runs/{ended}").text
    for path in (f"/runs/{ended}/findings", f"/compare?a={ended}&b={ended}"):
        assert client.get(path).status_code == 409


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("3", {"type": "integer"}, 3), ("0.5", {"type": "number"}, 0.5), ("true", {"type": "boolean"}, True),
        ("007", {"type": "string"}, "007"), ("many", {"type": "integer"}, "many"), ('["a"]', {"type": "array"}, ["a"]),
        ("true", {"enum": ["auto", True, "true"]}, True), ("2", {"type": ["string", "integer"]}, 2),
        ("Sheet 2", {"type": ["string", "integer"]}, "Sheet 2"),
    ],
)  # fmt: skip
def test_what_is_typed_is_read_by_the_type_of_its_setting(text: str, schema: dict[str, Any], value: Any) -> None:
    """What cannot be read so stays as it was typed, for the schema to refuse in its words."""
    assert value_of(text, schema) == value
    assert settings_from([("set.p.key", text), ("set.p.other", " "), ("seed", "3")], {}) == {"p": {"key": text}}


def test_settings_for_a_plugin_that_does_not_run_are_refused(client: TestClient, upload_id: str) -> None:
    """They would be without effect; what is wrong is named, and nothing is recorded."""
    body = {"upload_id": upload_id, "plugins": ["profile_small"], "settings": {"analysis_count": {}}}
    answer = client.post("/api/v1/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_configuration")
    assert answer.json()["problems"][0]["field"] == "analysis_count"
    assert client.get("/api/v1/runs").json()["runs"] == []


def test_a_file_is_compared_with_the_last_of_its_name(client: TestClient, core: Core, ended: str) -> None:
    """Columns that came, went and changed are told before anything runs; an identical run is offered."""
    assert schema_differences({"a": "integer", "b": "text", "c": "date"}, {"c": "date", "a": "text", "d": "float"}) == [
        "“d” is new (float)", "“b” is gone (text)", "“a” was integer and is text", "the columns stand in another order",
    ]  # fmt: skip
    again = core.runs.get(ended).config.inputs[0].upload_id
    assert "This very run is there already" in client.get(f"/start?upload={again}").text


def test_numbers_and_sentences_are_written_for_people() -> None:
    """Thousands told apart, no digits nobody asked for, code as code, and nothing that escapes escaping."""
    assert [number(value) for value in (1234567, 0.123456, 12345.67, 3.0, None, True, "x")] == [
        "1,234,567", "0.1235", "12,345.7", "3", "–", "yes", "x",
    ]  # fmt: skip
    assert coded("Run `a <b>`, then wait.") == "Run <code>a &lt;b&gt;</code>, then wait."
    assert coded("One ` alone <") == "One ` alone &lt;"
    assert needs({"rows": 200, "temporal": 1}) == "200 rows and 1 column of dates or times"
    claim = {"measure": "MEASURED", "confidence": 0.9, "statistics": {"p_value": 1e-9, "effect": {"name": "a_b", "value": 2.5}}}
    assert sureness(claim) == [("Basis", "measured"), ("Confidence", "90 %"), ("A b", "2.5"), ("p", "below 0.0001")]


def test_the_command_gives_the_settings_back() -> None:
    """What stands on the page, read as the command line reads it, is the very same: words that look like numbers, lists, quotes."""
    settings = {
        "p": {
            "a": 3,
            "b": "3",
            "c": "true",
            "d": ["x, y", 1],
            "e": "it's “so”: yes",
            "f": {"k.1": None},
            "g.h": "",
            "i": 0.5,
            "j": False,
        }
    }
    asked = Submission(["u"], plugins=["q", "p"], settings=settings, seed=7, reuse=False, presets=("one", "two"), sample=0.25)
    words = shlex.split(command_line(asked, ["a file.csv"]))
    assert layer_of(words[place + 1] for place, word in enumerate(words) if word == "--set") == settings
    assert words[:5] == ["harness", "run", "a file.csv", "--plugins", "p,q"]
    assert words[-9:] == ["--preset", "one", "--preset", "two", "--sample", "0.25", "--seed", "7", "--force"]
