"""Numbers as they are written: how many digits a decimal needs, found for a whole column at once, and their exact text.

Arrow's conversion of texts to decimals is not used unseen: it wraps around without a word beyond 38 digits, counted with those that
the scale adds. What is here decides when it cannot, and rewrites the other numbers digit by digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy
import pyarrow
import pyarrow.compute
from dump_literals import NUMBER
from dump_planes import Mask, Places
from dump_types import MAX_DIGITS
from dump_values import Raw

POINT, PLUS, MINUS, ZERO = b".+-0"
LONGEST_EXPONENT = 6
NO_NUMBER = "no number"


@dataclass
class Digits:
    """The most that any value has: ``whole`` before the point (without leading zeros), ``written`` and ``needed`` behind it, with
    and without the zeros at the end; ``integer`` is ``whole`` of values without point and exponent."""

    whole: int = 0
    written: int = 0
    needed: int = 0
    integer: int = 0

    def scale(self, *, is_as_written: bool, whole: int = 0, least: int = 0) -> int | None:
        """Of the decimal that holds all values, with ``whole`` digits before the point and ``least`` behind it or more; zeros at
        the end are kept where there is room. None where no decimal does."""
        scales = (self.written, self.needed) if is_as_written else (self.needed,)
        room = MAX_DIGITS - max(1, self.whole, whole)
        return next((max(scale, least) for scale in scales if max(scale, least) <= room), None)

    def take_column(self, payload: pyarrow.Array) -> tuple[set[str], Mask]:
        """Take in the plain numbers among the values of a binary array: their forms (``integer``, ``decimal``), and the mask of
        the values that are none."""
        raw = Raw(payload)
        others = numpy.flatnonzero((raw.data - ZERO) > 9)  # unsigned: what is below "0" wraps around
        rows = numpy.searchsorted(raw.offsets, others, side="right") - 1
        signs = raw.data[others]
        is_point = signs == POINT
        is_lead = ((signs == PLUS) | (signs == MINUS)) & (others == raw.offsets[rows])
        bad = numpy.zeros(raw.count, numpy.bool_)
        bad[rows[~(is_point | is_lead)]] = True
        begins, ends = raw.offsets[:-1].astype(numpy.int64), raw.offsets[1:].astype(numpy.int64)
        bad |= ends - begins == numpy.bincount(rows, minlength=raw.count)
        bad[rows[is_point][1:][numpy.diff(rows[is_point]) == 0]] = True
        bad &= raw.valid
        begins[rows[is_lead]] += 1
        points = ends.copy()
        points[rows[is_point]] = others[is_point]
        good = raw.valid & ~bad
        return self._take_parts(raw, begins[good], points[good], ends[good]), bad

    def _take_parts(self, raw: Raw, begins: Places, points: Places, ends: Places) -> set[str]:
        if not len(begins):
            return set()
        has_point = points < ends
        whole = points - begins
        longest = whole > 1
        padded = numpy.flatnonzero(longest & (raw.data[numpy.where(longest, begins, 0)] == ZERO))
        for place in padded.tolist():
            whole[place] = len(raw.data[begins[place] : points[place]].tobytes().lstrip(b"0"))
        self.whole = max(self.whole, int(whole.max()))
        if not has_point.all():
            self.integer = max(self.integer, int(whole[~has_point].max()))
        written = (ends - points - 1)[has_point]
        self.written = max(self.written, int(written.max(initial=0)))
        behind = points[has_point]
        for scale in range(int(written.max(initial=0)), self.needed, -1):
            if (raw.data[behind[written >= scale] + scale] != ZERO).any():
                self.needed = scale
                break
        return ({"decimal"} if has_point.any() else set()) | ({"integer"} if not has_point.all() else set())

    def take_exponents(self, texts: Iterable[bytes]) -> None:
        """Take in numbers with exponents, such as ``2.5E-3``."""
        for text in texts:
            digits, exponent = parts_of(text.decode())
            self.whole = max(self.whole, len(digits) + exponent if digits else 0)
            self.needed = max(self.needed, -exponent)
            self.written = max(self.written, -exponent)


def parts_of(number: str) -> tuple[str, int]:
    """The digits of a number without zeros at either end ('' for zero), and the power of ten that they are to be taken with; of an
    exponent of more than six digits, one as large as that."""
    mantissa, _, power = number.lower().lstrip("+-").partition("e")
    negative, power = power.startswith("-"), power.lstrip("+-").lstrip("0")
    exponent = int(power or "0") if len(power) <= LONGEST_EXPONENT else 10**LONGEST_EXPONENT
    whole, _, behind = mantissa.partition(".")
    digits = (whole + behind).lstrip("0")
    kept = digits.rstrip("0")
    if not kept:
        return "", 0
    return kept, (-exponent if negative else exponent) - len(behind) + len(digits) - len(kept)


def plain_decimal(number: str, precision: int, scale: int) -> str:
    """The number with exactly ``scale`` digits behind the point; a text that is none where it does not fit exactly."""
    if not NUMBER.match(number.encode()):
        return NO_NUMBER
    digits, exponent = parts_of(number)
    if -exponent > scale or (digits and len(digits) + exponent > precision - scale):
        return NO_NUMBER
    padded = (digits + "0" * (exponent + scale) if digits else "").rjust(scale + 1, "0")
    sign = "-" if number.startswith("-") else ""
    return f"{sign}{padded[:-scale]}.{padded[-scale:]}" if scale else sign + padded


def is_safe(texts: pyarrow.Array, scale: int) -> bool:
    """Whether Arrow's conversion of these texts to a decimal of this scale is exact or fails: no exponent, and no value of more
    than 38 digits, counted with those that the scale adds."""
    compute = pyarrow.compute
    sizes = compute.binary_length(texts)
    longest = compute.max(sizes).as_py() or 0
    if longest > MAX_DIGITS or compute.any(compute.match_substring(texts, "e", ignore_case=True)).as_py():
        return False
    if longest + scale <= MAX_DIGITS:
        return True
    points = compute.find_substring(texts, ".")
    return bool(compute.max(compute.if_else(compute.less(points, 0), sizes, points)).as_py() + scale <= MAX_DIGITS)


def is_within(array: pyarrow.Array) -> bool:
    """Whether each decimal has as many digits as its type says, which Arrow's CSV reader does not look at."""
    limit = Decimal(10) ** (array.type.precision - array.type.scale)
    ends = pyarrow.compute.min_max(array).as_py()
    return all(value is None or abs(value) < limit for value in ends.values())
