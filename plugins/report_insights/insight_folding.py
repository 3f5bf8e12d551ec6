"""Which finding explains which: a table of rules, and how a symptom finds its one cause.

A symptom stays in the report as a finding; it only loses its own place among the insights.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from insight_claims import Claim

from harness_core.sdk.contract import KINDS

DESCRIPTIONS = ("distribution_shape", "heavy_tail", "multimodality", "digit_preference", "benford")
PAIRS = ("dependence", "group_difference", "association_rule", "interaction", "functional_dependency", "duplicate_columns")
CLEARLY_STRONGER = 0.1


@dataclass(frozen=True)
class Table:
    """What the relations may ask about the table beside the two findings.

    ``determines`` holds pairs (column, the column it decides); ``formulas`` holds, per result of an identity, the inputs.
    """

    time_columns: frozenset[str] = frozenset()
    determines: frozenset[tuple[str, str]] = frozenset()
    formulas: Mapping[str, Sequence[frozenset[str]]] = field(default_factory=dict)


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


def same_value(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same column, and a number that both name, or a row that both cite."""
    shared = cause.numbers & symptom.numbers - {0.0, 1.0}
    return same_columns(cause, symptom, table) and bool(shared or cause.rows & symptom.rows)


def same_rows(cause: Claim, symptom: Claim, table: Table) -> bool:
    """Every row that the symptom cites is one that the cause cites, about a column that both name."""
    return bool(symptom.rows) and symptom.rows <= cause.rows and bool(cause.columns & symptom.columns)


def linked_rows(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same rows stand out in a column and in the result that is computed from it: the value went through the formula."""
    if not (cause.columns and symptom.rows and symptom.rows <= cause.rows and len(symptom.columns) == 1):
        return False
    return any(cause.columns <= inputs for inputs in table.formulas.get(next(iter(symptom.columns)), ()))


def same_count(cause: Claim, symptom: Claim, table: Table) -> bool:
    """The same number of rows in both, or the same rows, as when whole rows that stand twice break a key."""
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
    """The same claim with one column replaced by another that stands for it (a city for its region), and hardly stronger."""
    gone, come = cause.columns - symptom.columns, symptom.columns - cause.columns
    if len(gone) != 1 or len(come) != 1 or not cause.columns & symptom.columns:
        return False
    stands_for = (next(iter(come)), next(iter(gone))) in table.determines
    return stands_for and symptom.strength <= cause.strength + CLEARLY_STRONGER


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
    Rule("outlier",               ("outlier",),                                                             linked_rows),
    Rule("outlier",               ("anomaly", "control_signal"),                                            same_rows),
    Rule("outlier",               ("heavy_tail", "distribution_shape", "benford"),                          same_columns),
    Rule("changepoint",           ("drift", "trend", "control_signal", "dependence", "group_difference",
                                   "scan_cluster", "multimodality", "distribution_shape", "anomaly"),       same_measure),
    Rule("period_effect",         ("seasonality", "burst", "scan_cluster", "control_signal"),               same_measure),
    Rule("seasonality",           ("control_signal", "dependence", "group_difference", "burst", "gap"),     same_measure),
    Rule("trend",                 ("drift", "control_signal", "dependence"),                                same_measure),
    Rule("drift",                 ("control_signal", "dependence", "group_difference"),                     same_measure),
    Rule("anomaly",               ("anomaly",),                                                             same_rows),
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
        for cause in _causes(symptom, rules[symptom.kind], nearest, table):
            if _root(parents, cause.id) != symptom.id:
                parents[symptom.id] = cause.id
                break
    return {symptom: _root(parents, symptom) for symptom in parents}


def known_relations(claims: Sequence[Claim], time_columns: Iterable[str]) -> Table:
    """What the findings themselves say about how columns hang together: which stands for which, which follow a formula.

    The first column of an identity is its result; the first of a functional dependency decides the second, or each the other.
    """
    determines: set[tuple[str, str]] = set()
    formulas: dict[str, list[frozenset[str]]] = defaultdict(list)
    for claim in claims:
        if claim.kind == "identity" and claim.raw.get("subject") == "order":
            continue  # one column is never above the other: that gives neither from the other
        names = [str(name) for name in claim.raw.get("columns") or ()]
        pair = (names[0], names[1]) if len(names) == 2 else None
        mutual = claim.kind in ("identity", "duplicate_columns") or claim.raw.get("subject") == "one_to_one"
        if claim.kind == "identity" and names:
            formulas[names[0]].append(frozenset(names[1:]))
        if pair and claim.kind in ("functional_dependency", "identity", "duplicate_columns"):
            determines |= {pair, pair[::-1]} if mutual else {pair}
    return Table(frozenset(time_columns), frozenset(determines), formulas)


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
