"""Secrets by reference: looked up at the last moment before a guest starts, and taken out of everything that comes back from it."""

import json
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness_core.domain.errors import PolicyRefused
from harness_core.domain.redaction import REMOVED, SHORTEST_SECRET, Redaction
from harness_core.domain.schemas import REFERENCE_KEY, is_secret_reference
from harness_core.domain.settings_resolution import secret_names
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher, Progress


class SecretKeeping:
    """A :class:`harness_core.ports.launcher.Launcher` around another one.

    ``{"$env": "NAME"}`` in a guest's settings becomes the variable's value for the guest, and for nobody else: what it prints,
    answers or writes has the value taken out before anything is recorded.
    """

    def __init__(self, launcher: Launcher, environ: Mapping[str, str]) -> None:
        self._launcher, self._environ = launcher, environ

    def run(
        self,
        request: GuestRequest,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_log: Callable[[Mapping[str, Any]], None] = lambda entry: None,
        cancelled: Callable[[], str | None] = lambda: None,
    ) -> GuestOutcome:
        """As the other does. Raises PolicyRefused, before anything starts, where a variable is not set or is too short to hide."""
        names = secret_names(request.message.get("settings", {}))
        if not names:
            return self._launcher.run(request, on_progress=on_progress, on_log=on_log, cancelled=cancelled)
        secrets = {name: self._looked_up(name) for name in names}
        hidden = Redaction(list(secrets.values()))
        known = {**request.message, "settings": _filled(request.message["settings"], secrets)}
        outcome = self._launcher.run(
            replace(request, message=known),
            on_progress=lambda told: on_progress(replace(told, what=hidden.text(told.what)[0], unit=hidden.text(told.unit)[0])),
            on_log=lambda entry: on_log(hidden.value(entry)[0]),
            cancelled=cancelled,
        )
        _clean_files(request, _as_written(secrets.values()))
        answer = None if outcome.answer is None else hidden.value(outcome.answer)[0]
        told = {name: hidden.value(list(getattr(outcome, name)))[0] for name in ("artifacts", "datasets")}
        return replace(outcome, answer=answer, reason=hidden.text(outcome.reason)[0], **told)

    def _looked_up(self, name: str) -> str:
        value = self._environ.get(name, "")
        if len(value) < SHORTEST_SECRET:
            state = "too short" if value else "not set"
            raise PolicyRefused(
                "secret_missing", f"A setting refers to the environment variable {name}, which is {state}.",
                why="A secret stands nowhere but in the environment of the worker.",
                next_step=f"Set {name} (at least {SHORTEST_SECRET} characters) where the worker runs, then `harness runs retry`.",
            )  # fmt: skip
        return value


def _filled(settings: Any, secrets: Mapping[str, str]) -> Any:
    if is_secret_reference(settings):
        return secrets[settings[REFERENCE_KEY]]
    if isinstance(settings, Mapping):
        return {key: _filled(value, secrets) for key, value in settings.items()}
    return [_filled(value, secrets) for value in settings] if isinstance(settings, list) else settings


def _as_written(secrets: Iterable[str]) -> list[bytes]:
    """Each secret as it is and as JSON writes it, the longer form first: a part of it would remain otherwise."""
    forms = {
        form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    }
    return sorted((form.encode("utf-8") for form in forms), key=len, reverse=True)


def _clean_files(request: GuestRequest, secrets: list[bytes]) -> None:
    """The logs, and whatever the guest left to be taken over. Called when its whole tree is gone."""
    paths = {request.stdout_path, request.stderr_path}
    for root, _, names in os.walk(request.scratch):
        paths |= {Path(root) / name for name in names}
    for path in sorted(paths):
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or not facts.st_size:
            continue
        path.chmod(0o600)
        if _holds_any(path, secrets):
            data = path.read_bytes()
            for secret in secrets:
                data = data.replace(secret, REMOVED.encode("ascii"))
            path.write_bytes(data)


def _holds_any(path: Path, secrets: list[bytes]) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(secret) >= 0 for secret in secrets)
