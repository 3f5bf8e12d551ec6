"""Runs each guest as a process of its own, and says afterwards, from outside, how it ended."""

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from resource import struct_rusage
from typing import Any

from harness_core.adapters.wall.answers import Answers
from harness_core.adapters.wall.guests import Guest, Starter, compile_guest, start_process
from harness_core.adapters.wall.level import wall_level
from harness_core.adapters.wall.logs import BoundedLog
from harness_core.adapters.wall.watcher import Verdict, Watcher
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Progress
from harness_core.sdk.frames import encode

MEANINGS = {
    signal.SIGSEGV: "it touched memory that is not its own",
    signal.SIGBUS: "it touched memory that is not there",
    signal.SIGABRT: "a library in it gave up",
    signal.SIGFPE: "it calculated what cannot be",
    signal.SIGILL: "it came upon an instruction this processor does not know",
    signal.SIGKILL: "something outside killed it, often the system when memory runs out",
    signal.SIGTERM: "something asked it to end",
    signal.SIGPIPE: "it wrote where nobody reads any more",
    signal.SIGSYS: "it asked the system for what it may not have",
    signal.SIGXCPU: "it used more processor time than the system allows",
    signal.SIGXFSZ: "it wrote a larger file than the system allows",
}


class ProcessLauncher:
    """A :class:`harness_core.ports.launcher.Launcher`. It holds nothing between runs; several threads may use one.

    ``start`` is how a guest comes to be; by default as a fresh interpreter, ``python``.
    """

    def __init__(self, python: str = sys.executable, *, start: Starter | None = None) -> None:
        compile_guest()
        self._start: Starter = start or partial(start_process, python)

    def run(
        self,
        request: GuestRequest,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_log: Callable[[Mapping[str, Any]], None] = lambda entry: None,
        cancelled: Callable[[], str | None] = lambda: None,
    ) -> GuestOutcome:
        """Run to the end. Raises OSError where no process can be started, and whatever a callback raises; no guest is left then."""
        message = encode(dict(request.message))
        answers = Answers(request.max_result_bytes, request.max_result_bytes + request.max_output_bytes, on_progress, on_log)
        with ExitStack() as stack:
            logs = (BoundedLog(request.stdout_path, request.max_log_bytes), BoundedLog(request.stderr_path, request.max_log_bytes))
            for log in logs:
                stack.callback(log.close)
            guest = self._start(request)
            try:
                watcher = Watcher(guest, request, message, answers, logs, cancelled)
                watcher.watch()
            finally:
                guest.close_all()
                exit_code, usage = guest.reap()
        return _outcome(guest, watcher, answers, logs, exit_code, usage)


def _outcome(
    guest: Guest, watcher: Watcher, answers: Answers, logs: tuple[BoundedLog, BoundedLog], exit_code: int, usage: struct_rusage
) -> GuestOutcome:
    verdict = _verdict(watcher, answers, exit_code)
    answered = verdict.ending == "answered"
    return GuestOutcome(
        ending=verdict.ending,
        reason=verdict.reason,
        answer=answers.result if answered else None,
        artifacts=answers.artifacts if answered else (),
        datasets=answers.datasets if answered else (),
        rows_read=answers.rows_read,
        warnings=answers.warnings,
        exit_code=exit_code if exit_code >= 0 else None,
        signal=-exit_code if exit_code < 0 else None,
        pid=guest.pid,
        wall_s=watcher.ended_at - guest.started_at,
        cpu_user_s=max(usage.ru_utime, watcher.tree.usage.cpu_user_s),
        cpu_system_s=max(usage.ru_stime, watcher.tree.usage.cpu_system_s),
        peak_rss_bytes=max(watcher.tree.peak_rss_bytes, guest.own_peak_rss_bytes(usage)),
        stdout_bytes=logs[0].size_bytes,
        stderr_bytes=logs[1].size_bytes,
        truncated=any(log.cut_bytes for log in logs),
        wall_level=wall_level().level,
        details={"processes_left": watcher.survivors},
    )


def _verdict(watcher: Watcher, answers: Answers, exit_code: int) -> Verdict:
    """How it ended. An answer counts from the moment it was whole, however the process ended after that."""
    if watcher.verdict is not None:
        return watcher.verdict
    if answers.result is None:
        return Verdict("crashed", f"{_how_it_went(exit_code)} before it gave a result.")
    error = answers.result.get("error")
    if isinstance(error, dict) and error.get("type") == "MemoryError":
        return Verdict("memory", "It ran out of memory and said so.")
    if watcher.overstayed:
        return Verdict("answered", "It answered, but did not end by itself and was stopped.")
    return Verdict("answered", "It answered." if exit_code == 0 else f"It answered. {_how_it_went(exit_code)} after that.")


def _how_it_went(exit_code: int) -> str:
    if exit_code >= 0:
        return f"It ended with exit code {exit_code}"
    try:
        number = signal.Signals(-exit_code)
    except ValueError:
        return f"It was ended by signal {-exit_code}"
    meaning = f" ({MEANINGS[number]})" if number in MEANINGS else ""
    return f"It was ended by signal {number.name}{meaning}"
