"""The parts of an XLSX package that a sheet is made of: its XML as a stream of whole rows, and what its cells refer to.

Styles, and shared texts that are not plain, are not read here: a small workbook with the same parts, whose only sheet names each
of them once, is given to the general reader, whose answers they are.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.etree import ElementTree

import pyarrow
import python_calamine as calamine
from sheet_cells import PAD, UnusualSheet
from sheet_columns import Lookup, Shared
from sheet_texts import Texts, shared_texts

PIECE_BYTES = 1 << 20
MAX_HEAD_BYTES = 16 << 20
MAX_ROW_BYTES = 16 << 20
MAX_SMALL_PART_BYTES = 16 << 20
MAX_TEXT_BYTES = 64 << 20
MANY_TEXTS_BYTES = 4 << 20  # which the general reader needs long for
MAX_STYLES = 16_000
BATCH = 50_000
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
BOOK, LINKS, TEXTS, STYLES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml", "xl/styles.xml"
NEEDED = ("[Content_Types].xml", "_rels/.rels", BOOK, LINKS, STYLES)
PROBE, PROBED = "45000.5", datetime(2023, 3, 15, 12)
MERGED = re.compile(rb'<mergeCell ref="\$?[A-Z]+\$?([0-9]+):\$?[A-Z]+\$?([0-9]+)"')
WIDE_CELL = re.compile(rb' r="[A-Z]{2}')
ANY_CELL = (re.compile(rb'\sr="([A-Z]{1,3})[0-9]'), re.compile(rb'\sr="([0-9]{1,7})"'))
FILLED_CELL = (
    re.compile(rb'<(?:\w+:)?c\s(?:[^<>]*?\s)?r="([A-Z]{1,3})[0-9]{1,7}"[^<>]*(?<!/)>\s*<(?!/)'),
    re.compile(rb'<(?:\w+:)?c\s(?:[^<>]*?\s)?r="[A-Z]{1,3}([0-9]{1,7})"[^<>]*(?<!/)>\s*<(?!/)'),
)
SHARED_BEGIN = re.compile(rb'<sst(?:\s+[\w:.-]+="[^"<>&]*")*\s*/?>')
MAX_TAG_BYTES = 512
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


def stretches(package: zipfile.ZipFile, part: SheetPart, merged: list[int]) -> Iterator[tuple[bytes, int]]:
    """The rows as XML, some whole ones at a time, each piece with ``PAD`` behind it; and how many bytes are done.

    At the end ``merged`` is given the numbers of the rows from which cells are merged downwards.
    """
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
        behind = held[end:] + file.read(MAX_SMALL_PART_BYTES)
        if file.read(1):
            raise UnusualSheet("more behind the rows than usual")
        found = [tuple(map(int, rows)) for rows in MERGED.findall(behind)]
        if len(found) != behind.count(b"mergeCell "):
            raise UnusualSheet("merged cells of an unusual make")
        merged += [top for top, bottom in found if bottom > top]


def _behind_head(file: Any) -> bytes:
    """The bytes read so far behind the mark that begins the rows."""
    head: bytes = file.read(PIECE_BYTES)
    while b"<sheetData>" not in head:
        piece = file.read(PIECE_BYTES)
        if not piece or len(head) > MAX_HEAD_BYTES:
            raise UnusualSheet("a sheet without rows")
        head += piece
    before, _, behind = head.partition(b"<sheetData>")
    _check_declaration(before)
    return behind


def _check_declaration(before: bytes) -> None:
    told = re.search(rb'encoding=["\']([^"\']*)', before[:200])
    if b"<!" in before or (told and told[1].lower() != b"utf-8"):
        raise UnusualSheet("a part with a declaration of its own")


def spans_too_much(path: Path, sheet: str, limit: int) -> bool:
    """Whether the rectangle around all values of the sheet has more cells; False for one of an unusual make.

    Only a sheet with cells beyond column Z can, and only one whose cells, empty ones too, span too much is looked at closely.
    """
    try:
        with zipfile.ZipFile(path) as package:
            name = find_part(package, sheet).name
            return _is_wide(package, name) and all(
                _spanned(package, name, *patterns) > limit for patterns in (ANY_CELL, FILLED_CELL)
            )
    except (UnusualSheet, zipfile.BadZipFile, OSError, KeyError, EOFError, zlib.error):
        return False


def _is_wide(package: zipfile.ZipFile, name: str) -> bool:
    before = b""
    with package.open(name) as file:
        while piece := file.read(PIECE_BYTES):
            if WIDE_CELL.search(before + piece):
                return True
            before = piece[-len(b' r="AA') :]
    return False


def _spanned(package: zipfile.ZipFile, name: str, column: re.Pattern[bytes], row: re.Pattern[bytes]) -> int:
    """The cells from A1 to the last column and row that the patterns find."""
    held, letters, last = b"", set[bytes](), 1
    with package.open(name) as file:
        while piece := file.read(PIECE_BYTES):
            held += piece
            letters.update(column.findall(held))
            last = max(last, max(map(int, row.findall(held)), default=1))
            held = held[-MAX_TAG_BYTES:]
    return last * max(map(_column_number, letters), default=1)


def _column_number(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def look_up(package: zipfile.ZipFile, part: SheetPart, work: Path, null_tokens: frozenset[str]) -> Lookup:
    """What the cells of the sheet may refer to. Raises UnusualSheet."""
    names = set(package.namelist())
    shared, raw, count = Shared.of((), null_tokens), b"", 0
    if TEXTS in names:
        try:
            with package.open(TEXTS) as file:
                shared = Shared.of(shared_texts(_items(file)), null_tokens)
        except UnusualSheet:  # rich texts and the like, which the general reader knows
            raw, count = _texts_part(package)
    styles = _style_count(_small_part(package, STYLES)) if STYLES in names else 0
    path = work / "referred.xlsx"
    _write_small(package, path, {**({TEXTS: raw} if raw else {}), part.name: _probe_sheet(styles, count)})
    del raw
    try:
        rows = iter(calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(part.sheet).iter_rows())
        shown = next(rows)
        sorts = dict(zip([None, *range(styles)], map(_sort, shown), strict=False))
        if count:
            shared = Shared.of(_probed(rows, count), null_tokens)
    except UnusualSheet:
        raise
    except Exception as reason:  # whatever the general reader finds amiss, it shall say itself
        raise UnusualSheet("parts of an unusual make") from reason
    finally:
        path.unlink(missing_ok=True)
    return Lookup(shared, sorts, null_tokens)


def without_cells(package: zipfile.ZipFile, target: Path) -> bool:
    """Write the package without its sheets and shared texts, if it has many; its sheets have the same names and kinds in it."""
    names = set(package.namelist())
    if not {BOOK, LINKS, TEXTS} <= names or package.getinfo(TEXTS).file_size < MANY_TEXTS_BYTES:
        return False
    _write_small(package, target, {})
    return True


def _write_small(package: zipfile.ZipFile, target: Path, parts: Mapping[str, bytes]) -> None:
    """What says which sheets there are and how their cells look, and some parts more."""
    names = set(package.namelist())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as small:
        for name in NEEDED:
            if name in names:
                small.writestr(name, _small_part(package, name))
        for name, data in parts.items():
            small.writestr(name, data)


def _items(file: IO[bytes]) -> Iterator[bytes]:
    """The shared texts as XML, some whole ones at a time."""
    head = file.read(PIECE_BYTES)
    begin = SHARED_BEGIN.search(head)
    if begin is None:
        raise UnusualSheet("shared texts of an unusual make")
    _check_declaration(head[: begin.start()])
    held = b"" if begin[0].endswith(b"/>") else head[begin.end() :]
    while held and (end := held.find(b"</sst>")) != 0:
        cut = end if end > 0 else held.rfind(b"</si>") + len(b"</si>")
        if end > 0 or cut >= len(b"</si>"):
            yield held[:cut]
            held = held[cut:]
        if end < 0:
            piece = file.read(PIECE_BYTES)
            if not piece or len(held) > MAX_ROW_BYTES:
                raise UnusualSheet("shared texts that are cut off")
            held += piece
    while file.read(PIECE_BYTES):  # at its end the sum of the part is checked
        pass


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


def _probed(rows: Iterator[list[Any]], count: int) -> Iterator[Texts]:
    found = 0
    while batch := [row[0] for _, row in zip(range(BATCH), rows, strict=False)]:
        found += len(batch)
        yield Texts.of(pyarrow.array(batch, pyarrow.string()))
    if found != count:
        raise UnusualSheet("shared texts that cannot be counted")
