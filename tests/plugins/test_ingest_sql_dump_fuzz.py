"""Random tables with nasty values, written by independent writers in each dialect, come back cell by cell; in pieces of any size."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.plugins import sql_dumps
from tests.plugins.sql_dumps import PLUGIN, read_dump

SIGNS = ["'", "''", "\\", "\\\\", '"', "`", "\n", "\r\n", "\t", ",", "(", ")", "),(", ");", "\nINSERT INTO `t` VALUES (", "--", "/*", "*/",
         "#", "$$", "\\N", "NULL", "\\.", "\n\\.\n", "ü", "日本", "😀", "\x1a", "\x1d", "\x1f", "\x1e", " ", "", "%", "_", "\\%", "x'00'", "E'", ";", "[",
         "');\nINSERT INTO public.t VALUES\n\t(", ');\nINSERT INTO "t" VALUES(', "\x0b", "\x08", "0x1F", "é'"]  # fmt: skip


def nasty(random_: random.Random, *, with_controls: bool) -> str:
    signs = [sign for sign in SIGNS if with_controls or not set(sign) & set("\x1c\x1d\x1e\x1f")]
    return "".join(random_.choice([*signs, "word", "a b"]) for _ in range(random_.choice([0, 1, 1, 2, 3, 6])))


def table(seed: int) -> list[tuple[Any, ...]]:
    """i, f, d, s, b, u: any of them may be missing; every other table has none of the control signs that send blocks the slow way."""
    random_ = random.Random(seed)
    rows: list[tuple[Any, ...]] = []
    for _ in range(random_.choice([1, 2, 40, 400])):
        text = [nasty(random_, with_controls=seed % 2 == 0) for _ in range(2)]
        row = [
            random_.choice([0, -1, 7, 2**63 - 1, -(2**63), random_.randrange(10**6)]),
            random_.choice([0.0, -1.5, 1e300, 5e-324, 0.1, random_.random()]),
            Decimal(random_.randrange(-(10**6), 10**6)) / 100,
            text[0], random_.randbytes(random_.choice([0, 1, 5])), text[1],
        ]  # fmt: skip
        rows.append(tuple(None if random_.random() < 0.15 else value for value in row))
    return rows


def dumps(seed: int, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, str]]:
    per_insert = random.Random(seed).choice([1, 3, 1000])
    yield "mysql", sql_dumps.mysql_dump(rows, per_insert, random.Random(seed).choice([",", ",\n", ", ", " ,\r\n "]))
    without_nul = [tuple(value.replace("\0", "") if isinstance(value, str) else value for value in row) for row in rows]
    yield "postgresql", sql_dumps.postgresql_dump(without_nul, per_insert)
    yield "copy", sql_dumps.copy_dump(without_nul)
    yield "sqlite", sql_dumps.sqlite_dump(rows)


def as_stored(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(Decimal(str(value)) if isinstance(value, Decimal) else value for value in row) for row in rows]


@pytest.mark.parametrize("seed", range(14))
def test_every_cell_comes_back(tmp_path: Path, seed: int) -> None:
    """Escapes, doubled quotes, SQL inside texts, NULL beside '' and 'NULL', blobs, and the limits of numbers."""
    rows = table(seed)
    for dialect, content in dumps(seed, rows):
        found = read_dump(tmp_path, content, f"{dialect}.sql")
        assert found.answer["status"] == "ok", (dialect, found.error)
        assert found.rows("t") == as_stored(rows), dialect
        assert found.answer["metrics"]["datasets"][0]["row_count"] == len(rows)


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 10, 1 << 20])
def test_pieces_of_any_size_give_the_same(tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read does not depend on where the file happens to be cut into blocks."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import dump_job
    import dump_reader
    import pyarrow.parquet
    from dump_settings import Settings

    from harness_core.sdk import InputFile
    from harness_core.sdk.validation import with_defaults

    monkeypatch.setattr(dump_reader, "FIRST_REACH", max(block_bytes, 2))
    monkeypatch.setattr(dump_reader, "LEAST_REACH", 1)
    schema = sql_dumps.json_of(PLUGIN / "config.schema.json")
    settings = Settings(**{**Settings.from_mapping(with_defaults(schema, {})).__dict__, "block_bytes": block_bytes})
    rows = table(10)[:60] + table(11)[:60]
    for dialect, content in dumps(3, rows):
        path = tmp_path / f"{dialect}.sql"
        path.write_text(content, encoding="utf-8", newline="")
        source = InputFile(path, path.name, "0" * 64, path.stat().st_size)
        dump = dump_job.read_dump([source], settings, tmp_path / f"{dialect}-work", lambda *_: None)
        (read,) = dump.tables
        found = pyarrow.parquet.read_table(dump.paths[id(read)])
        assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == as_stored(rows), dialect
