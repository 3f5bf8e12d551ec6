"""Which columns hold one value in nearly every row? Counted exactly, column by column."""

from harness_core.sdk import Column, Finding, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_name

MOST_AND_ALL = """SELECT coalesce(max(n), 0), (SELECT count(*) FROM data)
FROM (SELECT count(*) AS n FROM data WHERE {column} IS NOT NULL GROUP BY {column})"""


def run(ctx: PluginContext) -> PluginResult:
    dataset = ctx.dataset
    if dataset.row_count == 0:
        return PluginResult.na("no_rows", "The table has no rows.")
    shares: dict[str, float] = {}
    findings: list[Finding] = []
    for done, column in enumerate(dataset.columns, start=1):
        evidence = dataset.evidence(MOST_AND_ALL.replace("{column}", quote_name(column.name)))
        most, rows = evidence["result"][0]
        shares[column.name] = most / rows
        if shares[column.name] >= ctx.settings["least_share"]:
            findings.append(_finding(column, most, rows, evidence))
        ctx.progress(done, len(dataset.columns), "columns")
    summary = f"{len(findings)} of {len(dataset.columns)} columns hold one value in nearly every row."
    if not findings:
        return PluginResult.na("nothing_found", "No column holds one value in nearly every row.", metrics={"shares": shares})
    return PluginResult.ok(summary, metrics={"shares": shares}, findings=findings)


def health() -> dict[str, str]:
    return {"state": "ok"}


def _finding(column: Column, most: int, rows: int, evidence: dict[str, object]) -> Finding:
    return Finding(
        kind="concentration",
        title=f'"{column.name}" is nearly constant',
        statement=f'One value fills {most:,} of {rows:,} rows of "{column.name}".',
        columns=[column.name],
        measure="MEASURED",
        confidence=1.0,
        confidence_note="Counted over all rows.",
        statistics={"n": rows, "effect": {"name": "share", "value": most / rows, "low": None, "high": None}},
        recommendation="Look at the rows that hold another value: they are the exceptions.",
        evidence=[evidence],
    )
