"""Names, types, keys, encodings and literals of the three dialects come out as the databases hold them."""

import datetime
from decimal import Decimal
from pathlib import Path

from harness_core.sdk.testing import run_plugin
from tests.plugins.sql_dumps import PLUGIN, read_dump


def test_literals_of_mysql(tmp_path: Path) -> None:
    """Introducers, hexadecimal and bit values, escapes, texts in double quotes and side by side, comments among values."""
    rows = r"""(1,_binary 'a\0b\'',b'101',_utf8mb4'ü',"say ""hi"" it's"), (2,X'00FF',0b1,N'x' 'y', /* it's */ 'a\%b\n'), (3,NULL,NULL,'','NULL')"""
    found = read_dump(tmp_path, "-- MySQL dump\nCREATE TABLE `t` (`i` int, `b` blob, `n` bit(4), `s` text, `u` varchar(20)) ENGINE=InnoDB;\n"
                      f"INSERT INTO `t` VALUES {rows};\n")  # fmt: skip
    assert found.rows("t") == [
        (1, b"a\0b'", 5, "ü", 'say "hi" it\'s'), (2, b"\0\xff", 1, "xy", "a\\%b\n"), (3, None, None, "", "NULL"),
    ]  # fmt: skip


def test_literals_of_postgresql(tmp_path: Path) -> None:
    r"""E'', U&'', dollar quotes, casts, and what COPY escapes: \N, \t, octal and hexadecimal codes."""
    content = "-- PostgreSQL database dump\nCREATE TABLE t (a text, b bytea, c boolean, n numeric, z timestamp with time zone);\n"
    content += (
        r"""INSERT INTO t VALUES (E'it\'s\n\x41', '\x00ff'::bytea, true, 1.50, '2024-01-01 12:00:00+02'), ($$it's$$, NULL, 'f', -2, NULL),
        (U&'d\0061ta', E'\\001a', false, 100, NULL);"""
        + "\n"
    )
    content += "COPY t (a, c) FROM stdin;\nx\\ty\\\\\\101\\x42\tt\n\\N\tf\n\t\\N\n\\.\n"
    found = read_dump(tmp_path, content)
    utc = datetime.datetime(2024, 1, 1, 10, 0)
    assert found.rows("t") == [
        ("it's\nA", b"\0\xff", True, Decimal("1.50"), utc), ("it's", None, False, Decimal(-2), None),
        ("data", b"\1a", False, Decimal(100), None), ("x\ty\\AB", None, True, None, None), (None, None, False, None, None),
        ("", None, None, None, None),
    ]  # fmt: skip


def test_texts_as_sqlite_dumps_them(tmp_path: Path) -> None:
    """Its shell writes line ends as calls of replace() and unistr(), which are the only calls that are followed."""
    rows = r"""INSERT INTO "t" VALUES(replace(replace('a\r\nb','\r',char(13)),'\n',char(10)),unistr('x\u000ay'),X'',0x10);"""
    found = read_dump(
        tmp_path,
        f'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE [t](a TEXT, "b c" TEXT, x BLOB, n INTEGER);\n{rows}\nCOMMIT;\n',
    )
    assert found.rows("t") == [("a\r\nb", "x\ny", b"", 16)]
    assert found.tables["t"].column_names == ["a", "b c", "x", "n"]


def test_one_value_that_does_not_fit_keeps_the_column_as_written(tmp_path: Path) -> None:
    """No value is bent or lost: zero dates, texts among numbers and expressions leave their columns as texts, with a note."""
    rows = "('2024-01-31',1,'12:30:00',1.005,'x'),('0000-00-00',2,'838:59:59',12345678901234567890.5,now())"
    content = f"-- MySQL dump\nCREATE TABLE `t` (`d` date, `i` int, `k` time, `m` decimal(8,2), `e` datetime) ENGINE=InnoDB;\nINSERT INTO `t` VALUES {rows};\n"
    found = read_dump(tmp_path, content)
    assert found.rows("t")[1] == ("0000-00-00", 2, "838:59:59", Decimal("12345678901234567890.5"), "now()")
    assert found.types("t") == {"d": "VARCHAR", "i": "BIGINT", "k": "VARCHAR", "m": "DECIMAL(38,3)", "e": "VARCHAR"}
    notes = {column["name"]: column.get("note") for column in found.datasets["t"]["columns"]}
    assert "0000-00-00" in notes["d"]
    assert "Wider than declared" in notes["m"]
    assert found.notes("expression_kept")[0]["count"] == 1


def test_keys_are_facts(tmp_path: Path) -> None:
    """Primary and foreign keys, in columns, constraints and later ALTER TABLE, with names in all three kinds of quotes."""
    content = (
        'CREATE TABLE "a b" (id integer PRIMARY KEY, [x] text);\nCREATE TABLE `c` (k1 int, k2 int REFERENCES "a b"(id), '
        'PRIMARY KEY (k1, k2), CONSTRAINT f FOREIGN KEY (k1) REFERENCES "a b" ("id") ON DELETE CASCADE);\n'
        "CREATE TABLE e (id int);\nALTER TABLE ONLY e ADD CONSTRAINT p PRIMARY KEY (id), ADD FOREIGN KEY (id) REFERENCES c (k1);\n"
    )
    found = read_dump(tmp_path, content, dialect="sqlite")
    facts = {
        name: (dataset["reading"]["primary_key"], dataset["reading"]["foreign_keys"]) for name, dataset in found.datasets.items()
    }
    to_ab = {"table": "a b", "referenced": ["id"]}
    assert facts == {
        "a b": (["id"], []),
        "c": (["k1", "k2"], [{"columns": ["k2"], **to_ab}, {"columns": ["k1"], **to_ab}]),
        "e": (["id"], [{"columns": ["id"], "table": "c", "referenced": ["k1"]}]),
    }
    assert len(found.notes("no_rows")) == 3


def test_encodings(tmp_path: Path) -> None:
    """The declared encoding is followed, UTF-16 is told by its mark, and quoted blobs keep their bytes."""
    latin = "-- MySQL dump\n/*!40101 SET NAMES latin1 */;\nCREATE TABLE `t` (`s` text, `b` blob) ENGINE=InnoDB;\nINSERT INTO `t` VALUES ('Größe €',_binary 'ÿ\x81é');\n"
    raw = latin.replace("\x81", "\x00MARK").encode("cp1252").replace(b"\0MARK", b"\x81")
    assert read_dump(tmp_path, raw, "latin.sql").rows("t") == [("Größe €", b"\xff\x81\xe9")]
    wide = "CREATE TABLE t (s text);\nINSERT INTO t VALUES ('Größe');\n".encode("utf-16")
    assert read_dump(tmp_path, wide, "wide.sql").rows("t") == [("Größe",)]
    broken = read_dump(tmp_path, b"CREATE TABLE t (s text);\nINSERT INTO t VALUES ('Gr\xf6sse');\n", "broken.sql")
    assert broken.rows("t") == [("Grösse",)]
    assert broken.notes("broken_encoding")[0]["count"] == 1


def test_rows_without_a_table_and_columns_in_another_order(tmp_path: Path) -> None:
    """Types come from all rows where none are declared; column lists are followed, and what they leave out is a default or missing."""
    content = "INSERT INTO u (a, b, c) VALUES (1, 'x', 1.5);\nINSERT INTO u (a, b, c) VALUES (2, NULL, 2);\n"
    content += "CREATE TABLE t (a int, b text DEFAULT 'none', c int);\nINSERT INTO t (c, a) VALUES (3, 1), (4, 2);\n"
    found = read_dump(tmp_path, content)
    assert found.rows("u") == [(1, "x", Decimal("1.5")), (2, None, Decimal("2.0"))]
    assert found.rows("t") == [(1, "none", 3), (2, "none", 4)]
    assert found.notes("not_described")


def test_the_table_with_most_rows_comes_first(tmp_path: Path) -> None:
    """It has the role ``data``; the others have their names; two schemas with one name stay apart."""
    content = 'CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nCREATE TABLE s.t (a int);\nINSERT INTO s.t VALUES (1),(2);\nCREATE TABLE "Ä!" (a int);\n'
    found = read_dump(tmp_path, content, dialect="postgresql")
    assert [(raw["role"], raw["reading"]["table"]) for raw in found.answer["datasets"]] == [
        ("data", "s.t"),
        ("t", "t"),
        ("table", "Ä!"),
    ]
    one = read_dump(tmp_path, content, "one.sql", dialect="postgresql", tables=["T"])
    assert {raw["reading"]["table"] for raw in one.answer["datasets"]} == {"t", "s.t"}
    missing = read_dump(tmp_path, content, "none.sql", tables=["nope"])
    assert missing.error["code"] == "no_such_table"


def test_inspect_shows_the_largest_table(tmp_path: Path) -> None:
    """Columns and first rows, with nothing written."""
    path = tmp_path / "dump.sql"
    path.write_text("CREATE TABLE t (a integer, b text);\nINSERT INTO t VALUES (1,'x'),(2,NULL);\n", encoding="utf-8")
    shown = run_plugin(PLUGIN, inputs=[path], call="inspect")
    assert shown["columns"] == [{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]
    assert shown["rows"] == [["1", "x"], ["2", ""]]
    assert (shown["row_estimate"], shown["row_estimate_exact"], shown["sheets"]) == (2, True, ["t"])
    assert not shown["datasets"]


def test_schema_and_rows_in_two_files(tmp_path: Path) -> None:
    """Several files are read as one dump, in the order in which they are given."""
    (tmp_path / "schema.sql").write_text("CREATE TABLE t (a integer, b date);\n", encoding="utf-8")
    (tmp_path / "rows.sql").write_text("INSERT INTO t VALUES (1,'2024-02-29');\n", encoding="utf-8")
    answer = run_plugin(PLUGIN, inputs=[tmp_path / "schema.sql", tmp_path / "rows.sql"])
    (dataset,) = answer["datasets"]
    assert [column["storage_type"] for column in dataset["columns"]] == ["BIGINT", "DATE"]
    assert dataset["row_count"] == 1
