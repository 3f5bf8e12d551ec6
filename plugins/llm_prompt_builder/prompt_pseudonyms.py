"""Personal values in texts, found by looking up the texts' own words in the data, and replaced by pseudonyms.

The data is asked which of the word sequences in the texts are values of a personal column; so memory is bounded by the texts, not
by the table. Beyond that, what has the form of an address, a telephone number or an account is replaced wherever it stands, and in
a text about a personal column everything in quotes that is no column's name.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import view_name

MOST_WORDS = 8
FEWEST_LETTERS, FEWEST_DIGITS = 2, 5
HELD = frozenset({"text", "integer", "decimal", "date", "timestamp"})
TOKEN = re.compile(r"\S+")
EDGES = "\"'“”‘’«»()[]{}<>,;:.!?"
GROUPED_DIGITS = re.compile(r"\d{1,3}(,\d{3})+")
QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”")
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("email", re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}")),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("national_id", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("credit_card", re.compile(r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}\b")),
    ("phone", re.compile(r"(?<![\w.+])\+\d[\d ()./-]{6,18}\d(?!\w)|\b\d{3}-\d{3}-\d{4}\b")),
    ("ip_address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
)

Span = tuple[int, int]


def word_spans(text: str) -> Iterator[Span]:
    """Every sequence of up to eight words, without the punctuation around it."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    for first, (begin, _) in enumerate(tokens):
        for _, end in tokens[first : first + MOST_WORDS]:
            piece = text[begin:end]
            low, high = begin + len(piece) - len(piece.lstrip(EDGES)), end - (len(piece) - len(piece.rstrip(EDGES)))
            if low < high:
                yield low, high


def plain(piece: str) -> str:
    """A piece of text as the data would hold it: without the commas that group digits."""
    return piece.replace(",", "") if GROUPED_DIGITS.fullmatch(piece) else piece


def could_be_a_value(piece: str) -> bool:
    """Whether it says something about a person: two letters, or five digits; anything shorter is everywhere."""
    letters, digits = sum(map(str.isalpha, piece)), sum(map(str.isdigit, piece))
    return letters >= FEWEST_LETTERS or digits >= FEWEST_DIGITS


def values_among(
    datasets: Mapping[str, Dataset], personal: Mapping[str, str], texts: Sequence[str], column_names: set[str]
) -> dict[str, str]:
    """Pieces of the texts that are values of a personal column of any dataset version -> the kind of that column.

    Upper and lower case are the same; a piece that was cut short with an ellipsis is the value it begins.
    """
    pieces = {plain(text[low:high]) for text in texts for low, high in word_spans(text)}
    pieces = {piece for piece in pieces if could_be_a_value(piece) and piece not in column_names}
    found: dict[str, str] = {}
    for role in sorted(datasets):
        dataset = datasets[role]
        asked = pyarrow.table({"raw": sorted(pieces)})
        dataset.connection.register("prompt_pieces", asked)
        for column in dataset.columns:
            kind = personal.get(f"{role}.{column.name}", personal.get(column.name))
            if kind is not None and column.type in HELD:
                for piece in _values_of(dataset, column.name):
                    found.setdefault(piece, kind)
        dataset.connection.unregister("prompt_pieces")
    return found


def _values_of(dataset: Dataset, name: str) -> list[str]:
    value = f"lower(trim(CAST({view_name(name)} AS VARCHAR)))"
    whole = (
        f"SELECT DISTINCT {value} AS v FROM data WHERE {value} IN "
        "(SELECT lower(raw) FROM prompt_pieces UNION ALL SELECT lower(replace(raw, '…', '')) FROM prompt_pieces)"
    )
    cut = "SELECT DISTINCT lower(rtrim(raw, '…')) AS b FROM prompt_pieces WHERE raw LIKE '%__…'"
    begun = f"SELECT DISTINCT b AS v FROM ({cut}), (SELECT DISTINCT {value} AS w FROM data) WHERE starts_with(w, b)"
    found = {str(row[0]) for row in dataset.sql(whole).fetchall()}
    if dataset.sql("SELECT count(*) FROM prompt_pieces WHERE raw LIKE '%__…'").scalar():
        found |= {str(row[0]) for row in dataset.sql(begun).fetchall()}
    pairs = dataset.sql("SELECT raw, lower(rtrim(raw, '…')) FROM prompt_pieces ORDER BY raw").fetchall()
    return [str(raw) for raw, low in pairs if low in found]


@dataclass
class Pseudonyms:
    """Replaces personal values, each by the same word throughout. ``values`` is what :func:`values_among` found."""

    values: Mapping[str, str]
    column_names: set[str]
    personal: Mapping[str, str]
    key: str = ""
    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    _counted: Counter[str] = field(default_factory=Counter)

    def clean(self, text: str, columns: Sequence[str]) -> str:
        """``text``, which is about ``columns``, without personal values."""
        held = [match.span() for match in QUOTED.finditer(text) if (match[1] or match[2]) in self.column_names]
        kind = next((self.personal[name] for name in columns if name in self.personal), None)
        spans = [*self._values(text), *self._forms(text), *(self._quoted(text, kind) if kind else ())]
        spans = [item for item in spans if not any(low < item[1] and item[0] < high for low, high in held)]
        spans.sort(key=lambda item: (item[0], -item[1]))
        parts, done = [], 0
        for low, high, named in spans:
            if low >= done:
                parts += [text[done:low], self._pseudonym(named, plain(text[low:high]))]
                done = high
        return "".join([*parts, text[done:]])

    def _values(self, text: str) -> Iterator[tuple[int, int, str]]:
        for low, high in word_spans(text):
            kind = self.values.get(plain(text[low:high]))
            if kind is not None:
                yield low, high, kind

    def _forms(self, text: str) -> Iterator[tuple[int, int, str]]:
        for kind, form in FORMS:
            yield from ((match.start(), match.end(), kind) for match in form.finditer(text))

    def _quoted(self, text: str, kind: str) -> Iterator[tuple[int, int, str]]:
        for match in QUOTED.finditer(text):
            if could_be_a_value(match[0]):
                yield match.start() + 1, match.end() - 1, kind

    def _pseudonym(self, kind: str, value: str) -> str:
        known = (kind, value.casefold())
        if known not in self._given:
            self._counted[kind] += 1
            mark = str(self._counted[kind])
            if self.key:
                mark = hmac.new(self.key.encode(), f"{kind}\0{known[1]}".encode(), hashlib.sha256).hexdigest()[:8]
            self._given[known] = f"[{kind}_{mark}]"
        return self._given[known]

    def counts(self, prompt: str) -> dict[str, int]:
        """How many different values of each kind have a pseudonym that stands in ``prompt``."""
        return dict(sorted(Counter(kind for (kind, _), given in self._given.items() if given in prompt).items()))
