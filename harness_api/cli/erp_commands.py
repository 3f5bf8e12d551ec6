"""`harness erp …`: the systems that datasets come from, with their known issues, default settings and column roles."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from harness_api.cli import knowledge_options as shared
from harness_api.cli import options
from harness_api.cli.console import table
from harness_api.cli.exits import Exit, Severity
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of an ERP.")]
TitleOption = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What people call it.")]
IssueArgument = Annotated[str, typer.Argument(metavar="ISSUE", help="The id of the known issue, such as negative-quantity.")]
KindOption = Annotated[str, typer.Option("--kind", metavar="KIND", help="The class of claim, such as sentinel or missingness.")]
ColumnOption = Annotated[
    list[str], typer.Option("--column", metavar="COLUMN", help="A column it is about; may be repeated, and the order may count.")
]
ConditionOption = Annotated[str, typer.Option("--condition", metavar="SQL", help="Which rows show it, such as: quantity < 0")]
PatternOption = Annotated[
    str, typer.Option("--pattern", metavar="REGEX", help="What the text of a column holds that shows it (RE2).")
]
IssueTitleOption = Annotated[str, typer.Option("--title", metavar="TEXT", help="One line about it; its id unless given.")]
SeverityOption = Annotated[Severity, typer.Option("--severity", help="How bad it is where it is confirmed.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="What is known about it.")]
RecommendationOption = Annotated[str, typer.Option("--recommendation", metavar="TEXT", help="What to do where it is confirmed.")]
RemoveOption = Annotated[bool, typer.Option("--remove", help="Forget this known issue.", show_default=False)]


class _Done(StrEnum):
    SAVED = "saved"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


erp = options.group("erp", "List, show and keep ERPs: the systems that files come from.")


@options.command(erp, "list")
def list_erps(session: Session) -> Exit:
    """List the ERPs, by name."""
    with session.core() as core:
        found = core.knowledge.erps()
    session.console.document = {"erps": [_summary(item) for item in found], "next": None}
    rows = [
        (item.name, str(len(item.known_issues)), str(len(item.roles)), str(len(item.settings)), item.title) for item in found
    ]  # fmt: skip
    heads = ("ERP", "KNOWN ISSUES", "ROLES", "PLUGINS SET", "TITLE")
    session.console.result(table(heads, rows, right=frozenset({1, 2, 3})) if rows else "No ERPs.")
    return Exit.OK


def _summary(item: Any) -> dict[str, Any]:
    return {
        "name": item.name, "title": item.title, "sha256": item.sha256, "known_issue_count": len(item.known_issues),
        "role_count": len(item.roles), "plugins_set": sorted(item.settings),
    }  # fmt: skip


@options.command(erp, "show")
def show_erp(session: Session, name: NameArgument) -> Exit:
    """Show an ERP: its known issues, settings and column roles."""
    with session.core() as core:
        found = core.knowledge.erp(name)
    session.console.document = {**found.document(), "sha256": found.sha256}
    facts = {"ERP": found.name, "Title": found.title, "Notes": found.notes, "Content": f"sha256 {found.sha256}"}
    rows = [(item.id, item.kind, ", ".join(item.columns), item.severity, _test_of(item)) for item in found.known_issues]
    issues = table(("KNOWN ISSUE", "KIND", "COLUMNS", "SEVERITY", "SHOWN BY"), rows) if rows else "No known issues."
    text = shared.paragraphs(
        shared.facts_text(facts), issues, shared.settings_table(found.settings), shared.roles_table(found.roles)
    )
    session.console.result(text)
    return Exit.OK


def _test_of(issue: Any) -> str:
    parts = [f"where {issue.condition}"] * bool(issue.condition) + [f"matching {issue.pattern}"] * bool(issue.pattern)
    return " and ".join(parts) or "its kind"


@options.command(erp, "add")
def add_erp(session: Session, name: NameArgument, title: TitleOption = None, notes: shared.NotesOption = None) -> Exit:
    """Begin an ERP. Adding the same once more changes nothing."""
    from harness_core.domain.erp import Erp

    with session.core() as core:
        made = Erp(name=name, title=(title or "").strip(), notes=(notes or "").strip())
        changed = core.erps.add(made)
    _tell(session, name, made.sha256, changed=changed)
    session.console.note(f"Next: `harness erp issue {name} …`, `harness erp set {name} …`, then `harness run FILE --erp {name}`.")
    return Exit.OK


@options.command(erp, "set")
def set_erp(
    session: Session,
    name: NameArgument,
    title: TitleOption = None,
    notes: shared.NotesOption = None,
    assignments: options.SetOption = [],  # noqa: B006 - Typer copies it
    unset: shared.UnsetOption = [],  # noqa: B006
    roles: shared.RoleOption = [],  # noqa: B006
) -> Exit:
    """Change an ERP: its title, notes, settings of plugins, and roles of columns, for every file that comes from it."""
    change = shared.settings_change(assignments, unset, roles, notes)
    shared.refuse_nothing(change.says_something or title is not None)
    with session.core() as core:
        found, changed = core.erps.change(name, change, title)
    _tell(session, name, found.sha256, changed=changed)
    return Exit.OK


@options.command(erp, "issue")
def put_issue(
    session: Session,
    name: NameArgument,
    issue: IssueArgument,
    kind: KindOption = "",
    columns: ColumnOption = [],  # noqa: B006 - Typer copies it
    condition: ConditionOption = "",
    pattern: PatternOption = "",
    title: IssueTitleOption = "",
    severity: SeverityOption = Severity.NOTICE,
    note: NoteOption = "",
    recommendation: RecommendationOption = "",
    remove: RemoveOption = False,
) -> Exit:
    """Write down a known issue of an ERP, in the place of one with the same id; every run of the ERP then says whether it is there.

    Constants, keys, duplicates, functional dependencies and missing values are told by kind and columns; anything else needs a
    condition or a pattern.
    """
    given = {"kind": kind, "columns": columns, "condition": condition, "pattern": pattern, "title": title, "note": note,
             "recommendation": recommendation}  # fmt: skip
    raw = {"id": issue, **{key: value for key, value in given.items() if value}}
    if remove and len(raw) > 1:
        raise UsageError("contradicting_options", "--remove takes no other option of an issue.", next_step="Leave them away.")
    with session.core() as core:
        if remove:
            found, changed = core.erps.drop_issue(name, issue)
        else:
            found, changed = core.erps.put_issue(name, raw | {"severity": str(severity)})
    _tell(session, name, found.sha256, changed=changed)
    return Exit.OK


@options.command(erp, "remove")
def remove_erp(session: Session, name: NameArgument) -> Exit:
    """Forget an ERP. Runs that used it keep what they were told; `export` it first to have it again."""
    with session.core() as core:
        core.knowledge.remove_erp(name)
    session.console.document = {"name": name, "state": _Done.REMOVED}
    session.console.result(f"ERP {name} removed.")
    return Exit.OK


@options.command(erp, "export")
def export_erp(session: Session, name: NameArgument, output: shared.OutputOption = None) -> Exit:
    """Write an ERP as YAML that `import` reads."""
    with session.core() as core:
        found = core.knowledge.erp(name)
    shared.give_document(session.console, found.document(), output, found.sha256)
    return Exit.OK


@options.command(erp, "import")
def import_erp(session: Session, file: shared.DocumentArgument, replace: shared.ReplaceOption = False) -> Exit:
    """Read an ERP from YAML. The same content again changes nothing; another under the same name needs --replace."""
    from harness_core.domain.erp import read_erp

    made = read_erp(*shared.read_document_file(file))
    with session.core() as core:
        changed = core.erps.save(made, replace_=replace)
    _tell(session, made.name, made.sha256, changed=changed)
    return Exit.OK


def _tell(session: Session, name: str, sha256: str, *, changed: bool) -> None:
    state = _Done.SAVED if changed else _Done.UNCHANGED
    session.console.document = {"name": name, "state": state, "sha256": sha256}
    session.console.result(f"ERP {name} {state}.")
