"""The scan for personal data: kinds by column, planted values in texts, silence about ordinary columns, and never a value shown."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed, misses
from tests.plugins.null_tables import null_table
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
N = 300


def scan(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGINS / "analysis_pii_scan", table, **more)


def luhn_number(rng: np.random.Generator) -> str:
    """Sixteen digits that begin with 4, the last of them by Luhn's rule."""
    digits = [4, *rng.integers(0, 10, 14).tolist()]
    total = sum(d if k % 2 else (2 * d - 9 if d > 4 else 2 * d) for k, d in enumerate(digits))
    return "".join(map(str, [*digits, -total % 10]))


def planted() -> pa.Table:
    """Columns of eight kinds with names that say nothing, three that only their names give away, and four that are no one's business."""
    rng = np.random.default_rng(4)
    first, last = ["Anna", "Peter", "Maria", "Ahmed", "Julia", "Thomas", "Wei"], ["Okafor", "Sundgren", "Baptiste", "Zelko"]
    people = [f"{first[k % 7]} {last[k % 4]}" for k in range(N)]
    notes = ["delivered without delay, nothing else to report here"] * N
    notes[17] = "please call back, or write to zelko.baptiste@example.org about it"
    notes[91] = "paid with card 4539 1488 0343 6467 at the counter, thanks"
    notes[92] = "order 4539 1488 0343 6468 was shipped from the other warehouse"
    return pa.table(
        {
            "a": [f"p{k}.{last[k % 4].lower()}@mail{k % 3}.example.com" for k in range(N)],
            "b": people,
            "c": [f"+49 30 {k:04} {k * 7 % 1000:03}" for k in range(N)],
            "d": [luhn_number(rng) for _ in range(N)],
            "e": [f"10.{k % 250}.{k % 7}.{k % 90}" for k in range(N)],
            "f": [f"{k % 800 + 100:03}-{k % 90 + 10}-{k % 9000 + 1000}" for k in range(N)],
            "g": ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"] * (N // 3),
            "h": [f"{k} {last[k % 4]} Street" for k in range(N)],
            "Surname": [last[k % 4] for k in range(N)],
            "dateOfBirth": pa.array([f"19{k % 60 + 30}-0{k % 9 + 1}-1{k % 9}" for k in range(N)]),
            "password": [f"x{k * 7919 % 1000}Y!" for k in range(N)],
            "city": [["Ulm", "Kiel", "Bonn"][k % 3] for k in range(N)],
            "notes": notes,
            "product": [["Desk lamp", "Paper tray", "Chair"][k % 3] for k in range(N)],
            "order": [f"SO-{k:06}" for k in range(N)],
            "reference": [str(4_000_000_000_000_000 + 37 * k) for k in range(N)],
            "amount": np.round(rng.lognormal(3, 1, N), 2),
        }
    )


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return scan(planted())


@pytest.fixture(scope="module")
def forms() -> Iterator[ModuleType]:
    """The plugin's own module of forms and check digits."""
    sys.path.insert(0, str(PLUGINS / "analysis_pii_scan"))
    yield importlib.import_module("pii_forms")
    sys.path.remove(str(PLUGINS / "analysis_pii_scan"))
    del sys.modules["pii_forms"]


def test_each_kind_is_recognised_and_ordinary_columns_are_not(answer: dict[str, Any]) -> None:
    """Guards both sides, column by column; sixteen digits without a check digit are no cards."""
    found = {entry["name"]: entry["kind"] for entry in answer["metrics"]["columns"]}
    assert found == {
        "a": "email", "b": "person_name", "c": "phone", "d": "credit_card", "e": "ip_address", "f": "national_id", "g": "iban",
        "h": "street_address", "Surname": "person_name", "dateOfBirth": "date_of_birth", "password": "password", "city": "location",
    }  # fmt: skip


def test_values_planted_in_texts_are_found_by_row(answer: dict[str, Any]) -> None:
    """Guards the search inside texts: one address and one card in 300 notes, not the number whose check digit is wrong."""
    inside = {finding["statistics"]["pii_kind"]: finding for finding in answer["findings"] if finding["columns"] == ["notes"]}
    assert {kind: finding["evidence"][1]["refs"] for kind, finding in inside.items()} == {
        "email": ["db://dv_test#row_index=17"],
        "credit_card": ["db://dv_test#row_index=91"],
    }
    assert "in 1 of them the check digits are right" in inside["credit_card"]["statement"]


def test_no_value_is_shown_anywhere(answer: dict[str, Any]) -> None:
    """Guards the promise: no piece of any personal value stands in the whole answer."""
    text = canonical_bytes({key: answer[key] for key in ("summary", "metrics", "findings")}).decode()
    table = planted().to_pydict()
    for name in ("a", "b", "c", "d", "e", "f", "g", "h", "Surname", "dateOfBirth", "password", "notes"):
        assert not [value for value in table[name] if value in text], name
    assert "zelko" not in text.lower()


def test_what_does_harm_is_a_warning_and_what_is_only_near_is_for_knowing(answer: dict[str, Any]) -> None:
    """Guards severity: cards, passwords and identity numbers first; towns only for knowing."""
    severity = {finding["columns"][0]: finding["severity"] for finding in answer["findings"] if finding["columns"] != ["notes"]}
    assert [severity[name] for name in ("d", "f", "g", "password")] == ["warning"] * 4
    assert [severity[name] for name in ("a", "b", "c")] == ["notice"] * 3
    assert severity["city"] == "info"


def test_towns_alone_are_nobodys_data() -> None:
    """Guards quasi-identifiers: without a column that points to people, town, age and gender are not reported."""
    table = planted().select(["city", "product", "amount"])
    assert scan(table)["reason_code"] == "none_recognised"


def test_places_by_whatever_name_they_are_written() -> None:
    """Guards names such as StateFull and country_code, which are a state and a country; where goods come from is nobody's home."""
    table = planted()
    places = ["Ulm", "Kiel", "Bonn"]
    for name in ("StateFull", "country_code", "Country", "country_of_origin", "order_state"):
        table = table.append_column(name, pa.array([places[k % 3] for k in range(table.num_rows)]))
    found = {entry["name"] for entry in scan(table)["metrics"]["columns"] if entry["kind"] == "location"}
    assert found == {"city", "StateFull", "country_code", "Country"}


def test_confidence_grows_with_what_speaks_for_it(answer: dict[str, Any]) -> None:
    """Guards the confidence: form with check digits and a telling name above the form alone, above a name alone."""
    sure = {entry["name"]: entry["confidence"] for entry in answer["metrics"]["columns"]}
    renamed = scan(planted().rename_columns(["email", "Surname2", "phone", *planted().column_names[3:]]))
    again = {entry["name"]: entry["confidence"] for entry in renamed["metrics"]["columns"]}
    assert again["email"] > sure["a"] > sure["city"]
    assert again["phone"] > sure["c"]
    assert all(0.5 <= value < 1 for value in sure.values())


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB counts the same rows with the same expressions."""
    assert run_again(answer, planted(), tmp_path) == len(answer["findings"])


def test_the_example_and_noise_have_no_personal_data_worth_a_notice() -> None:
    """Guards false alarms: product and city of the example, and ten tables of noise."""
    example = analysed("analysis_pii_scan")
    assert misses("analysis_pii_scan", example["findings"]) == []
    assert [f["title"] for f in example["findings"] if f["severity"] != "info"] == []
    assert {scan(null_table(seed))["reason_code"] for seed in range(10)} == {"none_recognised"}


def test_check_digits_follow_the_published_rules(forms: ModuleType) -> None:
    """Guards the checks: a known good number of each kind passes, and with one digit changed it does not."""
    good = {
        forms.card: "4111111111111111", forms.iban: "GB29 NWBK 6016 1331 9268 19", forms.nif: "12345678Z", forms.cpf: "529.982.247-25",
        forms.hetu: "131052-308T", forms.personnummer: "811218-9876",
    }  # fmt: skip
    for check, number in good.items():
        assert check(number), number
        place = next(k for k, character in enumerate(number) if character.isdigit() and k > 3)
        assert not check(number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]), number
    assert not forms.iban("ZZ33 WEST 1234 5698 7654 32")  # no such country
    assert not forms.iban("DE22 2105 0170 0012 3456 7")  # the right remainder would need 22 characters
    assert not forms.ssn("000-12-3456")
    assert not forms.ssn("912-12-3456")


def test_part_numbers_in_texts_are_no_payment_cards() -> None:
    """Of numbers of sixteen digits one in ten passes Luhn's check: as many as chance gives are none; one true card alone is told."""
    rng = np.random.default_rng(5)
    parts = [f"spare part no. 4{rng.integers(10**14, 10**15)} in stock again" for _ in range(200)]
    plain = [f"delivered with delay number {row}, see the note" for row in range(200)]
    one = [*plain[:-1], f"paid with {luhn_number(rng)} at the desk"]
    found = scan(pa.table({"parts": parts, "plain": plain, "one": one}))["findings"]
    assert [finding["columns"] for finding in found if finding["statistics"]["pii_kind"] == "credit_card"] == [["one"]]


def test_the_order_of_rows_changes_no_verdict(answer: dict[str, Any]) -> None:
    """Guards determinism: permuted rows give the same columns, kinds and confidences."""
    other = scan(planted().take(pa.array(np.random.default_rng(0).permutation(N))))
    assert other["metrics"] == answer["metrics"]


def test_odd_tables_are_answered_in_words() -> None:
    """Guards degenerate input: empty, missing, one row, names full of quotes, and the bound on columns."""
    for table in ({"email": pa.array([], pa.string())}, {"x": pa.nulls(20, pa.string())}, {"x": [1.5]}):
        assert scan(table)["reason_code"] == "none_recognised"
    (finding,) = scan({"it's \"; --": ["a@b.example.org"]})["findings"]
    assert finding["statistics"]["pii_kind"] == "email"
    wide = scan({f"email{k}": ["a@b.example.org"] for k in range(30)}, settings={"max_columns": 5})
    assert (len(wide["metrics"]["columns"]), len(wide["metrics"]["left_out"])) == (5, 25)


def test_a_column_of_kinds_is_no_column_of_numbers() -> None:
    """Guards against the name alone: a phoneType with a few labels or codes holds no telephone numbers."""
    people = ["Anna Berg", "Li Wei", "Jon Snow"] * 40
    for labels in (["MOBILE", "HOME", "WORK"], [1, 2, 3], [100001, 100002, 100003]):
        answer = scan(pa.table({"name": people, "phoneType": labels * 40}))
        assert "phoneType" not in {name for finding in answer["findings"] for name in finding["columns"]}


def test_every_table_of_a_run_is_looked_at(tmp_path: Path) -> None:
    """Guards runs of several files: told by table, with evidence over it; columns of a table alike are told once; ordinary ones never."""
    people = planted()
    shop = {
        "product": ["Lamp", "Chair"] * 50,
        "phone": [f"+49 40 {k:04} 11" for k in range(100)],
        "age": [500 + k for k in range(100)],
    }
    others = {"march": people.slice(100), "shop": pa.table(shop), "texts": people.select(["order", "notes"])}
    main = people.select([name for name in people.column_names if name != "password"])
    answer = scan(main, datasets=others)
    alone = scan(main)
    told = [finding["columns"] for finding in answer["findings"]]
    assert [columns for columns in told if "." not in columns[0]] == [finding["columns"] for finding in alone["findings"]]
    assert sorted(name for (name,) in told if "." in name) == ["march.password", "shop.phone", "texts.notes", "texts.notes"]
    phone = next(finding for finding in answer["findings"] if finding["columns"] == ["shop.phone"])
    assert phone["title"] == '"phone" of "shop" holds telephone numbers'
    assert 'FROM main."shop"' in phone["evidence"][0]["sql"]
    assert phone["evidence"][0]["result"] == [[100, 100]]
    assert [entry["table"] for entry in answer["metrics"]["columns"] if entry["name"] == "b" and "table" in entry] == ["march"]
    few = scan(main, datasets=others, settings={"max_tables": 2})["metrics"]["left_out"]
    assert [entry["name"] for entry in few] == ["shop", "texts"]
    assert run_again(answer, main, tmp_path, others) == len(told)


def test_columns_beyond_the_limit_of_findings_are_still_known_to_be_personal() -> None:
    """Guards redaction, which goes by the findings: one more holds all columns that have none of their own."""
    *_, last = scan({f"email{k:02}": [f"a{k}@b.example.org"] * 5 for k in range(40)}, settings={"max_findings": 3})["findings"]
    assert last["columns"] == [f"email{k:02}" for k in range(3, 40)]
    assert last["severity"] == "notice"
    assert last["statement"].endswith('"email21" and "email22", among others.')
