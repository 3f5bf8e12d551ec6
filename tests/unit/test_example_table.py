"""The example table is what its generator writes, and holds every effect that its story and its ground truth promise."""

import runpy
from pathlib import Path

import duckdb
import pytest
import yaml

from harness_core.sdk import KINDS

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = EXAMPLES / "sales_orders.csv"

PLANTED = {
    "20,000 rows": ("count(*)", 20_000),
    "25 orders that stand twice": ("count(*) - count(DISTINCT order_id)", 25),
    "12 wrong totals": ("count_if(total <> round(quantity * unit_price * (1 - discount), 2))", 12),
    "one price a hundred times too high": ("count_if(unit_price > 1000)", 1),
    "7 orders shipped before they were placed": ("count_if(ship_date < order_date)", 7),
    "160 unknown stocks": ("count_if(warehouse_stock = 9999)", 160),
    "no stock between 840 and the code": ("max(warehouse_stock) FILTER (warehouse_stock < 9999)", 840),
    "269 orders not shipped": ("count_if(ship_date IS NULL)", 269),
    "379 unknown payments": ("count_if(payment_status IS NULL)", 379),
    "one currency": ("count(DISTINCT currency)", 1),
    "16 cities": ("count(DISTINCT lower(city))", 16),
    "in 48 spellings": ("count(DISTINCT city)", 48),
    "625 of them in one case": ("count_if(city IN (lower(city), upper(city)))", 625),
    "585 customers": ("count(DISTINCT customer_id)", 585),
    "missing representatives": ("count_if(sales_rep IS NULL)", 631),
    "all of them in the West": ("count_if(sales_rep IS NULL AND region = 'West')", 631),
    "9 sales abroad": ("count_if(sales_rep IN ('Adler', 'Brandt', 'Claasen') AND region <> 'North')", 9),
    "slow deliveries to the East": ("round(avg(delivery_days) FILTER (region = 'East'), 1)", 10.0),
    "and nowhere else": ("max(delivery_days) FILTER (region <> 'East')", 6),
    "small discounts before the change": ("round(avg(discount) FILTER (order_date < DATE '2024-03-04'), 3)", 0.030),
    "large ones after it": ("round(avg(discount) FILTER (order_date >= DATE '2024-03-04'), 3)", 0.064),
}


@pytest.fixture(scope="module")
def table():
    money = "{'unit_price': 'DECIMAL(12,2)', 'discount': 'DECIMAL(4,2)', 'total': 'DECIMAL(14,2)'}"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE data AS FROM read_csv('{TABLE}', types = {money})")
        yield connection


def test_the_generator_writes_the_same_bytes_again():
    """Whoever changes the generator changes the table, and the other way round."""
    generator = runpy.run_path(str(EXAMPLES / "make_sales_orders.py"))
    assert generator["csv_bytes"]() == TABLE.read_bytes()
    assert TABLE.stat().st_size < 2_500_000


@pytest.mark.parametrize(("expression", "value"), PLANTED.values(), ids=PLANTED)
def test_what_the_story_promises_is_there(table, expression, value):
    """Each number of the README is one that the table gives."""
    ((found,),) = table.sql(f"SELECT {expression} FROM data").fetchall()
    assert float(found) == value


def test_duplicates_follow_their_original(table):
    """Each of the 25 rows is equal to the one before it in all its columns."""
    ((count,),) = table.sql("SELECT count(*) - count(DISTINCT data) FROM data").fetchall()
    assert count == 25


def test_the_ground_truth_speaks_of_this_table(table):
    """Kinds are of the vocabulary, columns are of the table, plugins are analyses, and nothing is both expected and forbidden."""
    truth = yaml.safe_load((EXAMPLES / "ground_truth.yaml").read_text("utf-8"))
    columns = {name for (name,) in table.sql("SELECT column_name FROM (DESCRIBE data)").fetchall()}
    assert set(truth) == {"expect", "forbid"}
    for entry in truth["expect"] + truth["forbid"]:
        assert entry["kind"] in KINDS
        assert set(entry["columns"]) <= columns
        assert entry["plugin"].startswith("analysis_")
    claims = {name: {(e["plugin"], e["kind"], tuple(e["columns"])) for e in truth[name]} for name in truth}
    assert not claims["expect"] & claims["forbid"]
    assert all(entry["min_count"] >= 1 for entry in truth["expect"])
