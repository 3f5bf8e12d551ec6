"""What is followed along the rows: the value of a measure, its distance from its level, the share of a category, or of nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness_core.sdk import Dataset
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.blocks import block_means, even_edges
from harness_core.sdk.statistics.series import (
    Floats,
    Integers,
    Order,
    Step,
    choose_step,
    codes,
    finite_sql,
    measures,
    numbers,
    view_name,
)

What = Literal["level", "spread", "share", "missing"]

LEAST_SHARE = 0.02
SHARES_PER_COLUMN = 6
MOST_VALUES = 12
ROWS_PER_SHARE_BLOCK = 30


@dataclass(frozen=True)
class Track:
    """One series of the table: a number per row in the order of ``Blocks`` (NaN where a row has none).

    ``sql`` is the same number as an expression over ``data``, NULL where there is none; ``group`` is a condition on the rows, and
    ``value`` the category that is counted or that the rows have in common; ``rest`` gives the numbers of all other rows,
    less the means of their groups.
    """

    what: What
    column: str
    values: Floats
    sql: str
    value: str | None = None
    by: str | None = None
    condition: str | None = None
    rest: Callable[[], Floats] | None = None


@dataclass(frozen=True)
class Blocks:
    """The rows in order, cut into consecutive blocks; ``places`` are the positions at which a change may begin (where a time
    begins), or None where every row may be one."""

    order: Order
    edges: Integers
    step: Step | None
    places: Integers | None

    @classmethod
    def of(cls, order: Order, settings: Mapping[str, Any]) -> "Blocks":
        places = None
        if order.times is not None:
            places = np.flatnonzero(np.concatenate([[True], np.diff(order.times) > 0]))
            if len(places) == order.length:
                places = None
        if order.length <= settings["raw_rows"]:
            step = choose_step(order.times, 10**6) if order.times is not None and places is None else None
            return cls(order, even_edges(order.length, order.length), step, places)
        if order.times is not None and (step := choose_step(order.times, settings["max_blocks"], ROWS_PER_SHARE_BLOCK / 6)):
            index = step.index(order.times)
            edges = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1, [order.length]]).astype(np.int64)
            return cls(order, edges, step, places)
        edges = even_edges(order.length, min(settings["max_blocks"], max(12, order.length // ROWS_PER_SHARE_BLOCK)))
        return cls(order, edges, None, places)

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def rows_each(self) -> float:
        return self.order.length / max(1, len(self))

    def begins(self, position: int) -> int:
        """The last place at or before ``position`` at which a change may begin."""
        if self.places is None:
            return position
        return int(self.places[max(0, int(np.searchsorted(self.places, position, side="right")) - 1)])

    def bound(self, position: int) -> str:
        """``position`` as a literal to which the ordering column is compared."""
        if self.order.times is None:
            return str(position)
        return self.order.literal(int(self.order.times[position]))


def level_tracks(dataset: Dataset, blocks: Blocks, names: Sequence[str]) -> Iterator[Track]:
    for name, values in numbers(dataset, names):
        yield Track("level", name, blocks.order.arranged(values), finite_sql(dataset.column(name)))


def spread_track(track: Track, level: Floats, blocks: Blocks) -> Track:
    """The distance of each row from the level of its block, to the power of two thirds, which makes it nearly normal (E. B. Wilson
    and M. M. Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684-688)."""
    distance = np.abs(track.values - np.repeat(level, np.diff(blocks.edges)))
    return Track("spread", track.column, np.cbrt(distance**2), track.sql)


def share_tracks(dataset: Dataset, profile: Sequence[Mapping[str, Any]], blocks: Blocks, limit: int) -> Iterator[Track]:
    """The shares of the values of columns with few values, and of missing values, where a block has rows enough for a share."""
    for entry in profile:
        name, rows = str(entry["name"]), int(entry.get("count") or 0) + int(entry.get("null_count") or 0)
        if rows and LEAST_SHARE / 4 <= int(entry.get("null_count") or 0) / rows <= 1 - LEAST_SHARE / 4:
            missing = _is_missing(dataset, name)
            yield Track("missing", name, blocks.order.arranged(missing), f"CAST({view_name(name)} IS NULL AS INTEGER)")
    chosen = [entry for entry in profile if _has_few_values(entry)][:limit]
    for entry in chosen:
        name, total = str(entry["name"]), int(entry["count"])
        listed = [item for item in entry["top_values"] if LEAST_SHARE <= item["count"] / total <= 1 - LEAST_SHARE]
        if not listed:
            continue
        values = [item["value"] for item in listed[: 1 if entry["distinct_count"] == 2 else SHARES_PER_COLUMN]]
        found = blocks.order.arranged(codes(dataset, name, values))
        unknown = blocks.order.arranged(_is_missing(dataset, name)) > 0
        for code, value in enumerate(values):
            sql = f"CAST({view_name(name)} = {literal(value)} AS INTEGER)"
            yield Track("share", name, np.where(unknown, np.nan, found == code), sql, value=str(value))


def _has_few_values(entry: Mapping[str, Any]) -> bool:
    few = 2 <= int(entry.get("distinct_count") or 0) <= MOST_VALUES
    return few and entry.get("role") in {"category", "flag"} and isinstance(entry.get("top_values"), list)


def _is_missing(dataset: Dataset, name: str) -> Floats:
    batches = dataset.iter_batches([name], dictionaries=True)
    parts = [np.asarray(batch.column(0).is_null().to_numpy(zero_copy_only=False)) for batch in batches]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, int | float) else quote_text(str(value))


def measured(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[str]:
    return [column.name for column in measures(dataset, profile)]


def series_of(track: Track, blocks: Blocks) -> tuple[Floats, Floats, Integers]:
    """(means, weights, numbers of the blocks) where a block has values enough: at least a fifth of what blocks have on average."""
    means, counts = block_means(track.values, blocks.edges)
    kept = np.flatnonzero(counts >= max(1.0, 0.2 * float(counts.mean())))
    return means[kept], counts[kept], kept
