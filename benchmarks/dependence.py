"""All pairwise dependence of 8 numeric and 4 nominal columns: the plugin from Parquet, beside NumPy on a matrix in memory.

Both cut each number at its twelfths, and count a table for each of the 66 pairs; the plugin also decodes the file and judges the
tables. Prints CPU seconds of both and their ratio, and those of a whole run of the plugin with its sentences. Rows: the first
argument (default 1,000,000); at ten million rows the matrix takes 1 GB.
"""

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.sdk import guest
from harness_core.sdk.statistics.coded import coded
from harness_core.sdk.testing import write_dataset
from harness_core.sdk.validation import with_defaults

DRAWS = 19_999
PLUGIN = Path(__file__).parents[1] / "plugins" / "analysis_dependence"
NUMBERS, CLASSES, BINS = 8, (3, 8, 12, 15), 12


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        by_numpy = cpu_of_numpy(rows, Path(folder))
        by_plugin = cpu(lambda: plugin_tables(Path(folder)))
        whole = cpu(lambda: guest.execute(request(Path(folder)), lambda frame: None))
    print(
        f"{rows:,} rows, CPU seconds: NumPy in memory {by_numpy:.2f}, the plugin's pairs {by_plugin:.2f}, "
        f"ratio {by_plugin / by_numpy:.2f}"
    )
    print(f"the whole plugin, with third columns, sentences and their evidence: {whole:.2f}, ratio {whole / by_numpy:.2f}")


def cpu(action: Callable[[], Any]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def cpu_of_numpy(rows: int, folder: Path) -> float:
    """Also writes the table; the matrix is gone when the plugin's turn comes."""
    matrix = made(rows)
    write_dataset(folder / "data", as_table(matrix))
    return cpu(lambda: numpy_tables(matrix))


def made(rows: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Rows by twelve columns; the last four hold codes of categories."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=rows)
    matrix = np.empty((rows, NUMBERS + len(CLASSES)), order="F")
    for k in range(NUMBERS):
        matrix[:, k] = k / NUMBERS * common + np.sqrt(1 - (k / NUMBERS) ** 2) * rng.normal(size=rows)
    for k, size in enumerate(CLASSES):
        matrix[:, NUMBERS + k] = rng.integers(0, size, rows) if k % 2 else np.clip((common + 3) / 6 * size, 0, size - 1).astype(int)
    return matrix


def as_table(matrix: "np.ndarray[Any, np.dtype[np.float64]]") -> pa.Table:
    columns: dict[str, Any] = {f"x{k}": matrix[:, k] for k in range(NUMBERS)}
    for k, size in enumerate(CLASSES):
        names = pa.array([f"value {code:02d}" for code in range(size)])
        columns[f"g{k}"] = names.take(pa.array(matrix[:, NUMBERS + k].astype(np.int64)))
    return pa.table(columns)


def numpy_tables(matrix: "np.ndarray[Any, np.dtype[np.float64]]") -> list[Any]:
    codes = []
    for k, column in enumerate(matrix.T):
        if k < NUMBERS:
            cuts = np.quantile(column, np.arange(1, BINS) / BINS, method="inverted_cdf")
            codes.append(np.searchsorted(cuts, column))
        else:
            codes.append(column.astype(np.int64))
    sizes = [int(code.max()) + 1 for code in codes]
    return [
        np.bincount(codes[i] * sizes[j] + codes[j], minlength=sizes[i] * sizes[j]) for i, j in combinations(range(len(codes)), 2)
    ]


def request(folder: Path) -> dict[str, Any]:
    settings = with_defaults(json.loads((PLUGIN / "config.schema.json").read_text(encoding="utf-8")), {})
    return {
        "plugin_id": "analysis_dependence", "plugin_folder": str(PLUGIN), "module": "plugin.py", "function": "run", "call": "run",
        "settings": dict(settings), "seed": 1, "scratch": str(folder), "engine_memory_mb": 1024, "limits": {}, "plan": [],
        "report": {}, "inputs": [], "datasets": {"data": str(folder / "data")}, "upstream": {},
    }  # fmt: skip


def plugin_tables(folder: Path) -> None:
    """What the plugin does before it looks at third columns and words: axes, tables of all pairs, and the verdict on each."""
    sys.path.insert(0, str(PLUGIN))
    axes_of, tables_of, judge, chance_of, shuffles_of = (
        getattr(importlib.import_module(module), name)
        for module, name in (
            ("dependence_axes", "build_axes"),
            ("dependence_tables", "pair_tables"),
            ("dependence_pairs", "judge"),
            ("dependence_pairs", "Chance"),
            ("dependence_small", "Shuffles"),
        )
    )
    asked = request(folder)
    ctx = guest.build_context(asked, lambda frame: None)
    axes, _ = axes_of(ctx.dataset, [], asked["settings"]["max_columns"])
    pairs = list(combinations(range(len(axes)), 2))
    tables = tables_of(ctx, axes, coded(ctx.dataset, axes), pairs)
    chance = chance_of(ctx.rng, DRAWS, asked["settings"]["significance"] / len(pairs), shuffles_of(ctx.rng, DRAWS))
    judged = [judge(pair, (axes[pair[0]], axes[pair[1]]), tables[pair], chance) for pair in pairs]
    assert len(judged) == 66
    assert all(judged)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
