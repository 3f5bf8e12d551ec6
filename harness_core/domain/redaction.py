"""What is taken out of texts before they leave the house: secrets, and what looks personal by its form.

A heuristic. It knows e-mail addresses, international telephone numbers, IBANs, passwords in addresses, words like ``token=…``,
settings that are called like a secret, and the secrets and personal values it is told; it knows no name or place by itself.
"""

import html
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from harness_core.sdk.canonical import NotCanonical, canonical_bytes, strict_loads

REMOVED = "[removed]"
SHORTEST_SECRET = 4  # a shorter one would be found in every other word
SHORTEST_NAME = 2
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+(?:@|&#64;)(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}|[A-Za-z0-9.-]*…)")
SHORTENED = re.compile(r"(?<=>)[^<>]{2,200}…(?=<)")  # a label of a figure that had no room
PHONE = re.compile(r"(?<![\w.+])\+\d[\d ()/-]{6,18}\d(?!\w)")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
ASSIGNED = re.compile(
    r"(?i)(?:(?<=password=)|(?<=passwd=)|(?<=secret=)|(?<=token=)|(?<=api_key=)|(?<=apikey=)|(?<=bearer ))[^\s&;,\"']+"
)
SECRET_KEY = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?)$"
)

Rule = tuple[re.Pattern[str], Callable[[str], bool]]


class Redaction:
    """Cleans texts and JSON values, and counts what it removed."""

    def __init__(
        self, secrets: Collection[str] = (), *, credentials: bool = False, personal: bool = False, names: Collection[str] = ()
    ) -> None:
        """``secrets`` go wherever they stand, ``names`` where they stand as words.

        ``credentials`` is for what looks like one or is called one, ``personal`` for what looks personal.
        """
        self._keys = credentials
        known = sorted((item for item in secrets if len(item) >= SHORTEST_SECRET), key=len, reverse=True)
        self._rules: list[Rule] = [(re.compile("|".join(map(re.escape, known))), _always)] if known else []
        self._rules += [(PASSWORD_IN_ADDRESS, _always), (ASSIGNED, _always)] if credentials else []
        self._rules += [(EMAIL, _always), (IBAN, is_iban), (PHONE, _always)] if personal else []
        self._rules += _rules_for(names)

    def text(self, text: str) -> tuple[str, int]:
        total = 0
        for pattern, is_one in self._rules:
            found = sum(is_one(match[0]) for match in pattern.finditer(text))
            if found:
                text = pattern.sub(partial(_removed, is_one), text)
                total += found
        return text, total

    def value(self, value: Any) -> tuple[Any, int]:
        """A JSON value with its texts (keys too) cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            pairs = [(self.text(key), self._named(key, item)) for key, item in value.items()]
            return {key: item for (key, _), (item, _) in pairs}, sum(first + second for (_, first), (_, second) in pairs)
        if isinstance(value, list | tuple):
            items = [self.value(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        return value, 0

    def _named(self, key: str, value: Any) -> tuple[Any, int]:
        """What stands under a key; a text under one that is called like a secret goes whatever it is."""
        if self._keys and isinstance(value, str) and value not in ("", REMOVED) and SECRET_KEY.search(key):
            return REMOVED, 1
        return self.value(value)

    def data(self, data: bytes, path: str) -> tuple[bytes, int]:
        """The bytes of a file; JSON stays JSON, and a file with nothing to remove stays as it is."""
        if path.endswith(".json"):
            try:
                value, count = self.value(strict_loads(data))
            except NotCanonical:
                pass
            else:
                return (canonical_bytes(value), count) if count else (data, 0)
        text, count = self.text(data.decode("utf-8", "replace"))
        return (text.encode("utf-8"), count) if count else (data, 0)


def _rules_for(names: Collection[str]) -> list[Rule]:
    """Known values as they are and as Markdown and HTML write them, and the labels that were cut short."""
    known = sorted((name for name in names if len(name) >= SHORTEST_NAME), key=lambda name: (-len(name), name))
    if not known:
        return []
    by_first: dict[str, list[str]] = {}  # so that most places of a text are passed over at a glance
    for name in known:
        by_first.setdefault(name[0], []).append("".join(map(_written, name[1:])))
    words = "|".join(f"{_written(first)}(?:{'|'.join(rests)})" for first, rests in by_first.items())

    def is_begun(label: str) -> bool:
        begun = html.unescape(label).removesuffix("…")
        return any(name.startswith(begun) for name in known)

    return [(re.compile(rf"(?<!\w)(?:{words})(?!\w)"), _always), (SHORTENED, is_begun)]


def _written(character: str) -> str:
    """A pattern for a character in plain text, in Markdown and in HTML."""
    forms = {"@": "@|&#64;", "&": "&amp;|&", "<": "<|&lt;", ">": ">|&gt;", '"': '"|&quot;|&#34;', "'": "'|&#39;|&#x27;"}
    plain = forms.get(character, re.escape(character))
    return plain if character.isalnum() else rf"\\?(?:{plain})"


def is_iban(text: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, the whole gives 1 modulo 97."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _removed(is_one: Callable[[str], bool], match: re.Match[str]) -> str:
    return REMOVED if is_one(match[0]) else match[0]


def _always(text: str) -> bool:
    return bool(text)
