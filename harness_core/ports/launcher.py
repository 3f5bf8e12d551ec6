"""Running a guest: one request in, one outcome out, whatever the guest does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Ending = Literal[
    "answered", "crashed", "timeout", "memory", "cpu", "output", "result", "disk", "files", "sandbox", "broken", "cancelled"
]  # fmt: skip


@dataclass(frozen=True)
class GuestRequest:
    """What a guest process is asked to do, and within which budget.

    ``message`` is the JSON the SDK's guest reads (see ``harness_core.sdk.guest.build_context``); the scratch folder is in it too.
    ``network`` opens the network to it, where the operator allowed that.
    Logs are written to ``stdout_path`` and ``stderr_path``, at most ``max_log_bytes`` each, control characters escaped. Entries of
    the structured log stand in the latter with their time and level.
    """

    message: Mapping[str, Any]
    scratch: Path
    stdout_path: Path
    stderr_path: Path
    timeout_s: float
    memory_mb: int
    cpu_s: float | None = None
    max_log_bytes: int = 1_000_000
    max_result_bytes: int = 8 * 1024 * 1024
    max_output_bytes: int = 64 * 1024 * 1024
    max_scratch_bytes: int = 16 * 1024**3
    max_scratch_files: int = 10_000
    kill_grace_s: float = 0.5
    network: bool = False


@dataclass(frozen=True)
class GuestOutcome:
    """How a guest ended and what was measured from outside. ``reason`` is a sentence; never what the guest said of itself.

    ``answer``, ``artifacts`` and ``datasets`` are set only when ``ending`` is ``answered``; they are well-formed JSON, not yet
    checked against any schema. Every end but ``cancelled`` leaves no process of the guest's tree.
    """

    ending: Ending
    reason: str
    answer: Mapping[str, Any] | None = None
    artifacts: Sequence[Mapping[str, Any]] = ()
    datasets: Sequence[Mapping[str, Any]] = ()
    rows_read: int = 0
    warnings: int = 0
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    wall_s: float = 0.0
    cpu_user_s: float = 0.0
    cpu_system_s: float = 0.0
    peak_rss_bytes: int = 0
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    truncated: bool = False
    wall_level: str = "C"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far a guest says it is; for people only."""

    done: float
    total: float
    what: str
    unit: str = ""


class Launcher(Protocol):
    """Starts guests, each behind the wall, watches them as whole process trees, and ends them."""

    def run(
        self,
        request: GuestRequest,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_log: Callable[[Mapping[str, Any]], None] = lambda entry: None,
        cancelled: Callable[[], str | None] = lambda: None,
    ) -> GuestOutcome:
        """Run to the end. ``cancelled`` is asked several times a second: a sentence means stop now (SIGTERM, grace, SIGKILL).

        Raises PolicyRefused where this system cannot wall a guest in and nobody allowed to run it all the same, and where the
        network is to be open to it and is not allowed to be.
        """
