"""From a change between blocks to a claim about rows: its exact place, its size with an interval, whether to say it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from changepoint_search import Change, Found
from changepoint_tracks import Blocks, Track

from harness_core.sdk.statistics.series import Floats, Integers

NEIGHBOURS = 30
CLIP = 3.0
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Side:
    """The rows of one segment next to a change: how many values, their mean, spread, and the line through them at the change."""

    n: int
    mean: float
    deviation: float
    slope: float
    at_change: float


@dataclass(frozen=True)
class Claim:
    """A change at ``position`` of the order, between the changes (or ends) at ``low`` and ``high``. ``form`` is "level", "course",
    "spread" or "share"; ``effect`` has a sign, ``reach`` is half the width of its 95 % interval. ``lines`` says that the two sides
    are lines rather than levels."""

    track: Track
    change: Change
    low: int
    position: int
    high: int
    form: str
    effect: float
    reach: float
    before: Side
    after: Side
    lines: bool = False

    @property
    def size(self) -> float:
        """How clear it is, for ranking: in standard deviations, or the like."""
        if self.form == "spread":
            return abs(math.log(self.effect))
        return abs(self.effect) * (4 if self.form == "share" else 1)


def place(track: Track, blocks: Blocks, found: Found, kept: Integers, means: Floats, which: int) -> int:
    """The position at which the sum of squares around the levels on either side is least, among the rows of the two blocks that
    meet there. Rows count as at most three deviations from their level, so that one outlier does not move the place."""
    block = found.changes[which].block
    start = int(blocks.edges[kept[block]])
    if len(blocks) == blocks.order.length:
        return blocks.begins(start)
    bounds = [0, *(change.block for change in found.changes), len(kept)]
    clean = means if found.seasonal is None else means - found.seasonal
    left = float(np.mean(clean[max(bounds[which], block - NEIGHBOURS) : block]))
    right = float(np.mean(clean[block : min(bounds[which + 2], block + NEIGHBOURS)]))
    low, high = int(blocks.edges[kept[max(0, block - 1)]]), int(blocks.edges[kept[min(block + 1, len(kept) - 1)]])
    high = max(high, start + 1)
    rows = track.values[low:high] - (0.0 if found.seasonal is None else float(found.seasonal[block]))
    spread = max(float(np.nanstd(rows)), 1e-300) if np.isfinite(rows).any() else 1.0
    limits = min(left, right) - CLIP * spread, max(left, right) + CLIP * spread
    evidence = np.nan_to_num((right - left) * (2 * np.clip(rows, *limits) - left - right))
    totals = np.concatenate([[0.0], np.cumsum(evidence)])
    cuts = np.arange(low, high + 1)
    if blocks.places is not None:
        cuts = np.intersect1d(cuts, blocks.places)
    cuts = cuts[(cuts > 0) & (cuts < blocks.order.length)]
    return int(cuts[np.argmin(totals[cuts - low])]) if len(cuts) else blocks.begins(start)


def claims_of(
    track: Track, blocks: Blocks, found: Found, kept: Integers, means: Floats, settings: Mapping[str, Any]
) -> list[Claim]:
    """The changes of a track that are large enough, each between its neighbours."""
    positions = [place(track, blocks, found, kept, means, which) for which in range(len(found.changes))]
    bounds = [0, *positions, blocks.order.length]
    claims = []
    for which, change in enumerate(found.changes):
        low, position, high = bounds[which : which + 3]
        if not low < position < high:
            continue
        before, after = _side(track, blocks, low, position, ends=True), _side(track, blocks, position, high, ends=False)
        if min(before.n, after.n) < 2:
            continue
        claim = _claim(track, change, (low, position, high), before, after, found)
        if claim is not None and _is_worth_saying(claim, settings):
            claims.append(claim)
    return claims


def _side(track: Track, blocks: Blocks, low: int, high: int, *, ends: bool) -> Side:
    """One segment; ``ends`` says whether the change is at its end."""
    values = track.values[low:high]
    present = np.isfinite(values)
    y, x = values[present], np.flatnonzero(present).astype(np.float64)
    if len(y) < 2:
        return Side(len(y), float("nan"), 0.0, 0.0, float("nan"))
    mean, centre = float(y.mean()), float(x.mean())
    spread = float(((x - centre) ** 2).sum())
    slope = float(((x - centre) * (y - mean)).sum()) / spread if spread > 0 else 0.0
    at_change = mean + slope * ((high - low if ends else 0) - centre)
    return Side(len(y), mean, float(y.std(ddof=1)), slope, at_change)


def _claim(track: Track, change: Change, span: tuple[int, int, int], before: Side, after: Side, found: Found) -> Claim | None:
    if track.what in ("share", "missing"):
        difference = after.mean - before.mean
        variance = sum(side.mean * (1 - side.mean) / side.n for side in (before, after))
        return Claim(track, change, *span, "share", difference, Z95 * math.sqrt(max(0.0, variance)), before, after)
    if track.what == "spread":
        scale = (after.mean / before.mean) ** 1.5 if min(before.mean, after.mean) > 0 else 1.0
        return Claim(track, change, *span, "spread", scale, Z95 * math.sqrt(1 / (2 * before.n) + 1 / (2 * after.n)), before, after)
    lines = found.partition is not None and found.partition.model == "line"
    noise = _pooled(before, after, lines)
    if noise <= 0:
        noise = 1e-12 * max(abs(before.mean), abs(after.mean), 1e-300)
    shift = (after.mean - before.mean) / noise
    form, effect = "level", shift
    if lines:
        jump = (after.at_change - before.at_change) / noise
        bend = (after.slope - before.slope) * min(before.n, after.n) / 2 / noise
        form, effect = ("level", jump) if abs(jump) >= abs(bend) and jump * shift > 0 else ("course", bend)
    reach = Z95 * math.sqrt(1 / before.n + 1 / after.n + effect**2 / (2 * (before.n + after.n)))
    return Claim(track, change, *span, form, effect, reach, before, after, lines)


def _pooled(before: Side, after: Side, lines: bool) -> float:
    """The standard deviation of the rows around their level, or line, over both segments."""
    squares, freedom = 0.0, 0
    for side in (before, after):
        around = side.deviation**2 * (side.n - 1)
        if lines:
            around -= side.slope**2 * side.n * (side.n**2 - 1) / 12
        squares += max(0.0, around)
        freedom += side.n - 1 - lines
    return math.sqrt(squares / max(1, freedom))


def _is_worth_saying(claim: Claim, settings: Mapping[str, Any]) -> bool:
    if claim.form == "share":
        return bool(abs(claim.effect) >= settings["min_share"])
    if claim.form == "spread":
        return bool(abs(math.log(claim.effect)) >= math.log(settings["min_spread_ratio"]))
    return bool(abs(claim.effect) >= settings["min_shift"])


def distinct(claims: Sequence[Claim], blocks: Blocks) -> list[Claim]:
    """Without the spread that changes where the level does, and with one value per column and place."""
    near = 2 * blocks.rows_each + 1
    kept: list[Claim] = []
    order = {"level": 0, "course": 0, "share": 1, "spread": 2}
    for claim in sorted(claims, key=lambda item: (order[item.form], -item.size, item.position, str(item.track.value))):
        same = [item for item in kept if item.track.column == claim.track.column and item.track.by == claim.track.by]
        rivals = [item for item in same if item.track.what != claim.track.what or item.track.value != claim.track.value]
        if not any(abs(item.position - claim.position) <= near for item in rivals):
            kept.append(claim)
    return kept
