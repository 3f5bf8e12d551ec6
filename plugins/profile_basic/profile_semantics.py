"""What a column means: its semantic type with the share of rows that bear it out, its role, and whether it looks personal."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from country_names import COUNTRY_CODES, COUNTRY_NAMES
from name_words import (
    AMOUNT_WORDS,
    CODE_WORDS,
    IDENTIFIER_WORDS,
    KIND_WORDS,
    MONEY_WORDS,
    PERSON_QUALIFIERS,
    PERSON_WORDS,
    PHONE_WORDS,
    SHARE_WORDS,
)
from profile_forms import EXPRESSIONS, is_value, list_expression

FREE_TEXT_LENGTH = 64
CLEAR_MAJORITY = 0.9  # a semantic type is given where at least this share of the values has its form
IDENTIFIER_SHARE = 0.95
FEW_LEVELS = 200
SMALL_TABLE = 20
PROSE_WORDS = 5  # on average more words than these are sentences; names, titles and addresses have fewer

SMALLEST_PHONE = 100_000  # fewer digits are a code
NAMED_PHONE = r"[+0-9][0-9 ()./x-]{5,24}"
_TRUTH = "yes no, true false, y n, t f, ja nein, oui non, si no, on off, 0 1"
TRUTH = tuple(frozenset(pair.split()) for pair in _TRUTH.split(","))
PERSONAL_TYPES = frozenset({"email", "phone", "ip_address"})
NOT_WORDS = re.compile(r"[^0-9a-z%äöüß]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_of(name: str) -> list[str]:
    """The words of a column name: ``customerID`` and ``CUSTOMER_ID`` both give customer, id."""
    return [word for word in NOT_WORDS.split(CAMEL.sub(" ", name).lower()) if word]


def guess(name: str, seen: Sequence[tuple[str, int]]) -> tuple[str, str] | None:
    """The semantic type whose form most of the seen values, or of their rows, have, with its expression; else ``None``."""
    expressions = [*EXPRESSIONS]
    if PHONE_WORDS & set(words_of(name)):
        expressions.insert(0, ("phone", NAMED_PHONE))
    values = [(text, count) for value, count in seen if is_value(text := value.strip())]
    for semantic, expression in expressions:
        if _are_mostly(expression, values):
            return semantic, expression
    listed = list_expression([value for value, _ in values], CLEAR_MAJORITY)
    return None if listed is None else ("list", listed)


def _are_mostly(expression: str, values: Sequence[tuple[str, int]]) -> bool:
    """Whether a clear majority of the values, or of their rows, has the form; given up as soon as too many have not."""
    rows, missed, missed_rows, matches = sum(count for _, count in values), 0, 0, re.compile(expression).fullmatch
    for value, count in values:
        if not matches(value):
            missed, missed_rows = missed + 1, missed_rows + count
            if len(values) - missed < CLEAR_MAJORITY * len(values) and rows - missed_rows < CLEAR_MAJORITY * rows:
                return False
    return bool(values)


def is_truth(seen: Sequence[tuple[str, int]], distinct: int) -> bool:
    """Two values (or one, and nulls) that mean yes and no."""
    return distinct <= 2 and any({value.strip().lower() for value, _ in seen} <= pair for pair in TRUTH)


def country_share(name: str, seen: Sequence[tuple[str, int]]) -> float:
    """The share of rows with a country's name, or with a country code where the column's name says that it has countries."""
    named = bool({"country", "countries", "land", "nation", "nationality", "iso"} & set(words_of(name)))
    known = COUNTRY_NAMES | COUNTRY_CODES if named else COUNTRY_NAMES
    rows = sum(count for _, count in seen)
    return sum(count for value, count in seen if value.strip().lower() in known) / rows if rows else 0.0


def is_personal(name: str, semantic: str) -> bool:
    """Whether values could name a person: then the profile does not show them."""
    words = words_of(name)
    if semantic not in PERSONAL_TYPES and words and words[-1] in KIND_WORDS:
        return False  # a phoneType says of what kind a number is, not which
    joined = "".join(words)
    named = "name" in words and (len(words) == 1 or bool(PERSON_QUALIFIERS & set(words)))
    return semantic in PERSONAL_TYPES or named or bool(PERSON_WORDS & {*words, joined})


def number_semantic(name: str, logical: str, facts: Mapping[str, Any]) -> str:
    """The semantic type of a numeric column, from its name and range."""
    words, low, high = set(words_of(name)), facts["min"], facts["max"]
    if words & {"lat", "latitude"} and low >= -90 and high <= 90:
        return "latitude"
    if words & {"lon", "lng", "long", "longitude"} and low >= -180 and high <= 180:
        return "longitude"
    if facts["is_integer_valued"] and words & {"year", "jahr", "yyyy"} and low >= 1500 and high <= 2200:
        return "year"
    if SHARE_WORDS & {*words, *(["%"] if "%" in name else [])} and low >= -100 and high <= 100:
        return "percentage"
    if words & PHONE_WORDS and facts["is_integer_valued"] and facts["max"] >= SMALLEST_PHONE:
        return "phone"
    if words & MONEY_WORDS:
        return "currency"
    return "integer" if facts["is_integer_valued"] and logical != "decimal" else "decimal_number"


def number_role(name: str, semantic: str, facts: Mapping[str, Any]) -> str:
    """Measure, category, identifier or flag: integers are judged by name, then by their range; all others are measures."""
    distinct, present = facts["distinct_count"], facts["count"]
    if distinct == 2 and (facts["min"], facts["max"]) == (0, 1):
        return "flag"
    if not facts["is_integer_valued"] or semantic in {"latitude", "longitude", "percentage", "currency"}:
        return "measure"
    if semantic == "phone":
        return "identifier"
    words = words_of(name)
    if AMOUNT_WORDS & set(words):
        return "measure"
    named_id = bool(words) and (words[-1] in IDENTIFIER_WORDS or words[0] in {"id", "pk"})
    is_unique = distinct == present and present >= SMALL_TABLE
    if named_id:
        return "identifier" if distinct >= IDENTIFIER_SHARE * present else "category"
    if is_unique and facts["max"] - facts["min"] + 1 <= 1.05 * present:
        return "identifier"
    if CODE_WORDS & set(words) or semantic == "year" or any(word.endswith("code") for word in words):
        return "category" if distinct <= max(FEW_LEVELS, present // 2) else "identifier"
    few = distinct <= 5 and present >= 50
    return "category" if few else "measure"


def text_semantic_and_role(facts: Mapping[str, Any], seen: Sequence[tuple[str, int]]) -> tuple[str, str]:
    """For text whose form says nothing: category, identifier, code or text, from repetition, length, blanks and words."""
    distinct, present, mean = facts["distinct_count"], facts["count"], facts["lengths"]["mean"]
    share = distinct / present
    spaced = sum(1 for value, _ in seen if " " in value.strip()) / max(1, len(seen))
    prose = "free_text" if _is_prose(mean, [value for value, _ in seen]) else "short_text"
    if share >= IDENTIFIER_SHARE and present >= SMALL_TABLE and spaced < 0.1 and mean <= 40:
        return "identifier", "identifier"
    if distinct <= FEW_LEVELS and share <= 0.5:
        return ("free_text" if mean > FREE_TEXT_LENGTH else "category"), "category"
    if mean > 40 or (spaced > 0.5 and share > 0.5 and mean > 20):
        return prose, "text"
    if spaced < 0.1 and mean <= 24 and any(character.isdigit() for value, _ in seen[:50] for character in value):
        return "code", "category" if share <= 0.5 else "identifier"
    return ("category", "category") if share <= 0.5 else (prose, "text")


def _is_prose(mean: float, values: Sequence[str]) -> bool:
    """Sentences rather than names, titles and addresses: long, or of several words and ending as sentences do."""
    words = sum(len(value.split()) for value in values) / max(1, len(values))
    ended = sum(value.rstrip().endswith((".", "!", "?")) for value in values) / max(1, len(values))
    return mean > FREE_TEXT_LENGTH or words > PROSE_WORDS or (words > 3 and ended > 0.5)


def role_of_form(semantic: str, facts: Mapping[str, Any]) -> str:
    """The role of text with a recognised form; numbers and dates kept as text stay text to every analysis."""
    if semantic in {"uuid", "email", "phone", "url", "ip_address"}:
        return "identifier" if facts["distinct_count"] > 0.5 * facts["count"] else "category"
    if semantic == "year_month":
        return "time"
    if facts["distinct_count"] <= FEW_LEVELS and facts["distinct_count"] <= 0.5 * facts["count"]:
        return "category"
    return "text"
