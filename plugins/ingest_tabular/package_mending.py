"""Copies of workbook packages that the general reader can read, and whose errors it shows: nothing else about them changes.

It reads no UTF-16, gives up at macro sheets, and shows a cell with an error as an empty one.
"""

import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LINKS, CONTENT = "xl/_rels/workbook.xml.rels", "content.xml"
MACRO_SHEETS = re.compile(r'(\sType=")[^"]*/xl\w*Macrosheet"')
CHART_SHEET = r'\1http://schemas.openxmlformats.org/officeDocument/2006/relationships/chartsheet"'
PIECE_BYTES = 1 << 20
MAX_XML_BYTES = 64 << 20
MAX_TAG_BYTES = 1 << 16
UTF16 = (b"\xff\xfe", b"\xfe\xff")
LEFT_OUT = ("xl/media/", "xl/embeddings/", "Pictures/", "Thumbnails/", "docProps/")
DECLARED = re.compile(r'(<\?xml[^>]*?encoding=)(["\'])[^"\']*\2', re.IGNORECASE)
ERROR_CELL = re.compile(rb'(<(?:\w+:)?c\s[^<>]*?(?<=\s)t=)(["\'])e\2')
ERROR_MARKS = (b't="e"', b"t='e'")
ODS_ERROR_CELL = re.compile(rb'<table:table-cell\s[^<>]*calcext:value-type="error"[^<>]*>')
ODS_EMPTY_TEXT = re.compile(rb'\soffice:string-value=""')
ODS_MARKS = (b'calcext:value-type="error"',)
CELL_ERROR, CELL_TEXT, FORMULA_ERROR = 3, 6, 11
MAYBE_ERROR = re.compile(rb"\x03\x09..\x00\x00....[\x00\x07\x0f\x17\x1d\x24\x2a\x2b]|\x0b[\x0f-\xff]..\x00\x00", re.DOTALL)
ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
UNKNOWN_ERROR = "#N/A"
Pieces = Iterator[bytes]
Change = Callable[[IO[bytes]], Pieces]


def mended(path: Path, target: Path) -> bool:
    """Write an XLSX package in UTF-8, with its macro sheets as if they were charts; False where neither is amiss."""
    with zipfile.ZipFile(path) as package:
        parts = {part.filename: part.file_size for part in package.infolist()}
        wide = [name for name in parts if name.endswith((".xml", ".rels")) and _starts(package, name, UTF16)]
        changes: dict[str, Change] = dict.fromkeys(wide, _as_utf8)
        if parts.get(LINKS, MAX_XML_BYTES) < MAX_XML_BYTES:
            links = package.read(LINKS)
            text = _utf8(links)
            known = MACRO_SHEETS.sub(CHART_SHEET, text)
            if known != text:
                changes[LINKS] = lambda _: iter((known.encode(),))
        if changes:
            _copy(package, target, changes)
    return bool(changes)


def with_errors_shown(path: Path, target: Path) -> bool:
    """Write the package with the errors of cells as texts (``#DIV/0!``); False, and nothing written, where it has none."""
    with zipfile.ZipFile(path) as package:
        changes: dict[str, Change] = {}
        for name in package.namelist():
            is_sheet = name.startswith("xl/worksheets/")
            if is_sheet and name.endswith(".xml") and _holds(package, name, ERROR_MARKS):
                changes[name] = _errors_of_xml
            elif is_sheet and name.endswith(".bin") and _holds_error_record(package, name):
                changes[name] = _errors_of_records
            elif name == CONTENT and _holds(package, name, ODS_MARKS):
                changes[name] = _errors_of_open_document
        if changes:
            _copy(package, target, changes)
    return bool(changes)


def _copy(package: zipfile.ZipFile, target: Path, changes: dict[str, Change]) -> None:
    """The package with some parts changed; pictures and the like are left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name in dict.fromkeys(package.namelist()):
            if not name.startswith(LEFT_OUT):
                with package.open(name) as part, copy.open(name, "w", force_zip64=True) as out:
                    for piece in changes.get(name, _pieces)(part):
                        out.write(piece)


def _pieces(part: IO[bytes]) -> Pieces:
    while piece := part.read(PIECE_BYTES):
        yield piece


def _tags(part: IO[bytes]) -> Pieces:
    """The part in pieces that end with a tag."""
    held = b""
    for piece in _pieces(part):
        held += piece
        cut = held.rfind(b">") + 1
        if not cut and len(held) > MAX_TAG_BYTES:
            cut = len(held)
        yield held[:cut]
        held = held[cut:]
    yield held


def _starts(package: zipfile.ZipFile, name: str, marks: tuple[bytes, ...]) -> bool:
    with package.open(name) as part:
        return part.read(4).startswith(marks)


def _holds(package: zipfile.ZipFile, name: str, marks: tuple[bytes, ...]) -> bool:
    before = b""
    with package.open(name) as part:
        for piece in _pieces(part):
            if any(mark in before + piece[:64] or mark in piece for mark in marks):
                return True
            before = piece[-64:]
    return False


def _as_utf8(part: IO[bytes]) -> Pieces:
    data = part.read(MAX_XML_BYTES + 1)
    if len(data) > MAX_XML_BYTES:
        raise ValueError("a part in UTF-16 that is larger than any that telephones write")
    yield _utf8(data).encode()


def _utf8(data: bytes) -> str:
    """A part of XML as text that says it is UTF-8."""
    text = data.decode("utf-16") if data.startswith(UTF16) else data.decode("utf-8-sig", "replace")
    return DECLARED.sub(r"\1\2UTF-8\2", text[:200]) + text[200:]


def _errors_of_xml(part: IO[bytes]) -> Pieces:
    for piece in _tags(part):
        yield ERROR_CELL.sub(rb"\1\2str\2", piece)


def _errors_of_open_document(part: IO[bytes]) -> Pieces:
    for piece in _tags(part):
        yield ODS_ERROR_CELL.sub(lambda cell: ODS_EMPTY_TEXT.sub(b"", cell[0]), piece)


def _holds_error_record(package: zipfile.ZipFile, name: str) -> bool:
    """Whether there may be one: some bytes are like such a record."""
    with package.open(name) as part:
        before = b""
        for piece in _pieces(part):
            if MAYBE_ERROR.search(before + piece):
                return True
            before = piece[-16:]
    return False


def _errors_of_records(part: IO[bytes]) -> Pieces:
    """The records of a sheet of an XLSB package, those with errors turned into texts; a broken rest stays as it is."""
    out = bytearray()
    while head := part.read(1):
        kind = head[0]
        if kind & 0x80:
            head += part.read(1)
            kind = kind & 0x7F | head[-1] << 7
        size = shift = 0
        while shift < 28 and (byte := part.read(1)):
            head += byte
            size |= (byte[0] & 0x7F) << shift
            shift += 7
            if not byte[0] & 0x80:
                break
        body = part.read(size)
        if kind in (CELL_ERROR, FORMULA_ERROR) and len(body) >= 9 and body[8] in ERRORS:
            text = ERRORS[body[8]]
            body = body[:8] + struct.pack("<I", len(text)) + text.encode("utf-16-le")
            head = bytes((CELL_TEXT, len(body)))
        out += head + body
        if len(out) > PIECE_BYTES:
            yield bytes(out)
            out.clear()
    yield bytes(out)
