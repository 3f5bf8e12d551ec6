"""Report documents to draw: a run with every figure and a failure, a table of 2,000 columns, a failed run, a hostile file."""

import math
from datetime import date, timedelta
from typing import Any

DATASET = "dv_0123456789abcdef"
HOSTILE = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u202egnp.exe `|` @octocat https://example.org/"

COLUMNS = (
    ("order_id", "text", "code", "identifier"),
    ("order_date", "date", "date", "time"),
    ("ship_date", "date", "date", "time"),
    ("customer_id", "text", "code", "identifier"),
    ("region", "text", "category", "category"),
    ("city", "text", "category", "category"),
    ("sales_rep", "text", "category", "category"),
    ("product", "text", "category", "category"),
    ("category", "text", "category", "category"),
    ("quantity", "integer", "integer", "measure"),
    ("unit_price", "decimal", "currency", "measure"),
    ("discount", "decimal", "percentage", "measure"),
    ("total", "decimal", "currency", "measure"),
    ("currency", "text", "constant", "constant"),
    ("payment_status", "text", "category", "category"),
    ("delivery_days", "integer", "integer", "measure"),
    ("warehouse_stock", "integer", "integer", "measure"),
)


def query(sql: str, *rows: list[Any], tolerance: float | None = None) -> dict[str, Any]:
    return {"type": "query", "sql": sql, "result": list(rows), "tolerance": tolerance}


def rows(*indices: int) -> dict[str, Any]:
    return {"type": "rows", "refs": [f"db://{DATASET}#row_index={index}" for index in indices]}


def finding(
    number: int, plugin: str, kind: str, severity: str, columns: list[str], title: str, statement: str, **parts: Any
) -> dict[str, Any]:
    return {
        "id": f"f_{number:016x}",
        "plugin_id": plugin,
        "kind": kind,
        "title": title,
        "statement": statement,
        "measure": "MEASURED",
        "confidence": 0.95,
        "severity": severity,
        "columns": columns,
        "statistics": {},
        "recommendation": None,
        "evidence": [],
        **parts,
    }


def bell(bins: int, low: float, high: float, peak: float, total: int) -> list[list[float]]:
    """Bins of a bell-shaped histogram."""
    width = (high - low) / bins
    middles = [low + (index + 0.5) * width for index in range(bins)]
    heights = [math.exp(-(((middle - peak) / ((high - low) / 6)) ** 2) / 2) for middle in middles]
    return [[low + i * width, low + (i + 1) * width, round(total * h / sum(heights))] for i, h in enumerate(heights)]


FIGURES: dict[str, dict[str, Any]] = {
    "histogram": {
        "type": "histogram",
        "title": "Stock at the time of the order",
        "x_label": "warehouse_stock",
        "y_label": "orders",
        "summary": "A single bell between 0 and 840; 9,999 lies far outside and is not drawn.",
        "bins": bell(42, 0, 840, 420, 19840),
        "marks": [{"x": 421, "label": "median 421"}],
    },
    "bars": {
        "type": "bars",
        "title": "Totals that break the rule, by cause",
        "x_label": "cause",
        "y_label": "rows",
        "summary": "In half of the rows the discount was not taken off.",
        "bars": [
            {"label": "discount not taken off", "value": 6, "highlight": True},
            {"label": "cut to full tens", "value": 6, "highlight": False},
            {"label": "anything else", "value": 0, "highlight": False},
        ],
    },
    "line": {
        "type": "line",
        "title": "Average discount per week",
        "x_label": "week of order_date",
        "y_label": "average discount, %",
        "summary": "It moves around 3.0 % until the end of February 2024 and around 6.4 % from then on.",
        "points": [
            [(date(2023, 1, 2) + timedelta(weeks=week)).isoformat(), (3.0 if week < 61 else 6.4) + 0.45 * math.sin(week * 1.7)]
            for week in range(104)
        ],
        "marks": [{"x": "2024-03-04", "label": "2024-03-04"}],
        "bands": [{"from": "2024-03-04", "to": "2024-12-23", "label": "after the change"}],
    },
    "heatmap": {
        "type": "heatmap",
        "title": "Days in transit by region",
        "x_label": "delivery_days",
        "y_label": "region",
        "summary": "The East starts where the others end.",
        "x_labels": [str(day) for day in range(2, 14)],
        "y_labels": ["North", "South", "East", "West"],
        "counts": [
            [1380, 1420, 1395, 1395, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 1540, 1560, 1530, 1556, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 486, 490, 470, 500, 480, 489, 490],
            [1610, 1600, 1609, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ],
    },
    "boxes": {
        "type": "boxes",
        "title": "Days in transit by region",
        "x_label": "region",
        "y_label": "delivery_days",
        "summary": "Half of the deliveries to the East take 8 to 12 days; no other region exceeds 6.",
        "groups": [
            {"label": "East", "low": 7, "q1": 8, "median": 10, "q3": 12, "high": 13, "n": 3405},
            {"label": "North", "low": 2, "q1": 2, "median": 3, "q3": 5, "high": 5, "n": 5590},
            {"label": "South", "low": 3, "q1": 3, "median": 4, "q3": 6, "high": 6, "n": 6186},
            {"label": "West", "low": 2, "q1": 2, "median": 3, "q3": 4, "high": 4, "n": 4819},
        ],
    },
}


def findings() -> list[dict[str, Any]]:
    return [
        finding(
            1,
            "analysis_data_quality",
            "identity",
            "warning",
            ["quantity", "unit_price", "discount", "total"],
            "12 totals are not quantity × unit_price × (1 − discount)",
            'In 19,988 of 20,000 rows "total" is "quantity" × "unit_price" × (1 − "discount"), to the cent. In 12 rows it is not: '
            "in 6 of them the discount was not taken off.",
            statistics={"violations": 12, "n": 20000},
            figure=FIGURES["bars"],
            confidence=1.0,
            recommendation='Correct the 12 rows, or find out who may overwrite "total".',
            evidence=[
                query(
                    "SELECT count(*) FROM data\n"
                    'WHERE abs("total" - round("quantity" * "unit_price" * (1 - "discount"), 2)) > 0.005',
                    [12],
                ),
                rows(126, 1101, 3970, 5007, 7477, 8094, 12439, 14844, 15273, 18699, 19818, 19860),
            ],
        ),
        finding(
            2,
            "analysis_outliers",
            "outlier",
            "warning",
            ["unit_price"],
            'One "unit_price" is a hundred times its neighbours',
            'In row 11,019 "unit_price" is 25,647. The next highest value is 508.56. '
            "Divided by 100 it would be an ordinary price of an office chair.",
            statistics={"count": 1, "n": 20000, "effect": {"name": "robust_z", "value": 161.2, "low": None, "high": None}},
            recommendation="Check the order; a decimal point seems to be two places off.",
            evidence=[
                query('SELECT "unit_price" FROM data ORDER BY "unit_price" DESC, row_index LIMIT 2', [25647.0], [508.56]),
                rows(11019),
            ],
        ),
        finding(
            3,
            "analysis_group_differences",
            "group_difference",
            "notice",
            ["delivery_days", "region"],
            "Deliveries to the East take three times as long",
            'On average, "delivery_days" is 10.0 in the region "East" and between 3.0 and 4.5 in the other three. '
            "The region explains 83 % of all variation.",
            statistics={
                "test": "Kruskal-Wallis",
                "p_value": 1e-300,
                "q_value": 1e-298,
                "n": 20000,
                "effect": {"name": "eta_squared", "value": 0.8312, "low": 0.8267, "high": 0.8355},
            },
            figure=FIGURES["boxes"],
            recommendation='Ask the carrier of the "East" what its orders wait for.',
            evidence=[
                query(
                    'SELECT "region", count(*), avg("delivery_days") FROM data GROUP BY 1 ORDER BY 1',
                    ["East", 3405, 10.018502202643171],
                    ["North", 5590, 3.4924865831842578],
                    ["South", 6186, 4.4954736501778205],
                    ["West", 4819, 3.0157709068271426],
                    tolerance=1e-9,
                )
            ],
        ),
        finding(
            4,
            "analysis_changepoint",
            "changepoint",
            "notice",
            ["discount", "order_date"],
            "Discounts doubled on 2024-03-04",
            'From 2024-03-04 (row 11,801) on, the average "discount" is 6.4 %; before, it was 3.0 %.',
            statistics={
                "test": "PELT, then a permutation test",
                "p_value": 0.001,
                "q_value": 0.0042,
                "n": 20000,
                "effect": {"name": "cohens_d", "value": 0.764, "low": 0.735, "high": 0.793},
            },
            figure=FIGURES["line"],
            recommendation="Find out which policy changed in that week, and whether it was meant to.",
            evidence=[
                query("SELECT avg(discount) FROM data WHERE order_date >= DATE '2024-03-04'", [0.0643737041102604], tolerance=1e-9)
            ],
        ),
        finding(
            5,
            "analysis_data_quality",
            "sentinel",
            "notice",
            ["warehouse_stock"],
            '9999 in "warehouse_stock" seems to mean "unknown"',
            'The value 9999 stands in 160 rows of "warehouse_stock", where the next highest value is 840.',
            statistics={"count": 160, "n": 20000, "value": 9999},
            figure=FIGURES["histogram"],
            confidence=0.9,
            recommendation="Treat 9999 as missing.",
            evidence=[query("SELECT count(*) FROM data WHERE warehouse_stock = 9999", [160])],
        ),
        finding(
            6,
            "analysis_dependence",
            "dependence",
            "notice",
            ["city", "delivery_days"],
            '"city" and "delivery_days" depend on each other',
            'Knowing "city" removes 83 % of the uncertainty about "delivery_days".',
            figure=FIGURES["heatmap"],
            statistics={
                "p_value": 0.0,
                "q_value": 0.0,
                "n": 20000,
                "effect": {"name": "cramers_v", "value": 0.71, "low": 0.7, "high": 0.72},
            },
        ),
        finding(
            7,
            "analysis_queue_model",
            "queueing",
            "notice",
            ["region"],
            "A second carrier would shorten deliveries to the East",
            "With two carriers the average would fall from 10.0 to about 6 days.",
            measure="MODELED",
            confidence=0.4,
            confidence_note="one queue, steady arrivals",
            scope="orders to the East",
            assumptions=["arrivals stay as they are"],
            evidence_note="the model is described in its README",
        ),
        *[
            finding(
                20 + index,
                "analysis_distribution",
                "distribution_shape",
                "info",
                [name],
                f'"{name}" is skewed to the right',
                f'Most values of "{name}" are small, and few are large.',
                evidence_note="see the histogram of the column",
            )
            for index, name in enumerate(["quantity", "total", "unit_price"])
        ],
        finding(
            30, "analysis_data_quality", "constant", "info", ["currency"], '"currency" is always EUR', 'All 20,000 rows have "EUR".'
        ),
    ]


def profile(columns: list[tuple[str, str, str, str]] | tuple[tuple[str, str, str, str], ...] = COLUMNS) -> list[dict[str, Any]]:
    return [_profiled(index, *column) for index, column in enumerate(columns)]


def _profiled(index: int, name: str, type_: str, semantic: str, role: str) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": name,
        "type": type_,
        "semantic_type": semantic,
        "role": role,
        "null_count": index * 37 % 300,
        "distinct_count": 5 + index * 91 if role != "category" else 6 + index,
        "distinct_exact": index % 5 != 4,
    }
    if role == "measure":
        bins = bell(30, 0, 480 + index, 110 + 20 * (index % 7), 19000)
        column |= {
            "min": 0,
            "max": 480 + index,
            "mean": 143.21739 + index,
            "std": 61.93 + index / 7,
            "quantiles": {q: round(float(q) * (480 + index), 3) for q in ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")},
            "histogram": {"edges": [low for low, _, _ in bins] + [bins[-1][1]], "counts": [count for _, _, count in bins]},
        }
    elif role == "time":
        column |= {"min": "2023-01-02", "max": "2024-12-30"}
    elif role == "category":
        column["top_values"] = [{"value": f"{name} {letter}", "count": 6186 - 900 * i} for i, letter in enumerate("ABCDEF")]
    return column


def document(**changes: Any) -> dict[str, Any]:
    """A PARTIAL run over the example table: six insights with a figure of each type, silent plugins, one failure."""
    found = sorted(findings(), key=lambda item: (item["plugin_id"], item["id"]))
    whys = {
        1: "It is probably wrong or costly and touches fewer than 0.1 % of the rows.",
        3: "It deserves a look and is very strong. It also explains 1 other finding.",
    }
    insights = [
        {
            **item,
            "rank": rank,
            "score": 0.8 - rank / 20,
            "why": whys.get(rank, "It deserves a look."),
            "symptoms": ["f_0000000000000006"] if rank == 3 else [],
        }
        for rank, item in enumerate(
            (item for number in (1, 2, 3, 4, 5, 7) for item in found if item["id"] == f"f_{number:016x}"), 1
        )
    ]
    statuses = {
        "ingest_tabular": ("OK", "Read 20,000 rows and 17 columns from a comma-separated file in UTF-8."),
        "profile_basic": ("OK", "Described 17 columns."),
        "planner_basic": ("OK", "Chose 11 of 14 analyses."),
        "analysis_data_quality": ("OK", "Found 3 things to look at."),
        "analysis_outliers": ("OK", "Found 1 outlying value."),
        "analysis_group_differences": ("OK", "One of 24 comparisons differs."),
        "analysis_changepoint": ("OK", "Found 1 change."),
        "analysis_dependence": ("REUSED", "Found 1 dependence among 105 pairs."),
        "analysis_distribution": ("OK", "Described 6 columns."),
        "analysis_queue_model": ("OK", "Modeled 1 queue."),
        "analysis_missingness": ("NA", "No column is missing for a reason that shows in another."),
        "analysis_scan_statistics": ("NA", "No period or group stands out more than chance would have it."),
        "analysis_process_sequence": ("NA", "This is no event log: no column names an activity."),
        "analysis_trend_seasonality": ("TIMEOUT", "Ended after 600 s."),
        "report_insights": ("OK", "6 of 11 findings are worth a person's time."),
    }
    plugins: dict[str, Any] = {
        name: {
            "name": name,
            "type": name.partition("_")[0],
            "version": "1.0.0",
            "status": status,
            "summary": summary,
            "metrics": {},
            "error": None,
            "execution_fingerprint": f"sha256:{len(name):064x}",
            "artifacts": [],
        }
        for name, (status, summary) in statuses.items()
    }
    timeout = "It took longer than 600 seconds and was ended."
    plugins["profile_basic"]["metrics"] = {"row_count": 20000, "columns": profile()}
    plugins["analysis_trend_seasonality"]["error"] = {"type": "Timeout", "message": timeout}
    plugins["report_insights"]["metrics"] = {
        "alpha": 0.05,
        "method": "Benjamini-Hochberg",
        "family_size": 312,
        "dependence_note": "Tests of one table depend on one another.",
    }
    facts = {
        "dataset_version_id": DATASET,
        "row_count": 20000,
        "column_count": 17,
        "columns": [{"name": name, "type": type_, "nullable": True, "storage_type": "VARCHAR"} for name, type_, _, _ in COLUMNS],
        "reading": {"format": "csv", "encoding": "utf-8"},
        "repairs": [{"code": "blank_lines", "count": 2, "sentence": "2 blank lines at the end were left out."}],
    }
    source = {"filename": "sales_orders.csv", "sha256": "ab" * 32, "bytes": 2245822}
    return {
        "schema_version": "report.v1",
        "run_fingerprint": "sha256:" + "5c" * 32,
        "status": "PARTIAL",
        "input": {**source, "format": "csv"},
        "inputs": [source],
        "dataset": facts,
        "datasets": [{"role": "data", **facts}],
        "coverage": {
            "sampled": False,
            "rows_analyzed": 20000,
            "rows_total": 20000,
            "fraction": 1.0,
            "method": "all rows",
            "seed": None,
        },
        "insights": insights,
        "findings": found,
        "plugins": plugins,
        "plan": {
            "mode": "auto",
            "asked_for": [],
            "selection": [
                {"plugin_id": "analysis_changepoint", "selected": True, "reason": "There are 20,000 rows in time order."},
                {"plugin_id": "analysis_pii_scan", "selected": False, "reason": "No column of text could hold personal data."},
            ],
        },
        "lineage": {
            "nodes": [{"id": "input:" + "ab" * 32, "type": "input", "label": "sales_orders.csv"}],
            "edges": [{"from": "input:" + "ab" * 32, "to": "execution:ingest_tabular"}],
        },
        "errors": [
            {
                "plugin_id": "analysis_trend_seasonality",
                "status": "TIMEOUT",
                "type": "Timeout",
                "message": timeout,
                "remedy": "Raise limits.timeout_s of the plugin, or run it on a sample.",
                "skipped": [],
            }
        ],
        **changes,
    }


def wide(count: int = 2000) -> dict[str, Any]:
    """The same run over a table of ``count`` columns, with a finding for every second of them."""
    roles = (
        ("decimal", "decimal_number", "measure"),
        ("text", "category", "category"),
        ("date", "date", "time"),
        ("integer", "integer", "measure"),
    )
    columns = [(f"measurement_{index:04d}_of_the_plant", *roles[index % 4]) for index in range(count)]
    more = [
        finding(
            1000 + index,
            "analysis_data_quality",
            "missingness",
            "notice",
            [columns[2 * index][0]],
            f"Column {index} has gaps",
            "It has gaps.",
        )
        for index in range(count // 2)
    ]
    base = document()
    base["plugins"]["profile_basic"]["metrics"] = {"row_count": 20000, "columns": profile(columns)}
    described = [{"name": name, "type": type_, "nullable": True, "storage_type": "VARCHAR"} for name, type_, _, _ in columns]
    base["dataset"] = {**base["dataset"], "columns": described, "column_count": count}
    return {**base, "findings": sorted(base["findings"] + more, key=lambda item: (item["plugin_id"], item["id"]))}


def failed() -> dict[str, Any]:
    """A run that never had a dataset."""
    message = "The file ends in the middle of a quoted field that began in line 4."
    entry = {
        "name": "ingest_tabular",
        "type": "ingest",
        "version": "1.0.0",
        "status": "ERROR",
        "summary": message,
        "metrics": {},
        "error": {"type": "InputRejected", "message": message},
        "execution_fingerprint": "sha256:" + "0" * 64,
        "artifacts": [],
    }
    skipped = {**entry, "name": "profile_basic", "type": "profile", "status": "SKIPPED", "error": None}
    return {
        "schema_version": "report.v1",
        "run_fingerprint": "sha256:" + "1f" * 32,
        "status": "FAILED",
        "input": {"filename": "broken.csv", "sha256": "cd" * 32, "bytes": 120, "format": None},
        "inputs": [{"filename": "broken.csv", "sha256": "cd" * 32, "bytes": 120}],
        "dataset": None,
        "datasets": [],
        "coverage": {"sampled": False, "rows_analyzed": 0, "rows_total": 0, "fraction": 1.0, "method": "all rows", "seed": None},
        "insights": [],
        "findings": [],
        "plugins": {
            "ingest_tabular": entry,
            "profile_basic": {**skipped, "summary": "Skipped, because ingest_tabular failed."},
        },
        "plan": {"mode": "auto", "asked_for": [], "selection": []},
        "lineage": {"nodes": [], "edges": []},
        "errors": [
            {
                "plugin_id": "ingest_tabular",
                "status": "ERROR",
                "type": "InputRejected",
                "message": message,
                "remedy": "Export the file again.",
                "skipped": ["profile_basic"],
            }
        ],
    }


def hostile() -> dict[str, Any]:
    """Every name, value, sentence and query of the first run replaced by text that tries to leave its place."""
    return _poisoned(document())


def _poisoned(value: Any, key: str = "") -> Any:
    kept = {
        "id",
        "plugin_id",
        "type",
        "status",
        "severity",
        "measure",
        "kind",
        "dataset_version_id",
        "schema_version",
        "refs",
        "role",
        "x",
        "from",
        "to",
        "points",
    }
    if key in kept:
        return value
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    return HOSTILE + value if isinstance(value, str) else value
