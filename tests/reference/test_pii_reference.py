"""The scan for personal data on a published table of invented people whose columns are labelled."""

import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
FLOOR_F1 = 0.8
LEAST_PRECISION = 0.9
SAME = {"cvv": "card_security"}


def test_kinds_of_the_columns_of_invented_people():
    """Macro F1 over the kinds of personal data, and the precision of the columns reported, with the columns' own names."""
    folder = reference_folder("17-pii")
    read = run_plugin(PLUGINS / "ingest_tabular", inputs=[folder / "fakename_100.csv"])
    table = pyarrow.parquet.read_table(Path(read["scratch"]) / "datasets" / "0" / "data.parquet")
    answer = run_plugin(
        PLUGINS / "analysis_pii_scan", table, upstream={"profile_basic": run_plugin(PLUGINS / "profile_basic", table)}
    )
    found = {entry["name"]: entry["kind"] for entry in answer["metrics"]["columns"]}
    labels = json.loads((folder / "fakename_100.labels.json").read_text(encoding="utf-8"))
    truth = {name: SAME.get(kind, kind).partition("(")[0] for name, kind in labels.items()}
    kinds = sorted(set(truth.values()) - {"none", "organization", "domain", "cc_expiry"})
    scores = []
    for kind in kinds:
        named = {name for name, found_kind in found.items() if found_kind == kind}
        true = {name for name, true_kind in truth.items() if true_kind == kind}
        scores.append(2 * len(named & true) / (len(named) + len(true)))
    right = sum(truth.get(name) == kind for name, kind in found.items())
    lines = [f"{kind:16}{score:6.2f}" for kind, score in zip(kinds, scores, strict=True)]
    lines.append(f"macro F1 {sum(scores) / len(scores):.3f}, precision {right / len(found):.3f} of {len(found)} columns; ")
    lines[-1] += "published for texts, person or not: Presidio F .618, precision .685"
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert sum(scores) / len(scores) >= FLOOR_F1
    assert right / len(found) >= LEAST_PRECISION
