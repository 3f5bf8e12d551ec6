"""Dumps for the tests: reading one, and writers of the three dialects that know nothing of the reader."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_sql_dump_v1"
Row = Sequence[Any]


class ReadDump:
    """The plugin's answer for a dump, with the tables behind it."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.answer = run_plugin(PLUGIN, inputs=[path], settings=settings, scratch=path.parent / f"scratch-{path.name}")
        self.error = self.answer["error"] or {}
        self.datasets = {found["reading"]["table"]: found for found in self.answer["datasets"]}
        folder = Path(self.answer["scratch"], "datasets")
        self.tables = {
            found["reading"]["table"]: pyarrow.parquet.read_table(folder / str(place) / "data.parquet")
            for place, found in enumerate(self.answer["datasets"])
        }

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        columns = [column.to_pylist() for column in self.tables[table].columns]
        return list(zip(*columns, strict=True))

    def types(self, table: str) -> dict[str, str]:
        return {column["name"]: column["storage_type"] for column in self.datasets[table]["columns"]}

    def notes(self, code: str) -> list[dict[str, Any]]:
        return [note for found in self.datasets.values() for note in found["repairs"] if note["code"] == code]


def read_dump(folder: Path, content: str | bytes, name: str = "dump.sql", **settings: Any) -> ReadDump:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ReadDump(path, **settings)


def dataset_folders(answer: dict[str, Any], target: Path) -> dict[str, Path]:
    """The tables that the plugin declared, moved to folders of dataset versions below ``target``, by role."""
    folders = {}
    for place, found in enumerate(answer["datasets"]):
        folder = folders[found["role"]] = target / found["role"]
        folder.mkdir(parents=True)
        Path(answer["scratch"], "datasets", str(place), "data.parquet").rename(folder / "data.parquet")
        (folder / "schema.json").write_text(json.dumps({"dataset_version_id": f"dv_{place}", **found}), encoding="utf-8")
    return folders


def json_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def mysql_literal(value: Any) -> str:
    """As mysqldump --hex-blob writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "0x" + value.hex().upper() if value else "''"
    if isinstance(value, str):
        for sign, code in (
            ("\\", "\\\\"),
            ("'", "\\'"),
            ('"', '\\"'),
            ("\n", "\\n"),
            ("\r", "\\r"),
            ("\0", "\\0"),
            ("\x1a", "\\Z"),
        ):
            value = value.replace(sign, code)
        return f"'{value}'"
    return repr(value) if isinstance(value, float) else str(value)


def postgresql_literal(value: Any) -> str:
    """As pg_dump --inserts writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value) if isinstance(value, float) else str(value)


def copy_field(value: Any) -> str:
    """As COPY TO writes it."""
    if value is None:
        return "\\N"
    text = "\\x" + value.hex() if isinstance(value, bytes) else repr(value) if isinstance(value, float) else str(value)
    codes = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v"))
    for sign, code in codes:
        text = text.replace(sign, code)
    return text


def mysql_dump(rows: Sequence[Row], per_insert: int, gap: str = ",") -> str:
    head = "-- MySQL dump 10.13  Distrib 8.0\n/*!40101 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `t`;\n"
    head += "CREATE TABLE `t` (`i` bigint, `f` double, `d` decimal(20,4), `s` text, `b` longblob, `u` varchar(99)) ENGINE=InnoDB;\n"
    head += "LOCK TABLES `t` WRITE;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n"
    parts = []
    for at in range(0, len(rows), per_insert):
        listed = gap.join("(" + ",".join(map(mysql_literal, row)) + ")" for row in rows[at : at + per_insert])
        parts.append(f"INSERT INTO `t` VALUES {listed};\n")
    return head + "".join(parts) + "/*!40000 ALTER TABLE `t` ENABLE KEYS */;\nUNLOCK TABLES;\n-- Dump completed\n"


POSTGRESQL_HEAD = (
    "--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
    "CREATE TABLE public.t (i bigint, f double precision, d numeric(20,4), s text, b bytea, u character varying(99));\n"
)


def postgresql_dump(rows: Sequence[Row], per_insert: int) -> str:
    parts = []
    for at in range(0, len(rows), per_insert):
        listed = ",\n".join("\t(" + ", ".join(map(postgresql_literal, row)) + ")" for row in rows[at : at + per_insert])
        parts.append(f"INSERT INTO public.t VALUES\n{listed};\n")
    return POSTGRESQL_HEAD + "".join(parts) + "--\n-- PostgreSQL database dump complete\n--\n"


def copy_dump(rows: Sequence[Row]) -> str:
    lines = "".join("\t".join(map(copy_field, row)) + "\n" for row in rows)
    return f"{POSTGRESQL_HEAD}COPY public.t (i, f, d, s, b, u) FROM stdin;\n{lines}\\.\n\n--\n-- PostgreSQL database dump complete\n--\n"


def sqlite_dump(rows: Sequence[Row]) -> str:
    """Written by SQLite itself."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (i INTEGER, f REAL, d DECIMAL(20,4), s TEXT, b BLOB, u VARCHAR(99))")
        plain = [[float(value) if place == 2 and value is not None else value for place, value in enumerate(row)] for row in rows]
        connection.executemany("INSERT INTO t VALUES (?,?,?,?,?,?)", plain)
        return "\n".join(connection.iterdump()) + "\n"
