"""Finds the dialect of a delimited text from its content: the delimiter and quote under which it looks most like a table.

Each candidate splits samples from the head, the middle and the tail. The score (after van den Burg, Nazábal and Sutton,
"Wrangling messy CSV files by detecting row and type patterns", 2019) is the regularity of row widths times the share of
cells that look like values. The whole file is verified afterwards, by reading it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from csv_records import Customs, Dialect, LineSource, Record, lines_of, records

DELIMITERS = (",", ";", "\t", "|", ":", "^", "~", " ", "\x01", "\x1f", "\x1e")
UNUSUAL = "%#&@!*§¬¦¶"  # only where every line has as many of them
MULTIPLE = re.compile(r"(\|\||;;|~~|\^\^|::|\|~\||#\||\|#)")
PREFERENCE = {",": 1.0, ";": 0.99, "\t": 1.0, "|": 0.99, "\x01": 1.0, "\x1f": 1.0, "\x1e": 1.0, ":": 0.7, " ": 0.65}
PREFERENCE |= dict.fromkeys(UNUSUAL, 0.6)
FEWEST_UNUSUAL, LINES_LOOKED_AT = 2, 500
MAX_RECORDS = 2_000
SMALL_WEIGHT = 0.001
MUCH_TROUBLE = 0.1

CELL_TYPES = re.compile(
    r"""\s*(?:
      | [-+]?[$€£¥]?\s?[-+]?\d{1,3}(?:[,.'\u00a0 ]\d{3})+(?:[.,]\d+)?\s?[%€$£]?
      | [-+]?[$€£¥]?\s?[-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?\s?[%€$£]?
      | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,]+\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s?(?:[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?
      | \d{1,2}[-\ /](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[-\ /]\d{2,4}
      | \d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?
      | (?:https?|ftp)://\S+ | [\w.+-]+@[\w-]+\.[\w.-]+
      | (?:n/?a|null|nan|none|true|false|yes|no|-|\?)
    )\s*\Z""",
    re.VERBOSE | re.IGNORECASE,
)
WORDS = re.compile(r"[^\W_](?:[\w .,'’&/()+:%°#\-–@*!?$€£\[\]>]{0,200})\Z")


@dataclass(frozen=True)
class Scored:
    """A dialect with its score, the usual row width, the records of the sample and the share of them that break a rule."""

    dialect: Dialect
    score: float
    width: int
    sample: list[Record]
    troubled: float = 0.0


def detect(samples: Sequence[str], delimiter: str | None = None, quote: str | None = None) -> Scored:
    """The best dialect for ``samples`` (texts of whole lines, the first from the head of the file); given parts are kept."""
    best: Scored | None = None
    for each in _delimiters(samples, delimiter):
        for mark in _quotes(samples, each, quote):
            found = _score(samples, _completed(samples, each, mark))
            if best is None or found.score > best.score + 1e-12:
                best = found
    assert best is not None
    if quote is None and best.troubled > MUCH_TROUBLE:
        bare = _score(samples, Dialect(best.dialect.delimiter, "", "", best.dialect.spaced))
        best = bare if bare.score > best.score else best
    return best


def _delimiters(samples: Sequence[str], given: str | None) -> list[str]:
    if given is not None:
        return [given]
    text = "".join(samples)
    found = [each for each in DELIMITERS if each in text] + [each for each in UNUSUAL if _in_every_line(samples[0], each)]
    several = sorted({match.group() for match in MULTIPLE.finditer(text[:20_000])})
    always = {each[0] for each in several if len(set(each)) == 1 and text.count(each[0]) == len(each) * text.count(each)}
    return [each for each in found if each not in always] + several or [","]


def _in_every_line(sample: str, mark: str) -> bool:
    """Each of the first lines has the same number of them, and enough for three columns."""
    lines = [line for line in sample.splitlines()[:LINES_LOOKED_AT] if line.strip()]
    counts = {line.count(mark) for line in lines}
    return len(lines) > 1 and len(counts) == 1 and counts.pop() >= FEWEST_UNUSUAL


def _quotes(samples: Sequence[str], delimiter: str, given: str | None) -> list[str]:
    """The double quote unless told otherwise; the single quote and the backtick only where fields begin and end with them."""
    if given is not None:
        return [given]
    found = ['"']
    for mark in ("'", "`"):
        edge = re.escape(delimiter)
        pairs = re.compile(rf"(?:^|{edge} ?){mark}[^\r\n]*?{mark}(?=$|[\r\n]|{edge})", re.MULTILINE)
        if any(pairs.search(sample) for sample in samples):
            found.append(mark)
    return found


def _completed(samples: Sequence[str], delimiter: str, quote: str) -> Dialect:
    """The dialect with its escape, and whether blanks stand between delimiters and quotes."""
    escape = quote
    if quote:
        slashed = sum(len(re.findall(rf"\\{quote}(?!{re.escape(delimiter)}|[\r\n]|$)", sample)) for sample in samples)
        slashed += sum(len(re.findall(rf"\\{quote}{quote}(?={re.escape(delimiter)}|[\r\n]|$)", sample)) for sample in samples)
        doubled = sum(len(re.findall(rf"(?<=[^{re.escape(delimiter)}\r\n]){quote}{quote}(?=.)", sample)) for sample in samples)
        bare = sum(len(re.findall(rf"(?<=\w){quote}(?=\w)", sample)) for sample in samples)
        if slashed > max(doubled, bare):
            escape = "\\"
    return Dialect(delimiter, quote, escape, spaced=delimiter != " " and _is_spaced(samples, delimiter, quote))


def _is_spaced(samples: Sequence[str], delimiter: str, quote: str) -> bool:
    """Blanks before quotes, or a blank after every delimiter."""
    text = "".join(samples)
    if quote and text.count(f"{delimiter} {quote}") > max(2, text.count(f"{delimiter}{quote}")):
        return True
    lines = [line for sample in samples for line in sample.splitlines() if delimiter in line and quote not in line][:200]
    total = sum(line.count(delimiter) for line in lines)
    return total > 10 and sum(line.count(delimiter + " ") for line in lines) == total and delimiter in ",;|"


def _score(samples: Sequence[str], dialect: Dialect) -> Scored:
    found: list[Record] = []
    for sample in samples:
        found += _first(records(LineSource(lines_of(sample)), dialect, Customs()), MAX_RECORDS)
    rows = [record for record in found if record.fields != [""]]
    if not rows:
        return Scored(dialect, 0.0, 1, found)
    widths = Counter(len(record.fields) for record in rows)
    pattern = sum(count * max(SMALL_WEIGHT, width - 1) / width for width, count in widths.items()) / len(widths)
    width = max(widths, key=lambda each: (widths[each] * (each - 1), each))
    regular = [record for record in rows if len(record.fields) == width][:400]
    cells = [value for record in regular for value in record.fields]
    typed = sum(_cell_weight(value, dialect) for value in cells) / len(cells)
    troubled = sum(record.trouble is not None for record in rows) / len(rows)
    score = pattern * max(typed, SMALL_WEIGHT) * (1 - 0.8 * troubled) * PREFERENCE.get(dialect.delimiter, 0.95)
    return Scored(dialect, score * (1.0 if dialect.quote in ('"', "") else 0.999), width, found, troubled)


def _first(source: "object", count: int) -> list[Record]:
    found = []
    for record in source:  # type: ignore[attr-defined]
        found.append(record)
        if len(found) >= count:
            break
    return found


def _cell_weight(value: str, dialect: Dialect) -> float:
    """1 for a cell that looks like one value, less for one that looks like several, or like a cut through one."""
    if CELL_TYPES.match(value):
        return 1.0
    stripped = value.strip()
    if stripped[:1] in "'\"" and len(stripped) > 1:
        return 0.1
    if WORDS.match(stripped):
        return 0.9 if not any(mark in stripped for mark in ";|\t" if mark != dialect.delimiter) else 0.3
    return 0.3
