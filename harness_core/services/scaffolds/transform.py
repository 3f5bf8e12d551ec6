"""Text without the blanks around it: a copy of the text columns as an artifact, and how many values were mended."""

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.dataset import quote_name


def run(ctx: PluginContext) -> PluginResult:
    names = [column.name for column in ctx.dataset.columns if column.type == "text"]
    if not names:
        return PluginResult.na("no_text", "The table has no text column.")
    blanks = ctx.settings["blanks"]
    mended = {}
    for name in names:
        query = f"SELECT count(*) FROM data WHERE {quote_name(name)} <> trim({quote_name(name)}, ?)"  # noqa: S608 - a quoted identifier
        mended[name] = ctx.dataset.sql(query, [blanks]).scalar()
    trimmed = ", ".join(f"trim({quote_name(name)}, ?) AS {quote_name(name)}" for name in names)
    query = f"SELECT row_index, {trimmed} FROM data ORDER BY row_index"  # noqa: S608 - quoted identifiers
    ctx.write_artifact("trimmed.parquet", ctx.dataset.sql(query, [blanks] * len(names)).to_arrow_table())
    return PluginResult.ok(
        f"{sum(mended.values()):,} values in {len(names)} text columns had blanks around them.", metrics={"mended": mended}
    )


def health() -> dict[str, str]:
    return {"state": "ok"}
