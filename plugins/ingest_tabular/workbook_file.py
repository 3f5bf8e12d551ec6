"""Opens a workbook (XLSX, XLSM, XLSB, XLS, ODS) for the general reader, or says why it cannot be: encrypted, damaged, too large."""

import shutil
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import python_calamine as calamine
from package_mending import mended, with_errors_shown
from sheet_package import spans_too_much, without_cells
from text_source import MAX_RATIO, RATIO_FLOOR_BYTES, too_large
from xls_records import Found, errors_of

from harness_core.sdk import InputRejected

MOST_CELLS = 50_000_000  # of 32 bytes each, empty ones too
FAR_AWAY = "limit exceeded"  # what the general reader says of a sheet whose cells lie far apart


def check_package(path: Path, max_bytes: int) -> None:
    """Raise for a damaged zip package, and for one whose parts would grow beyond all reason when unpacked."""
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            manifest = package.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in package.namelist() else b""
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError) as reason:
        raise corrupt() from reason
    expanded, packed = sum(part.file_size for part in parts), max(1, path.stat().st_size)
    if expanded > max_bytes or (expanded > RATIO_FLOOR_BYTES and expanded > MAX_RATIO * packed):
        raise too_large(expanded, packed)
    if any(part.flag_bits & 1 for part in parts) or b"encryption-data" in manifest:
        raise encrypted()


def encrypted() -> InputRejected:
    return InputRejected(
        "The workbook is protected by a password.",
        remedy="Save it without the password and upload it again.",
        code="encrypted_workbook",
    )


def corrupt() -> InputRejected:
    return InputRejected(
        "The workbook is damaged or cut off.", remedy="Open it in a spreadsheet program and save it again.", code="corrupt_workbook"
    )


def too_many_cells() -> InputRejected:
    return InputRejected(
        "A sheet of the workbook spans more cells than can be read: one stands far away from the others.",
        remedy="Delete the rows and columns beyond the table, or copy the table into a new workbook.",
        code="too_large",
    )


def open_workbook(path: Path, max_bytes: int, work: Path) -> "calamine.CalamineWorkbook":
    """The opened workbook; raises InputRejected for one that cannot be read."""
    return _open_readable(path, max_bytes, work)[1]


def _open_readable(path: Path, max_bytes: int, work: Path) -> "tuple[Path, calamine.CalamineWorkbook]":
    """The workbook itself, or a mended copy below ``work`` where only that can be opened; raises InputRejected."""
    if is_package(path):
        check_package(path, max_bytes)
    try:
        return path, open_file(path)
    except Exception:  # the reader's own errors, and what its parsers raise for rubbish
        reason = _what_is_wrong(path, work)
    if isinstance(reason, calamine.PasswordError) or _is_encrypted(path):
        raise encrypted() from reason
    if FAR_AWAY in str(reason):
        raise too_many_cells() from reason
    copy = work / "mended.xlsx"
    try:
        if is_package(path) and mended(path, copy):
            return copy, open_file(copy)
    except Exception as worse:  # the same, and what is amiss with the package
        raise corrupt() from worse
    raise corrupt() from reason


def is_package(path: Path) -> bool:
    """By its first bytes: an XLS file may hold a zip archive somewhere."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _is_encrypted(path: Path) -> bool:
    """Office wraps an encrypted package in a compound file with a stream of this name."""
    return not is_package(path) and "EncryptedPackage".encode("utf-16-le") in path.read_bytes()


def open_file(path: Path) -> "calamine.CalamineWorkbook":
    """The workbook, read from the file as needed; whole in memory where the file's name contradicts its content."""
    if path.suffix.lower() in ("", *_suffixes(path)):
        return calamine.CalamineWorkbook.from_path(str(path))
    with path.open("rb") as file:
        return calamine.CalamineWorkbook.from_filelike(file)


def _what_is_wrong(path: Path, work: Path) -> Exception | None:
    """Why the workbook cannot be opened, which the reader says exactly only of a file whose name tells the format."""
    named = work / f"workbook{_suffixes(path)[0]}"
    shutil.copyfile(path, named)
    try:
        calamine.CalamineWorkbook.from_path(str(named))
    except Exception as reason:  # as above
        return reason
    finally:
        named.unlink()
    return None


def _suffixes(path: Path) -> tuple[str, ...]:
    """The usual suffixes of files with this content."""
    if not is_package(path):
        return (".xls",)
    with zipfile.ZipFile(path) as package:
        names = {name.lower() for name in package.namelist()}
    return (".ods",) if "content.xml" in names else (".xlsb",) if "xl/workbook.bin" in names else (".xlsx", ".xlsm")


def sheet_names(workbook: "calamine.CalamineWorkbook") -> list[str]:
    """The sheets that hold cells (no charts, no macros), in the workbook's order."""
    kept = (calamine.SheetTypeEnum.WorkSheet, calamine.SheetTypeEnum.MacroSheet)
    return [sheet.name for sheet in workbook.sheets_metadata if sheet.typ in kept]


def _without_cells(path: Path, max_bytes: int, work: Path) -> "calamine.CalamineWorkbook | None":
    """The sheets of a package with many shared texts, of which no cell can be read; None where it has few, or is unusual."""
    if not is_package(path):
        return None
    check_package(path, max_bytes)
    copy = work / "without-cells.xlsx"
    try:
        with zipfile.ZipFile(path) as package:
            return open_file(copy) if without_cells(package, copy) else None
    except Exception:  # whatever is amiss, opening the whole workbook shall say
        return None
    finally:
        copy.unlink(missing_ok=True)


@dataclass
class Book:
    """A workbook whose cells the general reader reads, with the errors of cells as texts; opened when it is first asked for.

    ``tabs`` names all its tabs, ``names`` those that hold cells, ``hidden`` those that are not shown. What is amiss with the shared
    texts of a workbook of many is said when the general reader is asked for a sheet, as all that is amiss with a sheet.
    """

    path: Path
    tabs: list[str]
    names: list[str]
    hidden: set[str]
    _is_checked: bool
    _opened: "calamine.CalamineWorkbook | None" = None
    _errors: list[Found] = field(default_factory=list)

    @classmethod
    def found(cls, path: Path, max_bytes: int, work: Path) -> "Book":
        """The book in a file; raises InputRejected for one that cannot be read."""
        opened = _without_cells(path, max_bytes, work)
        is_checked = opened is None
        if opened is None:
            path, opened = _open_readable(path, max_bytes, work)
        hidden = {sheet.name for sheet in opened.sheets_metadata if sheet.visible != calamine.SheetVisibleEnum.Visible}
        return cls(path, opened.sheet_names, sheet_names(opened), hidden, is_checked)

    def sheet(self, name: str, work: Path, *, is_glimpse: bool) -> "tuple[calamine.CalamineSheet, Found]":
        """The sheet, and errors that it does not show itself. A glimpse at a large workbook does without errors."""
        if not self._is_checked:
            self.path, self._is_checked = _open_readable(self.path, 1 << 62, work)[0], True
        if spans_too_much(self.path, name, MOST_CELLS):  # it dies where it gets no memory for all of them
            raise too_many_cells()
        if self._opened is None:
            self._opened, self._errors = _with_errors(self.path, work, is_glimpse=is_glimpse)
        try:
            found = self._opened.get_sheet_by_name(name)
        except Exception as reason:  # any of the reader's errors means that this part of the package is damaged
            raise too_many_cells() if FAR_AWAY in str(reason) else corrupt() from reason
        place = self._opened.sheet_names.index(name)
        return found, self._errors[place] if len(self._errors) == len(self._opened.sheet_names) else {}


def _with_errors(path: Path, work: Path, *, is_glimpse: bool) -> "tuple[calamine.CalamineWorkbook, list[Found]]":
    if not is_package(path):
        return open_file(path), errors_of(path)
    copy = work / f"errors-shown{_suffixes(path)[0]}"
    try:
        if not is_glimpse and with_errors_shown(path, copy):
            return open_file(copy), []
    except Exception as reason:  # what is amiss with a part, or with what the general reader makes of it
        raise corrupt() from reason
    return open_file(path), []
