"""Tables as CSV: one row each, with their number in the file's name, and nothing that a spreadsheet would compute."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from fastapi import Response

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Response:
    """A download; the header ``X-Row-Count`` and the file's name say how many rows follow the heading."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}-{len(rows)}-rows.csv"', "x-row-count": str(len(rows))}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any) -> Any:
    """A text that begins like a formula gets an apostrophe before it."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
