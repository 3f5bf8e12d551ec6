"""Two runs side by side on a terminal: the verdict, then only what differs."""

from collections.abc import Sequence
from typing import Any

from harness_api.cli.console import Console, paint
from harness_core.services.comparing import Change, Claims, Comparison

SHOWN = 15
MAX_VALUE = 60


def show_comparison(console: Console, found: Comparison) -> None:
    """The verdict on stdout is all there is where nothing differs."""
    console.result(f"{paint('Equal:' if found.equal else 'Different:', 'green' if found.equal else 'yellow')} {found.verdict}")
    _show_changes(console, "Configuration and code", found.configuration)
    _show_changes(console, "Columns", found.schema)
    _show_changes(console, "Figures of the columns", found.columns)
    _show_claims(console, "Insights", found.insights)
    findings = Claims(found.added, found.removed, found.changed, found.same_findings)
    insights = {item["id"] for item in (*found.insights.added, *found.insights.removed)}
    insights |= {change.after["id"] for change in found.insights.changed}
    _show_claims(console, "Other findings", _without(findings, insights))


def _show_changes(console: Console, head: str, changes: Sequence[Change]) -> None:
    if changes:
        console.result(f"\n{paint(head, 'bold')}")
        _show_lines(console, [f"{item.where}: {item.name}: {_value(item.before)} → {_value(item.after)}" for item in changes])


def _show_claims(console: Console, head: str, claims: Claims) -> None:
    if claims.equal:
        return
    console.result(f"\n{paint(head, 'bold')}")
    lines = [f"{paint('new', 'green')}      {item['statement']}" for item in claims.added]
    lines += [f"{paint('gone', 'red')}     {item['statement']}" for item in claims.removed]
    lines += [
        f"{paint('changed', 'yellow')}  {item.before['statement']}\n           → {item.after['statement']}"
        for item in claims.changed
    ]
    _show_lines(console, lines)


def _show_lines(console: Console, lines: Sequence[str]) -> None:
    shown = lines if console.verbose else lines[:SHOWN]
    for line in shown:
        console.result(f"  {line}")
    if len(lines) > len(shown):
        console.result(f"  and {len(lines) - len(shown):,} more; see them all with --verbose or --json")


def _without(claims: Claims, ids: set[str]) -> Claims:
    """The claims that were not told already."""
    return Claims(
        [item for item in claims.added if item["id"] not in ids],
        [item for item in claims.removed if item["id"] not in ids],
        [item for item in claims.changed if item.after["id"] not in ids],
        claims.same,
    )


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
