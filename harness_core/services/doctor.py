"""The doctor: looks at everything around the product, and says of each thing how it is, and what to do where it is not well."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from harness_core import __version__
from harness_core.domain.errors import HarnessError, Problem
from harness_core.domain.grants import Decisions, network_open_to
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.retention import DAY_S, Plan
from harness_core.ports.state import Jobs
from harness_core.services.collecting import Sweep
from harness_core.services.overview import Overview

State = Literal["ok", "warning", "failure"]
OLDEST_PYTHON = (3, 11)
MAX_WORDS = 300
WAITING_LONG_S = 300.0
PASSWORD = re.compile(r"(//[^/@:]*:)[^/@]*@")
NEEDED_STEPS = ("ingest", "profile", "planner", "report")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: how it is, in a sentence, what to do about it, and the figures behind it."""

    name: str
    state: State
    sentence: str
    next_step: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "state": self.state, "sentence": self.sentence, "next_step": self.next_step,
            "details": dict(self.details),
        }  # fmt: skip


class SchemaVersions(Protocol):
    """What is asked about the state database's schema."""

    @property
    def head(self) -> str: ...

    def version(self) -> str | None: ...


class Plugins(Protocol):
    """What is asked about the plugins."""

    def plugins(self) -> Mapping[PluginId, Plugin]: ...

    def problems(self) -> Mapping[str, Sequence[Problem]]: ...


def healthy(checks: Iterable[Check]) -> bool:
    """No check failed; warnings are allowed."""
    return all(check.state != "failure" for check in checks)


def check_program(engine: Mapping[str, str]) -> list[Check]:
    """This program, its Python, and the packages whose versions are part of every fingerprint."""
    version = platform.python_version()
    packages = {name: number for name, number in engine.items() if name != "harness"}
    return [
        Check("version", "ok", f"Statistic Harness {__version__}.", details={"version": __version__}),
        _python(version),
        Check("engine", "ok", ", ".join(f"{name} {number}" for name, number in packages.items()) + ".", details=packages),
    ]


def _python(version: str) -> Check:
    details = {"version": version, "executable": sys.executable}
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check("python", "failure", f"Python {version} is too old.", "Install Python 3.11 or newer.", details)
    return Check("python", "ok", f"Python {version} on {platform.platform()}.", details=details)


@dataclass(frozen=True)
class Filesystems:
    """What the system says of its file systems: the kind that holds a path, the kinds on which SQLite cannot lock, and whether
    what lies at a path is encrypted on its disk (None where that cannot be seen)."""

    kind_of: Callable[[Path], str]
    unfit: Collection[str]
    encrypted: Callable[[Path], bool | None]


def check_home(home: Path, min_free_bytes: int, filesystems: Filesystems) -> list[Check]:
    """The state folder: there, writable, on a file system that SQLite can trust, with room left; and the folder people work in."""
    existing = _nearest_existing(home)
    return [
        _place(home, existing, filesystems), _free_disk(existing, min_free_bytes), _encryption(filesystems.encrypted(existing)),
        _data_folder(home, filesystems),
    ]  # fmt: skip


def _place(home: Path, existing: Path, filesystems: Filesystems) -> Check:
    kind = filesystems.kind_of(existing)
    details = {"home": str(home), "exists": home.is_dir(), "filesystem": kind}
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        advice = "Set HARNESS_HOME (or --home) to a folder you may write to."
        reason = "cannot be written" if existing.is_dir() else f"cannot be made: {existing} is a file"
        return Check("home", "failure", f"The state folder {home} {reason}.", advice, details)
    if kind in filesystems.unfit:
        sentence = f"The state folder {home} lies on a Windows mount or a network drive ({kind}), where SQLite cannot lock."
        advice = "Set HARNESS_HOME to a folder on a Linux file system, and move what is there with `mv`."
        return Check("home", "failure", sentence, advice, details)
    return Check("home", "ok", f"The state folder is {home} ({kind}).", details=details)


def _nearest_existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _free_disk(place: Path, needed: int) -> Check:
    free = shutil.disk_usage(place).free
    details = {"free_bytes": free, "min_free_bytes": needed}
    if free < needed:
        sentence = f"{free / 1e9:,.1f} GB are free; below {needed / 1e9:,.1f} GB no work is taken."
        return Check("disk", "failure", sentence, "Free some space, or set HARNESS_HOME to a larger disk.", details)
    return Check("disk", "ok", f"{free / 1e9:,.1f} GB are free.", details=details)


def _encryption(found: bool | None) -> Check:
    if found is None:
        sentence = "Whether the disk below the state folder is encrypted cannot be seen from here."
    elif found:
        sentence = "The state folder, with its backups, is encrypted on its disk."
    else:
        sentence = "No encryption is seen below the state folder: whoever has its disk can read the data and the backups."
        advice = (
            "Set HARNESS_HOME to a folder on an encrypted volume (LUKS, gocryptfs); under WSL2, encrypt the disk with BitLocker."
        )
        return Check("encryption", "warning", sentence, advice, {"encrypted": False})
    return Check("encryption", "ok", sentence, details={"encrypted": found})


def _data_folder(home: Path, filesystems: Filesystems) -> Check:
    """Whether people are likely to read their files over a slow mount: where they work now is the best guess."""
    here = Path.cwd()
    kind = filesystems.kind_of(here)
    details = {"folder": str(here), "filesystem": kind}
    if kind in filesystems.unfit:
        sentence = f"The current folder lies on a slow mount ({kind}); files there are read many times slower."
        return Check("data_folder", "warning", sentence, f"Copy them first, such as: cp FILE {home.parent}", details)
    return Check("data_folder", "ok", f"Files in the current folder are read at full speed ({kind}).", details=details)


def check_database(quick_check: Callable[[], str], schema: SchemaVersions) -> list[Check]:
    """The state database: sound, and of the schema this program knows."""
    return [_soundness(quick_check()), _schema(schema.version(), schema.head)]


def _soundness(answer: str) -> Check:
    if answer == "ok":
        return Check("database", "ok", "The state database is sound.")
    advice = "Stop all workers, and put back the newest file of the backups folder."
    return Check("database", "failure", f"The state database is damaged: {answer}", advice, {"quick_check": answer})


def _schema(version: str | None, head: str) -> Check:
    details = {"version": version, "known": head}
    if version == head:
        return Check("schema", "ok", f"The schema is current ({head}).", details=details)
    if version is None:
        return Check("schema", "ok", "There is no state database yet; the first command that needs it makes it.", details=details)
    sentence = f"The schema is {version}; this program uses {head}."
    return Check("schema", "warning", sentence, "Run `harness migrate`; a copy is made first.", details)


def check_work(jobs: Jobs, overview: Overview) -> list[Check]:
    """The queue and who works on it."""
    alive = overview.liveness().alive
    workers = [{"worker_id": item.worker_id, "kind": item.kind, "pid": item.pid, "places": item.concurrency} for item in alive]
    running = f"{len(alive)} worker{'s are' if len(alive) > 1 else ' is'} running."
    words = running if alive else "No worker is running; `harness run` brings its own."
    return [
        _queue(jobs.backlog(), worked_on=bool(alive)),
        _dead_letters(jobs.dead()),
        Check("workers", "ok", words, details={"workers": workers}),
    ]


def _queue(backlog: Mapping[str, float], *, worked_on: bool) -> Check:
    ready, waited_s = int(backlog["ready"]), backlog["oldest_ready_s"]
    sentence = f"Jobs ready: {ready:,}; being done: {int(backlog['leased']):,}."
    if ready and not worked_on:
        return Check("queue", "warning", f"{sentence} Nobody takes them.", "Start `harness worker`.", dict(backlog))
    if waited_s > WAITING_LONG_S:
        longest = f"{sentence} The oldest has waited {waited_s / 60:.0f} minutes."
        return Check("queue", "warning", longest, "Start another `harness worker`, or resume an interrupted run.", dict(backlog))
    return Check("queue", "ok", sentence, details=dict(backlog))


def _dead_letters(dead: Sequence[Mapping[str, Any]]) -> Check:
    if not dead:
        return Check("dead_letters", "ok", "No job was given up.")
    advice = f"See `harness runs show {dead[0]['run_id']}`, then `harness runs retry`."
    return Check("dead_letters", "warning", f"{len(dead)} jobs were given up.", advice, {"jobs": [dict(item) for item in dead]})


def check_keeping(overdue: Plan, sweep: Sweep, collected_at: float | None, now: float) -> list[Check]:
    """What should have gone by now: runs beyond the policy, and files that nobody needs."""
    return [_retention(overdue), _collection(sweep, collected_at, now)]


def _retention(overdue: Plan) -> Check:
    expired, deleted = len(overdue.expire), len(overdue.purge)
    details = {"expired": expired, "deleted": deleted}
    if not expired and not deleted:
        return Check("retention", "ok", "No run is kept beyond the policy.", details=details)
    found = [f"{expired:,} {_runs(expired)} kept beyond the policy"] if expired else []
    found += [f"{deleted:,} {_runs(deleted)} deleted and still on disk although the grace is over"] if deleted else []
    advice = "Run `harness retention`, then `harness retention --apply`; best let a timer do that once a day."
    return Check("retention", "warning", f"{' and '.join(found)}.", advice, details)


def _collection(sweep: Sweep, collected_at: float | None, now: float) -> Check:
    details = {"items": len(sweep.collected), "bytes": sweep.freed_bytes, "collected_at": collected_at}
    late = collected_at is None or now - collected_at > DAY_S
    if sweep.collected and late:
        sentence = f"{sweep.freed_bytes / 1e6:,.1f} MB lie there that nobody needs; no worker has collected them for a day."
        return Check("collection", "warning", sentence, "Run `harness datasets gc`, or keep a worker running.", details)
    return Check("collection", "ok", "Nothing that nobody needs has been lying about for long.", details=details)


def _runs(count: int) -> str:
    return "run is" if count == 1 else "runs are"


def check_plugins(catalog: Plugins) -> list[Check]:
    """Which plugins can run, why others cannot, and whether every step of a run has one."""
    valid = catalog.plugins()
    kinds = {plugin.manifest.type for plugin in valid.values()}
    missing = [kind for kind in NEEDED_STEPS if kind not in kinds]
    details = {"valid": list(valid), "missing": missing}
    found = Check("plugins", "ok", f"{len(valid)} plugins are valid: {', '.join(valid) or 'none'}.", details=details)
    if missing:
        sentence = f"There is no valid plugin for: {', '.join(missing)}."
        found = Check("plugins", "failure", sentence, "Install the product again, or see `harness plugins validate`.", details)
    return [found, *(_refused_plugin(folder, problems) for folder, problems in catalog.problems().items())]


def _refused_plugin(folder: str, problems: Sequence[Problem]) -> Check:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    details = {"folder": folder, "problems": [item.as_dict() for item in problems]}
    advice = f"See `harness plugins show {Path(folder).name}`."
    return Check("plugin_refused", "warning", f"{folder} cannot be used: {problems[0]}{more}", advice, details)


def check_wall(wall: Mapping[str, Any]) -> Check:
    """How plugins are contained: ``level``, ``summary``, ``controls`` in force, ``residuals`` that remain, and the trials of it.

    ``proven`` is false where something got through that the level promises to hold, or the trials did not come to an end.
    """
    sentence = f"Level {wall['level']}: {wall['summary']}"
    if not wall["proven"]:
        return Check(
            "containment", "failure", sentence, "Run no plugins here; report this with `harness doctor --json`.", dict(wall)
        )
    if wall["level"] == "C":
        return Check(
            "containment",
            "warning",
            sentence,
            "None is run unless HARNESS_ALLOW_UNWALLED=1 is set; then run only plugins that you trust.",
            dict(wall),
        )
    return Check("containment", "ok", sentence, details=dict(wall))


def check_network(allowed: bool, catalog: Plugins, decisions: Decisions) -> list[Check]:
    """The development override of the network, only where it is on: it says to which plugins the network is open then."""
    if not allowed:
        return []
    names = network_open_to(catalog.plugins(), decisions)
    details = {"plugins": list(names)}
    to_whom = f"The network is open to {', '.join(names)}" if names else "The network would be open to plugins that are granted it"
    advice = "Unset HARNESS_ALLOW_NETWORK unless you are developing; `harness plugins revoke ID network` closes it to one."
    return [Check("open_network", "warning", f"{to_whom} (HARNESS_ALLOW_NETWORK); it can send off what it reads.", advice, details)]


def check_settings(values: Mapping[str, Any], sources: Mapping[str, str], warnings: Sequence[Problem]) -> list[Check]:
    """Every setting with its value and where it came from, and variables that look like settings and are none."""
    details = {name: {"value": _plain(value), "source": sources.get(name, "default")} for name, value in values.items()}
    changed = sum(item["source"] != "default" for item in details.values())
    shown = Check("settings", "ok", f"{len(values)} settings, {changed} of them not at their default.", details=details)
    unknown = [
        Check("unknown_variable", "warning", f"{item.field}: {item.reason}.", item.remedy, {"variable": item.field})
        for item in warnings
    ]
    return [shown, *unknown]


def _plain(value: Any) -> Any:
    """A value as JSON; the password in an address is nobody's business here."""
    if isinstance(value, Path | str):
        return PASSWORD.sub(r"\1***@", str(value))
    return [str(item) for item in value] if isinstance(value, tuple) else value


def failed(name: str, failure: Exception) -> Check:
    """A check that could not even be made, because something it needs refused or broke."""
    if isinstance(failure, HarnessError):
        sentence = f"{failure.what} {failure.why}".strip()
        return Check(name, "failure", sentence, failure.next_step, {"code": failure.code})
    words = PASSWORD.sub(r"\1***@", " ".join(str(failure).split())[:MAX_WORDS])
    advice = "Check the state folder and the addresses of the database and the queue."
    return Check(name, "failure", f"The state cannot be opened: {type(failure).__name__}: {words}", advice)
