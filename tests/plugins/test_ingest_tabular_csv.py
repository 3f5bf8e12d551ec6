"""Delimited text is read exactly: dialects, headers, ragged and broken rows, encodings; everything mended is said."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"


class Read:
    """An answer with the tables behind it."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.answer = run_plugin(PLUGIN, inputs=[path], settings=settings, scratch=path.parent / f"scratch-{path.name}")
        assert self.answer["status"] == "ok", self.answer["error"]
        self.dataset = self.answer["datasets"][0]
        self.table = pyarrow.parquet.read_table(Path(self.answer["scratch"], "datasets", "0", "data.parquet"))

    @property
    def columns(self) -> dict[str, list[Any]]:
        return dict(self.table.to_pydict())

    @property
    def types(self) -> dict[str, str]:
        return {column["name"]: column["type"] for column in self.dataset["columns"]}

    def repair(self, code: str) -> dict[str, Any]:
        (found,) = [repair for repair in self.dataset["repairs"] if repair["code"] == code]
        return dict(found)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_text(content: str | bytes, name: str = "table.csv", **settings: Any) -> Read:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Read(path, **settings)

    return read_text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "||"])
def test_delimiters_are_found(read: Any, delimiter: str) -> None:
    """The delimiter is told from the content, quoted delimiters and line breaks do not count."""
    rows = [["id", "name", "note"], ["1", "Ann", f'"a{delimiter}b"'], ["2", "Bob", '"two\nlines"'], ["3", "Cy", "plain"]]
    found = read("\n".join(delimiter.join(row) for row in rows) + "\n")
    assert found.dataset["reading"]["delimiter"] == delimiter
    assert found.columns == {"id": [1, 2, 3], "name": ["Ann", "Bob", "Cy"], "note": [f"a{delimiter}b", "two\nlines", "plain"]}


@pytest.mark.parametrize("mark", ["%", "#", "&", "@", "!", "*", "§"])
def test_an_unusual_delimiter_is_found_where_every_line_has_as_many(read: Any, mark: str) -> None:
    """Although commas and colons stand in the texts; where the same mark is part of the values, the comma stays."""
    rows = [f"{row}{mark}Notes, part {row}: {'a, b' if row % 3 else 'none'}{mark}{1990 + row % 20}" for row in range(60)]
    found = read("\n".join([f"id{mark}title{mark}year", *rows]).encode())
    assert list(found.columns) == ["id", "title", "year"]
    assert found.columns["title"][1] == "Notes, part 1: a, b"
    shares = "\n".join(["name,first,second", *(f"n{row},{row}{mark},{row + 1}{mark}" for row in range(60))])
    assert list(read(shares.encode()).columns) == ["name", "first", "second"]


def test_single_quotes_and_backslashes_are_found(read: Any) -> None:
    """Other quotes and escapes than the usual are read by their own rules."""
    single = read("id,word\n1,'a,b'\n2,'c,d'\n3,'e'\n", "single.csv")
    assert single.columns["word"] == ["a,b", "c,d", "e"]
    escaped = read('id,word\n1,"a \\"quoted\\" word, really"\n2,"b"\n3,"c \\"d\\" e"\n', "escaped.csv")
    assert escaped.columns["word"] == ['a "quoted" word, really', "b", 'c "d" e']


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends(read: Any, line_end: str) -> None:
    """Files of all three worlds give the same table."""
    found = read(line_end.join(["a,b", "1,x", "2,y", ""]))
    assert found.columns == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(read: Any, encoding: str) -> None:
    """Names and values come out the same, whatever the encoding, and without the byte order mark."""
    text = "größe,straße\n1,Müllerstraße à côté\n2,Österreichische Bücher für Söhne und Töchter\n"
    found = read(text.encode(encoding))
    assert list(found.columns) == ["größe", "straße"]
    assert found.columns["straße"][1] == "Österreichische Bücher für Söhne und Töchter"


def test_broken_bytes_are_counted(read: Any) -> None:
    """A few bytes that are no UTF-8 do not turn the whole file into another encoding."""
    body = "".join(f"{number},größer\n" for number in range(200)).encode()
    found = read(b"id,word\n" + body + b"200,caf\xe9\n")
    assert found.columns["word"][0] == "größer"
    assert found.columns["word"][-1] == "café"
    assert found.repair("broken_encoding")["count"] == 1


def test_lines_before_and_after_the_table_are_set_aside(read: Any) -> None:
    """Titles and totals are no rows, and are said with their lines."""
    found = read("Report for 2020\nby the sales team\n\nid;name;value\n1;a;2.5\n2;b;3.5\n3;c;1.0\nTotal: 3 rows\n")
    assert found.columns == {"id": [1, 2, 3], "name": ["a", "b", "c"], "value": [2.5, 3.5, 1.0]}
    assert found.repair("preamble_lines")["lines"] == [1, 2]
    assert found.repair("trailer_lines")["lines"] == [8]


def test_several_header_rows_are_joined(read: Any) -> None:
    """An upper header cell spans the columns to its right."""
    found = read("control,,fire,\nx,y,x,y\n1.5,2,3,4\n5.5,6,7,8\n9.5,1,2,3\n4.5,4,4,4\n")
    assert list(found.columns) == ["control x", "control y", "fire x", "fire y"]
    assert found.repair("header_rows_joined")["count"] == 2


@pytest.mark.parametrize("word", ["unknown", "n.a.", "k.A.", "(blank)", "NULL", "-"])
def test_a_first_row_without_values_is_no_second_header_row(read: Any, word: str) -> None:
    """Words that stand for no value make no heading, unless they stand among others that do: no row is lost."""
    rows = "".join(f"k{k},{k},{2 * k}\n" for k in range(30))
    found = read(f"id,a,b\nk0,{word},{word}\n{rows}", "first.csv")
    assert (list(found.types), found.table.num_rows) == (["id", "a", "b"], 31)
    found = read(f",days,days\nid,present,missing\n{rows}", "days.csv")
    assert (list(found.types), found.table.num_rows) == (["id", "days present", "days missing"], 30)


def test_a_file_without_header_keeps_its_first_row(read: Any) -> None:
    """Values are never taken for names."""
    assert read("1,a,2.5\n2,b,3.5\n3,c,4.5\n").columns == {
        "column_1": [1, 2, 3],
        "column_2": ["a", "b", "c"],
        "column_3": [2.5, 3.5, 4.5],
    }
    assert read("8cb123cb8\n34fd321\nfg5391jn4\n", "ids.csv").table.num_rows == 3
    assert read("a,b\nc,d\n", "asked.csv", header=False).table.num_rows == 2


def test_names_are_made_usable(read: Any) -> None:
    """Empty names are numbered, names that differ in case only are told apart, because SQL does not."""
    found = read("a,A,,a\n1,2,3,4\n5,6,7,8\n")
    assert list(found.columns) == ["a", "A_2", "column_3", "a_3"]
    assert found.repair("unnamed_columns")["count"] == 1
    assert found.repair("doubled_names")["count"] == 2


BODY = "".join(f"2024-01-{day:02},{day},item-{day},{day}.25\n" for day in range(1, 29))


def test_short_rows_are_padded_and_named(read: Any) -> None:
    """A row that ends early gets nulls at its end; its row and line are said."""
    found = read("day,count,item,price\n" + BODY + "2024-01-29,29\n")
    assert found.table.num_rows == 29
    assert found.columns["item"][-1] is None
    assert (found.repair("short_rows")["rows"], found.repair("short_rows")["lines"]) == ([28], [30])


def test_a_row_with_a_gap_is_moved_to_where_it_fits(read: Any) -> None:
    """A field that is missing in the middle does not shift the values after it into wrong columns."""
    found = read("day,count,item,price\n" + BODY + "2024-01-29,item-29,29.25\n" + BODY)
    assert found.types == {"day": "date", "count": "integer", "item": "text", "price": "float"}
    assert (found.columns["count"][28], found.columns["item"][28], found.columns["price"][28]) == (None, "item-29", 29.25)
    assert found.repair("realigned_rows")["rows"] == [28]


def test_an_empty_field_too_many_is_not_taken_silently(read: Any) -> None:
    """The fast reader drops a surplus empty last field without a word, which would shift the row."""
    found = read("day,count,item,price,note\n" + BODY.replace("\n", ",\n") + "2024-01-29,,29,item-29,29.25,\n")
    assert found.types["count"] == "integer"
    assert found.columns["price"][-1] == 29.25
    assert found.repair("realigned_rows")["count"] == 1


def test_real_surplus_is_kept_in_extra_columns(read: Any) -> None:
    """No value is lost where a row is longer than the table."""
    found = read("day,count,item,price\n" + BODY + "2024-01-29,29,item-29,29.25,what,is this\n")
    assert found.columns["extra_1"][-1] == "what"
    assert found.columns["extra_2"][-2:] == [None, "is this"]
    assert found.repair("long_rows")["lines"] == [30]


def test_a_stray_quote_swallows_nothing(read: Any) -> None:
    """A quote that is never closed costs no row; it is kept as a character."""
    found = read("id,word\n" + "".join(f"{number},w{number}\n" for number in range(50)) + '50,"open\n' + "51,x\n52,y\n")
    assert found.table.num_rows == 53
    assert found.columns["word"][50:] == ['"open', "x", "y"]
    assert found.repair("mended_rows")["rows"] == [50]


def test_a_delimiter_left_out_before_a_quote_is_put_back(read: Any) -> None:
    """Where one column is always in quotes, the quote shows where the field begins."""
    rows = "".join(f'{number},plain {number},"quoted, {number}"\n' for number in range(1, 30))
    found = read("id,a,b\n" + rows + '30,plain 30"quoted, 30"\n')
    assert (found.columns["a"][-1], found.columns["b"][-1]) == ("plain 30", "quoted, 30")
    assert found.repair("mended_rows")["lines"] == [31]


def test_a_large_dirty_file_is_mended_in_place(read: Any) -> None:
    """Good stretches are copied; rows, order and line numbers stay right around the broken ones."""
    lines = [f'{number},"text, {number}",{number / 4}' for number in range(30_000)]
    lines[10_000] = '10000,"text, 10000,2500.0'
    lines[20_000] = "20000,short"
    lines[25_000] = '25000,"two\nlines",6250.0'
    found = read("id,word,value\n" + "\n".join(lines) + "\n")
    assert found.columns["id"] == list(range(30_000))
    assert (found.columns["word"][10_000], found.columns["value"][10_000]) == ("text, 10000", 2500.0)
    assert found.columns["word"][25_000] == "two\nlines"
    assert found.repair("short_rows")["rows"] == [20_000]
    assert found.repair("short_rows")["lines"] == [20_002]


def test_blank_lines_and_empty_last_rows(read: Any) -> None:
    """Blank lines are no rows of a table of several columns; in a single column they are empty values."""
    found = read("a,b\n1,x\n\n2,y\n,\n,\n")
    assert found.columns == {"a": [1, 2], "b": ["x", "y"]}
    assert found.repair("blank_lines")["count"] == 1
    assert found.repair("empty_rows")["count"] == 2
    assert read("name\nanna\n\nbob\n", "one.csv").columns == {"name": ["anna", None, "bob"]}


def test_empty_texts_can_be_told_from_no_value(read: Any) -> None:
    """Quoted and unquoted empty fields are both null unless asked otherwise, in regular and in mended files."""
    assert read('a,b\n1,""\n2,\n3,x\n').columns["b"] == [None, None, "x"]
    assert read('a,b\n1,""\n2,\n3,x\n', "kept.csv", quoted_empty="text").columns["b"] == ["", None, "x"]
    mended = read('a,b\n1,""\n2,\n3,x"x\n4,""\n', "mended.csv", quoted_empty="text")
    assert mended.columns["b"] == ["", None, 'x"x', ""]


def test_gzip_and_several_inputs(tmp_path: Path) -> None:
    """Packed text is unpacked; the first file is the data, others are named by their stem."""
    first, second = tmp_path / "Sales 2024.csv.gz", tmp_path / "Stock-List.csv"
    first.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    second.write_bytes(b"c,d\n3,4\n")
    answer = run_plugin(PLUGIN, inputs=[first, second], scratch=tmp_path / "scratch")
    assert [dataset["role"] for dataset in answer["datasets"]] == ["data", "stock_list"]
    assert answer["metrics"]["datasets"][0]["reading"]["compression"] == "gzip"
    assert answer["summary"].startswith("Read 1 row and 2 columns from Sales 2024.csv.gz (CSV, comma, UTF-8).")


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    """Two readings of one file are the same bytes, Parquet and answer."""
    path = tmp_path / "table.csv"
    path.write_text("id,word\n" + "".join(f'{number},"w {number}"\n' for number in range(30_000)))
    answers = [run_plugin(PLUGIN, inputs=[path], scratch=tmp_path / name) for name in ("one", "two")]
    one, two = (Path(answer["scratch"], "datasets", "0", "data.parquet").read_bytes() for answer in answers)
    assert one == two
    assert answers[0]["metrics"] == answers[1]["metrics"]
    assert str(tmp_path) not in str(answers[0]["metrics"])


def test_the_line_that_names_the_delimiter_is_no_row(read: Any) -> None:
    """Spreadsheet programs begin a file with ``sep=;``: it decides the delimiter, and is told as set aside."""
    found = read("sep=;\r\na;b\r\n1;x, y\r\n2;z\r\n")
    assert found.columns == {"a": [1, 2], "b": ["x, y", "z"]}
    assert found.repair("separator_line")["lines"] == [1]


@pytest.mark.parametrize(("line_end", "inner"), [("\n", "\r"), ("\n", "\r\n"), ("\r\n", "\n"), ("\r\n", "\r")])
def test_a_line_end_of_another_kind_within_quotes(read: Any, line_end: str, inner: str) -> None:
    """The first line end of the data stands within quotes and is not the file's own: no row is joined or cut."""
    found = read(line_end.join(["a,b", f'"x{inner}y",1', *["z,2"] * 20_000, "short", "w,3", ""]))
    assert found.columns == {"a": [f"x{inner}y", *["z"] * 20_000, "short", "w"], "b": [1, *[2] * 20_000, None, 3]}


def test_a_line_longer_than_the_readers_buffer(read: Any) -> None:
    """A cell of nine megabytes is read like any other."""
    found = read("a,b\n1," + "x" * 9_000_000 + "\n2,y\n")
    assert [len(value) for value in found.columns["b"]] == [9_000_000, 1]


def test_nul_characters_are_kept(read: Any) -> None:
    """A stray NUL in a cell is a character of it, and neither ends the text nor makes the file binary."""
    assert read(b"a,b\n1,x\0y\n2,z\n").columns["b"] == ["x\0y", "z"]


def test_pieces_of_a_large_file_begin_within_quotes(read: Any) -> None:
    """The census looks at pieces side by side: quotes that reach over their borders are followed."""
    cell = "line\n" * 300
    rows = 3_000
    found = read("n,note\n" + "".join(f'{number},"{cell}"\n' for number in range(rows)))
    assert found.columns == {"n": list(range(rows)), "note": [cell] * rows}
    assert not found.dataset["repairs"]


def test_utf8_is_told_where_a_piece_cuts_a_character(read: Any) -> None:
    """Characters of two to four bytes over the borders of the pieces that are checked do not make the file another encoding."""
    for sign in ("é", "€", "😀"):
        for shift in range(4):
            found = read("a,b\n" + "x" * shift + sign * 600_000 + ",1\n")
            assert found.dataset["reading"]["encoding"] == "utf-8"
            assert found.columns["a"] == ["x" * shift + sign * 600_000]


def test_two_threads_write_the_same_bytes_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Parquet file is a function of the text alone: rows in the order of the file, whoever was faster."""
    path = tmp_path / "long.csv"
    row = "(i || ',' || hash(i) % 1000 / 8 || ',item ' || hash(i) % 5000 || ',some longer words to fill the line')"
    duckdb.execute(
        f"COPY (SELECT unnest(['number,share,item,text'] || list({row} ORDER BY i)) FROM range(800000) t(i)) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    )
    assert path.stat().st_size > 40 << 20  # more than one buffer of the engine's, so that two threads share the work
    connect, digests = duckdb.connect, []
    for threads in (1, 2):

        def with_threads(*given: Any, threads: int = threads, **named: Any) -> Any:
            return connect(*given, **{**named, "config": {**named.get("config", {}), "threads": threads}})

        monkeypatch.setattr(duckdb, "connect", with_threads)
        found = Read(path) if threads == 1 else Read(path.rename(tmp_path / "again.csv"))
        assert found.table["number"].to_pylist() == list(range(800_000))
        digests.append(hashlib.sha256(Path(found.answer["scratch"], "datasets", "0", "data.parquet").read_bytes()).hexdigest())
    assert digests[0] == digests[1]
