"""How fast an execution works and how long it will still take, by what it has done so far."""

from dataclasses import dataclass

KNOWN_AFTER_S = 1.0


@dataclass(frozen=True)
class Pace:
    """``rate`` in units per second, ``remaining_s`` in seconds; None where it is too early to tell."""

    rate: float | None = None
    remaining_s: float | None = None


def pace_of(done: float | None, total: float | None, elapsed_s: float | None) -> Pace:
    """The pace of an execution that has done ``done`` of ``total`` in ``elapsed_s``, were it to go on so."""
    if not done or done < 0 or not total or total < 0 or elapsed_s is None or elapsed_s < KNOWN_AFTER_S:
        return Pace()
    rate = done / elapsed_s
    return Pace(rate, max(0.0, total - done) / rate)
