"""`harness datasets …`: the dataset versions there are, what is in each, its first rows, and ending what nobody needs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.console import Console, table
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.datasets import DatasetVersion

if TYPE_CHECKING:
    from harness_core.services.collecting import Sweep

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset version id, or its beginning.")]
RowsOption = Annotated[int, typer.Option("--rows", metavar="N", min=1, max=1000, help="How many rows.")]
OffsetOption = Annotated[int, typer.Option("--offset", metavar="N", min=0, help="The row to begin with, counted from 0.")]
DatasetsArgument = Annotated[
    list[str], typer.Argument(metavar="DATASET", help="Dataset version ids, or their beginnings.", show_default=False)
]
DeletedOption = Annotated[
    bool, typer.Option("--deleted", help="Also those that are deleted or whose data are no longer kept.", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be collected.", show_default=False)]
MAX_CELL = 40
SHOWN = 20

datasets = options.group("datasets", "List, show, preview, delete and collect dataset versions.")


@options.command(datasets, "list")
def list_datasets(
    session: Session, deleted: DeletedOption = False, limit: options.LimitOption = 50, after: options.AfterOption = None
) -> Exit:
    """List dataset versions, newest first."""
    with session.core() as core:
        from harness_api.documents import dataset_summary

        versions, following = core.library.dataset_versions(after=after, limit=limit, deleted=deleted)
        documents = [dataset_summary(item) | kept_document(item) for item in versions]
        session.console.document = {"datasets": documents, "next": following}
        rows = [
            (item.dataset_version_id, f"{item.row_count:,}", str(item.column_count), f"{item.data_bytes:,}",
             item.filename + (f" ({_kept(item)})" if _kept(item) else ""))
            for item in versions
        ]  # fmt: skip
        heads = ("DATASET", "ROWS", "COLUMNS", "BYTES", "FILE")
        session.console.result(table(heads, rows, right=frozenset({1, 2, 3})) if rows else "No dataset versions.")
        if following:
            session.console.note(f"There are more: --after {following}")
    return Exit.OK


@options.command(datasets, "show")
def show_dataset(session: Session, dataset_id: DatasetArgument) -> Exit:
    """Show a dataset version: how its file was read, its columns, and the runs that used it."""
    with session.core() as core:
        from harness_api.documents import dataset_document

        version = core.library.dataset_version(dataset_id)
        run_ids = core.library.runs_of_dataset(version.dataset_version_id)
        document = dataset_document(version, run_ids) | kept_document(version)
        session.console.document = document
        reading = ", ".join(
            f"{key} {value}" for key, value in sorted(version.reading.items()) if isinstance(value, str | int | float)
        )
        facts = {
            "Dataset": version.dataset_version_id,
            "File": f"{version.filename} (sha256 {version.input_sha256})",
            "Read by": f"{version.reader}: {reading}",
            "Size": f"{version.row_count:,} rows, {version.column_count} columns, {version.data_bytes:,} bytes",
            "Runs": ", ".join(run_ids) or "none",
            **({"Kept": _kept(version)} if _kept(version) else {}),
        }
        lines = [f"{name + ':':<9}{value}" for name, value in facts.items()]
        lines += [f"Repair:  {repair.get('sentence') or repair}" for repair in version.repairs]
        rows = [(str(item["name"]), str(item["type"]), "yes" if item.get("nullable") else "no") for item in version.columns]
        session.console.result("\n".join(lines) + "\n\n" + table(("COLUMN", "TYPE", "EMPTY CELLS"), rows))
    return Exit.OK


@options.command(datasets, "preview")
def preview_dataset(session: Session, dataset_id: DatasetArgument, rows: RowsOption = 10, offset: OffsetOption = 0) -> Exit:
    """Print rows of a dataset version as an aligned table."""
    with session.core() as core:
        from harness_core.services.previewing import preview_rows

        version = core.library.dataset_version(dataset_id)
        preview = preview_rows(core.launcher, core.store, core.names, version, offset, rows)
    session.console.document = preview
    heads = ("#", *(_cell(column["name"]) for column in preview["columns"]))
    numeric = {"integer", "float", "decimal"}
    right = frozenset({0, *(place for place, column in enumerate(preview["columns"], 1) if column["type"] in numeric)})
    lines = [(str(offset + place), *(_cell(value) for value in row)) for place, row in enumerate(preview["rows"])]
    session.console.result(table(heads, lines, right=right))
    session.console.note(f"{len(lines):,} of {preview['row_count']:,} rows")
    return Exit.OK


def _kept(version: DatasetVersion) -> str:
    """What somebody or the policy decided about it."""
    if version.purged_at is not None:
        return "only the record is kept"
    return "deleted" if version.deleted_at is not None else ""


def kept_document(version: DatasetVersion) -> dict[str, Any]:
    """The same for programs."""
    from harness_core.domain.run_manifests import iso_time

    return {"deleted_at": iso_time(version.deleted_at), "purged_at": iso_time(version.purged_at)}


@options.command(datasets, "delete")
def delete_datasets(session: Session, dataset_ids: DatasetsArgument) -> Exit:
    """Delete dataset versions, all of those named or none; `undelete` takes it back.

    They are hidden at once, and their data stay for the days of grace; after that `gc` and `harness retention --apply` collect
    them, although ended runs have read them. The uploaded file stays while a run that read it is kept: delete those runs too.
    """
    with session.core() as core:
        deleted = core.retaining.delete_datasets(dataset_ids)
        grace = core.retaining.policy.grace_days
    documents = [{"dataset_version_id": item.dataset_version_id, **kept_document(item)} for item in deleted]
    session.console.document = {"datasets": documents, "grace_days": grace}
    for item in deleted:
        session.console.result(f"Dataset version {item.dataset_version_id} is deleted.")
    if any(item.purged_at is None for item in deleted):
        names = " ".join(item.dataset_version_id for item in deleted[:3])
        session.console.note(f"For at least {grace:g} days it can be taken back: harness datasets undelete {names}")
    return Exit.OK


@options.command(datasets, "undelete")
def undelete_datasets(session: Session, dataset_ids: DatasetsArgument) -> Exit:
    """Take back the deletion of dataset versions, all of those named or none."""
    with session.core() as core:
        back = core.retaining.undelete_datasets(dataset_ids)
    documents = [{"dataset_version_id": item.dataset_version_id, **kept_document(item)} for item in back]
    session.console.document = {"datasets": documents}
    for item in back:
        session.console.result(f"Dataset version {item.dataset_version_id} is there.")
    return Exit.OK


@options.command(datasets, "gc")
def collect(
    session: Session, dry_run: DryRunOption = False, days: options.DaysOption = None, grace_days: options.GraceOption = None
) -> Exit:
    """Collect what nobody needs: data of dataset versions and bytes of uploads.

    Needed is what a run has read whose files are kept (a deleted run keeps its own until it is purged), what a run under way reads,
    and an upload that waits for its first run. It may be interrupted anywhere, and run again.
    """
    with session.core() as core:
        from harness_core.services.retaining import with_options

        policy = with_options(core.collecting.policy, days=days, grace_days=grace_days)
        sweep = core.collecting.survey(policy) if dry_run else core.collecting.collect(policy)
    session.console.document = {"applied": not dry_run, **sweep.as_dict()}
    show_sweep(session.console, sweep, applied=not dry_run)
    return Exit.OK


def show_sweep(console: Console, sweep: "Sweep", *, applied: bool) -> None:
    """What was or would be collected, the first of it by name."""
    nouns = {"dataset": "dataset version", "upload": "upload"}
    for item in sweep.collected[: None if console.verbose else SHOWN]:
        name = item.name[:19] + ("…" if len(item.name) > 19 else "")
        console.say(f"  {nouns[item.kind]:<16} {name:<20} {item.size_bytes:>15,} bytes  {item.filename}".rstrip())
    if len(sweep.collected) > SHOWN and not console.verbose:
        console.say(f"  and {len(sweep.collected) - SHOWN:,} more; see them all with --verbose or --json")
    verb = "Collected" if applied else "Would be collected"
    count = len(sweep.collected)
    console.result(f"{verb}: {count:,} file{'s' * (count != 1)}, {sweep.freed_bytes:,} bytes; {len(sweep.kept):,} are needed.")


def _cell(value: str | None) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
