"""`harness presets …`: settings under a name, compared before they are applied, exported and imported."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import knowledge_options as shared
from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit
from harness_api.cli.requests import read_settings_file
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_core.domain.presets import Preset
    from harness_core.services.presets import Saved

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of a preset.")]
FromRunOption = Annotated[
    str | None, typer.Option("--from-run", metavar="RUN", help="Begin with the settings of a run that are not defaults.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.yaml", help="Settings per plugin; --set wins over it.")
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="NAME", help="The raw format it is made for: files of it are offered it.")
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", metavar="NAME", help="Compare with this preset, not with the defaults.")
]
OfFormatOption = Annotated[str | None, typer.Option("--format", metavar="NAME", help="Only those made for this raw format.")]

presets = options.group("presets", "List, show, compare and keep presets of settings.")


@options.command(presets, "list")
def list_presets(session: Session, raw_format: OfFormatOption = None) -> Exit:
    """List the presets, by name. Equal contents have equal hashes."""
    with session.core() as core:
        found = core.knowledge.presets()
        if raw_format is not None:
            found = core.presets.for_format(core.knowledge.raw_format(raw_format).format_id)
        documents = [_document(core, item) for item in found]
    session.console.document = {"presets": documents, "next": None}
    rows = [
        (item["name"], item["sha256"][:12], str(item["setting_count"]),
         "" if item["usable"] else paint("made for other schemas", "yellow"), item["notes"].split("\n")[0])
        for item in documents
    ]  # fmt: skip
    heads = ("PRESET", "CONTENT", "SETTINGS", "STATE", "NOTES")
    session.console.result(table(heads, rows, right=frozenset({2})) if rows else "No presets.")
    return Exit.OK


def _document(core: "Core", preset: "Preset") -> dict[str, Any]:
    from harness_core.domain.presets import schema_problems_of
    from harness_core.services.presets import preset_document

    problems = [str(problem) for problem in schema_problems_of(preset, core.catalog.plugins())]
    return preset_document(preset, problems, core.presets.names_of(preset, other=True))


@options.command(presets, "show")
def show_preset(session: Session, name: NameArgument) -> Exit:
    """Show a preset: its settings, roles and notes, and whether it can be applied here."""
    with session.core() as core:
        document = _document(core, core.knowledge.preset(name))
    session.console.document = document
    facts = {
        "Preset": document["name"], "Notes": document["notes"], "Content": f"sha256 {document['sha256']}",
        "Same as": ", ".join(document["same_as"]), "Raw format": document["raw_format"] or "",
        "State": "can be applied here" if document["usable"] else "; ".join(document["problems"]),
    }  # fmt: skip
    text = shared.paragraphs(
        shared.facts_text(facts), shared.settings_table(document["settings"]), shared.roles_table(document["roles"])
    )
    session.console.result(text)
    return Exit.OK


@options.command(presets, "save")
def save_preset(
    session: Session,
    name: NameArgument,
    from_run: FromRunOption = None,
    config: ConfigOption = None,
    assignments: options.SetOption = [],  # noqa: B006 - Typer copies it
    roles: shared.RoleOption = [],  # noqa: B006
    notes: shared.NotesOption = None,
    raw_format: FormatOption = "",
    replace: shared.ReplaceOption = False,
) -> Exit:
    """Save settings under a name, with the hashes of the schemas they were written for. The same content is kept once."""
    from harness_core.domain.remembered import with_roles
    from harness_core.domain.settings_resolution import merge

    change = shared.settings_change(assignments, (), roles, notes)
    given = merge(read_settings_file(config) if config else {}, change.settings)
    with session.core() as core:
        base = core.presets.settings_of_run(core.runs.get(from_run)) if from_run else {}
        settings = merge(base, given)
        if not settings and not change.roles:
            raise UsageError("empty_preset", "A preset without settings changes nothing.",
                             next_step="Name settings with --set, --config or --from-run.")  # fmt: skip
        saved = core.presets.save(name, settings, with_roles({}, change.roles), notes or "", raw_format, replace=replace)
    _tell(session, saved)
    return Exit.OK


def _tell(session: Session, saved: "Saved") -> None:
    state = "saved" if saved.changed else "unchanged"
    preset = saved.preset
    session.console.document = {"name": preset.name, "state": state, "sha256": preset.sha256, "same_as": list(saved.same_as)}
    session.console.result(f"Preset {preset.name} {state}.")
    if saved.same_as:
        session.console.note(f"The same content is also called {', '.join(saved.same_as)}.")


@options.command(presets, "diff")
def diff_preset(
    session: Session, name: NameArgument, against: AgainstOption = None, erp: options.ErpOption = None
) -> Exit:  # fmt: skip
    """Show what applying a preset changes, setting by setting, without applying it."""
    with session.core() as core:
        changes = core.presets.diff(name, erp=erp, against=against)
    session.console.document = {"name": name, "against": against, "erp": erp, "changes": [item.as_dict() for item in changes]}
    rows = [
        (item.plugin_id, item.setting, shared.shown_value(item.before), shared.shown_value(item.after)) for item in changes
    ]  # fmt: skip
    session.console.result(table(("PLUGIN", "SETTING", "BEFORE", "AFTER"), rows) if rows else "It changes nothing.")
    return Exit.OK


@options.command(presets, "remove")
def remove_preset(session: Session, name: NameArgument) -> Exit:
    """Forget a preset. Runs that used it keep their settings; `export` it first to have it again."""
    with session.core() as core:
        core.knowledge.remove_preset(name)
    session.console.document = {"name": name, "state": "removed"}
    session.console.result(f"Preset {name} removed.")
    return Exit.OK


@options.command(presets, "export")
def export_preset(session: Session, name: NameArgument, output: shared.OutputOption = None) -> Exit:
    """Write a preset as YAML that `import` reads, schema hashes included."""
    with session.core() as core:
        found = core.knowledge.preset(name)
    shared.give_document(session.console, found.document(), output, found.sha256)
    return Exit.OK


@options.command(presets, "import")
def import_preset(session: Session, file: shared.DocumentArgument, replace: shared.ReplaceOption = False) -> Exit:
    """Read a preset from YAML; refused where a plugin is missing here or its settings have another schema."""
    from harness_core.domain.presets import read_preset

    made = read_preset(*shared.read_document_file(file))
    with session.core() as core:
        saved = core.presets.take_in(made, replace=replace)
    _tell(session, saved)
    return Exit.OK
