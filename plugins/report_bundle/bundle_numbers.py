"""Numbers as people read them: thousands separators, at most four significant digits behind the point, no float tails."""

import math
from typing import Any

SIGNIFICANT = 4
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any) -> str:
    """Any scalar of the report as text: 20,000 · 0.7134 · 25,647 · 3.2 × 10⁻⁹ · true."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else _scientific(float(value)) if abs(value) < 10**300 else "a very large number"
    if isinstance(value, float):
        return _real(value)
    return str(value)


def _real(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size and (size >= 1e15 or size < 1e-4):
        return _scientific(value)
    whole_digits = len(str(int(size))) if size >= 1 else 0
    leading_zeros = -math.floor(math.log10(size)) - 1 if 0 < size < 1 else 0
    text = f"{value:,.{max(0, SIGNIFICANT - whole_digits + leading_zeros)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text.replace("-", "−")


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def percent(share: float) -> str:
    """A share of one as a percentage that does not claim to be nothing, or everything, when it is not."""
    value = share * 100
    if 0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100:
        return "> 99.9 %"
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def probability(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.001 else f"{value:.3f}"


def plural(count: int, noun: str, many: str | None = None) -> str:
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def compact(value: float, step: float = 0.0) -> str:
    """A short label for an axis whose ticks are ``step`` apart: 250 · 1.5k · 20M · 0.05."""
    size = max(abs(value), step)
    for limit, divisor, unit in ((1e12, 1e12, "T"), (1e9, 1e9, "bn"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if 1e15 > size >= limit:
            return _tick(value / divisor, step / divisor) + (unit if value else "")
    if value and (size >= 1e15 or size < 1e-4):
        return _scientific(value)
    return _tick(value, step)


def _tick(value: float, step: float) -> str:
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9)) if step > 0 else 2
    if step > 0 and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    text = f"{value:,.{min(decimals, 12)}f}"
    text = text.rstrip("0").rstrip(".") if step <= 0 and "." in text else text
    return "0" if float(text.replace(",", "")) == 0 else text.replace("-", "−")
