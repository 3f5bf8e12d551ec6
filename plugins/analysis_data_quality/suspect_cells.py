"""The cells that break a rule, as a list to work through: the findings cite the first rows only."""

from typing import Any

import pyarrow as pa
import pyarrow.csv
from quality_table import Table

from harness_core.sdk import PluginContext

NAME = "suspect_cells.csv"
MAX_RULES = 200
MAX_CELLS = 100_000


def write(ctx: PluginContext, table: Table) -> dict[str, Any]:
    """Write the artifact, if there are any, and say how many cells it has, and whether these are all.

    One line per cell: ``row_index``, ``column``, and ``rules``, the number of rules that it breaks.
    """
    broken: dict[tuple[int, int], int] = {}
    place = {column.name: column.position for column in table.fields}
    rules = list(dict.fromkeys(table.suspects))
    complete = len(rules) <= MAX_RULES
    for name, query in rules[:MAX_RULES]:
        rows = table.dataset.sql(f"{query} LIMIT {MAX_CELLS + 1}").to_arrow_table().column(0).to_pylist()
        complete = complete and len(rows) <= MAX_CELLS
        for row in rows[:MAX_CELLS]:
            broken[row, place[name]] = broken.get((row, place[name]), 0) + 1
    about = Counter(place[name] for name, _ in rules[:MAX_RULES])
    listed = sorted(cell for cell, times in broken.items() if times >= OFTEN * about[cell[1]])
    if broken:
        ctx.write_artifact(NAME, _as_csv(table, broken))
    return {"cells": len(broken), "complete": complete}


def _as_csv(table: Table, broken: dict[tuple[int, int], int]) -> bytes:
    cells = sorted(broken)
    lines = pa.table(
        {
            "row_index": [row for row, _ in cells],
            "column": [table.fields[place].name for _, place in cells],
            "rules": [broken[cell] for cell in cells],
        }
    )
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(lines, sink, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue())
