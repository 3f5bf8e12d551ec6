"""From which size on a planted effect is told among the insights of a whole run, kind by kind, and what is told that is not there."""

import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.evaluate.planted_tables import EFFECTS, planted_table
from tests.evaluate.whole_table import analyse, one_thread, statistical, told

pytestmark = pytest.mark.reference

DRAWS = int(os.environ.get("HARNESS_RECALL_DRAWS", "3"))
SURE = 0.95
INVENTED = 0.05

Case = tuple[str, float, int]


def examined(case: Case) -> tuple[Case, bool, bool]:
    """Whether an insight tells the effect, and whether a statistical one above ``info`` tells of columns without any."""
    name, size, seed = case
    effect = EFFECTS[name]
    with tempfile.TemporaryDirectory() as folder:
        answers = analyse(planted_table(name, size, seed), Path(folder))
    invented = [item for item in statistical(answers) if effect.columns and not effect.columns & set(item["columns"])]
    return case, any(effect.is_told_by(item) for item in told(answers)), bool(invented)


def test_planted_effects() -> None:
    """Every effect is told at its largest size in every draw, and next to nothing is told of columns that have none."""
    one_thread()
    cases = [(name, size, seed) for name, effect in EFFECTS.items() for size in effect.sizes for seed in range(DRAWS)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        results = list(pool.map(examined, cases))
    found = Counter((name, size) for (name, size, _), is_told, _ in results if is_told)
    lines = [f"{'effect':34} {'sizes: found of ' + str(DRAWS):44} from this size on 95 %"]
    for name, effect in EFFECTS.items():
        shares = [found[name, size] / DRAWS for size in effect.sizes]
        sure = next((size for k, size in enumerate(effect.sizes) if min(shares[k:]) >= SURE), None)
        row = "  ".join(f"{size:g}: {found[name, size]}" for size in effect.sizes)
        lines.append(f"{name:34} {row:44} {'-' if sure is None else f'{sure:g} {effect.unit}'}")
    invented = sum(item for _, _, item in results)
    lines.append(f"{invented} of {len(cases)} tables have an insight above info about columns without an effect")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    missed = [name for name, effect in EFFECTS.items() if found[name, effect.sizes[-1]] < DRAWS]
    assert missed == []
    assert invented <= max(2, 2 * INVENTED * len(cases))
