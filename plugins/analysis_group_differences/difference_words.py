"""Findings about groups: the sentence with the numbers of its queries, the statistics and the picture."""

from collections.abc import Sequence
from typing import Any

from difference_columns import Chosen, Measure
from difference_levels import Apart, Level
from difference_slices import Slice
from difference_spread import Spread
from difference_sql import contrast, dominance, four_ways, groups, members, spreads

from harness_core.sdk import Dataset, Finding
from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import Effect, fisher_interval
from harness_core.sdk.statistics.wording import listed, number, rounded, told_apart

# Half a standard deviation, Cohen's medium effect, "visible to the naked eye of a careful observer", is 0.276 in normal data; less
# the error of one estimate. A value of the group is the larger one in five of eight comparisons.
NOTICE_LEVEL = 0.25
NOTICE_RATIO = 2.0
BOXES = 20
LONGEST_LABEL = 60
NOT_CAUSE = "The difference is measured with the interval given; that the group causes it is not claimed."


def level_finding(dataset: Dataset, chosen: Chosen, level: Level, found: Apart, shadows: Sequence[str]) -> Finding:
    """One measure by the grouping that tells it best: the group that stands apart, or the two ends of the range."""
    measure, grouping = chosen.measures[level.m], chosen.groupings[level.g]
    table = groups(dataset, measure, grouping, level.groups)
    if found.is_clear:
        title, statement, evidence, numbers, effect = _apart(dataset, measure, grouping, found)
    else:
        title, statement, numbers, effect = _graded(level, measure, grouping, table["result"])
        evidence = []
    if shadows:
        verb = "makes" if len(shadows) == 1 else "make"
        statement += f' Within the groups of "{grouping.name}", {listed(shadows)} {verb} little further difference.'
    large = abs(effect.value) >= NOTICE_LEVEL and not level.is_settled
    return Finding(
        kind="group_difference",
        title=title,
        statement=statement,
        columns=[measure.name, grouping.name],
        severity="notice" if large else "info",
        confidence_note=NOT_CAUSE,
        statistics=_statistics(effect, level.p_value, "Kruskal-Wallis", level.n)
        | numbers
        | {"eta_of_ranks": rounded(level.effect), "also": list(shadows)}
        | ({"by_definition": True} if level.is_settled else {}),
        recommendation=_level_advice(measure, grouping, level, found),
        evidence=[*evidence, table],
        subject="level",
        figure=boxes(measure, grouping, table["result"]),
    )


def _statistics(effect: Effect, p_value: float, test: str, n: int) -> dict[str, Any]:
    return {
        "test": test,
        "p_value": rounded(p_value, 4),
        "n": n,
        "effect": {"name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high)},
    }


def _apart(
    dataset: Dataset, measure: Measure, grouping: Axis, found: Apart
) -> tuple[str, str, list[dict[str, Any]], dict[str, Any], Effect]:
    inside = members(grouping, found.groups)
    whole = contrast(dataset, measure, grouping, inside)
    pairs = dominance(dataset, measure, inside)
    n, others, median, median_others, mean, mean_others, difference, low, high = whole["result"][0]
    delta, larger = pairs["result"][0]
    word, more, side = ("higher", "more", "larger") if delta > 0 else ("lower", "less", "smaller")
    where = f"where {_where(grouping, found.groups)}"
    here, elsewhere = told_apart(median, median_others)
    statement = (
        f'"{measure.name}" is {word} {where}: its median is {here} there ({n:,} rows) '
        f"and {elsewhere} in all other rows ({others:,})"
    )
    if difference is not None and difference * delta > 0 and low is not None:
        ends = sorted((abs(low), abs(high))) if low * high > 0 else None
        statement += f"; on average it is {number(abs(difference))} {more}"
        statement += f" (95 % interval {number(ends[0])} to {number(ends[1])})" if ends else ""
    share = larger if delta > 0 else 1 - larger
    always = "always" if share == 1 else f"in {100 * share:.1f} % of cases"
    statement += f". Of one value from there and one from elsewhere, the former is {always} the {side} one."
    effect = Effect(found.against_rest.name, delta, min(found.against_rest.low, delta), max(found.against_rest.high, delta))
    numbers = {
        "groups": [grouping.label(code) for code in found.groups],
        "median": median, "median_others": median_others, "mean": mean, "mean_others": mean_others,
        "difference": {"value": difference, "low": low, "high": high}, "share": rounded(n / (n + others)),
    }  # fmt: skip
    return f'"{measure.name}" is {word} {where}', statement, [whole, pairs], numbers, effect


def _graded(
    level: Level, measure: Measure, grouping: Axis, rows: Sequence[Sequence[Any]]
) -> tuple[str, str, dict[str, Any], Effect]:
    high, low = rows[0], rows[-1]
    statement = (
        f'"{measure.name}" differs between the {len(rows):,} values of "{grouping.name}": its median is highest, '
        f"{number(high[2])}, where that is {shorten(high[0])} ({high[1]:,} rows), and lowest, {number(low[2])}, "
        f"where it is {shorten(low[0])} ({low[1]:,} rows)."
    )
    if level.is_settled:
        statement += f' "{grouping.name}" leaves little open about "{measure.name}": each of its values has its own level.'
    low_end, high_end = fisher_interval(level.effect, level.n)
    effect = Effect("eta of ranks", level.effect, max(0.0, low_end), high_end)
    numbers = {"groups": [high[0], low[0]], "median": high[2], "median_others": low[2]}
    return f'"{measure.name}" differs between the values of "{grouping.name}"', statement, numbers, effect


def _level_advice(measure: Measure, grouping: Axis, level: Level, found: Apart) -> str:
    if level.is_settled:
        return f'Compare "{measure.name}" only within one value of "{grouping.name}".'
    if found.is_clear:
        return f"Ask what is different where {_where(grouping, found.groups)}, before an average over all is used."
    return f'Give "{measure.name}" per value of "{grouping.name}"; an average over all describes none of them.'


def spread_finding(dataset: Dataset, chosen: Chosen, spread: Spread, effect: Effect) -> Finding:
    """One group whose values scatter more, or less, around their median than those of the others do."""
    measure, grouping = chosen.measures[spread.level.m], chosen.groupings[spread.level.g]
    facts = spreads(dataset, measure, grouping, spread.level.groups, spread.group)
    n, others, distance, distance_others, ratio = facts["result"][0]
    scale = ratio / spread.ratio  # the interval is that of the classes, the value that of all rows
    effect = Effect(effect.name, ratio, effect.low * scale, effect.high * scale)
    where = f"where {_where(grouping, [spread.group])}"
    times = number(float(f"{max(ratio, 1 / ratio):.3g}"))
    word, so = ("more", "wide") if ratio > 1 else ("less", "narrow")
    return Finding(
        kind="group_difference",
        title=f'"{measure.name}" scatters {word} {where}',
        statement=(
            f'"{measure.name}" scatters {word} {where}: half of its values there lie within {number(distance)} of their median '
            f"({n:,} rows), against {number(distance_others)} in the other groups, each around its own median ({others:,} rows). "
            f"That is {times} times as {so}."
        ),
        columns=[measure.name, grouping.name],
        severity="notice" if max(ratio, 1 / ratio) >= NOTICE_RATIO else "info",
        confidence_note=NOT_CAUSE,
        statistics=_statistics(effect, spread.p_value, "Fligner-Killeen", spread.level.n)
        | {"groups": [grouping.label(spread.group)], "distance": distance, "distance_others": distance_others}
        | {"share": rounded(n / (n + others))},
        recommendation=f'Find out why "{measure.name}" is kept less evenly {where}.'
        if ratio > 1
        else f'Check whether "{measure.name}" is rounded, capped or entered by rule {where}.',
        evidence=[facts, groups(dataset, measure, grouping, spread.level.groups)],
        subject="spread",
    )


def slice_finding(dataset: Dataset, chosen: Chosen, found: Slice) -> Finding:
    """A combination of two groups whose level is not what either explains."""
    measure = chosen.measures[found.triple[0]]
    first, second = ((chosen.groupings[g], code) for g, code in zip(found.triple[1:], (found.a, found.b), strict=True))
    facts = four_ways(dataset, measure, first, second)
    by_case = {(row[0], row[1]): (row[2], row[3]) for row in facts["result"]}
    n, median = by_case[True, True]
    word = "high" if found.effect.value > 0 else "low"
    where = f"where {_where(first[0], [first[1]])} and {_where(second[0], [second[1]])}"
    cases = [(words, by_case[case]) for case, words in _CASES if case in by_case]
    rest = ", ".join(f"{words} {number(value)} ({rows:,} rows)" for words, (rows, value) in cases)
    test = "t of the departure from additive ranks, Bonferroni"
    return Finding(
        kind="interaction",
        title=f'"{measure.name}" is unusually {word} {where}',
        statement=f'"{measure.name}" is unusually {word} {where}: its median is {number(median)} in these {n:,} rows; {rest}.',
        columns=[measure.name, first[0].name, second[0].name],
        severity="notice" if abs(found.effect.value) >= NOTICE_LEVEL else "info",
        confidence_note=NOT_CAUSE,
        statistics=_statistics(found.effect, found.p_value, test, sum(row[2] for row in facts["result"]))
        | {"rows": n, "median": median, "groups": [first[0].label(first[1]), second[0].label(second[1])]},
        recommendation=f"Look at these {n:,} rows first; then ask what happens only in this combination.",
        evidence=[facts],
        subject=[first[0].label(first[1]), second[0].label(second[1])],
        figure=_bars(measure, first, second, by_case),
    )


_CASES = (
    ((True, False), "with only the first of these it is"),
    ((False, True), "with only the second"),
    ((False, False), "with neither"),
)


def _bars(measure: Measure, first: tuple[Axis, int], second: tuple[Axis, int], by_case: dict[Any, Any]) -> dict[str, Any]:
    names = [f'"{axis.name}" {shorten(axis.label(code), 24)}' for axis, code in (first, second)]
    labels = {(True, True): "both", (True, False): f"only {names[0]}", (False, True): f"only {names[1]}", (False, False): "neither"}
    return {
        "type": "bars",
        "title": f'Median of "{measure.name}"',
        "summary": f"Where {names[0]} and {names[1]} meet, the median is not what either alone would give.",
        "x_label": "rows",
        "y_label": f"median of {measure.name}",
        "bars": [
            {"label": label, "value": by_case[case][1], "highlight": case == (True, True)}
            for case, label in labels.items()
            if case in by_case
        ],
    }


def boxes(measure: Measure, grouping: Axis, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The groups by falling median; of more than twenty the ten highest and the ten lowest."""
    shown = rows if len(rows) <= BOXES else [*rows[: BOXES // 2], *rows[-BOXES // 2 :]]
    left = f" The {len(rows) - len(shown):,} groups in between are left out." if len(shown) < len(rows) else ""
    return {
        "type": "boxes",
        "title": f'"{measure.name}" by "{grouping.name}"',
        "summary": f"Middle half and middle nine tenths of each group, by falling median.{left}",
        "x_label": grouping.name,
        "y_label": measure.name,
        "groups": [
            {"label": shorten(row[0]), "low": row[5], "q1": row[3], "median": row[2], "q3": row[4], "high": row[6], "n": row[1]}
            for row in shown
        ],
    }


def _where(grouping: Axis, codes: Sequence[int]) -> str:
    labels = [shorten(grouping.label(code)) for code in codes]
    names = labels[0] if len(labels) == 1 else ", ".join(labels[:-1]) + " or " + labels[-1]
    return f'"{grouping.name}" is {names}'


def shorten(text: str, longest: int = LONGEST_LABEL) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
