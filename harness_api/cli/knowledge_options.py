"""What the commands about ERPs, presets, raw formats and insights share: options, files, and ways to show settings."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli.console import Console, table
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.services.erps import SettingsChange

MAX_BYTES = 16 << 20

RoleOption = Annotated[
    list[str],
    typer.Option("--role", metavar="COLUMN=ROLE", help="Give a column a role, or take it back with COLUMN=; may be repeated."),
]
UnsetOption = Annotated[
    list[str], typer.Option("--unset", metavar="PLUGIN.KEY", help="Take a setting back, or PLUGIN for all of one; may be repeated.")
]
NotesOption = Annotated[str | None, typer.Option("--notes", metavar="TEXT", help="What people should know about it.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Take the place of another of the same name.", show_default=False)]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the YAML there instead of printing it.")
]
DocumentArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file made by `export`, or `-` for standard input.")]


def settings_change(assignments: Sequence[str], unset: Sequence[str], roles: Sequence[str], notes: str | None) -> "SettingsChange":
    """The options as one change; raises UsageError with what cannot be read."""
    from harness_core.domain.remembered import read_role
    from harness_core.domain.settings_resolution import layer_of
    from harness_core.services.erps import SettingsChange

    return SettingsChange(layer_of(assignments), tuple(unset), tuple(read_role(text) for text in roles), notes)


def refuse_nothing(said: object) -> None:
    """Raises UsageError where a command that changes something was told no change."""
    if not said:
        raise UsageError("nothing_to_change", "No change was named.", next_step="See the options with --help.")


def read_document_file(path: Path) -> tuple[str, str]:
    """The text of a YAML file, and what to call it; raises UsageError where it cannot be read."""
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if str(path) == "-" else _read(path)
        if len(data) > MAX_BYTES:
            raise UsageError("document_too_large", f"{name} is larger than {MAX_BYTES >> 20} MiB.",
                             next_step="Give a file made by `export`.")  # fmt: skip
        return data.decode("utf-8-sig"), name
    except (OSError, UnicodeDecodeError) as reason:
        why = f"{reason.strerror}." if isinstance(reason, OSError) else "It is not UTF-8 text."
        raise UsageError(
            "document_unreadable", f"{name} cannot be read.", why=why, next_step="Give the path of a YAML file."
        ) from reason


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def give_document(console: Console, document: Mapping[str, Any], output: Path | None, sha256: str) -> None:
    """Print a document as YAML, or write it whole to a file."""
    from harness_api.cli.outcomes import write_whole
    from harness_core.domain.remembered import yaml_text

    text = yaml_text(document)
    console.document = {"document": dict(document), "sha256": sha256, "file": str(output) if output else None}
    if output is None:
        console.result(text.rstrip("\n"))
        return
    write_whole(output, text.encode("utf-8"))
    console.result(str(output))


def settings_table(settings: Mapping[str, Any]) -> str:
    """Settings by plugin, one per line; empty where there are none."""
    from harness_core.domain.settings_layers import leaves

    rows = [(plugin, key, shown_value(value)) for plugin in sorted(settings) for key, value in leaves(settings[plugin]).items()]
    return table(("PLUGIN", "SETTING", "VALUE"), rows) if rows else ""


def roles_table(roles: Mapping[str, str]) -> str:
    return table(("COLUMN", "ROLE"), sorted(roles.items())) if roles else ""


def shown_value(value: Any) -> str:
    """A value as `--set` reads it."""
    return json.dumps(value, ensure_ascii=False)


def facts_text(facts: Mapping[str, str]) -> str:
    width = max(len(name) for name in facts) + 2
    return "\n".join(f"{name + ':':<{width}}{value}" for name, value in facts.items() if value)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
