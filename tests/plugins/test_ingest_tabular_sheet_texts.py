"""Texts and cells of large sheets, read in bulk: each means what the general reader says, and nothing is taken on trust."""

import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape

import numpy
import pytest

from tests.plugins.sheet_readers import HEADER, MAIN, OFFICE, PARTS, PLUGIN, both, changed, loaded, package

MARKS = (
    "a", "x", "ä", "東", " ", "\n", "\r", "\t", "_", "_x", ";", "#", "amp;", ">", "]]>", "x0041_", "&#10;", "&#13;", "&#x41;",
    "&#95;", "&#128512;", "&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "_x0041_", "_x000D_", "_x000a_", "_x005F_", "_x0026_",
    "_xD83D_", "_x00ZZ_",
)  # fmt: skip
LONG, SMALL = 1 << 20, 9_000


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from loaded(monkeypatch)


def _written(draw: random.Random) -> str:
    """A text as XML, without blanks around it."""
    return "a" + "".join(draw.choices(MARKS, k=draw.randrange(6))) + "z"


@pytest.mark.parametrize("piece_bytes", [SMALL, LONG])
def test_texts_mean_the_same_wherever_they_stand(reader: ModuleType, tmp_path: Path, piece_bytes: int) -> None:
    """Entities, references, escapes and line ends in shared, inline and computed texts that are mixed in one column, at once."""
    sys.modules["sheet_package"].PIECE_BYTES = piece_bytes  # type: ignore[attr-defined]
    draw, rows, shared = random.Random(3), [HEADER], []
    for n in range(2, 900):
        text, spaced = _written(draw), f" {_written(draw)}\n"
        holder = draw.choice(["shared", "inline", "spaced", "str"])
        if holder == "shared":
            shared.append(f"<t>{text}</t>" if n % 2 else f'<t xml:space="preserve">{spaced}</t>')
        cell = {
            "shared": f' t="s"><v>{len(shared) - 1}</v>',
            "inline": f' t="inlineStr"><is><t>{text}</t></is>',
            "spaced": f' t="inlineStr"><is><t xml:space="preserve">{spaced}</t></is>',
            "str": f' t="str"><v>{spaced}</v>',
        }[holder]
        rows.append(f'<row r="{n}"><c r="B{n}"{cell}</c><c r="C{n}"><v>{n}</v></c></row>')
    items = "".join(f"<si>{text}</si>" for text in shared)
    path = package(tmp_path / "texts.xlsx", "".join(rows))
    path = changed(path, {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{items}</sst>'.encode()})
    quick, general, given_up = both(reader, path, tmp_path)
    assert quick == general
    assert not given_up
    assert {"aAz", "a\rz", "a\nz", "a😀z", "a_xD83D_z"} & set(quick[0][0][0]["one"])


def test_tokens_are_told_from_texts(reader: ModuleType) -> None:
    """Whatever case they are in and whatever blanks stand around them: as Python would tell them, one by one."""
    texts, draw = sys.modules["sheet_texts"], random.Random(4)
    tokens = frozenset({"na", "n/a", "-", "#div/0!", "kein wert", "k.a.", "не указано", "–"})
    words = [*tokens, "north", "n", "nab", "", "\u212a.a.", "İ", "k.a", "#", "#DIV/0", "nä"]
    for blanks in ((), (" ", "\t", "\n"), ("\u00a0", "\u3000", "\u2003")):
        cases = [
            "".join(draw.choices(blanks or ("",), k=draw.randrange(3))) + change(draw.choice(words)) + draw.choice(blanks or ("",))
            for change in (str, str.upper, str.title, str.lower)
            for _ in range(200)
        ]
        data = [case.encode() for case in cases]
        found = texts.token_flags(texts.Texts(numpy.array(list(map(len, data))), b"".join(data)), tokens)
        assert found.tolist() == [case.strip().lower() in tokens for case in cases]


def _plain_rows(draw: random.Random, first: int, count: int) -> str:
    """Rows of usual cells, far to the right and far down too."""
    rows = []
    for n in range(first, first + 2 * count, draw.choice([1, 2])):
        cells = [
            draw.choice(
                [
                    f'<c r="{column}{n}"><v>{draw.random()}</v></c>',
                    f'<c r="{column}{n}" s="{draw.randrange(30)}"><v>{draw.randrange(10**6)}</v></c>',
                    f'<c r="{column}{n}" s="4" t="s"><v>1</v></c>',
                    f'<c r="{column}{n}" t="str" s="11"><v>a &gt; {draw.randrange(99)}</v></c>',
                    f'<c r="{column}{n}" t="inlineStr"><is><t>word</t></is></c>',
                    f'<c r="{column}{n}" t="inlineStr"><is><t xml:space="preserve"> </t></is></c>',
                    f'<c r="{column}{n}"><f>A{n}&amp;{n}/2</f><v>{n}</v></c>',
                    f'<c r="{column}{n}" t="str"><f t="shared" ref="A1:B9" si="0">A{n} &gt; B{n}</f><v>a</v></c>',
                    f'<c r="{column}{n}" t="b"><f t="shared" si="0"/><v>1</v></c>',
                    f'<c r="{column}{n}" s="7"/>',
                    f'<c r="{column}{n}" s="7"></c>',
                    f'<c r="{column}{n}"><v></v></c>',
                ]
            )
            for column in ("A", "B", "Z", "AA", "BC", "ZZ", "AAA", "XFD")
            if draw.random() < 0.8
        ]
        rows.append(f'<row r="{n}" spans="1:9">{"".join(cells) or "<c/>".replace("c", f"c r={chr(34)}A{n}{chr(34)}")}</row>')
    return "".join(rows)


@pytest.mark.parametrize("first", [1, 95, 9_990, 999_990])
def test_cells_are_found_without_looking_at_every_tag(reader: ModuleType, first: int) -> None:
    """The usual stretch is not given up, and gives the cells that are found by the places of all tags."""
    compact, careful = sys.modules["compact_cells"], sys.modules["sheet_cells"]
    stretch = _plain_rows(random.Random(first), first, 60).encode() + careful.PAD
    found, told = compact.compact_cells(stretch), careful.find_cells(stretch)
    for name in ("row_numbers", "row", "column", "start", "stop"):
        assert getattr(found, name).tolist() == getattr(told, name).tolist()
    assert [found.forms[form] for form in found.form] == [told.forms[form] for form in told.form]


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ("<v>5</v>", "<v>5</v><v>6</v>"),
        ("<v>5</v>", "<v>5<!-- --></v>"),
        ("<v>5</v>", "<f>A1</f>"),
        ("<v>5</v>", "<f>A1</f><v/>"),
        ("<v>5</v>", "<f>A1<b/></f><v>5</v>"),
        ("<v>5</v>", "<f>A1</f> <v>5</v>"),
        ("<v>5</v>", "<f</f><v>5</v>"),
        ("<v>5</v>", "<f x</f><v>5</v>"),
        ("<v>5</v>", "<f>A1/><v>5</v>"),
        ("<v>5</v>", "<v>5</v><f>A1</f>"),
        ("</c><c", "</c><!-- --><c"),
        ("</c><c", "</c>\n<c"),
        ("</c></row>", "</c><extLst/></row>"),
        ('<row r="4">', '<row r="4"/>'),
        ('<row r="4">', '<row r="4"><!-- -->'),
        ('r="C4"', 'r="C5"'),
        ('r="C4"', 'r="B4"'),
        ('r="C4"', 'r="c4"'),
        ('<c r="C4">', '<c r="C4" s="x">'),
        ('<c r="C4">', "<c>"),
        ('<c r="C4">', '<c r="C4" cm="1">'),
    ],
)
def test_no_byte_between_values_is_taken_on_trust(reader: ModuleType, usual: str, odd: str) -> None:
    """One tag, sign or reference out of place, and every tag of the stretch is looked at."""
    compact, pad = sys.modules["compact_cells"], sys.modules["sheet_cells"].PAD
    rows = "".join(f'<row r="{n}"><c r="B{n}"><v>{n}</v></c><c r="C{n}"><v>5</v></c></row>' for n in range(2, 9))
    assert len(compact.compact_cells(rows.encode() + pad).row) == 14
    assert usual in rows
    with pytest.raises(sys.modules["sheet_cells"].UnusualSheet):
        compact.compact_cells(rows.replace(usual, odd, 1).encode() + pad)


SHEETS = {"Chart": "", "Data": "", "More": "", "Hidden": ' state="hidden"'}


def _many_texts(path: Path) -> Path:
    """Three sheets of cells, one of them hidden, behind a chart; they read the same shared texts."""
    shared = tuple(f"w{n} & <b>" for n in range(100))
    rows = [
        "".join(
            f'<row r="{n + 1}"><c r="A{n + 1}" t="s"><v>{(n + place) % 100}</v></c><c r="B{n + 1}"><v>{n * place}</v></c></row>'
            for n in range(50 * place + 30)
        )
        for place in range(len(SHEETS))
    ]
    package(path, "", shared)
    tabs = "".join(
        f'<sheet name="{name}" sheetId="{place + 1}"{state} r:id="rId{place + 10}"/>'
        for place, (name, state) in enumerate(SHEETS.items())
    )
    links = f'<Relationship Id="rId10" Type="{OFFICE}/chartsheet" Target="chartsheets/sheet1.xml"/>' + "".join(
        f'<Relationship Id="rId{place + 10}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{place}.xml"/>'
        for place in (1, 2, 3)
    )
    book, linked = PARTS["xl/workbook.xml"], PARTS["xl/_rels/workbook.xml.rels"]
    return changed(
        path,
        {
            "xl/workbook.xml": re.sub("<sheet .*?/>", tabs, book).encode(),
            "xl/_rels/workbook.xml.rels": linked.replace("</Relationships>", links + "</Relationships>").encode(),
            **{
                f"xl/worksheets/sheet{place}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows[place]}</sheetData></worksheet>'.encode()
                for place in (1, 2, 3)
            },
        },
    )


BROKEN: dict[str, Any] = {
    "whole": lambda data: data,
    "cut off": lambda data: data[: len(data) // 2],
    "no XML": lambda data: b"words",
    "an entity that is none": lambda data: data.replace(b"&amp;", b"&bogus;", 1),
    "no UTF-8": lambda data: data.replace(b"w7", b"\xff", 1),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "attributes without quotes": lambda data: data.replace(b"<sst ", b"<sst count=5 ", 1),
}


@pytest.mark.parametrize("sheet", ["all", "More", 3])
@pytest.mark.parametrize("name", sorted(BROKEN))
def test_sheets_are_told_without_reading_all_shared_texts(reader: ModuleType, tmp_path: Path, name: str, sheet: str | int) -> None:
    """Of a workbook with many the same tables, in the same order; and the same refusal where its texts are damaged."""
    path = _many_texts(tmp_path / "many.xlsx")
    with zipfile.ZipFile(path) as whole:
        texts = whole.read("xl/sharedStrings.xml")
    path = changed(path, {"xl/sharedStrings.xml": BROKEN[name](texts)})
    usual = both(reader, path, tmp_path, sheet=sheet)[1]
    sys.modules["sheet_package"].MANY_TEXTS_BYTES = 0  # type: ignore[attr-defined]
    (tmp_path / "again").mkdir()
    assert both(reader, path, tmp_path / "again", sheet=sheet)[:2] == (usual, usual)


def test_a_damaged_end_of_the_shared_texts_is_noticed(reader: ModuleType, tmp_path: Path) -> None:
    """The sum that the package keeps of them is checked, though the texts are complete before it."""
    sys.modules["sheet_package"].MANY_TEXTS_BYTES = 0  # type: ignore[attr-defined]
    path = _many_texts(tmp_path / "sum.xlsx")
    with zipfile.ZipFile(path) as whole:
        texts = whole.read("xl/sharedStrings.xml")
    path = changed(path, {"xl/sharedStrings.xml": texts})
    data = path.read_bytes()
    assert data.count(texts) == 1
    path.write_bytes(data.replace(texts, texts.replace(b"w7 ", b"w8 ", 1)))
    quick, general, given_up = both(reader, path, tmp_path, sheet="Data")
    assert quick == general
    assert given_up


def test_no_library_is_loaded_that_reads_nothing(tmp_path: Path) -> None:
    """Arrow looks for pandas when it is handed lists: that would take as long as a small workbook."""
    rows = "".join(
        f'<row r="{n}"><c r="B{n}" t="str"><v>{escape("<b>")}</v></c><c r="D{n}" t="s"><v>{n % 9}</v></c></row>'
        for n in range(2, 99)
    )
    path = package(tmp_path / "lean.xlsx", HEADER + rows)
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "import json, pathlib, sheet_table, workbook\n"
        "from harness_core.sdk.validation import with_defaults\n"
        "schema = json.loads(pathlib.Path(sys.argv[1], 'config.schema.json').read_text())\n"
        "sheet_table.SMALLEST_BYTES = 0\n"
        "rules = workbook.Settings.from_mapping(with_defaults(schema, {}))\n"
        "table = workbook._read_large(pathlib.Path(sys.argv[3]), 'Data', rules, pathlib.Path(sys.argv[4]), 256, lambda *heard: None)\n"
        "print(table.row_count, 'pandas' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(PLUGIN), str(PLUGIN.parents[1]), str(path), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "97 False\n"
