"""Dumps of real databases against what PostgreSQL, MariaDB and SQLite hold after loading them; the engines' own answer is the anchor.

The data is found in the folder that HARNESS_REFERENCE_DATA names. Of each table are compared: that it is there, its columns and
their order, the number of rows, of values, and of characters of all values as the engine writes them.
"""

import datetime
import json
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference
PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_sql_dump_v1"
COMPUTED = {  # an engine fills these in by itself, or computes them: they are not in the dump
    ("pgloader/my.sql", "geom"): "its values are calls of functions and its numbers are counted by the engine",
    ("pgloader/my.sql", "bits"): "its numbers are counted by the engine",
    ("pgloader/my.sql", "countdata_template"): "now() and counted numbers",
    ("pgloader/my.sql", "fcm_batches"): "now() and counted numbers",
    ("pgloader/my.sql", "funny_string"): "it is made by a query",
}


@pytest.fixture(scope="module")
def data() -> Path:
    return reference_folder("15-sql-dumps")


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


def sources(folder: Path, name: str, work: Path) -> list[Path]:
    """The dump's files; an SQLite database is dumped by the standard library first."""
    if name.endswith(".sql"):
        first, *more = name.split(" + ")
        return [folder / first, *((folder / first).parent / other for other in more)]
    target = work / (Path(name).stem + ".sql")
    with sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        target.write_bytes("\n".join(connection.iterdump()).encode("utf-8", "surrogateescape") + b"\n")
    return [target]


def length(value: Any, declared: str, engine: str) -> int:
    """How many characters the engine writes for a value."""
    kind = declared.lower()
    if isinstance(value, bytes):
        return 2 + 2 * len(value) if engine == "p" else len(value)
    if isinstance(value, bool):
        return len(str(value))
    if kind.startswith("bit("):
        return (int(kind[4:-1]) + 7) // 8
    if isinstance(value, float):
        return len(repr(value) if engine == "s" else written_by_postgresql(value, 6 if kind == "real" else 15))
    if isinstance(value, Decimal) and engine == "s":
        return len(str(int(value)) if value == int(value) else repr(float(value)))
    if isinstance(value, datetime.datetime):
        return len(str(value).rstrip("0") if value.microsecond else str(value))
    return len(str(value).rstrip(" ") if kind == "character" else str(value))


def written_by_postgresql(value: float, exponent_from: int) -> str:
    """Shortest digits, with an exponent from 1e-05 down and from 1e+06 (real) or 1e+15 (double precision) up."""
    text = repr(value).removesuffix(".0")
    exponent = Decimal(repr(value)).adjusted() if value else 0
    if "e" in text or -5 < exponent < exponent_from:
        return text
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    rest = "".join(map(str, digits[1:]))
    return f"{'-' * sign}{digits[0]}{'.' * bool(rest)}{rest}e{exponent:+03}"


def differences(table: pyarrow.Table, expected: dict[str, Any], engine: str) -> list[str]:
    if table.column_names != [column["name"] for column in expected["columns"]]:
        return [f"columns {table.column_names}"]
    found = [] if table.num_rows == expected["rows"] else [f"{table.num_rows} rows, not {expected['rows']}"]
    for column in expected["columns"]:
        values = [value for value in table.column(column["name"]).to_pylist() if value is not None]
        if len(values) != column["non_null"]:
            found.append(f"{column['name']}: {len(values)} values, not {column['non_null']}")
        characters = sum(length(value, column["type"], engine) for value in values)
        if characters != column["text_chars"]:
            found.append(f"{column['name']} ({column['type']}): {characters} characters, not {column['text_chars']}")
    return found


def test_tables_are_what_the_engines_hold(data: Path, tmp_path: Path) -> None:
    """Every table that the dump itself determines is exactly the engine's; the others are named with the reason."""
    expected = json.loads((data / "expected.json").read_text("utf-8"))
    right = total = 0
    wrong: list[str] = []
    for place, (name, answer) in enumerate(expected.items()):
        work = tmp_path / str(place)
        work.mkdir()
        result = run_plugin(PLUGIN, inputs=sources(data, name, work), scratch=work / "scratch")
        assert result["status"] == "ok", (name, result["error"])
        tables = {
            found["reading"]["table"]: pyarrow.parquet.read_table(work / "scratch" / "datasets" / str(index) / "data.parquet")
            for index, found in enumerate(result["datasets"])
        }
        for full_name, facts in answer["tables"].items():
            short = full_name.split(".", 1)[-1] if answer["engine"][0] in "PM" else full_name
            if (name, short) in COMPUTED:
                say(f"  left out: {name}: {short}: {COMPUTED[name, short]}")
                continue
            total += 1
            found = differences(tables[short], facts, answer["engine"][0].lower()) if short in tables else ["is not there"]
            right += not found
            wrong += [f"{name}: {short}: {what}" for what in found]
    say(f"SQL dumps: {right} of {total} tables fully right (the engines themselves: all)")
    assert not wrong, "\n".join(wrong)


def test_keys_are_recorded(data: Path, tmp_path: Path) -> None:
    """Foreign keys are those that the engine has, for every dump that has any."""
    expected = json.loads((data / "expected.json").read_text("utf-8"))
    for place, (name, answer) in enumerate(expected.items()):
        if not answer.get("foreign_keys"):
            continue
        work = tmp_path / str(place)
        work.mkdir()
        result = run_plugin(PLUGIN, inputs=sources(data, name, work), scratch=work / "scratch")
        count = sum(len(found["reading"]["foreign_keys"]) for found in result["datasets"])
        say(f"{name}: {count} foreign keys, the engine has {len(answer['foreign_keys'])}")
        assert count == len(answer["foreign_keys"]), answer["foreign_keys"]
