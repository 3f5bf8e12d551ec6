"""Rows that follow on from one another: how many independent rows a pair of columns is worth when the table is a course of time.

Two slow movements seem related although nothing ties them (Yule, Why do we sometimes get nonsense-correlations between
time-series?, J. R. Statist. Soc. 89 (1926) 1-63). The chance of that is judged with n / (1 + 2 Σ r₁(k) r₂(k)) rows in place of n
(Bartlett 1935; Pyper and Peterman, Can. J. Fish. Aquat. Sci. 55 (1998) 2127-2140), r being the autocorrelations of the classes. The
sum ends where their product first falls to nought: what lies beyond is noise. Only the first rows, WINDOW of them, are looked at.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.axes import Axis, Codes

Floats = NDArray[np.float64]
WINDOW = 1 << 14


def memories(axes: Sequence[Axis], rows: Iterable[Sequence[Codes]]) -> list[Floats]:
    """The autocorrelations of each axis at lags 1, 2 … a quarter of the rows: of class numbers, or of being of the same class."""
    codes = _first(rows, len(axes))
    return [_autocorrelation(axis, column) for axis, column in zip(axes, codes, strict=True)]


def _first(rows: Iterable[Sequence[Codes]], columns: int) -> list[Codes]:
    parts: list[list[Codes]] = [[] for _ in range(columns)]
    read = 0
    for batch in rows:
        for part, codes in zip(parts, batch, strict=True):
            part.append(codes[: WINDOW - read])
        read += len(batch[0])
        if read >= WINDOW:
            break
    return [np.concatenate(part) for part in parts]


def _autocorrelation(axis: Axis, codes: Codes) -> Floats:
    known = codes < axis.size
    if axis.kind == "category":
        signals = [np.where(known, codes == code, 0.0) for code in range(axis.size)]
    else:
        signals = [np.where(known, codes, 0.0)]
    powers = np.sum([_lagged(signal, known) for signal in signals], axis=0)
    return np.asarray(powers[1:] / powers[0]) if powers[0] > 0 else np.zeros(0)


def _lagged(signal: Floats, known: NDArray[np.bool_]) -> Floats:
    """Products of the signal, less its mean, with itself, at lags from 0 to a quarter of the rows, to six places."""
    count = len(signal)
    centred = np.where(known, signal - signal[known].mean(), 0.0) if known.any() else np.zeros(count)
    size = 1 << (2 * count - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    return np.asarray(np.round(np.fft.irfft(power, size)[: count // 4 + 1], 6))


def independent_share(first: Floats, second: Floats) -> float:
    """The share of the rows that count as independent ones for this pair, at most 1."""
    lags = min(len(first), len(second))
    together = first[:lags] * second[:lags]
    ends = np.flatnonzero(together <= 0)
    total = float(together[: int(ends[0])].sum()) if len(ends) else float(together.sum())
    return 1 / (1 + 2 * total)
