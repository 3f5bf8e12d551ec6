"""Proves the wall instead of inferring it: a guest of the kernel's own tries what no guest may do, once behind the wall, once not.

What fails behind the wall proves something only where it succeeds without it; that control is run each time.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import EVERYTHING, NOTHING, Layers, WallLevel, described
from harness_core.ports.launcher import GuestOutcome, GuestRequest
from harness_core.sdk import tools

TIMEOUT_S = 30.0
MEMORY_MB = 256

MUST_WORK: Mapping[str, str] = {
    "read_given": "A guest reads what it is given.",
    "write_scratch": "A guest writes its scratch folder.",
    "start_thread": "A guest starts threads.",
}
MUST_FAIL: Mapping[str, str] = {
    "read_elsewhere": "A guest reads a file it was not given.",
    "list_root": "A guest lists a folder it was not given.",
    "read_service": "A guest looks at the process of the service.",
    "write_elsewhere": "A guest makes a file outside its scratch folder.",
    "write_given": "A guest changes what it was given.",
    "empty_given": "A guest empties what it was given.",
    "remove_elsewhere": "A guest removes a file outside its scratch folder.",
    "change_mode": "A guest changes the mode of a file.",
    "connect_tcp": "A guest connects by TCP.",
    "send_udp": "A guest sends by UDP.",
    "connect_socket": "A guest connects to a service of this machine.",
    "start_program": "A guest starts a program.",
    "fork": "A guest makes another process.",
    "signal_service": "A guest signals the service.",
    "file_in_memory": "A guest keeps a file that nobody sees.",
    "leave_session": "A guest arranges to outlive the service.",
    "write_code": "A guest makes code out of data.",
}
NEEDS_MDWE = frozenset({"write_code"})


@dataclass(frozen=True)
class Canary:
    """One thing tried. ``works`` behind the wall, ``control``: without it. Good where those are as they must be."""

    name: str
    sentence: str
    must_work: bool
    works: bool
    control: bool

    @property
    def proven(self) -> bool:
        return self.control and self.works is self.must_work


@dataclass(frozen=True)
class Examination:
    """The level that the trial guest stood behind, and what it could do there. ``failure`` says why there was no trial."""

    wall: WallLevel
    canaries: Sequence[Canary] = ()
    failure: str = ""

    @property
    def through(self) -> list[Canary]:
        """What should have been held and was not, though the level promises it."""
        return [item for item in self.canaries if not item.must_work and item.works and self.wall.level in ("A+", "A")]

    def as_dict(self) -> dict[str, Any]:
        """``level``, ``summary``, ``controls``, ``residuals``, ``layers`` as in :class:`WallLevel`, and the ``canaries``."""
        rows = [{**asdict(item), "proven": item.proven} for item in self.canaries]
        proven = not self.failure and not self.through and all(item.works for item in self.canaries if item.must_work)
        return {**self.wall.as_dict(), "summary": self._summary(), "canaries": rows, "proven": proven}

    def _summary(self) -> str:
        if self.failure:
            return f"The trial did not come to an end: {self.failure}"
        if self.through:
            names = " ".join(item.sentence for item in self.through)
            return f"The wall stands, but not everything is held: {names}"
        proven = sum(item.proven for item in self.canaries)
        return f"{self.wall.summary} Proven by {proven} of {len(self.canaries)} trials, each with its control."


def examine(place: Path, layers: Layers = EVERYTHING) -> Examination:
    """Try the wall in a folder made below ``place``, as far as it is made of ``layers``. Takes some tenths of a second."""
    with _surroundings(place) as around:
        walled = _try(around, ProcessLauncher(layers=layers, allow_unwalled=True, policy=False))
        control = _try(around, ProcessLauncher(layers=NOTHING, allow_unwalled=True, policy=False))
    stood = Layers(**walled.details["layers"])
    done, could = _done(walled), _done(control)
    if done is None or could is None:
        return Examination(described(NOTHING), failure=(walled if done is None else control).reason)
    names = {**MUST_WORK, **{name: text for name, text in MUST_FAIL.items() if stood.no_new_code or name not in NEEDS_MDWE}}
    canaries = [
        Canary(name, text, name in MUST_WORK, works=done.get(name) is True, control=could.get(name) is True)
        for name, text in names.items()
    ]
    return Examination(described(stood), canaries)


def _done(outcome: GuestOutcome) -> Mapping[str, Any] | None:
    metrics = (outcome.answer or {}).get("metrics")
    done = metrics.get("done") if isinstance(metrics, Mapping) else None
    return done if isinstance(done, Mapping) else None


@contextmanager
def _surroundings(place: Path) -> Iterator[dict[str, Any]]:
    """A folder with things to be tried, and services on one port and one socket."""
    root = Path(tempfile.mkdtemp(prefix="canary-", dir=place))
    near = Path(tempfile.mkdtemp(prefix="canary-"))  # the name of a socket has to be short
    try:
        with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as local:
            tcp.bind(("127.0.0.1", 0))
            tcp.listen()
            local.bind(str(near / "s"))
            local.listen()
            yield {"root": root, "port": tcp.getsockname()[1], "socket": str(near / "s"), "launcher": os.getpid()}
    finally:
        for folder in (root, near):
            shutil.rmtree(folder, ignore_errors=True)


def _try(around: Mapping[str, Any], launcher: ProcessLauncher) -> GuestOutcome:
    root: Path = around["root"]
    scratch, given, room = root / "scratch", root / "given", root / "room"
    for folder in (scratch, given, room):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (given / "file").write_text("as it was")
    (room / "secret").write_text("as it was")
    (room / "to-remove").touch()
    message = {
        "plugin_id": "try_wall", "plugin_folder": str(Path(tools.__path__[0])), "module": "try_wall.py", "function": "run",
        "call": "run", "seed": 1, "scratch": str(scratch), "engine_memory_mb": MEMORY_MB // 2, "limits": {}, "upstream": {},
        "settings": {"given": str(given), "room": str(room), **{name: around[name] for name in ("port", "socket", "launcher")}},
        "inputs": [{"path": str(given), "filename": "given", "sha256": "", "size_bytes": 0}], "plan": [], "report": {},
        "datasets": {},
    }  # fmt: skip
    logs = root / "stdout.log", root / "stderr.log"
    return launcher.run(GuestRequest(message, scratch, *logs, timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB))
