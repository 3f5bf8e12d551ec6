"""What is said about a reference: which rows point to nothing, since when, why that may be; or that every row finds its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from references_causes import causes_of, joined
from references_fits import Fit, lost_sql
from references_names import words
from references_pairs import DECLARED, Pair
from references_tables import Table

from harness_core.sdk import Dataset, Finding
from harness_core.sdk.statistics.series import view_name
from harness_core.sdk.statistics.wording import listed, number, rounded

NAMED = 3
LISTED = 10
CITED = 20
LONGEST_VALUE = 40
MOST_OF_TIME = 0.8  # of the table's span: what is spread over more has no beginning worth telling
BY_NAME = "The counts are exact; that the column points there is taken from its name and its values."
BY_DECLARATION = "The counts are exact, and the foreign key is declared."


def finding(dataset: Dataset, fit: Fit, settings: Mapping[str, Any]) -> Finding:
    if fit.is_one_to_one:
        return _one_to_one(dataset, fit)
    return _broken(dataset, fit, settings) if fit.lost_rows else _sound(fit)


def _broken(dataset: Dataset, fit: Fit, settings: Mapping[str, Any]) -> Finding:
    pair, share = fit.pair, fit.lost_rows / fit.rows
    own, there = listed(pair.columns), _there(pair)
    frequent, since, causes = _frequent(dataset, pair), _since(dataset, pair), causes_of(dataset, fit)
    refs = _rows(dataset, pair)
    count = "1 row" if fit.lost_rows == 1 else f"{fit.lost_rows:,} rows"
    has = _have(fit.lost_rows)
    title = f"{count} of {pair.child.label} {has} {_a(own)} that is not in {there}"
    if causes.explains(fit.lost_rows):
        title = f"{own} of {pair.child.label} fits {there} only {causes.remedy}"
    of = f"{_of(fit)} ({_percent(share)}) {has} {_one(fit)} that is not in {_place(pair)}"
    statement = f"{fit.lost_rows:,} of {of}: {_named(frequent, fit.lost_values)}.{since[0]}{causes.sentence}"
    severe = pair.rank == DECLARED or share >= settings["warning_share"]
    return Finding(
        kind="key",
        title=title,
        statement=statement,
        columns=_columns(pair),
        severity="warning" if severe else "notice",
        confidence=1.0 if pair.rank == DECLARED else 0.95,
        confidence_note=BY_DECLARATION if pair.rank == DECLARED else BY_NAME,
        statistics={"n": fit.rows, "share": rounded(share), "violations": fit.lost_rows},
        recommendation=causes.advice or _advice(pair),
        evidence=[fit.evidence, frequent, *since[1], *causes.evidence, refs],
        subject="reference",
        figure=_figure(pair, frequent),
    )


def _sound(fit: Fit) -> Finding:
    pair = fit.pair
    own = listed(pair.columns)
    return Finding(
        kind="key",
        title=f"Every {own} of {pair.child.label} is in {_there(pair)}",
        statement=f"Each of {_of(fit)} has {_one(fit)} that is in {_place(pair)}. {_use(fit)}",
        columns=_columns(pair),
        severity="info",
        confidence=1.0 if pair.rank == DECLARED else 0.95,
        confidence_note=BY_DECLARATION if pair.rank == DECLARED else BY_NAME,
        statistics={"n": fit.rows},
        recommendation=f"The two tables can be joined by it without losing a row of {pair.child.label}.",
        evidence=[fit.evidence],
        subject="reference",
    )


def _use(fit: Fit) -> str:
    """How many rows point to each key, and how many keys none points to."""
    table = _tables(fit.pair)
    spread = f"{fit.most:,}" if fit.middle == fit.most else f"{fit.middle:,} in the middle and {fit.most:,} at most"
    if not fit.unused_keys:
        many = "one of them" if fit.most == 1 else f"some of them, {spread}"
        return f"Each of the {fit.keys:,} rows of {table} has {many}."
    share = _percent(fit.unused_keys / fit.keys)
    none = f"{fit.unused_keys:,} of the {fit.keys:,} rows of {table} ({share}) {_have(fit.unused_keys)} none of them"
    return f"{none}, the others {'one' if fit.most == 1 else spread}."


def _one_to_one(dataset: Dataset, fit: Fit) -> Finding:
    """Two tables with one key: how many rows belong together, and which rows on either side have no partner."""
    pair, both = fit.pair, fit.values - fit.lost_values
    back = Pair(pair.parent, pair.keys, (pair.child,), pair.columns, pair.rank)
    lacking = [(item, lost) for item, lost in ((pair, fit.lost_rows), (back, fit.unused_keys)) if lost]
    own, key = listed(pair.columns), listed(pair.keys)
    by = f"their {own}" if own == key else f"{own} and {key}"
    lists = [(item, lost, _frequent(dataset, item)) for item, lost in lacking]
    parts = [
        f"{lost:,} of {item.child.label} {_have(lost)} none in {_tables(item)}: {_named(values, lost, once=True)}"
        for item, lost, values in lists
    ]
    tables = f"{pair.child.label} and {pair.parent.label}"
    statement = f"{both:,} rows of {tables} belong together one to one, by {by}. " + (
        f"{'; '.join(parts)}." if parts else "No row of either is without its partner."
    )
    return Finding(
        kind="key",
        title=f"{tables} have one key, and "
        + (f"{fit.lost_rows + fit.unused_keys:,} rows without a partner" if parts else "agree"),
        statement=statement,
        columns=_columns(pair),
        severity="notice" if len(parts) > 1 else "info",
        confidence=0.95,
        confidence_note=BY_NAME,
        statistics={"n": fit.rows, **({"violations": fit.lost_rows + fit.unused_keys} if parts else {})},
        recommendation="Look up in which table the rows without a partner should be." if len(parts) > 1 else None,
        evidence=[fit.evidence, *(item for _, _, item in lists), *(_rows(dataset, item) for item, _, _ in lists)],
        subject="one to one",
    )


def _frequent(dataset: Dataset, pair: Pair) -> dict[str, Any]:
    return dataset.evidence(
        f"{lost_sql(pair)}SELECT CAST(v AS VARCHAR) AS value, count(*) AS n FROM lost GROUP BY v "
        f"ORDER BY n DESC, value LIMIT {LISTED}"
    )


def _named(frequent: Mapping[str, Any], values: int, *, once: bool = False) -> str:
    """``6 different values, most often X003 (14 rows) …``; without counts where each is there once."""
    shown = [(_label(value), count) for value, count in frequent["result"][:NAMED]]
    once = once or shown[0][1] == 1
    told_each = [text if once else f"{text} ({count:,} {'row' if count == 1 else 'rows'})" for text, count in shown]
    told = joined(told_each)
    if values == 1:
        return f"it is {shown[0][0]}"
    if values <= NAMED:
        return told
    return f"{values:,} different values, such as {told}" if once else f"{values:,} different values, most often {told}"


def _label(value: Any) -> str:
    text = str(value)
    return '"' + (text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…").replace('"', "'") + '"'


def _since(dataset: Dataset, pair: Pair) -> tuple[str, list[dict[str, Any]]]:
    """From when to when the rows are that point to nothing, beside all rows; nothing where they are of nearly all times, or the
    table has none."""
    time = pair.child.time
    if time is None:
        return "", []
    name, view = view_name(time.name), pair.child.view_sql
    first, last = (f"{end}(t) FILTER (WHERE isfinite(t))::DATE" for end in ("min", "max"))
    ends = f"{first}::VARCHAR, {last}::VARCHAR, date_diff('day', {first}, {last})"
    evidence = dataset.evidence(
        f"{lost_sql(pair, f', timed AS (SELECT row_index, {name} AS t FROM {view})')}"
        f"SELECT 'rows that point to nothing' AS part, {ends} FROM lost JOIN timed USING (row_index) "
        f"UNION ALL SELECT 'all rows', {ends} FROM timed ORDER BY part DESC"
    )
    (_, first_day, last_day, days), (_, begin, end, all_days) = evidence["result"]
    if days is None or days >= MOST_OF_TIME * all_days:
        return "", []
    when = f"of {first_day}" if not days else f"from {first_day} to {last_day}"
    return f' By "{time.name}" they are {when}, and the table is from {begin} to {end}.', [evidence]


def _rows(dataset: Dataset, pair: Pair) -> dict[str, Any]:
    found = dataset.sql(f"{lost_sql(pair)}SELECT row_index FROM lost ORDER BY row_index LIMIT {CITED}").fetchall()
    return pair.child.dataset.row_evidence([row[0] for row in found])


def _figure(pair: Pair, frequent: Mapping[str, Any]) -> dict[str, Any] | None:
    rows = frequent["result"]
    if len(rows) <= NAMED or rows[0][1] == 1:
        return None
    return {
        "type": "bars", "title": f"Most frequent values of {_plain(pair.columns)} that point to nothing",
        "x_label": _plain(pair.columns), "y_label": "rows",
        "bars": [{"label": str(value), "value": count, "highlight": place < NAMED} for place, (value, count) in enumerate(rows)],
        "summary": f"Most often it is {_label(rows[0][0])}, in {rows[0][1]:,} rows.",
    }  # fmt: skip


def _advice(pair: Pair) -> str:
    if pair.is_within:
        return f"Ask whether the rows that are meant are missing from {pair.child.label}, and correct or empty the others."
    return (
        f"Ask whether {_tables(pair)} is complete; then correct these values or add what is missing there. "
        "Joining the two tables as they are drops these rows."
    )


def _columns(pair: Pair) -> list[str]:
    return list(dict.fromkeys([*map(pair.child.called, pair.columns), *map(pair.parent.called, pair.keys)]))


def _of(fit: Fit) -> str:
    child: Table = fit.pair.child
    if fit.rows == child.dataset.row_count:
        return f"the {fit.rows:,} rows of {child.label}"
    return f"the {fit.rows:,} rows of {child.label} that have {_a(listed(fit.pair.columns))}"


def _tables(pair: Pair) -> str:
    return joined([table.label for table in pair.parents])


def _there(pair: Pair) -> str:
    return f"{listed(pair.keys)} of the same table" if pair.is_within else _tables(pair)


def _one(fit: Fit) -> str:
    """What a row has, where the sentence has not said so before."""
    return _a(listed(fit.pair.columns)) if fit.rows == fit.pair.child.dataset.row_count else "one"


def _place(pair: Pair) -> str:
    """The table, with the name of its key where that is another one."""
    if pair.is_within:
        return _there(pair)
    same = [words(name) for name in pair.columns] == [words(name) for name in pair.keys]
    return _tables(pair) if same else f"{listed(pair.keys)} of {_tables(pair)}"


def _a(quoted: str) -> str:
    return f"{'an' if quoted[1:2].lower() in set('aeiou') else 'a'} {quoted}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _plain(names: Sequence[str]) -> str:
    return " and ".join(names)


def _percent(share: float) -> str:
    return f"{number(rounded(100 * share, 3) or 0.0)} %"
