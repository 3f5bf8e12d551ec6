"""Workbooks, Parquet and JSON become the tables they hold; what is no table is refused; inspect shows what run reads."""

import datetime
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"


def ingest(path: Path, *, call: str = "run", **chosen: Any) -> dict[str, Any]:
    return run_plugin(PLUGIN, inputs=[path], settings=chosen, scratch=path.parent / f"scratch-{call}-{path.name}", call=call)


def tables(answer: dict[str, Any]) -> list[pyarrow.Table]:
    assert answer["status"] == "ok", answer["error"]
    folder = Path(answer["scratch"], "datasets")
    return [pyarrow.parquet.read_table(folder / str(index) / "data.parquet") for index in range(len(answer["datasets"]))]


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "First"
    rows = [
        ["id", "when", "amount", "code", "ok", "mixed"],
        [1, datetime.datetime(2024, 2, 1, 10), 1.5, "001", True, "a"],
        [2, datetime.datetime(2024, 2, 2, 11, 30), "NA", "002", False, 5],
        [3, None, 2.0, "003", True, None],
    ]
    for row in rows:
        sheet.append(row)
    book.create_sheet("Nothing")
    second = book.create_sheet("Second Sheet")
    second["B3"], second["C3"], second["B4"], second["C4"] = "name", "born", "Ann", datetime.date(2001, 2, 3)
    path = tmp_path / "Book One.xlsx"
    book.save(path)
    return path


def test_every_sheet_becomes_a_dataset(workbook: Path) -> None:
    """Cells keep the type they have in the workbook; empty sheets are left out and said."""
    answer = ingest(workbook)
    first, second = tables(answer)
    assert [dataset["role"] for dataset in answer["datasets"]] == ["data", "book_one_second_sheet"]
    assert first.to_pydict() == {
        "id": [1, 2, 3],
        "when": [datetime.datetime(2024, 2, 1, 10), datetime.datetime(2024, 2, 2, 11, 30), None],
        "amount": [1.5, None, 2.0],
        "code": ["001", "002", "003"],
        "ok": [True, False, True],
        "mixed": ["a", "5", None],
    }
    assert second.to_pydict() == {"name": ["Ann"], "born": [datetime.date(2001, 2, 3)]}
    codes = {repair["code"]: repair for repair in answer["datasets"][0]["repairs"]}
    assert codes["empty_sheets"]["sentence"] == "1 empty sheet was left out: “Nothing”."
    assert codes["null_tokens"]["count"] == 1
    assert "several kinds" in answer["datasets"][0]["columns"][5]["note"]


def test_a_sheet_is_chosen_by_name_or_index(workbook: Path) -> None:
    """Only the sheet asked for is read; one that is not there is an error that names those that are."""
    assert tables(ingest(workbook, sheet="Second Sheet"))[0].column_names == ["name", "born"]
    assert tables(ingest(workbook, sheet=2))[0].column_names == ["name", "born"]
    error = ingest(workbook, sheet="Third")["error"]
    assert (error["code"], "Second Sheet" in error["message"]) == ("no_such_sheet", True)


def test_parquet_keeps_its_rows_and_types(tmp_path: Path) -> None:
    """Plain columns stay as they are; zoned times become UTC, nested values JSON text, doubled names are told apart."""
    zoned = pyarrow.array([0, 3_600_000_000], pyarrow.timestamp("us", "Europe/Berlin"))
    table = pyarrow.table(
        [pyarrow.array([1, None]), zoned, pyarrow.array([[1, 2], []]), pyarrow.array(["x", "y"])], names=["n", "at", "list", "N"]
    )
    pyarrow.parquet.write_table(table, tmp_path / "given.parquet")
    answer = ingest(tmp_path / "given.parquet")
    (found,) = tables(answer)
    assert found.column_names == ["n", "at", "list", "N_2"]
    assert found["n"].to_pylist() == [1, None]
    assert found["at"].to_pylist() == [datetime.datetime(1970, 1, 1), datetime.datetime(1970, 1, 1, 1)]
    assert found["list"].to_pylist() == ["[1,2]", "[]"]
    assert [column["nullable"] for column in answer["datasets"][0]["columns"]] == [True, False, False, False]


@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1, "b": "x"}\n\n{"b": null, "c": true, "a": 2.5}\n',
        '[{"a": 1, "b": "x"},\n {"b": null, "c": true, "a": 2.5}]',
        '{"count": 2, "rows": [{"a": 1, "b": "x"}, {"b": null, "c": true, "a": 2.5}]}',
        '{\n "a": 1,\n "b": "x"\n}\n{\n "b": null, "c": true, "a": 2.5}',
    ],
    ids=["lines", "array", "wrapped", "concatenated"],
)
def test_json_layouts(tmp_path: Path, content: str) -> None:
    """Objects are rows and keys columns, in the order in which they first appear."""
    (tmp_path / "data.json").write_text(content)
    (found,) = tables(ingest(tmp_path / "data.json"))
    assert found.to_pydict() == {"a": [1.0, 2.5], "b": ["x", None], "c": [None, True]}


def test_json_values_keep_their_type(tmp_path: Path) -> None:
    """Numbers in quotes are texts, dates in quotes are dates, what is nested is kept as JSON."""
    rows = [
        {"n": "007", "d": "2024-02-01", "deep": {"x": [1, 2]}, "big": 2**70},
        {"n": "8", "d": "2024-02-29", "deep": [], "big": 1},
    ]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (found,) = tables(ingest(tmp_path / "data.jsonl"))
    assert found.to_pydict() == {
        "n": ["007", "8"],
        "d": [datetime.date(2024, 2, 1), datetime.date(2024, 2, 29)],
        "deep": ['{"x":[1,2]}', "[]"],
        "big": [str(2**70), "1"],
    }


def test_a_word_far_down_a_column_of_dates_is_kept(tmp_path: Path) -> None:
    """Texts that look like dates at first are proved to be dates by all rows; what means no value is counted."""
    for last, expected in (("hello", "hello"), ("NA", None)):
        rows = [{"d": "2024-01-05"}] * 6_000 + [{"d": last}]
        path = tmp_path / f"{last}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        answer = ingest(path)
        assert tables(answer)[0]["d"][6_000].as_py() == expected
        assert [repair["code"] for repair in answer["datasets"][0]["repairs"]] == (["null_tokens"] if last == "NA" else [])


def test_a_key_that_comes_late_is_null_before(tmp_path: Path) -> None:
    """Rows beyond one batch and keys that appear after it belong to one table, in order."""
    rows = [{"a": number} for number in range(25_000)] + [{"a": 25_000, "late": "x"}]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (found,) = tables(ingest(tmp_path / "data.jsonl"))
    assert found["a"].to_pylist() == list(range(25_001))
    assert found["late"].to_pylist() == [None] * 25_000 + ["x"]


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", b"<workbook/>")
        package.writestr("xl/worksheets/sheet1.xml", b" " * (80 << 20))


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "empty_file"),
    "blank.csv": (b"  \n\n", "empty_file"),
    "page.csv": (b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", "unsupported_format"),
    "rubbish.csv": (bytes(range(256)) * 40, "not_a_table"),
    "paper.csv": (b"%PDF-1.7 ...", "unsupported_format"),
    "cut.parquet": (b"PAR1" + bytes(100), "corrupt_parquet"),
    "cut.xlsx": (b"PK\x03\x04" + bytes(100), "corrupt_workbook"),
    "cut.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "corrupt_workbook"),
    "cut.csv.gz": (b"\x1f\x8b\x08\x00" + bytes(20), "corrupt_archive"),
    "broken.jsonl": (b'{"a": 1}\n{"a": 2\n{"a": 3}\n', "bad_json"),
    "open.json": (b'[{"a": 1},\n{"a": 2}', "bad_json"),
    "twice.json": (b'[{"a": 1}]\n[{"a": 2}]', "bad_json"),
    "deep.json": (b'[{"a": ' + b"[" * 100_000, "bad_json"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("call", ["run", "inspect"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, call: str) -> None:
    """Each refusal has its code, a sentence and a remedy, before a run as in it."""
    content, code = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    error = ingest(tmp_path / name, call=call)["error"]
    assert (error["type"], error["code"]) == ("InputRejected", code)
    assert error["message"].endswith(".")
    assert error["remedy"].endswith(".")


def test_broken_json_names_its_line(tmp_path: Path) -> None:
    """The line is where the mistake is, from 1."""
    (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a": 2\n{"a": 3}\n')
    assert ingest(tmp_path / "broken.jsonl")["error"]["line"] == 2
    (tmp_path / "broken.json").write_text('[\n{"a": 1},\n{"a" 2}\n]')
    assert ingest(tmp_path / "broken.json")["error"]["line"] == 3


def test_limits_are_held(tmp_path: Path) -> None:
    """Too many rows or columns, and packages that explode, are refused before they fill the machine."""
    (tmp_path / "wide.csv").write_text(",".join(f"c{number}" for number in range(30)) + "\n")
    assert ingest(tmp_path / "wide.csv", max_columns=20)["error"]["code"] == "too_many_columns"
    (tmp_path / "long.csv").write_text("a,b\n" + "1,2\n" * 50)
    assert ingest(tmp_path / "long.csv", max_rows=20)["error"]["code"] == "too_large"
    _bomb(tmp_path / "bomb.xlsx")
    assert ingest(tmp_path / "bomb.xlsx")["error"]["code"] == "too_large"


def test_inspect_shows_what_run_reads(tmp_path: Path, workbook: Path) -> None:
    """The same format, columns, types and repairs, with the first rows as texts."""
    path = tmp_path / "table.csv"
    path.write_text("id;value;day\n" + "".join(f"{number};{number},5;2024-02-{number % 28 + 1:02}\n" for number in range(60)))
    shown, answer = ingest(path, call="inspect"), ingest(path)
    (dataset,) = answer["datasets"]
    assert shown["columns"] == [{"name": column["name"], "type": column["type"]} for column in dataset["columns"]]
    assert (shown["format"], shown["encoding"], shown["delimiter"], shown["quote"], shown["header"]) == (
        "csv",
        "utf-8",
        ";",
        '"',
        True,
    )
    assert (shown["row_estimate"], shown["row_estimate_exact"], len(shown["rows"])) == (60, True, 50)
    assert shown["rows"][1] == ["1", "1.5", "2024-02-02"]
    assert shown["size_bytes"] == path.stat().st_size
    assert ingest(workbook, call="inspect")["sheets"] == ["First", "Nothing", "Second Sheet"]


def test_inspect_of_a_large_file_estimates(tmp_path: Path) -> None:
    """Beyond the size that is read whole, the head is read and the number of rows estimated, near the truth."""
    path = tmp_path / "large.csv"
    path.write_text("id,word\n" + "".join(f"{number:07},word {number:07}\n" for number in range(1_600_000)))
    shown = ingest(path, call="inspect")
    assert shown["row_estimate_exact"] is False
    assert abs(shown["row_estimate"] - 1_600_000) < 16_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(st.sampled_from("a1,;\"'\n\r\t \\é{[:."), max_size=60).map(str.encode)))
def test_any_bytes_end_in_a_table_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    """No file makes the reader fall over: it answers with a table, or says why there is none."""
    (tmp_path / "any").write_bytes(content)
    answer = ingest(tmp_path / "any")
    assert answer["status"] == "ok" or answer["error"]["type"] == "InputRejected", answer["error"]
