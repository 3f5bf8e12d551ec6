"""Workbooks of many rows: no row is lost between what is looked at first and what follows, and columns are kept as cells are."""

import random
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
VALUES: dict[str, tuple[Any, ...]] = {
    "numbers": (0.0, 1.0, -3.0, 2.5, 0.1, 1e-9, 1e17, 123456.789, -0.0, 9007199254740993.0, 1e-4, 999999999999999.9),
    "whole": (1.0, 2.0, 40.0, -7.0),
    "words": ("a", "NA", " n/a ", "-", "north", " padded ", "12"),
    "truths": (True, False),
    "days": (date(2024, 1, 5), date(1999, 12, 31)),
    "instants": (datetime(2024, 1, 5, 6, 7, 8), datetime(2024, 1, 5), datetime(2024, 1, 5, 1, 2, 3, 450000)),
    "mixed": (1.0, "x", True, date(2024, 1, 5), datetime(2024, 1, 5, 6), time(3, 4), timedelta(hours=5), 2.5),
}


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Two empty stores of cells, of the plugin's own class."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    before = set(sys.modules)
    import cell_store
    from column_types import TypeRules

    rules = TypeRules(null_tokens=frozenset({"na", "n/a", "-"}))
    yield cell_store.CellStore(tmp_path / "one", rules), cell_store.CellStore(tmp_path / "two", rules)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(PLUGIN) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.mark.parametrize("kind", sorted(VALUES))
@pytest.mark.parametrize("gaps", ["none", "empty texts", "no values"])
def test_a_column_at_once_is_the_same_as_cell_by_cell(stores: Any, tmp_path: Path, kind: str, gaps: str) -> None:
    """The quick way notes the same kinds, texts and tokens as the careful one, and keeps the same texts."""
    draw = random.Random(kind + gaps)
    choices = VALUES[kind] + {"none": (), "empty texts": ("",), "no values": (None,)}[gaps] * 2
    rows = [[draw.choice(choices), draw.choice(VALUES["whole"])] for _ in range(500)]
    careful, quick = stores
    for store in stores:
        store.add_column("x")
        store.add_column("y")
    for row in rows:
        careful.add(["x", "y"], row)
    careful.flush()
    quick.add_rows(["x", "y"], rows)
    assert quick.columns == careful.columns
    assert quick.row_count == careful.row_count == 500
    assert quick.typings() == careful.typings()
    one, two = (pyarrow.parquet.read_table(tmp_path / name / "part-000000.parquet") for name in ("one", "two"))
    assert one.to_pylist() == two.to_pylist()


@pytest.mark.parametrize("count", [499, 500, 501, 1500])
def test_every_row_of_a_long_sheet_is_read(tmp_path: Path, count: int) -> None:
    """Nothing falls between the rows that the layout is told from and the rows behind them."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    sheet.append(["number", "word"])
    for number in range(count):
        sheet.append([number, f"w{number}"])
    path = tmp_path / "long.xlsx"
    book.save(path)
    answer = run_plugin(PLUGIN, inputs=[path], scratch=tmp_path / "scratch")
    table = pyarrow.parquet.read_table(Path(answer["scratch"], "datasets", "0", "data.parquet"))
    assert table["number"].to_pylist() == list(range(count))
    assert table["word"].to_pylist() == [f"w{number}" for number in range(count)]


def test_progress_counts_rows(tmp_path: Path) -> None:
    """While a file is read, frames say how many rows of how many are done, and the last one says all."""
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{number},x\n" for number in range(1000)), encoding="utf-8")
    answer = run_plugin(PLUGIN, inputs=[path], scratch=tmp_path / "scratch")
    frames = [frame for frame in answer["frames"] if frame["type"] == "progress"]
    assert (frames[-1]["done"], frames[-1]["total"], frames[-1]["unit"]) == (1000.0, 1000.0, "rows")
