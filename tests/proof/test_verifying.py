"""Verify: evidence that holds, evidence that does not, and queries that were written to do harm."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.domain.errors import Tampered, UsageError
from harness_core.domain.evidence import artifact_disagreement, disagreement, rows_disagreement
from harness_core.domain.proofs import Documents
from harness_core.domain.runs import RunId
from harness_core.services.rereading import Rereading
from harness_core.services.verifying import Proved, Verification, Verifying
from harness_core.settings import read_settings
from tests.fakes.ended_homes import EndedHome
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end


def rereading(core: Core) -> Rereading:
    return Rereading(core.launcher, core.store, core.catalog, {"pyarrow": "", "duckdb": ""})


def proved(core: Core, run_id: RunId, *evidence: dict[str, Any]) -> Proved:
    """The run, its report reduced to one finding with this evidence."""
    looked = core.replaying.look(run_id)
    assert looked.documents is not None
    report = {**looked.report, "findings": [{"id": "f_1", "plugin_id": "analysis_count", "evidence": list(evidence)}]}
    version = looked.versions[0]
    documents = Documents(looked.documents.manifest, report, {}, looked.documents.schemas)
    return Proved(run_id, documents, 0, {version.role: core.store.dataset_folder(version.dataset_version_id)})


def checked(core: Core, run_id: RunId, *evidence: dict[str, Any], query_s: float = 20.0) -> Verification:
    verifying = Verifying(core.launcher, core.store, core.names, rereading(core), query_s=query_s)
    return verifying.verify(proved(core, run_id, *evidence))


def query(sql: str, result: Any, tolerance: Any = None) -> dict[str, Any]:
    return {"type": "query", "sql": sql, "result": result, "tolerance": tolerance}


def test_the_evidence_of_a_run_holds(core: Core, run_id: RunId) -> None:
    """Every query of every finding gives what was printed, by stock DuckDB over the data of then."""
    found = core.verifying.verify_run(core.replaying, run_id)
    assert (found.verified, found.checked, found.not_checkable) == (True, 3, [])
    assert not list((core.settings.home / "scratch").iterdir())


LYING = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    evidence = {"type": "query", "sql": "SELECT count(*) FROM data", "result": [[41]], "tolerance": None}
    return PluginResult.ok("Counted.", findings=[Finding("constant", "Rows", "There are 41 rows.", evidence=[evidence])])
"""


@pytest.fixture
def with_a_liar(tmp_path: Path, table: Path) -> Iterator[tuple[Core, str]]:
    settings = read_settings({}, home=tmp_path / "home")
    core = open_core(settings, queue_url="memory://", catalog=small_catalog(tmp_path / "plugins", analysis_lying=LYING))
    yield core, run_to_end(core, table).run_id
    core.close()


def test_a_finding_with_another_figure_than_its_query_gives_is_named(with_a_liar: tuple[Core, str]) -> None:
    """With the query, what was claimed and what is there."""
    core, run_id = with_a_liar
    found = core.verifying.verify_run(core.replaying, run_id)
    (difference,) = found.differences
    assert not found.verified
    assert (difference.plugin_id, difference.expected, difference.actual) == ("analysis_lying", [[41]], [[3]])
    assert found.as_dict()["evidence"] == {"checked": 3, "equal": 2, "different": 1, "not_checkable": 0}


def test_queries_that_would_do_harm_are_not_run(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """No file but the data can be read or written, nothing be loaded or changed, and one bad query spoils no other."""
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    harmful = [
        f"SELECT * FROM read_csv('{outside}')",
        f"SELECT * FROM '{outside}'",
        f"COPY data TO '{tmp_path / 'written.csv'}'",
        f"ATTACH '{tmp_path / 'attached.db'}' AS other",
        "SELECT 1; DROP VIEW data",
        "CREATE TABLE t AS SELECT 1",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT * FROM glob('/*')",
        "SELECT getenv('HOME')",
    ]
    found = checked(core, run_id, *(query(sql, [[1]]) for sql in harmful), query("SELECT count(*) FROM data", [[4]]))
    assert [item.sql for item in found.differences] == harmful
    assert not (tmp_path / "written.csv").exists()
    assert not (tmp_path / "attached.db").exists()


def test_a_query_without_end_is_stopped(core: Core, run_id: RunId) -> None:
    """It counts as different, with the reason; the next one still runs."""
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"
    found = checked(core, run_id, query(endless, [[1]]), query("SELECT count(*) FROM data", [[4]]), query_s=0.5)
    assert [item.sql for item in found.differences] == [endless]
    assert "longer than" in found.differences[0].reason


def test_data_that_are_gone_leave_queries_untried(core: Core, run_id: RunId, ended_home: EndedHome) -> None:
    """They are named, and the original file brings them back."""
    run = proved(core, run_id, query("SELECT count(*) FROM data", [[4]]))
    without = core.verifying.verify(replace(run, folders={}))
    assert [item.sql for item in without.not_checkable] == ["SELECT count(*) FROM data"]
    again = Verifying(core.launcher, core.store, core.names, rereading(core)).verify(replace(run, folders={}), [ended_home.table])
    assert (again.verified, again.not_checkable) == (True, [])


def test_the_original_file_may_be_given_by_a_relative_path(
    core: Core, run_id: RunId, ended_home: EndedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a guest works is not where the user is."""
    monkeypatch.chdir(ended_home.table.parent)
    found = core.verifying.verify_run(core.replaying, run_id, [Path(ended_home.table.name)])
    assert found.verified


def test_another_file_is_refused(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """Its hash tells."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n")
    with pytest.raises(Tampered) as refused:
        core.verifying.verify_run(core.replaying, run_id, [other])
    assert refused.value.code == "not_the_original"


def test_every_file_of_a_run_must_be_given(core: Core, run_id: RunId) -> None:
    """One of two is not enough, and the missing one is named."""
    run = proved(core, run_id)
    manifest = dict(run.documents.manifest)
    manifest["inputs"] = [*manifest["inputs"], {**manifest["inputs"][0], "filename": "second.csv", "sha256": "0" * 64}]
    documents = Documents(manifest, run.documents.report, {}, {})
    given = core.blobs.path(manifest["inputs"][0]["sha256"])
    with pytest.raises(UsageError) as refused:
        core.verifying.verify(replace(run, documents=documents), [given])
    assert "second.csv" in refused.value.what


@pytest.mark.parametrize(
    ("claimed", "tolerance", "rows", "holds"),
    [
        ([[1]], None, [[1]], True),
        ([[1]], None, [[1.0]], True),
        ([[1]], None, [[True]], False),
        ([[1]], None, [["1"]], False),
        ([[None]], None, [[None]], True),
        ([[0]], None, [[None]], False),
        ([[1.0]], 1e-9, [[1.0 + 1e-12]], True),
        ([[1.0]], None, [[1.0 + 1e-12]], False),
        ([[1.0]], 0.5, [[1.0]], False),
        ([[1.0]], True, [[1.0]], False),
        ([[1], [2]], None, [[2], [1]], False),
        ([[1]], None, [[1], [1]], False),
        ([[1], [1]], None, [[1]], False),
        ([], None, [], True),
        (None, None, [], False),
        ([[10**400]], 1e-9, [[1.0]], False),
        ([[{"a": [1]}]], None, [[{"a": [1]}]], True),
        ([[{"a": [1]}]], None, [[{"a": [1], "b": None}]], False),
    ],
)
def test_what_counts_as_the_same(claimed: Any, tolerance: Any, rows: Any, holds: bool) -> None:
    """Values, their kinds, their number and their order; a wide tolerance confirms nothing."""
    assert (disagreement(query("", claimed, tolerance), rows) is None) is holds


@pytest.mark.parametrize(
    ("reference", "holds"),
    [
        ("db://dv_1#row_index=0", True),
        ("db://dv_1#row_index=9", True),
        ("db://dv_1#row_index=10", False),
        ("db://dv_1#row_index=-1", False),
        ("db://dv_2#row_index=0", False),
        ("row 3", False),
    ],
)
def test_cited_rows_are_rows_of_the_run(reference: str, holds: bool) -> None:
    """Of one of its dataset versions, and not beyond the last."""
    assert (rows_disagreement({"refs": [reference]}, {"dv_1": 10}) is None) is holds
    assert rows_disagreement({"refs": []}, {"dv_1": 10}) is not None


def test_cited_artifacts_are_the_registered_ones() -> None:
    """By path and by hash."""
    registered = {"plugins/p/artifacts/a.json": "ab"}
    assert artifact_disagreement("p", {"path": "artifacts/a.json", "sha256": "ab"}, registered) is None
    assert artifact_disagreement("p", {"path": "artifacts/a.json", "sha256": "cd"}, registered)
    assert artifact_disagreement("q", {"path": "artifacts/a.json", "sha256": "ab"}, registered)
