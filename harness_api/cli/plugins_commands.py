"""`harness plugins …`: the plugins there are, what they may do, whether they are valid and well, and the start of a new one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.services.plugin_validation import Validation
    from harness_core.settings import Settings


class KindOfPlugin(StrEnum):
    """The part a plugin plays in a run."""

    INGEST = "ingest"
    PROFILE = "profile"
    PLANNER = "planner"
    TRANSFORM = "transform"
    ANALYSIS = "analysis"
    REPORT = "report"
    LLM = "llm"


PluginArgument = Annotated[str, typer.Argument(metavar="PLUGIN", help="A plugin's id.")]
WantedArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="PLUGIN", help="Ids or folders of plugins; all of them unless given.", show_default=False),
]
CapabilitiesArgument = Annotated[list[str], typer.Argument(metavar="CAPABILITY", help="What its manifest asks for.")]
AskedArgument = Annotated[str | None, typer.Argument(metavar="PLUGIN", help="A plugin's id; all of them unless given.")]
NewArgument = Annotated[str, typer.Argument(metavar="ID", help="The id: lower-case letters, digits and underscores.")]
TypeOption = Annotated[KindOfPlugin, typer.Option("--type", help="The part it plays in a run.")]
FolderOption = Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where its folder is made.")]

MANIFEST = "plugin.yaml"
COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}
HEALTH_COLOURS = {"ok": "green", "none": "faint", "degraded": "yellow", "unhealthy": "red"}

plugins = options.group("plugins", "List, show, install, enable, validate and begin plugins.")


@options.command(plugins, "list")
def list_plugins(session: Session) -> Exit:
    """List the plugins that can be found, valid and not."""
    from harness_core.bootstrap import open_catalog, open_grants
    from harness_core.services import plugins as service

    found = service.list_plugins(open_catalog(session.settings), open_grants(session.settings).decisions())
    session.console.document = {"plugins": found, "next": None}
    rows = [_row(item) for item in found]
    session.console.result(table(("PLUGIN", "VERSION", "TYPE", "FROM", "DESCRIPTION"), rows) if rows else "No plugins.")
    return Exit.OK


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    if not item["valid"]:
        count = item["problem_count"]
        return item["plugin_id"], "", paint("invalid", "red"), "", f"{count} problem{'s' * (count != 1)} in {item['folder']}"
    name = item["plugin_id"] if item["enabled"] else f"{item['plugin_id']} {paint('disabled', 'yellow')}"
    return name, item["version"], item["type"], item["source"], item["description"] or item["name"]


@options.command(plugins, "show")
def show_plugin(session: Session, plugin: PluginArgument) -> Exit:
    """Show a plugin: its manifest, capabilities, limits and settings, or everything that is wrong with it."""
    from harness_core.bootstrap import open_catalog, open_grants
    from harness_core.services import plugins as service

    found = service.show_plugin(open_catalog(session.settings), plugin, open_grants(session.settings).decisions())
    session.console.document = found
    session.console.result(_details(found) if found["valid"] else _problems(found))
    return Exit.OK


def _problems(found: Mapping[str, Any]) -> str:
    lines = [f"{found['plugin_id']} cannot be used. Folder: {found['folder']}"]
    for item in found["problems"]:
        remedy = f" ({item['remedy']})" if item["remedy"] else ""
        lines.append(f"  {item['where']}: {item['field'] + ': ' if item['field'] else ''}{item['reason']}{remedy}")
    return "\n".join(lines)


def _details(found: Mapping[str, Any]) -> str:
    limits = {name: value for name, value in found["limits"].items() if value is not None}
    facts = {
        "Plugin": f"{found['plugin_id']} {found['version']} ({found['type']}), {found['name']}",
        "Question": found["description"] or "not stated",
        **({} if found["enabled"] else {"State": f"disabled; `harness plugins enable {found['plugin_id']}` lets it run again"}),
        "Depends on": ", ".join(found["depends_on"]) or "nothing",
        "Used by": ", ".join(found["used_by"]) or "nothing",
        "Capabilities": "; ".join(_capability(item) for item in found["capabilities"])
        or "none beyond its data and its scratch folder",
        "Needs": ", ".join(f"{count} {name}" for name, count in found["needs"].items()) or "nothing special",
        "Limits": ", ".join(f"{name} {value}" for name, value in limits.items()),
        "Engine": found["requires"]["engine"],
        "Folder": f"{found['folder']} ({found['source']})",
        **({"Installed": f"{', '.join(found['versions'])}; active: {found['version']}"} if found["source"] == "bundle" else {}),
        "Code": found["code_hash"],
    }
    head = "\n".join(f"{name + ':':<14}{value}" for name, value in facts.items())
    rows = [_setting(name, schema) for name, schema in sorted(found["config_schema"].get("properties", {}).items())]
    return f"{head}\n\n" + (table(("SETTING", "DEFAULT", "MEANING"), rows) if rows else "No settings.")


def _capability(item: Mapping[str, Any]) -> str:
    return f"{item['name']} ({'granted' if item['granted'] else 'denied'}): {item['sentence']}"


def _setting(name: str, schema: Mapping[str, Any]) -> tuple[str, str, str]:
    import json

    default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "required"
    return name, default, " ".join(str(schema.get("description", "")).split())


@options.command(plugins, "grant")
def grant_capabilities(session: Session, plugin: PluginArgument, capabilities: CapabilitiesArgument) -> Exit:
    """Let a plugin have capabilities that its manifest asks for, in runs submitted from now on.

    The wall stays as it is. Only the network is let through, where HARNESS_ALLOW_NETWORK is set, too.
    """
    return _decide(session, plugin, capabilities, granted=True)


@options.command(plugins, "revoke")
def revoke_capabilities(session: Session, plugin: PluginArgument, capabilities: CapabilitiesArgument) -> Exit:
    """Deny a plugin capabilities, in runs submitted from now on: it is BLOCKED in them, with the reason."""
    return _decide(session, plugin, capabilities, granted=False)


def _decide(session: Session, plugin: str, names: Sequence[str], *, granted: bool) -> Exit:
    from harness_core.bootstrap import open_catalog, open_grants
    from harness_core.services import plugins as service

    found = service.decide(open_catalog(session.settings), open_grants(session.settings), plugin, names, granted=granted)
    session.console.document = {"plugin_id": plugin, "capabilities": found}
    session.console.result("\n".join(f"{plugin}: {_capability(item)}" for item in found))
    return Exit.OK


@options.command(plugins, "enable")
def enable_plugin(session: Session, plugin: PluginArgument) -> Exit:
    """Let a disabled plugin take part in runs again, in those submitted from now on."""
    return _switch(session, plugin, enabled=True)


@options.command(plugins, "disable")
def disable_plugin(session: Session, plugin: PluginArgument) -> Exit:
    """Keep a plugin, and all that build on it, out of runs submitted from now on.

    The planner leaves it out; where it is named it is BLOCKED, with the reason. Runs that are recorded already are not touched.
    """
    return _switch(session, plugin, enabled=False)


def _switch(session: Session, plugin: str, *, enabled: bool) -> Exit:
    from harness_core.bootstrap import open_catalog, open_grants
    from harness_core.services import plugins as service

    service.switch(open_catalog(session.settings), open_grants(session.settings), plugin, enabled=enabled)
    session.console.document = {"plugin_id": plugin, "enabled": enabled}
    session.console.result(f"{plugin} is {'enabled' if enabled else 'disabled'}, for runs submitted from now on.")
    return Exit.OK


@options.command(plugins, "validate")
def validate_plugins(session: Session, wanted: WantedArgument = None) -> Exit:
    """Check plugins: manifest and schemas, import in isolation, a smoke run on a small table, capabilities.

    Exit 2 when a manifest or schema is invalid, 8 when a plugin does not do what it says.
    """
    from harness_core.bootstrap import open_catalog
    from harness_core.services.plugin_validation import validate_plugins as validate

    names = list(wanted or ())
    with session.core() as core:
        scratch = core.store.scratch(core.names.fresh("inspect"))
        try:
            verdicts = validate(open_catalog(_with_folders(session.settings, names)), core.launcher, names, scratch)
        finally:
            core.store.drop_scratch(scratch.name)
    session.console.document = {"ok": all(item.ok for item in verdicts), "plugins": [item.as_dict() for item in verdicts]}
    for item in verdicts:
        session.console.result(_verdict(item))
    return _exit_of(verdicts)


def _with_folders(settings: "Settings", names: Sequence[str]) -> "Settings":
    """Settings under which plugins that were named by their folder are found, wherever that is."""
    named = [Path(name).absolute() for name in names if (Path(name) / MANIFEST).is_file()]
    for name in names:
        if (os.sep in name or name in (".", "..")) and Path(name).absolute() not in named:
            raise UsageError(
                "no_plugin_folder", f"{name} is not the folder of a plugin.",
                why=f"There is no {MANIFEST} in it." if Path(name).is_dir() else "There is no such folder.",
                next_step="Name a plugin's id or its folder, or begin one with `harness plugins new ID`.",
            )  # fmt: skip
    beside = sorted({folder.parent for folder in named})  # where its dependencies may be
    return replace(settings, plugin_path=(*settings.plugin_path, *named, *beside))


def _verdict(item: "Validation") -> str:
    word = paint("valid", "green") if item.ok else paint("invalid", "red")
    lines = [f"{f'{item.plugin_id} {item.version}'.rstrip()}: {word}"]
    lines += [
        f"  {paint(check.state.ljust(8), COLOURS[check.state])} {check.name}  {check.sentence}".rstrip() for check in item.checks
    ]
    lines += [f"    {problem}" for problem in item.problems]
    return "\n".join([*lines, *(f"    | {line}" for line in item.log.splitlines())])


def _exit_of(verdicts: "Sequence[Validation]") -> Exit:
    bad = [item for item in verdicts if not item.ok]
    if not bad:
        return Exit.OK
    return Exit.USAGE if any(not item.version for item in bad) else Exit.NOT_HEALTHY


@options.command(plugins, "health")
def ask_health(session: Session, plugin: AskedArgument = None) -> Exit:
    """Import plugins behind the wall and ask each for its health; exit 8 when one is unhealthy or cannot be imported."""
    from harness_core.services import plugins as service

    with session.core() as core:
        asked = [service.find_plugin(core.catalog, plugin)] if plugin else list(core.catalog.plugins().values())
        found = [(item, service.ask_health(item, core.launcher, core.store, core.names)) for item in asked]
    sick = [item.id for item, health in found if health.state == "unhealthy"]
    session.console.document = {
        "ok": not sick,
        "plugins": [
            {"plugin_id": item.id, "version": item.manifest.version, "state": health.state, "sentence": health.sentence,
             "loads": health.loads}
            for item, health in found
        ],
    }  # fmt: skip
    rows = [
        (item.id, item.manifest.version, paint(health.state, HEALTH_COLOURS[health.state]), health.sentence)
        for item, health in found
    ]
    session.console.result(table(("PLUGIN", "VERSION", "HEALTH", "SAYS"), rows) if rows else "No plugins.")
    return Exit.NOT_HEALTHY if sick else Exit.OK


@options.command(plugins, "new")
def new_plugin(
    session: Session,
    plugin: NewArgument,
    type_: TypeOption = KindOfPlugin.ANALYSIS,
    folder: FolderOption = Path(),
) -> Exit:
    """Begin a plugin: a folder with everything it needs, which passes `harness plugins validate`."""
    from harness_core.services.plugin_scaffolds import new_plugin as scaffold

    try:
        made = scaffold(folder.absolute(), plugin, str(type_))
    except OSError as reason:
        raise UsageError("folder_unusable", f"No folder can be made in {folder.absolute()}.", why=f"{reason.strerror}.",
                         next_step="Name a folder you may write to with --folder.") from reason  # fmt: skip
    files = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
    session.console.document = {"plugin_id": plugin, "type": str(type_), "folder": str(made), "files": files}
    session.console.result("\n".join(str(made / name) for name in files))
    session.console.note(
        f"Next: `harness plugins validate {made}`, then `HARNESS_PLUGIN_PATH={made.parent} harness run FILE --plugins {plugin}`."
    )
    return Exit.OK
