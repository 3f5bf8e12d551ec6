"""Pin, delete and undo on the pages and over HTTP, for one and for many: nothing is lost before its grace is over."""

import csv
import io

from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from tests.api.conftest import Archive, run_to_its_end


def listed(client: TestClient, query: str = "") -> set[str]:
    return {item["run_id"] for item in client.get(f"/api/v1/runs{query}").json()["runs"]}


def test_a_run_is_pinned_deleted_and_back(client: TestClient, ended: str) -> None:
    """A pin stands against deletion; a deleted run is in no list, still has its page, and comes back whole."""
    assert client.post(f"/api/v1/runs/{ended}/pin").json()["pinned"] is True
    refused = client.delete(f"/api/v1/runs/{ended}")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_pinned")
    assert client.post(f"/api/v1/runs/{ended}/unpin").json()["pinned"] is False
    assert client.delete(f"/api/v1/runs/{ended}").json()["deleted_at"]
    assert ended not in listed(client)
    assert ended in listed(client, "?deleted=true")
    assert "Undo" in client.get(f"/runs/{ended}").text
    assert client.post(f"/api/v1/runs/{ended}/undelete").json()["deleted_at"] is None
    assert ended in listed(client)


def test_the_page_of_a_run_deletes_it_and_takes_that_back(client: TestClient, ended: str) -> None:
    """Without a question, because the page that follows has the way back."""
    for action, there in (("delete", False), ("undelete", True), ("pin", True), ("unpin", True)):
        answer = client.post(f"/runs/{ended}/{action}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{ended}")
        assert (ended in listed(client)) is there


def test_many_at_once_and_their_undo(client: TestClient, core: Core) -> None:
    """All that a view shows: what does not fit the action is left and counted, and the undo names exactly those that changed."""
    runs = [run_to_its_end(core, client, f"{name}.csv") for name in ("one", "two", "other")]
    client.post(f"/runs/{runs[1]}/pin")
    page = client.post("/runs/bulk", data={"action": "delete", "all": "1"}).text
    assert "2 runs are deleted." in page
    assert "1 is left as it was" in page
    assert listed(client) == {runs[1]}
    ids = page.partition('name="ids" value="')[2].partition('"')[0]
    assert set(ids.split()) == {runs[0], runs[2]}
    client.post("/runs/bulk", data={"action": "undelete", "ids": ids})
    assert listed(client) == set(runs)


def test_only_what_the_view_shows(client: TestClient, core: Core) -> None:
    """The filter stands in the address of the form."""
    runs = [run_to_its_end(core, client, f"{name}.csv") for name in ("one", "other")]
    client.post("/runs/bulk?q=other", data={"action": "delete", "all": "1"})
    assert listed(client) == {runs[0]}
    assert client.get("/runs/bulk?q=other", follow_redirects=False).headers["location"] == "/runs?q=other"


def test_what_cannot_be_undone_is_asked_about(client: TestClient, core: Core, upload_id: str) -> None:
    """Cancelling many runs names how many, and happens on the second press."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    question = client.post("/runs/bulk", data={"action": "cancel", "run": run_id}).text
    assert "Cancel 1 run?" in question
    assert str(core.runs.get(run_id).status) == "QUEUED"
    client.post("/runs/bulk", data={"action": "cancel", "ids": run_id, "sure": "1"})
    assert str(core.runs.get(run_id).status) == "CANCELLED"
    assert client.post("/runs/bulk", data={"action": "destroy", "run": run_id}).status_code == 404


def test_several_runs_over_http_are_all_or_none(client: TestClient, ended: str) -> None:
    """One that is not there, and nothing has changed."""
    answer = client.post("/api/v1/runs/delete", json={"run_ids": [ended, "run_none_at_all"]})
    assert answer.status_code == 404
    assert ended in listed(client)
    assert client.post("/api/v1/runs/delete", json={"run_ids": [ended]}).json()["grace_days"] > 0
    assert client.post("/api/v1/runs/undelete", json={"run_ids": [ended]}).json()["runs"][0]["run_id"] == ended


def test_a_dataset_version_is_deleted_and_back(client: TestClient, ended: str) -> None:
    """Over HTTP and on its page."""
    name = client.get(f"/api/v1/runs/{ended}").json()["dataset_version_id"]
    assert client.delete(f"/api/v1/datasets/{name}").json()["deleted_at"]
    assert client.get("/api/v1/datasets").json()["datasets"] == []
    assert "Undo" in client.get(f"/datasets/{name}").text
    assert f"/datasets/{name}" in client.get("/datasets?deleted=1").text
    client.post(f"/datasets/{name}/undelete")
    assert [item["dataset_version_id"] for item in client.get("/api/v1/datasets").json()["datasets"]] == [name]
    client.post(f"/datasets/{name}/delete")
    assert client.post(f"/api/v1/datasets/{name}/undelete").json()["deleted_at"] is None


def test_the_view_as_a_file_has_all_its_rows(archive: Archive) -> None:
    """And says how many in its name."""
    answer = archive.client.get("/runs.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert archive.run_id in {row["run_id"] for row in rows}
    assert answer.headers["x-row-count"] == str(len(rows))
    assert f"runs-{len(rows)}-rows.csv" in answer.headers["content-disposition"]


def test_the_same_bytes_are_said(client: TestClient, core: Core) -> None:
    """Two runs with one fingerprint and one report: the badge stands in the list, on the overview and on the run."""
    first, second = run_to_its_end(core, client), run_to_its_end(core, client, force=True)
    assert core.runs.get(first).fingerprint == core.runs.get(second).fingerprint
    for path in ("/runs", "/", f"/runs/{second}"):
        assert "same bytes in 2 runs" in client.get(path).text


def test_another_report_of_the_same_fingerprint_is_told(client: TestClient, core: Core) -> None:
    """A hash in the registry that differs from its twin's turns the badge."""
    second = [run_to_its_end(core, client), run_to_its_end(core, client, force=True)][1]
    with core.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE artifact SET sha256 = 'f' || substr(sha256, 2) WHERE run_id = ? AND path = 'report.json'", (second,)
        )
    assert "bytes differ" in client.get("/runs").text


def test_the_card_says_what_ran(archive: Archive) -> None:
    """Input, dataset, fingerprint, seed, engine, plugins with their code and the command: all of it can be copied as text."""
    run = archive.core.runs.get(archive.run_id)
    text = archive.client.get(f"/runs/{archive.run_id}").text
    copied = text.partition('id="what-title"')[2].partition('data-copy="')[2].partition('"')[0]
    code = [digest[:12] for name, digest in run.config.code.items() if name in ("ingest_small", "analysis_count")]
    for words in (run.run_id, run.fingerprint, run.config.inputs[0].sha256, str(run.resolved_seed), "harness run", "duckdb", *code):
        assert words in copied
    for words in ("off: every row is read", str(run.dataset_version_id), run.fingerprint[7:19]):
        assert words in text
