"""Workbooks as people make them: errors, elapsed times, covers, hidden and odd sheets; nothing is lost without a word."""

import struct
import zipfile
from collections.abc import Callable
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
ODS_HEAD = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
    '<office:body><office:spreadsheet><table:table table:name="One">'
)


def ingest(path: Path, **chosen: Any) -> tuple[dict[str, Any], list[pyarrow.Table]]:
    answer = run_plugin(PLUGIN, inputs=[path], settings=chosen, scratch=path.parent / f"scratch-{path.name}-{len(chosen)}")
    folder = Path(answer["scratch"], "datasets")
    return answer, [pyarrow.parquet.read_table(folder / str(n) / "data.parquet") for n in range(len(answer["datasets"]))]


def repairs_of(answer: dict[str, Any], index: int = 0) -> dict[str, dict[str, Any]]:
    return {repair["code"]: repair for repair in answer["datasets"][index]["repairs"]}


def saved(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def changed(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The package with its parts changed."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, change(name, data))
    return path


def rows_of(count: int) -> list[list[Any]]:
    return [["name", "size"], *([f"n{n}", n * n + 1] for n in range(count))]


def test_errors_of_cells_are_counted(tmp_path: Path) -> None:
    """An error is no value among numbers, with a count that names it, and stays in sight among texts."""
    errors = ["#DIV/0!", "#N/A", "#REF!"]
    table: list[list[Any]] = [["ratio", "word"], *([n / 4, f"w{n}"] for n in range(20)), *([each, each] for each in errors)]
    answer, (found,) = ingest(saved(tmp_path / "errors.xlsx", {"One": table}))
    assert found["ratio"].to_pylist() == [n / 4 for n in range(20)] + [None] * 3
    assert found["word"].to_pylist()[-3:] == errors
    assert "“#DIV/0!”" in repairs_of(answer)["null_tokens"]["sentence"]
    assert repairs_of(answer)["null_tokens"]["count"] == 3


def test_errors_of_an_open_document_are_counted(tmp_path: Path) -> None:
    """LibreOffice writes an error as an empty text and shows what it is."""
    numbers = "".join(
        f'<table:table-row><table:table-cell office:value-type="float" office:value="{n}"/></table:table-row>' for n in range(5)
    )
    error = (
        '<table:table-row><table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell></table:table-row>'
    )
    head = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>ratio</text:p></table:table-cell></table:table-row>'
    )
    path = tmp_path / "errors.ods"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        tail = "</table:table></office:spreadsheet></office:body></office:document-content>"
        package.writestr(
            "META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        )
        package.writestr("content.xml", f"{ODS_HEAD}{head}{numbers}{error}{tail}")
    answer, (found,) = ingest(path)
    assert found["ratio"].to_pylist() == [0, 1, 2, 3, 4, None]
    assert "“#DIV/0!”" in repairs_of(answer)["null_tokens"]["sentence"]


def _compound(stream: bytes) -> bytes:
    """A compound file with one stream, the workbook's: a header, a table of sectors, a directory, the stream."""
    stream = stream.ljust(4096, b"\0")
    count = -(-len(stream) // 512)
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + count), 0xFFFFFFFE]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        raw = name.encode("utf-16-le")
        links = struct.pack("<HBBIII", len(raw) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        return raw.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)

    entries = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry("Workbook", 2, 0xFFFFFFFF, 2, len(stream))
    sectors = struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff") + entries.ljust(512, b"\0")
    return header + sectors + stream.ljust(count * 512, b"\0")


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def test_errors_of_an_old_workbook_are_counted(tmp_path: Path) -> None:
    """XLS keeps an error as a code, of a cell or of a formula's result."""
    begin = struct.pack("<HHHHII", 0x0600, 5, 0x0DBB, 0x07CC, 0, 6)
    text = b"\x05\x00\x00ratio"
    cells = _record(0x0204, struct.pack("<HHH", 0, 0, 0) + text)
    cells += b"".join(_record(0x0203, struct.pack("<HHHd", row, 0, 0, row / 4)) for row in range(1, 9))
    cells += _record(0x0205, struct.pack("<HHHBB", 9, 0, 0, 0x2A, 1))
    cells += _record(0x0006, struct.pack("<HHHBxB3xHHIH", 10, 0, 0, 2, 0x07, 0xFFFF, 0, 0, 0))
    name = b"\x03\x00One"
    book = _record(0x0809, begin)
    place = len(book) + 4 + 6 + len(name) + 4
    book += _record(0x0085, struct.pack("<IH", place, 0) + name) + _record(0x000A, b"")
    sheet = _record(0x0809, begin.replace(b"\x05\x00\xbb\x0d", b"\x10\x00\xbb\x0d")) + cells + _record(0x000A, b"")
    path = tmp_path / "errors.xls"
    path.write_bytes(_compound(book + sheet))
    answer, (found,) = ingest(path)
    assert found["ratio"].to_pylist() == [row / 4 for row in range(1, 9)] + [None, None]
    sentence = repairs_of(answer)["null_tokens"]["sentence"]
    assert ("#N/A" in sentence, "#DIV/0!" in sentence) == (True, True)


def _binary(kind: int, body: bytes) -> bytes:
    """A record of XLSB, whose kind and size have seven bits a byte."""
    marks = bytes((kind & 0x7F | 0x80, kind >> 7)) if kind > 127 else bytes((kind,))
    return marks + bytes((len(body),)) + body


def _wide_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def test_errors_of_a_binary_workbook_are_counted(tmp_path: Path) -> None:
    """XLSB keeps an error as a code in a record of its own, of a cell or of a formula."""
    cells = [(6, _wide_text("ratio")), *((5, struct.pack("<d", n / 4)) for n in range(8)), (3, b"\x2a"), (11, b"\x07" + bytes(14))]
    sheet = _binary(129, b"") + _binary(148, struct.pack("<4I", 0, len(cells) - 1, 0, 0)) + _binary(145, b"")
    for row, (kind, body) in enumerate(cells):
        sheet += _binary(0, struct.pack("<I", row) + bytes(13)) + _binary(kind, bytes(8) + body)
    parts = {
        "xl/worksheets/sheet1.bin": sheet + _binary(146, b"") + _binary(130, b""),
        "xl/workbook.bin": _binary(131, b"") + _binary(143, b"")
        + _binary(156, struct.pack("<II", 0, 1) + _wide_text("rId1") + _wide_text("One")) + _binary(144, b"") + _binary(132, b""),
        "xl/_rels/workbook.bin.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        b'Target="worksheets/sheet1.bin"/></Relationships>',
    }  # fmt: skip
    path = tmp_path / "errors.xlsb"
    with zipfile.ZipFile(path, "w") as package:
        for name, data in parts.items():
            package.writestr(name, data)
    answer, (found,) = ingest(path)
    assert found["ratio"].to_pylist() == [n / 4 for n in range(8)] + [None, None]
    sentence = repairs_of(answer)["null_tokens"]["sentence"]
    assert ("#N/A" in sentence, "#DIV/0!" in sentence) == (True, True)


@pytest.mark.parametrize(
    ("forced", "expected"), [({}, [0.0, 36.5, -1.5, 8.0]), ({"span": "text"}, ["0:00:00", "36:30:00", "-1:30:00"])]
)
def test_elapsed_times_are_hours(tmp_path: Path, forced: dict[str, str], expected: list[Any]) -> None:
    """Times beyond a day are numbers that can be added up; as texts they look as in the workbook."""
    spans = [timedelta(), timedelta(hours=36, minutes=30), timedelta(hours=-1.5), time(8)]
    path = saved(tmp_path / "spans.xlsx", {"One": [["task", "span"], *([f"t{n}", span] for n, span in enumerate(spans))]})
    answer, (found,) = ingest(path, types=forced)
    assert found["span"].to_pylist()[: len(expected)] == expected
    assert answer["datasets"][0]["columns"][1].get("note") == (None if forced else "Elapsed times, in hours.")


def test_totals_and_remarks_are_no_rows(tmp_path: Path) -> None:
    """They would be outliers of every column; set aside they are said. Rows without a header are taken as they come."""
    table: list[list[Any]] = [["Sales 2024"], [], ["region", "day", "units", "sales"]]
    table += [[f"R{n % 3}", date(2024, 1, 1) + timedelta(n), n + 1, n * 1.25 + 1] for n in range(30)]
    table += [["Total", None, sum(range(1, 31)), sum(n * 1.25 + 1 for n in range(30))], [], ["Exported by finance"]]
    path = saved(tmp_path / "sales.xlsx", {"One": table})
    answer, (found,) = ingest(path)
    assert found.num_rows == 30
    assert repairs_of(answer)["total_row"]["lines"] == [34]
    assert repairs_of(answer)["trailer_lines"]["lines"] == [36]
    assert "blank_rows" not in repairs_of(answer)
    _, (kept,) = ingest(path, header=False)
    assert kept["column_1"].to_pylist()[-2:] == ["Total", "Exported by finance"]


def test_the_main_sheet_comes_first(tmp_path: Path) -> None:
    """Neither a cover nor a hidden list is what a report is about; the others are named."""
    cover = [["Prepared by", "Finance"], ["Version", "3"]]
    path = saved(tmp_path / "book.xlsx", {"Codes": rows_of(90), "Cover": cover, "Data": rows_of(200), "More": rows_of(300)})
    book = openpyxl.load_workbook(path)
    book["Codes"].sheet_state = "hidden"
    book.save(path)
    answer, found = ingest(path)
    assert [dataset["role"] for dataset in answer["datasets"]] == ["data", "book_cover", "book_more", "book_codes"]
    assert [table.num_rows for table in found] == [200, 1, 300, 90]
    expected = "“Data” is the main table; 3 more sheets are datasets of their own: “Cover”, “More”, “Codes” (hidden)."
    assert repairs_of(answer)["more_sheets"]["sentence"] == expected


def test_an_index_counts_all_tabs(tmp_path: Path) -> None:
    """As a person counts them, charts too; a chart holds no cells."""
    book = openpyxl.Workbook()
    book.create_chartsheet("Chart", 0)
    for row in rows_of(9):
        book.worksheets[0].append(row)
    book.save(tmp_path / "tabs.xlsx")
    assert ingest(tmp_path / "tabs.xlsx", sheet=1)[1][0].num_rows == 9
    answer, _ = ingest(tmp_path / "tabs.xlsx", sheet=0)
    assert answer["error"]["code"] == "no_such_sheet"


def _wide(name: str, data: bytes) -> bytes:
    return data.decode().replace("UTF-8", "UTF-16").replace("utf-8", "utf-16").encode("utf-16")


def _with_macros(name: str, data: bytes) -> bytes:
    macro = b'Type="http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet" Target="macrosheets/sheet1.xml"'
    if name == "xl/workbook.xml":
        return data.replace(b"</sheets>", b'<sheet name="Macro1" sheetId="9" r:id="rId99"/></sheets>').replace(
            b"<workbook ", b'<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" ', 1
        )
    return (
        data.replace(b"</Relationships>", b'<Relationship Id="rId99" ' + macro + b"/></Relationships>")
        if "workbook.xml.rels" in name
        else data
    )


@pytest.mark.parametrize("change", [_wide, _with_macros])
def test_odd_packages_are_read(tmp_path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Telephones write UTF-16, and old workbooks hold sheets of macros: their tables are read all the same."""
    path = changed(saved(tmp_path / "odd.xlsx", {"One": rows_of(7)}), change)
    assert ingest(path)[1][0].to_pydict() == {"name": [f"n{n}" for n in range(7)], "size": [n * n + 1 for n in range(7)]}


def test_a_workbook_with_another_suffix_is_read(tmp_path: Path) -> None:
    """The content tells the format, whatever the file is called."""
    path = saved(tmp_path / "book.xlsx", {"One": rows_of(7)})
    for name in ("book.xls", "book", "book.csv"):
        (tmp_path / name).write_bytes(path.read_bytes())
        assert ingest(tmp_path / name)[1][0].num_rows == 7


def test_worksheets_of_the_first_excels_are_named(tmp_path: Path) -> None:
    """They are refused as what they are, not as rubbish."""
    (tmp_path / "old.xls").write_bytes(b"\x09\x04\x06\x00\x00\x00\x10\x00" + bytes(range(200)))
    answer, _ = ingest(tmp_path / "old.xls")
    assert (answer["error"]["code"], "Excel 4" in answer["error"]["message"]) == ("unsupported_format", True)


def test_a_cell_far_away_is_refused(tmp_path: Path) -> None:
    """The reader would ask for memory for all cells between, and take the process with it; styles alone are no cells."""
    book = openpyxl.load_workbook(saved(tmp_path / "far.xlsx", {"One": rows_of(9)}))
    sheet = book.worksheets[0]
    sheet["XFD1048576"].number_format = "0.00"
    book.save(tmp_path / "styled.xlsx")
    sheet["XFD1048576"] = 1
    book.save(tmp_path / "far.xlsx")
    assert ingest(tmp_path / "styled.xlsx")[1][0].num_rows == 9
    assert ingest(tmp_path / "far.xlsx")[0]["error"]["code"] == "too_large"


@pytest.mark.parametrize("periods", [[2021, 2022, 2023], [date(2024, month, 1) for month in (1, 2, 3)], [2023, 2022, 2021]])
def test_years_and_months_are_names(tmp_path: Path, periods: list[Any]) -> None:
    """Above columns of amounts they name them; above columns of years they are a row like the others."""
    table: list[list[Any]] = [["account", *periods], *([f"a{n}", n * 1.5, n * 2.5, n * 3.5] for n in range(20))]
    (found,) = ingest(saved(tmp_path / "periods.xlsx", {"One": table}))[1]
    assert found.column_names == ["account", *map(str, periods)]
    plain: list[list[Any]] = [["x", 2001, 2002], *([f"n{n}", 1990 + n % 17, 1991 + n % 19] for n in range(20))]
    (found,) = ingest(saved(tmp_path / "years.xlsx", {"One": plain}))[1]
    assert found.num_rows == 21


def test_labels_that_are_merged_downwards_are_repeated(tmp_path: Path) -> None:
    """Each row has its label then, with a note; an amount that stands for several rows is not counted more than once."""
    table: list[list[Any]] = [
        ["region", "city", "sales", "budget"],
        *([f"R{n // 4}" if n % 4 == 0 else None, f"c{n}", n, 9] for n in range(12)),
    ]
    book = openpyxl.load_workbook(saved(tmp_path / "merged.xlsx", {"One": table}))
    for top in (2, 6, 10):
        for column in "AD":
            book.worksheets[0].merge_cells(f"{column}{top}:{column}{top + 3}")
    book.save(tmp_path / "merged.xlsx")
    answer, (found,) = ingest(tmp_path / "merged.xlsx")
    assert found["region"].to_pylist() == [f"R{n // 4}" for n in range(12)]
    assert found["budget"].to_pylist() == [None if n % 4 else 9 for n in range(12)]
    assert repairs_of(answer)["merged_cells"]["lines"] == [row for row in range(2, 14) if row % 4 != 2]
    (kept,) = ingest(tmp_path / "merged.xlsx", header=False)[1]
    assert kept["column_1"].null_count == 9


def test_day_nought_is_no_date(tmp_path: Path) -> None:
    """A formula that finds no date gives 0, which a date format shows as 0 January 1900; times of the day keep their midnight."""
    table: list[list[Any]] = [["due", "start"], *([date(2024, 1, 1) + timedelta(n), time(n)] for n in range(20)), [time(), time()]]
    answer, (found,) = ingest(saved(tmp_path / "nought.xlsx", {"One": table}))
    assert found["due"].to_pylist() == [date(2024, 1, 1) + timedelta(n) for n in range(20)] + [None]
    assert found["start"].to_pylist()[-1] == time()
    assert repairs_of(answer)["null_tokens"]["count"] == 1


def test_empty_columns_beside_the_table_are_left_out(tmp_path: Path) -> None:
    """A title or a legend to the side makes no columns; one that has a name, or any value, stays."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet["A1"] = "Stock in May"
    table: list[list[Any]] = [["name", "size", "note"], *([f"n{n}", n, None] for n in range(9))]
    for row, values in enumerate(table, start=3):
        for column, value in enumerate(values, start=3):
            sheet.cell(row, column, value)
    sheet["H5"] = "counted by hand"
    book.save(tmp_path / "beside.xlsx")
    answer, (found,) = ingest(tmp_path / "beside.xlsx")
    assert found.column_names == ["name", "size", "note", "column_8"]
    assert repairs_of(answer)["empty_columns"]["sentence"] == "4 columns without a name or a value were left out."
    assert repairs_of(answer)["unnamed_columns"]["count"] == 1
    assert len(ingest(tmp_path / "beside.xlsx", header=False)[1][0].column_names) == 8
