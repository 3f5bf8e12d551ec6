"""The cells that break a rule, as a list to work through: the findings cite the first rows only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
from quality_table import Table

from harness_core.sdk import PluginContext

NAME = "suspect_cells.csv"
MAX_RULES = 100
MAX_ROWS = 20_000  # of one rule
MAX_CELLS = 100_000
OFTEN = 1 / 3  # a cell is listed if it breaks so many of the rules about its column: else rather the deciding cell is wrong


def write(ctx: PluginContext, table: Table) -> dict[str, Any]:
    """Write the artifact, if there are any, and say how many cells it has, and whether these are all.

    One line per cell: ``row_index``, ``column``, and ``rules``, the number of rules that it breaks.
    """
    rules = list(dict.fromkeys(table.suspects))
    broken: Counter[tuple[int, str]] = Counter()
    complete = len(rules) <= MAX_RULES
    for name, query in rules[:MAX_RULES]:
        rows = table.dataset.sql(f"{query} LIMIT {MAX_ROWS + 1}").to_arrow_table().column(0).to_pylist()
        complete = complete and len(rows) <= MAX_ROWS
        broken.update((row, name) for row in rows[:MAX_ROWS])
    about = Counter(name for name, _ in rules[:MAX_RULES])
    place = {column.name: column.position for column in table.fields}
    often = [cell for cell, times in broken.items() if times >= OFTEN * about[cell[1]]]
    listed = sorted(often, key=lambda cell: (cell[0], place[cell[1]]))[:MAX_CELLS]
    if listed:
        ctx.write_artifact(NAME, _as_csv(listed, broken))
    return {"cells": len(listed), "complete": complete and len(listed) == len(often)}


def _as_csv(cells: Sequence[tuple[int, str]], broken: Mapping[tuple[int, str], int]) -> bytes:
    lines = pa.table(
        {
            "row_index": pa.array([row for row, _ in cells], pa.int64()),
            "column": pa.array([name for _, name in cells], pa.string()),
            "rules": pa.array([broken[cell] for cell in cells], pa.int64()),
        }
    )
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(lines, sink, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue())
