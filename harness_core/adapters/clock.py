"""The machine's clocks, and names that sort by time."""

import secrets
import time
from pathlib import Path

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARACTERS = 10
RANDOM_CHARACTERS = 12


class SystemClock:
    """Wall-clock time, and seconds since boot (CLOCK_BOOTTIME): the second neither jumps nor stops while asleep."""

    def __init__(self) -> None:
        self._boot_id = _boot_id()
        self._steady_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.clock_gettime(self._steady_id)

    @property
    def boot_id(self) -> str:
        return self._boot_id


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


class TimeSortedNames:
    """Ten characters of milliseconds and twelve random ones, in Crockford's base 32, lower case."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    def fresh(self, prefix: str) -> str:
        milliseconds, digits = int(self._clock.now() * 1000), ""
        for _ in range(TIME_CHARACTERS):
            milliseconds, digit = divmod(milliseconds, len(ALPHABET))
            digits = ALPHABET[digit] + digits
        return f"{prefix}_{digits}{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))}"
