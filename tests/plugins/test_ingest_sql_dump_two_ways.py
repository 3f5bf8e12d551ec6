"""Rows taken apart a block at a time are the rows read token by token, however a tool lays its INSERTs out."""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness_core.sdk import InputFile
from harness_core.sdk.validation import with_defaults
from tests.plugins import sql_dumps
from tests.plugins.sql_dumps import PLUGIN, mysql_literal, postgresql_literal
from tests.plugins.test_ingest_sql_dump_fuzz import nasty

COLUMNS = {
    "i": "bigint",
    "f": "double precision",
    "d": "decimal(20,4)",
    "s": "text",
    "on": "date",
    "at": "timestamp",
    "n": "integer",
}
HEADS = {
    "mysql": "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;\n",
    "postgresql": "--\n-- PostgreSQL database dump\n--\nSET standard_conforming_strings = on;\n",
    "sqlite": "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n",
}
BLOCKS = [64, 1 << 10, 1 << 20]


def table(draw: random.Random) -> list[tuple[Any, ...]]:
    share, with_controls = draw.choice([0.0, 0.02, 0.5]), draw.random() < 0.3
    rows = []
    for _ in range(draw.choice([1, 2, 5, 60])):
        row = (
            draw.choice([0, -1, 2**63 - 1, -(2**63), draw.randrange(10**6)]),
            draw.choice([0.0, -1.5, 1e300, 5e-324, 1e22, -draw.random() * 10.0 ** draw.randrange(-20, 20)]),
            Decimal(draw.randrange(-(10**9), 10**9)).scaleb(-draw.choice([0, 1, 4])),
            f"w{draw.randrange(9)}" if draw.random() < 0.4 else nasty(draw, with_controls=with_controls),
            date(1970, 1, 1) + timedelta(days=draw.randrange(-30_000, 60_000)),
            datetime(1970, 1, 1) + timedelta(seconds=draw.randrange(4 * 10**9), microseconds=draw.choice([0, 500_000, 1])),
            draw.randrange(-5, 5),
        )
        rows.append(tuple(None if draw.random() < share else value for value in row))
    return rows


def literal(dialect: str, value: Any) -> str:
    if isinstance(value, date):
        return f"'{value.isoformat(' ') if isinstance(value, datetime) else value.isoformat()}'"
    return mysql_literal(value) if dialect == "mysql" else postgresql_literal(value)


def dump(dialect: str, rows: list[tuple[Any, ...]], draw: random.Random) -> str:
    """INSERTs of one row or several, with the columns named, in any order, or not; blanks and line ends as tools write them."""
    mark = "`" if dialect == "mysql" else '"'
    created = ", ".join(f"{mark}{name}{mark} {kind}" for name, kind in COLUMNS.items())
    order, named = list(range(len(COLUMNS))), ""
    if draw.random() < 0.5:
        draw.shuffle(order)
        named = f" ({', '.join(mark + list(COLUMNS)[place] + mark for place in order)})"
    head = f"INSERT INTO {mark}t{mark}{named} VALUES{draw.choice([' ', '', chr(10)])}"
    comma, gap, end = (
        draw.choice([",", ", "]),
        draw.choice([",", ",\n", ", ", " ,\r\n ", ",\n\t"]),
        draw.choice([";\n", ";\r\n", " ;\n"]),
    )
    per_insert = draw.choice([1, 1, 3, 1_000])
    listed = [f"({comma.join(literal(dialect, row[place]) for place in order)})" for row in rows]
    inserts = [head + gap.join(listed[at : at + per_insert]) + end for at in range(0, len(rows), per_insert)]
    return f"{HEADS[dialect]}CREATE TABLE {mark}t{mark} ({created});\n{''.join(inserts)}"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pyarrow.Table]:
    """Reads a dump with blocks of a size; ``strictly`` means token by token."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_job
    import dump_scan
    from dump_settings import Settings

    usual = dump_scan._at_once
    defaults = Settings.from_mapping(with_defaults(sql_dumps.json_of(PLUGIN / "config.schema.json"), {}))
    path = tmp_path / "dump.sql"

    def reading(content: str, block_bytes: int, *, strictly: bool) -> pyarrow.Table:
        monkeypatch.setattr(dump_scan, "_at_once", (lambda *_: None) if strictly else usual)
        path.write_bytes(content.encode())
        source = InputFile(path, path.name, "0" * 64, path.stat().st_size)
        settings = Settings(**{**defaults.__dict__, "block_bytes": block_bytes})
        found = dump_job.read_dump([source], settings, tmp_path / "work", lambda *_: None)
        (only,) = found.tables
        return pyarrow.parquet.read_table(found.paths[id(only)])

    return reading


@pytest.mark.parametrize("dialect", HEADS)
def test_blocks_are_read_as_tokens_are(dialect: str, read: Callable[..., pyarrow.Table]) -> None:
    """Both ways give the same types and values, and these are what was written."""
    for seed in range(40):
        draw = random.Random(seed)
        rows = table(draw)
        content = dump(dialect, rows, draw)
        found = read(content, draw.choice(BLOCKS), strictly=False)
        assert found.equals(read(content, 1 << 20, strictly=True)), seed
        assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == rows, seed
