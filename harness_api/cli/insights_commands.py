"""`harness insights …`: what is new in a run against earlier ones, and what somebody accepted or suppressed."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness_api.cli import knowledge_options as shared
from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_core.domain.memory import Decision, Scope, Seen


class KindOfScope(StrEnum):
    """What runs may have in common."""

    DATASET = "dataset"
    FORMAT = "format"
    ERP = "erp"


KindOption = Annotated[str, typer.Option("--kind", metavar="KIND", help="Insights of this kind, such as outlier.")]
ColumnOption = Annotated[list[str], typer.Option("--column", metavar="COLUMN", help="Insights about this column; may be repeated.")]
PatternOption = Annotated[
    str, typer.Option("--pattern", metavar="REGEX", help="Insights whose title or statement holds this (RE2).")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever it takes effect.")]
UntilOption = Annotated[
    str, typer.Option("--until", metavar="DAY", help="The last day on which it holds (UTC), such as 2027-03-31, or never.")
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", metavar="DATASET", help="Only for the file of this dataset version.")
]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="NAME", help="Only for files of this raw format.")]
ErpOption = Annotated[str | None, typer.Option("--erp", metavar="NAME", help="Only for files of this ERP.")]
AgainstOption = Annotated[
    KindOfScope | None,
    typer.Option("--against", help="Earlier runs of the same file, raw format or ERP; the narrowest that has any unless given."),
]
DecisionArgument = Annotated[str, typer.Argument(metavar="DECISION", help="The id of a decision, or its beginning.")]
COLOURS = {"new": "green", "changed": "yellow", "gone": "faint", "known": "blue"}

insights = options.group("insights", "What is new in a run, and what was accepted or suppressed.")


@options.command(insights, "show")
def show_insights(session: Session, run_id: options.RunArgument, against: AgainstOption = None) -> Exit:
    """Show which insights of a run are new, known, changed or gone, held against earlier runs, and what was decided about them."""
    with session.core() as core:
        kind: Literal["dataset", "format", "erp"] | None = against.value if against else None
        found = core.insights.retrospect(core.runs.get(run_id), kind)
    session.console.document = found.as_dict()
    rows = [_row(item) for item in found.insights]
    heads = ("", "SEVERITY", "KIND", "DECIDED", "INSIGHT")
    session.console.result(shared.paragraphs(found.sentence, table(heads, rows, width=session.console.width) if rows else ""))
    return Exit.OK


def _row(item: "Seen") -> tuple[str, ...]:
    decided = f"{item.decision.state}: {item.decision.reason}" if item.decision else ""
    why = f" ({item.why})" if item.why else ""
    title = " ".join(item.insight.title.split())
    return paint(str(item.novelty), COLOURS[item.novelty]), item.insight.severity, item.insight.kind, decided, title + why


@options.command(insights, "accept")
def accept(
    session: Session,
    reason: ReasonOption = "",
    until: UntilOption = "",
    kind: KindOption = "",
    columns: ColumnOption = [],  # noqa: B006 - Typer copies it
    pattern: PatternOption = "",
    dataset: DatasetOption = None,
    raw_format: FormatOption = None,
    erp: ErpOption = None,
) -> Exit:
    """Accept insights by kind, column and pattern: they are shown as accepted, with the reason. Reports stay as they are."""
    return _decide(session, "accepted", reason, until, kind, columns, pattern, (dataset, raw_format, erp))


@options.command(insights, "suppress")
def suppress(
    session: Session,
    reason: ReasonOption = "",
    until: UntilOption = "",
    kind: KindOption = "",
    columns: ColumnOption = [],  # noqa: B006 - Typer copies it
    pattern: PatternOption = "",
    dataset: DatasetOption = None,
    raw_format: FormatOption = None,
    erp: ErpOption = None,
) -> Exit:
    """Suppress insights by kind, column and pattern: later runs keep them as findings, and do not rank them.

    It becomes a setting of those runs, and so part of their fingerprint.
    """
    return _decide(session, "suppressed", reason, until, kind, columns, pattern, (dataset, raw_format, erp))


def _decide(
    session: Session,
    state: Literal["accepted", "suppressed"],
    reason: str,
    until: str,
    kind: str,
    columns: list[str],
    pattern: str,
    where: tuple[str | None, str | None, str | None],
) -> Exit:
    from harness_core.domain.memory import end_of_day

    if not until:
        raise UsageError("no_expiry", "A decision needs its last day.", next_step="Say --until 2027-03-31, or --until never.")
    expires_at = end_of_day(until)
    with session.core() as core:
        scope = _scope(core, *where)
        made = core.insights.decide(
            state, reason, kind=kind, columns=columns, pattern=pattern, scope=scope, expires_at=expires_at
        )  # fmt: skip
    session.console.document = made.as_dict()
    session.console.result(made.decision_id)
    session.console.note(f"{state.capitalize()}: {_words(made)}.")
    return Exit.OK


def _scope(core: "Core", dataset: str | None, raw_format: str | None, erp: str | None) -> "Scope | None":
    from harness_core.domain.memory import Scope

    if sum(item is not None for item in (dataset, raw_format, erp)) > 1:
        raise UsageError("contradicting_options", "--dataset, --format and --erp exclude one another.",
                         next_step="Make one decision for each.")  # fmt: skip
    if dataset is not None:
        return Scope("dataset", core.library.dataset_version(dataset).input_sha256)
    if raw_format is not None:
        return Scope("format", core.knowledge.raw_format(raw_format).format_id)
    return Scope("erp", core.knowledge.erp(erp).name) if erp is not None else None


def _words(decision: "Decision") -> str:
    """What a decision is about."""
    parts = [f"kind {decision.kind}"] * bool(decision.kind)
    parts += [f"about {' and '.join(decision.columns)}"] * bool(decision.columns)
    parts += [f"matching {decision.pattern}"] * bool(decision.pattern)
    scope = f" in {decision.scope.kind} {decision.scope.name[:24]}" if decision.scope else " everywhere"
    return ", ".join(parts) + scope


@options.command(insights, "decisions")
def list_decisions(session: Session) -> Exit:
    """List what was accepted and suppressed, oldest first, with the reason and the last day."""
    with session.core() as core:
        found = core.insights.decisions()
    session.console.document = {"decisions": [item.as_dict() | {"holds": holds} for item, holds in found], "next": None}
    rows = [
        (item.decision_id, item.state, _until(item, holds=holds), _words(item), item.reason)
        for item, holds in found
    ]  # fmt: skip
    heads = ("DECISION", "STATE", "UNTIL", "ABOUT", "REASON")
    session.console.result(table(heads, rows, width=session.console.width) if rows else "No decisions.")
    return Exit.OK


def _until(decision: "Decision", *, holds: bool) -> str:
    return (decision.as_dict()["until"] or "never") if holds else paint("expired", "faint")


@options.command(insights, "forget")
def forget(session: Session, decision: DecisionArgument) -> Exit:
    """Take a decision back: later runs tell again what it suppressed."""
    with session.core() as core:
        gone = core.memory.remove_decision(decision)
    session.console.document = {"decision_id": gone.decision_id, "state": "removed"}
    session.console.result(f"Decision {gone.decision_id} removed.")
    return Exit.OK
