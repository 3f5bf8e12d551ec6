"""Where the table begins and what its columns are called: lines before it, header rows (none, one or several), names made usable.

Decided from the head of the file: a header is a row of words above columns of values.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from csv_records import Record
from repair_notes import Repairs, counted

from harness_core.sdk.missing_words import MISSING_WORDS

VALUE = re.compile(
    r"\s*[-+(]?\s?[$€£¥]?\s?(?:\d[\d,.' \u00a0]*\d|\d)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s?[%€$£)]?\s*\Z"
    r"|\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,].*)?\Z|\s*\d{1,2}:\d{2}(?::\d{2})?.{0,10}\Z"
    r"|\s*\d{1,2}[-\ /][A-Za-z]{3,9}[-\ /]\d{2,4}(?: .*)?\Z"
)
MAX_HEADER_ROWS = 4
MAX_PREAMBLE = 25
MAX_BODY = 400
YEAR = re.compile(r"\s*(1[89]|20|21)\d\d\s*\Z")
PERIOD = re.compile(r"\s*(?:(?:1[89]|20|21)\d\d|\d{4}-\d\d-\d\d)\s*\Z")
STAND_INS = frozenset(MISSING_WORDS)


@dataclass
class Layout:
    """The table's place: ``body`` is the index of the first data record, ``body_line`` the line on which it begins."""

    width: int
    names: list[str]
    header_rows: int
    preamble: int
    body: int
    body_line: int
    is_sure: bool = True
    preamble_lines: list[int] = field(default_factory=list)
    uneven_header_line: int | None = None


def lay_out(head: Sequence[Record], width: int, header: bool | None) -> Layout:
    """Find preamble, header and body among the first records of a file; ``header`` is what the user says, or None."""
    first = _first_row(head, width)
    body_rows = [record.fields for record in head[first:] if len(record.fields) == width]
    if header is not None:
        count, sure = (1 if header else 0), True
    else:
        count, sure = _header_rows(body_rows, width)
    if header is not False and first > 0:
        early = _uneven_header(head, first, width, body_rows, count, header)
        if early is not None:
            found = _layout(head, width, [early], first - 1, first, True)
            found.uneven_header_line = head[first - 1].line
            return found
    rows = _take_rows(head, first, count)
    return _layout(head, width, [head[index].fields for index in rows], first, rows[-1] + 1 if rows else first, sure)


def _layout(head: Sequence[Record], width: int, header: list[list[str]], first: int, body: int, sure: bool) -> Layout:
    """The layout whose header begins at record ``first`` and whose data begins at record ``body``."""
    names = _joined_names(header, width) if header else [""] * width
    line = head[body].line if body < len(head) else (head[-1].line + head[-1].lines if head else 1)
    aside = [record.line for record in head[:first] if any(value.strip() for value in record.fields)]
    return Layout(width, names, len(header), len(aside), body, line, sure, aside)


def say_layout(layout: Layout, repairs: Repairs, what: str) -> None:
    """Note what stood before the table and how its header was made; ``what`` is line or row."""
    if layout.preamble:
        words = counted(layout.preamble, f"{what} before the table was", f"{what}s before the table were")
        repairs.add("preamble_lines", layout.preamble, f"{words} set aside.", lines=layout.preamble_lines)
    if layout.header_rows > 1:
        repairs.add("header_rows_joined", layout.header_rows, f"{layout.header_rows} header rows were joined into one.")
    if layout.header_rows and not layout.is_sure:
        repairs.add("header_assumed", 1, "The first row was taken for the names of the columns; only custom speaks for it.")
    if layout.uneven_header_line is not None:
        sentence = "The header has not as many cells as the rows below it; it was fitted to them."
        repairs.add("uneven_header", 1, sentence, lines=[layout.uneven_header_line])


def _first_row(head: Sequence[Record], width: int) -> int:
    """The first record that is a row of the table: of the usual width, and more than a title in its first cell.

    Where that would set aside much, the sheet is no table with a title, and everything is kept.
    """
    written = [index for index, record in enumerate(head) if any(value.strip() for value in record.fields)]
    for index in written:
        filled = sum(bool(value.strip()) for value in head[index].fields)
        if len(head[index].fields) == width and filled >= (1 if width < 3 else 2):
            aside = written.index(index)
            if aside <= MAX_PREAMBLE and aside <= max(1, len(written) // 2):
                return index
            break
    return next((index for index in written if len(head[index].fields) == width), 0)


def _take_rows(head: Sequence[Record], first: int, count: int) -> list[int]:
    """The indices of ``count`` header rows from ``first`` on, blank lines between them left out."""
    rows: list[int] = []
    for index in range(first, len(head)):
        if len(rows) == count:
            break
        if any(value.strip() for value in head[index].fields):
            rows.append(index)
    return rows


def _uneven_header(
    head: Sequence[Record], first: int, width: int, body_rows: list[list[str]], count: int, header: bool | None
) -> list[str] | None:
    """The record before the first full row, where it is a header with a cell too many or one too few."""
    fields = head[first - 1].fields
    if len(fields) > width:
        filled = [value for value in fields if value.strip()]
        short = filled if len(filled) == width else fields[:width] if not any(fields[width:]) else None
        return short if short and (count == 0 or header is None) and not any(map(_is_value, short)) else None
    if count or width < 3 or len(fields) != width - 1 or any(_is_value(value) for value in fields) or not all(fields):
        return None
    return ["", *fields] if _are_row_names([row[0] for row in body_rows]) else [*fields, ""]


def _are_row_names(values: Sequence[str]) -> bool:
    """R writes row names in a first column that has no name: they are all different, as 1, 2, 3 or as words."""
    return len(values) > 1 and len(set(values)) == len(values)


def _is_value(text: str) -> bool:
    """Whether a cell looks like a number, a date or a time rather than a name."""
    return bool(text.strip()) and bool(VALUE.match(text))


def _header_rows(rows: Sequence[Sequence[str]], width: int) -> tuple[int, bool]:
    """How many of the first rows are header rows, and whether that is more than the usual assumption."""
    rows = [row for row in rows if any(value.strip() for value in row)]
    if not rows:
        return 0, True
    if len(rows) == 1:
        return (0 if any(_is_value(value) for value in rows[0]) else 1), False
    body = rows[min(MAX_HEADER_ROWS, len(rows) // 2) :][:MAX_BODY]
    typed = [column for column in range(width) if _is_typed([row[column] for row in body])]
    if not typed:
        return _wordy_header(rows, width)
    if _names_periods(rows[0], typed, body):
        return 1, True
    count = 0
    while count < min(MAX_HEADER_ROWS, len(rows) - 1) and _is_heading(rows[count], typed, count, len(body)):
        count += 1
    return count, True


def _names_periods(row: Sequence[str], typed: Sequence[int], body: Sequence[Sequence[str]]) -> bool:
    """Rising (or falling) years or days above columns of other values, with words or nothing above the rest."""
    periods = {column: row[column].strip() for column in typed if PERIOD.match(row[column])}
    named = list(periods.values())
    rest = [row[column] for column in range(len(row)) if column not in periods]
    return (
        len(named) > 1
        and named in (sorted(set(named)), sorted(set(named), reverse=True))
        and bool(rest)
        and not any(map(_is_value, rest))
        and not any(PERIOD.match(values[column]) for values in body for column in periods)
    )


def _is_typed(values: Sequence[str]) -> bool:
    filled = [value for value in values if value.strip() and value.strip().lower() not in STAND_INS]
    return bool(filled) and sum(map(_is_value, filled)) >= 0.9 * len(filled)


def _is_heading(row: Sequence[str], typed: Sequence[int], index: int, body_rows: int) -> bool:
    """A row of words above columns of values; further header rows need words above most of at least two such columns."""
    cells = [row[column] for column in typed]
    words = [cell for cell in cells if cell.strip() and not _is_value(cell)]
    values = [cell for cell in cells if _is_value(cell)]
    if index == 0:
        named = [cell for cell in row if cell.strip()]
        if words and not [cell for cell in values if not YEAR.match(cell)]:
            return len(words) >= 1
        return bool(words) and len(words) > 0.5 * len(cells) and len(set(named)) == len(named)
    if 2 * sum(cell.strip().lower() in STAND_INS for cell in words) > len(words):  # no heading, but a row without values
        return False
    return len(typed) >= 2 and body_rows >= 2 and not values and len(words) > 0.5 * len(cells)


def _wordy_header(rows: Sequence[Sequence[str]], width: int) -> tuple[int, bool]:
    """All columns are words: the first row is a header unless it looks like the rows below it."""
    top, body = rows[0], rows[1 : MAX_BODY + 1]
    named = [cell for cell in top if cell.strip()]
    if len(named) < 0.5 * width or len(set(named)) < len(named) or any(_is_value(cell) for cell in named):
        return 0, False
    votes = sum(_vote(top[column], [row[column] for row in body if row[column]]) for column in range(width))
    return (1 if votes >= 0 else 0), votes > 0


def _vote(cell: str, below: Sequence[str]) -> int:
    """+1 where a cell differs in kind from all below it, -1 where it is of their kind."""
    if not below or not cell:
        return 0
    if cell in below:
        return -2
    has_digit = any(sign.isdigit() for sign in cell)
    if all(any(sign.isdigit() for sign in value) for value in below):
        return -1 if has_digit else 1
    lengths = {len(value) for value in below}
    if len(lengths) == 1 and len(below) > 2:
        return 1 if len(cell) not in lengths else 0
    return 0


def _joined_names(header_fields: Sequence[Sequence[str]], width: int) -> list[str]:
    """One name per column from one or several header rows; an upper cell spans the empty cells to its right."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for depth, fields in enumerate(header_fields):
        spanning = ""
        for column in range(width):
            cell = fields[column].strip() if column < len(fields) else ""
            is_upper = depth < len(header_fields) - 1
            below = any(len(lower) > column and lower[column].strip() for lower in header_fields[depth + 1 :])
            spanning = cell or spanning
            part = cell or (spanning if is_upper and below else "")
            if part:
                columns[column].append(part)
    if len(header_fields) == 1:
        return (list(header_fields[0]) + [""] * width)[:width]
    return [" ".join(parts) for parts in columns]


def usable_names(names: Sequence[str], repairs: Repairs, header_rows: int, left_out: Collection[int] = ()) -> list[str]:
    """The names with empty ones numbered and doubled ones (whatever their case) told apart; both are noted.

    Columns that are left out, by their indices, are numbered like the others and not noted.
    """
    used: set[str] = set()
    given = Counter(name.strip().lower() for name in names)
    result, numbered, doubled = [], [], []
    for index, name in enumerate(names, start=1):
        wanted = name.strip("\ufeff \t\r\n\x00") or f"column_{index}"
        unique, suffix = wanted, 2
        while unique.lower() in used or (unique != wanted and given[unique.lower()]):
            unique, suffix = f"{wanted}_{suffix}", suffix + 1
        if not name.strip():
            numbered += [unique] if index - 1 not in left_out else []
        elif unique != wanted:
            doubled.append(unique)
        used.add(unique.lower())
        result.append(unique)
    if numbered and header_rows:
        word = counted(len(numbered), "column without a name is called", "columns without a name are called")
        repairs.add("unnamed_columns", len(numbered), f"{word} {_listed(numbered)}.")
    if doubled:
        word = counted(len(doubled), "column whose name occurs before is called", "columns whose names occur before are called")
        repairs.add("doubled_names", len(doubled), f"{word} {_listed(doubled)}.")
    return result


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names[:5]) + (" …" if len(names) > 5 else "")
