"""`harness datasets …`: the dataset versions there are, what is in each, and its first rows."""

from typing import Annotated

import typer

from harness_api.cli import options
from harness_api.cli.console import table
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset version id, or its beginning.")]
RowsOption = Annotated[int, typer.Option("--rows", metavar="N", min=1, max=1000, help="How many rows.")]
OffsetOption = Annotated[int, typer.Option("--offset", metavar="N", min=0, help="The row to begin with, counted from 0.")]
MAX_CELL = 40

datasets = options.group("datasets", "List, show and preview dataset versions.")


@options.command(datasets, "list")
def list_datasets(session: Session, limit: options.LimitOption = 50, after: options.AfterOption = None) -> Exit:
    """List dataset versions, newest first."""
    with session.core() as core:
        from harness_api.documents import dataset_summary

        versions, following = core.library.dataset_versions(after=after, limit=limit)
        session.console.document = {"datasets": [dataset_summary(item) for item in versions], "next": following}
        rows = [
            (item.dataset_version_id, f"{item.row_count:,}", str(item.column_count), f"{item.data_bytes:,}", item.filename)
            for item in versions
        ]
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
        document = dataset_document(version, run_ids)
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


def _cell(value: str | None) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
