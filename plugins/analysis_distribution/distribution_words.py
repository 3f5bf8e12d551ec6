"""Findings about shapes: the sentence with the numbers of its queries, the statistics and the picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from distribution_columns import Values
from distribution_digits import FIRST, Heap, Leading
from distribution_shapes import Pile, Tail, Valley, histogram

from harness_core.sdk import Dataset, Finding
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.wording import number, rounded

TOLERANCE = 1e-9
EXPLAINS = 0.8
GROUPINGS = 8
MOST_GROUPS = 60
NO_DEVIATION = 0.5
LONGEST_LABEL = 60
DESCRIBES = "The shape is measured; whether it is as it should be only somebody who knows the source can say."


def heap_finding(dataset: Dataset, values: Values, heap: Heap) -> Finding:
    step = values.step
    assert step is not None
    scaled = f"{values.sql} * 1e{step.decimals}"
    whole = f"CAST(round({scaled}) AS BIGINT)"
    fits = f"abs({scaled} - round({scaled})) <= 1e-6 * greatest(1.0, abs(round({scaled})) * 1e-6) AND {whole} % {step.unit} = 0"
    facts = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE u % {heap.multiple} = 0) AS at, count(*) AS near, "
        f"CAST(1 AS DOUBLE) / {2 * heap.neighbours + 1} AS even, {heap.multiple * step.unit} / 1e{step.decimals} AS multiple, "
        f"{heap.neighbours * step.unit} / 1e{step.decimals} AS within FROM ("
        f"SELECT {whole} // {step.unit} AS u FROM data WHERE {values.known} AND {fits}) WHERE abs(u) > {heap.multiple // 2} "
        f"AND least(abs(u) % {heap.multiple}, {heap.multiple} - abs(u) % {heap.multiple}) <= {heap.neighbours}"
    )
    at, near, chance, *sizes = facts["result"][0]
    multiple, reach = map(number, sizes)
    return Finding(
        kind="digit_preference",
        title=f'Values of "{values.name}" are heaped at multiples of {multiple}',
        statement=(
            f'Values of "{values.name}" are heaped at multiples of {multiple}: of the {near:,} values within {reach} of one, '
            f"{at:,} "
            f"are exactly there ({_percent(at / near)}), where an even spread would have {_percent(chance)}."
        ),
        columns=[values.name],
        severity="notice" if heap.is_coarse else "info",
        confidence_note=DESCRIBES,
        statistics=_statistics("conditional binomial", heap.p_value, near, ("share heaped", heap.share, heap.low, heap.high))
        | {"multiple": heap.multiple * step.size, "at": at, "count": at},
        recommendation=f'Find out whether "{values.name}" is measured or estimated; where it is rounded, finer digits say nothing.',
        evidence=[facts],
        subject="heaping",
        figure=_heap_figure(values, heap),
    )


def _heap_figure(values: Values, heap: Heap) -> dict[str, Any]:
    """Rows by distance to the nearest multiple below."""
    step = values.step
    assert step is not None
    shown = min(heap.multiple, 20)
    width = heap.multiple // shown
    bars = []
    for k in range(shown):
        rest = step.whole % heap.multiple
        rows = int(step.counts[(rest >= k * width) & (rest < (k + 1) * width)].sum())
        low = number(k * width * step.size)
        label = low if width == 1 else f"{low} to {number(((k + 1) * width - 1) * step.size)}"
        bars.append({"label": label, "value": rows, "highlight": k == 0})
    return {
        "type": "bars",
        "title": f'"{values.name}" beyond the last multiple of {number(heap.multiple * step.size)}',
        "summary": "Rows by what is left after the last multiple; an even spread would give bars of one length.",
        "x_label": "left over",
        "y_label": "rows",
        "bars": bars,
    }


def benford_finding(dataset: Dataset, values: Values, found: Leading) -> Finding:
    digit = f"CAST(substr(format('{{:.14e}}', {values.sql}), 1, 1) AS INTEGER)"
    two = f"10 * {digit} + CAST(substr(format('{{:.14e}}', {values.sql}), 3, 1) AS INTEGER)"
    positive = f"{values.known} AND {values.sql} > 0"
    facts = dataset.evidence(_digit_query(digit, positive, 9), TOLERANCE)
    pairs = dataset.evidence(_digit_query(two, positive, 5, order="abs(share - expected) DESC, digits"), TOLERANCE)
    n, deviation = sum(row[1] for row in facts["result"]), facts["result"][0][4]
    most = max(facts["result"], key=lambda row: abs(row[2] - row[3]))
    pair = pairs["result"][0]
    return Finding(
        kind="benford",
        title=f'Leading digits of "{values.name}" do not follow Benford\'s law',
        statement=(
            f'Leading digits of "{values.name}" do not follow Benford\'s law, as amounts of so many sizes usually do: over '
            f'{n:,} positive '
            f"values the shares differ from it by {_percent(deviation)} on average. The first digit {most[0]} has "
            f"{_percent(most[2])} of "
            f"them instead of {_percent(most[3])}; most out of line are values that begin with {pair[0]} ({_percent(pair[2])} "
            f"instead of "
            f"{_percent(pair[3])})."
        ),
        columns=[values.name],
        severity="info",
        confidence_note="Fixed prices, limits and fees break the law too: it says where to look, not that something is wrong.",
        statistics=_statistics("chi-squared", found.p_value, n, ("mean absolute deviation", deviation, None, None))
        | {"conformity": found.conformity, "chi_squared": rounded(found.chi_squared[0], 10)}
        | {"deviation_by_chance": rounded(found.noise)}
        | {"first_two_digits": [row[0] for row in pairs["result"]]},
        recommendation=f'Look at the rows where "{values.name}" begins with {pair[0]}: a fee, a limit or a price is the usual '
        f'cause.',
        evidence=[facts, pairs],
        subject="first digits",
        figure={
            "type": "bars",
            "title": f'First digits of "{values.name}"',
            "summary": "Share of values by first digit, in per cent; Benford's law has "
            + ", ".join(number(round(100 * part, 1)) for part in FIRST.tolist()) + ".",
            "x_label": "first digit",
            "y_label": "values, %",
            "bars": [{"label": str(r[0]), "value": round(100 * r[2], 3), "highlight": r[0] == most[0]} for r in facts["result"]],
        },
    )  # fmt: skip


def _digit_query(digits: str, condition: str, limit: int, order: str = "digits") -> str:
    return (
        "SELECT digits, n, round(share, 12) AS share, round(expected, 12) AS expected, "
        "round(avg(abs(share - expected)) OVER (), 12) AS deviation FROM (SELECT digits, n, n / sum(n) OVER () AS share, "
        f"log10(1 + 1 / digits) AS expected FROM (SELECT {digits} AS digits, count(*) AS n FROM data WHERE {condition} "
        f"GROUP BY digits)) ORDER BY {order} LIMIT {limit}"
    )


def valley_finding(dataset: Dataset, values: Values, found: Valley, groupings: Sequence[str]) -> Finding:
    split = found.middle[0] / 2 + found.middle[1] / 2
    facts = dataset.evidence(_valley_query(values, found, split))
    first, middle, second, below, above, median_below, median_above = facts["result"][0]
    behind = _behind(dataset, values, split, groupings)
    humps = "two humps" if found.humps <= 2 else "several humps"
    statement = (
        f'"{values.name}" has {humps}: {below:,} values lie around {number(median_below)} and {above:,} around '
        f"{number(median_above)}, "
        f"with few between: {middle:,} from {_span(found.middle)}, against {first:,} from {_span(found.left)} and {second:,} from "
        f"{_span(found.right)}."
    )
    if behind is not None:
        statement += f' "{behind[0]}" tells the two apart in {_percent(behind[1])} of the rows.'
    effect = ("valley depth", 1 - middle / min(first, second), None, None)
    at = number(float(f"{split:.3g}"))
    return Finding(
        kind="multimodality",
        title=f'"{values.name}" has {humps}' + (f', told apart by "{behind[0]}"' if behind else ""),
        statement=statement,
        columns=[values.name],
        severity="info",
        confidence_note=DESCRIBES,
        statistics=_statistics("binomial, Bonferroni over windows", found.p_value, values.n, effect)
        | {"split": rounded(split), "below": below, "above": above, "humps": found.humps}
        | {"told_apart_by": behind[0] if behind else None},
        recommendation=f'Describe "{values.name}" below and above {at} separately: their common average hardly occurs.',
        evidence=[facts, *([behind[2]] if behind else [])],
        subject="humps",
        figure=_histogram(values, "Few values lie between the humps.", [(split, "valley")]),
    )  # fmt: skip


def _valley_query(values: Values, found: Valley, split: float) -> str:
    """Rows in the three windows and on both sides of the split, and the median of each side; of a column that repeats its values
    from their numbers, which takes a fifth of the time."""
    counted = values.counted_sql
    rows, v = ("sum(c)", "v") if counted else ("count(*)", values.sql)
    parts = [
        f"coalesce({rows} FILTER (WHERE {v} >= {low!r} AND {v} < {high!r}), 0)::BIGINT AS {name}"
        for name, (low, high) in (("at_left", found.left), ("between", found.middle), ("at_right", found.right))
    ]
    for name, side in (("below", f"{v} < {split!r}"), ("above", f"{v} >= {split!r}")):
        parts.append(f"({rows} FILTER (WHERE {side}))::BIGINT AS {name}")
    for name, side in (("median_below", f"{v} < {split!r}"), ("median_above", f"{v} >= {split!r}")):
        middle = f"min(v) FILTER (WHERE {side} AND 2 * up_to >= n)" if counted else f"quantile_disc({v}, 0.5) FILTER (WHERE {side})"
        parts.append(f"{middle} AS {name}")
    source = f"data WHERE {values.known}"
    if counted:
        side = f"PARTITION BY v < {split!r}"
        source = f"(SELECT v, c, sum(c) OVER ({side} ORDER BY v) AS up_to, sum(c) OVER ({side}) AS n FROM ({counted}))"
    return f"SELECT {', '.join(parts)} FROM {source}"


def _span(window: tuple[float, float]) -> str:
    return f"{number(float(f'{window[0]:.4g}'))} to {number(float(f'{window[1]:.4g}'))}"


def _behind(dataset: Dataset, values: Values, split: float, groupings: Sequence[str]) -> tuple[str, float, dict[str, Any]] | None:
    """A column of groups that says for nearly every row on which side of the valley it lies (Goodman and Kruskal's lambda)."""
    best = None
    for name in groupings[:GROUPINGS]:
        sides = f"SELECT count(*) FILTER (WHERE {values.sql} >= {split!r}) AS above, count(*) AS n FROM data WHERE {values.known}"
        evidence = dataset.evidence(
            f"SELECT sum(greatest(above, n - above))::BIGINT AS told_apart, sum(n)::BIGINT AS n, sum(above)::BIGINT AS above, "
            f"count(*) AS groups FROM ({sides} GROUP BY {view_name(name)})"
        )
        right, n, above, groups = evidence["result"][0]
        usual = max(above, n - above)
        if 1 < groups <= MOST_GROUPS and n > usual and (right - usual) / (n - usual) >= EXPLAINS:
            score = (right, -groups)
            if best is None or score > best[0]:
                best = (score, name, right / n, evidence)
    return None if best is None else best[1:]


def pile_finding(dataset: Dataset, values: Values, pile: Pile) -> Finding:
    v = values.sql
    facts = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE {v} = {pile.value!r}) AS at_end, count(*) FILTER (WHERE {v} = {pile.next_value!r}) AS "
        f"beside, "
        f"count(*) AS n FROM data WHERE {values.known}"
    )
    rows, beside, n = facts["result"][0]
    return Finding(
        kind="distribution_shape",
        title=f'"{values.name}" piles up at its {pile.end} value, {number(pile.value)}',
        statement=(
            f'{rows:,} of {n:,} values of "{values.name}" ({_percent(rows / n)}) are exactly the {pile.end} one, '
            f"{number(pile.value)}; "
            f"the next, {number(pile.next_value)}, stands there {beside:,} time{'' if beside == 1 else 's'}."
        ),
        columns=[values.name],
        severity="info" if pile.value == 0 else "notice",
        confidence_note=DESCRIBES,
        statistics={"n": n, "count": rows, "value": pile.value}
        | {"effect": {"name": "share at the end", "value": rounded(rows / n), "low": None, "high": None}},
        recommendation="None of them is half a value: count zero and the rest separately."
        if pile.value == 0
        else f'Ask whether {number(pile.value)} is a limit at which "{values.name}" is cut off, or stands for something else.',
        evidence=[facts],
        subject=f"pile at the {pile.end}",
        figure=_histogram(values, f"The {pile.end} value stands out.", [(pile.value, number(pile.value))]),
    )


def tail_finding(dataset: Dataset, values: Values, tail: Tail) -> Finding:
    v, t = values.sql, repr(tail.threshold)
    moments = (
        f"SELECT favg(ln({v}) - ln({t})) AS m1, favg((ln({v}) - ln({t})) ** 2) AS m2, count(*) AS k FROM data WHERE {values.known}"
    )
    facts = dataset.evidence(
        f"SELECT k, round(m1 + 1 - 0.5 / (1 - m1 ** 2 / m2), 9) AS tail_index FROM ({moments} AND {v} > {t})", TOLERANCE
    )
    limit_of = f"(SELECT quantile_disc({v}, 0.99) FROM data WHERE {values.known}) AS edge"
    top = (
        "SELECT count(*) FILTER (WHERE v >= edge) AS n, round(fsum(v) FILTER (WHERE v >= edge) / fsum(v), 9) AS share, "
        f"max(edge) AS edge FROM (SELECT {v} AS v, {limit_of} FROM data WHERE {values.known})"
    )
    head = dataset.evidence(top, TOLERANCE)
    k, index = facts["result"][0]
    rows, share, limit = head["result"][0]
    whole = f" The {rows:,} rows of {number(limit)} or more hold {_percent(share)} of the total." if values.ordered[0] >= 0 else ""
    return Finding(
        kind="heavy_tail",
        title=f'The largest values of "{values.name}" are out of proportion to the rest',
        statement=(
            f'The largest values of "{values.name}" are out of proportion to the rest: from its {k:,} largest values the tail '
            f'index is '
            f"{number(round(index, 2))}, where columns with a settled "
            f"{'standard deviation stay below a half' if tail.low >= NO_DEVIATION else 'skewness stay below a third'}.{whole}"
        ),
        columns=[values.name],
        severity="info",
        confidence_note=DESCRIBES,
        statistics=_statistics("moment estimator", tail.p_value, values.n, ("extreme value index", index, tail.low, tail.high))
        | {"k": k, "threshold": tail.threshold, "share": rounded(rows / values.n), "share_of_total": rounded(share)},
        recommendation=f'Give the median of "{values.name}"; its mean and total hang on a few rows, so look at the largest one '
        f'by one.',
        evidence=[facts, head],
        subject="upper tail",
        figure=_histogram(values, "A long tail to the right.", []),
    )  # fmt: skip


def skew_finding(dataset: Dataset, values: Values, skewness: float) -> Finding:
    largest = max(abs(float(values.ordered[0])), abs(float(values.ordered[-1])))
    place = max(-300, min(300, 8 - _exponent(largest)))
    facts = dataset.evidence(_skew_query(values, place), TOLERANCE)
    median, mean, below, n = facts["result"][0]
    side, other = ("right", below) if skewness > 0 else ("left", n - below)
    where = "below" if skewness > 0 else "at or above"
    return Finding(
        kind="distribution_shape",
        title=f'"{values.name}" is skewed to the {side}',
        statement=(
            f'"{values.name}" is skewed to the {side}: its median is {number(median)} and its mean {number(mean)}; {other:,} '
            f'of {n:,} '
            f"values ({_percent(other / n)}) lie {where} the mean."
        ),
        columns=[values.name],
        severity="info",
        confidence_note=DESCRIBES,
        statistics={"n": n, "effect": {"name": "octile skewness", "value": rounded(skewness), "low": None, "high": None}},
        recommendation=f'Quote the median of "{values.name}" beside its mean.',
        evidence=[facts],
        subject="skew",
        figure=_histogram(values, f"A longer tail to the {side}.", [(median, "median")]),
    )  # fmt: skip


def _skew_query(values: Values, place: int) -> str:
    """Median, mean, and the rows below the mean; of a column that repeats its values from their numbers."""
    v, counted = values.sql, values.counted_sql
    if counted:
        return (
            "SELECT min(v) FILTER (WHERE 2 * up_to >= n) AS median, any_value(mean) AS mean, "
            "max(up_to) FILTER (WHERE v < mean) AS below, any_value(n) AS n FROM ("
            "SELECT v, sum(c) OVER (ORDER BY v)::BIGINT AS up_to, sum(c) OVER ()::BIGINT AS n, "
            f"round(fsum(v * c) OVER () / sum(c) OVER (), {place}) AS mean FROM ({counted}))"
        )
    return (
        "SELECT quantile_disc(v, 0.5) AS median, any_value(mean) AS mean, count(*) FILTER (WHERE v < mean) AS below, count(*) AS n "
        f"FROM (SELECT {v} AS v, (SELECT round(favg({v}), {place}) FROM data WHERE {values.known}) AS mean FROM data WHERE "
        f"{values.known})"
    )


def _exponent(size: float) -> int:
    return int(f"{size:.0e}".partition("e")[2]) if size > 0 else 0


def _statistics(test: str, p_value: float, n: int, effect: tuple[str, float, float | None, float | None]) -> dict[str, Any]:
    name, value, low, high = effect
    return {
        "test": test,
        "p_value": rounded(p_value, 4),
        "n": n,
        "effect": {"name": name, "value": rounded(value), "low": rounded(low), "high": rounded(high)},
    }


def _histogram(values: Values, summary: str, marks: Sequence[tuple[float, str]]) -> Mapping[str, Any] | None:
    return {
        "type": "histogram",
        "title": f'Values of "{values.name}"',
        "summary": summary,
        "x_label": values.name,
        "y_label": "rows",
        "bins": [[rounded(low, 12), rounded(high, 12), count] for low, high, count in histogram(values.ordered)],
        "marks": [{"x": rounded(at, 12), "label": label} for at, label in marks],
    }


def _percent(share: float) -> str:
    return f"{number(float(f'{100 * share:.3g}'))} %"
