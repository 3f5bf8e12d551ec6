"""The arithmetic forms that columns may follow: how each is computed, in memory and in SQL, and what does nothing in it.

A form is only claimed where every operand matters: with a zero for something added, or a one for a factor, rows change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """``text`` and ``sql`` are templates over the operands; ``compute`` gives the right-hand side.

    ``neutral`` has, per operand, the value that does nothing. Forms of lower ``rank`` are simpler and are preferred. Where
    ``leads`` is 2 the first two operands are interchangeable, where it is the number of operands all are.
    """

    name: str
    text: str
    sql: str
    compute: Callable[[Sequence[Floats]], Floats]
    rank: int
    neutral: tuple[float, ...]
    leads: int = 1

    @property
    def is_sum(self) -> bool:
        return self.name.startswith("sum")

    def without(self, parts: Sequence[Floats], place: int) -> Floats:
        """The right-hand side with one operand made to do nothing."""
        return self.compute([np.full_like(part, self.neutral[place]) if i == place else part for i, part in enumerate(parts)])


def _quotient(parts: Sequence[Floats]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(parts[1] == 0, np.nan, parts[0] / parts[1])


SUM2 = Form("sum2", "{0} + {1}", "{0} + {1}", lambda p: p[0] + p[1], 1, (0, 0), leads=2)
PRODUCT2 = Form("product", "{0} × {1}", "{0} * {1}", lambda p: p[0] * p[1], 1, (1, 1), leads=2)
LESS_SHARE = Form("less_share", "{0} × (1 - {1})", "{0} * (1 - {1})", lambda p: p[0] * (1 - p[1]), 2, (1, 0))
MORE_SHARE = Form("more_share", "{0} × (1 + {1})", "{0} * (1 + {1})", lambda p: p[0] * (1 + p[1]), 2, (1, 0))
QUOTIENT = Form("quotient", "{0} / {1}", "{0} / nullif({1}, 0)", _quotient, 2, (1, 1))
SUM3 = Form("sum3", "{0} + {1} + {2}", "{0} + {1} + {2}", lambda p: p[0] + p[1] + p[2], 3, (0, 0, 0), leads=3)
SUM_LESS = Form("sum_less", "{0} + {1} - {2}", "{0} + {1} - {2}", lambda p: p[0] + p[1] - p[2], 3, (0, 0, 0), leads=2)
PRODUCT3 = Form("product3", "{0} × {1} × {2}", "{0} * {1} * {2}", lambda p: p[0] * p[1] * p[2], 4, (1, 1, 1), leads=3)
PRODUCT_LESS_SHARE = Form(
    "product_less_share",
    "{0} × {1} × (1 - {2})",
    "{0} * {1} * (1 - {2})",
    lambda p: p[0] * p[1] * (1 - p[2]),
    4,
    (1, 1, 0),
    leads=2,
)
PRODUCT_MORE_SHARE = Form(
    "product_more_share",
    "{0} × {1} × (1 + {2})",
    "{0} * {1} * (1 + {2})",
    lambda p: p[0] * p[1] * (1 + p[2]),
    4,
    (1, 1, 0),
    leads=2,
)
SUM4 = Form("sum4", "{0} + {1} + {2} + {3}", "{0} + {1} + {2} + {3}", lambda p: p[0] + p[1] + p[2] + p[3], 5, (0, 0, 0, 0), leads=4)
FORMS = (SUM2, PRODUCT2, LESS_SHARE, MORE_SHARE, QUOTIENT, SUM3, SUM_LESS, PRODUCT3, PRODUCT_LESS_SHARE, PRODUCT_MORE_SHARE, SUM4)


def scaled(factor: float) -> Form:
    number = f"{factor:.12g}"
    return Form(f"scaled {number}", f"{number} × {{0}}", f"{factor!r} * {{0}}", lambda parts: factor * parts[0], 2, (0,))


def shifted(offset: float) -> Form:
    sign, size = ("+", offset) if offset > 0 else ("-", -offset)
    return Form(
        f"shifted {offset:.12g}", f"{{0}} {sign} {size:.12g}", f"{{0}} {sign} {size!r}", lambda parts: parts[0] + offset, 2, (0,)
    )
