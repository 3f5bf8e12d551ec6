"""Rows that stand there twice, keys that repeat, and columns that say the same."""

import math
from collections.abc import Container, Iterator, Sequence

import numpy as np
from quality_sample import Hashes, comparable, hashes
from quality_table import COLUMNS_AT_ONCE, NAMED_AT_MOST, Field, Table, counted, listed, named, percent

from harness_core.sdk import Finding

UNLIKELY = 1e-4  # probability below which a number of repeats is not put down to chance
CLEARLY = 3  # and three times off at least: the number of possible values is an estimate
PLACES = 24
LONGEST_LIST = 10_000  # characters of column names in a query that is shown
RUN_ROWS = 64
RUNS = 32
FIRST_ROWS = 20_000
NEAR_PAIRS = 2_000  # of columns that are nearly equal where looked at: all pairs of sixty-three columns


def duplicate_rows(table: Table) -> tuple[list[Finding], int]:
    """The finding, if whole rows repeat more often than the columns make unavoidable, and how many rows are repeats."""
    unique = any(column.facts["is_unique"] and column.facts["null_count"] == 0 for column in table.fields)
    if unique or table.row_count < 2 or not table.fields:
        return [], 0
    names = ", ".join(column.sql for column in table.fields)
    hashed = f"SELECT hash({names}) AS h FROM data GROUP BY 1 HAVING count(*) > 1"
    table.dataset.connection.execute(f"CREATE OR REPLACE TEMP TABLE quality_repeats AS {hashed}")
    if not table.dataset.sql("SELECT count(*) FROM quality_repeats").scalar():
        return [], 0
    query = (
        "SELECT coalesce(sum(n - 1), 0), count(*), coalesce(max(n), 0), "
        "coalesce(sum(n * (n - 1)) // 2, 0), (SELECT count(*) FROM data) "
        f"FROM ({_group_sizes(names)})"
    )
    repeats, groups, most, pairs, _ = table.counts(query)
    expected = expected_equal_pairs(table)
    if repeats == 0 or pairs < 2 * expected:
        return [], repeats
    return [_duplicate_rows(table, names, query, (repeats, groups, most), expected < 0.5)], repeats


def _group_sizes(names: str) -> str:
    """SQL for the sizes ``n`` of the groups of equal rows. Of a wide table only rows that share a hash are grouped, unnamed."""
    if len(names) <= LONGEST_LIST:
        return f"SELECT count(*) AS n FROM data GROUP BY {names} HAVING count(*) > 1"
    cells = "(SELECT * EXCLUDE (row_index) FROM data) AS cells"
    again = f"SELECT hash(cells) FROM {cells} GROUP BY 1 HAVING count(*) > 1"
    return f"SELECT count(*) AS n FROM {cells} WHERE hash(cells) IN ({again}) GROUP BY cells HAVING count(*) > 1"


def _duplicate_rows(table: Table, names: str, query: str, counts: tuple[int, int, int], is_surprising: bool) -> Finding:
    repeats, groups, most = counts
    again = (
        f"SELECT row_index FROM (SELECT row_index, row_number() OVER (PARTITION BY {names} ORDER BY row_index) AS place FROM data "
        f"WHERE hash({names}) IN (SELECT h FROM quality_repeats)) WHERE place > 1 ORDER BY row_index"
    )
    copies = f", up to {most:,} times" if most > 2 else ""
    return Finding(
        kind="duplicate_rows",
        title=f"{counted(repeats, 'row')} repeat{'s' if repeats == 1 else ''} an earlier one",
        statement=f"{counted(repeats, 'row')} of {table.row_count:,} "
        f"{'is' if repeats == 1 else 'are'} equal in every column to an earlier row "
        f"({percent(repeats, table.row_count)}); {counted(groups, 'different row')} "
        f"{'stands' if groups == 1 else 'stand'} there more than once{copies}.",
        severity="warning" if is_surprising else "info",
        subject="whole_rows",
        statistics={"n": table.row_count, "repeats": repeats, "groups": groups, "most": most},
        recommendation="Check whether the file was loaded or exported twice in "
        "part; if so, remove the repeats before adding anything up.",
        evidence=[table.evidence(query), table.rows_of(again)],
    )


def expected_equal_pairs(table: Table) -> float:
    """Pairs of equal rows that there would be if the columns were independent; below 0.01 not worked out further."""
    every = table.row_count * (table.row_count - 1) / 2
    expected = every
    for column in table.fields:
        if column.name in table.shadows or column.distinct == 0:
            continue
        pairs = f"SELECT sum(n * (n - 1)) / 2 FROM (SELECT count(*) AS n FROM data GROUP BY {column.sql})"
        expected *= float(table.dataset.sql(pairs).scalar()) / every
        if expected < 0.01:
            break
    return expected


def effective_levels(column: Field) -> float:
    """One over the chance that two rows agree; from the most frequent values where they are listed, else all equally likely."""
    top = column.facts.get("top_values") or []
    present = max(1, column.count)
    listed = sum(entry["count"] for entry in top)
    rest = max(0, present - listed)
    agree = sum((entry["count"] / present) ** 2 for entry in top)
    agree += (rest / present) ** 2 / max(1, column.distinct - len(top))
    return 1 / agree if agree > 0 else float(max(1, column.distinct))


def key_violations(table: Table, repeated_rows: int) -> Iterator[Finding]:
    """Columns that are unique but for a few rows. Where whole rows repeat, those repeats alone break no key."""
    for column in table.fields:
        repeats = column.count - column.distinct
        limit = table.settings["key_violation_share"] * column.count
        if (
            not (0 < repeats <= limit)
            or repeats <= repeated_rows
            or column.count < table.settings["min_rows"] * 2
            or column.name in table.shadows
        ):
            continue
        if _is_meant_as_key(table, column, repeats):
            yield _key_violation(table, column, repeats)


def _is_meant_as_key(table: Table, column: Field, repeats: int) -> bool:
    """Whether so few (or so many) repeats cannot come from drawing at random: then uniqueness was meant.

    Ten thousand random numbers below a million repeat fifty times by chance, and that breaks no key; three repeats do.
    """
    if column.is_numeric:
        if not column.facts["is_integer_valued"]:
            return False
        choices = float(column.facts["max"]) - float(column.facts["min"]) + 1
    elif column.is_text and column.role == "identifier":
        choices = _choices(table, column)
    else:
        return False
    by_chance = column.count * (column.count - 1) / 2 / choices
    is_far = repeats * CLEARLY <= by_chance or repeats >= CLEARLY * by_chance
    return is_far and poisson_tail(repeats, by_chance) < UNLIKELY


def poisson_tail(number: int, mean: float) -> float:
    """A bound, never too low, on the chance of a count as far from the mean, if that is three times off or more.

    The terms of the tail then fall by a factor of three at least, so that their sum is below 1.5 times the first one.
    """
    return 1.5 * math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))


def _choices(table: Table, column: Field) -> float:
    """One over the chance that two texts agree if the characters in use at each place were drawn at random: a short text repeats
    more easily than a long one, so each length counts by itself."""
    longest = min(PLACES, int(column.facts["lengths"]["max"]))
    first = f"SELECT {column.sql} AS v FROM data WHERE {column.sql} IS NOT NULL ORDER BY row_index LIMIT {FIRST_ROWS}"
    places = ", ".join(f"count(DISTINCT nullif(substr(v, {place}, 1), ''))" for place in range(1, longest + 1))
    ways = np.cumprod([float(max(1, count)) for count in table.answer(f"SELECT {places} FROM ({first})")[0]])
    lengths = table.answer(f"SELECT least(length(v), {longest}), count(*) FROM ({first}) GROUP BY 1 ORDER BY 1")
    rows = sum(count for _, count in lengths)
    return float(1 / sum((count / rows) ** 2 / ways[max(1, length) - 1] for length, count in lengths))


def _key_violation(table: Table, column: Field, repeats: int) -> Finding:
    repeated = f"SELECT {column.sql} FROM data WHERE {column.sql} IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    counts = (
        f"SELECT count(*), sum(n) FROM (SELECT count(*) AS n FROM data "
        f"WHERE {column.sql} IS NOT NULL GROUP BY {column.sql} HAVING count(*) > 1)"
    )
    values, rows = table.counts(counts)
    return Finding(
        kind="key",
        title=f"{named(column.name)} is unique but for {counted(values, 'value')}",
        statement=f"{named(column.name)} tells rows apart except for "
        f"{counted(values, 'value')} that {'stands' if values == 1 else 'stand'} in "
        f"{counted(rows, 'row')} together; the other {column.count - rows:,} of {column.count:,} values are unique.",
        columns=[column.name],
        severity="warning",
        subject="violated",
        statistics={"n": column.count, "repeated_values": values, "rows": rows, "repeats": repeats},
        recommendation="Look at the rows that share a key: two records of one thing, "
        "or one key given twice. Joins on this column count them double.",
        evidence=[
            table.evidence(counts),
            table.evidence(
                f"SELECT count({column.sql}), count({column.sql}) FILTER (WHERE {column.sql} NOT IN ({repeated})) FROM data"
            ),
            table.rows(f"{column.sql} IN ({repeated})", column),
        ],
    )


def composite_keys(table: Table, keys: Sequence[Sequence[str]]) -> Iterator[Finding]:
    """Keys of two or three columns, found by the profile: worth knowing before joining."""
    sql_of = {column.name: column.sql for column in table.fields}
    for key in keys:
        if len(key) < 2 or set(key) & table.shadows:
            continue
        names = ", ".join(sql_of[name] for name in key)
        yield Finding(
            kind="key",
            title=f"{named(*key)} together identify a row",
            statement=f"No single column tells all {table.row_count:,} rows apart, but {named(*key)} together do.",
            columns=list(key),
            severity="info",
            subject="composite",
            statistics={"n": table.row_count},
            recommendation="Use these columns together when joining or removing repeats.",
            evidence=[table.evidence(f"SELECT count(*), (SELECT count(*) FROM (SELECT 1 FROM data GROUP BY {names})) FROM data")],
        )


def duplicate_columns(table: Table) -> list[Finding]:
    """Columns with the same content under another name, few differing rows allowed; the later ones become shadows."""
    alike = _Alike(table)
    groups: list[list[Field]] = []
    differing: dict[str, int] = {}
    for place, first in enumerate(alike.columns):
        if first.name in differing:
            continue  # a copy is compared with the first column of its group only
        compared = _differing_rows(table, first, alike.to(place, differing))
        copies = [(second, rows) for second, rows in compared if _are_same(table, first, second, rows)]
        if copies:
            groups.append([first, *(second for second, _ in copies)])
            differing |= {second.name: rows for second, rows in copies}
    table.shadows |= set(differing)
    table.left_out |= {"column_pairs": alike.left_out} if alike.left_out else {}
    return [_duplicate_columns(table, group, differing) for group in groups]


def _differing_rows(table: Table, first: Field, others: Sequence[Field]) -> Iterator[tuple[Field, int]]:
    """Each of the others with the rows in which it differs; few queries, because each takes its time to bind in a wide table."""
    for start in range(0, len(others), COLUMNS_AT_ONCE):
        together = others[start : start + COLUMNS_AT_ONCE]
        checks = ", ".join(f"count(*) FILTER (WHERE {_differ(first, other)})" for other in together)
        yield from zip(together, table.counts(f"SELECT {checks} FROM data"), strict=True)


def _are_same(table: Table, first: Field, second: Field, rows: int) -> bool:
    slack = table.settings["duplicate_column_differences"]
    return rows <= slack * table.row_count and _agree(first, second, 1 - rows / table.row_count, slack)


class _Alike:
    """Columns of one kind that agree on the sampled rows well beyond chance (Cohen's kappa, 1960).

    Two rare flags agree nearly everywhere without meaning it; hence not the share of equal rows alone. Columns that are equal
    on all sampled rows are told apart by a hash of all their cells, so that those that are equal throughout are always compared;
    of the others at most ``NEAR_PAIRS`` pairs are, ``left_out`` counts the rest.
    """

    def __init__(self, table: Table) -> None:
        self.table, self.left_out, self._left = table, 0, NEAR_PAIRS
        self.columns = [column for column in table.fields if column.distinct >= 2 and column.is_plain]
        (found,) = hashes(table, self.columns)
        self._cells = [found[column.name] for column in self.columns]
        self._homes: dict[int, list[list[int]]] = {}
        for room in _rooms(self._cells):
            for place in room:
                self._homes.setdefault(place, []).append(room)
        self._hashes = self._whole([self.columns[place] for place in sorted(self._homes)])

    def to(self, first: int, known: Container[str]) -> list[Field]:
        """The later columns to compare with the one at the place ``first``, without the known copies of another."""
        places = sorted({place for room in self._homes.get(first, []) for place in room if place > first})
        alike = [place for place in places if self.columns[place].name not in known and self._is_alike(first, place)]
        near = [place for place in alike if self._hash_at(place) != self._hash_at(first)]
        rest = set(near[self._left :])
        self._left -= len(near) - len(rest)
        self.left_out += len(rest)
        return [self.columns[place] for place in alike if place not in rest]

    def _is_alike(self, one: int, other: int) -> bool:
        first, second = self.columns[one], self.columns[other]
        slack = self.table.settings["duplicate_column_differences"]
        most = max(2.0, 2 * slack * self.table.row_count)
        if _kind(first) != _kind(second) or abs(second.distinct - first.distinct) > most:
            return False
        return _agree(first, second, float(np.mean(self._cells[one] == self._cells[other])), slack)

    def _hash_at(self, place: int) -> int:
        return self._hashes[self.columns[place].name]

    def _whole(self, columns: Sequence[Field]) -> dict[str, int]:
        """A hash over all cells of each column: columns with another one are not equal."""
        found: dict[str, int] = {}
        for start in range(0, len(columns), COLUMNS_AT_ONCE):
            together = columns[start : start + COLUMNS_AT_ONCE]
            cells = ", ".join(f"bit_xor(hash(row_index, {comparable(column)}))" for column in together)
            found |= zip((column.name for column in together), self.table.answer(f"SELECT {cells} FROM data")[0], strict=True)
        return found


def _rooms(cells: Sequence[Hashes]) -> list[list[int]]:
    """Columns, by place, that are equal on all sampled rows or on some run of them: the others need no comparison.

    Columns that differ in one row of a hundred are equal on half of the runs of 64 rows.
    """
    rooms: dict[tuple[int, bytes], list[int]] = {}
    for place, column in enumerate(cells):
        rooms.setdefault((-1, column.tobytes()), []).append(place)
        for start in range(0, min(len(column), RUNS * RUN_ROWS), RUN_ROWS):
            run = column[start : start + RUN_ROWS]
            if np.any(run != run[0]):
                rooms.setdefault((start, run.tobytes()), []).append(place)
    return [room for room in rooms.values() if len(room) > 1]


def _agree(first: Field, second: Field, equal: float, slack: float) -> bool:
    if equal == 1 or equal < 1 - 3 * slack:
        return equal == 1
    by_chance = min(0.999999, 1 / min(effective_levels(first), effective_levels(second)))
    return (equal - by_chance) / (1 - by_chance) >= 0.9


def _kind(column: Field) -> str:
    return "number" if column.is_numeric else column.view.column.type


def _differ(first: Field, second: Field) -> str:
    return f"{first.sql} IS DISTINCT FROM {second.sql}"


def _duplicate_columns(table: Table, group: Sequence[Field], differing: dict[str, int]) -> Finding:
    first, copies = group[0], group[1:]
    odd = [copy for copy in copies if differing[copy.name]]
    broken = sum(differing[copy.name] for copy in odd)
    exceptions = "; ".join(f"{named(copy.name)} differs in {counted(differing[copy.name], 'row')}" for copy in odd[:NAMED_AT_MOST])
    if len(odd) > NAMED_AT_MOST:
        exceptions += f"; {len(odd) - NAMED_AT_MOST:,} others differ too"
    together = [copies[start : start + COLUMNS_AT_ONCE] for start in range(0, len(copies), COLUMNS_AT_ONCE)]
    checks = [", ".join(f"count(*) FILTER (WHERE {_differ(first, copy)})" for copy in some) for some in together]
    shown = copies if len(together) == 1 else odd[:COLUMNS_AT_ONCE]
    return Finding(
        kind="duplicate_columns",
        title=f"{listed([column.name for column in group])} are the same column",
        statement=f"{listed([column.name for column in group])} hold the same values in "
        + (f"all {table.row_count:,} rows." if not broken else f"nearly all {table.row_count:,} rows: {exceptions}."),
        columns=[column.name for column in group],
        severity="warning" if broken else "notice",
        subject="same_content",
        statistics={"n": table.row_count, "differing_rows": broken},
        recommendation="Find out which of the differing values is right."
        if broken
        else "Keep one of them: everything found for one holds for the other.",
        evidence=[
            *(table.evidence(f"SELECT count(*), {counts} FROM data") for counts in checks),
            *([table.rows(" OR ".join(_differ(first, copy) for copy in shown))] if broken else []),
        ],
    )
