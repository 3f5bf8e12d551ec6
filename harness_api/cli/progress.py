"""Progress of a run on stderr: a line per plugin that ended, and on a terminal one calm line for each that runs."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_api.cli.console import PAINT_OFF, Console, paint, safe
from harness_api.paces import pace_words, time_left

REDRAW_INTERVAL_S = 0.2
BAR_WIDTH = 20
COLOUR_OF = {"OK": "green", "REUSED": "green", "NA": "faint", "SKIPPED": "yellow", "CANCELLED": "yellow"}

COLOUR_OF_LEVEL = {"warning": "yellow", "error": "red"}


@dataclass
class Running:
    """A plugin that runs: since when, and how far it says it is."""

    since: float
    done: float | None = None
    total: float | None = None
    what: str = ""
    unit: str = ""


class ProgressView:
    """Shows events as they come. ``take`` wants each once and in order; ``tick`` is called several times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, Running] = {}
        self._drawn = 0
        self._next_draw = 0.0

    def take(self, type_: str, plugin_id: str | None, at: float, data: Mapping[str, Any]) -> None:
        if plugin_id is None:
            self._take_run_event(type_, data)
        elif type_ == "execution.started":
            self._running[plugin_id] = Running(at)
        elif type_ == "execution.progress" and plugin_id in self._running:
            running = self._running[plugin_id]
            running.done, running.total, running.what = data.get("done"), data.get("total"), str(data.get("what") or "")
            running.unit = str(data.get("unit") or "")
        elif type_ == "execution.log":
            level, message = str(data.get("level", "")), _flat(data.get("message", ""))
            self._line(f"{paint(level.ljust(9), COLOUR_OF_LEVEL.get(level, 'faint'))} {plugin_id}: {message}")
        elif type_ == "execution.waiting":
            self._line(f"{paint('waiting'.ljust(9), 'faint')} {plugin_id}: another run computes the same; its result is taken")
        elif type_ == "execution.ended":
            self._take_end(plugin_id, at, data)
        elif type_ in ("execution.retry", "execution.lost", "execution.handed_back"):
            self._running.pop(plugin_id, None)
            self._line(f"{paint('again'.ljust(9), 'yellow')} {plugin_id}: {_reason_again(type_, data)}")

    def _take_run_event(self, type_: str, data: Mapping[str, Any]) -> None:
        if type_ == "run.planned":
            count = len(data.get("plugins") or ())
            self._line(f"{'planned'.ljust(9)} {count} more plugin{'s' * (count != 1)}")
        elif type_ == "run.paused":
            words = "nothing new is started, what runs is finished; `harness runs resume` goes on"
            self._line(f"{paint('paused'.ljust(9), 'yellow')} {words}")
        elif type_ == "run.resumed":
            self._line(f"{'resumed'.ljust(9)} it goes on")
        elif type_ == "job.stumbled":
            self._line(f"{paint('stumbled'.ljust(9), 'yellow')} {data.get('reason', '')}")

    def _take_end(self, plugin_id: str, at: float, data: Mapping[str, Any]) -> None:
        running = self._running.pop(plugin_id, None)
        status = str(data.get("status", ""))
        seconds = f"{max(0.0, at - running.since):6.1f} s" if running else " " * 8
        error = data.get("error") or {}
        words = str(data.get("summary") or error.get("message") or "")
        if data.get("because"):
            words = f"not run, because {data['because']} did not end well"
        self._line(f"{paint(status.ljust(9), COLOUR_OF.get(status, 'red'))} {plugin_id:<24} {seconds}  {_flat(words)}")

    def reading(self, filename: str, done: int, total: int) -> None:
        """A file is taken in, before there is a run."""
        running = self._running.setdefault(filename, Running(time.time(), what="storing the file"))
        running.done, running.total, running.unit = done, total, "bytes"
        self.tick()

    def read(self, filename: str) -> None:
        """The file has been taken in."""
        self._running.pop(filename, None)

    def _line(self, text: str) -> None:
        if self._console.quiet:
            return
        if self._console.live:
            self._erase()
            self._console.draw(_fitted(text, coloured=self._console.error_colours) + "\n")
            self._next_draw = 0.0
        else:
            self._console.note(text)

    def tick(self) -> None:
        """Redraw the running plugins, where somebody looks and long enough after the last time."""
        now = time.monotonic()
        if not self._console.live or self._console.quiet or now < self._next_draw:
            return
        self._next_draw = now + REDRAW_INTERVAL_S
        height = max(1, shutil.get_terminal_size().lines - 2)
        lines = [running_line(name, item, time.time()) for name, item in sorted(self._running.items())][:height]
        text = "".join(_fitted(line, coloured=self._console.error_colours) + "\x1b[K\n" for line in lines)
        self._console.draw((f"\x1b[{self._drawn}F" if self._drawn else "") + text + "\x1b[J")
        self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            self._console.draw(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0

    def close(self) -> None:
        """Leave no half-drawn line behind."""
        self._erase()


def _flat(text: Any) -> str:
    return " ".join(str(text).split())


def running_line(plugin_id: str, running: Running, now: float) -> str:
    """One running plugin: how long, how far, how fast, how much longer; only what is known."""
    elapsed = max(0.0, now - running.since)
    parts = [paint("running".ljust(9), "blue"), f"{plugin_id:<24}", f"{elapsed:6.1f} s "]
    if running.done is not None and running.total and running.total > 0:
        share = min(1.0, max(0.0, running.done / running.total))
        parts.append(f"{'█' * round(share * BAR_WIDTH):░<{BAR_WIDTH}} {share:4.0%}")
        parts.append(pace_words(running.done, running.total, running.unit, elapsed))
    return " ".join(part for part in [*parts, running.what] if part).rstrip()


def took(seconds: float) -> str:
    """How long something took: to a tenth of a second where it was short."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 10 else time_left(seconds)


def _fitted(text: str, *, coloured: bool) -> str:
    """A line that fits the terminal's width, safe to be drawn."""
    width = shutil.get_terminal_size().columns - 1
    excess = len(safe(text, coloured=False)) - width
    return safe(text[: -excess - 1] + "…" + PAINT_OFF if excess > 0 else text, coloured=coloured)


def _reason_again(type_: str, data: Mapping[str, Any]) -> str:
    if type_ == "execution.retry":
        return f"{data.get('reason') or 'its process died'}; tried again"
    return "its worker is gone; it waits for another" if type_ == "execution.lost" else "handed back"
