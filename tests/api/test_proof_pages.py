"""Proof on request: one claim checked again, a run verified, packs and diagnostics sent, and what a plugin may do."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core, open_core
from harness_core.settings import read_settings
from tests.api.conftest import Archive, client_of, run_to_its_end
from tests.fakes.plugins import small_catalog


def first_finding(client: TestClient, run_id: str) -> str:
    return str(client.get(f"/api/v1/runs/{run_id}/findings").json()["findings"][0]["id"])


def test_one_claim_is_checked_again(archive: Archive) -> None:
    """Its queries run anew, over HTTP and from the button beside its evidence."""
    finding = first_finding(archive.client, archive.run_id)
    found = archive.client.post(f"/api/v1/runs/{archive.run_id}/verify?finding={finding}").json()
    assert (found["verified"], found["complete"], found["evidence"]["checked"]) == (True, True, found["evidence"]["equal"])
    page = archive.client.post(f"/runs/{archive.run_id}/findings/{finding}")
    assert "This claim holds." in page.text


def test_a_claim_on_altered_data_is_not_checked(client: TestClient, core: Core, ended: str) -> None:
    """An answer from other bytes than were read would say nothing: that is told instead."""
    dataset = core.runs.get(ended).dataset_version_id
    assert dataset
    path = core.store.dataset_folder(dataset) / "data.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    finding = first_finding(client, ended)
    assert client.post(f"/api/v1/runs/{ended}/verify?finding={finding}").json()["code"] == "tampered"
    assert "are not what was read from the file" in client.post(f"/runs/{ended}/findings/{finding}").text


def test_a_whole_run_is_verified_on_its_page(client: TestClient, core: Core, ended: str) -> None:
    """Everything as recorded; then one altered byte is named, and the run's page says so at its badge."""
    page, told = client.post(f"/runs/{ended}/verify").text, client.post(f"/api/v1/runs/{ended}/verify").json()["numbers"]
    assert "Verified." in page
    assert f"{told['from_evidence']} of {told['stated']} number" in page
    assert ("Numbers without evidence" in page) == bool(told["unbound"])
    assert client.post(f"/api/v1/runs/{ended}/verify").json()["verified"] is True
    assert client.post(f"/api/v1/runs/{ended}/replay").json()["mismatches"] == []
    report = core.store.run_folder(ended) / "report.json"
    report.chmod(0o644)
    report.write_text(json.dumps(json.loads(report.read_bytes()) | {"status": "FAILED"}))
    assert "report.json" in client.post(f"/runs/{ended}/verify").text
    assert client.post(f"/api/v1/runs/{ended}/replay").json()["mismatches"][0]["path"].endswith("report.json")
    assert "Altered since" in client.get(f"/runs/{ended}").text


@pytest.mark.parametrize("place", ["/runs/{run}/export", "/api/v1/runs/{run}/export"])
def test_a_pack_is_sent_and_forgotten(archive: Archive, place: str) -> None:
    """A whole archive with its list of hashes; nothing of it stays behind."""
    answer = archive.client.post(place.format(run=archive.run_id))
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert any(name.endswith("SHA256SUMS") for name in names)
    assert f'filename="{archive.run_id}.zip"' in answer.headers["content-disposition"]
    assert not [path for path in (archive.core.settings.home / "scratch").iterdir() if path.name.startswith("archive")]


def test_diagnostics_are_sent(archive: Archive) -> None:
    """With the record of the run in them; the page says beforehand what they hold."""
    assert "environment.json" in archive.client.get(f"/runs/{archive.run_id}/proof").text
    answer = archive.client.post(f"/runs/{archive.run_id}/diagnostics")
    assert "run.json" in " ".join(zipfile.ZipFile(io.BytesIO(answer.content)).namelist())


def test_what_is_new_is_told(client: TestClient, core: Core, ended: str) -> None:
    """Against earlier runs; the first has none to be held against."""
    found = client.get(f"/api/v1/runs/{ended}/insights").json()
    assert (found["scope"], found["earlier_runs"]) == (None, [])
    assert all(item["novelty"] == "new" for item in found["insights"])


def test_a_plugin_says_how_it_is(archive: Archive) -> None:
    """Asked over HTTP and on its page."""
    assert archive.client.post("/api/v1/plugins/analysis_count/health").json()["loads"] is True
    assert "Loads" in archive.client.post("/plugins/analysis_count/health").text
    assert archive.client.post("/api/v1/plugins/none/health").status_code == 404


def test_a_capability_is_granted_and_revoked(tmp_path: Path) -> None:
    """By the buttons of its page and over HTTP; what it does not ask for cannot be decided."""
    core = open_core(read_settings({}, home=tmp_path / "home"), queue_url="memory://")
    client, place = client_of(core), "/plugins/analysis_pii_scan"
    assert "Granted" in client.get(place).text
    client.post(f"{place}/grants", data={"revoke": "pii"})
    assert "Denied" in client.get(place).text
    (granted,) = client.post(f"/api/v1{place}/grants", json={"grant": ["pii"]}).json()["capabilities"]
    assert (granted["name"], granted["granted"]) == ("pii", True)
    answer = client.post(f"/api/v1{place}/grants", json={"grant": ["teleport"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_asked_for")
    core.close()


NOISY = """
import sys

def run(ctx):
    print("it was late", file=sys.stderr, flush=True)
    raise ValueError("boom")
"""


def test_every_log_is_looked_through(tmp_path: Path) -> None:
    """All logs and attempts at once, narrowed by text, level and plugin, with links to the lines."""
    catalog = small_catalog(tmp_path / "plugins", analysis_noisy=NOISY)
    core = open_core(read_settings({}, home=tmp_path / "home"), queue_url="memory://", catalog=catalog)
    client = client_of(core)
    address = f"/runs/{run_to_its_end(core, client, plugins=['analysis_noisy'])}/logs?file=*"
    assert "it was late" in client.get(f"{address}&q=LATE").text
    assert "boom" in client.get(f"{address}&level=error&plugin=analysis_noisy").text
    for query in ("q=zzz", "level=warning", "q=late&plugin=analysis_count"):
        assert "No line fits." in client.get(f"{address}&{query}").text
    core.close()
