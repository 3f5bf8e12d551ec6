"""Small tables on which every bundled plugin has something to say, and files for those that read them; the same ones every time.

A plugin that is new is run over all of them. Where none gives it anything to say, its table belongs here.
"""

import csv
import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.plugins.event_logs import job_log, process_log

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "sales_orders.csv"
LEFT_OUT = ("ship_date", "sales_rep", "product", "currency", "payment_status", "warehouse_stock")  # they cost time and add nothing
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "analysis_known_issues": {
        "erp": "SAP",
        "known_issues": [
            {"id": "negative", "kind": "sentinel", "columns": ["reading"], "condition": "reading < 0"},
            {"id": "no place", "kind": "missingness", "columns": ["place"]},
        ],
    }
}


def tables() -> dict[str, pa.Table]:
    return {
        "orders": orders(),
        "cases": process_log(cases=120),
        "jobs": job_log(jobs=800),
        "closes": closes(),
        "readings": readings(),
    }


def orders(rows: int = 800) -> pa.Table:
    """The first rows of the example with their types: ids, codes, texts, dates, decimals, gaps."""
    with EXAMPLE.open(encoding="utf-8", newline="") as file:
        lines = [line for line, _ in zip(csv.DictReader(file), range(rows), strict=False)]
    kinds: dict[str, Any] = {
        "order_date": date.fromisoformat, "quantity": int, "unit_price": Decimal,
        "discount": Decimal, "total": Decimal, "delivery_days": int,
    }  # fmt: skip
    kept = [name for name in lines[0] if name not in LEFT_OUT]
    return pa.table({name: [kinds.get(name, str)(line[name]) if line[name] else None for line in lines] for name in kept})


def closes(rows: int = 2500, months: int = 14) -> pa.Table:
    """Postings by day, with when they were begun and done and which other one they belong to; in the last three days of a month
    there are twice as many, and they take longer."""
    rng = np.random.default_rng(5)
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2023-01") + months)
    left = ((days.astype("datetime64[M]") + 1).astype("datetime64[D]") - days).astype(int)
    weight = np.where(left <= 3, 2.0, 1.0)
    day = np.sort(rng.choice(len(days), rows, p=weight / weight.sum()))
    at = days[day].astype("datetime64[us]") + rng.integers(0, 86_400, rows).astype("timedelta64[s]").astype("timedelta64[us]")
    minutes = rng.lognormal(3, 0.6, rows) * np.where(left[day] <= 3, 1.8, 1.0)
    done = at + (90e6 * minutes).astype("timedelta64[us]")
    number = 1000 + 3 * np.arange(rows)
    other = np.where(rng.random(rows) < 0.01, 17, rng.choice(number, rows))
    return pa.table(
        {"id": number, "parent_id": other, "posted": at, "done": done, "minutes": minutes, "amount": rng.normal(100, 20, rows)}
    )


def readings(rows: int = 800) -> pa.Table:
    """A sensor by the hour: a day's rhythm, a shift, a standstill, spikes, NaN, both infinities, gaps that depend, and awkward columns."""
    rng = np.random.default_rng(6)
    hour = np.arange(rows)
    level = 20 + 5 * np.sin(hour * 2 * math.pi / 24) + np.where(hour > 500, 6.0, 0.0) + rng.normal(0, 1, rows)
    level[600:636] = level[600]
    level[[17, 700]], level[40], level[41], level[42] = 400.0, math.nan, math.inf, -math.inf
    place = rng.choice(["Çeşme", "İzmir", "straße", "日本", "a b"], rows, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    lost = (place == "İzmir") & (rng.random(rows) < 0.7)
    start = datetime(2024, 2, 27)
    return pa.table(
        {
            "at": pa.array([start + timedelta(hours=int(h)) for h in hour], pa.timestamp("us")),
            "reading": pa.array(level, mask=rng.random(rows) < 0.03),
            "double": pa.array(2 * level + rng.normal(0, 0.5, rows), mask=lost),
            "rate": pa.array(rng.lognormal(0, 2, rows)),
            "place": pa.array(place, mask=rng.random(rows) < 0.02),
            "ok": pa.array(rng.random(rows) < 0.9),
            "mail": [f"person{k % 700}@example.org" for k in range(rows)],
            "nothing": pa.nulls(rows, pa.string()),
            "always": ["x"] * rows,
            "row_index": pa.array(rng.permutation(rows)),
            'odd "name", ünïcode': pa.array(rng.integers(-(2**62), 2**62, rows)),
        }
    )


def files(folder: Path) -> dict[str, Path]:
    """What an ingest plugin may be given."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:1201]
    awkward = 'id;when;wert;text\n1;31.12.2023;1.234,5;"a;b"\n2;01.02.2024;;ü\n3;;-0,25;"two\nlines"\n'
    dump = (
        "CREATE TABLE `a` (`id` int, `x` double, `t` varchar(20), `d` datetime);\n"
        "INSERT INTO `a` VALUES (1,1.5,'it''s','2024-01-01 00:00:00'),(2,NULL,'ü','2024-03-31 02:30:00'),(3,1e308,NULL,NULL);\n"
        "CREATE TABLE b (k int);\nINSERT INTO b VALUES (7),(8);\n"
    )
    made = {"orders.csv": "".join(lines), "awkward.csv": awkward, "dump.sql": dump}
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return {name: folder / name for name in made}
