"""What a whole run says about tables in which nothing depends on anything: at most one in twenty may have a statistical insight."""

import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.noise_tables import noise_table
from tests.evaluate.whole_table import analyse, one_thread, told

pytestmark = pytest.mark.reference

TABLES = int(os.environ.get("HARNESS_NOISE_TABLES", "40"))
TARGET = 0.05
UNLUCKY = 0.01  # a share of 5 % may look larger in a few dozen tables: so rarely may this test fail by that alone


def alarms(seed: int) -> dict[str, Any]:
    """The insights above ``info`` about one table of noise that come from a test."""
    with tempfile.TemporaryDirectory() as folder:
        table = noise_table(seed)
        answers = analyse(table, Path(folder))
        tested = answers["report_insights"]["metrics"]["q_values"]
        loud = [finding for finding in told(answers) if finding["severity"] != "info" and finding["id"] in tested]
    return {"seed": seed, "shape": table.shape, "titles": [f"{item['plugin_id']}: {item['title']}" for item in loud]}


def most_allowed(tables: int) -> int:
    """The number of tables with an alarm that is exceeded with probability ``UNLUCKY`` where one in twenty has one."""
    from scipy import stats

    return int(stats.binom.ppf(1 - UNLUCKY, tables, TARGET))


def test_noise() -> None:
    """The share of tables with a statistical insight above ``info`` is at most 5 %, but for the luck of the draw."""
    one_thread()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = list(pool.map(alarms, range(1, TABLES + 1)))
    loud = [item for item in found if item["titles"]]
    lines = [f"{item['seed']:4} {item['shape']}  {'; '.join(item['titles'])}" for item in loud]
    lines.append(f"{len(loud)} of {TABLES} tables of noise have a statistical insight above info (target: 5 %)")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(loud) <= most_allowed(TABLES)
