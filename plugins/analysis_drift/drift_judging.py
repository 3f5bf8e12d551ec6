"""Each column of a comparison judged: the distances of its two sides, tests by dealt blocks, and the changes worth a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from drift_blocks import (
    Blocks,
    Dealer,
    chi_squared_of,
    kolmogorov_of,
    memory_of,
    one_sided_p,
    share_gap_of,
)
from drift_sides import MISSING, Codes, Sides, most_frequent

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.distances import Merged, jensen_shannon, population_stability
from harness_core.sdk.statistics.effects import Z95
from harness_core.sdk.statistics.ordered import Ordered, repeats
from harness_core.sdk.statistics.series import Floats

Form = Literal["numbers", "mix", "nulls", "new", "gone"]

CLASSES, STABILITY_CLASSES = 32, 10
MOST_VALUES = 100
FEWEST_VALUES = 30
MIX_ROLES = frozenset({"category", "flag"})
NO_NUMBERS = frozenset({"identifier", "constant", "empty", "category", "flag"})


@dataclass(frozen=True)
class Change:
    """A tested difference. ``distance`` decides whether it is told; ``low`` to ``high`` is its 95 % interval; ``facts`` are for the
    sentence."""

    column: Column
    form: Form
    p_value: float
    distance: float
    low: float
    high: float
    n: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Judged:
    """All tests of one comparison, what the metrics list per column, and the columns about which nothing can be said."""

    changes: list[Change] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    """Judges the columns of one comparison. ``profile`` is that of the first table, by column name."""

    dataset: Dataset
    sides: Sides
    dealer: Dealer
    profile: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]

    def judge(self, columns: Sequence[Column]) -> Judged:
        judged = Judged()
        taken = [column for column in columns if column.name != self.sides.axis]
        limit = self.settings["max_columns"]
        judged.left_out += [{"name": column.name, "reason": "beyond the limit of columns"} for column in taken[limit:]]
        kinds = {column.name: self._kind(column) for column in taken[:limit]}
        for column in taken[:limit]:
            if kinds[column.name] == "numbers":
                self._numbers(column, judged)
        for column in taken[:limit]:
            if kinds[column.name] == "mix":
                self._mix(column, judged)
            elif kinds[column.name] == "nulls" and not self._is_complete(column):
                self._nulls(column, self.sides.codes(column.name, []), judged)
        order = {column.name: number for number, column in enumerate(taken)}
        judged.columns.sort(key=lambda entry: order[entry["name"]])
        return judged

    def _kind(self, column: Column) -> str:
        entry = self.profile.get(column.name, {})
        role = entry.get("role")
        if column.is_numeric and role not in NO_NUMBERS and not _is_counter(entry):
            return "numbers"
        few = int(entry.get("distinct_count") or 0) <= max(MOST_VALUES, self.dataset.row_count // 20)
        if (role in MIX_ROLES or column.type == "boolean" or (role is None and column.type == "text")) and few:
            return "mix"
        return "none" if role == "empty" or column.type in {"nested", "binary"} else "nulls"

    def _is_complete(self, column: Column) -> bool:
        """Whether the profile says that nothing is missing on either side."""
        return self.sides.is_profiled and self.profile.get(column.name, {}).get("null_count") == 0

    def _numbers(self, column: Column, judged: Judged) -> None:
        counted = self.sides.is_profiled and repeats(self.dataset.row_count, self.profile.get(column.name, {}))
        ordered = self.sides.ordered(column, counted=counted)
        if min(side.n for side in ordered) < FEWEST_VALUES:
            (codes,) = self.sides.classes(column.name, [np.empty(0)])
            self._nulls(column, codes, judged)
            judged.left_out.append({"name": column.name, "reason": f"one side has fewer than {FEWEST_VALUES} values"})
            return
        merged = Merged.of(*ordered)
        edges, tenths = _edges(merged.pooled, CLASSES), _edges(merged.pooled, STABILITY_CLASSES)
        gap, at = merged.kolmogorov()
        codes, above = self.sides.classes(column.name, [edges, np.array([at])])
        self._nulls(column, codes, judged)
        blocks = Blocks.of(self.sides.sizes, memory_of((_present(codes[0]), _present(codes[1]))))
        classed = [np.diff(side.up_to(tenths), prepend=0, append=side.n).astype(float) for side in ordered]
        facts = {
            "kolmogorov": gap, "at": at, "wasserstein": merged.wasserstein(),
            "population_stability": population_stability(*classed), "jensen_shannon": jensen_shannon(*classed),
        }  # fmt: skip
        entry = {"name": column.name, "form": "numbers", "p_value": None, **facts}
        judged.columns.append(entry)
        if blocks is None:
            judged.left_out.append({"name": column.name, "reason": "its values resemble their neighbours over too many rows"})
            return
        counted_up = np.cumsum(blocks.counts(codes, len(edges) + 1), axis=1)
        entry["p_value"] = p_value = self.dealer.p_value(counted_up, blocks.first, kolmogorov_of)
        reach, n = _reach(blocks.counts(above, 2), blocks.first), sum(side.n for side in ordered)
        judged.changes.append(Change(column, "numbers", p_value, gap, *_interval(gap, reach), n, facts))

    def _mix(self, column: Column, judged: Judged) -> None:
        values = most_frequent(self.dataset, self.sides, column.name, MOST_VALUES)
        codes = self.sides.codes(column.name, values)
        self._nulls(column, codes, judged)
        size = len(values) + 1
        counts = [np.bincount(side, minlength=MISSING + 1)[:size].astype(np.float64) for side in codes]
        if min(float(part.sum()) for part in counts) < FEWEST_VALUES or len(values) < 2:
            return
        blocks = Blocks.of(self.sides.sizes, _memory_of_labels(codes))
        facts = {"jensen_shannon": jensen_shannon(*counts), "population_stability": population_stability(*counts)}
        entry = {"name": column.name, "form": "mix", "p_value": None, **facts}
        judged.columns.append(entry)
        if blocks is None:
            judged.left_out.append({"name": column.name, "reason": "its values resemble their neighbours over too many rows"})
            return
        table = blocks.counts(codes, size)
        entry["p_value"] = p_value = self.dealer.p_value(table, blocks.first, chi_squared_of)
        distance, n = facts["jensen_shannon"], int(sum(float(part.sum()) for part in counts))
        reach = _jackknife(table, blocks.first)
        moved = {"values": values, "counts": [part.astype(np.int64).tolist() for part in counts]}
        judged.changes.append(Change(column, "mix", p_value, distance, *_interval(distance, reach), n, facts | moved))
        judged.changes += self._one_sided(column, values, counts, table, blocks)

    def _one_sided(
        self, column: Column, values: Sequence[Any], counts: Sequence[Floats], table: Floats, blocks: Blocks
    ) -> Iterator[Change]:
        """Values that only one side has: those with the most rows of each side in one claim."""
        sums = [float(part.sum()) for part in counts]
        for side, form in ((1, "new"), (0, "gone")):
            shares = counts[side] / sums[side]
            only = [k for k in range(len(values)) if counts[1 - side][k] == 0 and shares[k] >= self.settings["min_new_share"]]
            on_side = len(table) - blocks.first if side else blocks.first
            tested = [(one_sided_p(on_side, int((table[:, k] > 0).sum()), len(table)) * len(values), k) for k in only]
            sure = [k for p, k in tested if p <= self.settings["significance"]]
            share = float(sum(shares[k] for k in sure))
            found = {"values": [values[k] for k in sure], "rows": int(sum(counts[side][k] for k in sure)), "of": int(sums[side])}
            p_value = min([1.0, *(p for p, k in tested if k in sure)])
            yield Change(column, form, p_value, share, share, share, int(sum(sums)), found)  # type: ignore[arg-type]

    def _nulls(self, column: Column, codes: tuple[Codes, Codes], judged: Judged) -> None:
        missing = [int(np.count_nonzero(side == MISSING)) for side in codes]
        total = sum(missing)
        if total == 0 or total == sum(self.sides.sizes):
            return
        flags = (codes[0] != MISSING).view(np.uint8), (codes[1] != MISSING).view(np.uint8)
        blocks = Blocks.of(self.sides.sizes, memory_of(flags))
        shares = [count / size for count, size in zip(missing, self.sides.sizes, strict=True)]
        distance = abs(shares[1] - shares[0])
        if blocks is None or distance < self.settings["min_null_change"] / 2:
            return
        table = blocks.counts(flags, 2)
        p_value, reach = self.dealer.p_value(table, blocks.first, share_gap_of), _reach(table, blocks.first)
        facts = {"missing": missing, "shares": shares}
        judged.changes.append(Change(column, "nulls", p_value, distance, *_interval(distance, reach), sum(self.sides.sizes), facts))


def _is_counter(entry: Mapping[str, Any]) -> bool:
    return entry.get("is_sorted") is not None and bool(entry.get("is_unique"))


def _edges(pooled: Ordered, classes: int) -> Floats:
    """The upper ends of all classes but the last: quantiles of all values, or the values themselves where they are few."""
    edges = np.unique(pooled.at((np.arange(1, classes) * pooled.n) // classes))
    return np.asarray(edges[edges < pooled.values[-1]])


def _present(codes: Codes) -> Codes:
    return codes if int(codes.max(initial=0)) < MISSING else codes[codes != MISSING]


def _memory_of_labels(codes: tuple[Codes, Codes]) -> float:
    """As :func:`memory_of`, from how much more often neighbours have the same label than rows at random (Cohen's kappa)."""
    agreed = pairs = 0
    chance, sizes = 0.0, [len(side) for side in codes]
    for side, size in zip(map(_present, codes), sizes, strict=True):
        agreed += int(np.count_nonzero(side[1:] == side[:-1]))
        pairs += max(0, len(side) - 1)
        chance += float(((np.bincount(side) / max(1, len(side))) ** 2).sum()) * size
    chance /= max(1, sum(sizes))
    kappa = (agreed / pairs - chance) / (1 - chance) if pairs and chance < 1 else 0.0
    return 1.0 if kappa <= 0 else (1 + kappa) / max(1e-12, 1 - kappa)


def _reach(table: Floats, first: int) -> float:
    """Half the 95 % interval of the difference of the shares of the first class, from how it differs between blocks."""
    variance = 0.0
    for part in (table[:first], table[first:]):
        rows = part.sum(axis=1)
        share = part[:, 0].sum() / rows.sum()
        variance += float(((part[:, 0] - share * rows) ** 2).sum()) / float(rows.sum()) ** 2 * len(part) / max(1, len(part) - 1)
    return Z95 * float(np.sqrt(variance))


def _jackknife(table: Floats, first: int) -> float:
    """Half the 95 % interval of the Jensen-Shannon distance, leaving out one block after the other."""
    whole = [table[:first].sum(axis=0), table[first:].sum(axis=0)]
    left = []
    for number, row in enumerate(table):
        sides = [side - row if (number >= first) == bool(k) else side for k, side in enumerate(whole)]
        left.append(jensen_shannon(*sides) if min(float(side.sum()) for side in sides) > 0 else 0.0)
    spread = np.asarray(left) - np.mean(left)
    return Z95 * float(np.sqrt((len(left) - 1) / len(left) * (spread**2).sum()))


def _interval(distance: float, reach: float) -> tuple[float, float]:
    return max(0.0, distance - reach), min(1.0, distance + reach)
