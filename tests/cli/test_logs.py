"""Logs are lines of key=value that a person reads and a program splits."""

import io
import logging
import sys

from harness_core.logs import KeyValueFormatter, configure_logs, quoted


def record(message: str, level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("harness.worker", level, __file__, 1, message, (), None)
    made.created, made.msecs = 1_700_000_000.25, 250
    vars(made).update(extra)
    return made


def test_a_line_has_its_time_level_logger_message_and_extras() -> None:
    """Fixed keys first, what the caller added after them."""
    line = KeyValueFormatter().format(record("two words", run_id="run_1"))
    assert line == 'time=2023-11-14T22:13:20.250Z level=warning logger=harness.worker message="two words" run_id=run_1'


def test_nothing_breaks_the_line() -> None:
    """New lines, quotes and escapes stay within their value."""
    assert quoted('a "b"\n\x1b[2J=') == '"a \\"b\\"\\n\\x1b[2J="'
    try:
        raise ValueError("in two\nlines")
    except ValueError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()
    line = KeyValueFormatter().format(failed)
    assert "\n" not in line
    assert "ValueError: in two\\nlines" in line


def test_colour_only_where_asked() -> None:
    """A plain stream gets plain text."""
    assert "\x1b[33m" in KeyValueFormatter(coloured=True).format(record("x"))
    assert "\x1b" not in KeyValueFormatter().format(record("x"))


def test_configuring_again_replaces_what_was_there() -> None:
    """One handler, at the level asked for, whatever was set up before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure_logs("info", stream=io.StringIO())
        configure_logs("warning", stream=stream)
        logging.getLogger("harness.test").info("hidden")
        logging.getLogger("harness.test").warning("seen")
        assert len(root.handlers) == 1
        assert stream.getvalue().count("\n") == 1
        assert "message=seen" in stream.getvalue()
    finally:
        root.handlers[:], root.level = before, level
