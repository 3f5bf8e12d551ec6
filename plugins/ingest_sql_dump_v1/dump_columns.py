"""What a column is read as, which holds for all its rows: where one value does not fit, the first reading only notes it, and a
second takes the column as something that every value fits."""

import codecs
import hashlib
from dataclasses import dataclass, field

import pyarrow
import pyarrow.compute
from dump_casts import DATE_LENGTH, cast
from dump_digits import Digits
from dump_types import BINARY, DATE, FLOAT, INTEGER, MAX_DIGITS, TEXT, Kind
from dump_values import NUMBER_PATTERN
from dump_words import shown

SPECIAL_PATTERN = r"(?i)^[+-]?(nan|inf|infinity)$"
NUMBERS = frozenset({"integer", "decimal", "exponent"})
EXAMPLES = 3
INTEGER_DIGITS, BIGINT_DIGITS, FLOAT_DIGITS = 18, 19, 15


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(bytes((byte,)).decode("cp1252", "replace") for byte in bad), error.end


codecs.register_error("dump_mend", _one_by_one)


@dataclass
class Seen:
    """What was seen of the values of a column, each by itself, so that neither their order nor the batches matter: enough to say
    what all of them fit. ``forms``: integer, decimal, exponent, special (NaN and infinities), date, blob or text."""

    forms: set[str] = field(default_factory=set)
    digits: Digits = field(default_factory=Digits)
    examples: dict[bytes, str] = field(default_factory=dict)

    def measure(self, payload: pyarrow.Array, *, is_trimmed: bool) -> None:
        """Take in values; ``is_trimmed``: blanks around a number do not matter. Nothing counts any more once one is a text."""
        if "text" in self.forms:
            return
        forms, is_other = self.digits.take_column(payload)
        self.forms |= forms
        if not is_other.any():
            return
        try:
            others = payload.filter(pyarrow.array(is_other)).unique().cast(pyarrow.string())
        except pyarrow.ArrowInvalid:
            self.forms.add("text")
            return
        trimmed = pyarrow.compute.ascii_trim_whitespace(others)
        if is_trimmed and not trimmed.equals(others):
            self.measure(trimmed.cast(pyarrow.binary()), is_trimmed=False)
            return
        is_exponent = pyarrow.compute.match_substring_regex(others, NUMBER_PATTERN)
        self.digits.take_exponents(text.encode() for text in others.filter(is_exponent).to_pylist())
        rest = others.filter(pyarrow.compute.invert(is_exponent))
        is_special = pyarrow.compute.match_substring_regex(rest, SPECIAL_PATTERN)
        words = rest.filter(pyarrow.compute.invert(is_special))
        if len(rest) < len(others):
            self.forms.add("exponent")
        if len(words) < len(rest):
            self.forms.add("special")
        if len(words):
            self.forms.add("date" if _are_dates(words) else "text")

    def as_decimal(self, *, is_as_written: bool, whole: int = 0, scale: int = 0) -> Kind | None:
        """The decimal of 38 digits that holds all values, with at least so many digits before and behind the point; None where
        there is none."""
        found = self.digits.scale(is_as_written=is_as_written, whole=whole, least=scale) if self.forms <= NUMBERS else None
        return None if found is None else Kind("decimal", MAX_DIGITS, found)


def _are_dates(texts: pyarrow.Array) -> bool:
    """Without a time of day, not even midnight."""
    longest = pyarrow.compute.max(pyarrow.compute.utf8_length(texts)).as_py()
    return longest <= DATE_LENGTH and cast(texts.cast(pyarrow.binary()), DATE, "") is not None


@dataclass
class ColumnReading:
    """One column in one pass over the dump. ``final``: it is read as ``kind`` whatever comes, which all values are known to fit;
    ``is_indirect``: some of its values are not written as Arrow's CSV reader takes them; ``is_measured``: a decimal without
    declared digits, or with more than declared, whose kind grows with the values and is right when all have come."""

    name: str
    kind: Kind
    default: bytes | None = None
    final: bool = False
    seen: Seen = field(default_factory=Seen)
    has_failed: bool = False
    has_fitted: bool = False
    expressions: int = 0
    mended: int = 0
    is_indirect: bool = False
    is_measured: bool = field(init=False)
    declared: Kind = field(init=False)

    def __post_init__(self) -> None:
        self.declared, self.is_measured = self.kind, self.kind.name == "decimal" and self.kind.scale is None

    @property
    def is_open(self) -> bool:
        """It is only looked at in this pass."""
        return not self.final and (self.has_failed or self.kind.name == "unknown")

    @property
    def is_wider(self) -> bool:
        """Some values do not fit the declared digits."""
        return self.is_measured and self.declared.scale is not None

    def convert(self, payload: pyarrow.Array, dialect: str) -> pyarrow.Array | None:
        """The typed values; None where they are only looked at, or do not fit."""
        if self.is_measured:
            self._grow(payload)
        found = None if self.is_open else cast(payload, self.kind, dialect)
        if found is None and self.kind.name == "decimal" and not (self.final or self.is_measured):
            self.is_measured = True
            self._grow(payload)
            found = None if self.is_open else cast(payload, self.kind, dialect)
        if self.is_open:
            self._look_at(payload, dialect)
            return None
        if found is None and self.kind.name in ("text", "unknown"):
            return self._mend(payload)
        if found is None:
            self.has_failed = True
            self._look_at(payload, dialect)
        elif payload.null_count < len(payload):
            self.has_fitted = True
        return self.noted(found)

    def noted(self, array: pyarrow.Array | None) -> pyarrow.Array | None:
        """``array``; of declared decimals of 38 digits, how many stand before the point is remembered, for a wider one."""
        if array is None or self.final or self.is_measured or self.kind.name != "decimal" or self.kind.precision < MAX_DIGITS:
            return array
        ends = pyarrow.compute.min_max(array).as_py()
        digits = [len(str(abs(int(value)))) for value in ends.values() if value is not None]
        self.seen.digits.whole = max(self.seen.digits.whole, *digits, 0) if digits else self.seen.digits.whole
        return array

    def _grow(self, payload: pyarrow.Array) -> None:
        """A decimal has room for the values so far: as they are written, or as declared and for what does not fit that; of 38
        declared digits, those before the point give way where they are not used."""
        self.seen.measure(payload, is_trimmed=True)
        precision, scale = self.declared.precision, self.declared.scale
        if scale is None:
            found = self.seen.as_decimal(is_as_written=True)
        else:
            whole = precision - scale if precision < MAX_DIGITS else 0
            found = self.seen.as_decimal(is_as_written=False, whole=whole, scale=scale)
        self.kind = found or Kind("decimal", MAX_DIGITS, 0)
        self.has_failed = found is None

    def _look_at(self, payload: pyarrow.Array, dialect: str) -> None:
        """Values of a column that is open: what they fit, and the first of those that do not fit its kind."""
        distinct = payload.drop_null().unique() if self.kind.name != "unknown" else payload.slice(0, 0)
        examples = self.seen.examples
        while len(distinct) and len(examples) < EXAMPLES:
            place = self._first_misfit(distinct, dialect)
            if place is None:
                break
            value = distinct[place].as_py()
            examples.setdefault(hashlib.sha256(value).digest(), shown(value, 40))
            distinct = distinct.slice(place + 1)
        if not self.is_measured:
            self.seen.measure(payload, is_trimmed=self.kind.name != "unknown")

    def _first_misfit(self, values: pyarrow.Array, dialect: str) -> int | None:
        """The place of the first value that does not fit, by halves; None where all do."""
        if self._fits(values, dialect):
            return None
        begin, size = 0, len(values)
        while size > 1:
            half = size // 2
            if self._fits(values.slice(begin, half), dialect):
                begin, size = begin + half, size - half
            else:
                size = half
        return begin

    def _fits(self, values: pyarrow.Array, dialect: str) -> bool:
        if self.kind.name != "decimal":
            return cast(values, self.kind, dialect) is not None
        seen = Seen()
        seen.measure(values, is_trimmed=True)
        return seen.forms <= NUMBERS

    def _mend(self, payload: pyarrow.Array) -> pyarrow.Array:
        """Texts that are no UTF-8, read as Windows-1252 byte by byte where they are broken, and counted."""
        texts: list[str | None] = []
        for value in payload.to_pylist():
            try:
                texts.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                self.mended += 1
                texts.append(value.decode("utf-8", "dump_mend"))
        return pyarrow.array(texts, pyarrow.string())

    def settled(self) -> Kind:
        """What all values fit, after a pass that looked at them."""
        if self.kind.name == "unknown":
            return self._told_by_values()
        if not self.has_failed:
            return self.kind
        if self.kind.name in ("integer", "bits") and not self.final:
            return self.seen.as_decimal(is_as_written=False, whole=BIGINT_DIGITS) or TEXT
        if self.final:
            return TEXT
        return DATE if self.kind.name == "timestamp" and self.seen.forms == {"date"} and not self.has_fitted else TEXT

    def _told_by_values(self) -> Kind:
        """Undeclared values with exponents are floats, beside whole numbers that a float holds."""
        forms, digits = self.seen.forms, self.seen.digits
        if forms == {"integer"} and digits.whole <= INTEGER_DIGITS:
            return INTEGER
        if forms & {"exponent", "special"} and forms <= NUMBERS | {"special"} and digits.integer <= FLOAT_DIGITS:
            return FLOAT
        if forms:
            return self.seen.as_decimal(is_as_written=True) or (BINARY if forms == {"blob"} else TEXT)
        return TEXT
