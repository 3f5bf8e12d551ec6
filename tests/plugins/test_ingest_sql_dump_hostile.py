"""Dumps made to hide something, to be read as something else, or to exhaust the reader: refused with the line, or read as documented."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.plugins.sql_dumps import read_dump

ROOT = Path(__file__).parents[2]
ASK = """
import re, sys
from pathlib import Path
from tests.plugins.sql_dumps import ReadDump

code = ReadDump(Path(sys.argv[1])).error.get("code")
print(code, re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""  # the system's own figure would count what the process was before it became this one
MYSQL = "-- MySQL dump\nCREATE TABLE `t` (`a` int, `b` text) ENGINE=InnoDB;\n"
POSTGRESQL = "-- PostgreSQL database dump\nCREATE TABLE t (a integer, b text);\n"
SQLITE = "PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a integer, b text);\n"
ROW = "INSERT INTO t VALUES (1,'x');\n"
ONCE, TWICE = [(1, "x")], [(1, "x"), (1, "x")]
READ = {
    "semicolons without end": (SQLITE + ROW + ";" * 5000 + ROW, TWICE),
    "client commands without end": (POSTGRESQL + ROW + "\\echo hi\n" * 3000 + ROW, TWICE),
    "delimiters without end": (MYSQL + ROW + "DELIMITER ;;\nDELIMITER ;\n" * 2000 + ROW, TWICE),
    "a delimiter that clings to a word": (
        f"{MYSQL}DELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT 1; END$$\nDELIMITER ;\n{ROW}"
        f"DELIMITER $$\nCREATE PROCEDURE q() BEGIN SELECT 1; END $$\nDELIMITER ;\n{ROW}", TWICE,
    ),
    "rows in a version comment": (MYSQL + "/*!50000 INSERT INTO t VALUES (1,'x') */;\n" + ROW, TWICE),
    "a version comment in a dump of another dialect": (POSTGRESQL + "/*!50000 DROP TABLE t; */\n" + ROW, ONCE),
    "comments in comments": (POSTGRESQL + "/* a /* b */ DROP TABLE t; /* /* c */ */ */\n" + ROW, ONCE),
    "a comment that ends at a carriage return": (POSTGRESQL + "-- x\rINSERT INTO t VALUES (1,'x');\n" + ROW, TWICE),
    "a comment that does not": (SQLITE + "-- x\rINSERT INTO t VALUES (1,'x');\n" + ROW, ONCE),
    "columns called like parts of a routine": (
        f'{POSTGRESQL}CREATE TABLE e (event text, begin integer, "end" integer);\n{ROW}', ONCE,
    ),
    "numbers that the system would count": (POSTGRESQL + "INSERT INTO t (a,b) OVERRIDING SYSTEM VALUE VALUES (1,'x');\n", ONCE),
    "a byte order mark": ("\ufeff" + POSTGRESQL + ROW, ONCE),
    "carriage returns": ((SQLITE + ROW + ROW).replace("\n", "\r\n"), TWICE),
    "an empty first page": ("\n" * 65_000 + SQLITE + ROW, ONCE),
    "backslashes that stop escaping": (
        f"{MYSQL}{ROW}SET @OLD=@@SQL_MODE, SQL_MODE='ANSI,NO_BACKSLASH_ESCAPES';\nINSERT INTO t VALUES (2,'a\\');\n"
        "SET SQL_MODE=@OLD;\nINSERT INTO t VALUES (3,'it\\'s');\n", [*ONCE, (2, "a\\"), (3, "it's")],
    ),
    "a text about that": (MYSQL + "INSERT INTO t VALUES (1,'\nSET sql_mode=NO_BACKSLASH_ESCAPES'),(2,'it\\'s');\n",
                          [(1, "\nSET sql_mode=NO_BACKSLASH_ESCAPES"), (2, "it's")]),
    "backslashes that begin to escape": (
        f"{POSTGRESQL}INSERT INTO t VALUES (1,'a\\');\nSET standard_conforming_strings = off;\nINSERT INTO t VALUES (2,'it\\'s');\n"
        "SELECT pg_catalog.set_config('standard_conforming_strings', 'on', false);\nINSERT INTO t VALUES (3,'a\\');\n",
        [(1, "a\\"), (2, "it's"), (3, "a\\")],
    ),
    "pairs of codes for one character": (POSTGRESQL + "INSERT INTO t VALUES (1,E'\\uD83D\\uDE00'),(2,U&'\\D83D\\DE00');\n",
                                         [(1, "😀"), (2, "😀")]),
    "a text that grows without bound": (
        SQLITE + f"INSERT INTO t VALUES (1,replace('{'a' * 900}','a',replace('{'a' * 900}','a','{'b' * 900}')));\n",
        [(1, f"replace('{'a' * 900}','a',replace('{'a' * 900}','a','{'b' * 900}'))")],
    ),
    "characters that there are not": (SQLITE + "INSERT INTO t VALUES (1,char(99999999999999)),(2,unistr('\\+999999'));\n",
                                      [(1, "char(99999999999999)"), (2, "unistr('\\+999999')")]),
    "a cast of nothing": (POSTGRESQL + "INSERT INTO t VALUES (1,NULL::text),(2,'x'::character varying(9)::text);\n", [(1, None), (2, "x")]),
    "blanks without end": (POSTGRESQL + f"INSERT INTO t VALUES (1,1{' ' * 60_000}!);\n", [(1, f"1{' ' * 60_000}!")]),
    "arguments without end": (SQLITE + f"INSERT INTO t VALUES (1,char({','.join(['65'] * 60_000)}));\n", [(1, "A" * 60_000)]),
    "a nul in a text": (SQLITE + "INSERT INTO t VALUES (1,'a\0b');\n", [(1, "a\0b")]),
}  # fmt: skip
REFUSED = {
    "a nul outside": (SQLITE + ROW + "\0;\n", "refused_statement", 4),
    "a byte order mark in the middle": (SQLITE + ROW + "\ufeff" + ROW, "refused_statement", 4),
    "a drop in a version comment": (MYSQL + ROW + "/*!50000 DROP TABLE t */;\n", "refused_statement", 4),
    "a load in a version comment": (MYSQL + ROW + "/*M!100401 LOAD DATA INFILE 'x' INTO TABLE t */;\n", "refused_statement", 4),
    "a drop behind a delimiter": (MYSQL + ROW + "DELIMITER //\nDROP TABLE t//\nDELIMITER ;\n", "refused_statement", 5),
    "a delimiter that is part of texts": (MYSQL + "DELIMITER '\n" + ROW, "bad_sql", 3),
    "a delimiter elsewhere": (POSTGRESQL + "DELIMITER //\n" + ROW, "refused_statement", 3),
    "a drop between rows": (SQLITE + ROW + "DROP TABLE t;\n" + ROW, "refused_statement", 4),
    "CSV in quotes": (POSTGRESQL + "COPY t FROM stdin (FORMAT 'csv');\n1,x\n\\.\n", "unsupported_copy", 3),
    "COPY of some rows": (POSTGRESQL + "COPY t FROM stdin WHERE a > 1;\n1\tx\n\\.\n", "unsupported_copy", 3),
    "COPY with another default": (POSTGRESQL + "COPY t FROM stdin WITH (DEFAULT 'D');\n1\tD\n\\.\n", "unsupported_copy", 3),
    "COPY in another encoding": (POSTGRESQL + "COPY t FROM stdin WITH (ENCODING 'LATIN1');\n1\tD\n\\.\n", "unsupported_copy", 3),
    "a delimiter of two bytes": (POSTGRESQL + "COPY t FROM stdin WITH (DELIMITER 'é');\n1éx\n\\.\n", "unsupported_copy", 3),
    "a delimiter that values have": (POSTGRESQL + "COPY t FROM stdin WITH (DELIMITER '1');\n11x\n\\.\n", "unsupported_copy", 3),
    "no such character": (POSTGRESQL + "INSERT INTO t VALUES (1,E'\\U99999999');\n", "bad_sql", 3),
    "half a character": (POSTGRESQL + "INSERT INTO t VALUES (1,E'\\uD83D');\n", "bad_sql", 3),
    "no such character by name": (POSTGRESQL + "INSERT INTO t VALUES (1,U&'\\+FFFFFF');\n", "bad_sql", 3),
    "a comment that is never closed": (SQLITE + "/* " + ROW, "truncated", 3),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_read_as_the_database_would(tmp_path: Path, name: str) -> None:
    """What hides statements, changes the meaning of texts, or goes on and on: the rows are those that the database would have."""
    content, rows = READ[name]
    found = read_dump(tmp_path, content)
    assert found.answer["status"] == "ok", found.error
    assert found.rows("t") == rows


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_line(tmp_path: Path, name: str) -> None:
    """What could act, or would be read as something else than the database reads, is refused where it stands."""
    content, code, line = REFUSED[name]
    found = read_dump(tmp_path, content)
    assert (found.error.get("code"), found.error.get("line")) == (code, line), found.error
    assert found.error["remedy"]


@pytest.mark.parametrize(
    ("begin", "piece", "code"),
    [
        (SQLITE + "INSERT INTO t VALUES (1,'", "x", "row_too_long"),
        (SQLITE + "INSERT INTO t VALUES (1,'", "''", "row_too_long"),
        (SQLITE + "INSERT INTO t VALUES (1", "(", "bad_sql"),
        (SQLITE + "INSERT INTO t VALUES (1", ",1", "wrong_column_count"),
        ("CREATE TABLE t (a int", ",a", "statement_too_long"),
        (SQLITE + "/*", "*x", "statement_too_long"),
        (POSTGRESQL + "SELECT $$", "$a", "statement_too_long"),
        (POSTGRESQL + "\\echo ", "x", "statement_too_long"),
        (POSTGRESQL + "COPY t FROM stdin;\n1\t", "x", "row_too_long"),
    ],
)
def test_megabytes_without_end(tmp_path: Path, begin: str, piece: str, code: str) -> None:
    """Refused where the bound is reached, within 512 MB of memory: measured in a process that does nothing else."""
    path = tmp_path / "dump.sql"
    with path.open("w", encoding="utf-8") as file:
        file.write(begin)
        for _ in range(64):
            file.write(piece * ((1 << 20) // len(piece)))
    said = subprocess.run([sys.executable, "-c", ASK, str(path)], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    answered, peak_kb = said.split()
    assert answered == code
    assert int(peak_kb) >> 10 < 512


def test_notes_do_not_depend_on_blocks(tmp_path: Path) -> None:
    """Statements between INSERTs that look alike are each looked at, and rows that may be dropped are all counted."""
    between = read_dump(tmp_path, SQLITE + ROW + ("SELECT 1;\n" + ROW) * 5)
    assert [note["count"] for note in between.notes("refused_statement")] == [5]
    ignored = "INSERT OR IGNORE INTO t VALUES (1,'x');\n" * 7
    assert [note["count"] for note in read_dump(tmp_path, SQLITE + ignored, "ignored.sql").notes("insert_ignore")] == [7]
    passed = "INSERT INTO t VALUES (1,'x'),(2,'y') ON CONFLICT DO NOTHING;\n" * 3
    assert [note["count"] for note in read_dump(tmp_path, SQLITE + passed, "passed.sql").notes("insert_ignore")] == [6]


def test_declared_digits_of_sqlite(tmp_path: Path) -> None:
    """SQLite declares digits without enforcing them: they hold as long as the values fit, and grow otherwise, with a note."""
    content = "PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a DECIMAL(9,2), b DECIMAL(9,2));\nINSERT INTO t VALUES (1.5,1.5);\nINSERT INTO t VALUES (2,0.125);\n"
    found = read_dump(tmp_path, content)
    assert found.types("t") == {"a": "DECIMAL(9,2)", "b": "DECIMAL(38,3)"}
    assert found.rows("t") == [(Decimal("1.5"), Decimal("1.5")), (Decimal(2), Decimal("0.125"))]
    assert found.datasets["t"]["columns"][1]["note"] == "Wider than declared (DECIMAL(9,2)): some values would not fit."
