"""Forms and queries as the start page uses them: what was asked for, what the core understands of it, and its command."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from harness_api.pages.setting_fields import SETTING, settings_from
from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.settings_resolution import merge
from harness_core.domain.yaml_documents import read_yaml
from harness_core.services.submitting import Submission

MAX_FIELDS = 2000


@dataclass(frozen=True)
class StartForm:
    """What stands in the form, as text; ``choice`` is auto or manual."""

    upload_ids: tuple[str, ...]
    choice: str = "auto"
    plugins: tuple[str, ...] = ()
    seed: str = "0"
    settings: str = ""
    given: tuple[tuple[str, str], ...] = ()
    force: bool = False
    strict: bool = False
    erp: str = ""
    presets: tuple[str, ...] = ()
    sample: str = ""
    against: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    def submission(self, plugins: Mapping[PluginId, Plugin], idempotency_key: str | None = None) -> Submission:
        """``plugins`` say how their settings are read. Raises UsageError when a field cannot be read."""
        return Submission(
            upload_ids=self.upload_ids,
            plugins=list(self.plugins) if self.choice == "manual" else None,
            settings=merge(settings_in(self.settings), settings_from(self.given, plugins)),
            seed=_seed(self.seed),
            reuse=not self.force,
            strict=self.strict,
            idempotency_key=idempotency_key,
            erp=self.erp or None,
            presets=self.presets,
            sample=_share(self.sample),
            against=self.against or None,
        )


def start_form(fields: Sequence[tuple[str, str]]) -> StartForm:
    """The form from the fields of a query or a body."""
    last = dict(fields)
    return StartForm(
        upload_ids=tuple(value for name, value in fields if name == "upload"),
        choice="manual" if last.get("choice") == "manual" else "auto",
        plugins=tuple(value for name, value in fields if name == "plugin"),
        seed=last.get("seed", "0").strip() or "0",
        settings=last.get("settings", ""),
        given=tuple((name, value) for name, value in last.items() if name.startswith(SETTING) and value.strip()),
        force="force" in last,
        strict="strict" in last,
        erp=last.get("erp", "").strip(),
        presets=tuple(value for name, value in fields if name == "preset" and value),
        sample=last.get("sample", "").strip(),
        against=last.get("against", "").strip(),
    )


async def posted(request: Request) -> list[tuple[str, str]]:
    """The fields of a posted form. Raises UsageError when it is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UsageError("bad_form", "This is not a form.", next_step="Go back and use the form of the page.")
    try:
        return parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as reason:
        raise UsageError("bad_form", "The form cannot be read.", why=str(reason), next_step="Go back and try again.") from reason


def settings_in(text: str) -> dict[str, dict[str, Any]]:
    """Settings by plugin id from YAML (JSON is YAML). Raises UsageError with every problem and its line."""
    if not text.strip():
        return {}
    document, problems = read_yaml(text, "settings")
    value = document.value if document else None
    if not problems and not (isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())):
        problems = [
            Problem("settings", "", "must name plugins, and under each its settings", "such as:\nanalysis_outliers:\n  key: value")
        ]
    if problems or value is None:
        raise UsageError("bad_settings", "The settings cannot be read.", problems=problems, next_step="Correct the settings.")
    return {str(name): dict(values) for name, values in value.items()}


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise UsageError("bad_seed", "The seed must be a whole number from 0 on.", next_step="Use 0 to have it derived.")
    return int(text)


def _share(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as reason:
        raise UsageError(
            "bad_sample", f"{text[:40]!r} is no share of the rows.", next_step="Give a number such as 0.1, or nothing for all."
        ) from reason


def command_line(asked: Submission, filenames: Sequence[str]) -> str:
    """The command that starts the same run on the same files."""
    words = ["harness", "run", *filenames]
    if asked.plugins is not None:
        words += ["--plugins", ",".join(sorted(set(asked.plugins)))]
    for name, values in sorted(asked.settings.items()):
        for key, value in sorted(values.items()):
            text = _as_yaml(value)
            words += ["--set", f"{name}.{_path_part(key)}={text}"]
    words += [word for name in asked.presets for word in ("--preset", name)]
    words += ["--erp", asked.erp] if asked.erp else []
    words += ["--sample", f"{asked.sample:g}"] if asked.sample is not None else []
    words += ["--against", asked.against] if asked.against else []
    if asked.seed:
        words += ["--seed", str(asked.seed)]
    words += [flag for flag, given in (("--force", not asked.reuse), ("--strict", asked.strict)) if given]
    return shlex.join(words)


def _path_part(key: str) -> str:
    return f'"{key}"' if any(letter in key for letter in '.= "') else key


def _as_yaml(value: Any) -> str:
    """A value so that ``--set``, which reads YAML, gives it back: a word that would be read as something else stands in quotes."""
    if isinstance(value, str):
        document, problems = read_yaml(value, "--set")
        if not problems and document is not None and document.value == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def chosen(form: StartForm, available: Sequence[PluginId]) -> frozenset[PluginId]:
    """Which boxes are ticked: the named ones, or all when nothing was chosen yet."""
    return frozenset(PluginId(name) for name in form.plugins) if form.choice == "manual" else frozenset(available)
