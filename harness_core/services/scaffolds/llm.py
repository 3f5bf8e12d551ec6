"""A prompt about the table for a language model: its columns and their types, and no row of data. No model is asked here."""

from harness_core.sdk import PluginContext, PluginResult


def run(ctx: PluginContext) -> PluginResult:
    dataset = ctx.dataset
    columns = [f"- {column.name} ({column.type})" for column in dataset.columns]
    lines = [ctx.settings["question"], "", f"The table has {dataset.row_count:,} rows and these columns:", "", *columns]
    prompt = "\n".join(lines) + "\n"
    ctx.write_artifact("prompt.md", prompt)
    return PluginResult.ok(f"A prompt of {len(prompt):,} characters was written.", metrics={"characters": len(prompt)})


def health() -> dict[str, str]:
    return {"state": "ok"}
