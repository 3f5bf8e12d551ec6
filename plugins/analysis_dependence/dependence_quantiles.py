"""Medians, quartiles and fences of a number in the classes of other columns: exact, and many times faster than a query for each.

Each class of the number is cut into even bins, once. A table of counts then tells in which bin a quantile lies, and only the rows
of that bin are looked at. Each quantile is a value that occurs, the first up to which there are so many, so a query gives the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.axes import Axis, Codes, Floats

PARTS = 20
TWENTIETHS = (10, 5, 15, 1, 19)  # the median, the quartiles, and the ends of the middle nine tenths
BINS = 64  # of each class; all combinations with the classes of another column then have a number of two bytes
Joint = NDArray[np.uint16]


@dataclass(frozen=True)
class Binned:
    """All values of a number, nought where there is none, and the bin of each; the last bins are of the missing ones.

    ``has_two_noughts`` says that some are minus nought, which equals nought and is another text.
    """

    values: Floats
    bins: NDArray[np.uint16]
    bin_count: int
    has_two_noughts: bool

    @classmethod
    def of(cls, axis: Axis, values: Floats, classes: Iterable[Codes]) -> "Binned":
        """``classes`` of all rows come in batches. ``values`` are changed."""
        known = np.isfinite(values)
        values[~known] = 0.0
        ends = np.array([values.min(where=known, initial=axis.highest), *axis.edges, axis.highest, 0.0]) / 2
        starts, widths = ends[:-1], np.diff(ends)
        widths[-1] = 0.0  # what is missing has one bin
        with np.errstate(all="ignore"):
            scales = BINS / widths
        scales[~np.isfinite(scales)] = 0.0
        bins, at = np.empty(len(values), dtype=np.uint16), 0
        for codes in classes:
            part = slice(at, at + len(codes))
            inside = values[part] / 2  # of halves no difference is too large for a double
            inside -= starts[codes]
            inside *= scales[codes]
            np.minimum(inside, BINS - 1, out=inside)
            bins[part] = inside
            bins[part] += codes * np.uint16(BINS)
            at += len(codes)
        return cls(values, bins, (axis.size + 1) * BINS, bool(np.signbit(values[values == 0]).any()))

    def quantiles(self, groups: Iterable[Codes], count: int) -> dict[int, list[float]]:
        """Per group the values at ``TWENTIETHS``. ``groups`` has the group of each row, in batches: 0 to ``count`` - 1, or
        ``count`` in none. Groups in which no row has a value are left out."""
        return self._at(groups, count, lambda n: [max(1, -(-share * n // PARTS)) - 1 for share in TWENTIETHS])

    def ends(self, groups: Iterable[Codes], count: int) -> dict[int, list[float]]:
        """Per group the least and the largest value; see :meth:`quantiles`."""
        return self._at(groups, count, lambda n: [0, n - 1])

    def _at(self, groups: Iterable[Codes], count: int, places_of: Callable[[int], list[int]]) -> dict[int, list[float]]:
        """The values at certain places, from 0 on, of the order within each group of so many rows."""
        joint, upto, before = self._counted(groups, count)
        places = {g: places_of(int(n)) for g, n in enumerate(upto[:, -1]) if n}
        cells = {g: [g * self.bin_count + int(k) for k in np.searchsorted(upto[g], row, side="right")] for g, row in places.items()}
        wanted = sorted({cell for row in cells.values() for cell in row})
        parts = dict(zip(wanted, self._collected(joint, wanted), strict=True))
        return {
            g: [float(parts[cell][place - before[g, cell % self.bin_count]]) for place, cell in zip(row, cells[g], strict=True)]
            for g, row in places.items()
        }

    def _counted(self, groups: Iterable[Codes], count: int) -> tuple[list[Joint], NDArray[np.int64], NDArray[np.int64]]:
        """A number for each group and bin, per row; per group how many values there are up to the end and the start of each bin."""
        counts, at = np.zeros((count + 1) * self.bin_count, dtype=np.int64), 0
        joint = []
        for part in groups:
            cells = part * np.uint16(self.bin_count)
            cells += self.bins[at : at + len(cells)]
            counts += np.bincount(cells, minlength=len(counts))
            joint.append(cells)
            at += len(cells)
        table = counts.reshape(count + 1, self.bin_count)[:-1, :-BINS]
        upto = table.cumsum(axis=1)
        return joint, upto, upto - table

    def _collected(self, joint: Sequence[Joint], wanted: Sequence[int]) -> list[Floats]:
        """The values of the rows with each of the numbers ``wanted``, in ascending order."""
        is_wanted = np.zeros(1 << 16, dtype=bool)
        is_wanted[list(wanted)] = True
        chosen = [np.flatnonzero(is_wanted[part]) for part in joint]
        starts = np.cumsum([0, *(len(part) for part in joint)])
        rows = np.concatenate([part + start for part, start in zip(chosen, starts, strict=False)])
        cells = np.concatenate([part[picked] for part, picked in zip(joint, chosen, strict=True)])
        order = np.lexsort((self.values[rows], cells))
        ends = np.searchsorted(cells[order], list(wanted), side="right")
        return np.split(self.values[rows][order], ends[:-1])
