"""Columns whose value decides another's, such as zip and city, and the rows that depart from it.

Looked for on sampled rows, where the error is compared with that of a random assignment of the same values; then counted
on all rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from quality_identities import tied
from quality_sample import Codes, Hashes, codes, hashes
from quality_table import NAMED_AT_MOST, Field, Table, counted, listed, named, percent

from harness_core.sdk import Finding

SAMPLED_GROUP = 20_000
MIN_EXPECTED = 20  # rows that a random assignment would put wrong: with fewer, agreement says nothing
MIN_GROUP_ROWS = 3.0  # rows per value of the deciding side, on average
FEW = 0.02  # a larger share of departures is rather a loose habit than a rule with mistakes
GLANCED_ROWS = 1_000
COUNTED_CELLS = 20_000  # tables of deciding by decided values up to this size are counted, larger ones sorted
RARER = 3  # a value so many times rarer than the usual one of its group is a slip, a more frequent one a second habit
MAX_DETERMINANTS = 40
MAX_PAIR_COLUMNS = 10
MAX_VALUE_SAMPLES = 6


@dataclass(frozen=True)
class Dependency:
    """``determinant`` decides ``dependent`` in all but ``broken`` of ``rows`` rows that have the values.

    In an equivalence ``broken_back`` are the rows that depart the other way round.
    """

    determinant: tuple[Field, ...]
    dependent: Field
    rows: int
    broken: int
    broken_back: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.determinant)


class Looked:
    """Sampled rows as codes, in random order. Values too many to repeat in a sample of rows get all rows of some values."""

    def __init__(self, table: Table, columns: Sequence[Field], deciding: Sequence[Field]) -> None:
        """``deciding`` are the columns that may decide others, in the order in which they are tried."""
        self.table, self.columns = table, columns
        many = [column for column in deciding if column.distinct * MIN_GROUP_ROWS * 2 >= SAMPLED_GROUP]
        own = many[:MAX_VALUE_SAMPLES] if table.row_count > SAMPLED_GROUP else []
        self._rows, *samples = map(_mixed, hashes(table, columns, own))
        self._value_samples = {column.name: sample for column, sample in zip(own, samples, strict=True)}
        self._known: dict[tuple[str, ...], bool] = {}

    def around(self, determinant: Sequence[Field]) -> dict[str, Codes]:
        widest = max(determinant, key=lambda column: column.distinct)
        return self._value_samples.get(widest.name, self._rows)

    def is_likely(self, determinant: Sequence[Field], dependent: Field) -> bool:
        """Few wrong rows, many fewer than a random assignment would have, and enough of those to tell."""
        asked = (*(column.name for column in determinant), dependent.name)
        if asked not in self._known:
            self.table.looks += 1
            self._known[asked] = self._is_likely(determinant, dependent)
        return self._known[asked]

    def _is_likely(self, determinant: Sequence[Field], dependent: Field) -> bool:
        sample = self.around(determinant)
        deciding, decided = [sample[column.name] for column in determinant], sample[dependent.name]
        if self._is_hopeless([codes[:GLANCED_ROWS] for codes in deciding], decided[:GLANCED_ROWS]):
            return False
        together, decided = _known_rows(deciding, decided)
        if len(together) < 2 * MIN_EXPECTED:
            return False
        wrong = wrong_rows(together, decided)
        settings = self.table.settings
        if wrong > 2 * settings["dependency_max_violations"] * len(together) + 2:
            return False
        expected = wrong_rows(together, np.roll(decided, 1))  # the rows are in random order: this is a random assignment
        return expected >= MIN_EXPECTED and wrong <= (1 - settings["dependency_strength"]) * expected

    def _is_hopeless(self, deciding: Sequence[Codes], decided: Codes) -> bool:
        """Whether a few rows are wrong too often already: leaving rows out never adds wrong ones."""
        together, decided = _known_rows(deciding, decided)
        allowed = 2 * self.table.settings["dependency_max_violations"] * len(together)
        return len(together) > 0 and wrong_rows(together, decided) > allowed + 2 + 3 * math.sqrt(allowed)


def _mixed(cells: Mapping[str, Hashes]) -> dict[str, Codes]:
    """The columns as codes, their rows in one random order, the same in every run."""
    rows = len(next(iter(cells.values()), ()))
    order = np.random.Generator(np.random.PCG64(7)).permutation(rows)
    return {name: codes(values)[order] for name, values in cells.items()}


def _known_rows(deciding: Sequence[Codes], decided: Codes) -> tuple[Codes, Codes]:
    """The rows that have all values: the deciding values as one code, and the decided ones."""
    together = deciding[0]
    if len(deciding) > 1:
        joined = together * (int(deciding[1].max(initial=0)) + 1) + deciding[1]
        together = np.where((together < 0) | (deciding[1] < 0), -1, joined)
    known = (together >= 0) & (decided >= 0)
    return (together, decided) if known.all() else (together[known], decided[known])


def wrong_rows(deciding: Codes, decided: Codes) -> int:
    """Rows to change before each deciding value has one decided value: the g3 error of Kivinen & Mannila (1995), in rows."""
    width, groups = int(decided.max(initial=0)) + 1, int(deciding.max(initial=0)) + 1
    pairs = deciding * width + decided
    if width * groups <= COUNTED_CELLS + len(pairs):
        most = np.bincount(pairs, minlength=groups * width).reshape(groups, width).max(axis=1)
        return int(len(pairs) - most.sum())
    distinct, counts = np.unique(pairs, return_counts=True)
    owners = distinct // width
    starts = np.flatnonzero(np.concatenate(([True], owners[1:] != owners[:-1])))
    return int(len(pairs) - np.maximum.reduceat(counts, starts).sum())


def dependencies(table: Table, ties: Sequence[frozenset[str]]) -> list[Finding]:
    """Findings for single columns that decide others, then for pairs; equivalences and consequences are folded."""
    columns = [column for column in table.varied() if column.distinct <= table.settings["dependency_max_levels"]]
    if table.row_count < table.settings["min_rows"] * 3 or len(columns) < 2:
        return []
    asked = [(deciding, _decided(table, deciding, columns, ties)) for deciding in _determinants(table, columns)]
    asked = [(deciding, decided) for deciding, decided in asked if decided]
    looked = Looked(table, columns, [deciding for deciding, _ in asked])
    every = list(_singles(table, looked, asked))
    equal, singles = _fold_equivalent(every)
    folded = {dependency.dependent.name for dependency in equal}
    singles = [item for item in singles if item.dependent.name not in folded and item.names[0] not in folded]
    singles = [item for item in singles if not _follows(item, singles)]
    pairs = list(_pairs(table, looked, singles, folded))
    for item in [*every, *pairs]:
        if item.broken:
            table.rows_of(_departing(item.determinant, item.dependent, RARER), item.dependent)
    return [*(_equivalence(table, item) for item in equal), *_worded(table, [*singles, *pairs])]


def _determinants(table: Table, columns: Sequence[Field]) -> list[Field]:
    """Columns that could decide others: they repeat, and are no measures unless they are whole numbers."""
    fit = [
        column
        for column in columns
        if column.distinct * MIN_GROUP_ROWS <= column.count
        and (column.role in {"category", "identifier", "flag", "text", "time"} or column.facts.get("is_integer_valued"))
    ]
    if len(fit) > MAX_DETERMINANTS:
        table.left_out["deciding_columns"] = len(fit) - MAX_DETERMINANTS
    return sorted(fit, key=lambda column: column.position)[:MAX_DETERMINANTS]


def _decided(table: Table, deciding: Field, columns: Sequence[Field], ties: Sequence[frozenset[str]]) -> list[Field]:
    """Columns with so few values that one could decide them, and that are no sums or copies of it."""
    few = table.settings["dependency_max_violations"]
    most = deciding.distinct * (1 + few) + few * table.row_count
    others = [column for column in columns if column.name != deciding.name and column.distinct <= most]
    return [column for column in others if not tied(ties, deciding, column)]


def _singles(table: Table, looked: Looked, asked: Sequence[tuple[Field, Sequence[Field]]]) -> Iterator[Dependency]:
    for number, (deciding, columns) in enumerate(asked):
        table.tell(5 + number / len(asked), 6, "dependencies")
        for decided in columns:
            if looked.is_likely([deciding], decided):
                yield from _verified(table, (deciding,), decided)


def _verified(table: Table, determinant: tuple[Field, ...], dependent: Field) -> Iterator[Dependency]:
    """The dependency as counted on all rows, if few depart, and those mostly by slips.

    Two hospitals that share a zip code, 25 rows each, break no rule: there is no usual value in that group.
    """
    rows, kept, slips = table.counts(_counting(determinant, dependent))
    broken = rows - kept
    if rows and broken <= table.settings["dependency_max_violations"] * rows and 2 * slips >= broken:
        yield Dependency(determinant, dependent, rows, broken)


def _ranked(determinant: Sequence[Field], dependent: Field) -> str:
    """SQL for the combinations: the values k0, k1, v, their rows n, their place in the group, and the rows of the first place.

    The first place has the most frequent value of its group; of equally frequent ones the first by value.
    """
    keys = [f"k{i}" for i in range(len(determinant))]
    aliased = ", ".join(f"{column.sql} AS {key}" for column, key in zip(determinant, keys, strict=True))
    known = " AND ".join(f"{column.sql} IS NOT NULL" for column in (*determinant, dependent))
    return (
        f"SELECT *, row_number() OVER usual AS place, first_value(n) OVER usual AS most "
        f"FROM (SELECT {aliased}, {dependent.sql} AS v, count(*) AS n FROM data WHERE {known} GROUP BY ALL) "
        f"WINDOW usual AS (PARTITION BY {', '.join(keys)} ORDER BY n DESC, v)"
    )


def _counting(determinant: Sequence[Field], dependent: Field) -> str:
    """SQL for the rows that have all values, how many of them have the usual one, and how many a much rarer one."""
    return (
        f"SELECT sum(n), sum(n) FILTER (WHERE place = 1), sum(n) FILTER (WHERE place > 1 AND {RARER} * n <= most) "
        f"FROM ({_ranked(determinant, dependent)})"
    )


def _fold_equivalent(singles: Sequence[Dependency]) -> tuple[list[Dependency], list[Dependency]]:
    """Pairs that decide each other become one equivalence, said of the earlier column; the later one is dropped elsewhere."""
    ways = {(item.names[0], item.dependent.name): item for item in singles}
    equal: list[Dependency] = []
    dropped: set[str] = set()
    for item in singles:
        back = ways.get((item.dependent.name, item.names[0]))
        if back and item.determinant[0].position < item.dependent.position and not {item.names[0], item.dependent.name} & dropped:
            equal.append(replace(item, broken_back=back.broken))
            dropped.add(item.dependent.name)
    both = {frozenset((item.names[0], item.dependent.name)) for item in equal}
    return equal, [item for item in singles if frozenset((item.names[0], item.dependent.name)) not in both]


def _follows(item: Dependency, singles: Sequence[Dependency]) -> bool:
    """Whether a -> c follows from a -> b and b -> c."""
    ways = {(other.names[0], other.dependent.name) for other in singles}
    middles = {decided for deciding, decided in ways if deciding == item.names[0]}
    return any((middle, item.dependent.name) in ways and (middle, item.names[0]) not in ways for middle in middles)


def _pairs(table: Table, looked: Looked, singles: Sequence[Dependency], folded: set[str]) -> Iterator[Dependency]:
    """Two columns that together decide a third which neither decides alone."""
    decided_by = {(item.names[0], item.dependent.name) for item in singles}
    categories = [
        column
        for column in _determinants(table, looked.columns)
        if column.role in {"category", "flag"} and column.name not in folded
    ]
    for first, second in combinations(sorted(categories, key=lambda c: (-c.distinct, c.position))[:MAX_PAIR_COLUMNS], 2):
        levels = first.distinct * second.distinct
        if (
            levels * MIN_GROUP_ROWS > table.row_count
            or (first.name, second.name) in decided_by
            or (second.name, first.name) in decided_by
        ):
            continue
        ordered = tuple(sorted((first, second), key=lambda column: column.position))
        for third in looked.columns:
            known = {(first.name, third.name), (second.name, third.name)} & decided_by
            if third in ordered or known or third.name in folded or third.distinct > levels:
                continue
            alone = looked.is_likely([first], third) or looked.is_likely([second], third)
            if not alone and looked.is_likely(ordered, third):
                yield from _verified(table, ordered, third)


def _equivalence(table: Table, item: Dependency) -> Finding:
    first, second = item.determinant[0], item.dependent
    back = Dependency((second,), first, item.rows, item.broken_back)
    departing = item.broken + back.broken
    both = named(first.name, second.name)
    if departing:
        outcome = (
            f"Each value of {named(first.name)} goes with one usual "
            f"{named(second.name)} (in {item.rows - item.broken:,} of {item.rows:,} "
            f"rows), and each {named(second.name)} with one usual "
            f"{named(first.name)} (in {back.rows - back.broken:,}); few rows depart."
        )
    else:
        outcome = (
            f"Each value of {named(first.name)} goes with one value of "
            f"{named(second.name)} and the other way round, in all {item.rows:,} rows."
        )
    return Finding(
        kind="functional_dependency",
        title=f"{both} are two names of the same thing" + (", with exceptions" if departing else ""),
        statement=outcome,
        columns=[first.name, second.name],
        severity="warning" if departing else "info",
        subject="one_to_one",
        statistics={**_statistics(item), "broken_back": back.broken},
        recommendation="Correct the rows that depart."
        if departing
        else ("Use one of them: what is found for one holds for the other."),
        evidence=[*_evidence(table, item), *_evidence(table, back)],
    )


def _worded(table: Table, items: Sequence[Dependency]) -> Iterator[Finding]:
    """Broken dependencies one by one; exact ones together, by what decides."""
    yield from (_broken(table, item) for item in items if item.broken)
    exact: dict[tuple[str, ...], list[Dependency]] = {}
    for item in items:
        if not item.broken:
            exact.setdefault(item.names, []).append(item)
    yield from (_exact(table, group) for group in exact.values())


def _broken(table: Table, item: Dependency) -> Finding:
    deciding = named(*item.names)
    each = "each value" if len(item.names) == 1 else "each combination"
    return Finding(
        kind="functional_dependency",
        title=f"{deciding} {'decides' if len(item.names) == 1 else 'decide'} "
        f"{named(item.dependent.name)} but for {counted(item.broken, 'row')}",
        statement=f"{each.capitalize()} of {deciding} has one usual {named(item.dependent.name)}: "
        f"{item.rows - item.broken:,} of {item.rows:,} rows have it "
        f"({percent(item.rows - item.broken, item.rows)}), "
        f"{counted(item.broken, 'row')} {'has' if item.broken == 1 else 'have'} another.",
        columns=[*item.names, item.dependent.name],
        severity="warning" if item.broken <= FEW * item.rows else "notice",
        subject="decides",
        statistics=_statistics(item),
        recommendation="Compare those rows with the usual value: mistyped, moved or merged entries show up here.",
        evidence=_evidence(table, item),
    )


def _exact(table: Table, group: Sequence[Dependency]) -> Finding:
    decided = [item.dependent.name for item in group]
    first = group[0]
    one = len(first.names) == 1
    return Finding(
        kind="functional_dependency",
        title=f"{named(*first.names)} {'decides' if one else 'together decide'} {listed(decided)}",
        statement=f"Rows with the same {named(*first.names)} always have the "
        f"same {listed(decided)}, in all rows that have these values "
        f"({min(item.rows for item in group):,}{' or more' if len({item.rows for item in group}) > 1 else ''}).",
        columns=[*first.names, *decided],
        severity="info",
        subject="decides",
        statistics=_statistics(first),
        recommendation=f"{listed(decided)} can be kept in a table of {named(*first.names)}; "
        "differences between groups of the one are differences of the other.",
        evidence=[table.evidence(_counting(item.determinant, item.dependent)) for item in group[:NAMED_AT_MOST]],
    )


def _statistics(item: Dependency) -> dict[str, object]:
    share = (item.rows - item.broken) / item.rows
    return {
        "n": item.rows,
        "holds": item.rows - item.broken,
        "broken": item.broken,
        "effect": {"name": "share of rows with the usual value", "value": share},
    }


def _evidence(table: Table, item: Dependency) -> list[dict[str, object]]:
    found = [table.evidence(_counting(item.determinant, item.dependent))]
    if item.broken:
        found.append(table.rows_of(_departing(item.determinant, item.dependent)))
    return found


def _departing(determinant: Sequence[Field], dependent: Field, times_rarer: int = 1) -> str:
    """SQL for the rows whose value is not the usual one of their group, and at least so many times rarer."""
    meets = " AND ".join(f"data.{column.sql} = ranked.k{i}" for i, column in enumerate(determinant))
    ranked = _ranked(determinant, dependent)
    return (
        f"SELECT data.row_index FROM data JOIN ({ranked}) AS ranked ON {meets} AND data.{dependent.sql} = ranked.v "
        f"WHERE ranked.place > 1 AND {times_rarer} * ranked.n <= ranked.most ORDER BY data.row_index"
    )
