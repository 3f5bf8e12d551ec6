"""Looking closer: into the files of a run, at the tables of one file, at a column over its versions, at what a reader doubts, and
at a plugin: whether it does what it says, where it ran, and whether it may."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from harness_api.pages import columns
from harness_api.pages.column_history import MOST_VERSIONS, history_of
from harness_api.pages.file_tables import tables_of
from harness_api.pages.previews import Doubt, shown_preview
from harness_api.pages.run_files import HEAD_BYTES, SHOWN_LINES, groups_of, look_into
from harness_core.bootstrap import Core
from harness_core.domain.datasets import DatasetVersion, DatasetVersionId
from harness_core.domain.errors import Tampered
from harness_core.domain.runs import Artifact, RunId
from tests.api.conftest import Archive, run_to_its_end


def artifact(data: bytes, media_type: str, path: str = "report.txt") -> tuple[io.BytesIO, Artifact]:
    return io.BytesIO(data), Artifact(RunId("run_1"), "", path, "0" * 64, len(data), media_type)


def test_rows_of_a_file_are_shown_as_a_table() -> None:
    """The first fifty below their heading, quotes understood, and that there are more."""
    look = look_into(*artifact(b'a,b\n"x,1",<b>\n' + b"1,2\n" * 60, "text/csv"))
    assert (look.kind, look.rows[:2], len(look.rows), look.rest) == ("table", [["a", "b"], ["x,1", "<b>"]], 51, True)


@pytest.mark.parametrize(
    ("data", "media_type", "kind", "rest"),
    [
        (b'{\n  "a": 1\n}\n', "application/json", "text", False),
        (b"line\n" * (SHOWN_LINES + 1), "text/plain; charset=utf-8", "text", True),
        (b"x" * (HEAD_BYTES + 1), "text/plain", "text", True),
        (b"\xff\xfe broken", "text/markdown", "text", False),
        (b"", "text/plain", "empty", False),
        (b"<svg/>", "image/svg+xml", "picture", False),
        (b"<p>", "text/html", "none", False),
        (b"PAR1", "application/vnd.apache.parquet", "none", False),
    ],
)
def test_each_kind_of_file_is_shown_as_what_it_is(data: bytes, media_type: str, kind: str, rest: bool) -> None:
    """Text as lines, pictures by the browser, a page never; long and broken ones stay short and readable."""
    look = look_into(*artifact(data, media_type))
    assert (look.kind, look.rest) == (kind, rest)
    assert len(look.lines) <= SHOWN_LINES


def test_a_file_opens_from_the_list_and_what_is_in_it_is_no_markup(archive: Archive) -> None:
    """The page of a file has its hash, its maker and its lines; the list has the input and the dataset version beside it."""
    base = f"/runs/{archive.run_id}/files"
    listed = archive.client.get(base).text
    dataset = archive.core.runs.get(archive.run_id).dataset_version_id
    for link in (f'href="{base}/report.json"', f'href="/datasets/{dataset}#rows-title"', 'href="/start?upload='):
        assert link in listed
    page = archive.client.get(f"{base}/report.html").text
    assert "Files of this type are not shown here" in page
    page = archive.client.get(f"{base}/plugins/analysis_count/output.json").text
    assert "as the run wrote them" in page
    assert "&#34;findings&#34;: [" in page
    missing = archive.client.get(f"{base}/report.jsn", headers={"accept": "text/html"})
    assert (missing.status_code, "did you mean report.json?" in missing.text.lower()) == (404, True)


def test_an_altered_or_dropped_file_is_not_shown(client: TestClient, core: Core, ended: str) -> None:
    """Bytes that are not as recorded are told, not shown; of a run of which only the record is kept, that is told."""
    path = core.store.run_folder(core.runs.get(ended).run_id) / "report.md"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    answer = client.get(f"/runs/{ended}/files/report.md")
    assert (answer.status_code, "is not what the run wrote" in answer.text) == (409, True)


def test_empty_files_are_named_beside_their_maker() -> None:
    """The run's own files come first; of a plugin the empty logs take no row each."""
    paths = ["plugins/b/stderr.log", "report.json", "plugins/a/output.json", "plugins/b/output.json"]
    items = [
        Artifact(
            RunId("run_1"), path.split("/")[1] if "/" in path else "report_x", path, "0" * 64, int("log" not in path), "text/plain"
        )
        for path in paths
    ]
    assert [(group.plugin_id, len(group.files), len(group.empty)) for group in groups_of(items)] == [
        ("", 1, 0), ("a", 1, 0), ("b", 1, 1),
    ]  # fmt: skip


def version(name: str, **reading: Any) -> DatasetVersion:
    return DatasetVersion(DatasetVersionId(name), "a" * 64, name, "dump.sql", "reader 1", reading, (), 1, "0" * 64, 1, 0.0)


def test_the_tables_of_a_dump_lead_to_one_another() -> None:
    """Both ways over a foreign key; a key to a table that was not read says so, and what is of another form is left out."""
    key = {"columns": ["customer"], "table": "customers", "referenced": ["id"]}
    orders = version("dv_o", table="orders", primary_key=["id"], foreign_keys=[key, {**key, "table": "shops"}, "nonsense"])
    customers = version("dv_c", table="customers", foreign_keys="none")
    other = replace(version("dv_x", table="elsewhere"), input_sha256="b" * 64)
    first, second = tables_of(orders, [customers, other, orders])
    assert (first.title, first.referred, second.title, second.primary_key) == ("customers", ["orders"], "orders", ["id"])
    assert [(item.table, item.target) for item in second.references] == [("customers", customers), ("shops", None)]
    assert tables_of(orders, [other]) == []
    assert tables_of(version("dv_csv"), [version("dv_csv_2")]) == []


Moments = Callable[..., list[tuple[str, Any, bool]]]


@pytest.fixture
def moments() -> Moments:
    """The history of column a over runs, newest first, each given as (dataset version, its profile of a)."""

    def seen(*runs: tuple[str, Any]) -> list[tuple[str, Any, bool]]:
        made = [
            SimpleNamespace(run_id=f"run_{place}", dataset_version_id=dataset, profile=profile,
                            config=SimpleNamespace(raw_format="format_1", sample=None))
            for place, (dataset, profile) in enumerate(runs)
        ]  # fmt: skip
        by_id = {item.run_id: item for item in made}

        def columns_of(run: Any) -> dict[str, Any]:
            if run.profile == "altered":
                raise Tampered("tampered", "It was altered.")
            return {"b": {}} if run.profile is None else {"a": run.profile}

        memory = SimpleNamespace(earlier_runs=lambda _scope, _run_id: list(by_id)[1:])
        core = SimpleNamespace(runs=SimpleNamespace(get=by_id.__getitem__), memory=memory)
        service: Any = SimpleNamespace(core=core, reports=SimpleNamespace(columns_of=columns_of))
        first: Any = made[0]
        found = history_of(service, first, "a")
        return [(item.dataset_version_id, item.column and item.column.get("type"), item.changed) for item in found]

    return seen


def test_a_column_is_followed_over_its_versions(moments: Moments) -> None:
    """Each version once, a change of type and a column that was not there are marked, an altered report tells nothing."""
    text, number = {"type": "text", "null_count": 1, "count": 3}, {"type": "integer"}
    found = moments(("dv_3", text), ("dv_3", text), ("dv_2", number), ("dv_x", "altered"), ("dv_1", number), ("dv_0", None))
    assert found == [("dv_3", "text", True), ("dv_2", "integer", False), ("dv_1", "integer", True), ("dv_0", None, False)]
    assert moments(("dv_1", text), ("dv_1", text)) == [], "one version has no history"
    assert len(moments(*((f"dv_{place}", text) for place in range(20)))) == MOST_VERSIONS


def test_what_a_reader_doubts_is_read_whatever_it_hands_over() -> None:
    """A note with its values and rows; what is of another form is left out, and a column without a note has no doubt."""
    columns = [
        {"name": "a", "type": "text", "note": "Kept as text.", "counter_examples": [{"row": 7, "value": "x"}, {"row": "?"}, 3]},
        {"name": "b", "type": "text", "note": "Only a word."},
        {"name": "c", "type": "integer"},
    ]
    shown = shown_preview({"columns": columns}).doubts
    assert shown == [Doubt("a", "Kept as text.", [(7, "x")]), Doubt("b", "Only a word.", [])]


def test_a_plugin_is_disabled_after_a_question_and_enabled_where_that_is_said(client: TestClient, ended: str) -> None:
    """GET asks and changes nothing; POST does it; every place that names the plugin says so, and one press takes it back."""
    upload_id = client.get(f"/api/v1/runs/{ended}").json()["inputs"][0]["upload_id"]
    place, start = "/plugins/analysis_count", f"/start?upload={upload_id}"
    assert "Disable this plugin?" in client.get(f"{place}/disable").text
    assert client.get("/api/v1/plugins/analysis_count").json()["enabled"] is True
    answer = client.post(f"{place}/disable", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert f'action="{place}/enable"' in client.get(place).text
    assert "Disabled" in client.get("/plugins").text
    assert "is disabled: it takes part in no run" in client.get(start).text
    assert 'value="analysis_count"' not in client.get(start).text
    listed = client.get("/api/v1/plugins").json()["plugins"]
    assert [item["plugin_id"] for item in listed if item["valid"] and not item["enabled"]] == ["analysis_count"]
    client.post(f"{place}/enable")
    assert "is disabled" not in client.get(start).text
    for word in ("enable", "disable"):
        assert client.post(f"/api/v1/plugins/nothing/{word}").status_code == 404
        assert client.post(f"/plugins/nothing/{word}").status_code == 404
    assert client.post("/api/v1/plugins/analysis_count/disable").json() == {"plugin_id": "analysis_count", "enabled": False}


def test_a_disabled_plugin_takes_part_in_no_run(client: TestClient, core: Core) -> None:
    """Of a run that is left to the planner nothing is said of it; in one that names it, it is blocked."""
    client.post("/plugins/analysis_count/disable")
    run_id = run_to_its_end(core, client, content=b"a\n1\n")
    assert "analysis_count" not in {item["plugin_id"] for item in client.get(f"/api/v1/runs/{run_id}").json()["executions"]}
    run_id = run_to_its_end(core, client, content=b"a\n1\n", plugins=["analysis_count"])
    (found,) = [item for item in client.get(f"/api/v1/runs/{run_id}").json()["executions"] if item["plugin_id"] == "analysis_count"]
    assert (found["status"], found["error"]["type"]) == ("BLOCKED", "PluginDisabled")


def test_a_plugins_page_says_where_it_ran_and_validates_it(archive: Archive) -> None:
    """The run with what it said there; validating shows each check, and a plugin that did not run says so."""
    page = archive.client.get("/plugins/analysis_count").text
    assert f'href="/runs/{archive.run_id}"' in page
    assert "Counted." in page
    checked = archive.client.post("/plugins/analysis_count/validate").text
    assert "It does what it says" in checked
    assert "Smoke run" in checked
    assert json.dumps(archive.client.get("/api/v1/plugins/analysis_count").json()["enabled"]) == "true"


def test_a_column_of_another_table_leads_to_that_table(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings name it with the role of its table; a column that no table has is still told to be none."""
    run, report = columns.ended_report(archive.client.app.state.service, archive.run_id)  # type: ignore[attr-defined]
    beside = {"role": "customers", "dataset_version_id": "dv_customers", "columns": [{"name": "city"}]}
    document = {**(report.document or {}), "datasets": [*(report.document or {})["datasets"], beside]}
    monkeypatch.setattr(columns, "ended_report", lambda *_: (run, replace(report, document=document)))
    answer = archive.client.get(f"/runs/{archive.run_id}/columns/customers.city", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/datasets/dv_customers")
    assert archive.client.get(f"/runs/{archive.run_id}/columns/customers.street").status_code == 404
