"""Files of this machine: only what lies within the allowed folders can be seen or read, and nothing is sent over HTTP for it."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from harness_core.domain.errors import NotFound, PolicyRefused
from harness_core.services.local_files import LocalFiles
from tests.api.conftest import client_of


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder with a table, a hidden file, a folder, a link that leads out, and one that stays within."""
    folder = tmp_path / "allowed"
    (folder / "months").mkdir(parents=True)
    (folder / "table.csv").write_text("a,b\n1,x\n")
    (folder / ".hidden").write_text("x")
    (folder / "months" / "may.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (folder / "out.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "within.csv").symlink_to(folder / "table.csv")
    return folder


@pytest.fixture
def local(core: Core, allowed: Path) -> TestClient:
    return client_of(replace(core, settings=replace(core.settings, import_path=(allowed,))))


def test_what_lies_within_is_listed(allowed: Path) -> None:
    """Folders first; what is hidden or leads out is not even named."""
    assert [entry.name for entry in LocalFiles([allowed]).entries(0)] == ["months", "table.csv", "within.csv"]
    assert [entry.path for entry in LocalFiles([allowed]).entries(0, "months")] == ["months/may.csv"]


@pytest.mark.parametrize("path", ["../secret.csv", "out.csv", "/etc/passwd", "months/../../secret.csv"])
def test_nothing_outside_can_be_read(allowed: Path, path: str) -> None:
    """Neither by climbing, nor by an absolute path, nor by a link."""
    with pytest.raises(PolicyRefused):
        LocalFiles([allowed]).file(0, path)


@pytest.mark.parametrize(("folder", "path"), [(0, "none.csv"), (0, "months"), (1, "table.csv"), (-1, "table.csv"), (0, "a\0b")])
def test_what_is_no_file_is_not_there(allowed: Path, folder: int, path: str) -> None:
    """A folder, a name that is none, and a folder that is not allowed."""
    with pytest.raises(NotFound):
        LocalFiles([allowed]).file(folder, path)


def test_a_file_is_read_in_from_its_page(local: TestClient, core: Core) -> None:
    """The page lists it, the form takes it in, and the next page is where its run is started."""
    assert 'href="/files"' in local.get("/").text
    page = local.get("/files").text
    assert "table.csv" in page
    assert "secret" not in page
    answer = local.post("/files", data={"folder": "0", "path": ["table.csv", "months/may.csv"]}, follow_redirects=False)
    uploads = [part.partition("=")[2] for part in answer.headers["location"].partition("?")[2].split("&")]
    assert [core.library.upload(item).filename for item in uploads] == ["table.csv", "may.csv"]
    refused = local.post("/files", data={"folder": "0", "path": "../secret.csv"}, headers={"accept": "text/html"})
    assert refused.status_code == 403


def test_without_a_folder_nothing_is_offered(client: TestClient) -> None:
    """No button leads nowhere; the page itself says what to set."""
    assert 'href="/files"' not in client.get("/").text
    assert "HARNESS_IMPORT_PATH" in client.get("/files").text
