"""Noise of many shapes stays quiet, and what is found follows the data: rows moved, columns renamed, a constant added."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin

PLUGINS = Path(__file__).parents[2] / "plugins"


def check(table):
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile})
    assert answer["status"] != "error", answer["error"]
    return answer


def claims(table):
    """What makes a finding's identity, and its words."""
    return {(f["kind"], tuple(f["columns"]), f["subject"]): f["statement"] for f in check(table)["findings"]}


def noise(seed, rows):
    """Columns of unrelated shapes: heavy and light tails, rare flags, counts, rounded numbers, random codes and dates, a walk."""
    draw = np.random.default_rng(seed)
    start = datetime.date(2024, 1, 1)
    return pa.table(
        {
            "normal": draw.normal(size=rows),
            "heavy": draw.standard_cauchy(rows),
            "money": np.round(draw.lognormal(3, 1, rows), 2),
            "rounded": np.round(draw.uniform(0, 100, rows), 1),
            "digit": draw.integers(0, 10, rows),
            "wide": draw.integers(0, 10**6, rows),
            "rare": (np.arange(rows) < 3) * 1 if rows < 100 else (draw.random(rows) < 0.03).astype(int),
            "rare_too": (draw.random(rows) < 0.05).astype(int) | (np.arange(rows) == 0),
            "count": draw.poisson(1.5, rows),
            "half_zero": np.where(draw.random(rows) < 0.5, 0, np.round(draw.exponential(10, rows), 2)),
            "walk": np.cumsum(draw.normal(size=rows)),
            "zipf": draw.zipf(1.8, rows) % 10_000,
            "shuffled": draw.permutation(rows),
            "group": draw.choice(["x", "y", "z"], rows),
            "shop": draw.choice([f"shop {i}" for i in range(200)], rows),
            "word": ["".join(letters) for letters in draw.choice(list("abcdefgh"), (rows, 5))],
            "invoice": [f"INV{i}" for i in draw.integers(1, 10**5, rows)],
            "day": [start + datetime.timedelta(days=int(i)) for i in draw.integers(0, 365, rows)],
            "gappy": pa.array(draw.normal(size=rows), mask=draw.random(rows) < 0.1),
        }
    )


@pytest.mark.parametrize(("seed", "rows"), [(0, 30), (1, 30), (2, 30), (3, 300), (4, 300), (5, 300), (6, 3_000)])
def test_noise_stays_quiet(seed, rows):
    """Unrelated columns give no finding of any kind, and the plugin says so in a sentence."""
    answer = check(noise(seed, rows))
    assert [f["statement"] for f in answer["findings"]] == []
    assert (answer["status"], answer["reason_code"]) == ("na", "nothing_found")


@pytest.mark.parametrize("seed", range(3))
def test_low_level_noise_stays_quiet(seed):
    """Many columns of few levels: repeats of whole rows, agreement and decisions by chance are not told."""
    draw = np.random.default_rng(seed)
    table = {f"c{i}": draw.integers(0, 2 + i % 4, 2_000) for i in range(12)}
    assert check(table)["findings"] == []


def planted(seed=6, rows=3_000):
    """A table with a broken product, a broken dependency, a stand-in, a broken key and an equal column."""
    draw = np.random.default_rng(seed)
    quantity, price = draw.integers(1, 20, rows), np.round(draw.lognormal(3, 1, rows), 2)
    total, branch = np.round(quantity * price, 2), draw.integers(100, 160, rows)
    total[[5, 50]] += 1
    town = np.array([f"Town {b % 23}" for b in branch], dtype=object)
    town[[7, 77]] = "Elsewhere"
    number = np.arange(rows) + 10_000
    number[1] = number[0]
    age = draw.integers(18, 90, rows)
    age[::200] = 999
    table = {"number": number, "quantity": quantity, "price": price, "total": total, "branch": branch, "town": town.tolist()}
    return pa.table({**table, "age": age, "noise": draw.normal(size=rows), "noise_again": quantity})


def test_row_order_changes_no_claim():
    """The same findings with the same words for shuffled rows: only the cited rows move."""
    table = planted()
    order = np.random.default_rng(1).permutation(table.num_rows)
    assert len(claims(table)) == 5
    assert claims(table.take(pa.array(order))) == claims(table)


def test_claims_follow_renamed_columns():
    """Under other names the same is said of the same columns."""
    table = planted()
    names = {"quantity": "menge", "price": "preis", "total": "summe", "branch": "filiale", "town": "ort"}
    renamed = table.rename_columns([names.get(name, name) for name in table.column_names])
    expected = {(kind, tuple(names.get(c, c) for c in columns), subject) for kind, columns, subject in claims(table)}
    assert set(claims(renamed)) == expected


def test_a_constant_column_adds_itself_only():
    table = planted()
    extended = claims(table.append_column("unit", pa.array(["kg"] * table.num_rows)))
    assert {key: words for key, words in extended.items() if key[1] != ("unit",)} == claims(table)
    assert [key for key in extended if key[1] == ("unit",)] == [("constant", ("unit",), "constant")]


def test_other_units_change_no_rule():
    """In cents instead of euros the product is still the product."""
    table = planted()
    cents = table.set_column(2, "price", pa.array(np.round(table["price"].to_numpy() * 100).astype(int)))
    cents = cents.set_column(3, "total", pa.array(np.round(table["total"].to_numpy() * 100).astype(int)))
    assert {key for key in claims(cents) if key[0] == "identity"} == {key for key in claims(table) if key[0] == "identity"}


def test_equal_bytes_on_every_run():
    """Two runs give the same answer to the last byte."""
    table = planted()
    first, second = check(table), check(table)
    assert all(first[key] == second[key] for key in ("summary", "metrics", "findings"))


def test_large_tables_are_searched_by_sample_and_counted_in_full():
    """Beyond the sampled rows, rules with values too many for a sample of rows are found, and all violations are counted."""
    draw = np.random.default_rng(2)
    rows = 120_000
    customer = draw.integers(0, 20_000, rows)
    agent = [f"agent {c % 40}" for c in customer]
    agent[99_999] = "agent x"
    a = np.round(draw.lognormal(3, 1, rows), 2)
    b = np.round(draw.lognormal(3, 1, rows), 2)
    total = np.round(a + b, 2)
    total[100_000:100_007] += 3
    told = {f["title"] for f in check(pa.table({"customer": customer, "agent": agent, "a": a, "b": b, "total": total}))["findings"]}
    assert told == {'"total" = "a" + "b" but for 7 rows', '"customer" decides "agent" but for 1 row'}
