"""False-discovery control: how small a p-value must be when many questions were asked of the same table.

Sources: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979) 65-70;
Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57 (1995) 289-300;
Y. Benjamini and D. Yekutieli, "The control of the false discovery rate in multiple testing under dependency",
Ann. Statist. 29 (2001) 1165-1188.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Literal

Method = Literal["Benjamini-Hochberg", "Benjamini-Yekutieli"]


def q_values(
    p_values: Sequence[float],
    method: Method = "Benjamini-Hochberg",
    family_size: int | None = None,
    questions: Sequence[Hashable] | None = None,
) -> list[float]:
    """The q-value of each p-value, in the given order: the smallest false-discovery rate at which it is still a discovery.

    ``family_size`` is the number of tests that were made, when only the smallest p-values are at hand; those that are not are
    taken to be larger than every one that is. Benjamini-Hochberg holds its rate for independent tests and for positively
    dependent ones, Benjamini-Yekutieli under any dependence, at the price of a factor of about ln(m).

    ``questions`` names what each p-value answers: several answers to one question are one discovery, and do not make each other
    likelier. Raises ValueError for a p-value outside 0..1, or a family smaller than what it is said to contain.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value lies within 0 and 1")
    tests = len(p_values) if family_size is None else family_size
    if tests < len(p_values):
        raise ValueError(f"a family of {tests} tests cannot have {len(p_values)} p-values")
    factor = tests * (harmonic_number(tests) if method == "Benjamini-Yekutieli" else 1.0)
    adjusted = [0.0] * len(p_values)
    smallest = 1.0
    ascending = sorted(range(len(p_values)), key=lambda index: p_values[index])
    ranks, asked = [], set[Hashable]()
    for index in ascending:
        asked.add(index if questions is None else questions[index])
        ranks.append(len(asked))
    for index, rank in zip(reversed(ascending), reversed(ranks), strict=True):
        smallest = min(smallest, p_values[index] * factor / rank)
        adjusted[index] = smallest
    return adjusted


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses Holm's step-down procedure rejects: the chance of a single false rejection is at most ``level``, whatever
    the dependence between the tests."""
    ascending = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for rank, index in enumerate(ascending):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def harmonic_number(count: int) -> float:
    """1 + 1/2 + … + 1/``count``, correctly rounded."""
    return math.fsum(1 / k for k in range(1, count + 1))
