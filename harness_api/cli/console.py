"""What a person or a program reads: results on stdout, everything else on stderr, and in JSON mode exactly one document."""

import codecs
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO

# Control characters and marks that turn the direction of writing: text of plugins and files must not steer a terminal.
UNSAFE = re.compile("[\x00-\x08\x0b-\x0d\x10-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PLAIN_LETTERS = "harness.plain"
PAINT_ON, PAINT_OFF = "\x0e", "\x0f"
COLOURS = {"bold": "1", "faint": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
GAP = 2
NARROWEST = 20
PLAIN = {
    "×": "x",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "█": "#",
    "░": ".",
    "≤": "<=",
    "≥": ">=",
}
PAINTED = re.compile(f"{PAINT_ON}([a-z]+){PAINT_ON}")


def paint(text: str, colour: str) -> str:
    """Text that is coloured where the stream shows colours, and plain elsewhere."""
    return f"{PAINT_ON}{colour}{PAINT_ON}{text}{PAINT_OFF}"


def safe(text: str, *, coloured: bool) -> str:
    """Text as it may go to a terminal: nothing in it but printable characters, new lines, and our own colours."""
    kept = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
    kept = PAINTED.sub(lambda match: f"\x1b[{COLOURS.get(match[1], '0')}m" if coloured else "", kept)
    return kept.replace(PAINT_ON, "").replace(PAINT_OFF, "\x1b[0m" if coloured else "")


def plain_width(text: str) -> int:
    """The columns a text takes, colours aside."""
    return len(safe(text, coloured=False))


def _plain_letters(failure: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an old terminal does not have: a near one, else their number."""
    if not isinstance(failure, UnicodeEncodeError):
        raise failure
    text = failure.object[failure.start : failure.end]
    return "".join(PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in text), failure.end


codecs.register_error(PLAIN_LETTERS, _plain_letters)


class Console:
    """Where the command writes. ``json`` sends all output of this process to stderr until :meth:`finish` writes the document."""

    def __init__(self, *, json_wanted: bool) -> None:
        self.json, self.quiet, self.verbose = json_wanted, False, False
        self.document: Mapping[str, Any] | None = None
        colours = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._out_colours = colours and _is_terminal(sys.stdout)
        self.error_colours = colours and _is_terminal(sys.stderr)
        self.live = _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._saved: int | None = None
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError):
                stream.reconfigure(errors=PLAIN_LETTERS)  # type: ignore[union-attr]  # a stream that is no file has no such method
        if json_wanted:
            self._set_stdout_aside()

    def _set_stdout_aside(self) -> None:
        """Whatever a library prints from now on, to whichever handle, goes to stderr."""
        self._saved = os.dup(1)
        os.dup2(2, 1)

    @property
    def width(self) -> int | None:
        """The columns of the terminal that shows results; None where a program or a file takes them."""
        return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None

    def result(self, text: str) -> None:
        """What was asked for; always shown, except that JSON stands for it in JSON mode."""
        if not self.json:
            self._write(sys.stdout, safe(text, coloured=self._out_colours))

    def say(self, text: str) -> None:
        """Part of a result that ``--quiet`` leaves away."""
        if not self.quiet:
            self.result(text)

    def note(self, text: str) -> None:
        """What is worth knowing beside the result, on stderr; ``--quiet`` leaves it away."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """What must be read, on stderr."""
        self._write(sys.stderr, safe(text, coloured=self.error_colours))

    def draw(self, text: str) -> None:
        """Raw text for the terminal on stderr: the caller has made it safe."""
        self._write(sys.stderr, text, end="")

    def finish(self, exit_: Mapping[str, Any]) -> None:
        """In JSON mode write the one document: the one that was set, or at least how it ended."""
        self.flush()
        if self._saved is None:
            return
        document = {**(self.document or {}), "exit": dict(exit_)}
        with suppress(BrokenPipeError), os.fdopen(self._saved, "w", encoding="utf-8", errors="backslashreplace") as stdout:
            stdout.write(json_text(document))
        self._saved = None

    def flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            self._write(stream, "", end="")

    def _write(self, stream: TextIO, text: str, end: str = "\n") -> None:
        try:
            stream.write(text + end)
            stream.flush()
        except BrokenPipeError:
            # Whoever read this has left (`harness runs list | head`): go on quietly, also at the flush when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json_text(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), width: int | None = None
) -> str:
    """An aligned table; those in ``right`` are aligned to the right. The last column, plain text, is folded to fit ``width``."""
    lines = [[paint(head, "bold") for head in heads], *[list(row) for row in rows]]
    widths = [max(plain_width(line[index]) for line in lines) for index in range(len(heads))]
    before = sum(widths[:-1]) + GAP * (len(widths) - 1)
    if width is None or before + widths[-1] <= width or width - before < NARROWEST:
        return "\n".join(_aligned(line, widths, right) for line in lines)
    folded = []
    for line in lines:
        first, *others = textwrap.wrap(line[-1], width - before, break_long_words=False) or [""]
        folded.append(_aligned([*line[:-1], first], [*widths[:-1], 0], right))
        folded += [" " * before + other for other in others]
    return "\n".join(folded)


def _aligned(line: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    cells = []
    for index, (cell, width) in enumerate(zip(line, widths, strict=True)):
        padding = " " * (width - plain_width(cell))
        cells.append(padding + cell if index in right else cell + padding)
    return (" " * GAP).join(cells).rstrip()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def hold_standard_streams() -> None:
    """Give the descriptors 0, 1 and 2 something to be where the caller closed them, so that no database gets their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
