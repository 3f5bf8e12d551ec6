"""References between tables: planted ones are told with every row that points to nothing, coincidences are not told."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import data_view
from harness_core.sdk.testing import run_plugin, write_dataset
from harness_core.sdk.testing_same_bytes import prove_same_bytes
from tests.plugins.sql_dumps import dataset_folders, read_dump
from tests.plugins.stated_numbers import assert_numbers_have_evidence

PLUGINS = Path(__file__).parents[2] / "plugins"
PLUGIN = PLUGINS / "analysis_references"


def named(files: dict[str, str]) -> dict[str, Any]:
    """What the reader of files leaves: the name of the file by role."""
    read = [{"role": role, "filename": name} for role, name in files.items()]
    return {
        "status": "ok", "summary": "Read.", "metrics": {"datasets": read}, "findings": [], "artifacts": [], "budget": {}, "error": None,
        "references": [], "debug": {},
    }  # fmt: skip


def references(main: Any, others: dict[str, Any] | None = None, name: str = "invoices.csv", **settings: Any) -> dict[str, Any]:
    files = {"data": name} | {role: f"{role}.csv" for role in others or {}}
    return run_plugin(PLUGIN, main, datasets=others, upstream={"ingest_tabular": named(files)}, settings=settings)


def customers(count: int = 300) -> dict[str, Any]:
    return {"customer_id": [f"C{k:04d}" for k in range(count)], "city": [("Rome", "Oslo")[k % 2] for k in range(count)]}


def invoices(rows: int, lost: int = 0, seed: int = 1, of: int = 280) -> dict[str, Any]:
    """Rows that point to the first ``of`` customers; ``lost`` of the last tenth point to one of six that nobody knows."""
    rng = np.random.default_rng(seed)
    points = np.array([f"C{k:04d}" for k in rng.integers(0, of, rows)], dtype=object)
    points[rng.choice(np.arange(rows - rows // 10, rows), lost, replace=False)] = [f"X{k % 6}" for k in range(lost)]
    days = np.datetime64("2024-01-01") + (np.arange(rows) * 360 // rows).astype("timedelta64[D]")
    return {"invoice_no": np.arange(rows) + 5000, "Customer ID": list(points), "day": days, "amount": rng.lognormal(3, 1, rows)}


def stock(tables: dict[str, Any], folder: Path) -> duckdb.DuckDBPyConnection:
    """Stock DuckDB with a view for each table."""
    connection = duckdb.connect()
    for role, table in tables.items():
        table = pa.table(table) if isinstance(table, dict) else table
        pyarrow.parquet.write_table(table, folder / f"{role}.parquet")
        view = data_view(folder / f"{role}.parquet", table.column_names)
        connection.execute(view.replace("VIEW data AS", f'VIEW "{role}" AS', 1))
    return connection


def run_again(answer: dict[str, Any], tables: dict[str, Any], folder: Path) -> int:
    """Every query of every finding by stock DuckDB; every number of every sentence is among what they return."""
    assert_numbers_have_evidence(answer)
    connection = stock(tables, folder)
    queries = [item for finding in answer["findings"] for item in finding["evidence"] if item["type"] == "query"]
    for item in queries:
        assert jsonable([list(row) for row in connection.sql(item["sql"]).fetchall()]) == item["result"], item["sql"]
    return len(queries)


@pytest.mark.parametrize(("rows", "lost", "severity"), [(400, 1, "notice"), (2_000, 40, "warning"), (50_000, 30, "notice")])
def test_rows_that_point_to_nothing_are_told_with_their_number_values_and_time(
    rows: int, lost: int, severity: str, tmp_path: Path
) -> None:
    """Guards the count at several sizes, the values by name, since when, the rows cited, the severity and the evidence."""
    main, others = invoices(rows, lost), {"customers": customers()}
    answer = references(main, others)
    (finding,) = answer["findings"]
    assert finding["kind"] == "key"
    assert finding["severity"] == severity
    assert finding["columns"] == ["Customer ID", "customers.customer_id"]
    assert finding["statistics"] == {"n": rows, "share": pytest.approx(lost / rows, rel=1e-5), "violations": lost}
    statement = finding["statement"]
    assert statement.startswith(f'{lost:,} of the {rows:,} rows of "invoices.csv"')
    assert "X0" in statement
    assert 'By "day" ' in statement
    assert '"customers.csv"' in statement
    (cited,) = [item["refs"] for item in finding["evidence"] if item["type"] == "rows"]
    points = [row for row, value in enumerate(main["Customer ID"]) if value.startswith("X")]
    assert [int(ref.rpartition("=")[2]) for ref in cited] == points[:20]
    assert run_again(answer, {"data": main, **others}, tmp_path) == 3


def test_a_sound_reference_is_a_fact_with_how_the_key_is_used(tmp_path: Path) -> None:
    """Guards the sentence where nothing is wrong: who is pointed to by none, and how many rows point to one key."""
    main, others = invoices(2_000), {"customers": customers()}
    answer = references(main, others)
    (finding,) = answer["findings"]
    counts = np.unique(main["Customer ID"], return_counts=True)[1]
    middle, unused = int(np.sort(counts)[(len(counts) - 1) // 2]), 300 - len(counts)
    assert finding["severity"] == "info"
    assert finding["statement"] == (
        'Each of the 2,000 rows of "invoices.csv" has a "Customer ID" that is in "customers.csv". '
        f'{unused} of the 300 rows of "customers.csv" ({100 * unused / 300:.3g} %) have none of them, the others {middle} in the middle and '
        f"{counts.max()} at most."
    )
    assert run_again(answer, {"data": main, **others}, tmp_path) == 1


def test_the_order_of_files_and_rows_does_not_matter() -> None:
    """Guards that the same is said whichever file comes first, and whatever the order of rows; only names of columns change."""
    main, key = pa.table(invoices(2_000, 40)), pa.table(customers())
    (one,) = references(main, {"customers": key})["findings"]
    (two,) = references(key, {"invoices": main}, name="customers.csv")["findings"]
    assert (one["statement"], one["severity"]) == (two["statement"], two["severity"])
    assert two["columns"] == ["invoices.Customer ID", "customer_id"]
    shuffled = main.take(np.random.default_rng(3).permutation(main.num_rows))
    (three,) = references(shuffled, {"customers": key})["findings"]
    assert three["statement"] == one["statement"]


NAMES = [
    ("customer_id", "id", True), ("CustomerID", "ID", True), ("customerno", "no", True), ("customer", "id", True),
    ("CUSTOMER CODE", "code", True), ("billing_customer_id", "id", True), ("sold-to customer", "customer_id", True),
    ("Customer", "customers", True), ("customer_nr", "customer_no", True), ("supplier_id", "id", False), ("id", "id", False),
    ("quantity", "id", False), ("paid", "id", False), ("customer_name", "id", False), ("n", "n", False),
]  # fmt: skip


@pytest.mark.parametrize(("column", "key", "is_one"), NAMES)
def test_names_decide_what_is_looked_at(column: str, key: str, *, is_one: bool) -> None:
    """Guards the rule of names: whole numbers that fit by their values alone are no reference."""
    rng = np.random.default_rng(2)
    main = {column: rng.integers(1, 100, 500), "amount": rng.normal(0, 1, 500)}
    answer = references(main, {"customers": {key: np.arange(1, 101), "city": ["Rome"] * 100}})
    assert (answer["status"] == "ok") is is_one
    if not is_one:
        assert answer["reason_code"] == "no_references"


def test_unrelated_tables_are_quiet() -> None:
    """Guards against coincidence: tables with small whole numbers, years, codes and equal names that mean nothing, twenty-five pairs."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(20, 400))
        one = {
            "id": np.arange(1, size + 1), "year": np.arange(1900, 1900 + size), "rank": rng.permutation(size), "n": rng.permutation(size),
            "age": rng.permutation(size) + 1, "ref_id": rng.permutation(size), "code": [f"A{k}" for k in range(size)],
        }  # fmt: skip
        rows = 300
        two = {
            "id": np.arange(1, rows + 1), "year": rng.integers(1900, 1900 + size, rows), "rank": rng.integers(0, size, rows),
            "n": rng.integers(0, size, rows), "age": rng.integers(1, size, rows), "shop_id": rng.integers(1, size, rows),
            "code": [f"B{k}" for k in rng.integers(0, size, rows)], "kind": rng.choice(["x", "y"], rows),
        }  # fmt: skip
        answer = references(two, {"lists": one})
        assert answer["status"] == "na", answer["findings"]


def test_what_is_written_otherwise_is_told_as_the_cause(tmp_path: Path) -> None:
    """Guards blanks, capitals and leading zeros: with counts and an example, and where only so a reference is found at all."""
    main = invoices(1_000)
    main["Customer ID"] = [
        value.lower() if row % 50 == 0 else f" {value}" if row % 70 == 1 else value for row, value in enumerate(main["Customer ID"])
    ]
    others = {"customers": customers()}
    answer = references(main, others)
    (finding,) = answer["findings"]
    assert "only when blanks at an end and capital letters do not count" in finding["title"]
    assert re.search(r'20 if capital letters did not count \("c\d{4}" here, "C\d{4}" there\)', finding["statement"])
    assert finding["recommendation"].startswith("Write the values alike")
    assert run_again(answer, {"data": main, **others}, tmp_path) == 3
    assert 'By "day"' not in finding["statement"]  # they are of all times

    numbers = {"customer_id": np.random.default_rng(1).integers(1, 200, 500), "amount": np.ones(500)}
    padded = {"customers": {"customer_id": [f"{k:05d}" for k in range(1, 201)], "city": ["Rome"] * 200}}
    answer = references(numbers, padded)
    (finding,) = answer["findings"]
    assert finding["title"] == '"customer_id" of "invoices.csv" fits "customers.csv" only when leading zeros do not count'
    assert answer["metrics"]["references"][0]["fits"] == "when_written_alike"
    assert run_again(answer, {"data": numbers, **padded}, tmp_path) == 3


def test_two_tables_with_one_key_are_told_once(tmp_path: Path) -> None:
    """Guards one-to-one tables: one finding, with the rows that lack a partner on either side."""
    main = {"customer_id": [f"C{k:04d}" for k in range(5, 300)], "phone": [f"+{k}" for k in range(295)]}
    others = {"customers": customers(290)}
    answer = references(main, others, name="phones.csv")
    (finding,) = answer["findings"]
    assert finding["statement"] == (
        '285 rows of "phones.csv" and "customers.csv" belong together one to one, by their "customer_id". '
        '10 of "phones.csv" have none in "customers.csv": 10 different values, such as "C0290", "C0291" and "C0292"; '
        '5 of "customers.csv" have none in "phones.csv": 5 different values, such as "C0000", "C0001" and "C0002".'
    )
    assert finding["severity"] == "notice"
    assert run_again(answer, {"data": main, **others}, tmp_path) == 3


def test_parts_of_one_export_are_no_references_and_are_pointed_to_together() -> None:
    """Guards monthly files: they do not point to each other, and a row that is in one of them is not lost."""
    parts = {f"invoices_2024_{month:02d}": invoices(300, seed=month) for month in (1, 2, 3)}
    assert references(parts.pop("invoices_2024_01"), parts)["status"] == "na"
    whole = customers(300)
    halves = {f"customers_{k}": {name: values[k::2] for name, values in whole.items()} for k in (0, 1)}
    answer = references(invoices(1_000), halves)
    (finding,) = answer["findings"]
    assert finding["severity"] == "info"
    assert '"customers_0.csv" and "customers_1.csv"' in finding["statement"]


def test_a_table_that_points_to_itself(tmp_path: Path) -> None:
    """Guards parent_id within one table, and that any other table alone is nothing to talk about."""
    rows = 400
    rng = np.random.default_rng(4)
    parents = [None if row < 5 else int(rng.integers(1, row + 1)) for row in range(rows)]
    parents[200] = 9_999
    table = pa.table({"id": np.arange(1, rows + 1), "parent_id": pa.array(parents, pa.int64()), "size": rng.integers(1, 300, rows)})
    answer = references(table, name="parts.csv")
    (finding,) = answer["findings"]
    assert finding["columns"] == ["parent_id", "id"]
    assert finding["statement"].startswith(
        '1 of the 395 rows of "parts.csv" that have a "parent_id" (0.253 %) has one that is not in "id" of the same table: it is "9999".'
    )
    assert run_again(answer, {"data": table}, tmp_path) == 2
    alone = references(table.drop_columns(["parent_id"]))
    assert alone["reason_code"] == "one_table"


DUMP = """
CREATE TABLE region (region_code CHAR(2) PRIMARY KEY, title TEXT);
CREATE TABLE shop (nr INTEGER, part INTEGER, region CHAR(2) REFERENCES region, PRIMARY KEY (nr, part));
CREATE TABLE sale (id INTEGER PRIMARY KEY, shop_nr INTEGER, shop_part INTEGER, FOREIGN KEY (shop_nr, shop_part) REFERENCES shop (nr, part));
"""


def test_declared_keys_are_checked_whatever_their_size_and_names(tmp_path: Path) -> None:
    """Guards the foreign keys of a dump: tiny tables, other names, several columns, the primary key where none is named."""
    lines = [DUMP, "INSERT INTO region VALUES ('N','North'),('S','South');"]
    lines += [f"INSERT INTO shop VALUES ({k},{part},'{'NS'[k % 2]}');" for k in range(4) for part in (1, 2)]
    lines += [f"INSERT INTO sale VALUES ({k},{k % 4},{1 + k % 3});" for k in range(30)]
    dump = read_dump(tmp_path, "\n".join(lines))
    answer = run_plugin(PLUGIN, datasets=dataset_folders(dump.answer, tmp_path / "tables"))
    told = {(item["from"], tuple(item["columns"])): item for item in answer["metrics"]["references"]}
    assert set(told) == {("sale", ("shop_nr", "shop_part")), ("shop", ("region",))}
    assert all(item["declared"] for item in told.values())
    assert told["shop", ("region",)]["lost_rows"] == 0
    assert told["sale", ("shop_nr", "shop_part")]["lost_rows"] == 10
    broken = next(finding for finding in answer["findings"] if finding["severity"] == "warning")
    assert broken["columns"] == ["shop_nr", "shop_part", "shop.nr", "shop.part"]
    assert '"0 / 3"' in broken["statement"]


EMPTY = pa.table({"customer_id": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
DEGENERATE = {
    "an empty table": (EMPTY, EMPTY), "an empty key": (pa.table(customers()), EMPTY), "nothing but one row": ({"customer_id": [1]}, {"id": [1]}),
    "nothing given": (pa.table({"customer_id": pa.nulls(50, pa.string()), "n": pa.nulls(50)}), customers()),
    "a key with a gap": (invoices(100), {"customer_id": [None, *customers()["customer_id"]], "city": ["Rome"] * 301}),
    "a value twice": (invoices(100), {"customer_id": ["C0001", *customers()["customer_id"]], "city": ["Rome"] * 301}),
    "infinities": ({"customer_id": [float("inf"), float("nan")] * 50}, {"customer_id": np.arange(100.0), "city": ["Rome"] * 100}),
    "a constant": ({"customer_id": ["C0001"] * 50, "n": [1] * 50}, {"customer_id": ["C0001"] * 60, "m": [1] * 60}),
    "odd names": ({'"': [1] * 30, "row_index": [1] * 30, "": [2] * 30}, {'"': list(range(30)), "row_index": list(range(30)), "": [1] * 30}),
    "nested": ({"customer_id": [[1]] * 30}, {"customer_id": [[k] for k in range(30)]}),
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_tables_are_not_applicable(case: str) -> None:
    """Guards against a crash, or a sentence, where nothing can be said."""
    one, two = DEGENERATE[case]
    answer = references(one, {"customers": two})
    assert (answer["status"], answer["reason_code"]) == ("na", "no_references"), answer


def test_extreme_keys(tmp_path: Path) -> None:
    """Guards numbers at the ends of their type, texts with quotes and newlines, and a table whose role needs quoting."""
    keys = [-(2**63), 2**63 - 1, *range(40)]
    main = {"item_id": [*keys, 77], "note": ["x"] * 43}
    others = {'it"em s': {"item_id": keys, "title": [f"a'b\n\"{k}" for k in keys]}}
    answer = references(main, others)
    (finding,) = answer["findings"]
    assert finding["statistics"]["violations"] == 1
    odd = [f"a'b\n\"{k}" for k in range(40)]
    main, others = {"tag_code": [*odd, "'; --"], "note": ["x"] * 41}, {"tags": {"tag_code": odd, "n": list(range(40))}}
    answer = references(main, others)
    assert run_again(answer, {"data": main, **others}, tmp_path) == 2


@pytest.mark.parametrize("role", ["keys", "lost", "own", "timed", "derived", "blanks", "select", "main"])
def test_a_file_may_be_called_like_a_part_of_a_query(role: str, tmp_path: Path) -> None:
    """Guards the views of tables whose names stand in the queries for something else."""
    main, others = invoices(500, 9), {role: customers()}
    answer = references(main, others)
    assert answer["findings"][0]["statistics"]["violations"] == 9
    turned = references(customers(), {role: main}, name="customers.csv")
    assert run_again(turned, {"data": customers(), role: main}, tmp_path) == 3


def test_a_wide_table_points_and_is_pointed_to(tmp_path: Path) -> None:
    """Guards tables of more columns than are bound for every query: the same is said, and by its own evidence."""
    fill = {f"c{k:03d}": [k] * 500 for k in range(400)}
    main, others = invoices(500, 9) | fill, {"customers": customers()}
    answer = references(main, others)
    assert answer["findings"][0]["statistics"]["violations"] == 9
    assert answer["metrics"]["left_out"] == [{"name": "invoices.csv", "reason": "its last 204 columns"}]
    assert run_again(answer, {"data": main, **others}, tmp_path) == 3


def test_bounds_are_kept_and_said() -> None:
    """Guards the limits on tables, columns, pairs and findings: what was left out is named or counted."""
    lists = {f"list{k:02d}": {f"thing{k}_code": [f"T{n}" for n in range(30)], "text": ["a"] * 30} for k in range(6)}
    main = {f"thing{k}_code": [f"T{n % 30}" for n in range(90)] for k in range(6)}
    assert len(references(main, lists)["metrics"]["references"]) == 6
    answer = references(main, lists, max_tables=4, max_columns=5, max_passes=4, max_findings=1)
    metrics = answer["metrics"]
    assert metrics["left_out"] == [
        {"name": "list03.csv", "reason": "beyond the first 4 tables"}, {"name": "list04.csv", "reason": "beyond the first 4 tables"},
        {"name": "list05.csv", "reason": "beyond the first 4 tables"}, {"name": "invoices.csv", "reason": "its last column"},
    ]  # fmt: skip
    assert (metrics["compared"], metrics["not_compared"], metrics["not_told"], len(answer["findings"])) == (2, 10, 1, 1)


def test_tables_of_an_earlier_file_are_nobodys_key(tmp_path: Path) -> None:
    """Guards --against: what belongs to an earlier file, by its hash, is neither pointed to nor told."""
    folder = write_dataset(tmp_path / "earlier", customers())
    facts = json.loads((folder / "schema.json").read_text())
    (folder / "schema.json").write_text(json.dumps({**facts, "input_sha256": "a" * 64}))
    earlier = [{"sha256": "a" * 64, "filename": ""}]
    answer = references(invoices(500), {"customers": folder}, earlier_inputs=earlier)
    assert answer["reason_code"] == "one_table"
    assert references(invoices(500), {"customers": folder})["status"] == "ok"


def test_in_a_sample_nothing_is_called_missing(tmp_path: Path) -> None:
    """Guards --sample: a key that was not drawn is not a key that is not there."""
    folder = write_dataset(tmp_path / "drawn", customers())
    facts = json.loads((folder / "schema.json").read_text())
    (folder / "schema.json").write_text(json.dumps({**facts, "reading": {"sample_fraction": 0.9}}))
    answer = references(invoices(500), {"customers": folder})
    assert (answer["status"], answer["reason_code"]) == ("na", "sampled")


def test_the_same_bytes_whatever_the_threads_and_row_groups() -> None:
    """Guards determinism: processes, threads, row groups, hash seeds and time zones."""
    answer = prove_same_bytes(PLUGIN, invoices(3_000, 60), datasets={"customers": customers()})
    assert answer["status"] == "ok"
