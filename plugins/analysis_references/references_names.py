"""Whether a column's name says that it points to another table: the words of names, and how well two of them agree.

A column points by name to a key of a table called T when it is called T, or T and a word such as id, no or code, in the singular
or plural, and the key is called id, no, code … or T with such a word; or when both have the same name, and it is no bare id. Case,
blanks, dashes and underscores do not count. Words may stand before it (``billing_customer_id``), which is a weaker sign.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

CAMEL = re.compile(r"(?<=[a-zäöüß0-9])(?=[A-ZÄÖÜ])|(?<=[A-ZÄÖÜ])(?=[A-ZÄÖÜ][a-zäöüß])")
WORD = re.compile(r"[^\W\d_]+|\d+")

ID_WORDS = ("identifier", "nummer", "number", "code", "guid", "uuid", "key", "num", "ref", "id", "nr", "no")
_OTHER_BARE = "index idx row line pos position rank order sort seq sequence count n nummer name"
BARE = frozenset({*ID_WORDS, *_OTHER_BARE.split(), "rowid", "lineno", "rownumber", "rowno"})
_SELF = "parent manager supervisor boss predecessor previous prev next original origin root replaces superseded reversal reversed"
SELF_WORDS = frozenset(_SELF.split())
SELF_NAMES = frozenset({"reportsto", "replacedby", "supersededby", "reversedby", "mergedinto", "duplicateof", "childof"})
_NOISE = """
tbl tab table dim fact fct stg raw dw export exports extract public dbo data list master stamm stammdaten csv
jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august september october november december
"""
NOISE = frozenset(_NOISE.split())

NAMED_BY_TABLE, SAME_NAME, WORDS_BEFORE, OF_ITSELF = 1, 2, 3, 4


@lru_cache(maxsize=20_000)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case: ``CustomerID``, ``customer id`` and ``CUSTOMER_ID`` are (customer, id)."""
    return tuple(word.casefold() for word in WORD.findall(CAMEL.sub(" ", name)))


def stems(word: str) -> frozenset[str]:
    """The word, and what it would be in the singular."""
    found = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        found.add(word[:-1])
    if len(word) > 4 and word.endswith("es"):
        found.add(word[:-2])
    if len(word) > 4 and word.endswith("ies"):
        found.add(word[:-3] + "y")
    return frozenset(found)


def table_stems(name: str) -> frozenset[str]:
    """What a table's name says that its rows are: without numbers, months, and words such as tbl or export."""
    kept = [word for word in words(name) if not word.isdigit() and word not in NOISE]
    return stems("".join(kept)) if kept else frozenset()


def says_number(name: str) -> bool:
    """Whether a name ends in a word for numbers of something: id, no, code …"""
    return "".join(words(name)) in BARE or any(heads("".join(words(name))))


def agreement(column: str, key: str, key_table: frozenset[str], *, same_table: bool = False) -> int | None:
    """How plainly a name says that it points to ``key`` of a table with these stems: 1 is plainest, None not at all."""
    said, target = words(column), words(key)
    if not said or not target:
        return None
    if same_table:
        return OF_ITSELF if _points_within(said, target) else None
    if (found := _whole(said, target, key_table)) is not None:
        return found
    tails = (said[start:] for start in range(1, len(said)))
    return WORDS_BEFORE if any(_is_tail(tail, target, key_table) for tail in tails) else None


def _whole(said: Sequence[str], target: Sequence[str], key_table: frozenset[str]) -> int | None:
    name, key = "".join(said), "".join(target)
    if _names_table(name, key_table) and (key in BARE or _names_table(key, key_table)):
        return NAMED_BY_TABLE
    return SAME_NAME if name == key and name not in BARE else None


def _is_tail(tail: Sequence[str], target: Sequence[str], key_table: frozenset[str]) -> bool:
    found = _whole(tail, target, key_table)
    return found == NAMED_BY_TABLE or (found == SAME_NAME and any(heads("".join(tail))))


def _points_within(said: Sequence[str], target: Sequence[str]) -> bool:
    """``parent_id``, ``manager_no``, ``reports_to``, ``original_order_id``: to the column that numbers the same table's rows."""
    if "".join(said) == "".join(target) or not ("".join(target) in BARE or any(heads("".join(target)))):
        return False
    rest = said[1:]
    ends = not rest or "".join(rest) in ID_WORDS or tuple(rest) == tuple(target)
    return "".join(said) in SELF_NAMES or (said[0] in SELF_WORDS and ends)


def _names_table(name: str, key_table: frozenset[str]) -> bool:
    return any(stems(head) & key_table for head in (name, *heads(name)))


def heads(name: str) -> Iterator[str]:
    """What stands before a word such as id: ``customer`` in ``customerid``."""
    return (name[: -len(word)] for word in ID_WORDS if name.endswith(word) and len(name) > len(word) + 1)
