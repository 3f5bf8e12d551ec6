"""How complete is each column? Missing values, counted exactly."""

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.dataset import quote_name

MISSING = "SELECT count(*) FROM data WHERE {column} IS NULL"


def run(ctx: PluginContext) -> PluginResult:
    dataset = ctx.dataset
    columns = []
    for done, column in enumerate(dataset.columns, start=1):
        missing = dataset.sql(MISSING.replace("{column}", quote_name(column.name))).scalar()
        share = missing / dataset.row_count if dataset.row_count else 0.0
        wanting = share > ctx.settings["most_missing_share"]
        columns.append({"name": column.name, "type": column.type, "null_count": missing, "null_share": share, "wanting": wanting})
        ctx.progress(done, len(dataset.columns), "columns")
    wanting_count = sum(entry["wanting"] for entry in columns)
    metrics = {"row_count": dataset.row_count, "columns": columns}
    return PluginResult.ok(f"{wanting_count} of {len(columns)} columns lack more values than they may.", metrics=metrics)


def health() -> dict[str, str]:
    return {"state": "ok"}
