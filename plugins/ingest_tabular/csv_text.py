"""A regular delimited text as a relation whose columns are all texts, whole or in pieces, believed as far as a census agrees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
from csv_census import Census, CensusTaker
from csv_pieces import Pieces, Relation
from csv_records import Dialect
from typed_table import WIDE, Progress, Whole

from harness_core.sdk.dataset import quote_name, quote_text

EMPTY_MARK = "\ue000"
MAX_LINE_BYTES = 8 << 20
USUAL_LINE_BYTES = 2 << 20  # the reader's buffers are sixteen times the longest line that it is told of


class IrregularText(Exception):
    """The census found what the fast reader would read in another way."""


@dataclass(frozen=True)
class TextForm:
    """How the file is to be read.

    ``keeps_empty`` tells an empty text in quotes from no value; mended rows carry a mark for it. ``pads`` fills short rows. No row
    has more bytes than ``longest_line``, if that is known.
    """

    names: Sequence[str]
    dialect: Dialect
    line_end: str = "\n"
    pads: bool = False
    keeps_empty: bool = False
    longest_line: int | None = None

    def relation(self, path: Path, skip_lines: int, *, parallel: bool) -> str:
        """SQL for the rows in file order; not ``parallel``, they are one batch.

        Left to itself, the reader takes the first line end that it sees for the usual one, even within quotes; told of ``\\r\\n``,
        it joins rows (DuckDB 2.0.0).
        """
        chosen = ", ".join(
            f"CASE WHEN {quote_name(name)} = {quote_text(EMPTY_MARK)} THEN '' ELSE {quote_name(name)} END AS {quote_name(name)}"
            for name in self.names
        )
        columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in self.names)
        delimiter, quote, escape = map(quote_text, (self.dialect.delimiter, self.dialect.quote, self.dialect.escape))
        told = ", new_line='\\n'" if self.line_end == "\n" else ""
        return (
            f"SELECT {chosen if self.keeps_empty else '*'} FROM read_csv({quote_text(str(path))}, auto_detect=false, "
            f"columns={{{columns}}}, delim={delimiter}, quote={quote}, escape={escape}, header=false, skip={skip_lines}, "
            f"strict_mode=true, null_padding={_sql(self.pads)}, parallel={_sql(parallel and not self.pads)}, "
            f"allow_quoted_nulls={_sql(not self.keeps_empty)}, max_line_size={self.longest_line or MAX_LINE_BYTES}{told})"
        )

    def as_seen(self, census: Census) -> "TextForm":
        """The form with what the census tells of lines, as far as it got."""
        is_usual = census.longest_line_bytes <= USUAL_LINE_BYTES // 4
        return replace(
            self,
            line_end="\r\n" if census.line_ends == "crlf" else "\n",
            longest_line=self.longest_line or (USUAL_LINE_BYTES if is_usual else MAX_LINE_BYTES),
        )


@dataclass(frozen=True)
class CsvTexts:
    """The texts of a file that is looked at while its first pieces are written already; whatever was written counts for nothing
    where the census ends otherwise than ``is_simple`` wants it."""

    form: TextForm
    taker: CensusTaker
    is_simple: Callable[[Census], bool]
    connection: "duckdb.DuckDBPyConnection"
    work: Path
    memory_mb: int

    @property
    def relation(self) -> str:
        """SQL for all rows, in order; raises IrregularText."""
        self._settle()
        return self.form.as_seen(self.taker.census).relation(self.taker.path, self.taker.skip_lines, parallel=True)

    def write(self, select: Callable[[str], str], target: Path, form: str, progress: Progress) -> None:
        """As :class:`typed_table.Texts` says; raises IrregularText. Planning a wide table's query for each piece costs too much."""
        if len(self.form.names) > WIDE or self._has_one_group():
            return Whole(self.connection, self.relation).write(select, target, form, progress)
        Pieces(self.taker.path, self.taker, self._piece_form, self.work, self.memory_mb).write(select, target, form, progress)
        return self._settle()

    def _has_one_group(self) -> bool:
        return sum(1 for _ in zip(range(3), self.taker, strict=False)) < 3

    def _piece_form(self) -> tuple[bytes, Relation]:
        form = self.form.as_seen(self.taker.census)
        return form.line_end.encode(), partial(form.relation, skip_lines=1, parallel=False)

    def _settle(self) -> None:
        if not self.is_simple(self.taker.finish()):
            raise IrregularText


def _sql(flag: object) -> str:
    return "true" if flag else "false"
