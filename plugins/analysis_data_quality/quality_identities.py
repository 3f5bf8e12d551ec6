"""Exact arithmetic between columns, such as total = quantity × unit price, and the few rows that break it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import identity_forms as forms
import numpy as np
from identity_forms import Floats, Form
from quality_sample import numbers
from quality_table import Field, Table, counted, named

from harness_core.sdk import Finding

GLANCED_AT = 12  # rows on which all combinations are tried; what fits half of them is looked at closer
LOOKED_AT = 64  # rows that tell what is tried on the whole sample
BLOCK = 512  # combinations glanced at together
SAMPLE_ROWS = 4_000
CHECKED_COLUMNS = 30
COLUMNS_FOR_FOUR = 14
LOOSE_SHARE = 0.9  # on the sample; the setting decides on all rows
BEYOND_CHANCE = 0.9
OPERAND_MATTERS = 0.02  # in at least so many rows each operand must change the result
MAX_DECIMALS = 6
EQUAL = 1e-9  # relative difference that arithmetic on doubles may leave


@dataclass(frozen=True)
class Candidate:
    """``target`` may follow ``form`` over ``operands`` (positions in the checked columns) within ``tolerance``."""

    target: int
    operands: tuple[int, ...]
    form: Form
    tolerance: float

    @property
    def together(self) -> frozenset[int]:
        return frozenset((self.target, *self.operands))


@dataclass(frozen=True)
class Identity:
    """A candidate counted on all rows that have its values."""

    candidate: Candidate
    rows: int
    broken: int


def _is_rate(column: Field) -> bool:
    """Whether a column of two values holds rates, such as those of a value added tax."""
    return column.view.column.type in {"float", "decimal"} and column.facts["min"] >= 0 and column.facts["max"] < 1


class Search:
    """The checked columns with some rows in memory, in random order: a rule may begin in the middle of the table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        wanted = [
            column
            for column in table.varied()
            if column.is_numeric and (column.distinct >= 3 or _is_rate(column)) and column.count >= table.settings["min_rows"] * 2
        ]
        wanted.sort(key=lambda column: (column.role == "identifier", column.position))
        self.columns = sorted(wanted[:CHECKED_COLUMNS], key=lambda column: column.position)
        if len(wanted) > CHECKED_COLUMNS:
            table.left_out["identity_columns"] = len(wanted) - CHECKED_COLUMNS
        self.values = np.empty((0, 0))
        if len(self.columns) > 1:
            values = numbers(table, [column.sql for column in self.columns], SAMPLE_ROWS)
            self.values = values[:, np.random.Generator(np.random.PCG64(7)).permutation(values.shape[1])]
        self.units = [_decimals(row) for row in self.values]

    def tolerances(self, target: int, form: Form) -> list[float]:
        """What may be left over: next to nothing, and, except in sums, half a unit of the target's last decimal."""
        decimals = self.units[target]
        if decimals is None:
            return [0.0]
        unit = 10.0**-decimals
        return [unit / 1000] if form.is_sum else [unit / 1000, unit / 2]

    def fits(self, target: Floats, right: Floats, tolerance: Any) -> Any:
        """Per row: equal within rounding, and known on both sides."""
        with np.errstate(invalid="ignore"):
            return np.abs(target - right) <= tolerance * (1 + 1e-6) + EQUAL * np.maximum(np.abs(target), np.abs(right))

    def held_share(self, target: int, operands: Sequence[int], form: Form, tolerance: float) -> float:
        """The share of the sample on which it holds; 0 unless nearly everywhere, not by chance, and with need of every operand."""
        parts = [self.values[place] for place in operands]
        goal, right = self.values[target], form.compute(parts)
        known = np.isfinite(goal) & np.isfinite(right)
        if np.count_nonzero(known) < self.table.settings["min_rows"]:
            return 0.0
        goal, right, parts = goal[known], right[known], [part[known] for part in parts]
        fit = self.fits(goal, right, tolerance)
        share = float(np.mean(fit))
        by_chance = max(float(np.mean(self.fits(np.roll(goal, step), right, tolerance))) for step in (1, 7, len(goal) // 3))
        if share < LOOSE_SHARE or by_chance > LOOSE_SHARE or (share - by_chance) / (1 - by_chance) < BEYOND_CHANCE:
            return 0.0
        needed = all(self._matters(form, parts, place, right, tolerance, fit) for place in range(len(parts)))
        return share if needed else 0.0

    def best(self, target: int, operands: Sequence[int], form: Form) -> Candidate | None:
        """With the tolerance under which most of the sample fits, the smaller one if it makes no difference."""
        tried = [(self.held_share(target, operands, form, slack), slack) for slack in self.tolerances(target, form)]
        share, slack = max(tried, key=lambda item: (item[0], -item[1]))
        return Candidate(target, tuple(operands), form, slack) if share > 0 else None

    def _matters(self, form: Form, parts: Sequence[Floats], place: int, right: Floats, tolerance: float, fit: Any) -> bool:
        changes = ~self.fits(right, form.without(parts, place), tolerance)
        rows = int(np.count_nonzero(changes))
        return rows >= max(5, OPERAND_MATTERS * len(right)) and float(np.mean(fit[changes])) >= LOOSE_SHARE

    def candidates(self) -> Iterator[Candidate]:
        """Everything that fits a glance at few rows, then more of them, then the sample."""
        yield from self._proportional()
        for form in forms.FORMS:
            operands = self._operands(form)
            for start in range(0, len(operands), BLOCK):
                for chosen in self._glanced(operands[start : start + BLOCK], form):
                    found = (self.best(target, chosen, form) for target in self._hopeful(chosen, form))
                    yield from (candidate for candidate in found if candidate)

    def _operands(self, form: Form) -> list[tuple[int, ...]]:
        """All choices of operands, without those that differ in the order of interchangeable ones only."""
        count, size = len(self.columns), len(form.neutral)
        if size == 4 and count > COLUMNS_FOR_FOUR:
            return []
        if form.leads == size:
            return list(combinations(range(count), size))
        ordered = permutations(range(count), size)
        return [chosen for chosen in ordered if not 1 < form.leads < size or chosen[0] < chosen[1]]

    def _glanced(self, operands: Sequence[tuple[int, ...]], form: Form) -> list[tuple[int, ...]]:
        """The choices that fit at least half of a few rows for some target; those with too few known rows stay in."""
        glance, chosen = self.values[:, :GLANCED_AT], np.array(operands)
        right = form.compute([glance[chosen[:, place]] for place in range(chosen.shape[1])])
        near = self.fits(glance[:, None, :], right, self._slack(form)[:, None, None])
        known = np.isfinite(glance)[:, None, :] & np.isfinite(right)
        likely = 2 * np.count_nonzero(near, axis=2) >= np.count_nonzero(known, axis=2)
        for place in range(chosen.shape[1]):
            likely[chosen[:, place], np.arange(len(chosen))] = False
        return [operands[int(place)] for place in np.flatnonzero(likely.any(axis=0))]

    def _slack(self, form: Form) -> Floats:
        return np.array([max(self.tolerances(place, form)) for place in range(len(self.columns))])

    def _hopeful(self, operands: Sequence[int], form: Form) -> list[int]:
        """Columns that the right-hand side could explain, by the rows looked at."""
        head = self.values[:, :LOOKED_AT]
        right = form.compute([head[place] for place in operands])
        near = self.fits(head, right, self._slack(form)[:, None])
        known = np.count_nonzero(np.isfinite(head) & np.isfinite(right), axis=1)
        likely = np.flatnonzero((np.count_nonzero(near, axis=1) >= 0.75 * known) & (known >= 10))
        return [int(place) for place in likely if place not in operands]

    def _proportional(self) -> Iterator[Candidate]:
        """a = k × b and a = b + k: the factor is the median ratio, made round where a round one fits."""
        for target, operand in permutations(range(len(self.columns)), 2):
            goal, part = self.values[target], self.values[operand]
            known = np.isfinite(goal) & np.isfinite(part)
            if np.count_nonzero(known) < self.table.settings["min_rows"]:
                continue
            offset = _constant_of(goal[known] - part[known])
            if offset is not None:
                if target > operand and (shift := self.best(target, (operand,), forms.shifted(offset))):
                    yield shift
                continue
            known &= (part != 0) & (np.abs(part) >= np.median(np.abs(part[known])))
            if np.count_nonzero(known):
                yield from self._scaled(target, operand, float(np.median(goal[known] / part[known])))

    def _scaled(self, target: int, operand: int, factor: float) -> Iterator[Candidate]:
        for digits in (2, 3, 4, 6, 15):
            rounded = float(f"{factor:.{digits}g}")
            if rounded in (0.0, 1.0) or target not in self._hopeful((operand,), forms.scaled(rounded)):
                continue
            if candidate := self.best(target, (operand,), forms.scaled(rounded)):
                yield candidate
                return


def _decimals(values: Floats) -> int | None:
    """The decimals that nearly all known values have at most, if these are few."""
    known = values[np.isfinite(values)]
    for decimals in range(MAX_DECIMALS + 1):
        if np.mean(np.abs(known - np.round(known, decimals)) <= 1e-12 * np.maximum(1.0, np.abs(known))) >= LOOSE_SHARE:
            return decimals
    return None


def _constant_of(differences: Floats) -> float | None:
    """The value that nearly all differences have, unless it is zero."""
    middle = float(np.median(differences))
    same = np.abs(differences - middle) <= EQUAL * np.maximum(1.0, abs(middle))
    return float(f"{middle:.12g}") if middle != 0 and float(np.mean(same)) >= LOOSE_SHARE else None


def identities(table: Table) -> tuple[list[Finding], list[frozenset[str]]]:
    """The findings, and the sets of columns that an identity ties together."""
    search = Search(table)
    found: list[Identity] = []
    seen: set[frozenset[int]] = set()
    equations: list[Floats] = []
    for candidate in sorted(
        search.candidates(), key=lambda item: (item.form.rank, len(item.form.text), item.operands, item.target)
    ):
        equation = _equation(candidate, len(search.columns))
        if candidate.together in seen or (equation is not None and _is_implied(equations, equation)):
            continue
        rows, broken, *_ = table.counts(_counting(search, candidate))
        if rows - broken < table.settings["identity_min_share"] * rows:
            continue
        seen.add(candidate.together)
        equations += [equation] if equation is not None else []
        found.append(Identity(candidate, rows, broken))
    kept = [item for item in found if not any(_explains(other, item) for other in found)]
    ties = [frozenset(search.columns[place].name for place in item.candidate.together) for item in kept]
    return [_finding(search, item) for item in kept], ties


def _explains(fuller: Identity, item: Identity) -> bool:
    """Whether a longer rule for the same column also holds where the shorter one breaks."""
    is_longer = fuller.candidate.together > item.candidate.together and fuller.candidate.target == item.candidate.target
    return is_longer and item.broken > 0 and fuller.broken * 10 <= item.broken


def _equation(candidate: Candidate, width: int) -> Floats | None:
    """The identity as a linear equation, where it is one: coefficients over the columns, and a constant at the end."""
    form, operands = candidate.form, candidate.operands
    equation = np.zeros(width + 1)
    equation[candidate.target] = -1.0
    if form.is_sum:
        equation[list(operands)] = 1.0
        if form is forms.SUM_LESS:
            equation[operands[2]] = -1.0
    elif form.name.startswith(("scaled", "shifted")):
        number = float(form.name.split(" ")[1])
        is_scaled = form.name.startswith("scaled")
        equation[operands[0]], equation[width] = (number, 0.0) if is_scaled else (1.0, number)
    else:
        return None
    return equation


def _is_implied(equations: Sequence[Floats], equation: Floats) -> bool:
    """Whether the equation follows from those already claimed: three tax columns need two equations, not five."""
    if not equations:
        return False
    known = np.array(equations).T
    solution, *_ = np.linalg.lstsq(known, equation, rcond=None)
    return bool(np.all(np.abs(known @ solution - equation) < 1e-6))


def _sql(search: Search, candidate: Candidate) -> tuple[str, str]:
    """The condition that a row can be checked, and the one that it breaks the identity."""
    places = (candidate.target, *candidate.operands)
    names = [f"CAST({search.columns[place].sql} AS DOUBLE)" for place in places]
    right = candidate.form.sql.format(*names[1:])
    known = " AND ".join(f"isfinite({name})" for name in names)
    known += f" AND {names[2]} <> 0" if candidate.form is forms.QUOTIENT else ""
    slack = f"{candidate.tolerance * (1 + 1e-6)!r} + {EQUAL!r} * greatest(abs({names[0]}), abs({right}))"
    return known, f"abs({names[0]} - ({right})) > {slack}"


def _counting(search: Search, candidate: Candidate) -> str:
    known, breaks = _sql(search, candidate)
    decimals = _rounded_to(search, candidate)
    as_rounded = "" if decimals is None else f", {decimals} AS decimals"
    return f"SELECT count(*), count(*) FILTER (WHERE {breaks}){as_rounded} FROM data WHERE {known}"


def _finding(search: Search, item: Identity) -> Finding:
    table, candidate = search.table, item.candidate
    target, operands = search.columns[candidate.target], [search.columns[place] for place in candidate.operands]
    rule = f'"{target.name}" = ' + candidate.form.text.format(*(f'"{column.name}"' for column in operands))
    known, breaks = _sql(search, candidate)
    held = item.rows - item.broken
    outcome = f"in all {item.rows:,} rows that have these values."
    advice = f"{named(target.name)} adds nothing that the others do not say: correlations among these columns follow from this."
    if item.broken:
        outcome = (
            f"in {held:,} of {item.rows:,} rows; {counted(item.broken, 'row')} {'breaks' if item.broken == 1 else 'break'} it."
        )
        advice = "Look at the rows that break it: one of their values is wrong, or a rule was not applied there."
    return Finding(
        kind="identity",
        title=rule + (f" but for {counted(item.broken, 'row')}" if item.broken else ""),
        statement=f"{rule}{_rounding(search, candidate)} {outcome}",
        columns=[target.name, *(column.name for column in operands)],
        severity="warning" if item.broken else "notice",
        subject=candidate.form.name,
        statistics={
            "n": item.rows,
            "holds": held,
            "broken": item.broken,
            "effect": {"name": "share of rows that follow the rule", "value": held / item.rows},
        },
        recommendation=advice,
        evidence=[
            table.evidence(_counting(search, candidate)),
            *([table.rows(f"{known} AND {breaks}", target)] if item.broken else []),
        ],
    )


def _rounded_to(search: Search, candidate: Candidate) -> int | None:
    """The decimals to which the rule rounds, where it has to."""
    decimals = search.units[candidate.target]
    return None if decimals is None or candidate.tolerance < 10.0**-decimals / 10 else decimals


def _rounding(search: Search, candidate: Candidate) -> str:
    decimals = _rounded_to(search, candidate)
    if decimals is None:
        return ""
    return f", rounded to {counted(decimals, 'decimal')}," if decimals else ", rounded to whole numbers,"


def tied(ties: Sequence[frozenset[str]], first: Field, second: Field) -> bool:
    """Whether an identity of these two columns alone says already how one follows from the other."""
    return frozenset((first.name, second.name)) in ties
