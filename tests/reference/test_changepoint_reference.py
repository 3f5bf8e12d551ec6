"""Change points against the annotators of the Turing Change Point Dataset, beside the best published methods with defaults."""

import csv
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
MARGIN = 5
PUBLISHED = "on the same 14 series with defaults: pelt F1 .738 cover .651, binseg .733 .645, zero .640 .543; all 42: binseg .744 .706, amoc .704 .702"
FLOORS = (0.78, 0.70)


def f1(annotations: Mapping[str, Sequence[int]], predicted: Sequence[int]) -> float:
    """The F-measure of TCPDBench: precision over the union of the annotators, recall as their mean, margin five, index 0 counts."""
    truths, found = [set(given) | {0} for given in annotations.values()], set(predicted) | {0}

    def hits(truth: set[int]) -> int:
        left, count = set(found), 0
        for place in sorted(truth):
            near = [(abs(place - x), x) for x in left if abs(place - x) <= MARGIN]
            if near:
                left.remove(min(near)[1])
                count += 1
        return count

    precision = hits(set().union(*truths)) / len(found)
    recall = sum(hits(truth) / len(truth) for truth in truths) / len(truths)
    return 2 * precision * recall / (precision + recall)


def cover(annotations: Mapping[str, Sequence[int]], predicted: Sequence[int], length: int) -> float:
    def parts(places: Sequence[int]) -> list[tuple[int, int]]:
        edges = [0, *sorted({place for place in places if 0 < place < length}), length]
        return list(itertools.pairwise(edges))

    def jaccard(one: tuple[int, int], other: tuple[int, int]) -> float:
        both = max(0, min(one[1], other[1]) - max(one[0], other[0]))
        return both / (max(one[1], other[1]) - min(one[0], other[0]))

    found = parts(predicted)
    shares = [
        sum((part[1] - part[0]) * max(jaccard(part, other) for other in found) for part in parts(given)) / length
        for given in annotations.values()
    ]
    return sum(shares) / len(shares)


def test_agreement_with_the_annotators() -> None:
    """F1 and covering over all series are above the best published method with its defaults."""
    folder = reference_folder("07-tcpd")
    annotations = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    lines, scores = [], []
    for path in sorted((folder / "csv").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            length = sum(1 for _ in csv.reader(file)) - 1
        table = pyarrow.csv.read_csv(path)
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_changepoint", table, upstream={"profile_basic": profile})
        places = sorted({f["statistics"]["row_index"] for f in answer["findings"]})
        score = f1(annotations[path.stem], places), cover(annotations[path.stem], places, length)
        scores.append(score)
        lines.append(f"{path.stem:20} F1 {score[0]:.3f}  cover {score[1]:.3f}  {places}")
    means = tuple(sum(score[k] for score in scores) / len(scores) for k in (0, 1))
    lines.append(f"{'mean':20} F1 {means[0]:.3f}  cover {means[1]:.3f}  ({PUBLISHED})")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert means[0] >= FLOORS[0]
    assert means[1] >= FLOORS[1]
