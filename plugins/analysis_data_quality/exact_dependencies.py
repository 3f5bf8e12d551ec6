"""All minimal functional dependencies and unique column combinations of a small table, exactly; missing equals missing.

A set of columns X decides A when adding A to X makes no more groups; X is unique when it has as many groups as there are rows
(Huhtala et al. 1999). Counted for all subsets, smallest first, hence for small tables only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

MAX_WORK = 12_000_000  # cells of all subsets together
MAX_COLUMNS = 14
MAX_LISTED = 2_000


def is_small(rows: int, columns: int) -> bool:
    return 0 < columns <= MAX_COLUMNS and rows * 2**columns <= MAX_WORK


def minimal(names: Sequence[str], columns: Sequence[Codes]) -> dict[str, Any]:
    """``functional``: minimal determinants with what they decide; ``unique``: minimal column combinations without repeats."""
    rows = len(columns[0])
    groups = _group_counts(columns, rows)
    masks = sorted(range(len(groups)), key=lambda mask: (mask.bit_count(), [i for i in range(len(columns)) if mask >> i & 1]))
    functional = []
    for decided in range(len(columns)):
        bit, minimal_ones = 1 << decided, list[int]()
        for mask in masks:
            if mask & bit or any(mask & smaller == smaller for smaller in minimal_ones):
                continue
            if groups[mask] == groups[mask | bit]:
                minimal_ones.append(mask)
                functional.append({"determinant": _names(names, mask), "dependent": names[decided]})
    unique: list[int] = []
    for mask in masks:
        if groups[mask] == rows and not any(mask & smaller == smaller for smaller in unique):
            unique.append(mask)
    return {
        "functional": functional[:MAX_LISTED],
        "functional_count": len(functional),
        "unique": [_names(names, mask) for mask in unique[:MAX_LISTED]],
    }


def _group_counts(columns: Sequence[Codes], rows: int) -> list[int]:
    """How many different rows there are in each subset of columns, by bit mask; depth first, so that few partitions are alive."""
    counts = [min(1, rows)] * 2 ** len(columns)

    def extend(mask: int, partition: Codes, first: int) -> None:
        for place in range(first, len(columns)):
            bigger = mask | 1 << place
            joined = partition * (int(columns[place].max(initial=0)) + 1) + columns[place]
            distinct, refined = np.unique(joined, return_inverse=True)
            counts[bigger] = len(distinct)
            extend(bigger, refined.astype(np.int64), place + 1)

    extend(0, np.zeros(rows, dtype=np.int64), 0)
    return counts


def _names(names: Sequence[str], mask: int) -> list[str]:
    return [name for place, name in enumerate(names) if mask >> place & 1]
