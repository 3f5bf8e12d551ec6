"""Splits delimited text into records exactly, line by line, and mends the records that break the rules without losing a character.

A broken quote never swallows more than its own line unless the lines that follow close it and give a full row. Every record
says on which line it begins and what, if anything, had to be done about it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

MAX_JOINED_LINES = 1000
MAX_JOINED_CHARS = 1_000_000
PATIENCE = 2_000
LITERAL_QUOTE = 1.0
APOSTROPHE = 0.05
MISSING_DELIMITER = 1.5
MISSING_QUOTE = 1.5
MAX_SWALLOWED = 20
SWALLOWED_DELIMITER = 0.05
AGAINST_CUSTOM = 1.0
MAX_COST = 3.0
MIN_WORDY_WIDTH = 6
MAX_COST_OF_REGULAR = 1.75
MAX_MEND_EDGES = 20_000
DELIMITERS = (",", ";", "\t", "|", ":", " ")


@dataclass(frozen=True)
class Dialect:
    """How fields are separated, enclosed and escaped.

    ``spaced`` allows blanks between a delimiter and a quote; ``empty`` is what an empty field in quotes is read as.
    """

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    spaced: bool = False
    empty: str = ""


@dataclass
class Record:
    """The fields of one row, the line (from 1) on which it begins, the lines it takes, and the name of what was wrong."""

    fields: list[str]
    line: int
    lines: int = 1
    trouble: str | None = None


@dataclass
class Customs:
    """What regular rows do: the number of fields, and the share of filled fields in quotes per column."""

    width: int | None = None
    quoted_share: Sequence[float] = ()


@dataclass
class _Split:
    fields: list[str] = field(default_factory=list)
    state: str = "ok"  # ok, open (a quote is not closed), broken (text after a closing quote), stray (a quote within plain text)


def split_record(text: str, dialect: Dialect) -> _Split:
    """The fields of ``text`` by the letter of the dialect, with the first rule that it breaks."""
    quote, delimiter = dialect.quote, dialect.delimiter
    if not quote or quote not in text:
        return _Split(_plain_split(text, dialect))
    out = _Split()
    position, end = 0, len(text)
    while True:
        start = _after_blanks(text, position) if dialect.spaced else position
        if text.startswith(quote, start):
            value, position, state = _quoted(text, start + 1, dialect)
            if state != "ok":
                out.state = state
                return out
        else:
            stop = _next_delimiter(text, position, dialect)
            value = text[position:stop]
            if quote in value:
                out.state = "stray"
            value, position = _unescaped(value.strip(" ") if dialect.spaced else value, dialect), stop
        out.fields.append(value)
        if position >= end:
            return out
        position += len(delimiter)
        if position == end:
            out.fields.append("")
            return out


def _plain_split(text: str, dialect: Dialect) -> list[str]:
    if dialect.escape not in ("", dialect.quote) and dialect.escape in text:
        fields, position = [], 0
        while True:
            stop = _next_delimiter(text, position, dialect)
            fields.append(_unescaped(text[position:stop], dialect))
            if stop >= len(text):
                break
            position = stop + len(dialect.delimiter)
    else:
        fields = text.split(dialect.delimiter) if dialect.delimiter else [text]
    return [value.strip(" ") for value in fields] if dialect.spaced else fields


def _after_blanks(text: str, position: int) -> int:
    while text.startswith(" ", position):
        position += 1
    return position


def _next_delimiter(text: str, position: int, dialect: Dialect) -> int:
    """Where the next delimiter that is not escaped stands, or the end."""
    if not dialect.delimiter:
        return len(text)
    stop = text.find(dialect.delimiter, position)
    if dialect.escape in ("", dialect.quote):
        return stop if stop >= 0 else len(text)
    while stop > position and text[stop - 1] == dialect.escape:
        stop = text.find(dialect.delimiter, stop + 1)
    return stop if stop >= 0 else len(text)


def _unescaped(value: str, dialect: Dialect) -> str:
    if dialect.escape in ("", dialect.quote) or dialect.escape not in value:
        return value
    for sign in (dialect.quote, dialect.delimiter, dialect.escape):
        value = value.replace(dialect.escape + sign, sign) if sign else value
    return value


def _quoted(text: str, position: int, dialect: Dialect) -> tuple[str, int, str]:
    """A quoted field's value, the position behind it, and ok, open or broken; ``position`` is behind the opening quote."""
    quote, parts, start = dialect.quote, [], position
    while True:
        stop = text.find(quote, position)
        if stop < 0:
            return "", len(text), "open"
        if dialect.escape != quote and dialect.escape and _is_escaped(text, stop, start, dialect.escape):
            position = stop + 1
            continue
        if dialect.escape == quote and text.startswith(quote, stop + 1):
            position = stop + 2
            continue
        break
    parts.append(text[start:stop])
    after = _after_blanks(text, stop + 1) if dialect.spaced else stop + 1
    if after < len(text) and not text.startswith(dialect.delimiter, after):
        return "", after, "broken"
    value = parts[0].replace(quote * 2, quote) if dialect.escape == quote else _unescaped(parts[0], dialect)
    return value or dialect.empty, after, "ok"


def _is_escaped(text: str, position: int, start: int, escape: str) -> bool:
    count = 0
    while position - count - 1 >= start and text[position - count - 1] == escape:
        count += 1
    return count % 2 == 1


def lines_of(text: str) -> list[str]:
    """Physical lines with their ends: at line feeds, or at carriage returns where there is no line feed at all."""
    end = "\n" if "\n" in text else "\r"
    lines = [line + end for line in text.split(end)]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def records(source: "LineSource", dialect: Dialect, customs: Customs) -> Iterator[Record]:
    """The records of lines (which keep their line ends), blank lines included as records of one empty field.

    ``customs`` may be filled in while this runs; what is known of regular rows decides how a broken one is mended.
    """
    patience = PATIENCE
    while (line := source.take()) is not None:
        number, text = source.number, line.rstrip("\r\n")
        split = split_record(text, dialect)
        if split.state == "ok" and customs.width in (None, len(split.fields)):
            yield Record(split.fields, number)
            continue
        joined = None
        if split.state == "open" or (split.state == "broken" and text.count(dialect.quote) % 2):
            joined = _joined(line, source, dialect, customs, MAX_JOINED_LINES if patience > 0 else 3)
        if joined is not None:
            fields, taken = joined
            source.drop(taken)
            yield Record(fields, number, 1 + taken)
            continue
        patience -= split.state == "open"
        yield _mended(text, number, split, dialect, customs)


class LineSource:
    """Lines with as much looking ahead as is asked for."""

    def __init__(self, lines: Iterable[str], first_line: int = 1) -> None:
        self._source = iter(lines)
        self.ahead: list[str] = []
        self.number = first_line - 1

    def take(self) -> str | None:
        self.number += 1
        return self.ahead.pop(0) if self.ahead else next(self._source, None)

    def peek(self, index: int) -> str | None:
        while len(self.ahead) <= index:
            line = next(self._source, None)
            if line is None:
                return None
            self.ahead.append(line)
        return self.ahead[index]

    def drop(self, count: int) -> None:
        del self.ahead[:count]
        self.number += count


def _joined(line: str, source: LineSource, dialect: Dialect, customs: Customs, limit: int) -> tuple[list[str], int] | None:
    """The row that this line makes with the lines after it, if they close the quote and give a full row."""
    text, fallback = line, None
    for index in range(limit):
        following = source.peek(index)
        if following is None or len(text) > MAX_JOINED_CHARS:
            break
        text += following
        if dialect.quote not in following:
            continue
        split = split_record(text.rstrip("\r\n"), dialect)
        if split.state == "broken" and following.count(dialect.quote) % 2:
            break
        if split.state == "ok":
            if customs.width in (None, len(split.fields)):
                return split.fields, index + 1
            fallback = fallback or (split.fields, index + 1)
            break
    return fallback if fallback and _is_ragged(fallback[0], line, dialect, customs) else None


def _is_ragged(fields: list[str], line: str, dialect: Dialect, customs: Customs) -> bool:
    """A row of several lines and an unusual width is believed only if the first line alone cannot be mended to the usual one."""
    width = customs.width or len(fields)
    return len(fields) <= width + 1 and mend(line.rstrip("\r\n"), dialect, width, customs.quoted_share) is None


def _mended(text: str, number: int, split: _Split, dialect: Dialect, customs: Customs) -> Record:
    width = customs.width
    if split.state == "ok" and (not dialect.quote or dialect.quote not in text):
        other = _other_delimiter(text, dialect, width) if width and len(split.fields) == 1 else None
        return Record(other, number, 1, "other_delimiter") if other else Record(split.fields, number)
    other = _other_delimiter(text, dialect, width) if len(split.fields) != width else None
    if other:
        return Record(other, number, 1, "other_delimiter")
    found = mend(text, dialect, width, customs.quoted_share, MAX_COST_OF_REGULAR if split.state == "ok" else MAX_COST)
    if found is not None and split.state == "stray" and found == split.fields:
        return Record(found, number, 1, "stray_quotes")
    if found is not None:
        return Record(found, number, 1, "mended_rows")
    if split.state in ("ok", "stray"):
        return Record(split.fields, number, 1, "stray_quotes" if split.state == "stray" else None)
    loose = mend(text, dialect, None, ())
    return Record(loose if loose is not None else text.split(dialect.delimiter), number, 1, "mended_rows")


def _other_delimiter(text: str, dialect: Dialect, width: int | None) -> list[str] | None:
    """The fields if this one row uses another delimiter and then is a full one."""
    if not width or width < 3:
        return None
    for delimiter in DELIMITERS:
        if delimiter != dialect.delimiter and (width >= MIN_WORDY_WIDTH or delimiter not in ": "):
            split = split_record(text, replace(dialect, delimiter=delimiter))
            if split.state == "ok" and len(split.fields) == width:
                return split.fields
    return None


@dataclass(order=True)
class _Path:
    cost: float
    fields: tuple[str, ...] = field(compare=False)


def mend(
    text: str, dialect: Dialect, width: int | None, quoted_share: Sequence[float] = (), max_cost: float = MAX_COST
) -> list[str] | None:
    """The cheapest way to read a broken line as ``width`` fields (any number if None), keeping every character.

    A quote may be a plain character, a delimiter next to a quote may have been left out. The cost of a reading counts these,
    and what goes against the custom of the column; beyond ``max_cost`` the line is not believed to be a row of that width.
    """
    quotes = [index for index in range(len(text)) if text.startswith(dialect.quote, index)] if dialect.quote else []
    if len(quotes) * (text.count(dialect.delimiter) + 2) > MAX_MEND_EDGES:
        return None
    closings = [index for index in quotes if _closes(text, index, dialect)]
    best: dict[tuple[int, int], _Path] = {(0, 0): _Path(0.0, ())}
    done: list[_Path] = []
    limit = width if width is not None else 10**9
    agenda = [(0, 0)]
    while agenda:
        key = agenda.pop(0)
        position, count = key
        path = best.pop(key, None)
        if path is None or count >= limit:
            continue
        for value, after, cost in _readings(text, position, dialect, quotes, closings):
            reached = _Path(
                path.cost + cost + _against_custom(text, position, value, count, dialect, quoted_share), (*path.fields, value)
            )
            if reached.cost > max_cost:
                continue
            if after is None:
                if width is None or count + 1 == width:
                    done.append(reached)
            elif (after, count + 1) not in best or reached < best[after, count + 1]:
                best[after, count + 1] = reached
                agenda.append((after, count + 1))
                agenda.sort()
    return list(min(done).fields) if done else None


def _closes(text: str, index: int, dialect: Dialect) -> bool:
    after = _after_blanks(text, index + 1) if dialect.spaced else index + 1
    return after >= len(text) or text.startswith(dialect.delimiter, after)


def _against_custom(text: str, position: int, value: str, column: int, dialect: Dialect, quoted_share: Sequence[float]) -> float:
    if column >= len(quoted_share) or not value:
        return 0.0
    opened = text.startswith(dialect.quote, _after_blanks(text, position) if dialect.spaced else position)
    is_quoted = opened and not value.startswith(dialect.quote)
    share = quoted_share[column]
    return AGAINST_CUSTOM if (share > 0.95 and not is_quoted) or (share < 0.05 and is_quoted) else 0.0


def _readings(
    text: str, position: int, dialect: Dialect, quotes: Sequence[int], closings: Sequence[int]
) -> Iterator[tuple[str, int | None, float]]:
    """Ways to read the field that begins at ``position``: its value, where the next begins (None at the end), the cost."""
    quote, step = dialect.quote, len(dialect.delimiter)
    stop = _next_delimiter(text, position, dialect)
    plain = text[position:stop]
    yield plain, (stop + step if stop < len(text) else None), _literal_cost(plain, plain.count(quote), quote)
    opening = next((index for index in quotes if position < index < stop), None)
    if opening is not None and text[position:opening].strip():
        yield text[position:opening], opening, MISSING_DELIMITER
    start = _after_blanks(text, position) if dialect.spaced else position
    if not text.startswith(quote, start):
        return
    for closing in closings:
        if closing > start:
            value, stray = _inner(text[start + 1 : closing], dialect)
            after = _after_blanks(text, closing + 1) if dialect.spaced else closing + 1
            cost = _literal_cost(value, stray, quote) + SWALLOWED_DELIMITER * value.count(dialect.delimiter)
            yield value, (after + step if after < len(text) else None), cost
    if not any(closing > start for closing in closings):
        yield from _unclosed(text, start + 1, dialect)
    for closing in quotes:
        if closing > start and _opens_next(text, closing + 1, dialect):
            value, stray = _inner(text[start + 1 : closing], dialect)
            yield value, closing + 1, MISSING_DELIMITER + _literal_cost(value, stray, quote)


def _unclosed(text: str, start: int, dialect: Dialect) -> Iterator[tuple[str, int | None, float]]:
    """A field whose closing quote is missing ends at one of the next delimiters."""
    stop = start
    for swallowed in range(MAX_SWALLOWED):
        stop = text.find(dialect.delimiter, stop)
        value = text[start:] if stop < 0 else text[start:stop]
        cost = MISSING_QUOTE + SWALLOWED_DELIMITER * swallowed + LITERAL_QUOTE * value.count(dialect.quote)
        yield value, (None if stop < 0 else stop + len(dialect.delimiter)), cost
        if stop < 0:
            return
        stop += len(dialect.delimiter)


def _literal_cost(value: str, count: int, quote: str) -> float:
    """What ``count`` quotes that stand for themselves cost: little for an apostrophe between letters."""
    if not count or quote == '"':
        return LITERAL_QUOTE * count
    apostrophes = len(re.findall(rf"(?<=\w){quote}(?=\w|\s\w)", value))
    return APOSTROPHE * min(apostrophes, count) + LITERAL_QUOTE * max(0, count - apostrophes)


def _opens_next(text: str, position: int, dialect: Dialect) -> bool:
    """Whether a quote at ``position``, right behind another, opens a field of its own: it is followed by its first letter."""
    quote, behind = dialect.quote, text[position + 1 : position + 2]
    return (
        text.startswith(quote, position) and behind not in ("", " ", quote) and not text.startswith(dialect.delimiter, position + 1)
    )


def _inner(raw: str, dialect: Dialect) -> tuple[str, int]:
    """The value between quotes, and how many quotes in it are not escaped."""
    quote = dialect.quote
    doubled = raw.count(quote * 2)
    escaped = raw.count(dialect.escape + quote) if dialect.escape not in ("", quote) else 0
    value = raw.replace(quote * 2, quote) if dialect.escape == quote else _unescaped(raw, dialect)
    return value, max(0, raw.count(quote) - 2 * doubled) if dialect.escape == quote else raw.count(quote) - escaped
