"""How the columns of a dataset version are called and stored in the view ``data``, whatever their names are in the source."""

from dataclasses import dataclass

from harness_core.sdk.contract import Column
from harness_core.sdk.dataset import Dataset, quote_name


@dataclass(frozen=True)
class ViewColumn:
    """A column as SQL sees it: ``sql`` is its quoted name in the view ``data``, ``storage`` DuckDB's exact type."""

    column: Column
    sql: str
    storage: str

    @property
    def name(self) -> str:
        return self.column.name


def view_columns(dataset: Dataset) -> list[ViewColumn]:
    """All columns in source order; matched by position, because the view renames a source column called ``row_index``."""
    described = dataset.connection.sql("DESCRIBE data").fetchall()
    pairs = zip(dataset.columns, described, strict=False)  # the view ends with row_index, which is no source column
    return [ViewColumn(column, quote_name(row[0]), row[1]) for column, row in pairs]
