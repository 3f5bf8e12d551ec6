"""Runs each guest as a process of its own, and says afterwards, from outside, how it ended."""

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from resource import struct_rusage
from typing import Any

from harness_core.adapters.wall.answers import Answers
from harness_core.adapters.wall.groups import MemoryGroups
from harness_core.adapters.wall.guests import Guest, Starter, compile_guest, start_process
from harness_core.adapters.wall.level import EVERYTHING, NOTHING, Layers, WallLevel, described, offered
from harness_core.adapters.wall.logs import BoundedLog, entry_line, printable
from harness_core.adapters.wall.orders import wall_order
from harness_core.adapters.wall.warm import WarmStart
from harness_core.adapters.wall.watcher import Verdict, Watcher
from harness_core.domain.errors import PolicyRefused
from harness_core.ports.launcher import Ending, GuestOutcome, GuestRequest, Progress
from harness_core.sdk.frames import encode
from harness_core.sdk.guest import NO_IDENTITY, NOT_WALLED
from harness_core.sdk.wall.policy import VERBS as TRIED
from harness_core.sdk.wall.system import PR_SET_DUMPABLE, prctl

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

BY_THE_SYSTEM: Mapping[int, Ending] = {signal.SIGSYS: "sandbox", signal.SIGXCPU: "cpu", signal.SIGXFSZ: "disk"}
MAX_REASON = 1000
NETWORK_WAS_OPEN = "The network was open to it (HARNESS_ALLOW_NETWORK)."


class ProcessLauncher:
    """A :class:`harness_core.ports.launcher.Launcher`. Several threads may use one.

    ``start`` is how a guest comes to be; by default as a fresh interpreter, ``python``. With ``warm``, and where a filter of calls
    keeps guests from multiplying, it is a copy of a warm process once :meth:`warm_up` was called. ``layers`` are the most that the
    wall is made of, and ``policy`` whether Python's own hook names what is refused, both for trials of what is left without some.
    ``allow_unwalled`` runs guests where there is neither Landlock nor seccomp, ``allow_network`` those to whom the network is open.
    ``max_scratch_bytes`` is the most that any of them may write, whatever is asked for it.
    """

    def __init__(
        self,
        python: str = sys.executable,
        *,
        start: Starter | None = None,
        warm: bool = False,
        layers: Layers = EVERYTHING,
        allow_unwalled: bool = False,
        allow_network: bool = False,
        max_scratch_bytes: int | None = None,
        policy: bool = True,
    ) -> None:
        compile_guest()
        self._layers = offered().at_most(layers)
        self._cold: Starter = start or partial(start_process, python)
        self._warm = WarmStart(python) if warm and start is None and self._layers.seccomp else None
        self._stood: Layers | None = None
        self._groups: MemoryGroups | None = None
        self._allow_unwalled, self._allow_network, self._policy = allow_unwalled, allow_network, policy
        self._max_scratch_bytes = max_scratch_bytes
        if not self._layers.landlock_abi:
            prctl(PR_SET_DUMPABLE, 0)  # what stands in this process's memory and environment cannot be read through /proc

    @property
    def level(self) -> WallLevel:
        """The wall as it stood around the last guest; before the first one, what is known without a trial."""
        return described(self._stood or replace(self._layers, namespaces=False), memory_held=self._groups is not None)

    def warm_up(self) -> None:
        """For those who are going to run many guests: load what they need once, in the background.

        And ask for control groups, which can mean that this process and what it started move to another one.
        """
        self._groups = self._groups or MemoryGroups.delegated()
        if self._warm is not None:
            self._warm.warm_up()

    def wait_until_warm(self, timeout_s: float) -> bool:
        """Whether guests are started warm from now on; False where they never are."""
        return self._warm is not None and self._warm.wait_until_warm(timeout_s)

    def close(self) -> None:
        """End the warm process; guests go on, and later ones start cold."""
        if self._warm is not None:
            self._warm.close()

    def run(
        self,
        request: GuestRequest,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_log: Callable[[Mapping[str, Any]], None] = lambda entry: None,
        cancelled: Callable[[], str | None] = lambda: None,
    ) -> GuestOutcome:
        """Run to the end. Raises OSError where no process can be started, and whatever a callback raises; no guest is left then.

        Raises PolicyRefused at level C, and for a guest to whom the network is to be open, unless that is allowed.
        """
        if request.network and not self._allow_network:
            raise network_closed()
        if self._layers.level == "C" and not self._allow_unwalled:
            raise unwalled()
        if self._max_scratch_bytes is not None:
            request = replace(request, max_scratch_bytes=min(request.max_scratch_bytes, self._max_scratch_bytes))
        callbacks = on_progress, on_log, cancelled
        start = self._warm or self._cold
        outcome = self._run(start, request, *callbacks)
        if outcome.exit_code == NO_IDENTITY and self._layers.namespaces and outcome.details["before_wall"]:
            self._layers = replace(self._layers, namespaces=False)
            outcome = self._run(start, request, *callbacks)
        if outcome.details["before_wall"] and outcome.details["start"] == "warm":
            self.close()  # nothing of the plugin was loaded, so nothing is done twice
            outcome = self._run(self._cold, request, *callbacks)
        return outcome

    def _run(
        self,
        start: Starter,
        request: GuestRequest,
        on_progress: Callable[[Progress], None],
        on_log: Callable[[Mapping[str, Any]], None],
        cancelled: Callable[[], str | None],
    ) -> GuestOutcome:
        order = wall_order(request, self._layers, needed=not self._allow_unwalled, policy=self._policy)
        message = encode({**request.message, "wall": order})
        with ExitStack() as stack:
            logs = (BoundedLog(request.stdout_path, request.max_log_bytes), BoundedLog(request.stderr_path, request.max_log_bytes))
            for log in logs:
                stack.callback(log.close)

            def logged(entry: Mapping[str, Any]) -> None:
                logs[1].add_line(entry_line(entry, datetime.now(UTC)))
                on_log(entry)

            answers = Answers(request.max_result_bytes, request.max_result_bytes + request.max_output_bytes, on_progress, logged)
            guest = start(request)
            group = self._groups.made_for(guest.pid, request.memory_mb, guest.token[:16]) if self._groups is not None else None
            try:
                watcher = Watcher(guest, request, message, answers, logs, cancelled)
                watcher.watch()
            finally:
                guest.close_all()
                exit_code, usage = guest.reap()
                was_full = group is not None and group.killed()
                if group is not None:
                    group.close()
        if was_full and watcher.verdict is None and answers.result is None:
            words = f"It took more than the {request.memory_mb:,} MB of memory it may use, and the system ended it."
            watcher.verdict = Verdict("memory", words)
        if not request.network:
            self._stood = answers.layers or self._stood
        outcome = _outcome(guest, watcher, answers, logs, exit_code, usage)
        return replace(outcome, details={**outcome.details, "memory_group": group is not None})


def _outcome(
    guest: Guest, watcher: Watcher, answers: Answers, logs: tuple[BoundedLog, BoundedLog], exit_code: int, usage: struct_rusage
) -> GuestOutcome:
    verdict = _verdict(watcher, answers, exit_code)
    if answers.layers is not None and answers.layers.network:
        verdict = replace(verdict, reason=f"{verdict.reason} {NETWORK_WAS_OPEN}")
    answered = verdict.ending == "answered"
    return GuestOutcome(
        ending=verdict.ending,
        reason=_with_notes(verdict, answers)[:MAX_REASON],
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
        wall_level=(answers.layers or NOTHING).level,
        details={
            "processes_left": watcher.survivors,
            "policy": answers.policy,
            "layers": asdict(answers.layers or NOTHING),
            "start": "cold" if guest.process is not None else "warm",
            "before_wall": verdict.ending == "crashed" and answers.layers is None,
        },
    )


def _with_notes(verdict: Verdict, answers: Answers) -> str:
    """The reason, and after an answer what the guest was refused or noted for on its way there."""
    if verdict.ending != "answered" or not answers.policy:
        return verdict.reason
    tried = [f"{TRIED.get(note['kind'], note['kind'])} {note['what']}" for note in answers.policy if note["refused"]]
    used = [f"{note['kind']} in {note['what']}" for note in answers.policy if not note["refused"]]
    words = [verdict.reason]
    if tried:
        words.append(f"It tried {'; '.join(tried)} (refused).")
    if used:
        words.append(f"It used {'; '.join(used)}.")
    return " ".join(words)


def _verdict(watcher: Watcher, answers: Answers, exit_code: int) -> Verdict:
    """How it ended. An answer counts from the moment it was whole, however the process ended after that."""
    if watcher.verdict is not None:
        return watcher.verdict
    if answers.result is None:
        return _without_result(answers, exit_code)
    error = answers.result.get("error")
    if isinstance(error, dict) and error.get("type") == "MemoryError":
        return Verdict("memory", "It ran out of memory and said so.")
    if isinstance(error, dict) and error.get("type") == "SandboxViolation":
        return Verdict("sandbox", printable(str(error.get("message"))[:MAX_REASON]))
    if isinstance(error, dict) and error.get("type") == "DiskLimit":
        return Verdict("disk", printable(str(error.get("message"))[:MAX_REASON]))
    if watcher.overstayed:
        return Verdict("answered", "It answered, but did not end by itself and was stopped.")
    return Verdict("answered", "It answered." if exit_code == 0 else f"It answered. {_how_it_went(exit_code)} after that.")


def _without_result(answers: Answers, exit_code: int) -> Verdict:
    if answers.layers is None or exit_code == NOT_WALLED:
        return Verdict("crashed", f"{_how_it_went(exit_code)} before its wall stood; nothing of the plugin was loaded.")
    ending = BY_THE_SYSTEM.get(-exit_code, "crashed")
    return Verdict(ending, f"{_how_it_went(exit_code)} before it gave a result.")


def unwalled() -> PolicyRefused:
    return PolicyRefused(
        "unwalled", "This system can hold plugins back neither with Landlock nor with seccomp, so none is run.",
        why="Without them a plugin could read and change everything that you can.",
        next_step="See `harness doctor`; to run plugins you trust all the same, set HARNESS_ALLOW_UNWALLED=1.",
    )  # fmt: skip


def network_closed() -> PolicyRefused:
    return PolicyRefused(
        "network_closed", "The network was to be open to this plugin, and this worker does not allow it.",
        why="The run was submitted with HARNESS_ALLOW_NETWORK, and the worker was started without it.",
        next_step="Start the worker with HARNESS_ALLOW_NETWORK=1, or submit the file again without it.",
    )  # fmt: skip


def _how_it_went(exit_code: int) -> str:
    if exit_code >= 0:
        return f"It ended with exit code {exit_code}"
    try:
        number = signal.Signals(-exit_code)
    except ValueError:
        return f"It was ended by signal {-exit_code}"
    meaning = f" ({MEANINGS[number]})" if number in MEANINGS else ""
    return f"It was ended by signal {number.name}{meaning}"
