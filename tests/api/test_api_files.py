"""The files of a run as they are served: only what the registry names, only with the bytes it names, and harmless to look at."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from tests.api.conftest import Archive, client_of, run_to_its_end
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog

STYLE = "body { color: teal }"
STYLED = f"""
from harness_core.sdk import PluginResult

def run(ctx):
    ctx.write_artifact("report.md", "# r")
    ctx.write_artifact("report.html", "<!doctype html><title>r</title><style>{STYLE}</style><script>alert(1)</script>")
    return PluginResult.ok("Written.")
"""
DRAWN = """
from harness_core.sdk import PluginResult

def run(ctx):
    ctx.write_artifact("plot.svg", '<svg xmlns="http://www.w3.org/2000/svg"><rect style="fill: teal"/></svg>')
    ctx.write_artifact("strange.bin", b"MZ")
    return PluginResult.ok("Drawn.")
"""
BLOCK = "default-src 'none'"


@pytest.fixture
def styled(open_home: OpenCore, tmp_path: Path) -> tuple[TestClient, str]:
    """A client, and an ended run whose page has a style sheet, beside a drawing and bytes."""
    catalog = small_catalog(tmp_path / "plugins", analysis_drawn=DRAWN)
    make_plugin(tmp_path / "plugins", "report_small", "report", STYLED)
    core = open_home(catalog, queue_url="memory://")
    client = client_of(core)
    return client, run_to_its_end(core, client)


def sources(policy: str, directive: str) -> list[str]:
    found = re.search(rf"(?:^|; ){directive} ([^;]*)", policy)
    return found[1].split() if found else []


def test_the_report_in_its_three_forms(archive: Archive) -> None:
    """Each is the file on disk byte for byte, with its hash as its ETag and its own type."""
    folder = archive.folder
    for query, name, media_type in (
        ("", "report.json", "application/json"),
        ("?format=md", "report.md", "text/markdown; charset=utf-8"),
        ("?format=html", "report.html", "text/html; charset=utf-8"),
    ):
        answer = archive.client.get(f"/api/v1/runs/{archive.run_id}/report{query}")
        data = (folder / name).read_bytes()
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-length"] == str(len(data))


def test_before_the_end_there_is_none(client: TestClient, upload_id: str) -> None:
    """404 says that it is too early, not that it never will be."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    for name in ("report", "manifest", "artifacts/report.json"):
        assert client.get(f"/api/v1/runs/{run_id}/{name}").json()["code"] == "not_yet"


def test_every_listed_file_can_be_fetched(archive: Archive) -> None:
    """The list and the files agree on size and hash; the manifest is among them."""
    listed = archive.client.get(f"/api/v1/runs/{archive.run_id}/artifacts").json()["artifacts"]
    assert {"report.json", "report.md", "report.html", "run_manifest.json"} <= {item["path"] for item in listed}
    for item in listed:
        data = archive.client.get(item["url"]).content
        assert (len(data), hashlib.sha256(data).hexdigest()) == (item["bytes"], item["sha256"])


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%2F..%2Fstate.sqlite",
        "%2e%2e/%2e%2e/state.sqlite",
        "....//state.sqlite",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "plugins/%2e%2e/report.json",
        "plugins%2F..%2Freport.json",
        "report.json%00.md",
        "plugins",
        "",
        "reprot.json",
    ],
)
def test_no_path_leads_out(archive: Archive, path: str) -> None:
    """A path is looked up in the registry, never walked: what is not in it is 404, however it is written."""
    answer = archive.client.get(f"/api/v1/runs/{archive.run_id}/artifacts/{path}")
    assert answer.status_code == 404
    assert b"SQLite format" not in answer.content


@pytest.mark.parametrize("how", ["changed", "removed", "linked"])
def test_tampered_bytes_are_refused(client: TestClient, core: Core, ended: str, tmp_path: Path, how: str) -> None:
    """One altered byte, a missing file, or a link to the same bytes: 409, also for who has a copy, and none of it is sent."""
    path = core.store.run_folder(core.runs.get(ended).run_id) / "report.json"
    etag = client.get(f"/api/v1/runs/{ended}/report").headers["etag"]
    data = path.read_bytes()
    path.chmod(0o644)
    path.unlink()
    if how == "changed":
        path.write_bytes(data.replace(b'"COMPLETED"', b'"COMPLETEd"', 1))
    elif how == "linked":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    for headers in ({}, {"if-none-match": etag}):
        answer = client.get(f"/api/v1/runs/{ended}/report", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "tampered")
    page = client.get(f"/runs/{ended}", headers={"accept": "text/html"})
    assert "report.json is not what the run wrote." in page.text


def test_parts_of_a_file(archive: Archive) -> None:
    """Ranges from either end; what lies outside is 416; a range of other bytes is not given."""
    url = f"/api/v1/runs/{archive.run_id}/report"
    whole = archive.client.get(url)
    data, etag = whole.content, whole.headers["etag"]
    for asked, expected in (
        ("bytes=0-9", data[:10]),
        ("bytes=5-", data[5:]),
        ("bytes=-7", data[-7:]),
        ("bytes=3-999999", data[3:]),
    ):
        part = archive.client.get(url, headers={"range": asked})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(data)}")
    assert archive.client.get(url, headers={"range": f"bytes={len(data)}-"}).json()["code"] == "range_not_satisfiable"
    assert archive.client.get(url, headers={"range": "bytes=0-9", "if-range": '"other"'}).content == data
    assert archive.client.get(url, headers={"range": "bytes=0-9", "if-range": etag}).content == data[:10]
    assert archive.client.get(url, headers={"range": "lines=0-9"}).content == data


def test_what_a_client_has_is_not_sent_again(archive: Archive) -> None:
    """304 for the hash it names, with the file's own policy and not the pages'."""
    whole = archive.client.get(f"/api/v1/runs/{archive.run_id}/report?format=html")
    again = archive.client.get(
        f"/api/v1/runs/{archive.run_id}/report?format=html", headers={"if-none-match": f'W/"x", {whole.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == whole.headers["content-security-policy"]


def test_head_is_get_without_a_body(archive: Archive) -> None:
    """The same headers, the length among them."""
    url = f"/api/v1/runs/{archive.run_id}/report"
    head, get = archive.client.head(url), archive.client.get(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_page_is_sandboxed_and_styled_by_its_own_sheets_only(styled: tuple[TestClient, str]) -> None:
    """No script, no request, no style but the one whose hash is named."""
    client, run_id = styled
    for url in (f"/runs/{run_id}/report", f"/api/v1/runs/{run_id}/artifacts/report.html"):
        policy = client.get(url).headers["content-security-policy"]
        digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
        assert policy.startswith(f"sandbox; {BLOCK}")
        assert sources(policy, "style-src") == [f"'sha256-{digest}'"]
        assert sources(policy, "script-src") == sources(policy, "connect-src") == []


def test_other_types_are_shown_harmlessly_or_saved(styled: tuple[TestClient, str]) -> None:
    """A drawing is sandboxed; bytes of a type nobody shows are saved, and never guessed at."""
    client, run_id = styled
    drawing = client.get(f"/api/v1/runs/{run_id}/artifacts/plugins/analysis_drawn/artifacts/plot.svg")
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert drawing.headers["content-security-policy"].startswith(f"sandbox; {BLOCK}")
    saved = client.get(f"/api/v1/runs/{run_id}/artifacts/plugins/analysis_drawn/artifacts/strange.bin")
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"] == 'attachment; filename="strange.bin"'
    assert saved.headers["x-content-type-options"] == "nosniff"
