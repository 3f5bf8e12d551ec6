"""The two readers of XLSX sheets side by side: the quick one for large sheets, and the general one, whose tables it must give."""

import importlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape

import pyarrow.parquet
import pytest

from harness_core.sdk.validation import with_defaults

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (0, 14, 22, 45, 46, 164)
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets>'
    "</workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="0.00 &quot;kg&quot;"/></numFmts><cellXfs>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in STYLES)
    + "</cellXfs></styleSheet>",
}
SHARED = ("north", "", "NA", " padded ", "Müller & Söhne", "two\nlines", "2024-01-05", "12", "n/a")
HEADER = '<row r="1"><c r="B1" t="inlineStr"><is><t>one</t></is></c><c r="C1" t="str"><v>two</v></c></row>'


def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The plugin's module of workbooks, and those that it imports; gone afterwards."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    before = set(sys.modules)
    yield importlib.import_module("workbook")
    for name in set(sys.modules) - before:
        if str(PLUGIN) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def package(path: Path, rows: str, shared: tuple[str, ...] = SHARED) -> Path:
    """A workbook of one sheet with these rows of XML."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in PARTS.items():
            out.writestr(name, text)
        items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
        out.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}" uniqueCount="{len(shared)}">{items}</sst>')
        sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        out.writestr("xl/worksheets/sheet1.xml", sheet.encode(errors="surrogateescape"))
    return path


def both(reader: ModuleType, path: Path, work: Path, **chosen: Any) -> tuple[Any, Any, bool]:
    """What the quick reader and the general one make of a workbook, and whether the quick one gave no answer of its own."""
    schema = json.loads((PLUGIN / "config.schema.json").read_text(encoding="utf-8"))
    settings = reader.Settings.from_mapping(with_defaults(schema, chosen))
    answers, given_up, quick_reader = [], [], reader._read_large
    for index, smallest in enumerate((0, 1 << 60)):

        def noted(*arguments: Any, smallest: int = smallest) -> Any:
            sys.modules["sheet_table"].SMALLEST_BYTES = smallest  # type: ignore[attr-defined]
            table = quick_reader(*arguments)
            given_up.append(table is None and not smallest)
            return table

        folder = work / f"{path.stem}-{index}"
        folder.mkdir()
        reader._read_large = noted  # type: ignore[attr-defined]
        answers.append(_answer(reader, path, settings, folder))
    reader._read_large = quick_reader  # type: ignore[attr-defined]
    return answers[0], answers[1], any(given_up)


def _answer(reader: ModuleType, path: Path, settings: Any, folder: Path) -> Any:
    try:
        tables, notes = reader.read_workbook(path, settings, folder, 256, lambda share, what, rows=0: None)
    except reader.InputRejected as reason:
        return reason.code, str(reason)
    found = [
        (pyarrow.parquet.read_table(table.path).to_pydict(), table.reading, table.columns, table.repairs.as_list(), table.row_count)
        for table in tables
    ]
    return found, notes.as_list()


def changed(path: Path, changes: dict[str, bytes]) -> Path:
    """The package with some parts replaced."""
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()} | changes
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path
