"""From the options of `run` and `submit` to what is asked for: every mistake in them is named before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness_core.domain.errors import InputRefused, Problem, UsageError

if TYPE_CHECKING:
    from harness_core.domain.runs import WorkerId
    from harness_core.services.submitting import Submission

TOP_KEYS = ("plugins", "seed")
EXAMPLE = "write `plugins: [analysis_outliers]`, `seed: 7`, or a plugin's id with its settings beneath"


@dataclass(frozen=True)
class Remembered:
    """What the settings build on, the share of the rows to read (None: all), and what to compare with."""

    presets: tuple[str, ...] = ()
    erp: str | None = None
    sample: float | None = None
    against: str | None = None


@dataclass(frozen=True)
class Request:
    """What to do with which files; ``settings`` holds only what was given, ``file_settings`` those of ``--config``."""

    files: tuple[Path, ...]
    plugins: tuple[str, ...] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    reuse: bool = True
    strict: bool = False
    file_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    known: Remembered = Remembered()

    def submission(self, upload_ids: Sequence[str], reserved_for: "WorkerId | None" = None) -> "Submission":
        from harness_core.services.submitting import Submission

        return Submission(
            upload_ids, plugins=self.plugins, settings=self.settings, seed=self.seed, reuse=self.reuse, strict=self.strict,
            reserved_for=reserved_for, file_settings=self.file_settings, erp=self.known.erp, presets=self.known.presets,
            sample=self.known.sample, against=self.known.against,
        )  # fmt: skip

    def body(self, upload_ids: Sequence[str]) -> dict[str, Any]:
        """The same as JSON, for the service."""
        from harness_core.domain.settings_resolution import merge

        settings, known = merge(self.file_settings, self.settings), self.known
        body: dict[str, Any] = {"settings": settings, "seed": self.seed, "reuse": self.reuse, "strict": self.strict}
        more = {"erp": known.erp, "presets": list(known.presets), "sample": known.sample, "against": known.against}
        body |= {key: value for key, value in more.items() if value not in (None, [])}
        body |= {"upload_id": upload_ids[0]} if len(upload_ids) == 1 else {"upload_ids": list(upload_ids)}
        return body if self.plugins is None else body | {"plugins": list(self.plugins)}


def read_request(
    files: Sequence[Path],
    plugins: str | None,
    assignments: Sequence[str],
    config: Path | None,
    seed: int | None,
    known: Remembered = Remembered(),
    *,
    reuse: bool,
    strict: bool,
) -> Request:
    """The request that the options describe: ``--plugins``, ``--set`` and ``--seed`` win over the file of ``--config``.

    Raises UsageError for options and InputRefused for files that are not there.
    """
    from harness_core.domain.settings_resolution import layer_of

    given = _read_config(config) if config else {}
    wanted = _plugin_ids(plugins) if plugins is not None else given.get("plugins")
    layers = {name: value for name, value in given.items() if name not in TOP_KEYS}
    settings = layer_of(assignments)
    _check_files(files)
    return Request(
        files=tuple(files), plugins=None if wanted is None else tuple(wanted), settings=settings,
        seed=seed if seed is not None else given.get("seed", 0), reuse=reuse, strict=strict, file_settings=layers, known=known,
    )  # fmt: skip


def _plugin_ids(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("no_plugins", "--plugins names no plugin.", next_step="See `harness plugins list`.")
    return names


def _check_files(files: Sequence[Path]) -> None:
    for file in files:
        if not file.exists():
            similar = _nearest_file(file)
            raise InputRefused(
                "no_such_file", f"{file} is not there.", why=f"Nothing has that name in {file.absolute().parent}.",
                next_step=f"Did you mean {similar}?" if similar else "Give the path of a file that is there.",
            )  # fmt: skip


def _nearest_file(file: Path) -> Path | None:
    """What somebody may have meant who misspelt the name of a file."""
    from harness_core.domain.suggestions import nearest

    try:
        names = [entry.name for entry in file.parent.iterdir() if entry.is_file()]
    except OSError:
        return None
    name = nearest(file.name, names)
    return file.with_name(name) if name else None


def _read_config(path: Path) -> dict[str, Any]:
    """The file of ``--config``, strictly read: duplicate keys, and values of the wrong kind at its top, are refused."""
    from harness_core.domain.yaml_documents import read_yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        why = f"{reason.strerror}." if isinstance(reason, OSError) else "It is not UTF-8 text."
        raise UsageError("config_unreadable", f"The configuration {path} cannot be read.", why=why,
                         next_step="Give the path of a YAML file.") from reason  # fmt: skip
    document, problems = read_yaml(text, str(path))
    if document is not None:
        value = document.value if document.value is not None else {}
        problems = _config_problems(value, str(path))
        if not problems:
            return dict(value)
    raise UsageError("invalid_config", f"The configuration {path} cannot be used.", problems=problems,
                     next_step="Correct what is named above.")  # fmt: skip


def read_settings_file(path: Path) -> dict[str, Any]:
    """The settings per plugin in a configuration file, without what it says of plugins and seed."""
    return {name: value for name, value in _read_config(path).items() if name not in TOP_KEYS}


def _config_problems(value: Any, where: str) -> list[Problem]:
    if not isinstance(value, Mapping):
        return [Problem(where, "", "it is not a mapping", EXAMPLE)]
    problems = []
    for name, item in value.items():
        if name == "plugins":
            if not isinstance(item, list) or not item or not all(isinstance(entry, str) for entry in item):
                problems.append(Problem(where, name, "it is not a list of plugin ids", EXAMPLE))
        elif name == "seed":
            if isinstance(item, bool) or not isinstance(item, int):
                problems.append(Problem(where, name, "it is not a whole number", EXAMPLE))
        elif not isinstance(item, Mapping):
            problems.append(Problem(where, str(name), "the settings of a plugin are a mapping of keys", EXAMPLE))
    return problems
