"""Taking typed values out of a mapping that a person wrote: every mistake becomes a :class:`Problem`, and reading goes on."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from harness_core.domain.errors import Problem
from harness_core.domain.suggestions import did_you_mean, nearest, shown

MAX_TEXT = 1000
MAX_LIST = 200


class FieldReader:
    """Takes values out of a raw mapping by dotted field, notes what is wrong, and goes on with something harmless."""

    def __init__(self, raw: Mapping[Any, Any], where: str) -> None:
        self._raw = raw
        self._where = where
        self.problems: list[Problem] = []

    def wrong(self, name: str, reason: str, remedy: str = "") -> None:
        self.problems.append(Problem(self._where, name, reason, remedy))

    def get(self, name: str) -> Any:
        """The value at a dotted field; None where it, or what should hold it, is absent."""
        value: Any = self._raw
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def check_keys(self, name: str, value: Mapping[Any, Any], known: Iterable[str]) -> None:
        """Note every key of the mapping at ``name`` that nobody knows."""
        names = list(known)
        for key in value:
            if key not in names:
                self.wrong(f"{name}.{key}" if name else str(key), "unknown key", did_you_mean(str(key), names))

    def require(self, keys: Mapping[str, str]) -> None:
        """Note every absent key, with the sentence that says what it is for."""
        for key, sentence in keys.items():
            if key not in self._raw:
                self.wrong(key, "missing", sentence)

    def section(self, name: str, known: Iterable[str]) -> Mapping[str, Any]:
        """A mapping with only known keys; empty where there is none."""
        value = self.get(name)
        if value is None:
            if name in self._raw:
                self.wrong(name, "is empty", f"it holds {', '.join(known)}")
            return {}
        if not isinstance(value, Mapping):
            self.wrong(name, f"must be a mapping, and is {kind_of(value)}", f"it holds {', '.join(known)}")
            return {}
        self.check_keys(name, value, known)
        return value

    def line(self, name: str, default: str | None = None) -> str:
        """A text on one line, not empty; ``default`` where it is absent (an absent required key is noted elsewhere)."""
        value = self.get(name)
        if value is None:
            if name in self._raw:
                self.wrong(name, "is empty", "write a text, or leave the key out" if default is not None else "write a text")
            return default or ""
        if not isinstance(value, str):
            self.wrong(name, f"must be a text, and is {kind_of(value)}", f'write it in quotes: "{_plain(value)}"')
            return default or ""
        text = value.strip()
        if len(text) > MAX_TEXT:
            self.wrong(name, f"has {len(text):,} characters", f"write at most {MAX_TEXT:,}")
        elif not text or not text.isprintable():
            reason = "holds line breaks or invisible characters" if text else "is empty"
            self.wrong(name, reason, "write one printable line")
        return text

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        value = self.get(name)
        allowed = list(allowed)
        if value is None and (default is not None or name not in self._raw):
            return default or allowed[0]
        if value not in allowed:
            self.wrong(name, f"{shown(value)} is none of {', '.join(allowed)}", _nearest(value, allowed))
            return allowed[0]
        return str(value)

    def number(
        self, name: str, *, default: float, low: float, high: float = math.inf, whole: bool = False, above: bool = False
    ) -> float:
        """A number within ``low`` and ``high``, both included unless ``above`` leaves ``low`` out."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not math.isfinite(value):
            self.wrong(name, f"must be a {'whole number' if whole else 'number'}, and is {kind_of(value)}")
            return default
        if value < low or value > high or (above and value == low):
            bound = f"above {low:g}" if above else f"within {low:g} and {high:g}" if math.isfinite(high) else f"at least {low:g}"
            self.wrong(name, f"{value:g} is out of range", f"it must be {bound}")
        return cast(float, value)

    def texts(self, name: str) -> list[str]:
        """A list of different texts; what is no text is noted and left out."""
        value = self.get(name)
        if value is None and name.split(".")[0] not in self._raw:
            return []
        if value is None or not isinstance(value, list | tuple):
            if value is not None or name in self._raw:
                self.wrong(name, f"must be a list, and is {kind_of(value)}", "write [] for none")
            return []
        if len(value) > MAX_LIST:
            self.wrong(name, f"holds {len(value)} entries, where at most {MAX_LIST} are read")
        found: list[str] = []
        for index, item in enumerate(value[:MAX_LIST]):
            if not isinstance(item, str):
                self.wrong(f"{name}[{index}]", f"must be a text, and is {kind_of(item)}")
            elif item in found:
                self.wrong(f"{name}[{index}]", f"{shown(item)} stands twice", "name it once")
            else:
                found.append(item)
        return found


def _nearest(value: Any, allowed: Iterable[str]) -> str:
    best = nearest(str(value), allowed)
    return f"did you mean {best}?" if best else ""


def kind_of(value: Any) -> str:
    """A value by its kind, as people call it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return (
        "a list" if isinstance(value, list | tuple) else "a mapping" if isinstance(value, Mapping) else f"a {type(value).__name__}"
    )


def _plain(value: Any) -> str:
    return shown(value) if isinstance(value, int | float) else "…"
