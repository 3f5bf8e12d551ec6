"""Numbers, times and states as people read them; what the templates call filters."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from harness_api.paces import pace_words
from harness_core.domain.evidence import ROW_REFERENCE
from harness_core.domain.plugins import Limits
from harness_core.domain.run_manifests import iso_time
from harness_core.domain.runs import Execution

SEPARATORS: Mapping[str, str] = {"\t": "tab", " ": "space", "": "none", ",": "comma", ";": "semicolon", "|": "pipe"}
UNITS = ("bytes", "kB", "MB", "GB", "TB")
HASH_CHARACTERS = 12
MISSING = Markup('<span class="missing" title="missing">∅</span>')

# The shape says what the colour says: nothing is told by colour alone.
GLYPHS: Mapping[str, str] = {
    "QUEUED": "○", "PENDING": "○", "RUNNING": "◐", "COMPLETED": "✓", "OK": "✓", "REUSED": "↺", "NA": "–", "PARTIAL": "◑",
    "FAILED": "✕", "ERROR": "✕", "TIMEOUT": "✕", "MEMORY": "✕", "SANDBOX": "✕", "ABORTED": "✕", "BLOCKED": "⊘", "SKIPPED": "↷",
    "CANCELLED": "■",
}  # fmt: skip
TONES: Mapping[str, str] = {
    "QUEUED": "quiet", "PENDING": "quiet", "RUNNING": "active", "COMPLETED": "good", "OK": "good", "REUSED": "good", "NA": "quiet",
    "PARTIAL": "warn", "FAILED": "bad", "ERROR": "bad", "TIMEOUT": "bad", "MEMORY": "bad", "SANDBOX": "bad", "ABORTED": "bad",
    "BLOCKED": "warn", "SKIPPED": "quiet", "CANCELLED": "quiet", "info": "quiet", "notice": "active", "warning": "warn",
    "critical": "bad",
}  # fmt: skip
SEVERITY_GLYPHS: Mapping[str, str] = {"info": "i", "notice": "●", "warning": "▲", "critical": "◆"}
EVENT_WORDS: Mapping[str, str] = {
    "run.queued": "Queued", "run.started": "Started", "run.planned": "Plan made", "run.cancel_requested": "Cancel requested",
    "run.paused": "Paused: nothing new is started, what runs is finished", "run.retried": "Retried", "run.resumed": "Resumed",
    "run.ended": "Ended", "execution.queued": "waits for a worker",
    "execution.started": "started", "execution.progress": "", "execution.ended": "ended", "execution.retry": "is tried again",
    "execution.lost": "lost its worker", "execution.handed_back": "was handed back", "execution.reuse_refused": "is computed anew",
    "execution.waiting": "waits for another run that computes the same",
    "execution.derived_refused": "left derived columns that are not used",
    "job.stumbled": "could not be handled",
}  # fmt: skip


NEEDS: Mapping[str, str] = {
    "rows": "row", "columns": "column", "numeric": "numeric column", "categorical": "categorical column",
    "temporal": "column of dates or times", "text": "text column", "event_log": "event log",
}  # fmt: skip


def size(value: int | None) -> str:
    """Bytes in the largest unit that keeps the number readable."""
    if value is None:
        return "–"
    amount = float(value)
    for unit in UNITS:
        if amount < 1000 or unit == UNITS[-1]:
            return f"{value:,} {unit}" if unit == "bytes" else f"{amount:,.3g} {unit}"
        amount /= 1000
    return str(value)


def duration(seconds: float | None) -> str:
    """A span of time in at most two units."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def ago(at: float | None, now: float) -> str:
    """How long ago, in one unit."""
    if at is None:
        return ""
    seconds = max(0.0, now - at)
    for limit, unit_s, name in ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit_s)} {name} ago"
    return f"{int(seconds // 86400)} days ago"


def moment(at: float | None) -> Markup:
    """A moment with its zone, as ``<time>``."""
    if at is None:
        return Markup("–")
    text = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}">{}</time>').format(iso_time(at), text)


def clock(at: float) -> Markup:
    """A moment as the time of its day, where the day stands elsewhere; the whole of it in the title."""
    when = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        iso_time(at), when.strftime("%Y-%m-%d %H:%M:%S UTC"), when.strftime("%H:%M:%S UTC")
    )


def short(digest: str | None) -> str:
    """The first twelve characters of a hash, without the name of its function."""
    return (digest or "").removeprefix("sha256:")[:HASH_CHARACTERS]


def badge(status: Any) -> Markup:
    """A state as glyph and word."""
    name = str(status)
    return Markup('<span class="badge tone-{}"><span aria-hidden="true">{}</span> {}</span>').format(
        TONES.get(name, "quiet"), GLYPHS.get(name, "•"), name.capitalize() if name != "NA" and name != "OK" else name
    )


def severity(name: str) -> Markup:
    return Markup('<span class="badge tone-{}"><span aria-hidden="true">{}</span> {}</span>').format(
        TONES.get(name, "quiet"), SEVERITY_GLYPHS.get(name, "•"), name.capitalize()
    )


def count(number: int | None, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    if number is None:
        return f"– {many or one + 's'}"
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def number(value: Any) -> str:
    """A value as people read it: thousands told apart, four significant digits of what is not whole, words as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.1f}"
    return "–" if value is None else str(value)


def exact(value: Any) -> str:
    """A value of an answer as it is compared: every digit."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def sureness(finding: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How sure a claim is, as pairs of a word and its value: basis, confidence if stated, effect with its interval, p, q, n."""
    statistics = finding.get("statistics") or {}
    shown = [("Basis", str(finding["measure"]).lower())]
    if finding.get("confidence") is not None:
        shown.append(("Confidence", percent(finding["confidence"])))
    effect = statistics.get("effect")
    if isinstance(effect, Mapping) and effect.get("value") is not None:
        interval = effect.get("interval")
        ends = f" ({number(interval[0])} to {number(interval[1])})" if isinstance(interval, list) and len(interval) == 2 else ""
        shown.append((str(effect.get("name") or "effect").replace("_", " ").capitalize(), f"{number(effect['value'])}{ends}"))
    for word, key in (("Test", "test"), ("p", "p_value"), ("q", "q_value"), ("n", "n")):
        value = statistics.get(key)
        if value is not None and not isinstance(value, Mapping | list):
            shown.append((word, _probability(value) if key in ("p_value", "q_value") else number(value)))
    return shown


def _probability(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 1e-4:
        return "below 0.0001"
    return number(value)


def row_number(reference: Any) -> int | None:
    """The number in ``db://…#row_index=7``; None for another text."""
    match = ROW_REFERENCE.fullmatch(str(reference))
    return int(match["row"]) if match else None


def budget(limits: Limits) -> str:
    """What it may take beside time and memory."""
    processor = f"{duration(limits.cpu_s)} of processor time; " if limits.cpu_s is not None else ""
    scratch = f"{limits.scratch_mb:,} MB and {limits.scratch_files:,} files in its scratch folder"
    return f"{processor}{scratch}; {limits.output_mb:,} MB of output; {limits.result_mb:,} MB of result"


def needs(wanted: Mapping[str, int]) -> str:
    """What a plugin needs at least, as people say it."""
    parts = [count(number, one) for number, one in ((wanted[name], NEEDS.get(name, name)) for name in sorted(wanted))]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def coded(text: Any) -> Markup:
    """A sentence in which what stands between backticks is code; everything is escaped."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = [Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
    return Markup("").join(shown)


def percent(fraction: float) -> str:
    return f"{int(fraction * 100)} %"


def event_words(type_: str, plugin_id: str | None, data: Mapping[str, Any]) -> Markup:
    """One line about an event; everything in it that others wrote is escaped."""
    words = EVENT_WORDS.get(type_, type_)
    if type_ == "execution.progress":
        words = str(data.get("what") or "works") + _share(data)
    elif type_ == "execution.log":
        words = "logged an error" if data.get("level") == "error" else "logged a warning"
    plugins = ", ".join(map(str, data.get("plugins", ())))
    detail = data.get("status") or plugins or data.get("because") or data.get("reason") or data.get("message") or ""
    subject = Markup("<code>{}</code> ").format(plugin_id) if plugin_id else Markup("")
    return subject + escape(words) + (Markup(": {}").format(detail) if detail else Markup(""))


def _share(data: Mapping[str, Any]) -> str:
    done, total = data.get("done"), data.get("total")
    return f", {percent(min(1.0, done / total))}" if isinstance(done, int | float) and total else ""


def pace(execution: Execution, now: float) -> str:
    """How far an execution is in its own numbers, how fast, and how long it will still take if it goes on so."""
    began = execution.started_at
    elapsed_s = None if began is None else now - began
    return pace_words(execution.progress_done, execution.progress_total, execution.progress_unit, elapsed_s)


def plain(value: Any) -> str:
    """A setting as a word: separators that cannot be seen, or hardly, are named."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return SEPARATORS.get(str(value), str(value))


def compact_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def cells(row: Sequence[Any], are_numbers: Sequence[bool]) -> Markup:
    """The cells of a row of data, what is missing marked. A template takes six times as long, and a page has ten thousand."""
    found = []
    for place, is_number in enumerate(are_numbers):
        value = row[place] if place < len(row) else None
        shown = MISSING if value is None else escape(value)
        found.append(f'<td class="value">{shown}</td>' if is_number else f"<td>{shown}</td>")
    return Markup("".join(found))  # noqa: S704 - escaped above
