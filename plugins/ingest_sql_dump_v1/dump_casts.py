"""Texts to typed values, all or none: what a database would read from the same text, and never a guess."""

import re
from collections.abc import Callable

import pyarrow
import pyarrow.compute
from dump_digits import is_safe, plain_decimal
from dump_literals import bytea_of
from dump_types import Kind

_DATE_PARTS = r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
_TIME_PARTS = r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?"
_DATE = re.compile(_DATE_PARTS + r"(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?)?", re.ASCII)
_MOMENT = re.compile(_DATE_PARTS + r"(?:[ T]" + _TIME_PARTS + r"0*)?", re.ASCII)
_ZONED = re.compile(_DATE_PARTS + r"[ T]" + _TIME_PARTS + r"0*\s?(Z|[+-]\d{2}(?::?\d{2})?)", re.ASCII)
_TIME = re.compile(_TIME_PARTS, re.ASCII)
DATE_LENGTH = 10
_TRUE, _FALSE = frozenset({"t", "true", "1", "y", "yes", "on"}), frozenset({"f", "false", "0", "n", "no", "off"})


def cast(payload: pyarrow.Array, kind: Kind, dialect: str) -> pyarrow.Array | None:
    """The binary array as ``kind``; None where a value does not convert exactly."""
    if kind.name == "binary":
        return _binary(payload, dialect)
    try:
        texts = payload.cast(pyarrow.string())
    except pyarrow.ArrowInvalid:
        return None
    if kind.name in ("text", "unknown"):
        return texts
    if dialect == "sqlite" and kind.name == "timestamp" and not _have_times(texts):
        return None
    return _CASTS[kind.name](texts, kind)


def _have_times(texts: pyarrow.Array) -> bool:
    """SQLite keeps the text of a moment: one without a time of day is no other way to write one with it."""
    shortest = pyarrow.compute.min(pyarrow.compute.utf8_length(texts)).as_py()
    return shortest is None or bool(shortest > DATE_LENGTH)


def _binary(payload: pyarrow.Array, dialect: str) -> pyarrow.Array | None:
    if dialect != "postgresql":
        return payload
    try:
        return pyarrow.array([None if value is None else bytea_of(value) for value in payload.to_pylist()], pyarrow.binary())
    except ValueError:
        return None


def _tried(texts: pyarrow.Array, target: pyarrow.DataType) -> pyarrow.Array | None:
    try:
        return texts.cast(target)
    except pyarrow.ArrowInvalid:
        return None


def _integer(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    if pyarrow.compute.any(pyarrow.compute.match_substring(texts, "x", ignore_case=True)).as_py():
        return None
    found = _tried(texts, kind.arrow)
    return found if found is not None else _tried(_distinct(texts, _whole), kind.arrow)


def _whole(text: str) -> str:
    """``+5`` and ``12.00`` are whole numbers too."""
    found = re.fullmatch(r"\s*\+?(-?\d+)(?:\.0*)?\s*", text, re.ASCII)
    return found[1] if found else text


def _number(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    return _tried(pyarrow.compute.ascii_trim_whitespace(texts), kind.arrow)


def _decimal(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    trimmed, scale = pyarrow.compute.ascii_trim_whitespace(texts), kind.scale or 0
    if not is_safe(trimmed, scale):
        trimmed = _distinct(trimmed, lambda text: plain_decimal(text, kind.precision, scale))
    return _tried(trimmed, kind.arrow)


def _single(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    """The shortest decimal that names the 32-bit number, as a double: 45.9000015 and 45.9 are the same one."""
    narrow = _tried(pyarrow.compute.ascii_trim_whitespace(texts), pyarrow.float32())
    if narrow is None:
        return None
    wide = _tried(narrow.cast(pyarrow.string()), kind.arrow)
    full = _number(texts, kind)
    return wide if wide is not None and pyarrow.compute.is_inf(wide).equals(pyarrow.compute.is_inf(full)) else None


def _date(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    found = _tried(texts, kind.arrow)
    return found if found is not None else _tried(_distinct(texts, _plain_date), kind.arrow)


def _plain_date(text: str) -> str:
    found = _DATE.fullmatch(text)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else text


def _moment(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    found = _tried(texts, kind.arrow)
    return found if found is not None else _tried(_distinct(texts, _plain_moment), kind.arrow)


def _plain_moment(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    if not found:
        return text
    day = f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
    return f"{day} {int(found[4] or 0):02}:{found[5] or '00'}:{found[6] or '00'}{found[7] or ''}"


def _zoned(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    zoned = pyarrow.timestamp("us", tz="UTC")
    found = _tried(texts, zoned)
    found = found if found is not None else _tried(_distinct(texts, _plain_zoned), zoned)
    return found.cast(kind.arrow) if found is not None else None


def _plain_zoned(text: str) -> str:
    found = _ZONED.fullmatch(text)
    return _plain_moment(text[: found.start(8)].rstrip()) + found[8] if found else text


def _time(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    """Arrow casts no text to a time: by way of an instant on the first day."""
    days = _tried(_distinct(texts, _plain_time), pyarrow.timestamp("us"))
    return days.cast(kind.arrow) if days is not None else None


def _plain_time(text: str) -> str:
    found = _TIME.fullmatch(text)
    return f"1970-01-01 {int(found[1]):02}:{found[2]}:{found[3] or '00'}{found[4] or ''}" if found else "no time"


def _boolean(texts: pyarrow.Array, kind: Kind) -> pyarrow.Array | None:
    words = _distinct(texts, lambda text: "t" if text.lower() in _TRUE else "f" if text.lower() in _FALSE else "?")
    if pyarrow.compute.any(pyarrow.compute.equal(words, "?")).as_py():
        return None
    return pyarrow.compute.equal(words, "t")


def _distinct(texts: pyarrow.Array, change: Callable[[str], str]) -> pyarrow.Array:
    """Each text changed, the work done once per distinct text."""
    encoded = texts.dictionary_encode()
    changed = pyarrow.array([change(text) for text in encoded.dictionary.to_pylist()], pyarrow.string())
    return changed.take(encoded.indices)


_CASTS: dict[str, Callable[[pyarrow.Array, Kind], pyarrow.Array | None]] = {
    "integer": _integer, "bits": _integer, "decimal": _decimal, "float": _number, "single": _single,
    "date": _date, "timestamp": _moment,
    "zoned": _zoned, "time": _time, "boolean": _boolean,
}  # fmt: skip
