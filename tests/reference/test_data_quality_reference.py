"""Data quality on tables with published answers: wrong cells, dependencies, keys, missing values and repeated rows."""

import csv
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
HOSPITAL_ANCHORS = "Raha .72 F1 with about 20 labelled rows, dBoost .49 (from memory of the paper)"


def show(lines):
    """What was measured, for `pytest -s`."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def check(table, **settings):
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile}, settings=settings)
    assert answer["status"] != "error", answer["error"]
    return answer


def as_text(path, *, header=True, separator=","):
    """A table with every column as text, empty cells as empty texts."""
    reading = pyarrow.csv.ReadOptions(autogenerate_column_names=not header)
    parsing = pyarrow.csv.ParseOptions(delimiter=separator)
    names = pyarrow.csv.read_csv(path, read_options=reading, parse_options=parsing).column_names
    converting = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pyarrow.csv.read_csv(path, read_options=reading, parse_options=parsing, convert_options=converting)


def suspects(answer):
    with (Path(answer["scratch"]) / "artifacts" / "suspect_cells.csv").open(encoding="utf-8", newline="") as file:
        return {(int(line["row_index"]), line["column"]) for line in csv.DictReader(file)}


def test_wrong_cells_of_the_hospital_table():
    """Without a label and with default settings, the suspect cells are wrong cells, and most wrong cells are suspect."""
    folder = reference_folder("10-cell-errors") / "hospital"
    with (folder / "error_cells.csv").open(encoding="utf-8", newline="") as file:
        wrong = {(int(line["row"]), line["column"]) for line in csv.DictReader(file)}
    found = suspects(check(pyarrow.csv.read_csv(folder / "dirty.csv")))
    both = len(found & wrong)
    precision, recall = both / len(found), both / len(wrong)
    f1 = 2 * precision * recall / (precision + recall)
    show([f"hospital: {len(found)} suspect, {len(wrong)} wrong: P {precision:.3f} R {recall:.3f} F1 {f1:.3f}; {HOSPITAL_ANCHORS}"])
    assert precision >= 0.93
    assert recall >= 0.73
    assert f1 >= 0.82


def test_the_clean_hospital_table_has_few_suspects():
    """In the corrected table at most one cell in five hundred is suspect: lawful exceptions of one rule (state averages)."""
    table = pyarrow.csv.read_csv(reference_folder("10-cell-errors") / "hospital" / "clean.csv")
    cells = check(table)["metrics"]["suspect_cells"]["cells"]
    show([f"hospital, corrected: {cells} suspect of {table.num_rows * table.num_columns:,} cells"])
    assert cells <= table.num_rows * table.num_columns / 500


def test_minimal_dependencies_and_unique_combinations():
    """All minimal functional dependencies and unique column combinations, no more and no fewer (HyFD and HyUCC)."""
    folder = reference_folder("24-dependencies") / "fd"
    tables = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["tables"]
    lines, differing = [], []
    for name, entry in sorted(tables.items()):
        table = as_text(folder / f"{name}.csv", header=entry["header"], separator=entry["separator"])
        exact = check(table)["metrics"]["exact_dependencies"]
        unique = {frozenset(map(table.column_names.index, names)) for names in exact["unique"]}
        wanted = {frozenset(map(int, text[1:-1].split(","))) for text in entry["uccs"]}
        found = {(frozenset(item["determinant"]), item["dependent"]) for item in exact["functional"]}
        published = _published(entry, table.column_names) or found
        lines.append(
            f"{name:26} dependencies {len(found):3} of {entry['n_minimal_fds']:3}, unique sets {len(unique):3} of {len(wanted):3}"
        )
        if found != published or len(found) != entry["n_minimal_fds"] or unique != wanted:
            differing.append(name)
    show(lines)
    assert lines
    assert not differing


def _published(entry, names):
    """The published dependencies; tables without a header are numbered there, and of long lists only the number is given."""
    pairs = set()
    for text in entry["fds"] or ():
        left, right = text.split(" -> ")
        deciding = [part for part in left[1:-1].split(" ") if part]
        if not entry["header"]:
            deciding, right = [names[int(part)] for part in deciding], names[int(right)]
        pairs.add((frozenset(deciding), right))
    return pairs


def test_declared_primary_keys_are_unique_combinations_found():
    """Every key that other tables point at is a key found; the schemas are those of Chinook and World."""
    root = reference_folder("24-dependencies") / "fk_discovery"
    wanted, missed = set(), set()
    for schema in sorted(root.glob("*/declared_keys.json")):
        declared = json.loads(schema.read_text(encoding="utf-8"))["foreign_keys"]
        wanted |= {(schema.parent / f"{key['to']}.csv", frozenset(key["ref_columns"])) for key in declared}
    for path, columns in sorted(wanted, key=str):
        keys = {frozenset(key) for key in check(pyarrow.csv.read_csv(path))["metrics"]["keys"]}
        if columns not in keys:
            missed.add((path.stem, *sorted(columns)))
    show([f"declared keys: {len(wanted) - len(missed)} of {len(wanted)} found; missed: {sorted(missed) or 'none'}"])
    assert not missed


def test_missing_values_of_airquality():
    """The counts of missing values agree with the published ones, column by column."""
    folder = reference_folder("21-missingness")
    published = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["airquality"]["missing_by_column"]
    table = pyarrow.csv.read_csv(folder / "airquality.csv", convert_options=pyarrow.csv.ConvertOptions(null_values=["", "NA"]))
    answer = check(table, missing_share_floor=0.001)
    found = {f["columns"][0]: f["statistics"]["missing"] for f in answer["findings"] if f["kind"] == "missingness"}
    show([f"airquality: missing {found}, published {published}"])
    assert found == {name: count for name, count in published.items() if count}


def test_records_that_are_merely_alike_are_no_repeated_rows():
    """Matching people and places differ in some cell: rows are told to repeat exactly where a plain comparison says so."""
    sources = sorted(reference_folder("12-er-people").rglob("*.csv")) + sorted(
        reference_folder("13-er-products").rglob("rest*.csv")
    )
    lines, wrong = [], []
    for path in sources:
        table = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        repeats = len(rows) - len(set(rows))
        findings = [f for f in check(table)["findings"] if f["kind"] == "duplicate_rows"]
        told = findings[0]["statistics"]["repeats"] if findings else 0
        lines.append(f"{path.parent.name}/{path.name:36} {table.num_rows:7,} rows, {repeats:6,} repeats, {told:6,} told")
        if told not in {0, repeats} or (repeats and not told):
            wrong.append(path.name)
    show(lines)
    assert not wrong
