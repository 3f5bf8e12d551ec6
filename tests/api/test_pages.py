"""The pages as they come by GET, before any script: complete, in good order, and made of this service alone."""

import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from tests.api.conftest import Archive

STATIC = Path(__file__).resolve().parents[2] / "ui_static"
PAGES = ("/", "/runs", "/runs?status=COMPLETED&q=table", "/runs/{run}", "/runs/{run}/findings", "/runs/{run}/columns",
         "/runs/{run}/logs", "/runs/{run}/files", "/runs/{run}/files/report.json", "/runs/{run}/config", "/runs/{run}/lineage", "/compare?a={run}&b={run}",
         "/compare?a={run}", "/compare", "/files", "/diagnostics", "/datasets", "/datasets/{dataset}", "/plugins",
         "/plugins/analysis_count", "/start?upload={upload}", "/runs/{run}/retry", "/runs/{run}/proof", "/runs?deleted=1", "/presets",
         "/new/preset?run={run}", "/erps", "/new/erp", "/formats", "/decisions", "/help", "/help/reference/commands",
         "/runs/none")  # fmt: skip
VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """What a page is made of: tags with attributes, and whether they close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(archive: Archive, path: str) -> Outline:
    run = archive.client.get(f"/api/v1/runs/{archive.run_id}").json()
    address = path.format(run=archive.run_id, dataset=run["dataset_version_id"], upload=run["inputs"][0]["upload_id"])
    answer = archive.client.get(address, headers={"accept": "text/html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.status_code == (404 if path == "/runs/none" else 200)
    return Outline(answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_in_good_order(archive: Archive, path: str) -> None:
    """Language, title, one first heading, a way past the navigation, a place for announcements, ids that are unique."""
    found = page(archive, path)
    assert found.open == []
    assert found.all("html")[0]["lang"] == "en"
    assert len(found.all("h1")) == 1
    assert found.all("a")[0]["href"] == "#main"
    ids = [str(attributes["id"]) for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"main", "announcer"} <= set(ids)
    labelled = {str(item.get("for")) for item in found.all("label")}
    fields = [item for name in ("input", "select", "textarea") for item in found.all(name) if item.get("type") != "hidden"]
    assert {str(item["id"]) for item in fields} <= labelled
    named = [value for _, item in found.tags for key in ("aria-labelledby", "aria-describedby") if (value := item.get(key))]
    assert set(named) <= set(ids)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(archive: Archive, path: str) -> None:
    """No style, no handler, no script in the page; every address is of this service, and what it loads exists."""
    found = page(archive, path)
    assert found.all("style") == []
    for tag, attributes in found.tags:
        assert not {name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))}
        if tag == "script":
            assert attributes["src"]
        for name in ("src", "href", "action", "formaction"):
            address = attributes.get(name)
            assert address is None or address.startswith(("/", "#", "?"))
            assert not (address or "").startswith("//")
        loaded = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        if loaded:
            assert archive.client.get(loaded).headers["cache-control"].endswith("immutable")


@pytest.mark.parametrize("path", PAGES)
def test_tables_explain_themselves(archive: Archive, path: str) -> None:
    """A caption, and a scope for every heading."""
    found = page(archive, path)
    assert len(found.all("caption")) == len(found.all("table"))
    assert all(item.get("scope") in ("col", "row", "rowgroup") for item in found.all("th"))


def test_a_page_is_light(archive: Archive) -> None:
    """At most 60 KB of compressed JavaScript and 15 KB of CSS, whatever the page."""
    for path in PAGES:
        found = page(archive, path)
        scripts = [str(item["src"]) for item in found.all("script")]
        sheets = [str(item["href"]) for item in found.all("link") if item.get("rel") == "stylesheet"]
        for addresses, limit in ((scripts, 60_000), (sheets, 15_000)):
            assert sum(len(gzip.compress(archive.client.get(address).content)) for address in addresses) <= limit


def test_what_was_vendored_is_what_is_listed() -> None:
    """Every vendored file stands in the list with its version and its hash, and nothing else does."""
    listed = {item["file"]: item["sha256"] for item in json.loads((STATIC / "vendor" / "VERSIONS.json").read_text())}
    found = {f"vendor/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").glob("*.js")}
    assert listed == found


def test_static_files_are_kept_by_their_content(client: TestClient) -> None:
    """For good under their version, to be asked for again without it; compressed for who takes that; nothing outside."""
    address = re.search(r'href="(/static/base\.css\?v=[0-9a-f]{12})"', client.get("/").text)
    assert address
    lasting = client.get(address[1])
    assert "immutable" in lasting.headers["cache-control"]
    assert lasting.headers["content-encoding"] == "gzip"
    plain = client.get("/static/base.css", headers={"accept-encoding": "identity"})
    assert (plain.headers["cache-control"], plain.text) == ("no-cache", lasting.text)
    assert client.get("/static/base.css", headers={"if-none-match": plain.headers["etag"]}).status_code == 304
    for name in ("%2e%2e/pyproject.toml", "%2e%2e%2fREADME.md", "/etc/passwd", ""):
        assert client.get(f"/static/{name}").status_code == 404


def test_the_start_page_shows_the_file_before_anything_runs(client: TestClient, core: Core, upload_id: str) -> None:
    """Hash, size, plan, fingerprint, and the command that does the same; the fingerprint is the run's."""
    text = client.get(f"/start?upload={upload_id}&choice=manual&plugin=analysis_count&seed=7").text
    assert core.library.upload(upload_id).sha256 in text
    assert "harness run table.csv --plugins analysis_count --seed 7" in text
    for name in ("ingest_small", "profile_small", "analysis_count", "report_small"):
        assert name in text
    form = {"upload": upload_id, "choice": "manual", "plugin": "analysis_count", "seed": "7"}
    answer = client.post("/runs", data=form, follow_redirects=False)
    assert answer.status_code == 303
    run = core.runs.get(answer.headers["location"].rpartition("/")[2])
    assert run.fingerprint.removeprefix("sha256:") in text


def test_a_form_sent_twice_is_one_run(client: TestClient, upload_id: str) -> None:
    """Going back and sending again leads to the same run."""
    found = re.search(r'name="key" value="([^"]+)"', client.get(f"/start?upload={upload_id}").text)
    assert found
    form = {"upload": upload_id, "key": found[1]}
    places = {client.post("/runs", data=form, follow_redirects=False).headers["location"] for _ in range(2)}
    assert len(places) == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("settings", "analysis_count:\n  x: 1\n", "analysis_count"),
        ("settings", "a: [", "settings"),
        ("settings", "just words", "must name plugins"),
        ("seed", "-1", "whole number"),
        ("plugin", "analysis_cuont", "analysis_cuont"),
    ],
)
def test_a_form_with_a_mistake_comes_back_as_it_was(client: TestClient, upload_id: str, field: str, value: str, words: str) -> None:
    """What is wrong stands above the form, the form holds what was typed, and no run was recorded."""
    form = {"upload": upload_id, "choice": "manual" if field == "plugin" else "auto", field: value}
    answer = client.post("/runs", data=form)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'role="alert"' in answer.text
    assert client.get("/api/v1/runs").json()["runs"] == []


def test_a_file_that_cannot_be_read_says_so_on_its_page(client: TestClient) -> None:
    """The reader's own words, with the remedy, instead of a preview."""
    upload = client.post("/api/v1/uploads?filename=empty.csv", content=b"").json()["upload_id"]
    answer = client.get(f"/start?upload={upload}")
    assert answer.status_code == 422
    assert "the file is empty" in answer.text
    assert "Give a file with a header." in answer.text


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"columns": [{"name": "a"}, "b", 3], "rows": [["1", None], "x", []], "row_estimate": 3, "sheets": ["one", 2]},
        {"columns": {"a": 1}, "rows": 7, "row_estimate": "many", "repairs": "none", "format": ["csv"]},
        {"repairs": [{"sentence": "Mended."}, {"code": "x"}, {}, "said", None]},
    ],
)
def test_a_preview_of_any_kind_makes_a_page(archive: Archive, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]) -> None:
    """What a reader says of a file is its own; the page shows what it understands of it and stands."""
    monkeypatch.setattr(archive.core.inspecting, "inspect", lambda *_: answer)
    assert "Start the run" in "".join(page(archive, "/start?upload={upload}").text)


def test_a_change_is_asked_for_and_then_made(client: TestClient, core: Core, upload_id: str) -> None:
    """Cancelling is a page with a question, then a form; what does not fit the state is told."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    assert "Cancel this run?" in client.get(f"/runs/{run_id}/cancel").text
    assert client.post(f"/runs/{run_id}/cancel", follow_redirects=False).headers["location"] == f"/runs/{run_id}"
    assert str(core.runs.get(run_id).status) == "CANCELLED"
    again = client.post(f"/runs/{run_id}/cancel", headers={"accept": "text/html"})
    assert (again.status_code, "has ended" in again.text) == (409, True)
    assert client.get(f"/runs/{run_id}/destroy").status_code == 404


def links(client: TestClient, run_id: str) -> set[str]:
    """What the run's page offers to do."""
    return set(re.findall(rf'href="/runs/{run_id}/([a-z]+)" data-ask', client.get(f"/runs/{run_id}").text))


def test_a_run_is_paused_and_resumed_by_its_page(client: TestClient, core: Core, upload_id: str) -> None:
    """The question says what goes on all the same; each state offers what fits it, and nothing that would be refused."""
    run_id = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()["run_id"]
    assert links(client, run_id) == {"cancel", "pause"}
    question = client.get(f"/runs/{run_id}/pause").text
    assert "What runs now is finished and committed" in question
    assert client.post(f"/runs/{run_id}/pause", follow_redirects=False).headers["location"] == f"/runs/{run_id}"
    assert links(client, run_id) == {"cancel", "resume"}
    text = client.get(f"/runs/{run_id}").text
    assert "<title>Paused" in text
    assert "Paused: nothing new is started" in text
    for place in ("/runs", "/"):
        assert "</span> Paused</span>" in client.get(place).text
    client.post(f"/runs/{run_id}/resume")
    assert links(client, run_id) == {"cancel", "pause"}
    assert "</span> Paused</span>" not in client.get("/runs").text
    client.post(f"/runs/{run_id}/cancel")
    assert links(client, run_id) == {"retry"}


def test_a_beginning_of_an_id_leads_to_the_run(archive: Archive) -> None:
    """The address a person ends at is the whole one."""
    answer = archive.client.get(f"/runs/{archive.run_id[:-2]}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{archive.run_id}")


def test_names_from_outside_are_never_markup(client: TestClient) -> None:
    """A file may be called anything."""
    name = "<img src=x onerror=alert(1)>.csv"
    upload = client.post("/api/v1/uploads", params={"filename": name}, content=b"<b>a,b\n1,<i>x\n").json()["upload_id"]
    run_id = client.post("/api/v1/runs", json={"upload_id": upload}).json()["run_id"]
    for path in (f"/start?upload={upload}", f"/runs/{run_id}", "/runs", "/"):
        text = client.get(path).text
        assert "<img" not in text
        assert "&lt;img" in text
