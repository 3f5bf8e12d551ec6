"""Failures in words: one line of what, one of why, one of what to do; the details of surprises in a log made to be pasted."""

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from harness_api.cli.console import Console, paint
from harness_api.cli.exits import Exit
from harness_core import __version__
from harness_core.domain.errors import Conflict, HarnessError, InputRefused, NotFound, UsageError

SHOWN_PROBLEMS = 20
WHY = {
    NotFound: "Nothing in the state folder has that name, or begins with it and is the only one.",
    Conflict: "It does not fit the state in which that is now.",
    UsageError: "It is not among what is accepted there.",
    InputRefused: "Nothing was recorded as a run.",
    HarnessError: "Something the product relies on is not as it should be.",
}
"""What is said of a failure that gives no reason of its own, by the first class that fits."""


def tell(console: Console, error: HarnessError, *, verbose: bool = False) -> Exit:
    """Show an error and return its exit code."""
    exit_ = Exit(error.exit_code)
    console.document = {"error": error.as_dict()}
    if verbose:
        console.complain("".join(traceback.format_exception(error)).rstrip())
    for line in lines_of(error):
        console.complain(line)
    return exit_


def lines_of(error: HarnessError) -> list[str]:
    """What, why (with every problem), and what to do."""
    shown = [str(problem) for problem in error.problems[:SHOWN_PROBLEMS]]
    if len(error.problems) > SHOWN_PROBLEMS:
        shown.append(f"and {len(error.problems) - SHOWN_PROBLEMS} more")
    why = [line for line in (error.why, *shown) if line and line != error.what]
    return [
        paint("What:", "red") + f" {_one_line(error.what)}",
        *(
            f"Why:  {_one_line(line)}"
            for line in why[:1] or [next(words for kind, words in WHY.items() if isinstance(error, kind))]
        ),
        *(f"      {_one_line(line)}" for line in why[1:]),
        f"Do:   {_one_line(error.next_step or 'Run `harness doctor`, which looks at everything around.')}",
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def interrupted(console: Console, exit_: Exit) -> Exit:
    """Say that the command was stopped; a document that stands already (of a run under way) is kept."""
    word = exit_.name.lower()
    what = f"The command was {word}."
    if console.document is None:
        console.document = {"error": {"code": word, "what": what, "why": "", "next_step": "", "problems": []}}
        console.complain(what)
    return exit_


def unexpected(console: Console, failure: Exception, home: Path | None) -> Exit:
    """Keep the details of a surprise in a log and say where it is."""
    text = "".join(traceback.format_exception(failure))
    path = _write_log(home, text)
    error = HarnessError(
        "internal_error", "Something went wrong inside Statistic Harness.", why=f"{type(failure).__name__}: {failure}",
        next_step=f"Read {path}, and report it with that file.", log=str(path),
    )  # fmt: skip
    if console.verbose:
        console.complain(text.rstrip())
    return tell(console, error)


def _write_log(home: Path | None, text: str) -> Path:
    head = f"harness {__version__}, Python {platform.python_version()}, {platform.platform()}\narguments: {sys.argv[1:]}\n\n"
    name = f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    for folder in (home / "logs" if home else None, Path(tempfile.gettempdir())):
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(head + text, encoding="utf-8", errors="backslashreplace")
                return folder / name
        except OSError:
            continue
    return Path(os.devnull)
