"""What a plugin reads its dataset version with: rows by index without the rest of the file, and no full load by accident."""

from pathlib import Path

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.dataset import Dataset, DatasetTooLarge

ROWS, GROUP = 10_000, 2_048


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset version of several row groups."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    table = pyarrow.table({"number": range(ROWS), "word": [f"w{index}" for index in range(ROWS)]})
    pyarrow.parquet.write_table(table, folder / "data.parquet", row_group_size=GROUP, compression="none", use_dictionary=False)
    columns = [
        {"name": "number", "type": "integer", "nullable": False, "storage_type": "BIGINT"},
        {"name": "word", "type": "text", "nullable": False, "storage_type": "VARCHAR"},
    ]
    facts = {"dataset_version_id": "dv_test", "row_count": ROWS, "columns": columns, "repairs": [], "reading": {}}
    (folder / "schema.json").write_bytes(canonical_bytes(facts))
    return folder


def test_rows_are_looked_up_through_their_row_groups(folder: Path, tmp_path: Path) -> None:
    """Rows come in the order asked for; a row group that holds none of them is not read, so its bytes may be rubbish."""
    dataset = Dataset(folder, tmp_path, 256)
    found = dataset.rows([9_999, 3, 5_000, 3, 20_000])
    assert [(row["number"], row["word"]) for row in found] == [(9_999, "w9999"), (3, "w3"), (5_000, "w5000")]
    dataset.close()
    path = folder / "data.parquet"
    with pyarrow.parquet.ParquetFile(path) as file:
        group = file.metadata.row_group(0)
        stretches = [(group.column(index).data_page_offset, group.column(index).total_compressed_size) for index in range(2)]
    with path.open("r+b") as file:
        for start, size in stretches:
            file.seek(start)
            file.write(b"\xff" * size)
    damaged = Dataset(folder, tmp_path, 256)
    assert damaged.rows([9_000], ["word"]) == [{"word": "w9000"}]
    with pytest.raises(duckdb.Error):
        damaged.rows([3])
    damaged.close()


def test_a_full_load_beyond_the_cap_is_refused_with_the_remedy(folder: Path, tmp_path: Path) -> None:
    """What does not fit says how many rows there are, what the cap is, and what to use instead; below the cap it is loaded."""
    dataset = Dataset(folder, tmp_path, 256)
    with pytest.raises(DatasetTooLarge) as refused:
        dataset.to_pandas(max_rows=ROWS - 1)
    assert all(words in str(refused.value) for words in ("10,000 rows", "9,999", "fold()", "raise max_rows"))
    assert len(dataset.to_pandas(max_rows=ROWS, columns=["number"])) == ROWS
    dataset.close()


def test_a_second_thread_reads_alongside_without_getting_in_the_way(folder: Path, tmp_path: Path) -> None:
    """It sees the same view within the same engine, keeps its tables and its count to itself, and may be closed alone."""
    dataset = Dataset(folder, tmp_path, 256)
    other = dataset.alongside()
    other.connection.execute("CREATE TEMP TABLE mine AS SELECT 1")
    assert other.sql("SELECT sum(number) FROM data").scalar() == dataset.sql("SELECT sum(number) FROM data").scalar()
    assert (dataset.rows_read, other.rows_read) == (ROWS, ROWS)
    assert other.sql("SELECT current_setting('threads')").scalar() == 1
    with pytest.raises(duckdb.CatalogException):
        dataset.sql("SELECT * FROM mine")
    other.close()
    assert dataset.sql("SELECT count(*) FROM data").scalar() == ROWS
    dataset.close()
