"""What monitors ask: alive without a look, ready with every reason, figures with their meaning."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient

from harness_api.app import create_app
from harness_core.bootstrap import Core
from harness_worker.runtime import WorkerRuntime
from tests.api.conftest import BASE, LOOPBACK, Archive, client_of
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+$')


def check(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(item for item in document["checks"] if item["name"] == name)


def test_alive_needs_nothing(client: TestClient, core: Core) -> None:
    """With its database gone the process is still alive, and says so; it is not ready, and says why."""
    core.close()
    (core.settings.home / "state.sqlite").unlink()
    (core.settings.home / "state.sqlite").mkdir()
    assert client.get("/healthz").json()["ok"] is True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert check(answer.json(), "database")["level"] == "failed"
    assert answer.json()["problems"][0]["where"] == "database"


def test_no_worker_is_a_warning_and_a_refusal_when_strict(client: TestClient, core: Core) -> None:
    """Work can be taken without a worker; who wants one says strict."""
    assert client.get("/readyz").status_code == 200
    assert check(client.get("/readyz").json(), "workers")["level"] == "warning"
    refused = client.get("/readyz?strict=1")
    assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
    assert "harness worker" in refused.json()["next_step"]
    worker = WorkerRuntime(core, kind="worker", places=1)
    worker.start()
    try:
        assert client.get("/readyz?strict=1").status_code == 200
    finally:
        worker.stop(1)


def test_a_full_disk_is_not_ready(open_home: OpenCore) -> None:
    """Below the floor of free bytes no work is taken."""
    client = client_of(open_home(queue_url="memory://", min_free_bytes=str(2**62)))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert check(answer.json(), "disk")["level"] == "failed"


def test_a_schema_of_another_program_is_not_ready(client: TestClient, core: Core) -> None:
    """The reason and the command are told."""
    with core.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "harness migrate" in check(answer.json(), "migration")["next_step"]


def test_a_plugin_that_cannot_be_used_is_a_warning(open_home: OpenCore, tmp_path: Any) -> None:
    """An unreadable manifest does not stop the service, and does not go unseen."""
    catalog = small_catalog(tmp_path / "plugins")
    client = client_of(open_home(catalog, queue_url="memory://"))
    assert check(client.get("/readyz").json(), "plugins")["level"] == "ok"
    (make_plugin(tmp_path / "plugins", "analysis_bad", "analysis", "") / "plugin.yaml").write_text("id: [")
    assert check(client.get("/readyz").json(), "plugins")["reason"] == "A plugin folder cannot be used."
    assert client.get("/readyz").status_code == 200


def test_a_service_that_stops_is_not_ready(core: Core) -> None:
    """Draining is a reason of its own."""
    app = create_app(core)
    client = TestClient(app, base_url=BASE, client=LOOPBACK)
    app.state.service.leave()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert check(answer.json(), "draining")["level"] == "failed"


@pytest.mark.parametrize(
    "family",
    ["harness_runs", "harness_jobs", "harness_oldest_ready_seconds", "harness_workers_alive", "harness_worker_places",
     "harness_disk_free_bytes", "harness_build_info", "harness_ttfr_seconds", "harness_http_requests_total",
     "harness_http_request_duration_seconds", "harness_event_streams"],
)  # fmt: skip
def test_each_family_explains_itself(archive: Archive, family: str) -> None:
    """HELP, TYPE and a sample, in that order."""
    archive.client.get("/healthz")
    text = archive.client.get("/metrics").text
    assert re.search(rf"^# HELP {family} \S.*\.\n# TYPE {family} (gauge|counter|histogram)\n{family}", text, re.MULTILINE)


def test_metrics_are_what_prometheus_reads(archive: Archive) -> None:
    """Every line is a comment or a sample, and the figures are those of the database."""
    answer = archive.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert [line for line in answer.text.splitlines() if not line.startswith("# ") and not SAMPLE.match(line)] == []
    assert 'harness_runs{status="COMPLETED"} 1\n' in answer.text
    assert 'harness_jobs{state="ready"} 0\n' in answer.text


def test_what_a_client_makes_up_is_no_label(client: TestClient) -> None:
    """Neither an address nor a method can make the list of samples grow."""
    for number in range(20):
        client.get(f"/api/v1/runs/run_{number:06}")
        client.get(f"/made/up/{number}")
        client.request(f"M{number}", "/healthz")
    text = client.get("/metrics").text
    assert 'harness_http_requests_total{method="GET",route="/api/v1/runs/{run_id}",status="404"} 20\n' in text
    assert "made" not in text
    assert "M1" not in text
