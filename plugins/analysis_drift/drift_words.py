"""What is said about a drift: a sentence whose numbers come from one query, and a picture of both sides."""

from collections.abc import Mapping, Sequence
from typing import Any

from drift_judging import Change
from drift_seasons import Seasons
from drift_sides import Sides, Tables

from harness_core.sdk import Dataset, Finding
from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import view_sql
from harness_core.sdk.statistics.axes import literal, view_name
from harness_core.sdk.statistics.series import finite_sql
from harness_core.sdk.statistics.wording import listed, number, rounded

NAMED = 3
BARS = 12
LONGEST_LABEL = 40
CERTAINTY = "Whether it is the world or only the recording that changed is not said by the numbers."
SAME_MONTHS = "Compare the same months of two years before anything is concluded from the difference."
TEST = "blocks of consecutive rows dealt at random"


def finding(dataset: Dataset, sides: Sides, change: Change, notice: float, seasons: Seasons | None = None) -> Finding:
    title, statement, evidence, figure = WRITERS[change.form](dataset, sides, change)
    name, statistics = EFFECT_NAMES[change.form], change.facts if change.form == "numbers" else {}
    if change.form == "mix":
        statistics = {key: change.facts[key] for key in ("jensen_shannon", "population_stability")}
    test = "blocks that hold the value, dealt at random" if change.form in ("new", "gone") else TEST
    return Finding(
        kind="drift",
        title=title,
        statement=statement + (seasons.sentence if seasons else ""),
        columns=[change.column.name, *([sides.axis] if sides.axis else [])],
        severity="notice" if change.distance >= notice or change.form in ("new", "gone") else "info",
        confidence=round(max(0.0, 1 - change.p_value), 3),
        confidence_note=CERTAINTY,
        statistics={
            "effect": {"name": name, "value": rounded(change.distance), "low": rounded(change.low), "high": rounded(change.high)},
            "test": test,
            "p_value": rounded(change.p_value, 4),
            "n": change.n,
            **{key: rounded(value, 9) if isinstance(value, float) else value for key, value in statistics.items()},
        },
        recommendation=SAME_MONTHS if seasons else _advice(sides, change),
        evidence=[evidence, *([dict(seasons.evidence)] if seasons else [])],
        subject=f"{change.form} / {sides.key}",
        figure=figure,
    )


Written = tuple[str, str, dict[str, Any], dict[str, Any] | None]


def _numbers(dataset: Dataset, sides: Sides, change: Change) -> Written:
    name, at = change.column.name, float(change.facts["at"])
    quantiles = "quantile_disc(v, [0.0, 0.25, 0.5, 0.75, 1.0])"
    relation = sides.relation(finite_sql(change.column))
    evidence = dataset.evidence(
        f"SELECT later, count(v), count(*) FILTER (WHERE v <= {at!r}), {quantiles} FROM ({relation}) "
        "WHERE later IS NOT NULL GROUP BY later ORDER BY later"
    )
    (_, n0, below0, five0), (_, n1, below1, five1) = evidence["result"]
    shares = below0 / n0, below1 / n1
    verb = "higher" if shares[1] < shares[0] else "lower"
    if (five1[2] > five0[2]) - (five1[2] < five0[2]) != (1 if verb == "higher" else -1):
        verb = "otherwise"
    title = f'"{name}" is {verb if verb != "otherwise" else "distributed otherwise"} {sides.later}'
    statement = (
        f'"{name}" is {"distributed otherwise" if verb == "otherwise" else verb} {sides.later} than {sides.earlier}: '
        f"{_percent(shares[1])} of the {n1:,} values there are at most {number(at)}, against {_percent(shares[0])} of {n0:,}. "
        f"{_median(five0[2], five1[2])}"
    )
    groups = [
        {"label": label, **dict(zip(("low", "q1", "median", "q3", "high"), five, strict=True)), "n": n}
        for label, five, n in ((_capital(sides.earlier), five0, n0), (_capital(sides.later), five1, n1))
    ]
    figure = {
        "type": "boxes", "title": f"{name} on both sides", "x_label": "part of the table", "y_label": name, "groups": groups,
        "summary": f"{_median(five0[2], five1[2])} The whiskers end at the extremes.",
    }  # fmt: skip
    return title, statement, evidence, figure


def _median(before: float, after: float) -> str:
    if before == after:
        return f"The median is {number(before)} on both sides."
    return f"The median goes from {number(before)} to {number(after)}."


def _mix(dataset: Dataset, sides: Sides, change: Change) -> Written:
    name, (first, second) = change.column.name, change.facts["counts"]
    sums = sum(first), sum(second)
    moves = [(second[k] / sums[1] - first[k] / sums[0], k) for k in range(len(change.facts["values"]))]
    largest = sorted(moves, key=lambda item: (-abs(item[0]), item[1]))
    chosen = [change.facts["values"][k] for _, k in largest[:BARS]]
    evidence = _counted(dataset, sides, name, chosen)
    counts = {(bool(later), value): count for later, value, count, _ in evidence["result"]}
    totals = [sum(count for (later, _), count in counts.items() if later == side) for side in (False, True)]
    labels = [jsonable(value) for value in chosen]
    shares = [[counts.get((side, label), 0) / totals[side] for side in (False, True)] for label in labels]
    told = [_move(label, one, two) for label, (one, two) in zip(labels, shares, strict=True)]
    least = abs(shares[0][1] - shares[0][0]) / 4  # what moves less than a quarter of the largest move is not named
    named = [words for words, (one, two) in zip(told, shares, strict=True) if abs(two - one) >= least][:NAMED]
    title = f'The mix of "{name}" is another one {sides.later}'
    statement = (
        f'The mix of "{name}" is another one {sides.later} ({totals[1]:,} rows) than {sides.earlier} ({totals[0]:,}): '
        f"{'; '.join(named)}."
    )
    bars = [
        {"label": _label(label), "value": rounded(100 * (two - one)), "highlight": k < len(named)}
        for k, (label, (one, two)) in enumerate(zip(labels, shares, strict=True))
    ]
    figure = {
        "type": "bars", "title": f"Changes of share in {name}", "x_label": name, "y_label": "percentage points", "bars": bars,
        "summary": f"{told[0][:1].upper()}{told[0][1:]}.",
    }  # fmt: skip
    return title, statement, evidence, figure


def _move(label: Any, one: float, two: float) -> str:
    if one == 0:
        return f"{_label(label)} is new with {_percent(two)}"
    if two == 0:
        return f"{_label(label)} had {_percent(one)} and is gone"
    return f"{_label(label)} goes from {_percent(one)} to {_percent(two)}"


def _counted(dataset: Dataset, sides: Sides, name: str, values: Sequence[Any]) -> dict[str, Any]:
    chosen = ", ".join(literal(value) for value in values)
    counted = (
        f"SELECT later, CASE WHEN v IN ({chosen}) THEN v END AS value, count(*) AS n FROM ({sides.relation(view_name(name))}) "
        "WHERE later IS NOT NULL AND v IS NOT NULL GROUP BY ALL"
    )
    share = "100.0 * n / sum(n) OVER (PARTITION BY later)"
    return dataset.evidence(f"SELECT later, value, n, {share} FROM ({counted}) ORDER BY later, value", tolerance=1e-9)


def _only(dataset: Dataset, sides: Sides, change: Change) -> Written:
    name, values = change.column.name, change.facts["values"]
    is_new = change.form == "new"
    evidence = _counted(dataset, sides, name, values)
    rows = sum(count for _, value, count, _ in evidence["result"] if value is not None)
    of = sum(count for later, _, count, _ in evidence["result"] if later == is_new)
    here, there = (sides.later, sides.earlier) if is_new else (sides.earlier, sides.later)
    named = [_label(jsonable(value)) for value in values]
    shown = ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED:,} more" if named[NAMED:] else "")
    word = f"value{'s' if len(named) > 1 else ''}"
    title = f'"{name}" has {len(named):,} {word} {sides.later} that {"is" if len(named) == 1 else "are"} new: {shown}'
    if not is_new:
        title = f'{len(named):,} {word} of "{name}" {"is" if len(named) == 1 else "are"} gone {sides.later}: {shown}'
    statement = (
        f'"{name}" is {shown} in {rows:,} of {of:,} rows {here} ({_percent(rows / of)}), and in none of the '
        f"{sum(count for later, _, count, _ in evidence['result'] if later != is_new):,} {there}."
    )
    return title, statement, evidence, None


def _nulls(dataset: Dataset, sides: Sides, change: Change) -> Written:
    value = finite_sql(change.column) if change.column.is_numeric else view_name(change.column.name)
    evidence = dataset.evidence(
        f"SELECT later, count(*), count(*) - count(v) FROM ({sides.relation(value)}) "
        "WHERE later IS NOT NULL GROUP BY later ORDER BY later"
    )
    (_, n0, missing0), (_, n1, missing1) = evidence["result"]
    name, more = change.column.name, "more" if missing1 / n1 > missing0 / n0 else "less"
    title = f'"{name}" is missing {more} often {sides.later}'
    statement = (
        f'"{name}" is missing in {missing1:,} of {n1:,} rows {sides.later} ({_percent(missing1 / n1)}), after {missing0:,} of '
        f"{n0:,} {sides.earlier} ({_percent(missing0 / n0)})."
    )
    return title, statement, evidence, None


WRITERS = {"numbers": _numbers, "mix": _mix, "new": _only, "gone": _only, "nulls": _nulls}
EFFECT_NAMES = {
    "numbers": "Kolmogorov distance", "mix": "Jensen-Shannon distance", "new": "share of rows", "gone": "share of rows",
    "nulls": "difference of shares",
}  # fmt: skip


def schema_finding(
    dataset: Dataset, tables: Tables, common: Sequence[str], retyped: Mapping[str, tuple[str, str]]
) -> Finding | None:
    """Columns that came, went or changed their type from one table to the next; None where there are none."""
    first, second = ([column.name for column in item.columns] for item in (tables.first, tables.second))
    come, gone = [name for name in second if name not in common], [name for name in first if name not in common]
    if not (come or gone or retyped):
        return None
    parts = [f"{listed(gone[:NAMED])}{_more(gone)} {'is' if len(gone) == 1 else 'are'} gone"] if gone else []
    parts += [f"{listed(come[:NAMED])}{_more(come)} {'is' if len(come) == 1 else 'are'} new"] if come else []
    parts += [f'"{name}" was {old} and is {new}' for name, (old, new) in list(retyped.items())[:NAMED]]
    described = " UNION ALL ".join(
        f"SELECT {k} AS side, column_name, column_type FROM (DESCRIBE {view_sql(view)})" for k, view in enumerate(tables.views)
    )
    listing = (
        f"SELECT *, count(*) OVER (PARTITION BY side) AS columns FROM ({described}) WHERE column_name <> 'row_index' ORDER BY ALL"
    )
    return Finding(
        kind="drift",
        title=f"The columns {tables.later} are not those {tables.earlier}",
        statement=(
            f"The columns {tables.later} ({len(second):,}) are not those {tables.earlier} ({len(first):,}): {'; '.join(parts)}."
        ),
        columns=[*gone, *retyped],
        severity="warning" if gone or retyped else "notice",
        confidence=1.0,
        statistics={"come": come, "gone": gone, "retyped": sorted(retyped)},
        recommendation="Whatever reads both tables must know of it: ask whoever delivers them whether that was meant.",
        evidence=[dataset.evidence(listing)],
        subject=f"columns / {tables.key}",
    )


def _advice(sides: Sides, change: Change) -> str:
    if change.form in ("new", "gone"):
        return "Find out whether the value was introduced, renamed or dropped; comparisons across the two parts must allow for it."
    if change.form == "nulls":
        return f'Ask what changed in how "{change.column.name}" is recorded; averages over both parts compare different rows.'
    return f'Look at "{change.column.name}" {sides.earlier} and {sides.later} apart before one number is given for both.'


def _label(value: Any) -> str:
    text = "missing" if value is None else str(value)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - NAMED:,} more" if names[NAMED:] else ""


def _percent(share: float) -> str:
    return f"{number(rounded(100 * share, 3) or 0.0)} %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
