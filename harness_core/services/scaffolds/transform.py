"""Text without the blanks around it: a copy of the text columns as an artifact, and how many values were mended."""

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.dataset import quote_name

MENDED = "SELECT count(*) FROM data WHERE {column} <> trim({column}, ?)"
TRIMMED = "SELECT row_index, {columns} FROM data ORDER BY row_index"


def run(ctx: PluginContext) -> PluginResult:
    names = [column.name for column in ctx.dataset.columns if column.type == "text"]
    if not names:
        return PluginResult.na("no_text", "The table has no text column.")
    blanks = ctx.settings["blanks"]
    mended = {name: ctx.dataset.sql(MENDED.replace("{column}", quote_name(name)), [blanks]).scalar() for name in names}
    columns = ", ".join(f"trim({quote_name(name)}, ?) AS {quote_name(name)}" for name in names)
    table = ctx.dataset.sql(TRIMMED.replace("{columns}", columns), [blanks] * len(names)).to_arrow_table()
    ctx.write_artifact("trimmed.parquet", table)
    summary = f"{sum(mended.values()):,} values in {len(names)} text columns had blanks around them."
    return PluginResult.ok(summary, metrics={"mended": mended})


def health() -> dict[str, str]:
    return {"state": "ok"}
