"""A table of order lines with effects in it, as large as asked for: what a whole run is measured on. The same rows each time."""

from pathlib import Path

import duckdb

ORDER_LINES = """
    WITH drawn AS (
        SELECT i, hash(i) % 1000003 / 1000003.0 AS u1, hash(i + 100000000) % 1000003 / 1000003.0 AS u2,
            hash(i + 200000000) % 1000003 / 1000003.0 AS u3, hash(i + 300000000) % 1000003 / 1000003.0 AS u4,
            hash(i + 400000000) % 1000003 / 1000003.0 AS u5, (hash(i + 500000000) % 200)::INTEGER AS product,
            DATE '2022-01-01' + (i * 1095 // {rows})::INTEGER AS day
        FROM range({rows}) AS t(i)),
    placed AS (
        SELECT *, CASE WHEN u1 < 0.4 THEN 'North' WHEN u1 < 0.7 THEN 'South' WHEN u1 < 0.9 THEN 'East' ELSE 'West' END AS region,
            CASE WHEN u2 < 0.5 THEN 'Web' WHEN u2 < 0.8 THEN 'Phone' ELSE 'Partner' END AS channel,
            sqrt(-2 * ln(u4 + 1e-9)) * cos(6.283185307 * u5) AS z FROM drawn)
    SELECT i + 1 AS order_line, day AS order_date, 'C' || lpad(floor(20000 * u3 * u3 * u3)::BIGINT::VARCHAR, 6, '0') AS customer,
        region, channel, 'P-' || lpad(product::VARCHAR, 4, '0') AS product, 1 + floor(12 * u4 * u4)::INTEGER AS quantity,
        round(5 + product * 1.35 + product % 7, 2) AS unit_price,
        CASE WHEN channel = 'Partner' THEN 0.1 WHEN u5 < 0.2 THEN 0.05 ELSE 0.0 END AS discount,
        round((1 + floor(12 * u4 * u4)) * (5 + product * 1.35 + product % 7)
            * (CASE WHEN channel = 'Partner' THEN 0.9 ELSE 1 END), 2) AS amount,
        CASE WHEN u1 + u2 < 1.9 THEN round(exp(1.1 + 0.5 * z + CASE WHEN region = 'West' THEN 0.4 ELSE 0 END
            + CASE WHEN day >= DATE '2023-09-01' THEN 0.25 ELSE 0 END), 2) END AS delivery_days,
        ['open', 'shipped', 'invoiced', 'paid', 'cancelled'][1 + floor(5 * u5 * u5)::INTEGER] AS status
    FROM placed ORDER BY i
"""


def write_order_lines(path: Path, rows: int) -> None:
    """Write ``rows`` order lines of 12 columns to ``path`` as CSV."""
    duckdb.execute(f"COPY ({ORDER_LINES.format(rows=rows)}) TO '{path}' (FORMAT csv, HEADER)")


def write_wide(path: Path, rows: int, columns: int) -> None:
    """Write a table of ``columns`` columns to ``path`` as CSV: numbers of several kinds, codes, words and days, by turns."""
    kinds = (
        "round(100 * sqrt(-2 * ln((hash(i + {k}) % 1000003 + 1) / 1000004.0)) * cos((hash(i - {k}) % 1000003) / 159155.0), 2)",
        "hash(i * 7 + {k}) % 12",
        "'K' || (hash(i + {k}) % 5000)",
        "['North', 'South', 'East', 'West'][1 + (hash(i + {k}) % 4)::INTEGER]",
        "DATE '2022-01-01' + ((hash(i + {k}) % 1000)::INTEGER)",
    )
    listed = ", ".join(f"{kinds[k % len(kinds)].format(k=k * 1_000_003)} AS c{k}" for k in range(columns))
    duckdb.execute(f"COPY (SELECT {listed} FROM range({rows}) AS t(i)) TO '{path}' (FORMAT csv, HEADER)")
