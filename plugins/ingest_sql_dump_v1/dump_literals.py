"""One value as the database would hold it, from exactly what is written: texts with their escapes, numbers, blobs, bits, NULL."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dump_dialects import Dialect
from dump_words import refused, shown, syntax

Form = Literal["null", "number", "text", "blob", "bits", "boolean", "expression"]
SQLITE_DIGITS = 4000
NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z")
MYSQL_ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a", b"%": b"\\%", b"_": b"\\_"}
POSTGRESQL_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
COPY_ESCAPES = {**POSTGRESQL_ESCAPES, b"v": b"\v"}
_ESCAPE = re.compile(rb"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)|''", re.DOTALL)
_COPY_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MYSQL_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_CAST = re.compile(rb'(?:\s*+::\s*+[\w"\s.]++(?:\([\d,\s]*+\)[\w\s]*+)?+(?:\[\])*+)++')
_SPACE = re.compile(rb"\s*+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CALL = re.compile(rb"(replace|char|unistr)\s*\(", re.IGNORECASE)
_ACTING = re.compile(
    rb"(?i)\b(select|load_file|load_extension|readfile|writefile|edit|fts3_tokenizer|pg_\w+|lo_\w+|dblink\w*|sys_\w+|xp_\w+|system"
    rb"|benchmark|sleep|copy|attach|query_to_xml|database_to_xml|current_setting|set_config|nextval|setval)\b"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """``data``: the digits of a number, the bytes of a text or blob, the 0 and 1 of bits, or an expression as written."""

    form: Form
    data: bytes = b""


NULL = Value("null")


def value_of(raw: bytes, dialect: Dialect) -> Value:
    """The value written as ``raw``. What is no literal is an expression, kept as written; nothing is ever computed but the three
    functions that SQLite's own dump writes into texts. Raises InputRejected for one that reads files or runs programs."""
    raw = raw.strip()
    if raw.upper() in (b"NULL", b"\\N"):
        return NULL
    if NUMBER.match(raw):
        return Value("number", raw)
    literal = _literal(raw, dialect)
    if literal is not None:
        return literal
    if raw.upper() in (b"TRUE", b"FALSE"):
        return Value("boolean", b"1" if raw.upper() == b"TRUE" else b"0")
    if dialect.name == "sqlite" and _CALL.match(raw):
        computed = _sqlite_text(raw, dialect)
        if computed is not None:
            return Value("text", computed)
    return _expression(raw, dialect)


def _expression(raw: bytes, dialect: Dialect) -> Value:
    words = b" ".join(found.group() for found in dialect.tokens.finditer(raw) if found.lastgroup in ("word", "sign"))
    acting = _ACTING.search(words)
    if acting or b"\\" in words:
        raise refused(0, f"The value “{shown(raw)}”", "it calls on the database to act")
    return Value("expression", raw)


def _literal(raw: bytes, dialect: Dialect) -> Value | None:
    """A single literal, with an introducer before it or a cast behind it; None where there is more."""
    found = dialect.tokens.match(raw)
    if found is None:
        return None
    kind, end = found.lastgroup, found.end()
    if kind == "word" and dialect.name == "mysql" and raw.startswith(b"_"):
        return _introduced(raw[:end], raw[end:].lstrip(), dialect)
    if kind in ("sign", "word") or end < len(raw):
        return _composed(raw, found, dialect)
    piece = found.group()
    if kind == "text" or (kind == "quoted" and dialect.name == "mysql"):
        text = _plain_text(piece, dialect)
        is_padded = dialect.name == "postgresql" and piece[:1] in b"nN"  # N'…' is a char(n) there: blanks at its end are padding
        return Value("text", text.rstrip(b" ") if is_padded else text)
    if kind == "escaped":
        return Value("text", _paired(_ESCAPE.sub(_postgresql_escape, piece[2:-1])))
    if kind == "unicode":
        return Value("text", _unicode_text(piece[3:-1].replace(b"''", b"'")))
    if kind == "dollar":
        tag = piece.index(b"$", 1) + 1
        return Value("text", piece[tag:-tag])
    return blob_of(piece, dialect) if kind == "blob" else None


def _composed(raw: bytes, found: re.Match[bytes], dialect: Dialect) -> Value | None:
    """A sign before a number, a cast behind a literal (the type is the column's), or texts side by side, which are one."""
    if found.group() in (b"-", b"+"):
        rest = raw[1:].strip()
        return Value("number", found.group() + rest) if NUMBER.match(rest) and rest[:1] not in b"+-" else None
    if dialect.name == "postgresql" and _CAST.fullmatch(raw, found.end()):
        return value if (value := value_of(found.group(), dialect)).form != "expression" else None
    if dialect.name == "sqlite" or found.lastgroup != "text":
        return None
    pieces, at = [], 0
    while at < len(raw):
        piece = dialect.tokens.match(raw, at)
        if piece is None or piece.lastgroup not in ("text", "space", "comment"):
            return None
        pieces.append(_plain_text(piece.group(), dialect) if piece.lastgroup == "text" else b"")
        at = piece.end()
    return Value("text", b"".join(pieces))


def _introduced(introducer: bytes, rest: bytes, dialect: Dialect) -> Value | None:
    """MySQL's ``_binary '…'`` and ``_utf8mb4 '…'``."""
    inner = _literal(rest, dialect)
    if inner is None or inner.form not in ("text", "blob"):
        return None
    return Value("blob" if introducer.lower() == b"_binary" else "text", inner.data)


def _plain_text(piece: bytes, dialect: Dialect) -> bytes:
    start = piece.find(b"'") if piece[:1] in b"nN'" else 0
    quote, inner = piece[start : start + 1], piece[start + 1 : -1]
    if not dialect.escapes or b"\\" not in inner:
        return inner.replace(quote * 2, quote)
    if dialect.name == "postgresql":
        return _paired(_ESCAPE.sub(_postgresql_escape, inner))
    return re.sub(rb"\\(.)|" + quote * 2, lambda found: _mysql_escape(found, quote), inner, flags=re.DOTALL)


def _mysql_escape(found: re.Match[bytes], quote: bytes) -> bytes:
    sign = found[1]
    return quote if sign is None else MYSQL_ESCAPES.get(sign, sign)


def _postgresql_escape(found: re.Match[bytes]) -> bytes:
    return b"'" if found[1] is None else _escaped(found[1], POSTGRESQL_ESCAPES)


def _escaped(code: bytes, letters: dict[bytes, bytes]) -> bytes:
    if code[:1] in b"uU" and len(code) > 1:
        return _character(code[1:])
    if code[:1] == b"x" and len(code) > 1:
        return bytes((int(code[1:], 16),))
    if code[:1] in b"01234567":
        return bytes((int(code, 8) & 0xFF,))
    return letters.get(code, code)


def _unicode_text(inner: bytes) -> bytes:
    def character(found: re.Match[bytes]) -> bytes:
        return b"\\" if found[1] == b"\\" else _character(found[1].lstrip(b"+"))

    return _paired(re.sub(rb"\\(\\|\+[0-9A-Fa-f]{6}|[0-9A-Fa-f]{4})", character, inner))


def _character(digits: bytes) -> bytes:
    """The character of a number in hexadecimal; raises InputRejected where there is none. Half a pair of UTF-16 is left for
    :func:`_paired`."""
    number = int(digits, 16)
    if number > sys.maxunicode:
        raise syntax(0, f"There is no character with the number {digits.decode()}.")
    return chr(number).encode("utf-8", "surrogatepass")


def _paired(text: bytes) -> bytes:
    """Halves of UTF-16 pairs put together, which may be written one by one; raises InputRejected for a half alone."""
    if b"\xed" not in text:
        return text
    decoded = text.decode("utf-8", "surrogatepass") if _is_decodable(text) else ""
    if not _SURROGATE.search(decoded):
        return text
    try:
        return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()
    except UnicodeDecodeError as reason:
        raise syntax(0, "A text has half of a pair of UTF-16 codes alone.") from reason


def _is_decodable(text: bytes) -> bool:
    try:
        text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def copy_text(raw: bytes) -> bytes:
    """A field of PostgreSQL's COPY text format, its backslashes taken out."""
    return _COPY_ESCAPE.sub(lambda found: _escaped(found[1], COPY_ESCAPES), raw)


def blob_of(piece: bytes, dialect: Dialect) -> Value | None:
    """``X'…'``, ``0x…``, ``b'…'`` and ``0b…``; in SQLite, 0x is a number."""
    digits = piece[2:-1] if piece.endswith(b"'") else piece[2:]
    if piece[:2].lower() in (b"b'", b"0b"):
        return Value("bits", digits) if not digits.strip(b"01") else None
    if dialect.name == "sqlite" and piece[:2].lower() == b"0x":
        number = int(digits, 16) if len(digits) <= SQLITE_DIGITS else 1 << 64
        if number >= 1 << 64:
            return None
        return Value("number", str(number - (1 << 64) if number >= 1 << 63 else number).encode())
    try:
        return Value("blob", bytes.fromhex(("0" * (len(digits) % 2) + digits.decode()) if piece[:1] == b"0" else digits.decode()))
    except ValueError:
        return None


def bytea_of(text: bytes) -> bytes:
    """What PostgreSQL's text form of a bytea means: ``\\x…`` in hexadecimal, else the older escape form."""
    if text[:2] == b"\\x":
        return bytes.fromhex(text[2:].decode())
    return re.sub(rb"\\(\\|[0-7]{3})", lambda found: b"\\" if found[1] == b"\\" else bytes((int(found[1], 8) & 0xFF,)), text)


def _sqlite_text(raw: bytes, dialect: Dialect) -> bytes | None:
    """``replace('a\\nb','\\n',char(10))`` and ``unistr('…')``, as SQLite's dump writes texts with line ends."""
    try:
        text, at = _argument(raw, 0, dialect)
    except (ValueError, OverflowError, RecursionError):
        return None
    return text if _SPACE.fullmatch(raw, at) else None


def _argument(raw: bytes, at: int, dialect: Dialect) -> tuple[bytes, int]:
    call = _CALL.match(raw, at)
    if call is None:
        piece = dialect.tokens.match(raw, at)
        if piece is None or piece.lastgroup not in ("text", "number"):
            raise ValueError
        return (_plain_text(piece.group(), dialect) if piece.lastgroup == "text" else piece.group()), piece.end()
    given, at = [], call.end()
    while True:
        value, at = _argument(raw, _behind_space(raw, at), dialect)
        given.append(value)
        at = _behind_space(raw, at) + 1
        if raw[at - 1 : at] == b")":
            return _CALLS[call[1].lower()](given), at
        if raw[at - 1 : at] != b",":
            raise ValueError


def _behind_space(raw: bytes, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _replace(given: list[bytes]) -> bytes:
    """SQLite puts a line end in the place of longer codes for it; what would make a text longer is none of its own, and kept."""
    text, old, new = given
    if len(new) > len(old):
        raise ValueError
    return text.replace(old, new) if old else text


def _char(given: list[bytes]) -> bytes:
    return "".join(chr(int(code)) for code in given).encode()


def _unistr(given: list[bytes]) -> bytes:
    (text,) = given
    found = re.compile(rb"\\(\\|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\+[0-9A-Fa-f]{6}|[0-9A-Fa-f]{4})")
    return found.sub(lambda code: b"\\" if code[1] == b"\\" else chr(int(code[1].lstrip(b"uU+"), 16)).encode(), text)


_CALLS: dict[bytes, Callable[[list[bytes]], bytes]] = {b"replace": _replace, b"char": _char, b"unistr": _unistr}
