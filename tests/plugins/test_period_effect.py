"""Period effects: planted closes are found to the day, in measures, durations and volume; trends, weeks and noise stay quiet."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.plugins.event_logs import analysed, stands
from tests.plugins.null_tables import null_table

PLUGIN = "analysis_period_effect"


def ledger(
    seed: int = 1, n: int = 20_000, months: int = 18, *, last: int = 3, more: float = 2.0, slower: float = 1.8, weekends: bool = True,
    every: int = 1, growth: float = 0.0,
) -> Any:  # fmt: skip
    """Postings over some months; in the last days of every ``every``-th month there are more and they take longer."""
    rng = np.random.default_rng(seed)
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2023-01") + months)
    month = days.astype("datetime64[M]")
    left = ((month + 1).astype("datetime64[D]") - days).astype(int)
    close = (left <= last) & ((month.astype(int) + 1) % every == 0)
    weight = np.where(close, more, 1.0) * np.exp(growth * np.arange(len(days)) / len(days))
    if not weekends:
        weight = weight * ((days.astype(int) + 3) % 7 < 5)
    day = np.sort(rng.choice(len(days), n, p=weight / weight.sum()))
    at = days[day].astype("datetime64[us]") + rng.integers(0, 86_400, n).astype("timedelta64[s]").astype("timedelta64[us]")
    took = rng.lognormal(3, 0.6, n) * np.where(close[day], slower, 1.0)
    return pa.table({"posted": at, "minutes": took, "amount": rng.normal(100, 20, n)})  # fmt: skip


def windows(answer: dict[str, Any]) -> dict[str, set[str]]:
    return {finding["subject"]: set(finding["columns"]) for finding in answer["findings"]}


@pytest.mark.parametrize("last", [1, 3, 5])
def test_a_close_is_found_to_the_day(last: int) -> None:
    """Guards the search of windows: the planted days, the measure and the volume in one finding, and not the other measure."""
    answer = analysed(PLUGIN, ledger(last=last))
    assert windows(answer) == {f"month:-{last}..-1": {"posted", "minutes"}}
    (found,) = answer["findings"]
    assert found["statistics"]["agreeing"] == found["statistics"]["cycles"] == 17
    assert '"minutes"' in found["statement"]
    assert "rows" in found["statement"]


def test_working_days_are_counted_where_weekends_are_empty() -> None:
    """Guards the unit: without rows at weekends, days with rows are counted, and the sentence says so."""
    answer = analysed(PLUGIN, ledger(weekends=False, last=4))
    assert answer["metrics"]["unit"] == "day with rows"
    (found,) = answer["findings"]
    assert "days with rows" in found["statement"]


def test_every_number_comes_from_a_query(tmp_path: Path) -> None:
    """Guards citeability, in calendar days and days with rows, for volume, measures and durations."""
    for weekends in (True, False):
        table = ledger(weekends=weekends)
        table = table.append_column(
            "cleared", pa.array(table["posted"].to_numpy() + (table["minutes"].to_numpy() * 6e7).astype("m8[us]"))
        )
        answer = analysed(PLUGIN, table)
        assert {"minutes", "cleared"} <= set(answer["findings"][0]["columns"])
        assert stands(table, answer, tmp_path) >= 3


def test_quarters_are_told_from_months() -> None:
    """Guards the cycles: a close every third month is one of quarters; a monthly close is not told again for quarters."""
    assert [name.partition(":")[0] for name in windows(analysed(PLUGIN, ledger(months=36, every=3, n=40_000)))] == ["quarter"]
    assert [name.partition(":")[0] for name in windows(analysed(PLUGIN, ledger(months=36, n=40_000)))] == ["month"]


def test_only_volume_and_only_slowness_are_told_apart() -> None:
    """Guards the quantities: each is told where it is, and only there."""
    assert windows(analysed(PLUGIN, ledger(slower=1.0))) == {"month:-3..-1": {"posted"}}
    (found,) = analysed(PLUGIN, ledger(more=1.0))["findings"]
    assert set(found["columns"]) == {"posted", "minutes"}
    assert "rows" not in found["statement"]


@pytest.mark.parametrize("seed", range(6))
def test_growth_and_weeks_are_no_closes(seed: int) -> None:
    """Guards the false alarms: growth by half and empty weekends, without a close."""
    answer = analysed(PLUGIN, ledger(seed, 8000, 24, more=1.0, slower=1.0, weekends=bool(seed % 2), growth=0.4))
    assert (answer["status"], answer["reason_code"]) == ("na", "no_period_effect")


def test_memory_from_day_to_day_is_no_close() -> None:
    """Guards the null of dependent days: a slow random walk over three years, thirty measures in all."""
    rng = np.random.default_rng(6)
    for _ in range(5):
        days = np.arange(np.datetime64("2021-01-01"), np.datetime64("2024-01-01"))
        walks = {f"m{k}": np.cumsum(rng.normal(size=len(days))) * 0.1 + rng.normal(size=len(days)) for k in range(6)}
        assert analysed(PLUGIN, pa.table({"day": days, **walks}))["status"] == "na"


def test_units_and_names_change_nothing() -> None:
    """Guards invariance: minutes in hours, other names, an added constant."""
    table = ledger()
    renamed = pa.table({'d "x"': table["posted"], "v; --": table["minutes"].to_numpy() / 60, "c": np.ones(len(table))})
    one, other = analysed(PLUGIN, table)["findings"][0], analysed(PLUGIN, renamed)["findings"][0]
    assert one["subject"] == other["subject"]
    assert one["statistics"]["p_value"] == other["statistics"]["p_value"]


def test_too_short_and_too_plain_tables_are_left() -> None:
    """Guards the applicability, with the number of ends there are."""
    short = analysed(PLUGIN, ledger(months=5))
    assert short["reason_code"] == "few_cycles"
    assert "4 ends of months" in short["summary"]
    assert analysed(PLUGIN, null_table(3))["reason_code"] == "no_time"
    empty = pa.table({"t": pa.array([], pa.timestamp("us")), "x": pa.array([], pa.float64())})
    assert analysed(PLUGIN, empty)["status"] == "na"
    odd = pa.table({"t": ledger()["posted"], "x": np.full(20_000, np.inf), "y": pa.nulls(20_000, pa.float64())})
    assert {"posted"} != set(windows(analysed(PLUGIN, odd)))
