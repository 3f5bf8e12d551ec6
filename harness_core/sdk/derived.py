"""Derived columns: computed from a dataset version by one plugin, kept beside it, and read by every plugin that builds on that one.

A file of them is Parquet with one value per row of the dataset version, in its order and its row groups. What a column holds is a
pure function of the data and of its name, so whoever finds none may compute it and gets the same.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness_core.sdk.canonical import digest_of

if TYPE_CHECKING:
    import numpy.typing
    import pyarrow

ROW_GROUP = 122_880
DERIVED = "derived"
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")


def artifact_name(role: str) -> str:
    """The artifact that holds the derived columns of the dataset version with that role, which may be called anything."""
    return f"{DERIVED}/{role if PLAIN.fullmatch(role) else digest_of(role)[:16]}.parquet"


def write_columns(path: Path, columns: Mapping[str, Any], row_count: int) -> None:
    """Write NumPy or Arrow arrays, by name, as a file of derived columns. Raises ValueError where one has another length."""
    import pyarrow
    import pyarrow.parquet

    for name, values in columns.items():
        if len(values) != row_count:
            raise ValueError(f"derived column {name!r} has {len(values):,} values; the dataset version has {row_count:,} rows")
    table = pyarrow.table(dict(columns))
    pyarrow.parquet.write_table(
        table, path, row_group_size=ROW_GROUP, compression="zstd", compression_level=1, use_dictionary=False
    )


class DerivedColumns:
    """What is there in these files, found when it is first asked for. Where two files have a name, the first one counts."""

    def __init__(self, files: Sequence[Path] = (), row_count: int = 0) -> None:
        self._files, self._row_count = tuple(files), row_count

    @cached_property
    def places(self) -> Mapping[str, Path]:
        """By name the file that holds the column. Raises ValueError for a file of another table."""
        import pyarrow.parquet

        found: dict[str, Path] = {}
        for path in self._files:
            facts = pyarrow.parquet.read_metadata(path)
            if facts.num_rows != self._row_count:
                raise ValueError(f"{path.name} has {facts.num_rows:,} rows; the dataset version has {self._row_count:,}")
            for name in facts.schema.to_arrow_schema().names:
                found.setdefault(name, path)
        return found

    def arrow(self, name: str) -> "pyarrow.ChunkedArray | None":
        """The column in row order; None where nobody derived it."""
        path = self.places.get(name)
        if path is None:
            return None
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            return file.read(columns=[name], use_threads=False).column(0)

    def numpy(self, name: str, missing: int = -1) -> "numpy.typing.NDArray[Any] | None":
        """A column of whole numbers in row order, with ``missing`` where it has none; None where nobody derived it."""
        column = self.arrow(name)
        if column is None:
            return None
        import numpy
        import pyarrow.compute

        filled = pyarrow.compute.fill_null(column, missing) if column.null_count else column
        return numpy.asarray(filled.to_numpy())
