"""With ten thousand runs the lists stay quick, because the index gives them, not the table: work is counted in the database's steps."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from harness_core.bootstrap import open_core
from harness_core.settings import read_settings
from tests.api.conftest import Archive, client_of, run_to_its_end
from tests.fakes.many_runs import copy_run
from tests.fakes.plugins import small_catalog

RUNS = 10_000
STEPS = 100


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A home with one real run and ten thousand copies of it."""
    root = tmp_path_factory.mktemp("grown")
    core = open_core(read_settings({}, home=root / "home"), queue_url="memory://", catalog=small_catalog(root / "plugins"))
    client = client_of(core)
    run_id = run_to_its_end(core, client)
    copy_run(core, run_id, RUNS)
    yield Archive(core, client, run_id)
    core.close()


def steps(grown: Archive, path: str) -> int:
    """What SQLite's machine does for one answer, in hundreds of instructions: the same number whatever else a computer does."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(count, STEPS)

    def leave(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(None, 0)

    engine = grown.core.database.engine
    event.listen(engine, "checkout", watch)
    event.listen(engine, "checkin", leave)
    try:
        assert grown.client.get(path, headers={"accept": "*/*"}).status_code == 200
    finally:
        event.remove(engine, "checkout", watch)
        event.remove(engine, "checkin", leave)
    return counted


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/v1/runs", 80),
        ("/api/v1/runs?status=FAILED", 80),
        ("/api/v1/runs?status=FAILED,PARTIAL", 1_500),
        ("/api/v1/runs?q=orders_99", 3_000),
        ("/api/v1/runs?limit=500", 800),
        ("/", 2_000),
        ("/runs", 2_000),
        ("/runs?status=FAILED", 2_000),
    ],
)
def test_a_list_is_little_work(grown: Archive, path: str, most: int) -> None:
    """Filtered or not; a search by name looks at every run once. ``benchmarks/service.py`` has the times."""
    assert 0 < steps(grown, path) < most


def test_what_a_list_does_not_show_is_not_decoded(grown: Archive) -> None:
    """The settings of every plugin of every run."""
    assert len(grown.client.get("/api/v1/runs?limit=500").json()["runs"]) == 500
    listed, whole = grown.core.runs.page(limit=2).runs[1], grown.core.runs.get("run_copy_000001")
    assert (listed.run_id, listed.config.inputs) == (whole.run_id, whole.config.inputs)
    assert whole.config.settings
    assert not listed.config.settings


def test_the_last_page_is_as_quick_as_the_first(grown: Archive) -> None:
    """9,500 runs further down, the page costs what the first one does."""
    after = ""
    for _ in range(19):
        after = str(grown.client.get(f"/api/v1/runs?limit=500&after={after}".removesuffix("&after=")).json()["next"])
    assert steps(grown, f"/api/v1/runs?after={after}") < 80


@pytest.mark.parametrize(("condition", "index"), [("", "ix_run_newest"), ("WHERE status = 'FAILED'", "ix_run_status_newest")])
def test_the_index_gives_the_order(grown: Archive, condition: str, index: str) -> None:
    """Nothing is sorted and no row is looked at that is not shown."""
    sql = f"EXPLAIN QUERY PLAN SELECT * FROM run {condition} ORDER BY created_at DESC, run_id DESC LIMIT 51"
    with grown.core.database.engine.connect() as connection:
        plan = " ".join(str(row[-1]) for row in connection.exec_driver_sql(sql))
    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan
