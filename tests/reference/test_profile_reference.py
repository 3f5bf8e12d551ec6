"""The profile and the dependencies against certified and published answers, beside what NumPy and DuckDB give."""

import json
import math
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
FLOOR_DIGITS = {"NumAcc3": 8.0, "NumAcc4": 8.0}


def show(lines):
    """What was measured, for `pytest -s`."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def digits(measured, certified):
    """The log relative error of NIST: correct significant digits, at most 15."""
    exact = Decimal(certified)
    error = abs(Decimal(measured) - exact) / abs(exact) if exact else abs(Decimal(measured))
    return min(15.0, -math.log10(error)) if error else 15.0


def test_moments_to_the_certified_digits():
    """Mean and deviation of the univariate NIST StRD sets have at least nine correct digits (NumAcc3 and 4: eight)."""
    folder = reference_folder("01-nist-strd")
    certified = json.loads((folder / "certified.json").read_text(encoding="utf-8"))
    sets = {name: entry["certified"] for name, entry in certified.items() if entry["kind"] == "univariate"}
    assert sets
    lines = [f"{'set':10}{'mean: here':>12}{'NumPy':>8}{'DuckDB':>8}{'deviation: here':>18}{'NumPy':>8}{'DuckDB':>8}"]
    short = []
    for name, answer in sorted(sets.items()):
        table = pyarrow.csv.read_csv(folder / f"{name}.csv").rename_columns(["y"])
        values = table.column(0).cast(pa.float64()).to_numpy()
        column = run_plugin(PLUGINS / "profile_basic", table)["metrics"]["columns"][0]
        ((mean, std),) = duckdb.sql('SELECT avg(y), stddev_samp(y) FROM "table"').fetchall()
        means = [digits(value, answer["mean"]) for value in (column["mean"], float(np.mean(values)), mean)]
        deviations = [digits(value, answer["sd_n_minus_1"]) for value in (column["std"], float(np.std(values, ddof=1)), std)]
        lines.append(
            f"{name:10}{means[0]:12.1f}{means[1]:8.1f}{means[2]:8.1f}{deviations[0]:18.1f}{deviations[1]:8.1f}{deviations[2]:8.1f}"
        )
        assert column["count"] == answer["n"]
        if means[0] < 9 or deviations[0] < FLOOR_DIGITS.get(name, 9.0):
            short.append(name)
    show(lines)
    assert not short, f"too few digits in {', '.join(short)}"


def fd_table(folder, name, entry):
    header = pyarrow.csv.ReadOptions(autogenerate_column_names=not entry["header"])
    names = pyarrow.csv.read_csv(folder / f"{name}.csv", read_options=header).column_names
    as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pyarrow.csv.read_csv(folder / f"{name}.csv", read_options=header, convert_options=as_text)


def expected_dependencies(entry, names):
    """The published minimal dependencies as (determinant, dependent); tables without header are numbered there."""
    pairs = set()
    for text in entry["fds"]:
        left, right = text.split(" -> ")
        deciding = [part for part in left[1:-1].split(" ") if part]
        if not entry["header"]:
            deciding, right = [names[int(part)] for part in deciding], names[int(right)]
        pairs.add((frozenset(deciding), right))
    return pairs


def test_minimal_dependencies_and_unique_combinations():
    """All minimal functional dependencies and unique column combinations of the published tables, no more and no fewer."""
    folder = reference_folder("24-dependencies") / "fd"
    tables = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["tables"]
    lines, right = [f"{'table':26}{'dependencies':>14}{'found':>8}{'right':>8}{'unique sets':>14}{'found':>8}{'right':>8}"], True
    for name, entry in sorted(tables.items()):
        table = fd_table(folder, name, entry)
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile})
        exact = answer["metrics"]["exact_dependencies"]
        found = {(frozenset(item["determinant"]), item["dependent"]) for item in exact["functional"]}
        unique = {frozenset(table.column_names.index(column) for column in columns) for columns in exact["unique"]}
        wanted_unique = {frozenset(int(place) for place in text[1:-1].split(",")) for text in entry["uccs"]}
        agreed = len(found) if entry["fds"] is None else len(found & expected_dependencies(entry, table.column_names))
        both = len(unique & wanted_unique)
        lines.append(f"{name:26}{entry['n_minimal_fds']:14}{len(found):8}{agreed:8}{len(wanted_unique):14}{len(unique):8}{both:8}")
        right = right and entry["n_minimal_fds"] == len(found) == agreed and unique == wanted_unique
    show(lines)
    assert right


def test_approximate_dependencies_point_at_wrong_cells():
    """In the hospital table at least nine in ten of the rows cited for a broken rule have a wrong cell in its columns."""
    folder = reference_folder("10-cell-errors") / "hospital"
    table = pyarrow.csv.read_csv(folder / "dirty.csv")
    errors = {tuple(line.split(",")) for line in (folder / "error_cells.csv").read_text(encoding="utf-8").splitlines()[1:]}
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(
        PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile}, settings={"max_findings_per_kind": 100}
    )
    hits = cited = 0
    kinds = set()
    for finding in answer["findings"]:
        if finding["kind"] not in {"functional_dependency", "mixed_type"}:
            continue
        kinds.add(finding["kind"])
        for item in finding["evidence"]:
            for reference in item.get("refs", []):
                cited += 1
                row = reference.split("=")[1]
                hits += any((row, column) in errors for column in finding["columns"])
    show([f"hospital: {cited} rows cited, {hits} of them with a wrong cell in the columns named"])
    assert kinds == {"functional_dependency", "mixed_type"}
    assert hits >= 0.9 * cited > 0
