"""Every setting of the product, read once at the edge: its value, where it came from, and what is wrong with it."""

import difflib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness_core.domain.errors import Problem, UsageError

PREFIX = "HARNESS_"
GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Settings:
    """What can be set. Each field has the environment variable ``HARNESS_`` + its name in capitals; see the reference."""

    home: Path = field(metadata={"help": "The state folder: everything the product keeps is below it."})
    database_url: str = field(metadata={"help": "The state database; SQLite below the home folder unless set."})
    queue_url: str = field(metadata={"help": "The queue of rings; SQLite below the home folder unless set."})
    plugin_path: tuple[Path, ...] = field(default=(), metadata={"help": "Further folders with plugins, separated like PATH."})
    workers: int = field(default=1, metadata={"help": "Executions side by side in one worker process; the cores unless set."})
    memory_mb: int = field(
        default=2048,
        metadata={"help": "Megabytes that running plugins may use together; four fifths of the machine's memory unless set."},
    )
    lease_s: float = field(
        default=30.0, metadata={"help": "Seconds after which the job of a worker that died is given to another."}
    )
    host: str = field(default="127.0.0.1", metadata={"help": "The address `harness serve` listens on."})
    port: int = field(default=8765, metadata={"help": "The port `harness serve` listens on."})
    import_path: tuple[Path, ...] = field(
        default=(), metadata={"help": "Folders whose files the pages may read in without an upload, separated like PATH."}
    )
    max_upload_bytes: int = field(default=64 * GIBIBYTE, metadata={"help": "The largest file that is taken in, in bytes."})
    min_free_bytes: int = field(default=GIBIBYTE // 2, metadata={"help": "Below this much free disk no work is taken."})
    drain_s: float = field(
        default=10.0, metadata={"help": "Seconds a stopping worker lets its executions finish before handing back."}
    )
    retention_days: float = field(
        default=60.0, metadata={"help": "Days after which runs, and uploads that no run has used, expire; see `harness retention`."}
    )
    retention_newest: int = field(default=10, metadata={"help": "So many runs, the newest, never expire."})
    retention_runs: int = field(default=0, metadata={"help": "Runs beyond so many expire, the oldest first; 0 for no such bound."})
    retention_bytes: int = field(
        default=0,
        metadata={"help": "Runs expire, the oldest first, until what is kept fits in so many bytes; 0 for no such bound."},
    )
    retention_grace_days: float = field(
        default=7.0, metadata={"help": "Days between the deletion of a run or dataset version and the end of its files."}
    )
    collect_s: float = field(
        default=3600.0,
        metadata={
            "help": "Seconds between two collections of files that nobody needs any more, made by one of the workers; 0 for none."
        },
    )
    allow_unwalled: bool = field(
        default=False,
        metadata={"help": "Run plugins although this system can hold them back neither with Landlock nor with seccomp (level C)."},
    )
    allow_network: bool = field(
        default=False,
        metadata={
            "help": "For development: open the network to plugins that ask for it and were granted it. Every run records it."
        },
    )
    scratch_mb: int = field(
        default=16 * 1024,
        metadata={"help": "Megabytes that a running plugin may write, at most, whatever its manifest asks for."},
    )
    warm_start: bool = field(
        default=True, metadata={"help": "Start plugins as copies of a process that has their libraries loaded, where that is safe."}
    )
    log_level: str = field(default="warning", metadata={"help": "debug, info, warning or error."})
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    warnings: tuple[Problem, ...] = field(default=(), compare=False)


NAMES = tuple(item.name for item in fields(Settings) if "help" in item.metadata)


def read_settings(environ: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
    """Settings from the environment; ``home`` (the option) wins over it. Raises UsageError naming every bad value."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for name in NAMES:
        text = environ.get(PREFIX + name.upper())
        if text:
            _take(name, text, values, sources, problems)
    if home is not None:
        values["home"], sources["home"] = home.expanduser().absolute(), "--home"
    if problems:
        raise UsageError(
            "bad_settings", "Some settings cannot be used.", problems=problems, next_step="Correct the variables named above."
        )
    return _with_defaults(values, sources, _unknown(environ))


def _take(name: str, text: str, values: dict[str, Any], sources: dict[str, str], problems: list[Problem]) -> None:
    variable = PREFIX + name.upper()
    try:
        values[name] = _PARSERS.get(name, str)(text)
        sources[name] = variable
    except ValueError as reason:
        problems.append(Problem("environment", variable, f"{text!r} is not usable: {reason}"))


def _with_defaults(values: dict[str, Any], sources: dict[str, str], warnings: tuple[Problem, ...]) -> Settings:
    values.setdefault("home", default_home())
    values.setdefault("database_url", f"sqlite:///{values['home'] / 'state.sqlite'}")
    values.setdefault("queue_url", f"sqlite:///{values['home'] / 'queue.sqlite'}")
    values.setdefault("workers", cores())
    values.setdefault("memory_mb", memory_mb() * 4 // 5)
    return Settings(**values, sources={name: sources.get(name, "default") for name in NAMES}, warnings=warnings)


def default_home() -> Path:
    """The platform's folder for a user's data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "statistic-harness"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "statistic-harness"


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_mb() -> int:
    """Megabytes of memory that this process and its children may use: the machine's, or its control group's where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text(encoding="ascii")))
    return total // 1024**2


def _unknown(environ: Mapping[str, str]) -> tuple[Problem, ...]:
    known = {PREFIX + name.upper() for name in NAMES} | {"HARNESS_REFERENCE_DATA"}
    found = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return tuple(_unknown_variable(name, known) for name in found)


def _unknown_variable(name: str, known: set[str]) -> Problem:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return Problem("environment", name, "no setting has this name", f"did you mean {close[0]}?" if close else "")


def _positive_int(text: str) -> int:
    value = int(text.replace("_", ""))
    if value < 1:
        raise ValueError("it must be at least 1")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError("it must be above 0")
    return value


def _count(text: str) -> int:
    value = int(text.replace("_", ""))
    if value < 0:
        raise ValueError("it must be at least 0")
    return value


def _days(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise ValueError("it must be at least 0")
    return value


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("it must be debug, info, warning or error")
    return text.lower()


def _flag(text: str) -> bool:
    if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
        raise ValueError("it must be 0 or 1")
    return text.lower() in ("1", "true", "yes")


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(Path(part).expanduser().absolute() for part in text.split(os.pathsep) if part)


_PARSERS: Mapping[str, Any] = {
    "home": lambda text: Path(text).expanduser().absolute(),
    "plugin_path": _folders,
    "import_path": _folders,
    "workers": _positive_int,
    "memory_mb": _positive_int,
    "lease_s": _positive_float,
    "port": _positive_int,
    "max_upload_bytes": _positive_int,
    "min_free_bytes": _positive_int,
    "drain_s": _positive_float,
    "retention_days": _days,
    "retention_newest": _count,
    "retention_runs": _count,
    "retention_bytes": _count,
    "retention_grace_days": _days,
    "collect_s": _days,
    "allow_unwalled": _flag,
    "allow_network": _flag,
    "scratch_mb": _positive_int,
    "warm_start": _flag,
    "log_level": _level,
}
