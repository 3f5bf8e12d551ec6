"""Evidence as a report cites it, and the rule by which an answer confirms it: values, their types and their order."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROW_REFERENCE = re.compile(r"db://(?P<dataset>[^#]+)#row_index=(?P<row>\d{1,18})")
LARGEST_TOLERANCE = 0.1  # relative; beyond it an agreement says nothing


@dataclass(frozen=True)
class Cited:
    """One piece of evidence and the finding that cites it."""

    finding_id: str
    plugin_id: str
    item: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.item.get("type"))

    @property
    def sql(self) -> str:
        return str(self.item.get("sql", ""))


def cited(report: Mapping[str, Any]) -> Iterator[Cited]:
    """All evidence of a report, in its order."""
    for finding in report["findings"]:
        for item in finding["evidence"]:
            yield Cited(str(finding["id"]), str(finding["plugin_id"]), item)


def disagreement(item: Mapping[str, Any], rows: Sequence[Any]) -> str | None:
    """Why the rows that a query returned do not confirm its evidence, in a sentence; None when they do."""
    expected, tolerance = item.get("result"), item.get("tolerance")
    if tolerance is not None and not _usable_tolerance(tolerance):
        return f"its tolerance of {tolerance!r} would confirm anything (at most {LARGEST_TOLERANCE} is taken)"
    if not isinstance(expected, list):
        return "it names no result"
    if len(expected) != len(rows):
        return f"{len(expected):,} rows are claimed, and there are {'more' if len(rows) > len(expected) else f'{len(rows):,}'}"
    for place, (claimed, found) in enumerate(zip(expected, rows, strict=True)):
        if not same(claimed, found, tolerance or 0.0):
            return f"row {place + 1} differs"
    return None


def same(expected: Any, actual: Any, tolerance: float) -> bool:
    """Equal values of equal kind; numbers within ``tolerance``, which is relative (0 means exactly equal).

    A whole number may stand as an integer or as a float; a boolean is no number; null equals null only.
    """
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return expected == actual or _within(expected, actual, tolerance)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(a, b, tolerance) for a, b in zip(expected, actual, strict=True))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(same(expected[key], actual[key], tolerance) for key in expected)
    return type(expected) is type(actual) and bool(expected == actual)


def _within(expected: float, actual: float, tolerance: float) -> bool:
    try:
        return tolerance > 0 and math.isclose(expected, actual, rel_tol=tolerance)
    except OverflowError:  # integers beyond the range of a double are equal or they are not
        return False


def _usable_tolerance(tolerance: Any) -> bool:
    return isinstance(tolerance, int | float) and not isinstance(tolerance, bool) and 0 <= tolerance <= LARGEST_TOLERANCE


def rows_disagreement(item: Mapping[str, Any], row_counts: Mapping[str, int]) -> str | None:
    """Why cited rows are not rows of the run's dataset versions (``row_counts`` by id); None when all are."""
    for reference in item.get("refs") or ["(none)"]:
        match = ROW_REFERENCE.fullmatch(str(reference))
        if match is None or match["dataset"] not in row_counts:
            return f"{str(reference)[:200]} is no row of a dataset version of this run"
        if int(match["row"]) >= row_counts[match["dataset"]]:
            return f"{reference} is beyond the last row ({row_counts[match['dataset']] - 1:,})"
    return None


def artifact_disagreement(plugin_id: str, item: Mapping[str, Any], registered: Mapping[str, str]) -> str | None:
    """Why a cited artifact is not the one registered (``registered`` maps paths in the run to SHA-256); None when it is."""
    path = f"plugins/{plugin_id}/{item.get('path')}"
    if path not in registered:
        return f"{path} is no artifact of this run"
    return None if registered[path] == item.get("sha256") else f"{path} has another hash than the finding says"
