"""Columns of text, truth values and anything else: grouped once by value, and described exactly from the groups."""

import unicodedata
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as compute
from numpy.typing import NDArray
from profile_forms import SEEN_LENGTH
from profile_semantics import FREE_TEXT_LENGTH

from harness_core.sdk import Dataset

BATCH_ROWS = 65_536
KEPT_GROUPS = 2_000_000  # more groups than these are counted twice rather than kept
SEEN_VALUES = 1_000  # looked at to guess the semantic type, which is then counted over all rows
SHOWN_CHARACTERS = 80
MAX_SHAPES = 5_000  # a column with more shapes than these has none worth listing
WHITESPACE = " \t\r\n\v\f\u00a0"

IS_SPACE_BYTE = np.zeros(256, dtype=bool)
IS_SPACE_BYTE[[ord(character) for character in WHITESPACE if character.isascii()]] = True
SHAPE_OF_BYTE = np.arange(256, dtype=np.uint8)
SHAPE_OF_BYTE[ord("a") : ord("z") + 1] = ord("a")
SHAPE_OF_BYTE[ord("A") : ord("Z") + 1] = ord("A")
SHAPE_OF_BYTE[ord("0") : ord("9") + 1] = ord("9")


class Groups:
    """The distinct values of one column with their counts: ``relation`` has ``v`` and ``n``. Nulls are left out."""

    def __init__(self, dataset: Dataset, relation: str, sql: str, storage: str) -> None:
        self._dataset = dataset
        self.is_text = storage == "VARCHAR"
        self.is_binary = storage == "BLOB"
        value = sql if self.is_text or self.is_binary else f"CAST({sql} AS VARCHAR)"
        self._counted = f"SELECT {value} AS v, count(*) AS n FROM {relation} WHERE {sql} IS NOT NULL"
        self._one_in = 1
        if dataset.row_count > KEPT_GROUPS:
            self._one_in = max(
                1, int(dataset.sql(f"SELECT approx_count_distinct({value}) FROM {relation}").scalar()) // SEEN_VALUES
            )
        self.are_kept = self._one_in * SEEN_VALUES <= KEPT_GROUPS
        if self.are_kept:
            dataset.connection.execute(f"CREATE OR REPLACE TEMP TABLE profile_groups AS {self._counted} GROUP BY ALL")
        self.relation = "profile_groups" if self.are_kept else f"({self._counted} GROUP BY ALL)"

    def facts(self) -> dict[str, Any]:
        """How many distinct values there are, and the rows of the most frequent one."""
        distinct, most = self._dataset.sql(f"SELECT count(*), max(n) FROM {self.relation}").fetchall()[0]
        return {"distinct_count": distinct, "most_frequent_count": most}

    def lengths(self) -> dict[str, Any]:
        """Of values that are no text: their bytes, or the characters they are written with."""
        length = "octet_length(v)" if self.is_binary else "length(v)"
        row = self._dataset.sql(f"SELECT min({length}), max({length}), sum({length} * n), sum(n) FROM {self.relation}").fetchall()[
            0
        ]
        return {"min": row[0], "max": row[1], "mean": int(row[2]) / int(row[3])}

    def seen(self) -> list[tuple[str, int]]:
        """Up to a thousand values with all their rows, chosen by hash: the same ones whatever the order of the rows."""
        groups = self.relation
        if not self.are_kept:  # hashes below twice the share that is wanted: about two thousand values, never the whole column
            groups = f"({self._counted} AND hash(v) % {self._one_in} < 2 GROUP BY ALL)"
        query = f"SELECT left(v, {SEEN_LENGTH}), n FROM {groups} ORDER BY hash(v), v LIMIT {SEEN_VALUES}"
        return [(str(value), int(count)) for value, count in self._dataset.sql(query).fetchall()]

    def matching(self, expression: str) -> int:
        """The rows whose trimmed value matches a regular expression as a whole."""
        query = f"SELECT coalesce(sum(n), 0) FROM {self.relation} WHERE regexp_full_match(trim(v, '{WHITESPACE}'), ?)"
        return int(self._dataset.sql(query, [expression]).scalar())

    def top(self, keep: int) -> list[dict[str, Any]]:
        rows = self._dataset.sql(f"SELECT v, n FROM {self.relation} ORDER BY n DESC, v LIMIT {keep}").fetchall()
        return [{"value": str(value)[:SHOWN_CHARACTERS], "count": int(count)} for value, count in rows]


@dataclass
class Walk:
    """What one pass over texts in row order gathers: order by code point, lengths in characters, padding, and shapes.

    Shapes are counted while all values are short enough to be codes and there are not too many shapes.
    """

    rises: bool = True
    falls: bool = True
    last: str | None = None
    rows: int = 0
    shortest: int | None = None
    longest: int = 0
    characters: int = 0
    padded: int = 0
    blank: int = 0
    shapes: dict[str, int] | None = field(default_factory=dict)

    def add(self, values: pyarrow.StringArray) -> None:
        self._order(values)
        lengths = compute.utf8_length(values)
        shortest, longest = compute.min_max(lengths).as_py().values()
        self.shortest = shortest if self.shortest is None else min(self.shortest, shortest)
        self.longest = max(self.longest, longest)
        self.characters += compute.sum(lengths).as_py()
        self.rows += len(values)
        offsets = np.frombuffer(values.buffers()[1], dtype=np.int32)[: len(values) + 1]
        data = np.frombuffer(values.buffers()[2] or b"", dtype=np.uint8)
        self._padding(values, offsets, data)
        if self.shapes is not None:
            self.shapes = _add_shapes(self.shapes, values, data) if self.longest <= FREE_TEXT_LENGTH else None

    def _order(self, values: pyarrow.StringArray) -> None:
        if self.rises or self.falls:
            first = values[0].as_py() if self.last is None else self.last
            before = pyarrow.concat_arrays([pyarrow.array([first], pyarrow.string()), values[:-1]])
            self.rises = self.rises and bool(compute.all(compute.less_equal(before, values)).as_py())
            self.falls = self.falls and bool(compute.all(compute.greater_equal(before, values)).as_py())
        self.last = values[-1].as_py()

    def _padding(self, values: pyarrow.StringArray, offsets: NDArray[np.int32], data: NDArray[np.uint8]) -> None:
        """Blank and padded values, by their first and last byte; a no-break space is the two bytes C2 A0."""
        filled = np.flatnonzero(np.diff(offsets) > 0)
        self.blank += len(values) - len(filled)
        if len(filled) == 0:
            return
        starts, ends = offsets[filled], offsets[filled + 1] - 1
        may_pad = IS_SPACE_BYTE[data[starts]] | IS_SPACE_BYTE[data[ends]] | (data[starts] == 0xC2) | (data[ends] == 0xA0)
        suspects = values.take(pyarrow.array(filled[may_pad]))
        trimmed = compute.utf8_trim(suspects, WHITESPACE)
        self.padded += compute.sum(compute.not_equal(trimmed, suspects)).as_py() or 0
        self.blank += compute.sum(compute.equal(trimmed, "")).as_py() or 0

    def facts(self) -> dict[str, Any]:
        direction = None  # both directions hold where all values are the same
        if self.rises != self.falls:
            direction = "ascending" if self.rises else "descending"
        lengths = {"min": self.shortest, "max": self.longest, "mean": self.characters / self.rows}
        return {"is_sorted": direction, "lengths": lengths, "padded_count": self.padded, "blank_count": self.blank}


def walk(dataset: Dataset, relation: str, sql: str) -> Walk:
    """One pass over a text column in row order, nulls left out."""
    gathered = Walk()
    for batch in dataset.sql(f"SELECT {sql} AS v FROM {relation} WHERE {sql} IS NOT NULL").to_arrow_reader(BATCH_ROWS):
        if batch.num_rows:
            gathered.add(pyarrow.concat_arrays([batch.column(0).cast(pyarrow.string())]))  # copied: its buffers begin at zero
    return gathered


def _add_shapes(shapes: dict[str, int], values: pyarrow.StringArray, data: NDArray[np.uint8]) -> dict[str, int] | None:
    """Count the shapes of one batch: letters become ``A`` and ``a``, digits ``9``, all bytes at once by table."""
    validity, offsets, _ = values.buffers()
    mapped = pyarrow.py_buffer(SHAPE_OF_BYTE[data])
    for entry in compute.value_counts(pyarrow.StringArray.from_buffers(len(values), offsets, mapped, validity)).to_pylist():
        shape = entry["values"] if entry["values"].isascii() else shape_of(entry["values"])
        shapes[shape] = shapes.get(shape, 0) + entry["counts"]
    return shapes if len(shapes) <= MAX_SHAPES else None


def shape_of(text: str) -> str:
    """``text`` with letters as ``A`` and ``a`` (small, and those of scripts without case) and digits as ``9``."""
    return "".join(_shape_of_character(character) for character in text)


def _shape_of_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Lu":
        return "A"
    if category.startswith("L"):
        return "a"
    return "9" if category == "Nd" else character


def patterns(shapes: dict[str, int] | None, keep: int) -> dict[str, Any]:
    """The most frequent shapes, and how many there are; nothing where every value has its own."""
    if not shapes:
        return {}
    ranked = sorted(shapes.items(), key=lambda item: (-item[1], item[0]))
    return {"patterns": [{"pattern": shape, "count": count} for shape, count in ranked[:keep]], "pattern_count": len(ranked)}
