"""Tables in which nothing is wrong and nothing depends on anything: many shapes of columns, sizes, ties, nulls and rare values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

Draw = Callable[[np.random.Generator, int], Any]

NUMBERS: tuple[Draw, ...] = (
    lambda rng, n: rng.normal(100, 15, n),
    lambda rng, n: rng.random(n),
    lambda rng, n: rng.lognormal(3, 1, n),
    lambda rng, n: rng.exponential(size=n),
    lambda rng, n: rng.standard_t(3, n),
    lambda rng, n: np.round(rng.lognormal(4, 0.8, n), 2),
    lambda rng, n: rng.integers(0, 100, n),
    lambda rng, n: rng.poisson(4, n),
    lambda rng, n: rng.gamma(0.5, 2, n),
    lambda rng, n: rng.beta(0.5, 0.5, n),
    lambda rng, n: np.where(rng.random(n) < 0.5, rng.normal(0, 1, n), rng.normal(8, 2, n)),
    lambda rng, n: np.round(rng.normal(0, 3, n)),
    lambda rng, n: rng.integers(1, 6, n),
    lambda rng, n: rng.choice(np.round(rng.lognormal(3, 0.8, 25), 2), n),
)
CATEGORIES = (2, 3, 5, 12, 30)


def null_table(seed: int) -> pa.Table:
    """A table of 60 to 5,000 rows and 3 to 10 columns, the same for the same seed."""
    rng = np.random.default_rng([2026, seed])
    n = int(np.exp(rng.uniform(np.log(60), np.log(5000))))
    columns = {}
    for k in range(int(rng.integers(3, 11))):
        if rng.random() < 0.65:
            values = NUMBERS[int(rng.integers(len(NUMBERS)))](rng, n)
        else:
            size = int(rng.choice(CATEGORIES))
            values = np.array([f"v{c}" for c in range(size)])[rng.choice(size, n, p=rng.dirichlet(np.full(size, 2.0)))]
        mask = rng.random(n) < rng.choice([0.0, 0.0, 0.1, 0.4])
        columns[f"c{k}"] = pa.array(values, mask=mask)
    return pa.table(columns)
