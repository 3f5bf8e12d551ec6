"""Reading a workbook of 12 columns into Parquet: the plugin behind its wall, beside the bare reader of its cells.

python benchmarks/ingest_xlsx.py [rows] [rounds] [shared | inline | unique] [interpreter with fastexcel]

The texts are shared by the cells (42,023 different ones), or stand in the cells themselves, or are shared though no two are alike.
Where an interpreter with fastexcel and pyarrow is named, the first case is fastexcel to Parquet; else python-calamine's rows alone,
which give no columns. The runs alternate. Prints medians with the smallest and largest value, the ratios and the peak memory.
"""

import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow
from ingest_csv import Cost, bare, compare, guest

BATCH_ROWS = 50_000
CALAMINE = (
    "import python_calamine, sys\n"
    "sheet = python_calamine.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0)\n"
    "for row in sheet.iter_rows(): pass"
)
FASTEXCEL = (
    "import fastexcel, pyarrow.parquet, sys\n"
    "table = fastexcel.read_excel(sys.argv[1]).load_sheet(0, eager=True)\n"
    "pyarrow.parquet.write_table(pyarrow.Table.from_batches([table]), sys.argv[2])"
)
NAMES = (
    "line_id", "posting_date", "entered_at", "customer", "region", "account", "quantity", "amount", "weight_kg", "is_open",
    "description", "status",
)  # fmt: skip
REGIONS, STATES, ITEMS, CUSTOMERS = ("North", "South", "East", "West", "Overseas"), ("open", "paid", "late", "void"), 2000, 40_000
SHARED = [
    *NAMES, *REGIONS, *STATES, "Müller, Söhne &amp; &quot;Co&quot;", "two\nlines", *(f"Item {number}" for number in range(ITEMS)),
    *(f"C{number:06}" for number in range(CUSTOMERS)),
]  # fmt: skip
CELLS = (
    "'<c r=\"A' || r || '\"><v>' || i || '</v></c>'",
    "'<c r=\"B' || r || '\" s=\"1\"><v>' || (43466 + i // 5000) || '</v></c>'",
    "'<c r=\"C' || r || '\" s=\"2\"><v>' || (43466.25 + i * 17 / 86400.0) || '</v></c>'",
    "{D}",
    "{E}",
    "'<c r=\"F' || r || '\"><v>' || (1000 + hash(i + 2) % 300 * 10) || '</v></c>'",
    "CASE WHEN hash(i + 3) % 20 > 0 THEN '<c r=\"G' || r || '\"><v>' || (hash(i + 3) % 500) || '</v></c>' ELSE '' END",
    "'<c r=\"H' || r || '\"><v>' || (hash(i + 4) % 10000000 / 100.0) || '</v></c>'",
    "'<c r=\"I' || r || '\"><v>' || round(hash(i + 5) % 1000000 / 1000.0, 3) || '</v></c>'",
    "'<c r=\"J' || r || '\" t=\"b\"><v>' || (hash(i + 6) % 10 < 3)::INTEGER || '</v></c>'",
    "{K}",
    "CASE WHEN hash(i + 9) % 3 > 0 THEN {L} ELSE '' END",
)  # fmt: skip
PLACES = {
    "D": "2023 + hash(i) % 40000", "E": "12 + hash(i + 1) % 5",
    "K": "CASE WHEN hash(i + 7) % 50 < 2 THEN 21 + hash(i + 7) % 50 ELSE 23 + hash(i + 8) % 2000 END", "L": "17 + hash(i + 10) % 4",
}  # fmt: skip
TEXT_CELLS = {
    "shared": "'<c r=\"{column}' || r || '\" t=\"s\"><v>' || ({place}) || '</v></c>'",
    "inline": "'<c r=\"{column}' || r || '\" t=\"inlineStr\"><is><t>' || (SELECT word FROM words WHERE place = {place})::VARCHAR "
    "|| '</t></is></c>'",
    "unique": "'<c r=\"{column}' || r || '\" t=\"s\"><v>' || ({own}) || '</v></c>'",
}
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SMALL_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Ledger" sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/>'
    "</cellXfs></styleSheet>",
}


def main(rows: int, rounds: int, texts: str, interpreter: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        book = write_workbook(rows, root / "ledger.xlsx", texts)
        source = {"path": str(book), "filename": book.name, "sha256": "0" * 64, "size_bytes": book.stat().st_size}
        print(f"{rows:,} rows, {book.stat().st_size >> 20:,} MB of workbook, {texts} texts")
        first = (
            {"fastexcel to Parquet": lambda: _foreign(interpreter, book, root / "anchor.parquet")}
            if interpreter
            else {"calamine, rows only": lambda: bare(CALAMINE, book)}
        )
        compare({**first, "ingest_tabular": lambda: guest("ingest_tabular", root / "ingest", inputs=[source])}, rounds)


def _foreign(interpreter: str, book: Path, target: Path) -> Cost:
    own, sys.executable = sys.executable, interpreter
    try:
        return bare(FASTEXCEL, book, target)
    finally:
        sys.executable = own


def write_workbook(rows: int, path: Path, texts: str = "shared") -> Path:
    """The ledger as a workbook of one sheet, written as a stream: the same for the same number of rows and sort of texts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, text in SMALL_PARTS.items():
            package.writestr(name, text)
        with package.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            part.write(f'<sst xmlns="{MAIN}">'.encode())
            for text in [*NAMES, *_own_texts(rows)] if texts == "unique" else SHARED:
                part.write(f"<si><t>{text}</t></si>".encode())
            part.write(b"</sst>")
        with package.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet, duckdb.connect() as connection:
            words = pyarrow.table({"place": range(len(SHARED)), "word": SHARED})
            connection.register("words", words)
            header = "".join(f'<c r="{chr(65 + place)}1" t="s"><v>{place}</v></c>' for place in range(len(NAMES)))
            sheet.write(f'<worksheet xmlns="{MAIN}"><dimension ref="A1:L{rows + 1}"/><sheetData><row r="1">{header}</row>'.encode())
            for low in range(0, rows, BATCH_ROWS):
                sheet.write(_rows_xml(connection, low, min(rows, low + BATCH_ROWS), texts))
            sheet.write(b"</sheetData></worksheet>")
    return path


def _own_texts(rows: int) -> Iterator[str]:
    """Four for each row."""
    for number in range(rows):
        yield from (f"C{number:07}", f"Region {number}", f"Item {number} &amp; Co", f"open {number}")


def _rows_xml(connection: "duckdb.DuckDBPyConnection", low: int, high: int, texts: str) -> bytes:
    text_cells = {
        column: TEXT_CELLS[texts].format(column=column, place=place, own=f"{len(NAMES) + index} + {len(PLACES)} * i")
        for index, (column, place) in enumerate(PLACES.items())
    }
    cells = " || ".join(f"({cell.format(**text_cells)})" for cell in CELLS)
    numbered = f"SELECT i, i + 2 AS r FROM range({low}, {high}) t(i)"
    query = f"SELECT '<row r=\"' || r || '\">' || {cells} || '</row>' FROM ({numbered}) ORDER BY i"
    return "".join(text for (text,) in connection.sql(query).fetchall()).encode()


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3,
        sys.argv[3] if len(sys.argv) > 3 else "shared", sys.argv[4] if len(sys.argv) > 4 else None,
    )  # fmt: skip
