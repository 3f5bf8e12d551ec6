"""Numbers as people read them, and as reports keep them: never more digits than say something."""

from collections.abc import Sequence

EXACT_WHOLE = 1e15
MOST_DIGITS = 13
CLOSE = 0.1


def number(value: float, digits: int = 4) -> str:
    """Thousands separators; whole numbers in full, all others with ``digits`` significant digits."""
    if float(value).is_integer() and abs(value) < EXACT_WHOLE:
        return f"{int(value):,}"
    size = abs(float(value))
    if size >= max(1e6, 10**digits) or size < 1e-4:
        return f"{float(value):.{digits}g}"
    if size >= 1:
        return _trimmed(f"{float(value):,.{max(0, digits - len(str(int(size))))}f}")
    return _trimmed(f"{float(value):.{digits - 1 - _exponent(size)}f}")


def told_apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers in as many digits as it takes to see by how much they differ: 1,009.2 and 1,008.9, not 1,009 twice."""
    gap, texts = abs(first - second), (number(first), number(second))
    for digits in range(4, MOST_DIGITS):
        texts = number(first, digits), number(second, digits)
        shown = [float(text.replace(",", "")) for text in texts]
        if abs(abs(shown[0] - shown[1]) - gap) <= CLOSE * gap:
            break
    return texts


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
