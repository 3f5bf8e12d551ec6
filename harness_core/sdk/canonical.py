"""Canonical bytes: one value has one JSON text, on any machine; and a strict reader that trusts nobody's.

UTF-8, sorted keys, two-space indent, a newline at the end, shortest round-trip floats, and no NaN or Infinity:
:func:`jsonable` turns those into ``null`` and reports where they stood.
"""

import json
import math
from collections.abc import Mapping, Sequence, Set
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_INTEGER_DIGITS = 400


class NotCanonical(ValueError):
    """A text or a value that has no canonical form; the message says what and where."""


def canonical_bytes(value: Any) -> bytes:
    """The canonical JSON text of ``value`` (see the module), ending in a newline.

    Raises :class:`NotCanonical` for NaN, Infinity and for types that JSON does not have.
    """
    try:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8") + b"\n"
    except (ValueError, TypeError, RecursionError) as reason:
        raise NotCanonical(str(reason)) from reason


def compact_bytes(value: Any) -> bytes:
    """The same value on one line, for columns of the state database and frames on a pipe."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (ValueError, TypeError, RecursionError) as reason:
        raise NotCanonical(str(reason)) from reason


def sha256_hex(data: bytes) -> str:
    import hashlib  # OpenSSL takes milliseconds to load, and few guests hash anything

    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 (64 hex) over the canonical bytes of ``value``."""
    return sha256_hex(canonical_bytes(value))


def jsonable(value: Any, notes: list[str] | None = None, where: str = "$") -> Any:
    """``value`` with everything that plugins commonly hold turned into plain JSON values.

    NumPy scalars and arrays, dates, decimals, sets (sorted), tuples, enums, paths. NaN and the infinities become ``None``;
    each is reported in ``notes`` with its place. Unknown types raise :class:`NotCanonical`.
    """
    if value is None or (isinstance(value, bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, float):
        return _finite(float(value), notes, where)
    if isinstance(value, Enum):
        return jsonable(value.value, notes, where)
    if isinstance(value, Mapping):
        return {_clean_text(str(key)): jsonable(item, notes, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Set):
        return sorted((jsonable(item, notes, where) for item in value), key=lambda item: (str(type(item)), item))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Sequence):
        return [jsonable(item, notes, f"{where}[{index}]") for index, item in enumerate(value)]
    return _jsonable_leaf(value, notes, where)


def _jsonable_leaf(value: Any, notes: list[str] | None, where: str) -> Any:
    from datetime import date, datetime, time, timedelta  # here, because most guests start without needing them
    from decimal import Decimal

    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else _finite(float(value), notes, where)
    if isinstance(value, PurePath):
        return value.as_posix()
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, Arrow and pandas containers
        return jsonable(value.tolist(), notes, where)
    if hasattr(value, "as_py"):
        return jsonable(value.as_py(), notes, where)
    if hasattr(value, "hex") and hasattr(value, "int"):  # uuid.UUID
        return str(value)
    raise NotCanonical(f"{where}: a {type(value).__name__} has no JSON form")


def _finite(value: float, notes: list[str] | None, where: str) -> float | None:
    if math.isfinite(value):
        return value
    if notes is not None:
        notes.append(f"{where} was {value} and is null here, because JSON has no such number")
    return None


def _clean_text(text: str) -> str:
    """Lone surrogates cannot be written as UTF-8; they become the replacement character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def strict_loads(data: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Read JSON that somebody else wrote; raises :class:`NotCanonical` for everything that could surprise a reader.

    Refused: text that is not UTF-8, NaN, Infinity, numbers that overflow to infinity, integers beyond 400 digits,
    duplicate keys, nesting deeper than ``max_depth``, lone surrogates.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_bounded_int,
        )
        _check_depth(value, max_depth)
        compact_bytes(value)  # a lone surrogate decodes, and fails only here
    except (UnicodeDecodeError, UnicodeEncodeError, json.JSONDecodeError, RecursionError) as reason:
        raise NotCanonical(str(reason)) from reason
    return value


def _check_depth(value: Any, max_depth: int) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > max_depth + 1:
            raise NotCanonical(f"nested deeper than {max_depth} levels")
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotCanonical(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise NotCanonical(f"{text} is not a JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotCanonical(f"{text[:40]} is beyond the range of a double")
    return value


def _bounded_int(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise NotCanonical(f"an integer of {len(text)} digits")
    return int(text)
