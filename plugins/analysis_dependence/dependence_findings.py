"""Findings from judged edges: single pairs, twins, blocks of columns, and what happens within groups of a third column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dependence_answers import Answers
from dependence_pairs import Judged
from dependence_rates import rates_of
from dependence_structure import Conditional, key
from dependence_words import asks_for_correlation, coefficient, say, told_side

from harness_core.sdk import Finding
from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.wording import listed, rounded

NOT_CAUSE = "The strength is measured with the interval given; that one column causes the other is not claimed."
SERIAL = " The rows follow on from one another, so the interval and the chance of it rest on fewer, independent ones."
NOTICE_FROM = 0.3
MOST_NAMES = 6
PERFECT = 1 - 1e-12
BY_DEFINITION = 0.9


@dataclass(frozen=True)
class Told:
    """What the findings are made from; ``order`` are the axes that say when a row was or where it stands."""

    answers: Answers
    min_effect: float
    order: frozenset[int] = frozenset()

    @property
    def axes(self) -> Sequence[Axis]:
        return self.answers.axes

    def name(self, k: int) -> str:
        return self.axes[k].name


@dataclass(frozen=True)
class Claim:
    """What may become a finding: how strong it is, the edges whose figures its sentence needs, and how it is put in words."""

    strength: float
    edges: Sequence[Judged]
    write: Callable[[], Finding]
    conditional: Conditional | None = None


def written(answers: Answers, claims: Sequence[Claim]) -> list[Finding]:
    """The findings, in the order of the claims; what their sentences need is asked together, and column by column."""
    rising = [edge for claim in claims for edge in claim.edges if asks_for_correlation(edge, answers.axes)]
    within = [(claim.edges[0], claim.conditional) for claim in claims if claim.conditional is not None]
    answers.foresee(rising, [(edge, found) for edge, found in within if found.correlation is not None])
    by_column = sorted(range(len(claims)), key=lambda place: [told_side(edge, answers.axes) for edge in claims[place].edges[:1]])
    found = {place: claims[place].write() for place in by_column}
    return [found[place] for place in range(len(claims))]


def statistics(edge: Judged) -> dict[str, Any]:
    effect = edge.effect
    parts = {
        "test": edge.test,
        "p_value": rounded(edge.p_value, 4),
        "n": edge.n,
        "effect": {"name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high)},
    }
    return parts if edge.weight == edge.n else parts | {"independent_rows": rounded(edge.weight, 4)}


def single(told: Told, edge: Judged, conditional: Conditional | None, also: Sequence[Judged]) -> Finding:
    """One pair, with what a third column does to it, and the pairs that follow from it."""
    said = say(told.answers, edge)
    names = [told.name(edge.i), told.name(edge.j)]
    functional = is_functional(edge, said.numbers)
    numbers = {name: rounded(value, 12) if isinstance(value, float) else value for name, value in said.numbers.items()}
    parts = statistics(edge) | numbers | {"functional": functional}
    rates = rates_of(edge, told.axes[edge.i], told.axes[edge.j])
    is_large = edge.effect.value >= NOTICE_FROM or (rates is not None and rates.is_large)
    statement, evidence, severity = said.statement, list(said.evidence), "notice" if is_large else "info"
    if functional:
        statement, severity = statement + _functional_words(edge, names), "info"
    if is_by_definition(edge, told.axes):
        parts["by_definition"], severity = True, "info"
    if conditional is not None:
        sentence, query = _conditional_words(told, edge, conditional)
        statement, severity = statement + sentence, "notice"
        evidence += [query] if query else []
        parts["conditional"] = _conditional_numbers(told, conditional)
    if also:
        parts["also"] = [[told.name(other.i), told.name(other.j)] for other in also]
    return Finding(
        kind="dependence",
        title=said.title + _title_tail(told, conditional),
        statement=statement,
        columns=names,
        severity=severity,  # type: ignore[arg-type]
        confidence_note=NOT_CAUSE if edge.weight == edge.n else NOT_CAUSE + SERIAL,
        statistics=parts,
        recommendation=_advice(names, told, conditional, functional, said.advice),
        evidence=evidence,
        subject="pair",
        figure=said.figure,
    )


def is_by_definition(edge: Judged, axes: Sequence[Axis]) -> bool:
    """Whether a category leaves hardly anything of a number open (nine tenths of its variance, as a correlation): a price list."""
    return sorted(axes[k].kind for k in edge.pair) == ["category", "number"] and edge.effect.value**2 >= BY_DEFINITION


def is_functional(edge: Judged, numbers: Mapping[str, Any]) -> bool:
    """Whether one column decides the other; between many numbers only a perfect order of all values, or a line, says so."""
    if edge.decides is None:
        return False
    if "rank_correlation" not in numbers:
        return True
    of_values = [numbers["pearson"], numbers["rank_correlation"] if numbers["rank_correlation_exact"] else None]
    return any(value is not None and abs(value) >= PERFECT for value in of_values)


def _functional_words(edge: Judged, names: Sequence[str]) -> str:
    if edge.decides == "both":
        return f' The two are one and the same information: each value of "{names[0]}" goes with one of "{names[1]}".'
    decider, decided = names if edge.decides == "first" else reversed(names)
    return f' "{decider}" decides "{decided}": each of its values goes with a single one.'


def _title_tail(told: Told, conditional: Conditional | None) -> str:
    if conditional is None:
        return ""
    verb = "turns round" if conditional.outcome == "reverses" else "disappears"
    return f', but within "{told.name(conditional.given)}" this {verb}'


def _conditional_words(told: Told, edge: Judged, found: Conditional) -> tuple[str, dict[str, Any] | None]:
    given = told.axes[found.given]
    what = "the direction turns round" if found.outcome == "reverses" else "hardly anything of it is left"
    if found.correlation is None:
        return f' Within the groups of "{given.name}" {what}.', None
    query = told.answers.within(edge, found)
    inside = [row[4] for row in query["result"] if row[4] is not None]
    overall = edge.correlation or 0.0
    against = sum(value * overall < 0 for value in inside)
    ranges = f"correlations from {coefficient(min(inside))} to {coefficient(max(inside))}"
    counted = f", against it in {against:,} of {len(inside):,} groups" if found.outcome == "reverses" else ""
    return f' Within the groups of "{given.name}" {what}: {ranges}{counted}.', query


def _conditional_numbers(told: Told, found: Conditional) -> dict[str, Any]:
    return {
        "given": told.name(found.given),
        "outcome": found.outcome,
        "effect": rounded(found.effect),
        "correlation": rounded(found.correlation),
        "p_value": rounded(found.p_value, 4),
        "groups": found.strata,
        "n": found.n,
    }


def _advice(names: Sequence[str], told: Told, conditional: Conditional | None, functional: bool, special: str) -> str:
    first, second = names
    if functional:
        return f'Keep one of "{first}" and "{second}" when modelling; rows where they disagree would be errors.'
    if conditional is not None:
        given = told.name(conditional.given)
        return f'Compare "{first}" and "{second}" within each group of "{given}", never over all rows together.'
    return special or f'Look at "{first}" and "{second}" together, and ask what stands behind both before acting on either.'


def of_counting(told: Told, edge: Judged) -> Finding:
    """A number that grows with time, which is what such numbers do."""
    found = single(told, edge, None, ())
    return replace(found, severity="info", statistics={**found.statistics, "by_definition": True})


def twin(told: Told, edge: Judged) -> Finding:
    """Two columns that carry the same information."""
    return single(told, edge, None, ())


def block(told: Told, members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> Finding:
    """Three or more columns of which every pair is strongly correlated."""
    inside = _inside(members, edges)
    weakest, strongest = extremes(members, edges)
    queries = [told.answers.correlation(edge) for edge in (weakest, strongest)]
    low, high = (query["result"][0][0] for query in queries)
    names = [told.name(k) for k in members]
    against = _against(members, edges)
    opposite = (
        f" {listed([told.name(k) for k in against])} {'goes' if len(against) == 1 else 'go'} the other way." if against else ""
    )
    worst = max(inside, key=lambda edge: edge.p_value)
    return Finding(
        kind="dependence",
        title=f"{len(names):,} columns move together: {listed(names)}",
        statement=(
            f"{listed(names)} move together: all {len(inside):,} pairs among these {len(names):,} columns are strongly related. "
            f'The closest are "{told.name(strongest.i)}" and "{told.name(strongest.j)}" '
            f"(rank correlation {coefficient(high)}), "
            f'the least close "{told.name(weakest.i)}" and "{told.name(weakest.j)}" ({coefficient(low)}).{opposite}'
        ),
        columns=names,
        severity="notice",
        confidence_note=NOT_CAUSE,
        statistics=statistics(strongest) | {"p_value": rounded(worst.p_value, 4), "pairs": len(inside), "functional": False},
        recommendation="They carry largely one piece of information: choose one of them, or their common factor, for further work.",
        evidence=queries,
        subject="block",
    )


def _inside(members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> list[Judged]:
    return [edges[key(i, j)] for position, i in enumerate(members) for j in members[position + 1 :]]


def extremes(members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> tuple[Judged, Judged]:
    """The weakest and the strongest pair of a block."""
    by_size = sorted(_inside(members, edges), key=lambda edge: (abs(edge.correlation or 0.0), edge.i, edge.j))
    return by_size[0], by_size[-1]


def strongest_of(members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> Judged:
    return max(_inside(members, edges), key=lambda edge: (edge.effect.value, -edge.i, -edge.j))


def _against(members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> list[int]:
    """The columns of a block that fall where the others rise; of two equal halves the later columns."""
    first = members[0]
    falling = [k for k in members[1:] if (edges[key(first, k)].correlation or 0.0) < 0]
    rising = [k for k in members if k not in falling]
    return falling if len(falling) <= len(rising) else rising


def circle(told: Told, members: Sequence[int], edges: Mapping[tuple[int, int], Judged]) -> Finding:
    """Three or more columns, categories among them, of which every pair is strongly related."""
    inside, strongest = _inside(members, edges), strongest_of(members, edges)
    said = say(told.answers, strongest)
    names = [told.name(k) for k in members]
    surest = max(inside, key=lambda edge: edge.p_value)
    return Finding(
        kind="dependence",
        title=f"{len(names):,} columns go together: {listed(names)}",
        statement=(
            f"{listed(names)} go together: each of them tells much about every other. "
            f'The closest are "{told.name(strongest.i)}" and "{told.name(strongest.j)}". {said.statement}'
        ),
        columns=names,
        severity="notice",
        confidence_note=NOT_CAUSE,
        statistics=statistics(strongest) | {"p_value": rounded(surest.p_value, 4), "pairs": len(inside), "functional": False},
        recommendation="Ask which of them decides the others; what differs by one of them differs by all.",
        evidence=list(said.evidence),
        subject="circle",
        figure=said.figure,
    )


def one_of(told: Told, members: Sequence[int]) -> Finding:
    """Columns of noughts and ones that stand for one column."""
    names = [told.name(k) for k in members]
    ones = " + ".join(f"CAST({told.axes[k].sql_name} = 1 AS INTEGER)" for k in members)
    evidence = told.answers.dataset.evidence(f"SELECT count(*) AS n, count(*) FILTER (WHERE {ones} = 1) AS exactly_one FROM data")
    n, exactly_one = evidence["result"][0]
    return Finding(
        kind="identity",
        title=f"{shown(names)} stand for one column",
        statement=f"In {exactly_one:,} of {n:,} rows exactly one of {shown(names)} is 1: they are one column of categories.",
        columns=names,
        severity="notice",
        statistics={"n": n, "functional": True},
        recommendation="Read them as one column; that one of them is 0 where another is 1 is no finding.",
        evidence=[evidence],
        subject="one_of",
    )


def shown(names: Sequence[str]) -> str:
    """All of a few names; of many the first and the last."""
    if len(names) <= MOST_NAMES:
        return listed(names)
    return f'{len(names):,} columns from "{names[0]}" to "{names[-1]}"'
