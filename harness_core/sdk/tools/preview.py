"""Shows a few rows of a dataset version as text, by their numbers, without reading the rest."""

from harness_core.sdk.context import PluginContext
from harness_core.sdk.contract import PluginResult
from harness_core.sdk.dataset import quote_name

MAX_CELL = 500


def run(ctx: PluginContext) -> PluginResult:
    """Rows ``offset`` to ``offset + limit`` of the dataset, each cell as text cut at 500 characters (null stays null).

    With ``settings.numbers``, those rows instead, in ascending order; with ``settings.columns``, only so many of the first columns.
    """
    offset, limit = int(ctx.settings["offset"]), int(ctx.settings["limit"])
    numbers = [int(number) for number in ctx.settings.get("numbers", ())]
    wanted = (
        f"row_index IN ({', '.join(map(str, numbers))})" if numbers else f"row_index >= {offset} AND row_index < {offset + limit}"
    )
    names = [column.name for column in ctx.dataset.columns[: ctx.settings.get("columns")]]
    shown = [quote_name("row_index_source" if name.lower() == "row_index" else name) for name in names]
    cells = ", ".join(f"left(CAST({name} AS VARCHAR), {MAX_CELL}) AS c{place}" for place, name in enumerate(shown))
    query = f"SELECT {cells} FROM ({ctx.dataset.part(names)}) WHERE {wanted} ORDER BY row_index"
    rows = ctx.dataset.database.execute(query).fetchall() if names else []
    return PluginResult.ok("shown", metrics={"rows": rows})
