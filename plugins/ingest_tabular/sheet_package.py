"""The parts of an XLSX package that a sheet is made of: its XML as a stream of whole rows, and what its cells refer to.

Shared texts and styles are not read here: a small workbook with the same parts, whose only sheet names each of them once, is
given to the general reader, whose answers they are.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import numpy
import pyarrow
import python_calamine as calamine
from sheet_cells import PAD, UnusualSheet
from sheet_columns import Lookup

PIECE_BYTES = 1 << 20
MAX_HEAD_BYTES = 16 << 20
MAX_ROW_BYTES = 16 << 20
MAX_SMALL_PART_BYTES = 16 << 20
MAX_TEXT_BYTES = 64 << 20
MAX_STYLES = 16_000
BATCH = 50_000
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
BOOK, LINKS, TEXTS, STYLES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml", "xl/styles.xml"
NEEDED = ("[Content_Types].xml", "_rels/.rels", BOOK, LINKS, STYLES)
PROBE, PROBED = "45000.5", datetime(2023, 3, 15, 12)
ROW_END, SHEET_END = b"</row>", b"</sheetData>"


@dataclass(frozen=True)
class SheetPart:
    """A sheet: its name, its part of the package, how large that is unpacked, and the number of its last row, if it says so."""

    sheet: str
    name: str
    size_bytes: int
    last_row: int | None


def find_part(package: zipfile.ZipFile, sheet: str) -> SheetPart:
    """The part of the sheet of that name. Raises UnusualSheet."""
    names = set(package.namelist())
    if BOOK not in names or LINKS not in names:
        raise UnusualSheet("a package of an unusual make")
    ids = [found.get(RELATION) for found in _tree(package, BOOK).iter(f"{MAIN}sheet") if found.get("name") == sheet]
    targets = [found.get("Target", "") for found in _tree(package, LINKS) if len(ids) == 1 and found.get("Id") == ids[0]]
    if len(targets) != 1:
        raise UnusualSheet("a sheet that cannot be told by its name")
    name = targets[0].lstrip("/") if targets[0].startswith("/") else str(PurePosixPath("xl") / targets[0])
    if name not in names or not name.startswith("xl/worksheets/"):
        raise UnusualSheet("a sheet in an unusual place")
    with package.open(name) as file:
        told = re.search(rb'<dimension ref="[A-Z]+[0-9]+:[A-Z]+([0-9]{1,7})"', file.read(4096))
    return SheetPart(sheet, name, package.getinfo(name).file_size, int(told[1]) if told else None)


def _tree(package: zipfile.ZipFile, name: str) -> ElementTree.Element:
    text = _small_part(package, name)
    if b"<!" in text or b"\0" in text:
        raise UnusualSheet("a part with a declaration of its own")
    try:
        return ElementTree.fromstring(text)  # noqa: S314  what could declare entities was refused above
    except ElementTree.ParseError as reason:
        raise UnusualSheet("a part that is no XML") from reason


def _small_part(package: zipfile.ZipFile, name: str) -> bytes:
    if package.getinfo(name).file_size > MAX_SMALL_PART_BYTES:
        raise UnusualSheet("a part of an unusual size")
    return package.read(name)


def stretches(package: zipfile.ZipFile, part: SheetPart) -> Iterator[tuple[bytes, int]]:
    """The rows as XML, some whole ones at a time, each piece with ``PAD`` behind it; and how many bytes are done."""
    with package.open(part.name) as file:
        held, searched = _behind_head(file), 0
        while (end := held.find(SHEET_END, searched)) < 0:
            cut = held.rfind(ROW_END) + len(ROW_END)
            if cut >= len(ROW_END):
                yield held[:cut] + PAD, file.tell()
                held = held[cut:]
            piece = file.read(PIECE_BYTES)
            if not piece or len(held) > MAX_ROW_BYTES:
                raise UnusualSheet("a sheet that is cut off, or a row of an unusual length")
            searched = max(0, len(held) - len(SHEET_END))
            held += piece
        if held.find(b"<", 0, end) >= 0:
            yield held[:end] + PAD, file.tell()


def _behind_head(file: Any) -> bytes:
    """The bytes read so far behind the mark that begins the rows."""
    head: bytes = file.read(PIECE_BYTES)
    while b"<sheetData>" not in head:
        piece = file.read(PIECE_BYTES)
        if not piece or len(head) > MAX_HEAD_BYTES:
            raise UnusualSheet("a sheet without rows")
        head += piece
    before, _, behind = head.partition(b"<sheetData>")
    told = re.search(rb'encoding=["\']([^"\']*)', before[:200])
    if b"<!" in before or (told and told[1].lower() != b"utf-8"):
        raise UnusualSheet("a sheet with a declaration of its own")
    return behind


def look_up(package: zipfile.ZipFile, part: SheetPart, work: Path, null_tokens: frozenset[str]) -> Lookup:
    """What the cells of the sheet may refer to. Raises UnusualSheet."""
    names = set(package.namelist())
    texts, count = _texts_part(package) if TEXTS in names else (b"", 0)
    styles = _style_count(_small_part(package, STYLES)) if STYLES in names else 0
    path = work / "referred.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as small:
        for name in NEEDED:
            if name in names:
                small.writestr(name, _small_part(package, name))
        if texts:
            small.writestr(TEXTS, texts)
        small.writestr(part.name, _probe_sheet(styles, count))
    del texts
    try:
        rows = iter(calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(part.sheet).iter_rows())
        shown = next(rows)
        sorts = dict(zip([None, *range(styles)], map(_sort, shown), strict=False))
        return _lookup(rows, count, sorts, null_tokens)
    except UnusualSheet:
        raise
    except Exception as reason:  # whatever the general reader finds amiss, it shall say itself
        raise UnusualSheet("parts of an unusual make") from reason
    finally:
        path.unlink(missing_ok=True)


def _texts_part(package: zipfile.ZipFile) -> tuple[bytes, int]:
    if package.getinfo(TEXTS).file_size > MAX_TEXT_BYTES:
        raise UnusualSheet("more shared texts than usual")
    texts = package.read(TEXTS)
    return texts, sum(texts.count(mark) for mark in (b"<si>", b"<si ", b"<si/>"))


def _style_count(styles: bytes) -> int:
    found = re.search(rb"<cellXfs.*?</cellXfs>", styles, re.DOTALL)
    count = len(re.findall(rb"<xf[ />]", found[0])) if found else 0
    if count > MAX_STYLES:
        raise UnusualSheet("more styles than usual")
    return count


def _probe_sheet(styles: int, texts: int) -> bytes:
    """A sheet whose first row shows one number in each style, and whose rows below show one shared text each."""
    out = io.BytesIO()
    out.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">')
    shown = [f"<c><v>{PROBE}</v></c>", *(f'<c s="{style}"><v>{PROBE}</v></c>' for style in range(styles))]
    out.write("".join(shown).encode() + b"</row>")
    for low in range(0, texts, BATCH):
        rows = (f'<row><c t="s"><v>{place}</v></c></row>' for place in range(low, min(low + BATCH, texts)))
        out.write("".join(rows).encode())
    out.write(b"</sheetData></worksheet>")
    return out.getvalue()


def _sort(shown: Any) -> str:
    """What a style makes of a number: a number, a date by the usual calendar, or something else, which is not read here."""
    if isinstance(shown, float):
        return "number"
    return "date" if shown == PROBED else "other"


def _lookup(rows: Iterator[list[Any]], count: int, sorts: dict[int | None, str], null_tokens: frozenset[str]) -> Lookup:
    arrays, empty, tokens = [], [], []
    while batch := [row[0] for _, row in zip(range(BATCH), rows, strict=False)]:
        arrays.append(pyarrow.array(batch, pyarrow.string()))
        empty.append(_flags(text == "" for text in batch))
        tokens.append(_flags(text != "" and text.strip().lower() in null_tokens for text in batch))
    texts = pyarrow.concat_arrays(arrays) if arrays else pyarrow.array([], pyarrow.string())
    if len(texts) != count:
        raise UnusualSheet("shared texts that cannot be counted")
    none: Sequence[Any] = [_flags(())]
    return Lookup(texts, numpy.concatenate(empty or none), numpy.concatenate(tokens or none), sorts, null_tokens)


def _flags(found: Any) -> Any:
    return numpy.fromiter(found, numpy.bool_)
