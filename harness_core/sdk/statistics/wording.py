"""Numbers as people read them, and as reports keep them: never more digits than say something."""

from collections.abc import Sequence

EXACT_WHOLE = 1e15


def number(value: float) -> str:
    """Thousands separators; whole numbers in full, all others with four significant digits."""
    if float(value).is_integer() and abs(value) < EXACT_WHOLE:
        return f"{int(value):,}"
    size = abs(float(value))
    if size >= 1e6 or size < 1e-4:
        return f"{float(value):.4g}"
    if size >= 1:
        return _trimmed(f"{float(value):,.{max(0, 4 - len(str(int(size))))}f}")
    return _trimmed(f"{float(value):.{3 - _exponent(size)}f}")


def _exponent(size: float) -> int:
    """The power of ten of the first significant digit."""
    return int(f"{size:.3e}".partition("e")[2])


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: float | None, digits: int = 6) -> float | None:
    """The leading digits, so that the last bits of a float never reach the report."""
    return None if value is None else float(f"{value:.{digits}g}")


def listed(names: Sequence[str]) -> str:
    """Column names in quotes, with commas and a final "and"."""
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]
