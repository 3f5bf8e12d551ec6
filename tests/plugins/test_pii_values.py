"""Which values the scan for personal data looks at: the same thousand of a million as without the short cut."""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness_core.sdk import Dataset
from harness_core.sdk.testing import write_dataset

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_pii_scan"
UNKNOWN = 0


@pytest.fixture(scope="module")
def columns() -> Iterator[ModuleType]:
    sys.path.insert(0, str(PLUGIN))
    before = set(sys.modules)
    yield importlib.import_module("pii_columns")
    sys.path.remove(str(PLUGIN))
    for name in {name for name in set(sys.modules) - before if name.startswith("pii_")}:
        del sys.modules[name]


VALUES: Mapping[str, Sequence[str | None]] = {
    "plain": [f"value {k}" for k in range(20_000)],
    "between blanks": [f"{' ' * (k % 3)}value {k}\u3000" for k in range(20_000)],
    "long": [f"value {k % 15_000} {'x' * (380 + k % 40)}" for k in range(20_000)],
    "fewer than counted, once trimmed": [f"{' ' * k}value" for k in range(20_000 // 16)] * 16,
    "missing": [f"value {k}" if k % 2 else None for k in range(20_000)],
    "empty": [" " * (k % 9) if k % 3 else f"{k}" for k in range(20_000)],
}


@pytest.mark.parametrize("kind", VALUES)
def test_of_many_values_the_same_are_chosen_as_of_all(columns: ModuleType, tmp_path: Path, kind: str) -> None:
    """Guards the bound on hashes: with blanks around values, long ones, missing ones, and too few that are different."""
    dataset = Dataset(write_dataset(tmp_path / "data", {"v": VALUES[kind]}), tmp_path)
    (column,) = dataset.columns
    distinct = len({value for value in VALUES[kind] if value is not None})
    chosen = columns.seen_values(dataset, column, distinct)
    assert chosen == columns.seen_values(dataset, column, UNKNOWN)
    assert len(chosen) == (1 if kind.startswith("fewer") else columns.SEEN)
    dataset.close()


def test_only_forms_that_occur_are_looked_for_one_by_one(
    columns: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards the shared expression: one query where no text has any form, and one more for each form that some text has."""
    asked: list[str] = []
    original = Dataset.sql

    def noted(self: Dataset, query: str) -> Any:
        asked.append(query)
        return original(self, query)

    monkeypatch.setattr(Dataset, "sql", noted)
    forms = [form for form in importlib.import_module("pii_forms").FORMS if form.inside]
    texts = ["nothing to be seen here, in 2024-01-02 or later"] * 50
    for told, expected in (("", []), ("call +49 30 1234 5678", ["phone"]), ("ask a.b@example.org", ["email"])):
        dataset = Dataset(write_dataset(tmp_path / (told or "none"), {"v": [*texts, told]}), tmp_path)
        asked.clear()
        found = columns.inside_texts(dataset, dataset.columns[0], forms)
        assert [(form.kind, rows) for form, rows in found] == [(kind, [50]) for kind in expected]
        assert len(asked) == 1 + len(expected)
        dataset.close()
