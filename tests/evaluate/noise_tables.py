"""Tables in which nothing depends on anything, as people have them: with keys, dates, codes, texts and gaps, of many sizes."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tests.plugins.null_tables import CATEGORIES, NUMBERS

FIRST_DAY = np.datetime64(datetime(2022, 1, 1), "us")
DAY_US = 86_400_000_000
LEAST_ROWS, MOST_ROWS = 40, 30_000


def noise_table(seed: int) -> pa.Table:
    """A table of 40 to 30,000 rows and 3 to 20 columns, drawn independently of each other and of the row; the same for a seed.

    Half of the tables have a key, two thirds a time: days at random, sorted moments, or one row per day.
    """
    rng = np.random.default_rng([1848, seed])
    rows = int(np.exp(rng.uniform(np.log(LEAST_ROWS), np.log(MOST_ROWS))))
    columns: dict[str, Any] = {}
    if rng.random() < 0.5:
        columns["id"] = pa.array(np.arange(1, rows + 1)) if rng.random() < 0.5 else pa.array([f"K{k:07}" for k in range(rows)])
    kind = rng.integers(3)
    if kind == 1:
        columns["day"] = _days(rng, rows)
    elif kind == 2:
        columns["entered"] = pa.array(FIRST_DAY + np.sort(rng.integers(0, 3 * 365 * DAY_US, rows)).astype("timedelta64[us]"))
    for k in range(int(rng.integers(3, 19))):
        columns[f"c{k}"] = _column(rng, rows)
    return pa.table(columns)


def _days(rng: np.random.Generator, rows: int) -> pa.Array:
    days = np.arange(rows) if rows <= 1500 and rng.random() < 0.5 else rng.integers(0, 1096, rows)
    return pa.array(FIRST_DAY.astype("datetime64[D]") + days.astype("timedelta64[D]"))


def _column(rng: np.random.Generator, rows: int) -> pa.Array:
    choice = rng.random()
    if choice < 0.6:
        values = NUMBERS[int(rng.integers(len(NUMBERS)))](rng, rows)
    elif choice < 0.9:
        size = int(rng.choice(CATEGORIES))
        values = np.array([f"v{c}" for c in range(size)])[rng.choice(size, rows, p=rng.dirichlet(np.full(size, 2.0)))]
    elif choice < 0.95:
        values = rng.random(rows) < rng.uniform(0.1, 0.9)
    else:
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        values = np.array(["".join(letters[rng.integers(0, 26, int(rng.integers(4, 12)))]) for _ in range(rows)])
    mask = rng.random(rows) < rng.choice([0.0, 0.0, 0.0, 0.05, 0.3])
    return pa.array(values, mask=mask)
