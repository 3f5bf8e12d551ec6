"""Which finding explains which: a table of rules, and how a symptom finds its one cause.

A symptom stays in the report as a finding; it only loses its own place among the insights.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from insight_claims import Claim
from insight_excursions import Excursion, bounds, excursions, is_at

from harness_core.sdk.contract import KINDS

DESCRIPTIONS = ("distribution_shape", "heavy_tail", "multimodality", "digit_preference", "benford")
PAIRS = ("dependence", "group_difference", "association_rule", "interaction", "functional_dependency", "duplicate_columns")
NO_FORMULA = frozenset({"order", "one_of"})  # identities that give no column from the others
CLEARLY_STRONGER = 0.1


@dataclass(frozen=True)
class Table:
    """What the relations may ask about the table beside the two findings.

    ``time_columns`` say when a row was or, as running numbers, only where it stands; ``measures`` hold measured numbers.
    ``determines`` holds pairs (column, the column it decides); ``formulas`` holds, per result of an identity, the inputs;
    ``trends`` holds the strength of each column's trend; ``excursions`` the pairs of change points of which one undoes the other.
    """

    time_columns: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    trends: Mapping[str, float] = field(default_factory=dict)
    determines: frozenset[tuple[str, str]] = frozenset()
    formulas: Mapping[str, Sequence[frozenset[str]]] = field(default_factory=dict)
    excursions: Sequence[Excursion] = ()


Relation = Callable[[Claim, Claim, Table], bool]


def within(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The symptom speaks of nothing but columns of the cause."""
    return bool(symptom.columns) and symptom.columns <= cause.columns


def same_columns(cause: Claim, symptom: Claim, table: Table) -> bool:
    return bool(cause.columns) and symptom.columns == cause.columns


def mentions(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The symptom speaks of all columns of the cause, and perhaps of more."""
    return bool(cause.columns) and cause.columns <= symptom.columns


def same_measure(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same columns, when the columns of time are left aside."""
    measures = cause.columns - table.time_columns
    return bool(measures) and symptom.columns - table.time_columns == measures


def both_ends(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The change point is one end of the odd stretch, after which the level is the old one again."""
    return same_measure(cause, symptom, table) and bounds(cause, symptom, table.excursions)


def at_change(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The odd stretch is where the level changes for good."""
    return same_measure(cause, symptom, table) and is_at(cause, symptom) and not bounds(symptom, cause, table.excursions)


def same_days(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same measure, or the number of rows by the same time, when both speak of the same part of the month."""
    if cause.columns and cause.columns == symptom.columns and cause.columns <= table.time_columns:
        return " month " in f" {symptom.raw.get('subject') or ''} "
    return same_measure(cause, symptom, table)


def both_rise(cause: Claim, symptom: Claim, table: Table) -> bool:
    """Two columns go together hardly more than two lines through time do when each of them has a trend of its own."""
    measures = symptom.columns - table.time_columns
    if len(measures) != 2 or not measures <= table.trends.keys() or not cause.columns & measures:
        return False
    return symptom.strength <= math.prod(table.trends[name] for name in measures) + CLEARLY_STRONGER


def same_value(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same column, and a number that both name, or a row that both cite."""
    shared = cause.numbers & symptom.numbers - {0.0, 1.0}
    return same_columns(cause, symptom, table) and bool(shared or cause.rows & symptom.rows)


def of_numbers(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same measured number, whose means and ranges stand-ins for a missing one pull towards them."""
    return cause.columns <= table.measures and same_measure(cause, symptom, table)


def same_rows(cause: Claim, symptom: Claim, table: Table) -> bool:
    """Every row that the symptom cites is one that the cause cites, about a column that both name."""
    return bool(symptom.rows) and symptom.rows <= cause.rows and bool(cause.columns & symptom.columns)


def linked_rows(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same rows stand out in a column and in the result that is computed from it: the value went through the formula."""
    if not (cause.columns and symptom.rows and symptom.rows <= cause.rows and len(symptom.columns) == 1):
        return False
    return any(cause.columns <= inputs for inputs in table.formulas.get(next(iter(symptom.columns)), ()))


def same_count(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same number of rows in both, or the same rows, as when whole rows that stand twice break a key; not a key of another
    table, whose rows have numbers of their own."""
    if symptom.raw.get("subject") in ("reference", "one to one"):
        return False
    return any(number == int(number) and number > 2 for number in cause.numbers & symptom.numbers) or bool(
        cause.rows & symptom.rows
    )


def decided(cause: Claim, symptom: Claim, table: Table) -> bool:
    """One column decides the other, and the symptom speaks of nothing else."""
    names = [str(name) for name in cause.raw.get("columns") or ()]
    return bool(names) and names[0] in symptom.columns and len(symptom.columns) > 1 and symptom.columns <= cause.columns


def by_slice(cause: Claim, symptom: Claim, table: Table) -> bool:
    """A slice of two groups stands out: so one of its groups scatters, differs a little as a whole, and each column matters."""
    if symptom.kind == "group_difference" and symptom.raw.get("subject") != "spread":
        return within(cause, symptom, table) and symptom.strength + CLEARLY_STRONGER < cause.strength
    return within(cause, symptom, table)


def of_all_rows(cause: Claim, symptom: Claim, table: Table) -> bool:
    """Whole groups differ in level, hardly less than the slice, which speaks of more columns than they do."""
    is_level = cause.raw.get("subject") != "spread"
    return is_level and mentions(cause, symptom, table) and symptom.strength <= cause.strength + CLEARLY_STRONGER


def by_proxy(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same claim with one column replaced by another that stands for it (a city for its region), and hardly stronger.

    Not where a measured number stands for a group that is cut out of it: there the number is what was seen first.
    """
    gone, come = _exchanged(cause, symptom)
    stands_for = (come, gone) in table.determines and not (come in table.measures and gone not in table.measures)
    return stands_for and symptom.strength <= cause.strength + CLEARLY_STRONGER


def by_cut(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same claim with a measured number replaced by groups that are cut out of it (a score by passed or failed)."""
    gone, come = _exchanged(cause, symptom)
    is_cut = (gone, come) in table.determines and gone in table.measures and come not in table.measures
    return is_cut and symptom.strength <= cause.strength + CLEARLY_STRONGER


def _exchanged(cause: Claim, symptom: Claim) -> tuple[str | None, str | None]:
    """(the column that only the cause names, the one that only the symptom names), where it is one each and they share another."""
    gone, come = cause.columns - symptom.columns, symptom.columns - cause.columns
    if len(gone) != 1 or len(come) != 1 or not cause.columns & symptom.columns:
        return None, None
    return next(iter(gone)), next(iter(come))


def known_as(cause: Claim, symptom: Claim, table: Table) -> bool:
    """A confirmed known issue is about this kind of claim, these columns, and rows or a number of rows that the symptom has too."""
    named = cause.statistics.get("confirmed") is True and cause.statistics.get("issue_kind") == symptom.kind
    if not (named and same_columns(cause, symptom, table)):
        return False
    return not (cause.rows and symptom.rows) or same_count(cause, symptom, table)


@dataclass(frozen=True)
class Rule:
    cause: str
    symptoms: tuple[str, ...]
    relation: Relation


# Read as: a CAUSE explains a SYMPTOM when the RELATION holds. The first rule that fits decides.
RULES: tuple[Rule, ...] = (
    #    cause                    symptoms                                                                  relation
    Rule("known_issue",           tuple(kind for kind in KINDS if kind != "known_issue"),                   known_as),
    Rule("constant",              (*PAIRS, *DESCRIPTIONS, "concentration", "outlier", "missingness"),       mentions),
    Rule("duplicate_columns",     ("dependence", "identity", "functional_dependency", "group_difference",
                                   "association_rule", "missingness"),                                      within),
    Rule("identity",              ("dependence", "functional_dependency", "group_difference",
                                   "interaction", "association_rule", "identity"),                          within),
    Rule("duplicate_rows",        ("key", "anomaly", "burst"),                                              same_count),
    Rule("key",                   ("functional_dependency", "concentration"),                               mentions),
    Rule("functional_dependency", ("dependence", "association_rule", "group_difference", "interaction"),    decided),
    Rule("mixed_type",            ("format_violation", "sentinel", "missingness", *DESCRIPTIONS),           same_columns),
    Rule("format_violation",      ("mixed_type", "digit_preference"),                                       same_columns),
    Rule("sentinel",              ("outlier", "digit_preference", "missingness", "anomaly"),                same_value),
    Rule("sentinel",              ("heavy_tail", "distribution_shape", "multimodality", "benford"),         same_columns),
    Rule("sentinel",              ("anomaly",),                                                             same_rows),
    Rule("sentinel",              ("control_signal",),                                                      same_measure),
    Rule("sentinel",              ("changepoint", "drift", "trend"),                                        of_numbers),
    Rule("outlier",               ("outlier",),                                                             linked_rows),
    Rule("outlier",               ("anomaly", "control_signal"),                                            same_rows),
    Rule("outlier",               ("heavy_tail", "distribution_shape", "benford"),                          same_columns),
    Rule("changepoint",           ("drift", "trend", "control_signal", "dependence", "group_difference",
                                   "scan_cluster", "multimodality", "distribution_shape"),                  same_measure),
    Rule("changepoint",           ("anomaly",),                                                             at_change),
    Rule("anomaly",               ("changepoint",),                                                         both_ends),
    Rule("period_effect",         ("seasonality", "burst", "scan_cluster", "control_signal"),               same_days),
    Rule("seasonality",           ("control_signal", "dependence", "group_difference", "burst", "gap"),     same_measure),
    Rule("trend",                 ("drift", "control_signal", "dependence"),                                same_measure),
    Rule("trend",                 ("dependence",),                                                          both_rise),
    Rule("drift",                 ("control_signal", "dependence", "group_difference"),                     same_measure),
    Rule("anomaly",               ("anomaly",),                                                             same_rows),
    Rule("control_signal",        ("control_signal",),                                                      same_columns),
    Rule("gap",                   ("burst", "scan_cluster"),                                                same_columns),
    Rule("interaction",           ("group_difference",),                                                    by_slice),
    Rule("group_difference",      ("dependence", "association_rule"),                                       same_columns),
    Rule("interaction",           ("dependence", "association_rule"),                                       by_slice),
    Rule("group_difference",      ("group_difference", "dependence", "interaction"),                        by_proxy),
    Rule("group_difference",      ("interaction",),                                                         of_all_rows),
    Rule("group_difference",      ("multimodality", "distribution_shape"),                                  within),
    Rule("missingness",           ("missingness",),                                                         within),
    Rule("seasonality",           ("seasonality",),                                                         same_columns),
    Rule("dependence",            ("dependence", "group_difference", "association_rule"),                   by_proxy),
    Rule("dependence",            ("dependence", "group_difference", "association_rule"),                   by_cut),
    Rule("group_difference",      ("dependence", "group_difference"),                                       by_cut),
    Rule("dependence",            ("association_rule",),                                                    within),
    Rule("heavy_tail",            ("distribution_shape", "concentration"),                                  same_columns),
    Rule("multimodality",         ("distribution_shape",),                                                  same_columns),
    Rule("digit_preference",      ("benford", "multimodality", "distribution_shape"),                       same_columns),
    Rule("bottleneck",            ("waiting_time", "queueing"),                                             same_value),
)  # fmt: skip


def fold(claims: Sequence[Claim], table: Table) -> dict[str, str]:
    """Finding id of each symptom -> finding id of its root cause; never a circle, and a root is never itself a symptom."""
    by_kind: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_kind[claim.kind].append(claim)
    rules: dict[str, list[Rule]] = defaultdict(list)
    for rule in RULES:
        for kind in rule.symptoms:
            rules[kind].append(rule)
    nearest = _index(by_kind)
    parents: dict[str, str] = {}
    for symptom in sorted(claims, key=_order, reverse=True):  # the weaker of two that explain each other is the symptom
        open_to = [rule for rule in rules[symptom.kind] if rule.cause == "known_issue" or not _stands_alone(symptom)]
        for cause in _causes(symptom, open_to, nearest, table):
            if _root(parents, cause.id) != symptom.id:
                parents[symptom.id] = cause.id
                break
    return {symptom: _root(parents, symptom) for symptom in parents}


def _stands_alone(symptom: Claim) -> bool:
    """A measure that stands still was probably not measured: no course of its own explains that."""
    return symptom.kind == "control_signal" and symptom.raw.get("subject") == "still"


def known_relations(claims: Sequence[Claim], time_columns: Iterable[str], measures: Iterable[str] = ()) -> Table:
    """What the findings themselves say about how columns hang together: which stands for which, which follow a formula.

    The first column of an identity is its result; the first of a functional dependency decides the second, or each the other.
    """
    determines: set[tuple[str, str]] = set()
    formulas: dict[str, list[frozenset[str]]] = defaultdict(list)
    for claim in claims:
        if claim.kind == "identity" and claim.raw.get("subject") in NO_FORMULA:
            continue
        names = [str(name) for name in claim.raw.get("columns") or ()]
        pair = (names[0], names[1]) if len(names) == 2 else None
        mutual = claim.kind in ("identity", "duplicate_columns") or claim.raw.get("subject") == "one_to_one"
        if claim.kind == "identity" and names:
            formulas[names[0]].append(frozenset(names[1:]))
        if pair and claim.kind in ("functional_dependency", "identity", "duplicate_columns"):
            determines |= {pair, pair[::-1]} if mutual else {pair}
    times = frozenset(time_columns)
    trends = {name: claim.strength for claim in claims if claim.kind == "trend" for name in claim.columns - times}
    return Table(times, frozenset(measures), trends, frozenset(determines), formulas, excursions(claims))


def _index(by_kind: Mapping[str, Sequence[Claim]]) -> dict[tuple[str, str | None], list[Claim]]:
    """(kind, column) -> claims in the order in which they are tried; column None holds them all."""
    index: dict[tuple[str, str | None], list[Claim]] = defaultdict(list)
    for kind, claims in by_kind.items():
        for claim in sorted(claims, key=_order):
            index[kind, None].append(claim)
            for column in claim.columns:
                index[kind, column].append(claim)
    return index


def _causes(
    symptom: Claim, rules: Sequence[Rule], index: Mapping[tuple[str, str | None], list[Claim]], table: Table
) -> Iterator[Claim]:
    """The claims that explain ``symptom``, in the order of the rules, then the weightiest first."""
    for rule in rules:
        near = _candidates(rule, symptom, index)
        yield from (cause for cause in near if cause.id != symptom.id and rule.relation(cause, symptom, table))


def _candidates(rule: Rule, symptom: Claim, index: Mapping[tuple[str, str | None], list[Claim]]) -> list[Claim]:
    if rule.relation in (same_count, linked_rows):  # the two need not name a common column
        return index.get((rule.cause, None), [])
    found = {claim.id: claim for column in sorted(symptom.columns) for claim in index.get((rule.cause, column), ())}
    return sorted(found.values(), key=_order)


def _order(claim: Claim) -> tuple[float, str]:
    return (-claim.score, claim.id)


def _root(parents: Mapping[str, str], start: str) -> str:
    while start in parents:
        start = parents[start]
    return start
