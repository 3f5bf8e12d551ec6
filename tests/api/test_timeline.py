"""The timeline draws the record: each bar lies where the stored times say, waiting and working told apart."""

import pytest

from harness_api.pages.views import BAR_WIDTH, timeline
from harness_api.pages.words import pace
from tests.api.conftest import Archive


def test_bars_are_the_stored_times(archive: Archive) -> None:
    """In thousandths of the span from the submission to the end, to a tenth; and the table says the same seconds."""
    run, executions = archive.core.runs.get(archive.run_id), archive.core.runs.executions(archive.run_id)
    assert run.ended_at
    span = run.ended_at - run.created_at
    bars = {bar.plugin_id: bar for bar in timeline(run, executions, run.ended_at)}
    assert set(bars) == {item.plugin_id for item in executions if item.queued_at is not None}
    for item in executions:
        bar = bars[item.plugin_id]
        assert item.queued_at
        assert item.started_at
        assert item.ended_at
        for drawn, at in ((bar.wait_from, item.queued_at), (bar.run_from, item.started_at)):
            assert drawn == pytest.approx((at - run.created_at) / span * BAR_WIDTH, abs=0.06)
        assert bar.waited_s == pytest.approx(item.started_at - item.queued_at, abs=0.001)
        assert bar.ran_s == pytest.approx(item.ended_at - item.started_at, abs=0.001)
        assert bar.wait_from <= bar.run_from < bar.run_to
    text = archive.client.get(f"/runs/{archive.run_id}").text
    assert text.count("<title>") == 1 + len(bars)
    assert 'fill="url(#hatch)"' in text


class Working:
    """An execution that is half done after ten seconds."""

    progress_done, progress_total, started_at = 500.0, 1000.0, 90.0
    progress_unit = "rows"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "500 of 1,000 rows, 50 rows/s, about 10 s left"),
        ({"progress_unit": ""}, "500 of 1,000 steps, about 10 s left"),
        ({"progress_done": 3.2e6, "progress_total": 1e7}, "3.2 of 10.0 million rows, 320,000 rows/s, about 21 s left"),
        ({"progress_done": 14e6, "progress_total": 2e7}, "14.0 of 20.0 million rows, 1.4 million rows/s, about 4 s left"),
        ({"progress_done": 1.2e6, "progress_total": 3e6, "progress_unit": "bytes"}, "1.2 MB of 3 MB, 120 kB/s, about 15 s left"),
        ({"started_at": 99.5}, "500 of 1,000 rows"),
        ({"progress_done": 0.5, "progress_total": 1.0, "progress_unit": ""}, "about 10 s left"),
        ({"started_at": None}, "500 of 1,000 rows"),
        ({"progress_total": 0.0}, ""),
    ],
)
def test_the_pace_is_said_as_far_as_it_is_known(changed: dict[str, object], words: str) -> None:
    """How far, how fast, how long still; nothing where nothing is known."""
    working = Working()
    for name, value in changed.items():
        setattr(working, name, value)
    assert pace(working, 100.0) == words
