"""What must not leave the house: a run over personal data with awkward names and settings, and every byte of what is exported."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness_core.bootstrap import Core, open_core, open_pack_tools
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.redaction import Redaction
from harness_core.domain.runs import DatasetVersionId, RunId
from harness_core.services.personal_values import columns_meant
from harness_core.services.submitting import Submission
from harness_core.services.verifying import Verification
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end

TABLE = """person,score,kind
"O'Brien, Ann",1,notice
Zoë Jørgensen,2,notice
<Max> & Söhne,3,warning
"O'Brien, Ann",4,data
"""
PEOPLE = ("O'Brien", "Jørgensen", "Söhne", "Zoë")
QUOTES = """
import html
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    top = ctx.dataset.evidence("SELECT person, count(*) FROM data GROUP BY 1 ORDER BY 2 DESC, 1")
    rows = ctx.dataset.evidence("SELECT count(*) FROM data WHERE person = 'O''Brien, Ann'")
    total = ctx.dataset.evidence("SELECT count(*) FROM data")
    first = top["result"][0][0]
    svg = "<svg><text>" + html.escape(top["result"][2][0][:6]) + "…</text><text>Zoë Jørg…</text></svg>"
    ctx.write_artifact("drawn.svg", svg)
    ctx.write_artifact("told.md", "The first is " + first.replace("'", "\\\\'") + " and " + html.escape(first))
    found = [
        Finding("pii", "Names", '"person" holds names, "kind" is personal too.', columns=["person", "kind"], evidence=[total]),
        Finding("concentration", "One leads", f'In "person", {first} has 2 of 4 rows.', columns=["person"], evidence=[top, rows],
                statistics={"head": [row[0] for row in top["result"]], "n": 4}),
    ]
    return PluginResult.ok("Quoted " + first, findings=found, metrics={"by_person": {row[0]: row[1] for row in top["result"]}})
"""
LITERAL = {"type": "object", "properties": {"api_key": {"type": "string", "default": ""}}, "additionalProperties": False}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, RunId, Path]]:
    folder = tmp_path_factory.mktemp("leaks")
    table = folder / "salaries of jane.roe@example.org.csv"
    table.write_text(TABLE, encoding="utf-8")
    small_catalog(folder / "plugins")
    make_plugin(folder / "plugins", "analysis_quotes", "analysis", QUOTES, config=LITERAL)
    catalog = small_catalog(folder / "plugins")
    with closing(open_core(read_settings({}, home=folder / "home"), queue_url="memory://", catalog=catalog)) as core:
        run = run_to_end(core, table, settings={"analysis_quotes": {"api_key": "hunter22hunter22"}})
        assert run.status == "COMPLETED"
        yield core, run.run_id, table


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def holding(files: dict[str, str], word: str) -> list[str]:
    return [name for name, text in files.items() if word in text or word in name]


def verified(core: Core, path: Path, folder: Path, data: list[Path]) -> Verification:
    proving, verifying = open_pack_tools(core.settings, folder)
    return verifying.verify(proving.prove(path, folder / "pack"), data)


@pytest.mark.parametrize("word", [*PEOPLE, "jane.roe", "&#x27;Brien", "hunter22"])
def test_no_personal_value_and_no_secret_is_in_a_pack(house: tuple[Core, RunId, Path], tmp_path: Path, word: str) -> None:
    """Neither as it is, nor shortened in a figure, nor as Markdown and HTML write it, nor in a name, nor in a setting."""
    core, run_id, _ = house
    assert holding(contents(core.exporting.export(run_id, tmp_path / "run.zip").path), word) == []


@pytest.mark.parametrize("word", [*PEOPLE, "jane.roe", "hunter22"])
def test_nor_in_diagnostics(house: tuple[Core, RunId, Path], tmp_path: Path, word: str) -> None:
    """Which are made to be sent."""
    core, run_id, _ = house
    assert holding(contents(core.diagnosing.write(run_id, tmp_path / "diag.zip").path), word) == []


def test_a_cleaned_pack_still_verifies(house: tuple[Core, RunId, Path], tmp_path: Path) -> None:
    """Its list, its index and its documents agree; what has a gap is named and not tried, all else is."""
    core, run_id, _ = house
    path = core.exporting.export(run_id, tmp_path / "run.zip").path
    found = verified(core, path, tmp_path / "work", [])
    assert found.verified
    assert {item.reason for item in found.not_checkable} == {
        "what looks personal was taken out of it",
        "it needs the original file (--data FILE)",
    }
    files = contents(path)
    index, manifest = json.loads(files["pack.json"]), json.loads(files["run/run_manifest.json"])
    assert "run/run_manifest.json" in {item["path"] for item in index["redacted"]}
    assert manifest["inputs"][0]["filename"] == "salaries of [removed]"
    assert manifest["config"]["settings"]["analysis_quotes"] == {"api_key": "[removed]"}


def test_words_that_documents_are_made_of_stay(house: tuple[Core, RunId, Path], tmp_path: Path) -> None:
    """A value of a personal column that is also a severity, a role or a key changes no document's shape."""
    core, run_id, _ = house
    files = contents(core.exporting.export(run_id, tmp_path / "run.zip").path)
    report = json.loads(files["run/report.json"])
    assert [finding["columns"] for finding in report["findings"] if finding["kind"] == "pii"] == [["person", "kind"]]
    assert json.loads(files["run/run_manifest.json"])["datasets"][0]["role"] == "data"


def test_a_literal_secret_is_in_no_pack_at_all(house: tuple[Core, RunId, Path], tmp_path: Path) -> None:
    """Not even in one with the data, which holds the people because that was asked for; and that pack proves itself."""
    core, run_id, _ = house
    path = core.exporting.export(run_id, tmp_path / "raw.zip", include_raw=True).path
    files = contents(path)
    assert holding(files, "hunter22") == []
    assert holding(files, "O'Brien")
    assert verified(core, path, tmp_path / "work", []).verified


def test_where_the_data_are_gone_more_is_taken_out(house: tuple[Core, RunId, Path], tmp_path: Path) -> None:
    """Nobody can be asked which words are people, so all that findings about such columns quote goes."""
    core, run_id, _ = house
    (data,) = core.settings.home.glob("datasets/*")
    data.rename(tmp_path / "elsewhere")
    try:
        files = contents(core.exporting.export(run_id, tmp_path / "run.zip").path)
    finally:
        (tmp_path / "elsewhere").rename(data)
    assert [word for word in PEOPLE if holding(files, word)] == []


GIVEN = "Anna Peter Maria Ahmed Julia Thomas Laura Pierre Elena Marco Sara Klaus Emma Ivan Nina Hugo Rosa Jan Lena Omar"
STAFF = [f"{given} {family}" for given, family in zip(GIVEN.split(), ["Okafor", "Sundgren", "Baptiste", "Zelko"] * 5, strict=True)]
LEFT = ["Maria Quillfeather", "Peter Ashgrove", "Julia Thistlewood"]


def visits(folder: Path, seed: int, names: list[str]) -> Path:
    """Three hundred visits by those people, each by name."""
    rng = np.random.default_rng(seed)
    lines = [f"{5000 + k},{names[k % len(names)]},{minutes:.1f}" for k, minutes in enumerate(rng.normal(40, 5, 300))]
    folder.mkdir(exist_ok=True)
    path = folder / "visits.csv"
    path.write_text("\n".join(["visit_no,employee,minutes", *lines, ""]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, Path]]:
    """The product's own plugins, and a file of the staff."""
    folder = tmp_path_factory.mktemp("tables")
    staff = folder / "staff.csv"
    staff.write_text("employee,grade\n" + "".join(f"{name},{k % 7}\n" for k, name in enumerate(STAFF)), encoding="utf-8")
    with closing(open_core(read_settings({}, home=folder / "home"), queue_url="memory://")) as core:
        yield core, staff


def run_of(core: Core, files: list[Path], **asked: Any) -> RunId:
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        uploads = [core.uploading.take_file(path).upload_id for path in files]
        run = ended(core, core.submitting.submit(Submission(uploads, **asked)))
    finally:
        worker.stop(drain_s=5.0)
    assert run.status == "COMPLETED"
    return run.run_id


def test_nor_a_personal_value_of_another_table(product: tuple[Core, Path], tmp_path: Path) -> None:
    """People who stand in a second file alone are quoted, because the first does not know them: the scan looks at both."""
    core, staff = product
    plugins = ["analysis_pii_scan", "analysis_references"]
    run_id = run_of(core, [staff, visits(tmp_path, 1, [*STAFF, *LEFT])], plugins=plugins)
    told = (core.store.run_folder(run_id) / "report.json").read_text(encoding="utf-8")
    assert all(name in told for name in LEFT)
    assert {name for item in json.loads(told)["findings"] if item["kind"] == "pii" for name in item["columns"]} == {
        "employee", "visits.employee",
    }  # fmt: skip
    for written in (core.exporting.export(run_id, tmp_path / "run.zip"), core.diagnosing.write(run_id, tmp_path / "diag.zip")):
        assert [name for name in LEFT if holding(contents(written.path), name)] == []
    assert verified(core, tmp_path / "run.zip", tmp_path / "work", []).verified


def test_nor_one_of_the_earlier_file(product: tuple[Core, Path], tmp_path: Path) -> None:
    """People who are gone from the new file stand in the drift; the earlier file's column is that of the new one."""
    core, _ = product
    plugins = ["analysis_pii_scan", "analysis_drift"]
    old = run_of(core, [visits(tmp_path / "old", 1, [*STAFF[:8], *LEFT])], plugins=plugins)
    run_id = run_of(core, [visits(tmp_path / "new", 2, STAFF[:8])], plugins=plugins, against=old)
    told = (core.store.run_folder(run_id) / "report.json").read_text(encoding="utf-8")
    assert all(name in told for name in LEFT)
    assert [item["columns"] for item in json.loads(told)["findings"] if item["kind"] == "pii"] == [["employee"]]
    assert [name for name in LEFT if holding(contents(core.exporting.export(run_id, tmp_path / "run.zip").path), name)] == []


def test_a_column_counts_in_its_table_and_in_those_that_are_alike() -> None:
    """A name of one table says nothing of the same name in a table of another kind; one that no table has is asked all the same."""

    def version(role: str, *columns: str) -> DatasetVersion:
        named = [{"name": name} for name in columns]
        return DatasetVersion(DatasetVersionId("dv"), "", role, "", "", {}, named, 1, "", 1, 0.0)

    versions = [
        version("data", "name", "mail", "b.c"),
        version("b", "c"),
        version("old", "name", "mail"),
        version("goods", "name", "price"),
    ]
    assert columns_meant(["name"], versions) == [("data", "name"), ("old", "name")]
    assert columns_meant(["goods.name"], versions) == [("goods", "name")]
    assert columns_meant(["b.c", "gone"], versions) == [("b", "c"), ("data", "b.c"), ("data", "gone")]


def test_names_are_taken_out_as_words() -> None:
    """Not as parts of others, and not where nothing is known."""
    redaction = Redaction(names=["Ann", "Bo & Co", "x"])
    assert redaction.text("Ann, Anna and Bo &amp; Co, Bo & Co; x") == ("[removed], Anna and [removed], [removed]; x", 3)
    assert redaction.text("<text>Bo &amp; …</text><text>Cy…</text>") == ("<text>[removed]</text><text>Cy…</text>", 1)
    assert Redaction(names=[]).text("Ann") == ("Ann", 0)


@pytest.mark.parametrize("key", ["password", "db_password", "API_KEY", "auth.token", "client-secret", "apikey"])
def test_what_is_called_like_a_secret_goes(key: str) -> None:
    """Whatever it says; references to the environment, counts and columns that only sound alike stay."""
    kept = {"max_tokens": "12", "token_column": "a", key: {"$env": "NAME"}}
    assert Redaction(credentials=True).value({**kept, "deep": [{key: "abc"}]}) == ({**kept, "deep": [{key: "[removed]"}]}, 1)
