"""Did you mean: the known word that is nearest to one that nobody knows, as a remedy for a :class:`Problem`."""

import difflib
from collections.abc import Iterable

MAX_LISTED = 12


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like ``word``, whatever its case; None when nothing is similar. Ties go to the first in sorted order."""
    by_folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    found = difflib.get_close_matches(word.casefold()[:200], sorted(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy in words: the nearest known word, else what there is to choose from."""
    names = sorted(known)
    if best := nearest(word, names):
        return f"did you mean {best}?"
    if not names:
        return ""
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"there are: {', '.join(names[:MAX_LISTED])}{more}"


def shown(value: object, limit: int = 60) -> str:
    """A value as it can stand in a sentence: text in quotes, everything shortened and printable."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    text = "".join(letter if letter.isprintable() else "�" for letter in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
