"""What a whole run asks of order lines, written by hand: one plain script of DuckDB or NumPy for each analysis, over all rows.

    python benchmarks/bare_scripts.py TABLE.csv [FOLDER] [--each]

Stock DuckDB with two threads reads the CSV into Parquet; then every script runs in a process of its own with one thread, two side
by side, the longest first. The scripts know the columns, and what to ask of which. They do not look for cells that DuckDB lost in
reading, test next to nothing for chance, write no sentence, and keep nothing but the Parquet. ``--each`` prints what each took.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SIDE_BY_SIDE = 2
INGEST = """
import duckdb, sys
connection = duckdb.connect(config={"threads": 2})
connection.execute(f"COPY (SELECT * FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet)")
"""
BEGIN = """
import duckdb, math, sys, tempfile
from itertools import combinations
folder = tempfile.TemporaryDirectory()
options = {"threads": 1, "memory_limit": "2GB", "temp_directory": folder.name}
connection = duckdb.connect(config=options)
connection.execute(f"CREATE VIEW data AS SELECT *, file_row_number AS row_index FROM read_parquet('{sys.argv[1]}')")
MEASURES = ["quantity", "unit_price", "discount", "amount", "delivery_days"]
CATEGORIES = ["region", "channel", "status", "product"]
TEXTS = ["customer", *CATEGORIES]
COLUMNS = ["order_line", "order_date", *TEXTS, *MEASURES]
def ask(query):
    return connection.execute(query).fetchall()
def arrays(query):
    return connection.execute(query).fetchnumpy()
def each(template, names, **more):
    return ", ".join(template.format(name, **more) for name in names)
"""

PROFILE_NUMBERS = """
import numpy as np
for name in ["order_line", "order_date", *MEASURES]:
    number = "order_date - DATE '2000-01-01'" if name == "order_date" else name
    ask(f"SELECT count({name}), avg(v), stddev_samp(v), skewness(v), kurtosis(v) FROM (SELECT {name}, {number} AS v FROM data)")
    values = arrays(f"SELECT {number} AS v FROM data WHERE {name} IS NOT NULL")["v"]
    rising = bool((values[1:] >= values[:-1]).all())
    values.sort()
    starts = np.flatnonzero(values[1:] != values[:-1]) + 1
    counts = np.diff(np.concatenate(([0], starts, [len(values)])))
    top = np.argsort(-counts, kind="stable")[:20]
    quantiles = [values[int(share * (len(values) - 1))] for share in (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)]
    histogram = np.diff(np.searchsorted(values, np.linspace(values[0], values[-1], 41)))
"""
PROFILE_TEXTS = """
for name in TEXTS:
    ask(f"SELECT count(*), count({name}), count(DISTINCT {name}), min({name}), max({name}) FROM data")
    ask(f"SELECT {name}, count(*) AS n FROM data GROUP BY 1 ORDER BY n DESC, 1 LIMIT 20")
    ask(f"SELECT min(length({name})), avg(length({name})), max(length({name})) FROM data")
    shape = f"regexp_replace(regexp_replace({name}, '[A-Za-z]', 'a', 'g'), '[0-9]', '9', 'g')"
    counted = f"SELECT {name}, count(*) AS n FROM data GROUP BY 1"
    ask(f"SELECT {shape} AS shape, sum(n) AS n FROM ({counted}) GROUP BY 1 ORDER BY 2 DESC")
"""
WHOLE_ROWS = """
for names in (COLUMNS, COLUMNS[1:]):
    hashed = f"SELECT hash({', '.join(names)}) AS h FROM data"
    ask(f"SELECT count(*), sum(n) FROM (SELECT h, count(*) AS n FROM ({hashed}) GROUP BY h HAVING n > 1)")
"""
KEYS = """
ask("SELECT count(DISTINCT order_line) = count(*) FROM data")
ask("SELECT count(*) FROM (SELECT 1 FROM data GROUP BY customer, order_date, product)")
"""
FUNCTIONAL_DEPENDENCIES = """
for left in ["product", "region", "channel", "status", "unit_price", "quantity", "customer"]:
    right = [name for name in [*TEXTS, "unit_price", "discount", "quantity"] if name != left]
    ask(f"SELECT {each('sum((low_{0} = high_{0})::INTEGER)', right)}, count(*) FROM "
        f"(SELECT {left}, {each('min({0}) AS low_{0}, max({0}) AS high_{0}', right)} FROM data GROUP BY 1)")
"""
ARITHMETIC = """
gross = "quantity * unit_price"
products = [gross, f"{gross} * (1 - discount)", "unit_price * (1 - discount)", "quantity + unit_price"]
ask(f"SELECT {each('count(*) FILTER (abs({0} - amount) <= 0.006)', products)}, count(amount) FROM data")
ask(f"SELECT {each('count(*) FILTER ({0} IN (-1, 0, 99, 999, 9999, 99999))', MEASURES)} FROM data")
"""
PERSONAL_DATA = r"""
forms = [
    r"[^@\s]+@[^@\s]+\.[a-z]{2,}",
    r"\+?[0-9][0-9 ()/-]{7,}[0-9]",
    r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
    r"(\d{4}[ -]?){3}\d{4}",
    r"\d{1,3}(\.\d{1,3}){3}",
    r"\d{3}-\d{2}-\d{4}",
]
for name in TEXTS:
    counts = ", ".join(f"sum(n) FILTER (regexp_full_match({name}, '{form}'))" for form in forms)
    ask(f"SELECT {counts} FROM (SELECT {name}, count(*) AS n FROM data GROUP BY 1)")
"""
CORRELATIONS = """
pairs = list(combinations(MEASURES, 2))
ask("SELECT " + ", ".join(f"corr({a}, {b})" for a, b in pairs) + " FROM data")
"""
DEPENDENCE = """
import numpy as np
names = ["order_date", *MEASURES, *CATEGORIES]
def classes(name):
    if name in CATEGORIES:
        found = connection.sql(f"SELECT {name} AS v FROM data").to_arrow_table()["v"].combine_chunks().dictionary_encode()
        return found.indices.to_numpy(zero_copy_only=False).astype(np.uint8)
    values = arrays(f"SELECT {'epoch(order_date)' if name == 'order_date' else name}::DOUBLE AS v FROM data")["v"]
    values = np.ma.filled(values, np.nan)
    cuts = np.unique(np.nanquantile(values, np.arange(1, 12) / 12))
    codes = np.searchsorted(cuts, values).astype(np.uint8)
    codes[np.isnan(values)] = len(cuts) + 1
    return codes
codes = [classes(name) for name in names]
sizes = [int(code.max()) + 1 for code in codes]
for i, j in combinations(range(len(names)), 2):
    table = np.bincount(codes[i].astype(np.uint16) * sizes[j] + codes[j], minlength=sizes[i] * sizes[j]).reshape(sizes[i], sizes[j])
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    shares, expected = table / table.sum(), np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum() ** 2
    cramer = math.sqrt(((shares - expected) ** 2 / expected).sum() / (min(table.shape) - 1))
    filled = shares > 0
    information = (shares[filled] * np.log(shares[filled] / expected[filled])).sum()
"""
GROUP_DIFFERENCES = """
for category in CATEGORIES:
    for measure in MEASURES:
        shares = "[0.05, 0.25, 0.5, 0.75, 0.95]"
        moments = f"count({measure}), avg({measure}), var_samp({measure})"
        ask(f"SELECT {category}, {moments}, quantile_disc({measure}, {shares}) FROM data GROUP BY 1")
        ask(f"SELECT var_pop(m) FROM (SELECT avg(r) OVER (PARTITION BY {category}) AS m FROM "
            f"(SELECT {category}, n, v, sum(n) OVER (ORDER BY v) - n / 2 AS r FROM "
            f"(SELECT {category}, {measure} AS v, count(*) AS n FROM data WHERE {measure} IS NOT NULL GROUP BY ALL)))")
"""
MISSINGNESS = """
ask(f"SELECT {each('count(*) - count({0})', COLUMNS)} FROM data")
gone = "(delivery_days IS NULL)::INTEGER"
for category in TEXTS:
    ask(f"SELECT {category}, count(*), sum({gone}) FROM data GROUP BY 1")
ask(f"SELECT date_trunc('month', order_date), count(*), sum({gone}) FROM data GROUP BY 1")
for measure in ["quantity", "unit_price", "discount", "amount"]:
    quartiles = f"quantile_disc({measure}, [0.25, 0.5, 0.75])"
    ask(f"SELECT {gone}, count(*), avg({measure}), var_samp({measure}), {quartiles} FROM data GROUP BY 1")
"""
OUTLIERS = """
for measure in MEASURES:
    (((low, middle, high),),) = ask(f"SELECT quantile_disc({measure}, [0.25, 0.5, 0.75]) FROM data")
    reach = 3 * (high - low)
    ask(f"SELECT count(*), min({measure}), max({measure}) FROM data WHERE {measure} < {low - reach} OR {measure} > {high + reach}")
    ask(f"SELECT row_index, {measure} FROM data WHERE {measure} > {high + reach} ORDER BY {measure} DESC, row_index LIMIT 20")
    ask(f"SELECT quantile_disc(abs({measure} - {middle}), 0.5) FROM data")
"""
JOINT_OUTLIERS = """
import numpy as np
pairs = ", ".join(f"regr_sxy({a}, {b})" for a in MEASURES for b in MEASURES)
complete = " AND ".join(f"{name} IS NOT NULL" for name in MEASURES)
(found,) = ask(f"SELECT count(*), {each('avg({0})', MEASURES)}, {pairs} FROM data WHERE {complete}")
n, means, products = found[0], np.array(found[1:6]), np.array(found[6:]).reshape(5, 5)
inverse, far = np.linalg.inv(products / (n - 1)), []
reader = connection.sql(f"SELECT {', '.join(MEASURES)}, row_index FROM data WHERE {complete}").to_arrow_reader(65536)
for batch in reader:
    values = np.column_stack([column.to_numpy(zero_copy_only=False).astype(float) for column in batch.columns[:5]]) - means
    distances = np.einsum("ij,jk,ik->i", values, inverse, values)
    far.extend(np.sort(distances)[-50:])
"""
DISTRIBUTION = """
for measure in MEASURES:
    ask(f"SELECT skewness({measure}), kurtosis({measure}), skewness(ln({measure})) FILTER ({measure} > 0) FROM data")
    ask(f"SELECT left(ltrim({measure}::VARCHAR, '0.'), 1) AS digit, sum(n) FROM "
        f"(SELECT {measure}, count(*) AS n FROM data WHERE {measure} > 0 GROUP BY 1) GROUP BY 1 ORDER BY 1")
    ask(f"SELECT {measure}, count(*) AS n FROM data GROUP BY 1 ORDER BY n DESC, 1 LIMIT 50")
    ask(f"SELECT quantile_disc({measure}, {[k / 100 for k in range(1, 100)]}) FROM data")
"""
CONCENTRATION = """
for name in TEXTS:
    for measure in ["count(*)", "sum(amount)", "sum(quantity)"]:
        places = "row_number() OVER (ORDER BY s) AS i, percent_rank() OVER (ORDER BY s DESC) AS p"
        ranked = f"SELECT s, {places} FROM (SELECT {measure} AS s FROM data GROUP BY {name})"
        gini = "2 * sum(i * s) / (count(*) * sum(s)) - (count(*) + 1) / count(*)"
        ask(f"SELECT {gini}, sum(s) FILTER (p <= 0.01) / sum(s), sum(s) FILTER (p <= 0.2) / sum(s) FROM ({ranked})")
for measure in ["amount", "quantity", "delivery_days"]:
    ranked = f"SELECT {measure}::DOUBLE AS v, row_number() OVER (ORDER BY {measure}) AS i FROM data WHERE {measure} IS NOT NULL"
    ask(f"SELECT 2 * sum(i * v) / (count(*) * sum(v)) - (count(*) + 1) / count(*) FROM ({ranked})")
"""
SERIES = """
import numpy as np
def series(by="''"):
    figures = each("count({0}), sum({0}), avg({0}), var_samp({0})", MEASURES)
    rows = ask(f"SELECT {by}, order_date, count(*), {figures} FROM data GROUP BY ALL ORDER BY ALL")
    levels = {}
    for level, _, *values in rows:
        levels.setdefault(level, []).append(values)
    return {level: np.array(values, dtype=float) for level, values in levels.items()}
MEANS = range(3, 21, 4)
"""
CHANGE_POINTS = (
    SERIES
    + """
def split(values):
    n, sums = len(values), np.cumsum(values - values.mean())[:-1]
    places = np.arange(1, n)
    gain = sums**2 * n / (places * (n - places))
    return int(places[gain.argmax()]), float(gain.max() / values.var())
def search(values):
    values = values[np.isfinite(values)]
    if len(values) < 20:
        return
    place, gain = split(values)
    for part in (values[:place], values[place:]):
        if len(part) > 10:
            split(part)
    rng = np.random.default_rng(1)
    chance = (1 + sum(split(rng.permutation(values))[1] >= gain for _ in range(199))) / 200
for by in ("''", "region", "channel", "status"):
    for table in series(by).values():
        for at in MEANS:
            search(table[:, at])
"""
)
TREND_AND_SEASONS = (
    SERIES
    + """
(table,) = series().values()
for at in [0, *MEANS, *(at - 1 for at in MEANS)]:
    values = np.nan_to_num(table[:, at])
    days = np.arange(len(values))
    slope, start = np.polyfit(days, values, 1)
    rest = values - start - slope * days
    spectrum = np.abs(np.fft.rfft(rest)) ** 2
    weekly = [rest[days % 7 == k].mean() for k in range(7)]
    lags = [float(rest[k:] @ rest[:-k]) for k in (1, 7, 30)]
"""
)
CONTROL_CHARTS = (
    SERIES
    + """
for by in ("''", "region", "channel", "status"):
    for table in series(by).values():
        sigma = np.nanmean(np.abs(np.diff(table, axis=0)), axis=0) / 1.128
        outside = np.abs(table - np.nanmean(table, axis=0)) > 3 * sigma
"""
)
SCANS = """
import numpy as np
for by in CATEGORIES:
    levels = {}
    for level, _, count in ask(f"SELECT {by}, order_date, count(*) FROM data GROUP BY ALL ORDER BY ALL"):
        levels.setdefault(level, []).append(count)
    for counts in levels.values():
        sums = np.cumsum([0, *counts])
        best = [(sums[width:] - sums[:-width]).max(initial=0) for width in (1, 2, 3, 7, 14, 28)]
"""
CONTEXTUAL_ANOMALIES = """
for measure in ["amount", "delivery_days", "unit_price"]:
    ask(f"WITH middle AS (SELECT region, channel, product, median({measure}) AS m, mad({measure}) AS s FROM data GROUP BY ALL) "
        f"SELECT row_index, abs({measure} - m) / nullif(s, 0) AS score FROM data JOIN middle USING (region, channel, product) "
        f"WHERE {measure} IS NOT NULL ORDER BY score DESC NULLS LAST, row_index LIMIT 50")
"""
DRIFT = """
half = f"(row_index >= (SELECT count(*) // 2 FROM data))"
for name in CATEGORIES:
    ask(f"SELECT {name}, count(*) FILTER (NOT {half}), count(*) FILTER ({half}) FROM data GROUP BY 1")
for measure in MEASURES:
    (cuts,) = ask(f"SELECT quantile_disc({measure}, {[k / 20 for k in range(1, 20)]}) FROM data")[0]
    place = " + ".join(f"({measure} > {cut})::INTEGER" for cut in cuts)
    halves = f"count({measure}) FILTER (NOT {half}), count({measure}) FILTER ({half})"
    ask(f"SELECT {place} AS b, {halves} FROM data GROUP BY 1")
    ask(f"SELECT {half}, avg({measure}), var_samp({measure}), median({measure}) FROM data GROUP BY 1")
"""
CALENDAR = """
for period in ["dayofweek", "month", "day", "quarter"]:
    for measure in ["quantity", "amount", "delivery_days"]:
        quartiles = f"quantile_disc({measure}, [0.25, 0.5, 0.75])"
        ask(f"SELECT {period}(order_date) AS p, count({measure}), avg({measure}), {quartiles} FROM data GROUP BY 1")
ask("SELECT (order_date = last_day(order_date)) AS p, count(*), avg(amount), median(amount) FROM data GROUP BY 1")
ask("SELECT count(*) FROM (SELECT order_date < lag(order_date) OVER (ORDER BY row_index) AS back FROM data) WHERE back")
"""

SCRIPTS: Mapping[str, str] = {
    "group differences": GROUP_DIFFERENCES,
    "profile of numbers": PROFILE_NUMBERS,
    "concentration": CONCENTRATION,
    "contextual anomalies": CONTEXTUAL_ANOMALIES,
    "dependence": DEPENDENCE,
    "distribution": DISTRIBUTION,
    "functional dependencies": FUNCTIONAL_DEPENDENCIES,
    "calendar": CALENDAR,
    "outliers": OUTLIERS,
    "drift": DRIFT,
    "whole rows": WHOLE_ROWS,
    "profile of texts": PROFILE_TEXTS,
    "missingness": MISSINGNESS,
    "joint outliers": JOINT_OUTLIERS,
    "change points": CHANGE_POINTS,
    "scans": SCANS,
    "control charts": CONTROL_CHARTS,
    "trend and seasons": TREND_AND_SEASONS,
    "keys": KEYS,
    "arithmetic": ARITHMETIC,
    "correlations": CORRELATIONS,
    "personal data": PERSONAL_DATA,
}


def main(table: Path, folder: Path) -> Iterator[tuple[str, float, float, float]]:
    """Yields (name, seconds, processor seconds, most megabytes) of each script as it ends; raises CalledProcessError."""
    data = folder / "bare.parquet"
    yield timed("ingest", INGEST, table, data)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as places:
        yield from places.map(lambda name: timed(name, BEGIN + SCRIPTS[name], data), SCRIPTS)


def timed(name: str, program: str, *arguments: Path) -> tuple[str, float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, name)
    return name, time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def show(found: Iterator[tuple[str, float, float, float]], *, each: bool) -> None:
    for name, seconds, cpu_s, peak_mb in found:
        if each:
            print(f"{name:24}{seconds:8.2f} s{cpu_s:8.2f} CPU s{peak_mb:7.0f} MB", flush=True)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("table", type=Path)
    asked.add_argument("folder", type=Path, nargs="?")
    asked.add_argument("--each", action="store_true")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        show(main(given.table, Path(name)), each=given.each)
