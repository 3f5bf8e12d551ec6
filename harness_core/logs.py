"""Logging, configured once: lines of key=value on stderr, which people read and programs parse."""

import logging
import re
import sys
import time
from typing import TextIO

BARE = re.compile(r"[^\s\"=\\]+\Z")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m", logging.CRITICAL: "\x1b[31m"}
END = "\x1b[0m"


class KeyValueFormatter(logging.Formatter):
    """``time=… level=… logger=… message="…"``, then whatever the caller gave as ``extra``, then the exception."""

    def __init__(self, *, coloured: bool = False) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        pairs = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in STANDARD},
        }
        if record.exc_info:
            pairs["exception"] = self.formatException(record.exc_info)
        line = " ".join(f"{name}={quoted(str(value))}" for name, value in pairs.items())
        colour = COLOURS.get(record.levelno) if self._coloured else None
        return f"{colour}{line}{END}" if colour else line


def quoted(value: str) -> str:
    """A value on one line: bare where that is unambiguous, otherwise in quotes with everything unprintable escaped."""
    if BARE.match(value) and value.isprintable():
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in escaped) + '"'


def configure_logs(level: str, *, coloured: bool = False, stream: TextIO | None = None) -> None:
    """Send everything at or above ``level`` (debug, info, warning, error) to stderr. Calling it again replaces what was there."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(KeyValueFormatter(coloured=coloured))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What others say of their inner workings is for their developers, whatever level ours has.
    for name in ("sqlalchemy", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("huey").setLevel(logging.ERROR)
