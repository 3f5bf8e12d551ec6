"""Sums of floats whose last bit does not depend on the order of the terms.

Method: J. Demmel and H. D. Nguyen, "Fast reproducible floating-point summation", 21st IEEE Symposium on Computer Arithmetic (2013).
"""

import math

import numpy as np
from numpy.typing import NDArray

FOLDS = 3
MANTISSA_BITS = 53
LARGEST_EXPONENT, SMALLEST_EXPONENT = 1022, -1000


def reproducible_sum(values: NDArray[np.float64]) -> float:
    """The sum of finite ``values``, the same to the bit in any order and for any layout in memory.

    Each term is cut at fixed binary places into three parts, whose sums are exact. What is left out is smaller than the largest
    term times n² · 2**-150, so for all but pathological cancellations this is the correctly rounded sum.
    """
    count, rest = len(values), np.asarray(values, dtype=np.float64)
    if not count:
        return 0.0
    room = max(count - 1, 1).bit_length() + 1
    exponent = math.frexp(float(np.abs(rest).max()))[1]
    parts: list[float] = []
    for _ in range(FOLDS):
        if exponent + room > LARGEST_EXPONENT or exponent < SMALLEST_EXPONENT:
            parts.append(math.fsum(rest))
            break
        anchor = math.ldexp(1.5, exponent + room)
        leading = (rest + anchor) - anchor
        parts.append(float(leading.sum()))
        rest = rest - leading
        exponent += room + 1 - MANTISSA_BITS
    return math.fsum(parts)
