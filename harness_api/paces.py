"""How far something is, how fast, and how much longer: one line for the terminal and for the pages."""

from harness_core.domain.pace import pace_of

MILLION = 1_000_000
SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def pace_words(done: float | None, total: float | None, unit: str, elapsed_s: float | None) -> str:
    """``3.2 of 10.0 million rows, 1.4 million rows/s, about 5 s left``; only what is known, and nothing where nothing is.

    What has no unit is counted in steps, whose rate says nothing to people; a share of 1 is not counted at all.
    """
    if not done or not total:
        return ""
    said = [_so_far(done, total, unit)] if unit or total > 1 else []
    pace = pace_of(done, total, elapsed_s)
    if pace.rate and unit:
        said.append(f"{_amount(pace.rate, unit)}/s")
    if pace.remaining_s:
        said.append(f"about {time_left(max(1.0, pace.remaining_s))} left")
    return ", ".join(said)


def time_left(seconds: float) -> str:
    """4 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _so_far(done: float, total: float, unit: str) -> str:
    if unit == "bytes":
        return f"{_size(done)} of {_size(total)}"
    if total >= MILLION:
        return f"{done / MILLION:,.1f} of {total / MILLION:,.1f} million {unit or 'steps'}"
    return f"{done:,.0f} of {total:,.0f} {unit or 'steps'}"


def _amount(number: float, unit: str) -> str:
    """Two significant digits or three: a rate is never known better."""
    if unit == "bytes":
        return _size(number)
    if number >= MILLION:
        return f"{number / MILLION:,.1f} million {unit}"
    return f"{float(f'{number:.3g}'):,.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"


def _size(number: float) -> str:
    divisor, name = next((item for item in SIZES if number >= item[0]), SIZES[-1])
    return f"{number / divisor:,.3g} {name}"
