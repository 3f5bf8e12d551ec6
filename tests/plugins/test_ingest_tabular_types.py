"""Types are decided over all rows, and only where every text can be told back from its value."""

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness_core.adapters.wall.orders import DATA_MB, DATA_SHARE
from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"


def read_column(folder: Path, texts: list[str], **chosen: Any) -> tuple[dict[str, Any], list[Any], list[dict[str, Any]]]:
    """A file with this one column beside a running number: the column's description, its values, the repairs."""
    path = folder / "table.csv"
    quoted = [f'"{text}"' if any(sign in text for sign in ',"\n') else text for text in texts]
    path.write_text("row,x\n" + "".join(f"{index},{text}\n" for index, text in enumerate(quoted)), encoding="utf-8")
    answer = run_plugin(PLUGIN, inputs=[path], settings={"delimiter": ",", "header": True, **chosen}, scratch=folder / "scratch")
    assert answer["status"] == "ok", answer["error"]
    table = pyarrow.parquet.read_table(folder / "scratch" / "datasets" / "0" / "data.parquet")
    return answer["datasets"][0]["columns"][1], table["x"].to_pylist(), answer["datasets"][0]["repairs"]


@pytest.mark.parametrize(
    ("texts", "expected", "values"),
    [
        (["1", "-2", "30"], "integer", [1, -2, 30]),
        (["1", "2.5", "3"], "float", [1.0, 2.5, 3.0]),
        (["1.10", ".5", "2e-05", "3.5E+10"], "float", [1.1, 0.5, 2e-05, 3.5e10]),
        (["0.95973685430362821", "1.0319647496799007"], "float", [0.95973685430362821, 1.0319647496799007]),
        (["true", "FALSE", "True"], "boolean", [True, False, True]),
        (["2024-02-29", "1999-12-31"], "date", [datetime.date(2024, 2, 29), datetime.date(1999, 12, 31)]),
        (["8:30", "23:59:59.5"], "time", [datetime.time(8, 30), datetime.time(23, 59, 59, 500000)]),
        (["2024-02-01 10:00:00.250", "2024-02-01T11:00"], "timestamp",
         [datetime.datetime(2024, 2, 1, 10, 0, 0, 250000), datetime.datetime(2024, 2, 1, 11)]),
        (["2024-02-01T10:00:00+02:00", "2024-02-01T10:00:00Z"], "timestamp",
         [datetime.datetime(2024, 2, 1, 8), datetime.datetime(2024, 2, 1, 10)]),
        (["1/2/2024", "13/2/2024", "05/12/2024"], "date",
         [datetime.date(2024, 2, 1), datetime.date(2024, 2, 13), datetime.date(2024, 12, 5)]),
        (["02/13/2024 1:05 PM", "02/01/2024 11:00 AM"], "timestamp",
         [datetime.datetime(2024, 2, 13, 13, 5), datetime.datetime(2024, 2, 1, 11)]),
        (["1 May 2024", "28 March 2024"], "date", [datetime.date(2024, 5, 1), datetime.date(2024, 3, 28)]),
        (["1.234,56", "12,5", "-1.000.000,0"], "float", [1234.56, 12.5, -1000000.0]),
        (["1,234", "12,345,678", "5"], "integer", [1234, 12345678, 5]),
        (["0,123", "1,234"], "float", [0.123, 1.234]),
        (["1 341,2", "580,8", "-1 002 341,0"], "float", [1341.2, 580.8, -1002341.0]),
        (["1'341", "580", "1'002'341"], "integer", [1341, 580, 1002341]),
        (["1\u202f341.25", "580"], "float", [1341.25, 580.0]),
    ],
)  # fmt: skip
def test_values_are_converted(tmp_path: Path, texts: list[str], expected: str, values: list[Any]) -> None:
    """What can be told back is stored as what it is."""
    column, found, _ = read_column(tmp_path, texts)
    assert (column["type"], found) == (expected, values)


@pytest.mark.parametrize(
    "texts",
    [
        ["00123", "04567"], ["+491234", "+495678"], ["12345678901234567890", "1"], ["1e5", "2E7"],
        ["0x10", "0x1F"], ["1_000", "2_000"],
        ["-0", "1"], ["inf", "1.5"], ["1,234", "5,678"], ["01/02/2024", "03/04/2024"], ["2024-02-30", "2024-02-01"],
        ["25:00", "24:00"],
        ["2024-02-01T10:00:00Z", "2024-02-01T10:00:00"], ["2024-02-01 10:00:00.1234567", "2024-02-01 10:00:00"], ["yes", "no"],
        ["212 555 123", "413 555 987"], ["1 341,2", "1 5"], ["1 341", "1\u00a0341 000"],
        ["007.5", "1.5"], ["infinity", "2024-01-01"], ["1.5", "1,5"], ["1.2.3", "1.2"], ["5 kg", "6 kg"], ["", ""],
    ],
)  # fmt: skip
def test_what_would_be_changed_stays_text(tmp_path: Path, texts: list[str]) -> None:
    """Identifiers, ambiguous dates and mixed formats keep every character."""
    column, found, _ = read_column(tmp_path, texts)
    assert (column["type"], found) == ("text", [text or None for text in texts])


def test_the_last_row_counts_as_much_as_the_first(tmp_path: Path) -> None:
    """A value that comes late changes the type of the column, never itself."""
    numbers = [str(number) for number in range(30_000)]
    column, found, _ = read_column(tmp_path, [*numbers, "0.5"])
    assert (column["type"], found[-1]) == ("float", 0.5)
    column, found, _ = read_column(tmp_path, [*numbers, "007"])
    assert (column["type"], found[-1]) == ("text", "007")
    assert column["note"] == "Kept as text: 1 value is not of the form the others have (whole number)."


def test_one_day_beyond_twelve_settles_the_order(tmp_path: Path) -> None:
    """Day and month are told apart by any row, however late; by none, the column stays text and says why."""
    ambiguous = [f"{day:02}/{month:02}/2024" for day in range(1, 13) for month in range(1, 13)] * 150
    column, found, _ = read_column(tmp_path, [*ambiguous, "31/01/2024"])
    assert (column["type"], found[1]) == ("date", datetime.date(2024, 2, 1))
    column, _, _ = read_column(tmp_path, ambiguous[:200])
    assert column["type"] == "text"
    assert "day-month-year and as month-day-year" in column["note"]
    column, found, _ = read_column(tmp_path, ambiguous[:200], date_order="mdy")
    assert (column["type"], found[1]) == ("date", datetime.date(2024, 1, 2))


def test_days_written_as_one_number(tmp_path: Path) -> None:
    """Numbers of eight digits are dates where at least five different ones are, and whole numbers as soon as one row is no day."""
    days = [f"202401{day:02}" for day in range(1, 29)]
    column, found, _ = read_column(tmp_path, [*days, "NA"])
    assert (column["type"], found[0], found[-1]) == ("date", datetime.date(2024, 1, 1), None)
    for late in ("20241301", "2024111", "20240230"):
        column, found, _ = read_column(tmp_path, [*days * 1_000, late])
        assert (column["type"], found[0], found[-1]) == ("integer", 20240101, int(late))
    assert read_column(tmp_path, days[:4])[0]["type"] == "integer"
    assert read_column(tmp_path, days, types={"x": "integer"})[1] == [int(day) for day in days]
    assert read_column(tmp_path, days, date_order="dmy")[0]["type"] == "integer"


def test_words_for_nothing_among_numbers(tmp_path: Path) -> None:
    """Words for a missing value are null in a column of numbers and told with their count; among words they stay."""
    column, found, repairs = read_column(tmp_path, ["1.5", "#NULL!", "unknown", "..", "3"])
    assert (column["type"], found) == ("float", [1.5, None, None, None, 3.0])
    assert [repair["count"] for repair in repairs if repair["code"] == "null_tokens"] == [3]
    assert read_column(tmp_path, ["red", "unknown", ".."])[1] == ["red", "unknown", ".."]


def test_null_tokens_are_counted(tmp_path: Path) -> None:
    """A token means no value only among numbers, dates and the like, and that is said with its count."""
    column, found, repairs = read_column(tmp_path, ["1", "NA", "3", "n/a", "-"])
    assert (column["type"], found) == ("integer", [1, None, 3, None, None])
    (told,) = [repair for repair in repairs if repair["code"] == "null_tokens"]
    assert (told["count"], told["column"]) == (3, "x")
    column, found, repairs = read_column(tmp_path, ["red", "NA", "-"])
    assert (column["type"], found) == ("text", ["red", "NA", "-"])
    assert not [repair for repair in repairs if repair["code"] == "null_tokens"]


def test_long_decimals_are_exact(tmp_path: Path) -> None:
    """Digits that a double cannot hold are stored as a decimal."""
    column, found, _ = read_column(tmp_path, ["12345678901234567.25", "0.1"])
    assert (column["type"], column["storage_type"]) == ("decimal", "DECIMAL(38,2)")
    assert [str(value) for value in found] == ["12345678901234567.25", "0.10"]


def test_types_can_be_asked_for(tmp_path: Path) -> None:
    """A type that all values survive is obeyed; one that some do not survive leaves text."""
    assert read_column(tmp_path, ["1", "2"], types={"x": "text"})[1] == ["1", "2"]
    assert read_column(tmp_path, ["1", "2"], types={"x": "float"})[0]["type"] == "float"
    assert read_column(tmp_path, ["1", "b"], types={"x": "integer"})[0]["type"] == "text"


CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-(10**6), 10**6, allow_nan=False, places=2).map(str),
    st.dates(datetime.date(1, 1, 1)).map(str),
    st.datetimes(datetime.datetime(1, 1, 1)).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs", "Cc"]), max_size=8),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_no_value_is_ever_changed(tmp_path: Path, texts: list[str]) -> None:
    """Whatever a column holds: as text it comes back letter by letter, as a number it is the same number."""
    column, found, _ = read_column(tmp_path, [text.replace('"', "'") for text in texts], quote='"')
    for text, value in zip((text.replace('"', "'") for text in texts), found, strict=True):
        if column["type"] == "text":
            assert value == (text or None)
        elif value is not None and column["type"] in ("integer", "float", "decimal"):
            assert float(value) == float(text)
        elif value is not None:
            assert str(value)[:10].strip() == text.strip()[:10]


@pytest.mark.parametrize(("odd", "expected"), [("1.5", "float"), ("0.95973685430362821", "float"), ("1.5e", "text")])
def test_hundreds_of_columns_are_proved_within_the_readers_memory(tmp_path: Path, odd: str, expected: str) -> None:
    """A wide table of floats, whose proofs no one query could hold, is read as a narrow one is, whichever proof its values need."""
    path, count = tmp_path / "wide.csv", 250
    rows = [[f"{column}.{row}5" for column in range(count)] for row in range(9)]
    rows[5][count - 3] = odd
    path.write_text("".join(",".join(row) + "\n" for row in [[f"c{column}" for column in range(count)], *rows]))
    answer = run_plugin(PLUGIN, inputs=[path], scratch=tmp_path / "scratch", settings={"delimiter": ",", "header": True})
    assert answer["status"] == "ok", answer["error"]
    types = [column["type"] for column in answer["datasets"][0]["columns"]]
    assert (types.pop(count - 3), set(types)) == (expected, {"float"})
    table = pyarrow.parquet.read_table(tmp_path / "scratch" / "datasets" / "0" / "data.parquet")
    assert table["c10"].to_pylist() == [float(f"10.{row}5") for row in range(9)]
    assert table[f"c{count - 3}"][5].as_py() == (odd if expected == "text" else float(odd))


LIMITED = """
import resource, sys
from harness_core.sdk.testing import run_plugin
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
plugin, path, scratch = sys.argv[2:]
answer = run_plugin(plugin, inputs=[path], scratch=scratch)
assert answer["status"] == "ok", answer["error"]
assert {column["type"] for column in answer["datasets"][0]["columns"]} == {"float"}
"""


def test_two_thousand_columns_of_floats_are_read_within_a_guests_memory(tmp_path: Path) -> None:
    """What planning all their proofs at once would take is more than the wall lets a plugin have."""
    path, limit = tmp_path / "wide.csv", (int(2048 * DATA_SHARE) + DATA_MB) << 20
    rows = [[f"c{column}" for column in range(2000)], *([f"{column}.{row}5" for column in range(2000)] for row in range(20))]
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    command = [sys.executable, "-c", LIMITED, str(limit), str(PLUGIN), str(path), str(tmp_path / "scratch")]
    assert subprocess.run(command, capture_output=True, check=False, text=True).stderr == ""


def test_what_keeps_a_column_text_is_shown_with_its_rows(tmp_path: Path) -> None:
    """Before the run: the first values that do not fit, in their order, counted from 0, also where they come late; else none."""
    amounts = [f"{index}.50" for index in range(3000)]
    amounts[7], amounts[2900], amounts[2950] = "n/a?", "12 EUR", "13 EUR"
    late = [str(index) for index in range(3000)]
    late[2500] = "none yet"
    rows = zip(amounts, late, ["word"] * 3000, range(3000), strict=True)
    path = tmp_path / "table.csv"
    path.write_text("amount,late,word,id\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    answer = run_plugin(
        PLUGIN, inputs=[path], call="inspect", settings={"delimiter": ",", "header": True}, scratch=tmp_path / "scratch"
    )
    shown = {column["name"]: column for column in answer["columns"]}
    assert shown["amount"]["counter_examples"] == [
        {"row": 7, "value": "n/a?"}, {"row": 2900, "value": "12 EUR"}, {"row": 2950, "value": "13 EUR"},
    ]  # fmt: skip
    assert shown["late"]["counter_examples"] == [{"row": 2500, "value": "none yet"}]
    assert [name for name, column in shown.items() if "counter_examples" not in column] == ["word", "id"]
