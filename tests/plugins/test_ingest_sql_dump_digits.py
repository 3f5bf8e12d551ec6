"""Types are those that all rows fit, whatever rows come first: read in blocks, token by token, and in pieces, a dump gives the same bytes."""

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from harness_core.sdk import InputFile, InputRejected
from harness_core.sdk.validation import with_defaults
from tests.plugins import sql_dumps
from tests.plugins.sql_dumps import PLUGIN, read_dump

HEADS = {"mysql": "-- MySQL dump\n", "postgresql": "-- PostgreSQL database dump\n", "copy": "-- PostgreSQL database dump\n",
         "sqlite": "PRAGMA foreign_keys=OFF;\n"}  # fmt: skip
OPEN = {"mysql": "decimal(65,30)", "postgresql": "numeric", "copy": "numeric", "sqlite": "DECIMAL"}
TYPES = {
    "mysql": ["int", "bigint", "decimal(9,2)", "decimal(38,10)", "decimal(65,30)", "double", "datetime", "bit(8)", "blob", "text"],
    "postgresql": ["integer", "numeric", "numeric(9,2)", "numeric(38,37)", "double precision", "real", "timestamp", "boolean", "bytea", "text"],
    "sqlite": ["INTEGER", "NUMERIC", "DECIMAL(9,2)", "DECIMAL(38,3)", "REAL", "DATETIME", "DATE", "BLOB", "TEXT", ""],
}  # fmt: skip
TYPES["copy"] = TYPES["postgresql"]
ODD = {
    "mysql": ["0x1F", "0x00FF", "X'4142'", "b'101'", "_binary 'a\\0b'", "'it\\'s\\n'", "'a\\\\'", "'\\%'", "TRUE"],
    "postgresql": ["'NaN'", "'Infinity'", "'-Infinity'", "'inf'", "'\\x00ff'", "E'\\x41'", "X'1F'", "'it''s'", "'1'::text", "true"],
    "sqlite": ["X'4142'", "0x1F", "0xFFFFFFFFFFFFFFFF", "9.0e+999", "-1e999", "'it''s'", "replace('a\\n','\\n',char(10))", "'NaN'"],
    "copy": ["NaN", "Infinity", "-Infinity", "\\\\x00ff", "it's", "a\\tb", "t", "\\\\N"],
}  # fmt: skip
MOMENTS = ["2024-02-29", "2024-02-29 00:00:00", "2024-02-29 10:20:30.5", "0000-00-00", "2024-2-9"]


def number(draw: random.Random) -> str:
    """Up to more digits than any number type has, with every way to write one."""
    size = draw.choice([1, 2, 3, 9, 17, 18, 19, 20, 37, 38, 39, 45])
    digits = "".join(draw.choice("0123456789") for _ in range(size))
    point = draw.choice([size, size, draw.randrange(size + 1)])
    text = digits[:point] + ("." + digits[point:] if point < size or draw.random() < 0.1 else "")
    text = text if draw.random() < 0.2 else text.lstrip("0") or "0"
    text += (
        draw.choice(["", "", "", "", "0000" if "." in text else "", "e3", "E-2", "e+20", "e-30", "e40"])
        if draw.random() < 0.3
        else ""
    )
    return draw.choice(["", "", "-", "+" if draw.random() < 0.2 else ""]) + text


class RandomTable:
    """How its columns are written is drawn once for each; a few values are of another kind."""

    def __init__(self, seed: int, dialect: str) -> None:
        self.draw, self.dialect = random.Random(seed), dialect
        draw = self.draw
        self.types = [draw.choice(TYPES[dialect]) for _ in range(draw.choice([1, 2, 4]))]
        self.shares = [draw.choice([0.0, 0.0, 0.01, 0.1]) for _ in self.types]
        self.kinds = [draw.choice(["small", "small", "number", "moment", "price"]) for _ in self.types]

    def value(self, kind: str, share: float) -> str:
        draw = self.draw
        if draw.random() < 0.05:
            return "\\N" if self.dialect == "copy" else "NULL"
        if draw.random() < share:
            kind = draw.choice(["number", "odd", "moment", "quoted"])
        if kind == "odd":
            return draw.choice(ODD[self.dialect])
        bare = {"small": str(draw.randrange(-9, 99)), "number": number(draw), "price": f"{draw.randrange(10**6)}.{draw.randrange(100):02}",
                "moment": draw.choice(MOMENTS[:2] if share < 0.1 else MOMENTS), "quoted": draw.choice(["", " "]) + number(draw)}[kind]  # fmt: skip
        return f"'{bare}'" if kind in ("moment", "quoted") and self.dialect != "copy" else bare

    def text(self) -> str:
        names = [f"c{place}" for place in range(len(self.types))]
        rows = [
            [self.value(kind, share) for kind, share in zip(self.kinds, self.shares, strict=True)]
            for _ in range(self.draw.choice([1, 3, 40, 400]))
        ]
        created = ", ".join(f"{name} {kind}" for name, kind in zip(names, self.types, strict=True))
        return f"{HEADS[self.dialect]}CREATE TABLE t ({created});\n" + written(
            self.dialect, names, rows, self.draw.choice([1, 1, 7, 1000])
        )


def written(dialect: str, names: list[str], rows: list[list[str]], per_insert: int) -> str:
    if dialect == "copy":
        return f"COPY t ({', '.join(names)}) FROM stdin;\n" + "".join("\t".join(row) + "\n" for row in rows) + "\\.\n"
    listed = ["(" + ",".join(row) + ")" for row in rows]
    return "".join(f"INSERT INTO t VALUES {','.join(listed[at : at + per_insert])};\n" for at in range(0, len(listed), per_insert))


Outcome = tuple[Any, ...]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """The file that a dump becomes, its columns and notes; or the code of its refusal. Groups of rows are small."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_job
    import dump_parquet
    import dump_reader
    import dump_report
    import dump_rows
    import dump_scan
    from dump_settings import Settings

    defaults = Settings.from_mapping(with_defaults(sql_dumps.json_of(PLUGIN / "config.schema.json"), {}))
    usual, path = (dump_scan._at_once, dump_reader.FIRST_REACH), tmp_path / "dump.sql"
    monkeypatch.setattr(dump_parquet, "GROUP_ROWS", 50)
    monkeypatch.setattr(dump_parquet, "GROUP_BYTES", 2000)
    monkeypatch.setattr(dump_rows, "MOST_BYTES", 3000)

    def reading(content: str, way: str) -> Outcome:
        monkeypatch.setattr(dump_scan, "_at_once", (lambda *_: None) if way == "tokens" else usual[0])
        monkeypatch.setattr(dump_reader, "FIRST_REACH", 16 if way == "pieces" else usual[1])
        monkeypatch.setattr(dump_reader, "LEAST_REACH", 1 if way == "pieces" else 8 << 10)
        path.write_text(content, encoding="utf-8", newline="")
        source = InputFile(path, path.name, "0" * 64, path.stat().st_size)
        settings = replace(defaults, block_bytes=64 if way == "pieces" else defaults.block_bytes)
        try:
            found = dump_job.read_dump([source], settings, tmp_path / "work", lambda *_: None)
        except InputRejected as reason:
            return (reason.code,)
        (table,) = found.tables
        parquet = found.paths[id(table)]
        left = sorted(other.name for other in parquet.parent.iterdir() if other.suffix != ".parquet")
        assert not left, "parts of the file are left behind"
        return parquet.read_bytes(), repr(dump_report.columns_of(table)), dump_report.notes_of(found, table, with_whole=True)

    return reading


def rows_of(outcome: Outcome) -> list[tuple[Any, ...]]:
    table = pyarrow.parquet.read_table(pyarrow.BufferReader(outcome[0]))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize("dialect", HEADS)
def test_the_same_bytes_by_every_way(dialect: str, read: Callable[..., Outcome]) -> None:
    """Whole numbers beyond 64 bits, 38 digits and more, exponents, -0, leading zeros, NaN, blobs, escapes: what is read does not
    depend on the blocks that it is read in."""
    for seed in range(12):
        content = RandomTable(seed, dialect).text()
        found = read(content, "blocks")
        assert found == read(content, "tokens"), (seed, content[:2000])
        assert found == read(content, "pieces"), (seed, content[:2000])


@pytest.mark.parametrize("dialect", HEADS)
def test_numbers_are_never_bent(dialect: str, read: Callable[..., Outcome]) -> None:
    """Numbers in decimal columns come back as exactly the same number, or the whole column as it is written."""
    with localcontext() as context:
        context.prec = 400
        for seed in range(24):
            draw = random.Random(seed)
            kind = draw.choice([OPEN[dialect], "decimal(9,2)", "decimal(38,10)", "decimal(38,0)", "decimal(20,19)", "bigint"])
            values = [number(draw) for _ in range(draw.choice([1, 2, 3, 60]))]
            content = f"{HEADS[dialect]}CREATE TABLE t (d {kind});\n" + written(
                dialect, ["d"], [[value] for value in values], draw.choice([1, 9])
            )
            found = [value for (value,) in rows_of(read(content, "blocks"))]
            if isinstance(found[0], str):
                assert found == values, (seed, kind)
            else:
                assert [Decimal(value) for value in values] == [Decimal(value) for value in found], (seed, kind)


@pytest.mark.parametrize("dialect", HEADS)
@pytest.mark.parametrize("way", ["blocks", "tokens", "pieces"])
def test_later_rows_with_more_digits(dialect: str, way: str, read: Callable[..., Outcome]) -> None:
    """Each thousand of rows has a digit more behind the point than those before, and the last one more digits before it."""
    values = [f"{row % 90}.{row % 9 + 1:0{1 + row // 1000}}" for row in range(6000)] + ["12345678901234567890123456789.5"]
    head = f"{HEADS[dialect]}CREATE TABLE t (i integer, d {OPEN[dialect]}, s text);\n"
    rows = [[str(place), value, "x" if dialect == "copy" else "'x'"] for place, value in enumerate(values)]
    outcome = read(head + written(dialect, ["i", "d", "s"], rows, 50), way)
    assert rows_of(outcome) == [(place, Decimal(value), "x") for place, value in enumerate(values)]
    assert "DECIMAL(38,6)" in outcome[1]
    first = read(head + written(dialect, ["i", "d", "s"], rows[::-1], 1000), "blocks")
    assert rows_of(first) == rows_of(outcome)[::-1]
    assert first[1] == outcome[1]


def test_digits_that_only_together_are_too_many(read: Callable[..., Outcome]) -> None:
    """A column that no decimal holds is a text, also where each of its values fits one, and says why; zeros at the end give way."""
    head = "PRAGMA foreign_keys=OFF;\nCREATE TABLE t (d NUMERIC);\n"
    outcome = read(f"{head}INSERT INTO t VALUES ({'9' * 30});\nINSERT INTO t VALUES (0.{'3' * 20});\n", "blocks")
    assert rows_of(outcome) == [("9" * 30,), ("0." + "3" * 20,)]
    assert "have more digits than a decimal holds, which is 38" in outcome[1]
    outcome = read(f"{head}INSERT INTO t VALUES ({'9' * 30});\nINSERT INTO t VALUES (0.5{'0' * 20});\n", "blocks")
    assert rows_of(outcome) == [(Decimal("9" * 30),), (Decimal("0.5"),)]


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        ("decimal(38,1)", "39" + "0" * 36, None),
        ("decimal(38,2)", "9" * 38, None),
        ("decimal(10,2)", "9999999999", Decimal(9999999999)),
        ("decimal(10,2)", "99e8", Decimal(9900000000)),
        ("decimal(10,2)", "0.1" + "0" * 40, Decimal("0.1")),
        ("integer", "12345678901234567890", Decimal("12345678901234567890")),
        ("integer", "007", 7),
        ("integer", "1e3", Decimal(1000)),
        ("", "9007199254740993", 9007199254740993),
    ],
)
def test_numbers_that_arrow_would_bend(declared: str, value: str, expected: Any, read: Callable[..., Outcome]) -> None:
    """Its conversions to decimals wrap around without a word; none of these may come through them unseen. What no decimal holds is a text."""
    for dialect, head in HEADS.items():
        content = f"{head}CREATE TABLE t (d {declared or 'NUMERIC'});\n"
        for way in ("blocks", "tokens"):
            found = rows_of(read(content + written(dialect, ["d"], [[value], ["1"]], 9), way))
            assert found == ([(value,), ("1",)] if expected is None else [(expected,), (1,)]), (dialect, way)


def test_undeclared_numbers(read: Callable[..., Outcome]) -> None:
    """Numbers with exponents are floats, unless a whole number beside them is more than a float holds."""
    head = "PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a, b, c);\nINSERT INTO t VALUES (1,1.5,9007199254740993);\nINSERT INTO t VALUES (1e3,1e-7,1e3);\n"
    assert rows_of(read(head, "blocks")) == [(1.0, 1.5, Decimal(9007199254740993)), (1000.0, 1e-7, Decimal(1000))]


def test_many_tables_wait_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that wait for their group to be full are not all in memory: the tables are the same as with room for all."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_tables

    tables = {f"t{place}": [(row, f"{row}." + "1" * (1 + row // 30)) for row in range(90 + place)] for place in range(7)}
    content = "-- PostgreSQL database dump\n" + "".join(f"CREATE TABLE {name} (a integer, d numeric);\n" for name in tables)
    for row in range(96):
        content += "".join(
            f"INSERT INTO {name} VALUES ({rows[row][0]}, {rows[row][1]});\n" for name, rows in tables.items() if row < len(rows)
        )
    found = read_dump(tmp_path, content)
    assert {name: found.rows(name) for name in tables} == {
        name: [(first, Decimal(second)) for first, second in rows] for name, rows in tables.items()
    }
    from dump_job import read_dump as read_here
    from dump_settings import Settings

    monkeypatch.setattr(dump_tables, "HELD_BYTES", 500)
    monkeypatch.setattr("dump_reader.PENDING_BYTES", 300)
    settings = Settings.from_mapping(with_defaults(sql_dumps.json_of(PLUGIN / "config.schema.json"), {}))
    path = tmp_path / "dump.sql"
    dump = read_here([InputFile(path, path.name, "0" * 64, path.stat().st_size)], settings, tmp_path / "work", lambda *_: None)
    for table in dump.tables:
        assert pyarrow.parquet.read_table(dump.paths[id(table)]).equals(found.tables[table.title])


def test_batches_leave_no_trace_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows in batches of any size become the same bytes, in groups that are never larger than they may be."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_parquet

    monkeypatch.setattr(dump_parquet, "GROUP_ROWS", 9000)
    monkeypatch.setattr(dump_parquet, "GROUP_BYTES", 3_000_000)
    draw = random.Random(1)
    texts = [
        None if draw.random() < 0.1 else f"{draw.getrandbits(1 + draw.randrange(4000 if row > 9000 else 90)):x}"
        for row in range(20_000)
    ]
    batch = pyarrow.record_batch({"i": range(20_000), "s": texts, "d": [Decimal(row) for row in range(20_000)]})
    files = []
    for size in (20_000, 7000, 1024, 333):
        writer = dump_parquet.TableWriter(tmp_path / f"{size}.parquet")
        for begin in range(0, 20_000, size):
            writer.add(batch.slice(begin, size))
            if size == 333:
                writer.rest()
        writer.close(batch.schema)
        files.append((tmp_path / f"{size}.parquet").read_bytes())
    assert files == files[:1] * 4
    found = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(files[0]))
    groups = [found.read_row_group(place) for place in range(found.num_row_groups)]
    assert groups[0].num_rows == 9000
    assert max(dump_parquet._size(group.combine_chunks().to_batches()[0]) for group in groups) <= 3_000_000
    assert pyarrow.concat_tables(groups).combine_chunks().equals(pyarrow.Table.from_batches([batch]))
