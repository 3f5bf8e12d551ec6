"""How fast and how much longer: from the work done so far, and nothing before that says anything."""

import pytest

from harness_api.cli.progress import Running, running_line
from harness_api.paces import pace_words
from harness_core.domain.pace import Pace, pace_of


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "pace"),
    [
        (500.0, 2000.0, 10.0, Pace(50.0, 30.0)),
        (2000.0, 2000.0, 10.0, Pace(200.0, 0.0)),
        (2500.0, 2000.0, 10.0, Pace(250.0, 0.0)),
        (500.0, 2000.0, 0.9, Pace()),
        (0.0, 2000.0, 10.0, Pace()),
        (-1.0, 2000.0, 10.0, Pace()),
        (5.0, 0.0, 10.0, Pace()),
        (5.0, -1.0, 10.0, Pace()),
        (None, None, 10.0, Pace()),
        (500.0, 2000.0, None, Pace()),
    ],
)
def test_a_pace_is_what_was_done_over_the_time_it_took(
    done: float | None, total: float | None, elapsed_s: float | None, pace: Pace
) -> None:
    """In the first second, and without work or an end in sight, there is none."""
    assert pace_of(done, total, elapsed_s) == pace


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((3.2e6, 10e6, "rows", 3.2e6 / 1.4e6), "3.2 of 10.0 million rows, 1.4 million rows/s, about 5 s left"),
        ((3.0, 12.0, "columns", 2.0), "3 of 12 columns, 1.5 columns/s, about 6 s left"),
        ((30.0, 12000.0, "", 60.0), "30 of 12,000 steps, about 6 h 39 min left"),
        ((12.0, 12.0, "rows", 2.0), "12 of 12 rows, 6.0 rows/s"),
        ((512.0, 1e9, "bytes", 0.5), "512 bytes of 1 GB"),
        ((0.25, 1.0, "", 3.0), "about 9 s left"),
        ((None, None, "rows", 3.0), ""),
    ],
)
def test_a_pace_is_said_in_its_own_unit(told: tuple[float | None, float | None, str, float], words: str) -> None:
    """Large numbers in millions; what has no unit in steps, without a rate."""
    assert pace_words(*told) == words


def test_the_line_of_a_terminal_says_the_same() -> None:
    """Bar, share and pace; where nothing is known, only since when."""
    line = running_line("analysis_x", Running(100.0, 5e6, 10e6, "pairs", "rows"), 104.0)
    assert line.endswith("██████████░░░░░░░░░░  50% 5.0 of 10.0 million rows, 1.2 million rows/s, about 4 s left pairs")
    assert running_line("analysis_x", Running(100.0), 104.0).endswith("analysis_x                  4.0 s")
