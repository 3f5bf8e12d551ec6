"""A client of an app in this process, and one of a real service that serves a whole module."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_api.app import create_app
from harness_core.bootstrap import Core, open_core
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.api.serving import CSV, Served
from tests.fakes.plugins import small_catalog
from tests.fakes.running import ended as wait_until_ended

BASE = "http://localhost"
LOOPBACK = ("127.0.0.1", 50000)
MakeClient = Callable[[Core], TestClient]


def client_of(core: Core) -> TestClient:
    return TestClient(create_app(core), base_url=BASE, client=LOOPBACK, raise_server_exceptions=False)


@pytest.fixture
def client(core: Core) -> TestClient:
    return client_of(core)


@pytest.fixture
def upload_id(client: TestClient) -> str:
    return str(client.post("/api/v1/uploads", params={"filename": "table.csv"}, content=CSV).json()["upload_id"])


def run_to_its_end(core: Core, client: TestClient, filename: str = "table.csv", content: bytes = CSV, **body: object) -> str:
    """The id of a run of a small file that has ended."""
    upload_id = client.post("/api/v1/uploads", params={"filename": filename}, content=content).json()["upload_id"]
    answer = client.post("/api/v1/runs", json={"upload_id": upload_id, **body})
    assert answer.status_code == 202, answer.text
    run_id = str(answer.json()["run_id"])
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        wait_until_ended(core, core.runs.get(run_id))
    finally:
        worker.stop(5)
    return run_id


@pytest.fixture(scope="session")
def ended_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home in which a run has ended well, and the run's id: to be copied."""
    root = tmp_path_factory.mktemp("ended")
    core = open_core(read_settings({}, home=root / "home"), queue_url="memory://", catalog=small_catalog(root / "plugins"))
    try:
        return root / "home", run_to_its_end(core, client_of(core))
    finally:
        core.close()


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The test's own; where it asks for a run that has ended, there is one in it."""
    home = tmp_path / "home"
    if "ended" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("ended_once")[0], home)
    return home


@pytest.fixture
def ended(ended_once: tuple[Path, str]) -> str:
    """The id of a run that has ended well, in a home of the test's own."""
    return ended_once[1]


@dataclass(frozen=True)
class Archive:
    """A home with a run that has ended well, for all tests that only read."""

    core: Core
    client: TestClient
    run_id: str

    @property
    def folder(self) -> Path:
        return self.core.settings.home / "runs" / self.run_id


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    root = tmp_path_factory.mktemp("archive")
    core = open_core(read_settings({}, home=root / "home"), queue_url="memory://", catalog=small_catalog(root / "plugins"))
    client = client_of(core)
    yield Archive(core, client, run_to_its_end(core, client))
    core.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One real service with a worker for a module's tests."""
    home: Path = tmp_path_factory.mktemp("served") / "home"
    with Served(home, drain_s="1") as service:
        yield service
