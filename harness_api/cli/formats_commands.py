"""`harness formats …`: raw formats, what a file is recognised as, and the roles and settings remembered of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import knowledge_options as shared
from harness_api.cli import options
from harness_api.cli.console import table
from harness_api.cli.datasets_commands import DatasetArgument
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import InputRefused

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_core.domain.formats import Header

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name or id of a raw format, or the beginning of the id.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of a raw format, new or there already.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A file, or the id of a dataset version.")]

formats = options.group("formats", "List, show, recognise and keep raw formats: files with the same columns.")


@options.command(formats, "list")
def list_formats(session: Session) -> Exit:
    """List the raw formats that were seen or named, by name."""
    from harness_core.services.formats import format_document

    with session.core() as core:
        found = core.knowledge.formats()
        made_for = {item.format_id: [preset.name for preset in core.presets.for_format(item.format_id)] for item in found}
    documents = [format_document(item) | {"presets": made_for[item.format_id]} for item in found]
    session.console.document = {"formats": documents, "next": None}
    rows = [
        (item.name, item.format_id, str(len(item.headers[0])) if item.headers else "", str(len(item.headers)), str(len(item.roles)),
         ", ".join(made_for[item.format_id]), item.filename)
        for item in found
    ]  # fmt: skip
    heads = ("FORMAT", "ID", "COLUMNS", "HEADERS", "ROLES", "PRESETS", "FIRST FILE")
    session.console.result(table(heads, rows, right=frozenset({2, 3, 4})) if rows else "No raw formats.")
    return Exit.OK


@options.command(formats, "show")
def show_format(session: Session, name: NameArgument) -> Exit:
    """Show a raw format: its columns with their roles, its settings and the presets made for it."""
    from harness_core.services.formats import format_document

    with session.core() as core:
        found = core.knowledge.raw_format(name)
        presets = [item.name for item in core.presets.for_format(found.format_id)]
    session.console.document = format_document(found) | {"presets": presets}
    facts = {
        "Format": f"{found.name} ({found.format_id})", "Notes": found.notes, "First file": found.filename,
        "Presets": ", ".join(presets), "Headers": str(len(found.headers)),
    }  # fmt: skip
    rows = [(column, family, found.roles.get(column, "")) for column, family in (found.headers[0] if found.headers else ())]
    columns = table(("COLUMN", "TYPE", "ROLE"), rows) if rows else ""
    session.console.result(shared.paragraphs(shared.facts_text(facts), columns, shared.settings_table(found.settings)))
    return Exit.OK


@options.command(formats, "recognise")
def recognise(session: Session, file: FileArgument) -> Exit:
    """Say of which raw format a file is, and what is remembered of it: roles, settings and presets. Nothing is recorded."""
    with session.core() as core:
        header, _ = _header(core, file)
        found = core.formats.recognise(header)
    session.console.document = found.as_dict()
    if found.raw_format is not None:
        known = found.raw_format
        facts = {
            "Format": f"{known.name} ({known.format_id})",
            "Notes": known.notes,
            "Presets": ", ".join(i.name for i in found.presets),
        }
        text = shared.paragraphs(shared.facts_text(facts), shared.roles_table(known.roles), shared.settings_table(known.settings))
    elif found.nearest is not None:
        text = f"No known raw format. {found.nearest[0].name} comes near, but there is {'; '.join(found.nearest[1])}."
    else:
        text = "No known raw format."
    session.console.result(text)
    return Exit.OK


def _header(core: "Core", file: str) -> "tuple[Header, str]":
    """The columns of a file or of a dataset version, and the file's name. The file is looked at and forgotten."""
    path = Path(file)
    if not path.exists() and file.startswith("dv_"):
        version = core.library.dataset_version(file)
        return core.formats.header_of_dataset(version), version.filename
    if not path.is_file():
        raise InputRefused("no_such_file", f"{file} is not there.", why="It is neither a file nor the id of a dataset version.",
                           next_step="Give the path of a file, or an id of `harness datasets list`.")  # fmt: skip
    return core.formats.header_of_path(path), path.name


@options.command(formats, "add")
def add_format(session: Session, name: NewNameArgument, file: FileArgument) -> Exit:
    """Give the columns of a file a name; a name that is there learns them as a further header of the same format."""
    with session.core() as core:
        header, filename = _header(core, file)
        found, changed = core.formats.teach(name, header, filename)
    _tell(session, found.name, found.format_id, changed=changed)
    return Exit.OK


@options.command(formats, "set")
def set_format(
    session: Session,
    name: NameArgument,
    notes: shared.NotesOption = None,
    assignments: options.SetOption = [],  # noqa: B006 - Typer copies it
    unset: shared.UnsetOption = [],  # noqa: B006
    roles: shared.RoleOption = [],  # noqa: B006
) -> Exit:
    """Change what is remembered of a raw format: notes, settings of plugins and roles of columns, for every file like it."""
    change = shared.settings_change(assignments, unset, roles, notes)
    shared.refuse_nothing(change.says_something)
    with session.core() as core:
        found, changed = core.formats.change(name, change)
    _tell(session, found.name, found.format_id, changed=changed)
    return Exit.OK


@options.command(formats, "remove")
def remove_format(session: Session, name: NameArgument) -> Exit:
    """Forget a raw format and what is remembered of it. The next file like it is seen as new."""
    with session.core() as core:
        found = core.knowledge.raw_format(name)
        core.knowledge.remove_format(found.format_id)
    session.console.document = {"name": found.name, "format_id": found.format_id, "state": "removed"}
    session.console.result(f"Raw format {found.name} removed.")
    return Exit.OK


@options.command(formats, "export")
def export_format(session: Session, name: NameArgument, output: shared.OutputOption = None) -> Exit:
    """Write a raw format as YAML that `import` reads."""
    with session.core() as core:
        found = core.knowledge.raw_format(name)
    shared.give_document(session.console, found.document(), output, found.sha256)
    return Exit.OK


@options.command(formats, "import")
def import_format(session: Session, file: shared.DocumentArgument, replace: shared.ReplaceOption = False) -> Exit:
    """Read a raw format from YAML. The same content again changes nothing; another under the same name needs --replace."""
    from harness_core.domain.formats import read_format

    made = read_format(*shared.read_document_file(file))
    with session.core() as core:
        changed = core.formats.save(made, replace_=replace)
        found = core.knowledge.raw_format(made.name)
    _tell(session, found.name, found.format_id, changed=changed)
    return Exit.OK


def _tell(session: Session, name: str, format_id: str, *, changed: bool) -> None:
    state = "saved" if changed else "unchanged"
    session.console.document = {"name": name, "format_id": format_id, "state": state}
    session.console.result(f"Raw format {name} {state}.")


def dataset_roles(
    session: Session,
    dataset_id: DatasetArgument,
    roles: shared.RoleOption = [],  # noqa: B006 - Typer copies it
) -> Exit:
    """Show the roles that columns of this very file were given, or give them; they win over those of its format and ERP."""
    from harness_core.domain.remembered import read_role, with_roles

    changes = [read_role(text) for text in roles]
    with session.core() as core:
        version = core.library.dataset_version(dataset_id)
        known: Mapping[str, str] = core.knowledge.dataset_roles(version.input_sha256)
        if changes:
            _refuse_unknown_columns([column for column, _ in changes], [str(item["name"]) for item in version.columns])
            known = with_roles(known, changes)
            core.knowledge.save_dataset_roles(version.input_sha256, known)
    document: dict[str, Any] = {"dataset_version_id": version.dataset_version_id, "roles": dict(known)}
    session.console.document = document
    session.console.result(shared.roles_table(known) or "No roles were given by hand.")
    return Exit.OK


def _refuse_unknown_columns(wanted: list[str], there: list[str]) -> None:
    from harness_core.domain.errors import UsageError
    from harness_core.domain.suggestions import did_you_mean

    for column in wanted:
        if column not in there:
            remedy = did_you_mean(column, there)
            raise UsageError("no_such_column", f"There is no column {column!r} in this dataset version.",
                             next_step=f"{remedy[:1].upper()}{remedy[1:]}")  # fmt: skip
