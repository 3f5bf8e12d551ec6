"""Windows into logs: every jump lands on its line, whatever the length; searching names the lines that fit."""

import io
from pathlib import Path
from typing import Any

import pytest

from harness_core.services.reading_logs import BLOCK_BYTES, LogReading

LINES = 2_000_000


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two million lines; every thousandth is a warning."""
    path = tmp_path_factory.mktemp("logs") / "stdout.log"
    with path.open("w") as file:
        for start in range(1, LINES + 1, 1000):
            file.write("".join(f"step {number} of the work\n" for number in range(start, start + 999)))
            file.write(f"WARNING at {start + 999}\n")
    return path


@pytest.mark.parametrize("first", [1, 2, 499_999, 1_000_000, LINES - 3])
def test_any_jump_in_two_million_lines_reads_two_blocks(long_log: Path, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window begins with the very line; once the lines of a file were counted, a jump reads no more than is shown of it."""
    reading, read = LogReading(), 0
    reading.window(long_log)

    class Counted(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            nonlocal read
            read += (taken := super().readinto(buffer))
            return taken

    monkeypatch.setattr(Path, "open", lambda path, mode: io.BufferedReader(Counted(path, mode)))
    window = reading.window(long_log, first)
    assert 0 < read <= 2 * BLOCK_BYTES
    assert window.lines[0].number == first
    assert window.lines[0].text == (f"WARNING at {first}" if first % 1000 == 0 else f"step {first} of the work")
    assert [line.number for line in window.lines] == list(range(first, min(first + 500, LINES + 1)))
    assert window.line_count == LINES


def test_a_search_stops_where_enough_was_found(long_log: Path) -> None:
    """By text whatever its case, by level, and both; what is left out is said."""
    reading = LogReading()
    assert [line.number for line in reading.search(long_log, "STEP 1999999 of").lines] == [1_999_999]
    warnings = reading.search(long_log, level="warning", limit=3)
    assert ([line.number for line in warnings.lines], warnings.more) == ([1000, 2000, 3000], True)
    assert [line.number for line in reading.search(long_log, "at 1999000", "warning").lines] == [1_999_000]
    assert reading.search(long_log, "step", "error").lines == []


@pytest.mark.parametrize("width", [1, 7, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_lines_of_any_length_are_numbered_right(tmp_path: Path, width: int) -> None:
    """Wherever blocks cut, the window of each line holds that line, the last one without a line end too."""
    path = tmp_path / "log"
    path.write_text("\n".join(f"{number}:".ljust(width, "x") for number in range(1, 12)))
    reading = LogReading()
    for number in range(1, 12):
        window = reading.window(path, number, 1)
        assert (window.line_count, window.lines[0].number, window.lines[0].text.split(":")[0]) == (11, number, str(number))
    assert reading.window(path, 12).lines == []
    assert len(reading.search(path, ":").lines) == 11


def test_an_empty_log_has_no_line(tmp_path: Path) -> None:
    """Nothing is nothing."""
    (tmp_path / "log").touch()
    assert (LogReading().window(tmp_path / "log").lines, LogReading().window(tmp_path / "log").line_count) == ([], 0)
