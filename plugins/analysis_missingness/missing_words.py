"""Findings about missing values: the sentence with the numbers of its queries, the statistics and the picture."""

from collections.abc import Sequence
from typing import Any

from missing_dependence import Explainer, Part, condition
from missing_patterns import Patterns, is_missing

from harness_core.sdk import Column, Dataset, Finding
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.wording import listed, number, rounded

NOTICE = 0.3
BARS = 30
LONGEST_LABEL = 60
NAMED = 6
NOT_CAUSE = "The dependence is measured with the interval given; why the values are missing only their source can say."


def dependence_finding(dataset: Dataset, unit: Sequence[Column], explainer: Explainer, part: Part, also: Sequence[str]) -> Finding:
    """A column, or columns that are missing together, whose gaps lie in certain groups, ranges or stretches of rows."""
    inside, ends = condition(dataset, unit[0], explainer, part.codes)
    facts = _counts(dataset, unit, explainer, inside)
    gaps, rows, other_gaps, others, *_ = facts["result"][0]
    where = _where(explainer, part.codes, ends)
    names = [column.name for column in unit]
    verb = "is" if len(names) == 1 else "are"
    subject = listed(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
    statement = f"{subject} {verb} missing {_amount(where, gaps, rows, other_gaps, others)}"
    if also:
        statement += f" {listed(also)} {'shows' if len(also) == 1 else 'show'} hardly anything beyond that."
    exact = not other_gaps and gaps == rows
    strong = part.effect.value >= NOTICE and not exact
    return Finding(
        kind="missingness",
        title=f"{subject} {verb} missing {'exactly' if exact else 'only' if not other_gaps else 'mostly'} {where}",
        statement=statement,
        columns=names + ([explainer.column.name] if explainer.column is not None else []),
        severity="notice" if strong else "info",
        confidence_note=NOT_CAUSE,
        statistics=_statistics(part.effect, part)
        | {"missing": gaps + other_gaps, "share": rounded((gaps + other_gaps) / max(1, rows + others)), "also": list(also)}
        | {"inside": {"missing": gaps, "rows": rows}, "outside": {"missing": other_gaps, "rows": others}},
        recommendation=_advice(subject, where, exact),
        evidence=[facts, dataset.row_evidence(_rows(dataset, unit[0], inside))],
        subject="order of rows" if explainer.column is None else "depends",
        figure=_figure(unit[0].name, explainer, part),
    )  # fmt: skip


def _statistics(effect: Effect, part: Part) -> dict[str, Any]:
    return {
        "test": part.test,
        "p_value": rounded(part.p_value, 4),
        "n": part.n,
        "effect": {"name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high)},
    }


def _unnamed(columns: Sequence[Column]) -> str:
    """SQL: how many columns the sentence does not name, where it does not name them all."""
    return f", {len(columns) - NAMED} AS columns_not_named" if len(columns) > NAMED else ""


def _counts(dataset: Dataset, unit: Sequence[Column], explainer: Explainer, inside: str) -> dict[str, Any]:
    """One row: gaps and rows where the condition holds, gaps and rows elsewhere; over rows in which the other column is known."""
    known = "TRUE" if explainer.column is None else f"{explainer.axis.sql_value} IS NOT NULL"
    return dataset.evidence(
        "SELECT count(*) FILTER (WHERE inside AND gap) AS gaps, count(*) FILTER (WHERE inside) AS n, "
        "count(*) FILTER (WHERE NOT inside AND gap) AS gaps_elsewhere, count(*) FILTER (WHERE NOT inside) AS n_elsewhere"
        f"{_unnamed(unit)} FROM (SELECT {inside} AS inside, {is_missing(unit[0])} AS gap FROM data WHERE {known})"
    )


def _amount(where: str, gaps: int, rows: int, other_gaps: int, others: int) -> str:
    if not other_gaps and gaps == rows:
        return f"exactly {where}: in all {rows:,} rows there and in none of the other {others:,}."
    if not other_gaps:
        return f"only {where}: in {gaps:,} of {rows:,} rows there ({percent(gaps, rows)}) and in none of the other {others:,}."
    if gaps == rows:
        return f"in all {rows:,} rows {where}, and in {other_gaps:,} of the other {others:,} ({percent(other_gaps, others)})."
    return (
        f"mostly {where}: in {gaps:,} of {rows:,} rows there ({percent(gaps, rows)}), against {other_gaps:,} of the other "
        f"{others:,} ({percent(other_gaps, others)})."
    )


def _where(explainer: Explainer, codes: Sequence[int], ends: tuple[str, str] | None) -> str:
    if ends is None:
        labels = [shorten(explainer.axis.label(code)) for code in codes]
        names = labels[0] if len(labels) == 1 else ", ".join(labels[:-1]) + " or " + labels[-1]
        return f'where "{explainer.axis.name}" is {names}'
    low, high = (_shown(explainer, end) for end in ends)
    if explainer.column is None:
        return f"from row {low or '0'} to row {high or 'the last'}" if low or high else "throughout"
    name = f'"{explainer.column.name}"'
    if low and high:
        return f"where {name} is {low}" if low == high else f"where {name} is from {low} to {high}"
    return f"where {name} is {low} or more" if low else f"where {name} is {high} or less"


def _shown(explainer: Explainer, end: str) -> str:
    if not end or explainer.axis.kind == "time":
        return end.removesuffix(" 00:00:00")
    return number(float(end)) if explainer.column is not None else f"{int(end):,}"


def _rows(dataset: Dataset, column: Column, inside: str) -> list[int]:
    query = f"SELECT row_index FROM data WHERE {is_missing(column)} AND {inside} ORDER BY row_index LIMIT 20"
    return [int(row[0]) for row in dataset.sql(query).fetchall()]


def _advice(subject: str, where: str, exact: bool) -> str:
    if exact:
        return f"If {subject} has no meaning {where}, this is as it should be; otherwise ask who leaves it out there."
    return f"Ask who or what leaves {subject} out {where}. Whatever is computed from the rest leaves these rows out."


def _figure(name: str, explainer: Explainer, part: Part) -> dict[str, Any]:
    """The share of gaps per class; the part named is highlighted."""
    rows = part.gaps + part.rest
    codes = [int(code) for code in range(len(rows)) if rows[code]]
    if explainer.is_ordered:
        step = -(-len(codes) // BARS)
        codes = codes[::step] if step > 1 else codes
    else:
        codes = sorted(codes, key=lambda code: (-part.gaps[code] / rows[code], code))[:BARS]
    return {
        "type": "bars",
        "title": f'Share of rows without "{name}"',
        "summary": "The classes in which the gaps lie are highlighted.",
        "x_label": "rows" if explainer.column is None else explainer.column.name,
        "y_label": f"missing {name}, %",
        "bars": [
            {"label": _class_label(explainer, code), "value": round(100 * int(part.gaps[code]) / int(rows[code]), 3),
             "highlight": code in part.codes}
            for code in codes
        ],
    }  # fmt: skip


def _class_label(explainer: Explainer, code: int) -> str:
    axis = explainer.axis
    if not explainer.is_ordered:
        return shorten(axis.label(code))
    end = axis.edges[code] if code < len(axis.edges) else axis.highest
    if axis.kind == "time":
        import numpy as np

        return f"to {str(np.datetime64(int(end), 's')).replace('T', ' ').removesuffix(' 00:00:00')}"
    return f"to {number(end)}"


def block_finding(dataset: Dataset, members: Sequence[Column], patterns: Patterns) -> Finding:
    """Columns that are missing in the same rows."""
    every = " AND ".join(f"({is_missing(column)})" for column in members)
    some = " OR ".join(f"({is_missing(column)})" for column in members)
    facts = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE {every}) AS all_missing, "
        f"count(*) FILTER (WHERE {some}) AS any_missing{_unnamed(members)} FROM data"
    )
    together, touched, *_ = facts["result"][0]
    names = [column.name for column in members]
    subject = listed(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
    share = together / touched
    rows = [int(row[0]) for row in dataset.sql(f"SELECT row_index FROM data WHERE {every} ORDER BY row_index LIMIT 20").fetchall()]
    return Finding(
        kind="missingness",
        title=f"{subject} are missing together",
        statement=(
            f"{subject} are missing together: of the {touched:,} rows that lack one of them, {together:,} lack all "
            f"({percent(together, touched)})."
        ),
        columns=names,
        severity="info",
        statistics={
            "n": patterns.row_count, "missing": together, "share": rounded(together / patterns.row_count),
            "effect": {"name": "share of gaps that are common", "value": rounded(share), "low": None, "high": None},
        },
        recommendation="They come from one source or one form: what fills one of them fills all, so repair them together.",
        evidence=[facts, dataset.row_evidence(rows)],
        subject="together",
    )  # fmt: skip


def exclusive_finding(dataset: Dataset, first: Column, second: Column) -> Finding:
    """Two columns of which a row has the one or the other."""
    a, b = is_missing(first), is_missing(second)
    facts = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE ({a}) <> ({b})) AS exactly_one, count(*) FILTER (WHERE NOT ({a}) AND NOT ({b})) AS both, "
        f"count(*) FILTER (WHERE ({a}) AND ({b})) AS neither, count(*) AS n FROM data"
    )
    one, both, neither, n = facts["result"][0]
    return Finding(
        kind="missingness",
        title=f'A row has "{first.name}" or "{second.name}", hardly ever both',
        statement=(
            f'A row has either "{first.name}" or "{second.name}": exactly one of them in {one:,} of {n:,} rows '
            f"({percent(one, n)}), both in {both:,}, neither in {neither:,}."
        ),
        columns=[first.name, second.name],
        severity="info",
        statistics={
            "n": n, "missing": one, "share": rounded(one / n),
            "effect": {"name": "share of rows with exactly one", "value": rounded(one / n), "low": None, "high": None},
        },
        recommendation="If they are two forms of one thing, bring them into one column; look at the rows with both or neither.",
        evidence=[facts],
        subject="in turn",
    )  # fmt: skip


def percent(part: int, whole: int) -> str:
    """A share in per cent, in four digits, never rounded to nought or to all."""
    share = 100 * part / whole
    text = number(share if share in (0.0, 100.0) else float(f"{share:.4g}"))
    return "almost 100 %" if text == "100" and part < whole else f"{text} %"


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
