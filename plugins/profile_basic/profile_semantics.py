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

FREE_TEXT_LENGTH = 64
CLEAR_MAJORITY = 0.9  # a semantic type is given where at least this share of the values has its form
IDENTIFIER_SHARE = 0.95
FEW_LEVELS = 200
SMALL_TABLE = 20

# Read as a whole, by Python over a few values and then by DuckDB (RE2) over all rows: only what both understand alike.
EXPRESSIONS: tuple[tuple[str, str], ...] = (
    ("uuid", r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?"),
    ("email", r"[^@\s,;:<>\"]+@[^@\s,;]+\.[A-Za-z]{2,24}"),
    ("url", r"((https?|ftp|HTTPS?|FTP)://|www\.)[^\s]+"),
    ("ip_address", r"([0-9]{1,3}\.){3}[0-9]{1,3}"),
    (
        "timestamp",
        r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?(Z|[+-][0-9]{2}:?[0-9]{2}))?",
    ),
    ("date", r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})"),
    ("year_month", r"(1[5-9]|2[01])[0-9]{2}[-/](0[1-9]|1[0-2])"),
    ("time_of_day", r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[aApP]\.?[mM]\.?)?"),
    ("currency", r"-?([$€£¥]|USD|EUR|GBP|CHF|JPY) ?-?[0-9][0-9.,' ]*|-?[0-9][0-9.,' ]* ?([$€£¥]|USD|EUR|GBP|CHF|JPY)"),
    ("percentage", r"[+-]?[0-9]+([.,][0-9]+)? ?%"),
    ("phone", r"\+[0-9][0-9 ()./-]{6,20}|\([0-9]{2,5}\) ?[0-9][0-9 ./-]{4,14}"),
    ("decimal_number", r"[+-]?([0-9]+|[0-9]{1,3}([,'][0-9]{3})+)?\.[0-9]+([eE][+-]?[0-9]+)?|[+-]?[0-9]+,[0-9]{1,2}"),
    ("integer", r"[+-]?(0|[1-9][0-9]*)"),
)
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
    values = [(value.strip(), count) for value, count in seen if value.strip()]
    rows = sum(count for _, count in values)
    for semantic, expression in expressions:
        matches = re.compile(expression).fullmatch
        matching = [count for value, count in values if matches(value)]
        if matching and (len(matching) >= CLEAR_MAJORITY * len(values) or sum(matching) >= CLEAR_MAJORITY * rows):
            return semantic, expression
    return None


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
    """For text whose form says nothing: category, identifier, code or free text, from repetition, length and blanks."""
    distinct, present, mean = facts["distinct_count"], facts["count"], facts["lengths"]["mean"]
    share = distinct / present
    spaced = sum(1 for value, _ in seen if " " in value.strip()) / max(1, len(seen))
    if share >= IDENTIFIER_SHARE and present >= SMALL_TABLE and spaced < 0.1 and mean <= 40:
        return "identifier", "identifier"
    if distinct <= FEW_LEVELS and share <= 0.5:
        return "category", "category"
    if mean > 40 or (spaced > 0.5 and share > 0.5 and mean > 20):
        return "free_text", "text"
    if spaced < 0.1 and mean <= 24 and any(character.isdigit() for value, _ in seen[:50] for character in value):
        return "code", "category" if share <= 0.5 else "identifier"
    return ("category", "category") if share <= 0.5 else ("free_text", "text")


def role_of_form(semantic: str, facts: Mapping[str, Any]) -> str:
    """The role of text with a recognised form; numbers and dates kept as text stay text to every analysis."""
    if semantic in {"uuid", "email", "phone", "url", "ip_address"}:
        return "identifier" if facts["distinct_count"] > 0.5 * facts["count"] else "category"
    if semantic == "year_month":
        return "time"
    if facts["distinct_count"] <= FEW_LEVELS and facts["distinct_count"] <= 0.5 * facts["count"]:
        return "category"
    return "text"
