"""Large sheets are read many cells at once: whatever the sheet, the table is the one that the general reader gives."""

import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from tests.plugins.sheet_readers import HEADER, MAIN, SHARED, both, loaded, package


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from loaded(monkeypatch)


def _number(draw: random.Random) -> str:
    return draw.choice(["0", "-0", "7", "12345678", "123456789012", "0.1", "-2.5", "1E-7", "1e17", "9007199254740993", ".5", "5."])


CELLS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "number": lambda draw: ("", f"<v>{_number(draw)}</v>"),
    "typed number": lambda draw: (' s="5" t="n"', f"<v>{_number(draw)}</v>"),
    "whole": lambda draw: (' s="0"', f"<v>{draw.randrange(10**6)}</v>"),
    "day": lambda draw: (' s="1"', f"<v>{draw.randrange(61, 70_000)}</v>"),
    "instant": lambda draw: (' s="2"', f"<v>{draw.randrange(61, 70_000) + draw.randrange(1, 86_400) / 86_400!r}</v>"),
    "truth": lambda draw: (' t="b"', f"<v>{draw.randrange(2)}</v>"),
    "shared": lambda draw: (' t="s"', f"<v>{draw.randrange(len(SHARED))}</v>"),
    "shared, styled": lambda draw: (' s="1" t="s"', f"<v>{draw.randrange(len(SHARED))}</v>"),
    "formula": lambda draw: (' t="str"', f"<f>A1&amp;1</f><v>{draw.choice(['x', ' y ', 'a &lt; b', '', 'NA', 'ä'])}</v>"),
    "computed": lambda draw: ("", f'<f t="shared" si="0"/><v>{_number(draw)}</v>'),
    "inline": lambda draw: (' t="inlineStr"', f"<is><t>{draw.choice(['x', 'NA', 'a &amp; b', '', '2024-01-05'])}</t></is>"),
    "spaced": lambda draw: (' t="inlineStr"', f'<is><t xml:space="preserve">{draw.choice([" x", "n/a ", " "])}</t></is>'),
    "error": lambda draw: (' t="e"', f"<v>{draw.choice(['#N/A', '#DIV/0!', '#REF!'])}</v>"),
    "no value": lambda draw: (' s="2"', ""),
}
ODD: dict[str, str] = {
    "a duration": '<c r="B9" s="4"><v>1.5</v></c>',
    "a time": '<c r="B9" s="1"><v>0.5</v></c>',
    "an early day": '<c r="B9" s="1"><v>59</v></c>',
    "a day beyond the calendar": '<c r="B9" s="1"><v>2958466</v></c>',
    "next to midnight": '<c r="B9" s="2"><v>45000.0000000001</v></c>',
    "a text as number": '<c r="B9"><v>0x10</v></c>',
    "blanks in a number": '<c r="B9"><v> 5 </v></c>',
    "no finite number": '<c r="B9"><v>1e400</v></c>',
    "a truth in words": '<c r="B9" t="b"><v>true</v></c>',
    "an escaped sign": '<c r="B9" t="str"><v>a_x000D_b</v></c>',
    "an entity": '<c r="B9" t="str"><v>a&#10;b</v></c>',
    "a bare blank": '<c r="B9" t="inlineStr"><is><t> a </t></is></c>',
    "a rich text": '<c r="B9" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>',
    "a cdata": '<c r="B9" t="str"><v><![CDATA[a</row>b]]></v></c>',
    "a comment": '<!-- <c r="B9"/> --><c r="B9"><v>1</v></c>',
    "an ISO date": '<c r="B9" t="d"><v>2024-01-05</v></c>',
    "no reference": "<c><v>5</v></c>",
    "another order": '<c r="C9"><v>5</v></c><c r="B9"><v>6</v></c>',
    "the same cell twice": '<c r="B9"><v>5</v></c><c r="B9"><v>6</v></c>',
    "another row": '<c r="B8"><v>5</v></c>',
    "a shared text beyond all": '<c r="B9" t="s"><v>99</v></c>',
    "an unknown style": '<c r="B9" s="77"><v>5</v></c>',
    "an extension": '<c r="B9"><v>5</v><extLst><ext/></extLst></c>',
    "a larger sign": '<c r="B9" t="str"><v>a > b</v></c>',
    "a value in single quotes": "<c r='B9'><v>5</v></c>",
    "a further column": '<c r="B9"><v>5</v></c><c r="ZZ9"><v>6</v></c>',
    "an empty value": '<c r="B9"><v></v></c>',
    "a value that is none": '<c r="B9"><v/></c>',
    "an empty cell of two tags": '<c r="B9" s="1"></c><c r="C9"><v>5</v></c>',
    "two values": '<c r="B9"><v>5</v><v>6</v></c>',
    "a comment in a number": '<c r="B9"><v>5<!-- 6 --></v></c>',
    "a comment between cells": '<c r="B9"><v>5</v></c><!-- <c r="C9"> --><c r="D9"><v>6</v></c>',
    "words between cells": '<c r="B9"><v>5</v></c>words<c r="C9"><v>6</v></c>',
    "line ends between cells": '\n<c r="B9">\n<v>5</v>\n</c>\n<c r="C9"><v>6</v></c>\n',
    "an entity that is cut": '<c r="B9" t="str"><v>a&am</v></c><c r="C9" t="str"><v>p;b</v></c>',
    "an entity that goes on below": '<c r="B9" t="str"><v>a&am</v></c></row><row r="10"><c r="B10" t="str"><v>p;b</v></c>',
    "an entity that is none": '<c r="B9" t="str"><v>a&bogus;b</v></c>',
    "a bare ampersand": '<c r="B9" t="str"><v>a & b</v></c>',
    "a reference to no sign": '<c r="B9" t="str"><v>&#0;</v></c>',
    "a reference to half a sign": '<c r="B9" t="inlineStr"><is><t>&#xD800;</t></is></c>',
    "a blank by reference": '<c r="B9" t="inlineStr"><is><t>&#32;a</t></is></c>',
    "a phonetic run": '<c r="B9" t="inlineStr"><is><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></is></c>',
    "another space": '<c r="B9" t="inlineStr"><is><t xml:space="default"> a </t></is></c>',
    "an empty inline text": '<c r="B9" t="inlineStr"><is><t/></is></c><c r="C9"><v>5</v></c>',
    "no inline text": '<c r="B9" t="inlineStr"><is/></c><c r="C9"><v>5</v></c>',
    "an inline text without its type": '<c r="B9"><is><t>a</t></is></c>',
    "a type without its inline text": '<c r="B9" t="inlineStr"><v>a</v></c>',
    "a result with a value of its own": '<c r="B9" t="str"><f>A1</f></c><c r="C9" t="str"><f/><v>b</v></c>',
    "a formula without a value": '<c r="B9"><f>A1+1</f></c><c r="C9"><f>A1</f><v>5</v></c>',
    "an array's formula": '<c r="B9"><f t="array" ref="B9:C9">A1:B1</f><v>4</v></c><c r="C9"><v>5</v></c>',
    "a formula that is cut": '<c r="B9"><f>A1/><v>5</v></c>',
    "small letters": '<c r="b9"><v>5</v></c>',
    "three letters": '<c r="B9"><v>5</v></c><c r="AAB9" t="str"><v>6</v></c>',
    "a text that is no UTF-8": '<c r="B9" t="str"><v>a\udcff</v></c>',
    "cells behind an empty row": '</row><row r="10"/><row r="11"><c r="B11"><v>5</v></c>',
    "a row that is called something": '</row><row r="10" name=">"><c r="B10"><v>5</v></c>',
    "no number of the row": '</row><row><c r="B10"><v>5</v></c>',
}


def _rows(draw: random.Random, kinds: list[list[str]], count: int) -> str:
    rows, number = [HEADER], 1
    for _ in range(count):
        number += draw.choice([1, 1, 1, 1, 1, 2, 4])
        cells = []
        for column, kind in zip("BCDXZ", [*kinds, ["no value"]], strict=True):
            if draw.random() < 0.85:
                attributes, value = CELLS[draw.choice(kind)](draw)
                cells.append(
                    f'<c r="{column}{number}"{attributes}>{value}</c>' if value else f'<c r="{column}{number}"{attributes}/>'
                )
        rows.append(f'<row r="{number}" spans="2:5">{"".join(cells)}</row>' if cells else f'<row r="{number}"/>')
    return "".join(rows)


def test_any_sheet_is_the_same_table(reader: ModuleType, tmp_path: Path) -> None:
    """Sheets of all sorts of cells, columns of one sort and of several, with gaps: same rows, types, notes and repairs."""
    sys.modules["sheet_package"].PIECE_BYTES = 5_000  # type: ignore[attr-defined]
    draw, sorts, refusals = random.Random(20), sorted(CELLS), 0
    for case in range(30):
        chosen = (
            [[kind] for kind in draw.choices(sorts, k=4)] if draw.random() < 0.7 else [sorts, sorts, ["whole", "inline"], sorts]
        )
        path = package(tmp_path / f"case{case}.xlsx", _rows(draw, chosen, draw.choice([3, 40, 600])))
        quick, general, given_up = both(reader, path, tmp_path)
        assert quick == general, chosen
        refusals += given_up
    assert refusals <= 4


@pytest.mark.parametrize("name", sorted(ODD))
def test_what_is_unusual_is_read_by_the_general_reader(reader: ModuleType, tmp_path: Path, name: str) -> None:
    """A cell that could be misread in bulk, far down the sheet, ends in the same table (or refusal) all the same."""
    plain = "".join(f'<row r="{n}"><c r="B{n}"><v>{n}</v></c><c r="C{n}" t="s"><v>0</v></c></row>' for n in range(2, 9))
    quick, general, _ = both(reader, package(tmp_path / "odd.xlsx", f'{HEADER}{plain}<row r="9">{ODD[name]}</row>'), tmp_path)
    assert quick == general


def test_a_usual_workbook_is_read_at_once(reader: ModuleType, tmp_path: Path) -> None:
    """The quick reader does not give up on what openpyxl writes: numbers, texts, dates, truth values, blank rows, a title."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    sheet.append(["A list"])
    sheet.append(["n", "when", "day", "word", "ok", "mixed"])
    start = datetime(2024, 1, 5, 6, 7, 8)
    for n in range(700):
        mixed: Any = n if n % 2 else f"code {n}"
        sheet.append([n / 4, start + timedelta(minutes=n), date(2024, 1, 1) + timedelta(days=n), f" w & {n} ", n % 3 == 0, mixed])
        if n % 100 == 50:
            sheet.append([])
    path = tmp_path / "usual.xlsx"
    book.save(path)
    quick, general, given_up = both(reader, path, tmp_path)
    assert quick == general
    assert not given_up
    assert [column.type for column in quick[0][0][2]] == ["float", "timestamp", "date", "text", "boolean", "text"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"skip_rows": 3},
        {"header": False},
        {"types": {"*": "text"}},
        {"types": {"one": "float"}},
        {"max_rows": 20},
        {"max_columns": 1},
    ],
    ids=str,
)
def test_settings_mean_the_same(reader: ModuleType, tmp_path: Path, chosen: dict[str, Any]) -> None:
    """Rows left out, headers, types and limits that are asked for."""
    rows = _rows(random.Random(5), [["whole"], ["shared"], ["day"], ["number"]], 600)
    quick, general, _ = both(reader, package(tmp_path / "set.xlsx", rows), tmp_path, **chosen)
    assert quick == general


@pytest.mark.parametrize("shared", ["abc", "ab_x000D_c"])
def test_a_header_above_styled_cells_only_is_an_empty_table(reader: ModuleType, tmp_path: Path, shared: str) -> None:
    """Cells that have a look and no value are no rows, however many there are."""
    cells = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(2, 900))
    path = package(tmp_path / "styled.xlsx", f'<row r="1"><c r="A1" t="s"><v>0</v></c></row>{cells}', (shared,))
    quick, general, _ = both(reader, path, tmp_path)
    assert quick == general
    assert quick[0][0][4] == 0


ENDS: dict[str, tuple[str | None, tuple[float, float], tuple[int, ...]]] = {
    "a total": ("Total", (1, 1), ()),
    "a total with a mean": ("Grand total:", (1, 0.25), ()),
    "no total": ("Total", (3, 7), ()),
    "a sum without a word": (None, (1, 1), ()),
    "remarks behind a blank row": ("Total", (1, 1), (2, 3)),
    "a remark": ("north", (1, 0.25), (1,)),
    "many remarks": ("north", (1, 0.25), tuple(range(2, 30))),
}


@pytest.mark.parametrize("count", [2, 40, 900])
@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_end_of_a_table_is_the_same(reader: ModuleType, tmp_path: Path, name: str, count: int) -> None:
    """Totals and remarks are told alike by both readers, wherever the pieces of the sheet begin, and only where they are."""
    sys.modules["sheet_package"].PIECE_BYTES = 5_000  # type: ignore[attr-defined]
    word, factors, remarks = ENDS[name]
    draw, rows = random.Random(count), [HEADER.replace("</row>", '<c r="D1" t="str"><v>three</v></c></row>')]
    amounts = [[draw.randrange(1, 10**5) / 100, draw.randrange(1, 90)] for _ in range(count)]
    totals = [factor * sum(values) for factor, values in zip(factors, zip(*amounts, strict=True), strict=True)]
    labels = [*(f"item {place % 7}" for place in range(count)), word]
    for place, (label, values) in enumerate(zip(labels, [*amounts, totals], strict=True)):
        texts = f'<c r="B{place + 2}" t="str"><v>{label}</v></c>' if label else ""
        cells = "".join(f'<c r="{column}{place + 2}"><v>{value}</v></c>' for column, value in zip("CD", values, strict=True))
        rows.append(f'<row r="{place + 2}">{texts}{cells}</row>')
    rows += [f'<row r="{count + 2 + n}"><c r="B{count + 2 + n}" t="str"><v>Source: {n}</v></c></row>' for n in remarks]
    quick, general, given_up = both(reader, package(tmp_path / "end.xlsx", "".join(rows)), tmp_path)
    assert quick == general
    assert not given_up
    repairs = {repair["code"]: repair for repair in quick[0][0][3]}
    is_total = count > 2 and name not in ("no total", "a remark", "many remarks")
    assert ("total_row" in repairs) == is_total
    assert repairs.get("trailer_lines", {"count": 0})["count"] == (0 if count == 2 or len(remarks) > 11 else len(remarks))


SHARED_ITEMS = {
    "plain": "<si><t>a &amp; b</t></si>",
    "rich": '<si><r><t>a</t></r><r><rPr><b/></rPr><t xml:space="preserve"> b</t></r></si>',
    "phonetic": '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>',
    "empty": "<si><t/></si>",
    "no text": "<si/>",
    "blanks": "<si><t> a </t></si>",
    "an escaped sign": "<si><t>a_x000D_b</t></si>",
    "an entity": "<si><t>a&#10;b</t></si>",
    "a larger sign": "<si><t>a > b</t></si>",
    "spread out": "<si>\n  <t>a</t>\n</si>",
    "another attribute": '<si><t xml:space="default">a</t></si>',
    "many": "".join(f"<si><t>text {n}</t></si>" for n in range(5000)),
}


@pytest.mark.parametrize("name", sorted(SHARED_ITEMS))
def test_shared_texts_are_the_same(reader: ModuleType, tmp_path: Path, name: str) -> None:
    """However a shared text is written, both readers show the same one, and the quick one does not give up for it."""
    sys.modules["sheet_package"].PIECE_BYTES = 5_000  # type: ignore[attr-defined]
    items = f'<si><t>x</t></si>{SHARED_ITEMS[name]}<si><t xml:space="preserve"> y</t></si>'
    count = items.count("<si")
    rows = "".join(
        f'<row r="{n + 2}"><c r="B{n + 2}"><v>{n}</v></c><c r="C{n + 2}" t="s"><v>{n}</v></c></row>' for n in range(count)
    )
    path = package(tmp_path / "shared.xlsx", HEADER + rows)
    with zipfile.ZipFile(path) as whole:
        parts = {part: whole.read(part) for part in whole.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for part, data in parts.items():
            out.writestr(part, f'<sst xmlns="{MAIN}">{items}</sst>'.encode() if "sharedStrings" in part else data)
    quick, general, given_up = both(reader, path, tmp_path)
    assert quick == general
    assert quick[0][0][0]["two"][-1] == " y"
    assert not given_up


@pytest.mark.parametrize("merged", ["B1:C1", "B1:B2", "B5:C5", "B5:B9"])
def test_merged_cells_are_the_same(reader: ModuleType, tmp_path: Path, merged: str) -> None:
    """Only cells that are merged downwards within the table ask for the general reader, which repeats their labels."""
    rows = HEADER + "".join(
        f'<row r="{n}"><c r="B{n}" t="str"><v>b</v></c><c r="C{n}"><v>{n}</v></c></row>'
        if n not in (2, 6, 7, 8)
        else f'<row r="{n}"><c r="C{n}"><v>{n}</v></c></row>'
        for n in range(2, 40)
    )
    path = package(tmp_path / "merged.xlsx", rows)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            ends = f'</sheetData><mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>'.encode()
            out.writestr(name, data.replace(b"</sheetData>", ends) if "sheet1" in name else data)
    quick, general, given_up = both(reader, path, tmp_path)
    assert quick == general
    assert given_up == (merged == "B5:B9")
    assert ("merged_cells" in {repair["code"] for repair in quick[0][0][3]}) == (merged == "B5:B9")


def test_a_sheet_that_is_cut_off_is_refused(reader: ModuleType, tmp_path: Path) -> None:
    """The quick reader takes no half sheet for a whole one."""
    path = package(tmp_path / "cut.xlsx", _rows(random.Random(5), [["whole"], ["shared"], ["day"], ["number"]], 300))
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    quick, general, given_up = both(reader, path, tmp_path)
    assert quick == general
    assert given_up
