"""A finding's figure as a page element: drawing, caption, one-sentence summary, and the same data as a table.

A plugin's description of a figure is a stranger's: what cannot be drawn is said to be so, and the rest of the report goes on.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import figure_bars
import figure_boxes
import figure_heatmap
import figure_histogram
import figure_line
from bundle_html import Markup, el
from bundle_numbers import number, plural

DRAWINGS: Mapping[str, ModuleType] = {
    "histogram": figure_histogram,
    "bars": figure_bars,
    "line": figure_line,
    "heatmap": figure_heatmap,
    "boxes": figure_boxes,
}
UNDRAWABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)


def figure_element(figure: Mapping[str, Any] | None) -> Markup | None:
    """The ``<figure>``, or None where the finding has none."""
    if not figure:
        return None
    title, summary = str(figure.get("title") or ""), str(figure.get("summary") or "")
    kind = DRAWINGS.get(str(figure.get("type")))
    try:
        if kind is None:
            raise ValueError(f"no figure of type {figure.get('type')!r}")
        drawing: Markup = kind.draw(figure, f"{title}. {summary}".strip(". ") or "figure")
        heads, rows = kind.table(figure)
    except UNDRAWABLE as reason:
        return el("p", f"The figure cannot be drawn: {reason}.", class_="muted")
    caption = el("figcaption", el("strong", title), el("p", summary) if summary else None)
    return el("figure", caption, drawing, _data(title, heads, rows))


def _data(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    head = el("tr", [el("th", text, scope="col") if text else el("td") for text in heads])
    body = [el("tr", el("th", _cell(row[0]), scope="row"), [el("td", _cell(value)) for value in row[1:]]) for row in rows]
    table = el("table", el("caption", f"Data: {title}"), el("thead", head), el("tbody", body), class_="num")
    words = f"Show data ({plural(len(rows), 'row')})"
    return el(
        "details", el("summary", words), el("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Data: {title}")
    )


def _cell(value: Any) -> str:
    return number(value) if not isinstance(value, str) else value
