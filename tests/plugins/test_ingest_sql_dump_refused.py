"""What would act is refused with line and reason and never run; damaged and foreign files are refused with a remedy."""

import gzip
from pathlib import Path

import pytest

from tests.plugins.sql_dumps import ReadDump, read_dump

TABLE = "CREATE TABLE t (a integer, b text);\nINSERT INTO t VALUES (1,'x');\n"
HOSTILE = [
    "ATTACH DATABASE '{target}' AS other;", "PRAGMA writable_schema=ON;", "PRAGMA temp_store_directory='/tmp';",
    "SELECT load_extension('/tmp/x.so');", "SELECT writefile('{target}', 'x');", "\\! touch {target}", "\\i {target}", "\\copy t TO '{target}'",
    "\\o {target}", "\\g |touch", "\\connect x `touch {target}`", ".shell touch {target}", ".read {target}", "LOAD DATA INFILE '{target}' INTO TABLE t;",
    "COPY t TO PROGRAM 'touch {target}';", "COPY t FROM '{target}';", "SELECT 1 INTO OUTFILE '{target}';", "SOURCE {target};", "system touch {target};",
    "UPDATE t SET a = 2;", "DELETE FROM t;", "TRUNCATE TABLE t;", "DROP TABLE t;", "DROP TABLE IF EXISTS t;", "ALTER TABLE t DROP COLUMN b;",
    "ALTER TABLE t RENAME TO u;", "INSERT INTO t SELECT * FROM t;", "INSERT INTO t VALUES (1,'y') ON CONFLICT (a) DO UPDATE SET b = 'z';",
    "INSERT INTO t VALUES (2, load_file('{target}'));", "INSERT INTO t VALUES (2, (SELECT b FROM t));", "VACUUM INTO '{target}';",
    "INSERT INTO sqlite_master VALUES ('table','x','x',0,'x');", "CREATE SERVER s FOREIGN DATA WRAPPER w;", "WHATEVER 1;", "EXECUTE p;",
]  # fmt: skip
LEFT_OUT = [
    "CREATE VIEW v AS SELECT * FROM t;", "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; UPDATE t SET a = 1; END;",
    "CREATE FUNCTION f() RETURNS void AS 'x;y' LANGUAGE sql;", "SELECT count(*) FROM t;", "DROP DATABASE IF EXISTS d;", "\\connect shop",
    "CREATE TABLE u AS SELECT * FROM t;", "CREATE EXTENSION IF NOT EXISTS x;",
]  # fmt: skip


@pytest.mark.parametrize("statement", HOSTILE)
def test_hostile_statements_are_refused(tmp_path: Path, statement: str) -> None:
    """The whole file is refused, with the line; nothing is touched."""
    target = tmp_path / "touched"
    found = read_dump(tmp_path, TABLE + statement.format(target=target) + "\n")
    assert found.error.get("code") == "refused_statement", found.answer["summary"]
    assert found.error["line"] == 3
    assert found.error["remedy"]
    assert not target.exists()


@pytest.mark.parametrize("statement", LEFT_OUT)
def test_what_holds_no_rows_is_left_out_by_name(tmp_path: Path, statement: str) -> None:
    """Views, triggers, functions and queries are never run; the tables are read, and strict mode refuses instead."""
    found = read_dump(tmp_path, TABLE + statement + "\nINSERT INTO t VALUES (2,'y');\n")
    assert found.rows("t") == [(1, "x"), (2, "y")]
    (note,) = found.notes("refused_statement")
    assert note["lines"] == [3]
    assert "not run" in note["sentence"]
    strict = read_dump(tmp_path, TABLE + statement + "\n", "strict.sql", strict=True)
    assert (strict.error["code"], strict.error["line"]) == ("refused_statement", 3)


def test_routines_in_their_own_delimiters_and_dollars(tmp_path: Path) -> None:
    """Bodies of routines are passed over whole, whatever they hold."""
    body = "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (9,'no'); END ;;\nDELIMITER ;\n"
    found = read_dump(
        tmp_path,
        "-- MySQL dump\nCREATE TABLE `t` (`a` int, `b` text) ENGINE=InnoDB;\n" + body + "INSERT INTO `t` VALUES (1,'x');\n",
    )
    assert found.rows("t") == [(1, "x")]
    dollars = "CREATE FUNCTION f() RETURNS void AS $body$ BEGIN; INSERT INTO t VALUES (9,'it''s'); END $body$ LANGUAGE plpgsql;\n"
    found = read_dump(tmp_path, "-- PostgreSQL database dump\n" + TABLE.replace("CREATE", dollars + "CREATE", 1), "pg.sql")
    assert found.rows("t") == [(1, "x")]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("", "empty_file", None),
        ("-- nothing here\n", "no_tables", None),
        ("SET NAMES utf8;\n", "no_tables", None),
        (TABLE + "INSERT INTO t VALUES (2,'y'),(3,", "truncated", 3),
        (TABLE + "INSERT INTO t VALUES (2,'y'),\n(3,'z", "truncated", 4),
        (TABLE + "INSERT INTO t VALUES (2,'y')", "truncated", 3),
        (TABLE + "CREATE TABLE u (a int,", "truncated", 3),
        ("-- PostgreSQL database dump\nCREATE TABLE t (a integer);\nCOPY t (a) FROM stdin;\n1\n2\n", "truncated", 6),
        (TABLE + "INSERT INTO t VALUES (2,'y'),\n(3,'z','more'),\n(4,'w');\n", "wrong_column_count", 4),
        ("-- PostgreSQL database dump\nCREATE TABLE t (a integer);\nCOPY t (a) FROM stdin;\n1\n2\t3\n\\.\n", "wrong_column_count", 5),
        (TABLE + "INSERT INTO t (a, c) VALUES (1, 2);\n", "unknown_column", 3),
        ("-- MySQL dump\nCREATE TABLE `t` (`a` int) ENGINE=InnoDB;\nCOPY t (a) FROM stdin;\n1\n\\.\n", "mixed_dialects", 3),
        ("-- PostgreSQL database dump\nSET client_encoding = 'UTF8';\nINSERT INTO `t` VALUES (1);\n", "mixed_dialects", 3),
        ("-- PostgreSQL database dump\nCREATE TABLE t (a integer);\nCOPY t FROM stdin CSV;\n1\n\\.\n", "unsupported_copy", 3),
        (b"PGDMP\x01\x0e", "unsupported_format", None),
        (b"SQLite format 3\0", "unsupported_format", None),
        ("<!DOCTYPE html><html></html>", "not_a_dump", None),
    ],
)  # fmt: skip
def test_damaged_and_foreign_files(tmp_path: Path, content: str | bytes, code: str, line: int | None) -> None:
    """Each has its code, the line where it shows, and a remedy."""
    found = read_dump(tmp_path, content)
    assert (found.error.get("code"), found.error.get("line")) == (code, line), found.error
    assert found.error["remedy"]


def test_bounds(tmp_path: Path) -> None:
    """Rows, tables, single rows and unpacked sizes beyond the settings are refused before they fill the memory."""

    def code(content: str | bytes, name: str, **settings: int) -> str:
        return str(read_dump(tmp_path, content, name, **settings).error.get("code"))

    assert code(TABLE + "INSERT INTO t VALUES (2,'y');\n", "rows.sql", max_rows=1) == "too_large"
    assert code(TABLE + "CREATE TABLE u (a int);\n", "tables.sql", max_tables=1) == "too_many_tables"
    assert code(TABLE, "columns.sql", max_columns=1) == "too_many_columns"
    assert code(TABLE + f"INSERT INTO t VALUES (2,'{'y' * 600_000}');\n", "row.sql", max_row_bytes=1024) == "row_too_long"
    assert code(gzip.compress(TABLE.encode()), "bomb.sql.gz", max_expanded_bytes=20) == "too_large"
    assert code(gzip.compress(TABLE.encode())[:-9], "cut.sql.gz") == "corrupt_archive"


def test_packed_dumps_are_read(tmp_path: Path) -> None:
    """A .sql.gz is the same dump."""
    found: ReadDump = read_dump(tmp_path, gzip.compress(TABLE.encode()), "dump.sql.gz")
    assert found.rows("t") == [(1, "x")]
    assert found.datasets["t"]["reading"]["compression"] == "gzip"
