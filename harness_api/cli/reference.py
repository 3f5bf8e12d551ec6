"""The reference pages that are made from the code: commands, settings and exit codes. `python -m` this writes them anew."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from harness_api.cli.exits import MEANINGS, Exit
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.bootstrap import product_folder
from harness_core.domain.plugins import PLUGIN_TYPES
from harness_core.settings import PREFIX, Settings

MADE = "<!-- Made from the code by `python -m harness_api.cli.reference`; a test compares them. -->"
FOLDER = Path(__file__).parents[2] / "docs" / "reference"
COMMON = ("--json", "--home", "--quiet", "--verbose", "--help")


def commands_page() -> str:
    """``docs/reference/commands.md``: every command with its arguments and options."""
    from harness_api.cli.application import app

    root = typer.main.get_command(app)
    lines = [
        "# Commands", "", MADE, "",
        "Every command takes these, before or after its name:", "",
        *_options_table([item for item in root.params if item.opts[0] in COMMON]), "",
        "`harness --version` prints the version. Exit codes are in [exit-codes.md](exit-codes.md).", "",
    ]  # fmt: skip
    for path, command in walk(root, "harness"):
        lines += _command_section(path, command)
    return "\n".join(lines).rstrip() + "\n"


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below ``command`` that does something, with the words that call it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from walk(child, f"{path} {name}")


def _command_section(path: str, command: Any) -> list[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option" and item.opts[0] not in COMMON]
    usage = " ".join([path, *(_usage(item) for item in arguments)])
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    lines = [f"## `{usage}`", "", text, ""]
    lines += [f"- `{_usage(item)}`: {item.help}" for item in arguments]
    lines += [""] if arguments else []
    return lines + ([*_options_table(options), ""] if options else [])


def _usage(argument: Any) -> str:
    many = "..." if argument.nargs != 1 else ""
    return f"{argument.metavar}{many}" if argument.required else f"[{argument.metavar}{many}]"


def _options_table(options: list[Any]) -> list[str]:
    return ["| option | does | default |", "| --- | --- | --- |", *(_option_row(item) for item in options)]


def _option_row(item: Any) -> str:
    names = " / ".join(f"`{name}`" for name in (*item.opts, *item.secondary_opts))
    value = f" `{item.metavar or _choices(item)}`" if not item.is_flag else ""
    return f"| {names}{value} | {_cell(item.help or '')} | {_default(item)} |"


def _choices(item: Any) -> str:
    choices = item.type_descriptor.choices
    return "\\|".join(str(getattr(choice, "value", choice)) for choice in choices) if choices else item.name.upper()


def _default(item: Any) -> str:
    if item.secondary_opts:
        return f"`{(item.opts if item.default else item.secondary_opts)[0]}`"
    value = getattr(item.default, "value", item.default)
    return "" if value in (None, False, "", [], ()) else f"`{value}`"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def settings_page() -> str:
    """``docs/reference/settings.md``: every setting with its variable, meaning and default."""
    lines = [
        "# Settings", "", MADE, "",
        "Each setting is an environment variable. `harness doctor` shows every one with its value and where it came from; an",
        f"unknown `{PREFIX}*` variable is a warning with a suggestion.", "",
    ]  # fmt: skip
    for item in fields(Settings):
        if "help" in item.metadata:
            lines += [
                f"## `{PREFIX}{item.name.upper()}`",
                "",
                str(item.metadata["help"]),
                "",
                f"Default: {_setting_default(item)}.",
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


DERIVED = {
    "home": "the platform's folder for a user's data, on Linux `~/.local/share/statistic-harness`",
    "database_url": "`sqlite:///` and `state.sqlite` in the state folder",
    "queue_url": "`sqlite:///` and `queue.sqlite` in the state folder",
    "plugin_path": "none",
    "workers": "the processors that the process may use",
    "memory_mb": "four fifths of the machine's memory, or of its control group's where that is less",
}


def _setting_default(item: Any) -> str:
    return DERIVED.get(item.name, f"`{item.default}`")


def exit_codes_page() -> str:
    """``docs/reference/exit-codes.md``: every exit code, its name in JSON, and what it means."""
    rows = [f"| {int(code)} | `{code.name.lower()}` | {_cell(MEANINGS[code])} |" for code in Exit]
    return "\n".join(
        [
            "# Exit codes", "", MADE, "",
            "The same for every command; with `--json` the document has them as `\"exit\": {\"code\": …, \"name\": …}`.", "",
            "| code | name | means |", "| --- | --- | --- |", *rows, "",
            "How a run ended counts before what it found: `--strict` turns 4 into 3, `--allow-partial` turns 4 into 0, and",
            "`--fail-on` gives 10 only where the code would be 0 otherwise. `--strict` with `--allow-partial` is refused (2).",
            "",
            "124 ends the waiting. A run in the queue goes on; a run of `harness run`, whose worker is that very process, is",
            "handed back and goes on with `harness runs resume`. 130 and 143 are the same for a signal; a worker or service that",
            "was told to stop and did so in good order ends with them too.",
        ]
    ) + "\n"  # fmt: skip


def plugins_page() -> str:
    """``docs/reference/plugins.md``: every plugin that comes with the product, by type, with the question it answers."""
    found = FolderCatalog([(product_folder("plugins"), "product")]).plugins().values()
    lines = [
        "# Plugins", "", MADE, "",
        "What comes with the product. Each has a page: what it asks, by which method and source, when not to trust it.", "",
    ]  # fmt: skip
    for kind in PLUGIN_TYPES:
        of_kind = sorted((plugin for plugin in found if plugin.manifest.type == kind), key=lambda plugin: plugin.id)
        if of_kind:
            rows = [
                f"| [`{item.id}`](../../plugins/{item.id}/README.md) | {_cell(item.manifest.description)} |" for item in of_kind
            ]
            lines += [f"## {kind.capitalize()}", "", "| plugin | does |", "| --- | --- |", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


PAGES = {
    "commands.md": commands_page, "settings.md": settings_page, "exit-codes.md": exit_codes_page, "plugins.md": plugins_page,
}  # fmt: skip


if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
