"""What a whole run says about tables in which nothing depends on anything: at most one in twenty may have a statistical insight, and
no analysis has smaller p-values than chance gives it."""

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.noise_tables import noise_table
from tests.evaluate.null_p_values import p_values, uniformity
from tests.evaluate.whole_table import analyse, one_thread, statistical

pytestmark = pytest.mark.reference

FIRST = int(os.environ.get("HARNESS_NOISE_FIRST", "1"))
TABLES = int(os.environ.get("HARNESS_NOISE_TABLES", "40"))
TARGET = 0.05
UNLUCKY = 0.01  # a share of 5 % may look larger in a few dozen tables: so rarely may this test fail by that alone
SURELY_TOO_SMALL = 1e-4  # tests of one table depend on each other, so that a chance somewhat below the usual ones proves nothing


def examined(seed: int) -> dict[str, Any]:
    """Of one table of noise: its statistical insights above ``info``, and all p-values by plugin."""
    table = noise_table(seed)
    with tempfile.TemporaryDirectory() as folder:
        answers = analyse(table, Path(folder))
    titles = [f"{item['plugin_id']}: {item['title']} (p = {item['statistics']['p_value']})" for item in statistical(answers)]
    return {"seed": seed, "shape": table.shape, "titles": titles, "p_values": p_values(answers)}


@pytest.fixture(scope="module")
def tables() -> Sequence[Mapping[str, Any]]:
    one_thread()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(examined, range(FIRST, FIRST + TABLES)))


def most_allowed(tables: int) -> int:
    """The number of tables with an alarm that is exceeded with probability ``UNLUCKY`` where one in twenty has one."""
    from scipy import stats

    return int(stats.binom.ppf(1 - UNLUCKY, tables, TARGET))


def test_noise(tables: Sequence[Mapping[str, Any]]) -> None:
    """The share of tables with a statistical insight above ``info`` is at most 5 %, but for the luck of the draw."""
    loud = [item for item in tables if item["titles"]]
    lines = [f"{item['seed']:4} {item['shape']}  {'; '.join(item['titles'])}" for item in loud]
    lines.append(f"{len(loud)} of {TABLES} tables of noise have a statistical insight above info (target: 5 %)")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(loud) <= most_allowed(TABLES)


def test_p_values_under_the_null(tables: Sequence[Mapping[str, Any]]) -> None:
    """The p-values of each analysis are uniform or larger: Kolmogorov and Smirnov's one-sided distance and the smallest, printed."""
    found: dict[str, list[float]] = defaultdict(list)
    for item in tables:
        for plugin, values in item["p_values"].items():
            found[plugin] += values
    judged = {plugin: uniformity(values) for plugin, values in sorted(found.items())}
    head = f"{'share of p-values up to':28} {'tests':>6}  0.001   0.01    0.05    0.2     0.5     excess  chance   smallest chance"
    lines = [head]
    for plugin, item in judged.items():
        shares = "  ".join(f"{share:6.4f}" for share in item.shares.values())
        lines.append(f"{plugin:28} {item.tests:6}  {shares}  {item.excess:6.4f}  {item.chance:<7.2g}  "
                     f"{item.smallest:<8.2g} {item.chance_of_smallest:.2g}")  # fmt: skip
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert {plugin for plugin, item in judged.items() if min(item.chance, item.chance_of_smallest) < SURELY_TOO_SMALL} == set()
