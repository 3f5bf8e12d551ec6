"""Reads a file of lines: each line that is not empty becomes a row of one text column."""

from harness_core.sdk import Column, InputFile, InputRejected, PluginContext, PluginResult


def run(ctx: PluginContext) -> PluginResult:
    import pyarrow

    source = ctx.inputs[0]
    name = ctx.settings["column"]
    lines = [line for line in _text(source).splitlines() if line]
    table = pyarrow.table({name: pyarrow.array(lines, pyarrow.string())})
    reading = {"format": "lines", "encoding": "utf-8", "column": name}
    ctx.write_dataset(
        "data", source=source, columns=[Column(name, "text", False)], row_count=len(lines), reading=reading, table=table
    )
    return PluginResult.ok(
        f"{len(lines):,} lines read from {source.filename}.", metrics={"row_count": len(lines), "format": "lines"}
    )


def health() -> dict[str, str]:
    return {"state": "ok"}


def _text(source: InputFile) -> str:
    data = source.path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = data[: reason.start].count(b"\n") + 1
        raise InputRejected("This is no UTF-8 text.", line=line, remedy="Save the file as UTF-8.", code="not_utf8") from reason
