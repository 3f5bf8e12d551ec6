"""INSERTs read a block at a time against the same read by one token after another: the same tables, notes and refusals."""

import random
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness_core.sdk import InputFile, InputRejected
from harness_core.sdk.validation import with_defaults
from tests.plugins import sql_dumps
from tests.plugins.sql_dumps import PLUGIN, json_of, read_dump

TYPES = {
    "mysql": ["int", "bigint", "decimal(9,2)", "double", "date", "datetime", "time", "tinyint(1)", "text", "varchar(9)", "blob", "bit(8)"],
    "postgresql": ["integer", "numeric(9,2)", "numeric", "double precision", "real", "date", "timestamp", "boolean", "text", "bytea"],
    "sqlite": ["INTEGER", "DECIMAL(9,2)", "REAL", "DATE", "DATETIME", "BOOLEAN", "TEXT", "BLOB", ""],
}  # fmt: skip
HEADS = {"mysql": "-- MySQL dump\n", "postgresql": "-- PostgreSQL database dump\n", "sqlite": "PRAGMA foreign_keys=OFF;\n"}
TAME = ["a", "word", " ", "é", "1"]
WILD = ["a", "word", " ", ",", "(", ")", "),(", ");", ";", "''", '"', "`", "#", "--", "/*", "*/", "$$", "[", "\n", "\r\n", "\t", "ü", "日本", "😀",
        "NULL", "E''", "x''", "\\\\", ");\nINSERT INTO t VALUES (", "0x1F", "::", "%", "_", "\x1d"]  # fmt: skip
ESCAPES = {
    "mysql": ["\\'", '\\"', "\\n", "\\0", "\\Z", "\\%", "\\_", "\\r", "\\\\", "\\x", "\\\n"], "postgresql": ["\\", "\\n"],
    "sqlite": ["\\", "\\n"],
}  # fmt: skip
NUMBERS = [
    "0",
    "-1",
    "+5",
    "7",
    "12.50",
    "-0.01",
    "1e3",
    "-2.5E-3",
    ".5",
    "3.",
    "123456789012345678901",
    "99999999.999",
    "0x1F",
    "007",
    "- 3",
]
MOMENTS = ["'2024-02-29'", "'2024-01-31 10:20:30'", "'2024-01-31 10:20:30.123456'", "'2024-1-3'", "'0000-00-00'", "' 2024-01-31'",
           "'2024-01-31 '", "'10:20:30'", "2024-01-31", "'2024-01-31T10:20'", "'2024-02-30'"]  # fmt: skip
WORDS = ["NULL", "null", "Null", "TRUE", "false", "t", "now()", "CURRENT_TIMESTAMP", "f(1, 'a,b')", "(1+2)", "a b", "\\N"]
ODD = {
    "mysql": ["_binary 'a\\0b\\''", "_utf8mb4'ü'", "X'00FF'", "0x41", "b'101'", "0b1", "N'x'", "'a' 'b'", '"say ""hi"" it\'s"', "_binary 0xFF"],
    "postgresql": ["E'it\\'s\\n\\x41'", "U&'d\\0061ta'", "$$it's$$", "'x'::text", "'2024-01-01'::date", "B'101'", "'\\x00ff'::bytea", "'1' 'b'", "'t'"],
    "sqlite": ["replace('a\\nb','\\n',char(10))", "unistr('x\\u000ay')", "X'0102'", "x''", "0x10", "'a'||'b'", '"quoted"'],
}  # fmt: skip
GAPS = [",", ",", ",", ", ", ",\n", ",\n\t", " , ", ",  \r\n  ", " /* a 'gap' */ ,", ",-- it's\n"]


class RandomDump:
    """Random INSERTs of one table; how wild they are is drawn once for each dump."""

    def __init__(self, seed: int, dialect: str) -> None:
        self.draw, self.dialect = random.Random(seed), dialect
        self.types = [self.draw.choice(TYPES[dialect]) for _ in range(self.draw.choice([1, 2, 3, 5, 8]))]
        self.wild = self.draw.choice([0.0, 0.0, 0.02, 0.3])
        self.comma = self.draw.choice([",", ",", ", ", ",  ", " ,\n"])
        self.gap = self.draw.choice(GAPS)
        self.habits = [self.draw.choice(["number", "text", "moment", "any"]) for _ in self.types]

    def is_wild(self) -> bool:
        return self.draw.random() < self.wild

    def quoted(self) -> str:
        signs = [*WILD, *ESCAPES[self.dialect]] if self.draw.random() < 0.3 else TAME
        inner = "".join(self.draw.choice(signs) for _ in range(self.draw.choice([0, 1, 2, 4])))
        is_open = self.dialect == "mysql" and (len(inner) - len(inner.rstrip("\\"))) % 2 == 1
        return f"'{inner}x'" if is_open else f"'{inner}'"

    def value(self, habit: str) -> str:
        if self.draw.random() < 0.1:
            return "NULL"
        if self.is_wild():
            habit = self.draw.choice(["number", "text", "moment", "word", "odd"])
        if habit == "any":
            habit = self.draw.choice(["number", "text", "moment"])
        if habit == "number":
            number = self.draw.choice(NUMBERS if self.is_wild() else ["0", "-1", "7", "12.50", "31"])
            return f"'{number}'" if self.is_wild() else number
        if habit == "moment":
            return self.draw.choice(MOMENTS if self.is_wild() else MOMENTS[:2])
        return self.quoted() if habit == "text" else self.draw.choice(WORDS if habit == "word" else ODD[self.dialect])

    def row(self) -> str:
        values = [self.value(habit) for habit in self.habits]
        if self.draw.random() < self.wild / 20:
            values = values[:-1] or ["1", "2"]
        pad = self.draw.choice(["", " ", "\n", "/*c*/"]) if self.draw.random() < self.wild / 4 else ""
        return "(" + pad + self.comma.join(values) + pad + ")"

    def text(self) -> str:
        names = [f"c{place}" for place in range(len(self.types))]
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, self.types, strict=True))
        into = "INSERT INTO t " + ("(" + ", ".join(names) + ") " if self.draw.random() < 0.3 else "") + "VALUES "
        per = self.draw.choice([1, 1, 2, 50])
        inserts = [into + self.gap.join(self.row() for _ in range(per)) + ";\n" for _ in range(self.draw.choice([1, 3, 60]))]
        return f"{HEADS[self.dialect]}CREATE TABLE t ({columns});\n" + "".join(inserts) + "-- it's the end\n"


def outcome(path: Path, work: Path) -> Any:
    """The table with what is to be said of it, or the code of the refusal."""
    import dump_job
    from dump_settings import Settings

    settings = Settings.from_mapping(with_defaults(json_of(PLUGIN / "config.schema.json"), {}))
    work.mkdir()
    source = InputFile(path, path.name, "0" * 64, path.stat().st_size)
    try:
        dump = dump_job.read_dump([source], settings, work, lambda *_: None)
    except InputRejected as reason:
        return reason.code
    (table,) = dump.tables
    read = pyarrow.parquet.read_table(dump.paths[id(table)])
    said = [(reading.name, reading.kind, reading.expressions, reading.mended, reading.has_failed) for reading in table.readings]
    return read.schema, [column.to_pylist() for column in read.columns], said, table.row_count, dump.catalog.notes.as_list()


@pytest.mark.parametrize("dialect", ["mysql", "postgresql", "sqlite"])
def test_blocks_and_tokens_are_read_alike(tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, escapes, calls, casts, blobs, blanks, line ends, comments and uneven rows, between values, rows and statements."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_reader
    from dump_rows import exact_rows

    def by_tokens(block: bytes, spoken: Any, width: int, joint: bytes | None, *, ended: bool) -> Any:
        return exact_rows(block, spoken, width, ended=ended)

    for seed in range(50):
        path = tmp_path / f"{seed}.sql"
        path.write_text(RandomDump(seed, dialect).text(), encoding="utf-8", newline="")
        found = outcome(path, tmp_path / f"{seed}-blocks")
        with monkeypatch.context() as patch:
            patch.setattr(dump_reader, "scan_rows", by_tokens)
            exact = outcome(path, tmp_path / f"{seed}-tokens")
        assert repr(found) == repr(exact), (seed, path.read_text("utf-8")[:2000])


def test_usual_dumps_never_go_token_by_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the three tools write is read in blocks, values with quotes, escapes and line ends too: the speed hangs on it."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_reader
    import dump_scan

    def forbidden(block: bytes, *_: Any, **__: Any) -> Any:
        raise AssertionError(block[:200])

    rows = [(place, place / 7, None, f'it\'s "{place}"\n, (a); -- b', b"\x00'", None if place % 3 else "ü") for place in range(300)]
    dumps = {
        "mysql": sql_dumps.mysql_dump(rows, 50), "postgresql": sql_dumps.postgresql_dump(rows, 1),
        "listed": sql_dumps.postgresql_dump(rows, 50), "sqlite": sql_dumps.sqlite_dump(rows),
    }  # fmt: skip
    for name, content in dumps.items():
        path = tmp_path / f"{name}.sql"
        path.write_text(content, encoding="utf-8", newline="")
        with monkeypatch.context() as patch:
            patch.setattr(dump_scan, "exact_rows", forbidden)
            patch.setattr(dump_reader, "exact_rows", forbidden)
            patch.setattr(dump_reader, "LEAST_REACH", 1)
            assert outcome(path, tmp_path / name)[3] == 300


def test_a_column_that_fits_nothing_twice_becomes_text(tmp_path: Path) -> None:
    """A blob among decimals of an integer column fits neither the declared nor the wider type: no row may get lost over it."""
    rows = ",".join(["(1)", "(12.50)", "(_binary 'a\\0')", "(7)"])
    found = read_dump(tmp_path, f"-- MySQL dump\nCREATE TABLE `t` (`i` bigint) ENGINE=InnoDB;\nINSERT INTO `t` VALUES {rows};\n")
    assert found.types("t") == {"i": "VARCHAR"}
    assert found.rows("t") == [("1",), ("12.50",), ("a\0",), ("7",)]


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, (256 << 10) - 1, (256 << 10) + 70])
def test_planes_are_what_a_loop_says(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours, parity and places across the borders of words and pieces."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_planes
    import numpy

    draw = numpy.random.default_rng(size)
    data = draw.choice(numpy.frombuffer(b"''(),abcdefghijklmnop", numpy.uint8), size)
    bits = dump_planes.planes(data, b"'")[ord("'")]
    mask = data == ord("'")

    def as_mask(plane: Any) -> Any:
        return numpy.unpackbits(plane.view(numpy.uint8), bitorder="little")[:size].astype(bool)

    assert (as_mask(bits) == mask).all()
    assert dump_planes.places(bits).tolist() == numpy.flatnonzero(mask).tolist()
    assert (dump_planes.at(numpy.flatnonzero(mask), bits) == bits).all()
    assert (as_mask(dump_planes.behind(bits)) == numpy.append(False, mask[:-1])).all()
    assert (as_mask(dump_planes.before(bits)) == numpy.append(mask[1:], False)).all()
    assert (as_mask(dump_planes.within(bits)) == (numpy.cumsum(mask) % 2 == 1)).all()
    end = int(draw.integers(0, size + 1))
    assert (as_mask(dump_planes.clear_from(bits.copy(), end)) == (mask & (numpy.arange(size) < end))).all()
