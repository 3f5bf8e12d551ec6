"""Slices two attributes deep: combinations whose level departs from what each attribute explains alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from difference_columns import Chosen
from difference_tables import Crossed, Triple
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.effects import Effect, FloatArray

PER_MEASURE = 2
NO_ROOM = 1e-9


@dataclass(frozen=True)
class Slice:
    """A measure where two groupings have the groups ``a`` and ``b``: ``effect`` is twice the departure of its mean rank (0..1) from
    the sum of both groupings' effects, ``p_value`` is for the largest of all cells looked at (Bonferroni)."""

    triple: Triple
    a: int
    b: int
    rows: int
    effect: Effect
    p_value: float


def triples(chosen: Chosen, limit: int) -> tuple[list[Triple], int]:
    """(measure, grouping, grouping) in column order, at most ``limit``, and how many there would be."""
    pairs = list(combinations(range(len(chosen.groupings)), 2))
    found = [(m, a, b) for a, b in pairs for m in range(len(chosen.measures))]
    return found[:limit], len(found)


def search(crossed: Mapping[Triple, Crossed], chosen: Chosen, least_rows: int) -> tuple[list[Slice], int]:
    """The slices, surest first, with their p-values over all cells; and how many cells were looked at."""
    found: list[Slice] = []
    cells = 0
    for triple, table in sorted(crossed.items()):
        named = tuple(len(chosen.groupings[g].values) for g in triple[1:])
        candidates, looked_at = _departures(triple, table, named, least_rows)
        cells += looked_at
        found += candidates
    corrected = [Slice(s.triple, s.a, s.b, s.rows, s.effect, min(1.0, s.p_value * cells)) for s in found]
    return sorted(corrected, key=lambda s: (s.p_value, -abs(s.effect.value), s.triple, s.a, s.b)), cells


def _departures(triple: Triple, table: Crossed, named: tuple[int, ...], least_rows: int) -> tuple[list[Slice], int]:
    """The cells farther out than their attributes, by Student's t of the mean rank against the additive fit; and how many cells
    were looked at."""
    fit, leverage = additive_fit(table)
    rows = table.rows
    filled = np.maximum(rows, 1)
    mean = table.sums / filled
    inside = np.maximum(table.squares - table.sums**2 / filled, 0.0)
    pooled = float(inside.sum()) / max(1, int(rows.sum()) - int((rows > 0).sum()))
    own = inside / np.maximum(rows - 1, 1)
    room = 1 / filled - leverage
    looked_at = (rows >= least_rows) & (room > NO_ROOM) & (rows < rows.sum(axis=1, keepdims=True)) & (rows < rows.sum(axis=0))
    error = np.sqrt(np.maximum(np.maximum(own, pooled), NO_ROOM) * np.maximum(room, NO_ROOM))
    p_values = 2 * special.stdtr(np.maximum(rows - 1, 1), -np.abs(mean - fit) / error)
    reach = special.stdtrit(np.maximum(rows - 1, 1), 0.975) * error
    beyond = _beyond_both(table, mean, fit)
    cells = [(int(a), int(b)) for a, b in np.argwhere(looked_at) if a < named[0] and b < named[1]]
    found = [
        Slice(triple, a, b, int(rows[a, b]), _effect(float((mean - fit)[a, b]), float(reach[a, b])), float(p_values[a, b]))
        for a, b in cells
        if beyond[a, b]
    ]
    return found, len(cells)


def _beyond_both(table: Crossed, mean: FloatArray, fit: FloatArray) -> NDArray[np.bool_]:
    """Where the slice lies farther out than either of its attributes, in the direction of its departure. Ranks have a ceiling: two
    effects that meet add up to less than both, which would otherwise look like a departure the other way."""
    alone = [
        np.broadcast_to(
            table.sums.sum(axis=axis, keepdims=True) / np.maximum(table.rows.sum(axis=axis, keepdims=True), 1), mean.shape
        )
        for axis in (0, 1)
    ]
    centre = float(table.sums.sum()) / max(1, int(table.rows.sum()))
    high = (mean > fit) & (mean > np.maximum(*alone)) & (mean > centre)
    low = (mean < fit) & (mean < np.minimum(*alone)) & (mean < centre)
    return np.asarray(high | low)


def _effect(departure: float, reach: float) -> Effect:
    low, high = (max(-1.0, min(1.0, 2 * part)) for part in (departure - reach, departure + reach))
    return Effect("departure from both attributes together, in ranks", 2 * departure, low, high)


def additive_fit(table: Crossed) -> tuple[FloatArray, FloatArray]:
    """Least squares of the cell means on both groupings without interaction: (fit, leverage of one row) per cell."""
    rows = table.rows.astype(np.float64)
    first, second = rows.shape
    normal = np.zeros((first + second, first + second))
    normal[np.arange(first), np.arange(first)] = rows.sum(axis=1)
    normal[first + np.arange(second), first + np.arange(second)] = rows.sum(axis=0)
    normal[:first, first:], normal[first:, :first] = rows, rows.T
    inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
    effects = inverse @ np.concatenate((table.sums.sum(axis=1), table.sums.sum(axis=0)))
    fit = effects[:first, None] + effects[None, first:]
    own = np.diag(inverse)
    leverage = own[:first, None] + own[None, first:] + 2 * inverse[:first, first:]
    return np.asarray(fit), np.asarray(leverage)


def tell(slices: Sequence[Slice], significance: float, least_effect: float) -> list[Slice]:
    """The sure and large ones, at most two per measure, none that shares a group of a column with one already told."""
    told: list[Slice] = []
    for slice_ in slices:
        if slice_.p_value > significance or abs(slice_.effect.value) < least_effect:
            continue
        same = [other for other in told if other.triple[0] == slice_.triple[0]]
        mine = {(slice_.triple[1], slice_.a), (slice_.triple[2], slice_.b)}
        if len(same) < PER_MEASURE and not any(mine & {(o.triple[1], o.a), (o.triple[2], o.b)} for o in same):
            told.append(slice_)
    return told
