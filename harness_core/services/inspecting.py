"""Looking at a file before anything is recorded: what it is, its first rows, and whether it can be read at all.

The look happens in a guest process, because parsers of other people's files are attack surface.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness_core.domain.errors import InputRefused, UsageError
from harness_core.domain.plugins import Plugin
from harness_core.domain.runs import Input
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher
from harness_core.ports.store import Store
from harness_core.ports.world import Blobs, Names
from harness_core.sdk.canonical import digest_of
from harness_core.services.guests import guest_message

TIMEOUT_S = 60.0
KEPT_PREVIEWS = 256


class Inspecting:
    """Asks the ingest plugin's ``inspect`` about a file; remembers the last answers."""

    def __init__(self, launcher: Launcher, store: Store, blobs: Blobs, names: Names) -> None:
        self._launcher, self._store, self._blobs, self._names = launcher, store, blobs, names
        self._known: dict[str, Mapping[str, Any]] = {}

    def inspect(self, plugin: Plugin, item: Input, settings: Mapping[str, Any], path: Path | None = None) -> Mapping[str, Any]:
        """The preview of one file, of those taken in or at ``path``. Raises InputRefused, with line and remedy."""
        key = digest_of([plugin.code_hash, item.sha256, item.filename, settings])
        if key not in self._known:
            while len(self._known) >= KEPT_PREVIEWS:
                del self._known[next(iter(self._known))]
            self._known[key] = self._ask(plugin, item, settings, path)
        return self._known[key]

    def _ask(self, plugin: Plugin, item: Input, settings: Mapping[str, Any], path: Path | None) -> Mapping[str, Any]:
        name = self._names.fresh("inspect")
        scratch = self._store.scratch(name)
        try:
            raw = {**item.as_dict(), "path": str(path.resolve() if path else self._blobs.path(item.sha256))}
            message = guest_message(plugin, call="inspect", settings=settings, inputs=[raw], scratch=str(scratch))
            request = GuestRequest(
                message=message, scratch=scratch, stdout_path=scratch / "stdout.log", stderr_path=scratch / "stderr.log",
                timeout_s=TIMEOUT_S, memory_mb=plugin.manifest.limits.memory_mb,
            )  # fmt: skip
            return _preview(item, self._launcher.run(request))
        finally:
            self._store.drop_scratch(name)


def _preview(item: Input, outcome: GuestOutcome) -> Mapping[str, Any]:
    if outcome.ending != "answered" or outcome.answer is None:
        raise InputRefused(
            "unreadable", f"{item.filename} could not be looked at.", why=outcome.reason,
            next_step="If the file opens elsewhere, save it as CSV (UTF-8) and try that.",
        )  # fmt: skip
    error = outcome.answer.get("error") if outcome.answer.get("status") == "error" else None
    if not isinstance(error, Mapping):
        return outcome.answer
    if error.get("type") == "AttributeError" and "inspect" in str(error.get("message")):
        return {}  # an ingest plugin need not offer a preview
    raise refusal(item.filename, error)


def refusal(filename: str, error: Mapping[str, Any]) -> InputRefused:
    """What an ingest plugin said of a file it cannot read, as an error for people."""
    line = error.get("line")
    place = f" (line {line})" if line is not None else ""
    return InputRefused(
        str(error.get("code") or "unreadable"), f"{filename} cannot be read{place}.", why=str(error.get("message", "")),
        next_step=str(error.get("remedy") or "Check the file, or save it as CSV (UTF-8)."), line=line,
    )  # fmt: skip


def choose_ingest(plugins: Sequence[Plugin], inputs: Sequence[Input]) -> Plugin | None:
    """The ingest plugin for these files: one that names the first file's suffix, else one that takes anything.

    Raises UsageError when there are ingest plugins, but none for this kind of file.
    """
    ingest = [plugin for plugin in plugins if plugin.manifest.type == "ingest"]
    if not ingest:
        return None
    name = inputs[0].filename.lower()
    named = [plugin for plugin in ingest if any(name.endswith(suffix) for suffix in plugin.manifest.accepts)]
    general = [plugin for plugin in ingest if not plugin.manifest.accepts]
    if not named and not general:
        raise UsageError("no_reader", f"No ingest plugin reads files like {inputs[0].filename}.",
                         next_step="See `harness plugins list`.")  # fmt: skip
    return (named or general)[0]
