"""The same file gives a Parquet of the same bytes, however many threads, whatever memory, and in whichever pieces it is written."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from harness_core.sdk import InputFile
from harness_core.sdk.validation import with_defaults

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
GROUP_ROWS, ROWS = 4_096, 61_000
WAYS = ((1, 512, 1), (2, 512, 32 << 20), (2, 64, 300_000), (4, 256, 300_000))  # threads, megabytes, bytes of a piece
CONNECTING = ("csv_table", "json_table", "parquet_table", "workbook", "json_lines", "csv_pieces")
ROW = """SELECT i AS number, DATE '2020-01-01' + (i // 100)::INTEGER AS day, 'K' || (hash(i) % 3000) AS key, i % 7 / 4 AS amount,
    CASE WHEN i % 3 > 0 THEN ['a "b", c', 'two' || chr(10) || 'lines', 'plain'][1 + i % 3] END AS note FROM range({rows}) AS t(i)"""
Read = Callable[..., Any]


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(PLUGIN))
    before = set(sys.modules)
    yield {
        name: importlib.import_module(name) for name in ("table_files", "table_settings", "typed_table", "csv_text", *CONNECTING)
    }
    for name in set(sys.modules) - before:
        if str(PLUGIN) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


@pytest.fixture
def read(modules: dict[str, Any], tmp_path: Path) -> Read:
    """Read a file with so many threads, so much memory and pieces so large: the table."""
    connect = modules["typed_table"].connect
    modules["typed_table"].GROUP_ROWS = GROUP_ROWS
    schema = json.loads((PLUGIN / "config.schema.json").read_text("utf-8"))

    def reading(path: Path, threads: int = 2, memory_mb: int = 512, piece_bytes: int = 300_000, **settings: Any) -> Any:
        for name in CONNECTING[:-1]:
            modules[name].connect = partial(connect, threads=threads)
        modules["csv_pieces"].WORKERS, modules["csv_pieces"].PIECE_BYTES = threads, piece_bytes
        given = modules["table_settings"].Settings.from_mapping(with_defaults(schema, settings))
        work = tmp_path / f"work-{len(list(tmp_path.iterdir()))}"
        source = InputFile(path=path, filename=path.name, sha256="0" * 64, size_bytes=path.stat().st_size)
        (table,) = modules["table_files"].read(source, given, work, memory_mb, lambda *_: None)
        return table

    return reading


def row_groups(path: Path) -> list[int]:
    facts = pyarrow.parquet.read_metadata(path)
    return [facts.row_group(index).num_rows for index in range(facts.num_row_groups)]


def write(path: Path, form: str, rows: int = ROWS) -> Path:
    duckdb.execute(f"COPY ({ROW.format(rows=rows)}) TO '{path}' ({form})")
    return path


def ragged(path: Path) -> Path:
    """A delimited text that is read record by record: some rows are short, some long."""
    odd = {0: "", 7: ",surplus"}
    path.write_text(
        "number,key,note\n" + "".join(f"{k},K{k % 900}{odd.get(k % 5000, ',n')}\n" for k in range(ROWS)), encoding="utf-8"
    )
    return path


def crlf(path: Path) -> Path:
    """Lines end in carriage return and line feed, and line feeds stand in texts, the first of the file and of pieces included."""
    path.write_bytes(b"note,number\r\n" + b"".join(b'"two\nlines",%d\r\n' % number for number in range(ROWS)))
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "table.csv": partial(write, form="FORMAT csv"),
    "crlf.csv": crlf,
    "ragged.csv": ragged,
    "table.jsonl": partial(write, form="FORMAT json"),
    "odd_groups.parquet": partial(write, form="FORMAT parquet, ROW_GROUP_SIZE 5000"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_bytes_depend_on_the_file_alone(read: Read, tmp_path: Path, name: str) -> None:
    """Whoever reads the same file on a machine of more cores or less memory has the very same Parquet."""
    path = MAKERS[name](tmp_path / name)
    tables = [read(path, *way) for way in WAYS]
    assert tables[0].row_count == ROWS
    assert len(row_groups(tables[0].path)) > 10
    assert len({table.path.read_bytes() for table in tables}) == 1


def test_row_groups_end_where_the_rows_say(read: Read, tmp_path: Path) -> None:
    """Not where threads met: each but the last has as many rows as asked for, and the rows are those of the source in its order."""
    path = write(tmp_path / "table.csv", "FORMAT csv")
    table = read(path)
    assert row_groups(table.path) == [GROUP_ROWS] * (ROWS // GROUP_ROWS) + [ROWS % GROUP_ROWS]
    stored = duckdb.execute(f"SELECT * FROM '{table.path}'").fetchall()
    expected = duckdb.execute(f"SELECT number, day, key, amount, note FROM ({ROW.format(rows=ROWS)}) ORDER BY number").fetchall()
    assert stored == expected


def test_what_is_joined_is_what_one_writer_writes(read: Read, modules: dict[str, Any], tmp_path: Path) -> None:
    """Every place in the footer is moved: the file is, byte for byte, the one that a single writer makes of the same rows."""
    path, form = write(tmp_path / "table.csv", "FORMAT csv"), modules["csv_text"].TextForm
    table, relation = read(path), form.relation
    form.relation = lambda self, *places, parallel: relation(self, *places, parallel=False)
    modules["csv_text"].WIDE = 0
    assert read(path).path.read_bytes() == table.path.read_bytes()


def test_a_late_value_of_another_kind_is_not_lost(read: Read, tmp_path: Path) -> None:
    """The pieces before it were written as numbers; all are written again as text."""
    path = write(tmp_path / "table.csv", "FORMAT csv")
    path.write_text(path.read_text("utf-8") + "007,2024-01-01,K1,1.0,\n", encoding="utf-8")
    table = read(path)
    stored = pyarrow.parquet.read_table(table.path)["number"].to_pylist()
    assert (stored[:2], stored[-1], table.columns[0].type) == (["0", "1"], "007", "text")


def test_a_late_irregularity_sends_the_whole_file_the_exact_way(read: Read, tmp_path: Path) -> None:
    """What the first pieces gave counts for nothing: the stray quote in the last row swallows nobody, and is said."""
    path = write(tmp_path / "table.csv", "FORMAT csv")
    path.write_text(path.read_text("utf-8") + f'{ROWS},2024-01-01,K1,1.0,3" pipe\n', encoding="utf-8")
    table = read(path)
    assert table.row_count == ROWS + 1
    assert pyarrow.parquet.read_table(table.path)["note"].to_pylist()[-1] == '3" pipe'
    assert [note.code for note in table.repairs.notes] == ["stray_quotes"]


def test_nothing_is_left_of_the_pieces(read: Read, tmp_path: Path) -> None:
    """Neither the stretches of text nor the parts: a table needs its own room on the disk, and little more."""
    table = read(write(tmp_path / "table.csv", "FORMAT csv"))
    assert [path.name for path in table.path.parent.rglob("*") if path.is_file()] == ["table.parquet"]
