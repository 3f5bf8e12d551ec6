"""How well a column fits a key, counted over all rows: what is in the key, what is not, and how the key is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from references_names import OF_ITSELF, SAME_NAME
from references_pairs import DECLARED, Pair
from references_tables import Table

from harness_core.sdk import Dataset, query_evidence

FIRST_ROWS = 10_000  # most columns that are no key show it there
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
TRIMMED = f"trim(v, {BLANKS})"
_BARE_OF_ZEROS = "CASE WHEN {0} = '' THEN '' ELSE coalesce(nullif(ltrim({0}, '0'), ''), '0') END"
FOLDS: Mapping[str, str] = {
    "blanks": TRIMMED, "capitals": f"lower({TRIMMED})", "zeros": _BARE_OF_ZEROS.format(TRIMMED),
    "several": _BARE_OF_ZEROS.format(f"lower({TRIMMED})"),
}  # fmt: skip
"""In which ways the same can be written: each cause with what is left of ``v`` when it is not looked at."""


@dataclass(frozen=True)
class Fit:
    """A pair with its counts: ``rows`` point somewhere with ``values`` different values, of which ``lost_values`` in ``lost_rows``
    are not in the key; ``unused_keys`` of its ``keys`` are pointed to by none, the others by ``middle`` (the median), at most
    by ``most`` rows.

    ``as_written`` is False where the values agree only when blanks, capital letters and leading zeros are not looked at.
    """

    pair: Pair
    rows: int
    values: int
    lost_rows: int
    lost_values: int
    keys: int
    unused_keys: int
    middle: int
    most: int
    sql: str
    result: Sequence[Sequence[Any]]
    as_written: bool = True
    is_one_to_one: bool = False

    @property
    def share(self) -> float:
        """Of the different values so many are in the key; of two keys, of the smaller one."""
        of = min(self.values, self.keys) if self.is_one_to_one else self.values
        return (self.values - self.lost_values) / of if of else 0.0

    @property
    def evidence(self) -> dict[str, Any]:
        return query_evidence(self.sql, self.result)


class Fitting:
    """Counts fits in the main table's database, and remembers which columns are keys."""

    def __init__(self, dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
        self._dataset, self._settings = dataset, settings
        self._repeated = {str(entry.get("name")) for entry in profile if entry.get("is_unique") is False}
        self._keys: dict[tuple[str, str], tuple[int, float] | None] = {}
        self.compared = self.passes = 0

    def fit(self, pair: Pair) -> Fit | None:
        """The counts of a pair; None where what it points to is no key, or where nothing points or nothing can be pointed to."""
        if pair.rank != DECLARED and not self._points_to_key(pair):
            return None
        found = self._count(pair, "v")
        if found is None:
            return None
        is_one_to_one = pair.rank <= SAME_NAME and pair.rank != DECLARED and self._key(pair.child, pair.columns[0]) is not None
        found = replace(found, is_one_to_one=is_one_to_one)
        if pair.rank == DECLARED or found.share >= self._settings["min_share"] or not pair.has_text:
            return found
        alike = self._count(pair, FOLDS["several"])
        if alike is None or replace(alike, is_one_to_one=is_one_to_one).share < self._settings["min_share"]:
            return found
        return replace(found, as_written=False)

    def holds(self, fit: Fit) -> bool:
        """Whether so much of it fits that it is a reference."""
        return fit.pair.rank == DECLARED or not fit.as_written or fit.share >= self._settings["min_share"]

    def _points_to_key(self, pair: Pair) -> bool:
        least = self._settings["min_text_key_values" if pair.has_text and not pair.as_text else "min_key_values"]
        facts = [self._key(table, pair.keys[0]) for table in pair.parents]
        if any(item is None for item in facts) or sum(item[0] for item in facts if item) < least:
            return False
        return not pair.is_weak or max(item[1] for item in facts if item) <= self._settings["max_density"]

    def _key(self, table: Table, name: str) -> tuple[int, float] | None:
        """How many values a column has and how densely whole numbers lie; None where it is no key: a gap, or a value twice."""
        place = (table.view, name)
        if place not in self._keys:
            self._keys[place] = None if table.view == "data" and name in self._repeated else self._look(table, name)
        return self._keys[place]

    def _look(self, table: Table, name: str) -> tuple[int, float] | None:
        pair, column = Pair(table, (name,), (table,), (name,), OF_ITSELF), table.column(name)
        reach = "max(v)::DOUBLE - min(v)::DOUBLE + 1" if column is not None and column.is_numeric else "NULL"
        if table.dataset.row_count > FIRST_ROWS:
            first = f"SELECT count(*) = count(DISTINCT v) FROM (SELECT v FROM ({pair.key_sql()}) LIMIT {FIRST_ROWS})"
            if not self._dataset.sql(first).scalar():
                return None
        self.passes += 1
        row = self._dataset.sql(f"SELECT count(*), count(v), count(DISTINCT v), {reach} FROM ({pair.key_sql()})").fetchone()
        rows, present, distinct, span = row or (0, 0, 0, None)
        return (distinct, float(distinct / span) if span else 0.0) if 0 < rows == present == distinct else None

    def _count(self, pair: Pair, form: str) -> Fit | None:
        self.compared += form == "v"
        self.passes += 1
        sql = (
            f"WITH own AS (SELECT {form} AS v, count(*) AS n FROM ({pair.own_sql()}) WHERE v IS NOT NULL GROUP BY ALL), "
            f"keys AS (SELECT DISTINCT {form} AS v FROM ({pair.key_sql()}) WHERE v IS NOT NULL) "
            "SELECT coalesce(sum(n), 0)::BIGINT AS rows, count(own.v) AS values, "
            "coalesce(sum(n) FILTER (WHERE keys.v IS NULL), 0)::BIGINT AS lost_rows, "
            "count(own.v) FILTER (WHERE keys.v IS NULL) AS lost_values, count(keys.v) AS keys, "
            "count(keys.v) FILTER (WHERE own.v IS NULL) AS unused_keys, "
            "coalesce(quantile_disc(n, 0.5) FILTER (WHERE keys.v IS NOT NULL AND own.v IS NOT NULL), 0) AS middle, "
            "coalesce(max(n) FILTER (WHERE keys.v IS NOT NULL), 0) AS most "
            "FROM own FULL JOIN keys ON own.v = keys.v"
        )
        row = self._dataset.sql(sql).fetchone()
        if row is None or not row[1] or not row[4]:
            return None
        rows, values, lost_rows, lost_values, keys, unused_keys, middle, most = map(int, row)
        return Fit(pair, rows, values, lost_rows, lost_values, keys, unused_keys, middle, most, sql, [list(row)])


def lost_sql(pair: Pair, more: str = "") -> str:
    """WITH and two relations: ``keys`` with each value of the key once, ``lost`` with the rows whose ``v`` is not among them."""
    return (
        f"WITH keys AS (SELECT DISTINCT v FROM ({pair.key_sql()}) WHERE v IS NOT NULL), "
        f"lost AS (SELECT own.* FROM ({pair.own_sql()}) AS own ANTI JOIN keys ON own.v = keys.v WHERE own.v IS NOT NULL){more} "
    )
