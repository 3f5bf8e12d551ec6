"""Ranks of durations: places that are counted and places that are sorted are the same, and those that NumPy finds row by row."""

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from harness_core.sdk.statistics.blocks import even_edges

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_durations"
SECOND = 1_000_000
ROWS = 3_000
RANDOM = np.random.default_rng(5)
TAKEN = {
    "whole days": RANDOM.integers(0, 90, ROWS) * 86_400 * SECOND,
    "seconds of a year": RANDOM.integers(0, 31_536_000, ROWS) * SECOND,
    "microseconds": RANDOM.integers(0, 10**13, ROWS),
    "all alike": np.full(ROWS, 7 * SECOND),
    "one row": np.array([3]),
}


@pytest.fixture(scope="module")
def ranks() -> Iterator[ModuleType]:
    sys.path.insert(0, str(PLUGIN))
    before = set(sys.modules)
    yield importlib.import_module("duration_ranks")
    sys.path.remove(str(PLUGIN))
    for name in {name for name in set(sys.modules) - before if name.startswith("duration_")}:
        del sys.modules[name]


@pytest.mark.parametrize("kind", TAKEN)
@pytest.mark.parametrize("few", [1, 1 << 16])
def test_places_counts_and_ranks_are_those_of_the_sorted_durations(
    ranks: ModuleType, kind: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards both ways to rank, at any number of different durations, with chunks that end within the rows."""
    monkeypatch.setattr(ranks, "FEW", few)
    monkeypatch.setattr(ranks, "CHUNK", 700)
    taken: Any = TAKEN[kind].astype(np.int64)
    found = ranks.Ranked.of(taken)
    assert [int(found.values[place]) for place in found.place] == taken.tolist()
    assert [found.at(position) for position in range(len(taken))] == sorted(taken.tolist())
    assert (found.doubled[found.place] + 1 == 2 * rankdata(taken)).all()
    edges = even_edges(len(taken), 7).tolist()
    within = [2 * rankdata(taken[low:high]) for low, high in itertools.pairwise(edges)]
    for one, other in zip(ranks.doubled_within(found.place, edges), within, strict=True):
        assert one.tolist() == other.tolist()
