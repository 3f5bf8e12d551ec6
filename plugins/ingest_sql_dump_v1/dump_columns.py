"""What a column is read as, which holds for all its rows: where one value does not fit, the first reading only notes it, and a
second takes the column as something that every value fits."""

import codecs
from dataclasses import dataclass, field

import pyarrow
import pyarrow.compute
from dump_casts import cast
from dump_types import BINARY, DATE, FLOAT, INTEGER, MAX_DIGITS, TEXT, Kind, decimal_of
from dump_words import shown

DECIMAL_PATTERN = r"^\s*[+-]?\d*\.?\d*\s*$"
EXAMPLES = 3
BIGINT_DIGITS = 19


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(bytes((byte,)).decode("cp1252", "replace") for byte in bad), error.end


codecs.register_error("dump_mend", _one_by_one)


@dataclass
class Seen:
    """What was seen of a column that does not fit, or has no declared type: enough to say what all its values fit."""

    forms: set[str] = field(default_factory=set)
    integer_digits: int = 0
    scale: int = 0
    examples: list[str] = field(default_factory=list)
    misfits: int = 0

    def measure(self, payload: pyarrow.Array) -> None:
        """Take in values: ``integer``, ``decimal``, ``float``, ``date`` or ``text``."""
        try:
            texts = payload.cast(pyarrow.string()).drop_null()
        except pyarrow.ArrowInvalid:
            self.forms.add("text")
            return
        if not len(texts):
            return
        compute = pyarrow.compute
        if not compute.all(compute.match_substring_regex(texts, DECIMAL_PATTERN)).as_py():
            payload = texts.cast(pyarrow.binary())
            fitting = (kind.name for kind in (FLOAT, DATE) if cast(payload, kind, "") is not None)
            self.forms.add(next(fitting, "text"))
            return
        bare = compute.utf8_trim(compute.utf8_trim_whitespace(texts), "+-")
        points, sizes = compute.find_substring(bare, "."), compute.utf8_length(bare)
        whole = compute.if_else(compute.less(points, 0), sizes, points)
        behind = compute.if_else(compute.less(points, 0), 0, compute.subtract(compute.subtract(sizes, points), 1))
        self.integer_digits = max(self.integer_digits, compute.max(whole).as_py())
        self.scale = max(self.scale, compute.max(behind).as_py())
        self.forms.add("integer" if compute.max(points).as_py() < 0 else "decimal")


@dataclass
class ColumnReading:
    """One column in one pass over the dump. ``final``: it is read as ``kind`` whatever comes, which all values are known to fit;
    ``is_indirect``: some of its values are not written as Arrow's CSV reader takes them."""

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

    @property
    def is_open(self) -> bool:
        """It is only looked at in this pass."""
        return not self.final and (self.has_failed or self.kind.name == "unknown")

    def convert(self, payload: pyarrow.Array, dialect: str) -> pyarrow.Array | None:
        """The typed values; None where they are only looked at, or do not fit."""
        if self.kind.name == "decimal" and self.kind.scale is None:
            self._settle_scale(payload)
        if self.is_open:
            self.seen.measure(payload)
            return None
        found = cast(payload, self.kind, dialect)
        if found is None and self.kind.name in ("text", "unknown"):
            return self._mend(payload)
        if found is None:
            self._fail(payload, dialect)
        elif payload.null_count < len(payload):
            self.has_fitted = True
        return self.noted(found)

    def noted(self, array: pyarrow.Array | None) -> pyarrow.Array | None:
        """``array``; of decimals without declared digits, how many stand before the point is remembered."""
        if array is None or self.final or self.kind.name != "decimal" or self.kind.precision < MAX_DIGITS:
            return array
        ends = pyarrow.compute.min_max(array).as_py()
        digits = [len(str(abs(int(value)))) for value in ends.values() if value is not None]
        self.seen.integer_digits = max(self.seen.integer_digits, *digits, 0) if digits else self.seen.integer_digits
        return array

    def _settle_scale(self, payload: pyarrow.Array) -> None:
        """A decimal without declared digits begins with those of the first values that there are."""
        if payload.null_count == len(payload):
            self.kind = Kind("decimal", self.kind.precision, None)
            return
        first = Seen()
        first.measure(payload)
        found = decimal_of(first.integer_digits, first.scale) if first.forms <= {"integer", "decimal"} else None
        self.kind = found or Kind("decimal", self.kind.precision, 0)
        self.has_failed = found is None

    def _fail(self, payload: pyarrow.Array, dialect: str) -> None:
        self.has_failed = True
        for value in payload.drop_null().unique():
            if cast(pyarrow.array([value.as_py()], pyarrow.binary()), self.kind, dialect) is None:
                self.seen.examples.append(shown(value.as_py(), 40))
                if len(self.seen.examples) == EXAMPLES:
                    break
        self.seen.measure(payload)

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
        if self.final:
            return TEXT
        if self.kind.name in ("integer", "bits", "decimal") and self.seen.forms <= {"integer", "decimal"}:
            declared = self.kind.precision - (self.kind.scale or 0) if self.kind.precision < MAX_DIGITS else 0
            whole = declared if self.kind.name == "decimal" else BIGINT_DIGITS
            found = decimal_of(max(whole, self.seen.integer_digits), max(self.kind.scale or 0, self.seen.scale))
            return found or TEXT
        return DATE if self.kind.name == "timestamp" and self.seen.forms == {"date"} and not self.has_fitted else TEXT

    def _told_by_values(self) -> Kind:
        forms = self.seen.forms
        if forms == {"integer"} and self.seen.integer_digits <= 18:
            return INTEGER
        if forms and forms <= {"integer", "decimal"}:
            return decimal_of(self.seen.integer_digits, self.seen.scale) or TEXT
        if forms and forms <= {"integer", "decimal", "float"}:
            return FLOAT
        return BINARY if forms == {"blob"} else TEXT
