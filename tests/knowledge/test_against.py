"""A run compared with the file of an earlier one: which file that is, what is told of it, and that all else stays as it was."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.domain.erp import Erp
from harness_core.domain.errors import NotFound, UsageError
from harness_core.domain.retention import Policy
from harness_core.domain.runs import Run
from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import data_view
from harness_core.services.submitting import Prospect, Submission
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.api.conftest import client_of
from tests.cli.conftest import Harness
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, report_bytes, run_to_end, submit
from tests.knowledge.conftest import SHOWS_COLUMNS

COMPARES = """
from harness_core.sdk import PluginResult

def run(ctx):
    return PluginResult.ok("Compared.", metrics={"earlier": [dict(item) for item in ctx.settings["earlier"]]})
"""
COMPARES_CONFIG = {
    "type": "object", "additionalProperties": False,
    "properties": {"earlier": {"type": "array", "default": [], "x-filled-from": "earlier_inputs"}},
}  # fmt: skip


def orders(folder: Path, name: str, seed: int, shift: float = 0.0, rows: int = 1500) -> Path:
    """One version of a file: amounts and shops; a shift moves the amounts, and a third of the shops to another one."""
    rng = np.random.default_rng(seed)
    shops = rng.choice(["north", "south", "east"], rows)
    shops[(rng.random(rows) < 0.33) & (shift != 0)] = "harbour"
    amounts = rng.normal(100, 10, rows) + shift
    lines = [f"{amount:.2f},{shop},{count}" for amount, shop, count in zip(amounts, shops, rng.integers(1, 40, rows), strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["amount,shop,items", *lines, ""]))
    return path


@dataclass(frozen=True)
class Versions:
    """A home of the product with an old version of a file, a drifted one and one that differs by noise only."""

    core: Core
    old: Run
    drifted: Run
    noise: Run
    alone: Run

    def report(self, run: Run) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.core.store.run_folder(run.run_id) / "report.json").read_bytes())
        return found


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    root = tmp_path_factory.mktemp("versions")
    core = open_core(read_settings({}, home=root / "home"), queue_url="memory://")
    new = orders(root / "b", "orders.csv", 2, 8.0)
    drift: dict[str, Any] = {"plugins": ["analysis_drift"]}
    old = run_to_end(core, orders(root / "a", "orders.csv", 1), **drift)
    drifted = run_to_end(core, new, against="previous", **drift)
    noise = run_to_end(core, orders(root / "c", "orders_3.csv", 3), against=old.run_id[:12], **drift)
    yield Versions(core, old, drifted, noise, run_to_end(core, new, **drift))
    core.close()


def test_a_plugin_that_leaves_the_earlier_file_out_compares_nothing(versions: Versions, tmp_path: Path) -> None:
    """References between tables are those of the new file: asked for alone they are refused, beside the drift they are told of it."""
    core, new = versions.core, orders(tmp_path, "orders.csv", 2, 8.0)
    for plugins in (["analysis_references"], ["analysis_pii_scan", "analysis_references"]):
        assert refused(core, new, versions.old.run_id, plugins=plugins) == "nothing_compares"
    both = against(core, new, versions.old.run_id, plugins=["analysis_references", "analysis_drift"])
    told = [both.config.settings[name]["earlier_inputs"] for name in ("analysis_references", "analysis_drift")]  # type: ignore[index]
    assert told[0] == told[1] == [{"sha256": versions.old.config.inputs[0].sha256, "filename": ""}]


def drift_of(versions: Versions, run: Run) -> dict[str, Any]:
    folder = versions.core.store.plugin_folder(run.run_id, "analysis_drift")
    found: dict[str, Any] = json.loads((folder / "output.json").read_bytes())
    return found


def test_what_drifted_since_the_last_version_is_told_and_stock_duckdb_agrees(versions: Versions) -> None:
    """Planted moves of a number and of a mix, told against the earlier file, each number by a query over both files' data."""
    found = [item for item in versions.report(versions.drifted)["findings"] if item["kind"] == "drift"]
    assert {item["columns"][0] for item in found} == {"amount", "shop"}
    assert all("in this file" in item["statement"] and "in the earlier file" in item["statement"] for item in found)
    amount = next(item for item in found if item["columns"] == ["amount"])
    assert amount["title"].startswith('"amount" is higher in this file')
    connection, ends = duckdb.connect(), {}
    for entry in versions.drifted.datasets:
        version = versions.core.library.dataset_version(entry["dataset_version_id"])
        path = versions.core.store.dataset_folder(version.dataset_version_id) / "data.parquet"
        statement = data_view(path, [column["name"] for column in version.columns])
        connection.execute(statement.replace("VIEW data AS", f'VIEW "{entry["role"]}" AS', 1))
        ends[entry["role"]] = version.input_sha256
    new, old = (run.config.inputs[0].sha256 for run in (versions.drifted, versions.old))
    assert ends == {"data": new, "orders": old}  # although the old data were called data in the run that read them first
    for finding in found:
        for item in finding["evidence"]:
            again = jsonable([list(row) for row in connection.sql(item["sql"]).fetchall()])
            assert [row[:3] for row in again] == [row[:3] for row in item["result"]]
    proved = versions.core.verifying.verify_run(versions.core.replaying, versions.drifted.run_id)
    assert proved.verified
    assert proved.checked >= 2


def test_noise_between_versions_is_quiet_and_another_name_is_said(versions: Versions) -> None:
    """Two draws of one law are not drift; where the earlier file has another name, its name stands in the sentence."""
    answer = drift_of(versions, versions.noise)
    assert answer["findings"] == []
    assert 'in this file from what is in the earlier file "orders.csv"' in answer["summary"]
    assert answer["metrics"]["comparisons"][0]["rows"] == [1500, 1500]


def test_every_other_plugin_sees_the_new_file_only(versions: Versions) -> None:
    """With and without an earlier file the profile is the same; the run as a whole is another one."""
    both = versions.drifted, versions.alone
    profiles = [(versions.core.store.plugin_folder(run.run_id, "profile_basic") / "output.json").read_bytes() for run in both]
    assert profiles[0] == profiles[1]
    assert versions.report(both[0])["coverage"] == versions.report(both[1])["coverage"]
    assert both[0].fingerprint != both[1].fingerprint
    assert drift_of(versions, both[1])["findings"] == []
    assert (both[0].config.against, both[1].config.against) == (versions.old.run_id, None)
    assert [item.sha256 for item in both[0].config.asked_inputs] == [item.sha256 for item in both[1].config.inputs]


def test_it_is_repeated_and_replayed(versions: Versions) -> None:
    """The record holds which file it was: whatever is the last version by then, the same bytes come out."""
    core = versions.core
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        second = ended(core, core.repeating.repeat(core.runs.get(versions.drifted.run_id), worker.worker_id))
    finally:
        worker.stop(drain_s=5.0)
    assert core.repeating.differences(versions.drifted.run_id, second.run_id) == []
    assert report_bytes(core, second) == report_bytes(core, versions.drifted)
    assert not core.replaying.replay(second.run_id).mismatches


def test_over_http_and_on_the_pages(versions: Versions) -> None:
    """The choice is there where there is something to compare with, its command says so, and a run says what it was compared with."""
    core, client = versions.core, client_of(versions.core)
    upload_id = versions.alone.config.inputs[0].upload_id
    plain = client.get(f"/start?upload={upload_id}").text
    assert '<select id="against"' in plain
    assert f'That is “orders_3.csv” of <a href="/runs/{versions.noise.run_id}">' in plain
    assert "--against" not in plain
    chosen = client.get(f"/start?upload={upload_id}&against=previous").text
    assert "--against previous" in chosen
    started = client.post("/runs", data={"upload": upload_id, "against": versions.old.run_id}, follow_redirects=False)
    run = core.runs.get(started.headers["location"].removeprefix("/runs/"))
    assert [item.sha256 for item in run.config.inputs] == [item.sha256 for item in versions.drifted.config.inputs]
    page = client.get(f"/runs/{versions.drifted.run_id}").text
    assert f'<dt>Compared with</dt><dd>orders.csv of <a href="/runs/{versions.old.run_id}">' in page
    assert f"--against {versions.old.run_id}" in page
    assert "earlier_inputs=" not in page
    assert f"against={versions.old.run_id}" in page
    answer = client.post("/api/v1/runs", json={"upload_id": upload_id, "against": versions.old.run_id})
    assert (answer.status_code, answer.json()["run_fingerprint"]) == (202, run.fingerprint)
    wrong = client.post("/api/v1/runs", json={"upload_id": upload_id, "against": "run_that_is_not"})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "no_such_run")
    new = client.post("/api/v1/uploads", params={"filename": "x.csv"}, content=b"never,seen\n1,2\n").json()["upload_id"]
    assert 'id="against"' not in client.get(f"/start?upload={new}").text
    page = client.get(f"/start?upload={new}&against=previous")
    assert page.status_code == 422
    assert "has another file like" in page.text
    assert '<option value="previous" selected>' in page.text


def test_the_command_compares(harness: Harness) -> None:
    """`--against previous` after a run of the last version; without one nothing is recorded, and the exit code is that of usage."""
    old, new = (orders(harness.folder / name, "orders.csv", seed, 8.0 * (seed - 1)) for seed, name in ((1, "a"), (2, "b")))
    drift = ("--plugins", "analysis_drift", "--json")
    refused = harness("run", str(old), "--against", "previous", *drift)
    assert (refused.code, refused.document["error"]["code"]) == (2, "no_earlier_version")
    assert harness.rows("SELECT run_id FROM run") == []
    first = harness("run", str(old), *drift).document
    second = harness("run", str(new), "--against", "previous", *drift).document
    report = json.loads(Path(second["report"]).read_bytes())
    assert "than in the earlier file" in " ".join(item["statement"] for item in report["findings"])
    shown = harness("runs", "settings", second["run_id"], "--json").document
    assert [layer["origin"] for layer in shown["layers"]] == [f"against:{first['run_id']}"]


def dump(folder: Path, name: str, rows: int, level: int) -> Path:
    path = folder / name
    values = ",".join(f"({number},{level + number % 7},'x{number % 3}')" for number in range(rows))
    path.write_text(f"CREATE TABLE `orders` (`id` int, `level` int, `kind` varchar(9));\nINSERT INTO `orders` VALUES {values};\n")
    return path


def test_of_two_dumps_the_new_one_is_the_data(versions: Versions, tmp_path: Path) -> None:
    """The earlier dump has more rows, which otherwise decides what is analysed; the later one is still what the run is about."""
    core = versions.core
    run_to_end(core, dump(tmp_path, "old.sql", 900, 0), plugins=["analysis_drift"])
    run = run_to_end(core, dump(tmp_path, "new.sql", 500, 3), plugins=["analysis_drift"], against="previous")
    assert versions.report(run)["coverage"]["rows_total"] == 500
    comparison = drift_of(versions, run)["metrics"]["comparisons"][0]
    assert (comparison["earlier"], comparison["rows"]) == ('in the earlier file "old.sql"', [900, 500])


@pytest.fixture
def compares(open_home: OpenCore, tmp_path: Path) -> Core:
    """A small product whose analysis says which earlier files it was told of."""
    folder = tmp_path / "plugins"
    catalog = small_catalog(folder)
    make_plugin(folder, "ingest_small", "ingest", SHOWS_COLUMNS)
    make_plugin(folder, "analysis_compares", "analysis", COMPARES, config=COMPARES_CONFIG)
    catalog.refresh()
    return open_home(catalog, queue_url="memory://")


def csv(folder: Path, text: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def against(core: Core, table: Path, which: str = "previous", **asked: Any) -> Prospect:
    upload = core.uploading.take_file(table)
    return core.submitting.prospect(Submission([upload.upload_id], against=which, **asked))


def refused(core: Core, table: Path, which: str = "previous", **asked: Any) -> str:
    with pytest.raises(UsageError) as reason:
        against(core, table, which, **asked)
    assert reason.value.what
    assert reason.value.next_step
    return reason.value.code


def test_previous_is_the_newest_of_the_format_with_other_bytes(compares: Core, tmp_path: Path) -> None:
    """Not the same bytes, not another format, not another share of the rows, nor one that is deleted or has not ended."""
    one = run_to_end(compares, csv(tmp_path, "a,b\n1,x\n"))
    two = run_to_end(compares, csv(tmp_path, "a,b\n2,x\n", "two.csv"))
    run_to_end(compares, csv(tmp_path, "a,c\n1,x\n"))
    new = csv(tmp_path, "a,b\n3,x\n")
    run_to_end(compares, new)
    submit(compares, csv(tmp_path, "a,b\n4,x\n", "queued.csv"))
    found = against(compares, csv(tmp_path, "a,b\n3,x\n"))
    assert [item.sha256 for item in found.config.inputs[1:]] == [two.config.inputs[0].sha256]
    assert found.config.settings["analysis_compares"]["earlier"] == [  # type: ignore[index]
        {"sha256": two.config.inputs[0].sha256, "filename": "two.csv"}
    ]
    assert found.config.origins["analysis_compares"] == {"earlier": f"against:{two.run_id}"}
    assert refused(compares, new, sample=0.5) == "no_earlier_version"
    compares.retaining.delete_runs([two.run_id])
    found = against(compares, new)
    assert found.config.against == one.run_id
    assert found.config.settings["analysis_compares"]["earlier"][0]["filename"] == ""  # type: ignore[index]


def test_without_a_version_of_its_format_that_of_its_erp_is_taken(compares: Core, tmp_path: Path) -> None:
    """The ERP's last file, where the header was never seen; a known format comes first."""
    compares.erps.add(Erp("sap"))
    by_erp = run_to_end(compares, csv(tmp_path, "a,b\n1,x\n"), erp="sap")
    new = csv(tmp_path, "a,b,c\n2,x,y\n", "new.csv")
    assert refused(compares, new) == "no_earlier_version"
    assert against(compares, new, erp="sap").config.against == by_erp.run_id
    by_format = run_to_end(compares, csv(tmp_path, "a,b,c\n9,x,y\n"))
    assert against(compares, new, erp="sap").config.against == by_format.run_id


def test_what_cannot_be_compared_with_is_refused_before_anything_is_recorded(compares: Core, tmp_path: Path) -> None:
    """No earlier version, no such run, the very same file, a reader or plugins that do not fit, and bytes that are gone."""
    table = csv(tmp_path, "a,b\n1,x\n")
    assert refused(compares, table) == "no_earlier_version"
    run = run_to_end(compares, table)
    new = csv(tmp_path, "a,b\n2,x\n", "new.csv")
    assert refused(compares, table, run.run_id) == "same_file"
    assert refused(compares, new, plugins=["analysis_count"]) == "nothing_compares"
    with pytest.raises(NotFound) as unknown:
        against(compares, new, "run_that_is_not")
    assert unknown.value.code == "no_such_run"
    make_plugin(tmp_path / "plugins", "ingest_other", "ingest", SHOWS_COLUMNS, accepts=[".new"])
    assert refused(compares, csv(tmp_path, "a,b\n3,x\n", "other.new"), run.run_id) == "other_reader"
    before = compares.runs.counts()
    with pytest.raises(UsageError):
        submit(compares, new, against="previous", plugins=["analysis_count"])
    assert compares.runs.counts() == before


def test_a_file_that_is_gone_is_not_compared_with(compares: Core, tmp_path: Path) -> None:
    """Purged, a run cannot be named, and the last version is the newest that is still kept."""
    kept = run_to_end(compares, csv(tmp_path, "a,b\n1,x\n"))
    gone = run_to_end(compares, csv(tmp_path, "a,b\n2,x\n"))
    compares.retaining.delete_runs([gone.run_id])
    compares.retaining.apply(Policy(grace_days=0))
    new = csv(tmp_path, "a,b\n3,x\n")
    assert refused(compares, new, gone.run_id) == "earlier_file_gone"
    assert against(compares, new).config.against == kept.run_id
