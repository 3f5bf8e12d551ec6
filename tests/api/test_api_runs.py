"""Runs over HTTP: strict requests, one run per key, pages that neither skip nor repeat."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from harness_core.domain.erp import Erp
from harness_core.domain.runs import RunId, RunStatus, WorkerId


def test_a_run_is_accepted_with_its_address(client: TestClient, upload_id: str) -> None:
    """202, an id, and a Location that shows it waiting, with the reason."""
    answer = client.post("/api/v1/runs", json={"upload_id": upload_id})
    assert answer.status_code == 202
    shown = client.get(answer.headers["location"]).json()
    assert (shown["run_id"], shown["status"]) == (answer.json()["run_id"], "QUEUED")
    assert "No worker is running" in shown["waiting_because"]
    assert {item["plugin_id"] for item in shown["executions"]} == {"ingest_small", "profile_small", "planner_small"}


def test_the_same_key_is_the_same_run(client: TestClient, upload_id: str) -> None:
    """Sent twice it is one run; with another body it is a conflict."""
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/api/v1/runs", json={"upload_id": upload_id}, headers=headers)
    again = client.post("/api/v1/runs", json={"upload_id": upload_id}, headers=headers)
    other = client.post("/api/v1/runs", json={"upload_id": upload_id, "seed": 7}, headers=headers)
    assert first.json()["run_id"] == again.json()["run_id"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len(client.get("/api/v1/runs").json()["runs"]) == 1


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        ({"plugin": []}, "plugin", "did you mean plugins?"),
        ({"sead": 1}, "sead", "did you mean seed?"),
        ({"seed": "1"}, "seed", ""),
        ({"seed": -1}, "seed", ""),
        ({"settings": []}, "settings", ""),
        ({"reuse": True, "force": True}, "", ""),
    ],
)
def test_a_request_is_read_strictly(client: TestClient, upload_id: str, body: dict[str, object], field: str, remedy: str) -> None:
    """A key nobody knows, or a value of another type, is refused by name, and nothing is recorded."""
    answer = client.post("/api/v1/runs", json={"upload_id": upload_id, **body})
    problem = answer.json()["problems"][0]
    assert (answer.status_code, problem["field"], problem["remedy"]) == (422, field, remedy)
    assert client.get("/api/v1/runs").json() == {"runs": [], "next": None}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"upload_id": "upload_none"}, 404, "no_such_upload"),
        ({"plugins": ["analysis_cuont"]}, 422, "no_such_plugin"),
        ({"settings": {"analysis_count": {"x": 1}}}, 422, "bad_configuration"),
    ],
)
def test_what_cannot_run_is_not_recorded(
    client: TestClient, upload_id: str, body: dict[str, object], status: int, code: str
) -> None:
    """Unknown uploads, plugins and settings are told before there is a run."""
    answer = client.post("/api/v1/runs", json={"upload_id": upload_id, **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["next_step"]
    assert client.get("/api/v1/runs").json()["runs"] == []


def test_an_unreadable_file_is_refused_before_the_run(client: TestClient) -> None:
    """The look at the file happens first; its own message comes through."""
    upload = client.post("/api/v1/uploads?filename=empty.csv", content=b"").json()["upload_id"]
    answer = client.post("/api/v1/runs", json={"upload_id": upload})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")
    assert client.get("/api/v1/runs").json()["runs"] == []


def test_pages_neither_skip_nor_repeat(client: TestClient, core: Core, upload_id: str) -> None:
    """Walking the pages gives every run once, newest first, also where times are equal."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    first = core.runs.get(run_id)
    for index in range(12):
        core.runs.create(replace(first, run_id=RunId(f"run_{index:04d}"), created_at=1000.0 + index // 3), [])
    seen, after = [], None
    while True:
        page = client.get("/api/v1/runs", params={"limit": 5, **({"after": after} if after else {})}).json()
        seen += [run["run_id"] for run in page["runs"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 13
    assert seen[0] == run_id


def test_lists_are_filtered(client: TestClient, core: Core, ended: str, upload_id: str) -> None:
    """By state and by name; a state that does not exist is told, not ignored."""
    client.post("/api/v1/runs", json={"upload_id": upload_id})
    assert [run["run_id"] for run in client.get("/api/v1/runs?status=completed").json()["runs"]] == [ended]
    assert len(client.get("/api/v1/runs?status=QUEUED,COMPLETED&q=tabl").json()["runs"]) == 2
    assert client.get("/api/v1/runs?q=nothing").json()["runs"] == []
    wrong = client.get("/api/v1/runs?status=DONE")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_status")
    assert client.get("/api/v1/runs?after=%25%25").json()["code"] == "bad_cursor"


def test_cancel_then_nothing_more(client: TestClient, core: Core, upload_id: str) -> None:
    """A queued run is cancelled at once, also without a worker; a second time is a conflict."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    assert client.post(f"/api/v1/runs/{run_id}/cancel").status_code == 202
    assert core.runs.get(run_id).status is RunStatus.CANCELLED
    again = client.post(f"/api/v1/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "run_ended")
    assert client.post(f"/api/v1/runs/{run_id}/retry").status_code == 202
    assert client.post(f"/api/v1/runs/{run_id}/resume").status_code == 202


def test_pausing_is_asked_for_once_or_twice_and_taken_back(client: TestClient, core: Core, upload_id: str) -> None:
    """The same request twice is one pause; list and document say since when; resuming takes it back; a pause of what ended is a 409."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    first, second = (client.post(f"/api/v1/runs/{run_id}/pause") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    since = first.json()["paused_at"]
    assert since is not None
    shown = client.get(f"/api/v1/runs/{run_id}").json()
    assert (shown["paused_at"], second.json()["paused_at"], shown["status"]) == (since, since, "QUEUED")
    assert "harness runs resume" in shown["waiting_because"]
    assert client.get("/api/v1/runs").json()["runs"][0]["paused_at"] == since
    assert core.jobs.claim(WorkerId("worker_x")) is None
    assert client.post(f"/api/v1/runs/{run_id}/resume").json()["paused_at"] is None
    assert client.post(f"/api/v1/runs/{run_id}/pause").status_code == 202
    assert client.post(f"/api/v1/runs/{run_id}/cancel").json()["status"] == "CANCELLED"
    refused = client.post(f"/api/v1/runs/{run_id}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_ended")


def test_an_ended_run_tells_everything(client: TestClient, ended: str) -> None:
    """Status, times, progress and every execution."""
    shown = client.get(f"/api/v1/runs/{ended}").json()
    assert shown["status"] == "COMPLETED"
    assert shown["progress"] == {"ended": 5, "total": 5, "fraction": 1.0, "running": []}
    assert all(item["status"] == "OK" and item["attempts"] == 1 for item in shown["executions"])
    assert all(shown["times"].values())
    assert (shown["finding_count"], shown["waiting_because"], shown["error"]) == (2, None, None)
    assert client.post(f"/api/v1/runs/{ended}/retry").json()["code"] == "nothing_to_retry"


def test_datasets_and_plugins(client: TestClient, ended: str) -> None:
    """What a run made and what it was made with can be listed, shown and read."""
    version = client.get("/api/v1/datasets").json()["datasets"][0]
    place = f"/api/v1/datasets/{version['dataset_version_id']}"
    assert client.get(place).json()["runs"] == [ended]
    rows = client.get(f"{place}/rows?offset=1&limit=1").json()
    assert (rows["rows"], rows["row_count"]) == ([["2", "y"]], 3)
    plugins = client.get("/api/v1/plugins").json()["plugins"]
    assert next(item["plugin_id"] for item in plugins if item["valid"]) == "analysis_count"
    assert client.get("/api/v1/plugins/analysis_cuont").json()["code"] == "no_such_plugin"


def test_what_is_remembered_is_asked_for_by_name(client: TestClient, core: Core, upload_id: str) -> None:
    """An ERP, presets and a sample come with the request; what is not there is a 404, and nothing is recorded."""
    missing = client.post("/api/v1/runs", json={"upload_id": upload_id, "erp": "sap"})
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_erp")
    assert client.post("/api/v1/runs", json={"upload_id": upload_id, "presets": ["mine"]}).json()["code"] == "no_such_preset"
    assert client.post("/api/v1/runs", json={"upload_id": upload_id, "sample": 2}).status_code == 422
    assert client.get("/api/v1/runs").json()["runs"] == []
    core.erps.add(Erp("sap"))
    started = client.post("/api/v1/runs", json={"upload_id": upload_id, "erp": "sap", "sample": 0.5}).json()
    shown = client.get(f"/api/v1/runs/{started['run_id']}").json()
    assert (shown["erp"], shown["sample"], shown["setting_origins"]) == ("sap", 0.5, {})
