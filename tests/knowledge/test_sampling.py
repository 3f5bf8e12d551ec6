"""A sample: the same rows on every machine, said everywhere, and everything else as true of it as of a whole file."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import Run
from harness_core.sdk.dataset import data_view
from harness_core.sdk.sampling import chosen, take_sample
from tests.fakes.running import report_bytes, run_to_end

ROWS = 5_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{number},{number % 7}\n" for number in range(ROWS)))
    return path


def report_of(core: Core, run: Run) -> dict[str, object]:
    return dict(json.loads((core.store.run_folder(run.run_id) / "report.json").read_bytes()))


def test_the_choice_is_splitmix64() -> None:
    """The published first outputs for the seed 1234567: anybody can tell which rows were taken."""
    outputs = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    for fraction in (0.1, 0.2, 0.3, 0.5, 0.6, 0.9):
        assert chosen(0, 5, fraction, 1234567).tolist() == [output < int(fraction * 2**64) for output in outputs]


def test_the_choice_does_not_depend_on_the_batches() -> None:
    """Ten batches choose the rows that one does, about as many as asked for, evenly over the file."""
    whole = chosen(0, 1_000_000, 0.1, 7)
    parts = np.concatenate([chosen(start, 100_000, 0.1, 7) for start in range(0, 1_000_000, 100_000)])
    assert (whole == parts).all()
    deviations = (parts.reshape(10, -1).sum(axis=1) - 10_000) / np.sqrt(100_000 * 0.1 * 0.9)
    assert np.abs(deviations).max() < 4


def test_every_type_survives(tmp_path: Path) -> None:
    """A sample changes which rows there are, and no value or type in them."""
    table = pa.table(
        {
            "n": pa.array([1, None, 3] * 100, pa.int64()), "d": pa.array(["1.10", None, "2.25"] * 100).cast(pa.decimal128(9, 2)),
            "t": pa.array([1, 2, None] * 100, pa.timestamp("us")), "s": ["ü", None, ""] * 100, "l": [[1], None, []] * 100,
        }
    )  # fmt: skip
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet", row_group_size=70)
    declared = {"input_sha256": "0" * 64, "reading": {"format": "x"}, "row_count": 300}
    take_sample(tmp_path, declared, {"fraction": 0.5, "seed": 3})
    sample = pyarrow.parquet.read_table(tmp_path / "data.parquet")
    assert sample.equals(table.filter(pa.array(chosen(0, 300, 0.5, 3))))
    assert declared["row_count"] == sample.num_rows
    assert declared["reading"]["sample_rows_total"] == 300  # type: ignore[index]


def test_a_sampled_run_says_so_and_can_be_proved(core: Core, table: Path) -> None:
    """Coverage with fraction, method and seed; evidence holds in stock DuckDB over the sample; replayed and read again it is the same."""
    run = run_to_end(core, table, sample=0.1)
    report = report_of(core, run)
    coverage = report["coverage"]
    version = core.library.dataset_version(str(run.dataset_version_id))
    assert isinstance(coverage, dict)
    assert coverage["sampled"] is True
    assert (coverage["rows_total"], coverage["fraction"]) == (ROWS, 0.1)
    assert 400 < coverage["rows_analyzed"] == version.row_count < 600
    folder = core.store.dataset_folder(version.dataset_version_id)
    connection = duckdb.connect()
    connection.execute(data_view(folder / "data.parquet", ["a", "b"]))
    for finding in report["findings"]:  # type: ignore[attr-defined]
        for item in finding["evidence"]:
            assert connection.sql(item["sql"]).fetchall() == [tuple(row) for row in item["result"]]
    taken = [int(row[0]) for row in connection.sql("SELECT a FROM data ORDER BY row_index").fetchall()]
    assert taken == np.flatnonzero(chosen(0, ROWS, 0.1, int(coverage["seed"]))).tolist()
    manifest = json.loads((core.store.run_folder(run.run_id) / "run_manifest.json").read_bytes())
    assert manifest["feature_flags"]["sample"] == 0.1


def test_a_sample_is_another_dataset_and_another_run(core: Core, table: Path) -> None:
    """Nothing of a sample is ever taken for the whole; the whole, asked for as 1, is the whole."""
    whole, again = run_to_end(core, table), run_to_end(core, table, sample=1.0)
    sampled, twice = run_to_end(core, table, sample=0.1), run_to_end(core, table, sample=0.1, reuse=False)
    other = run_to_end(core, table, sample=0.1, seed=5)
    assert whole.fingerprint == again.fingerprint
    assert report_of(core, whole)["coverage"] == {
        "sampled": False, "rows_analyzed": ROWS, "rows_total": ROWS, "fraction": 1.0, "method": "all rows", "seed": None,
    }  # fmt: skip
    assert sampled.fingerprint == twice.fingerprint != whole.fingerprint
    assert report_bytes(core, sampled) == report_bytes(core, twice)
    assert len({whole.dataset_version_id, sampled.dataset_version_id, other.dataset_version_id}) == 3


def test_the_sample_of_a_file_stays_when_settings_change(core: Core, table: Path) -> None:
    """Without a seed the file's own hash decides, not the run's fingerprint: another setting looks at the same rows."""
    one, two = run_to_end(core, table, sample=0.1), run_to_end(core, table, sample=0.1, plugins=["analysis_count"])
    assert one.fingerprint != two.fingerprint
    assert one.dataset_version_id == two.dataset_version_id


def test_a_sampled_run_is_read_again_from_its_file(core: Core, table: Path) -> None:
    """Given the original file, the reader takes the same sample again, and all evidence holds."""
    run = run_to_end(core, table, sample=0.1)
    verification = core.verifying.verify_run(core.replaying, run.run_id, [table])
    assert verification.verified
