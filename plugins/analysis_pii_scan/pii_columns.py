"""Which kind of personal data a column seems to hold: by the form and check digits of its values, its name, and names of people."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pii_forms import FORMS, Form, digits_of
from pii_names import ANNOUNCED, GENDERS, GIVEN_NAMES, HONORIFICS, WORDS, WRITTEN
from scipy.special import bdtrc

from harness_core.sdk import Column, Dataset
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.axes import view_name

SEEN, LONGEST = 1_000, 400
HASHES, SPARE = 1 << 64, 2
CHECKED_SHARE, CHANCE = 0.9, 0.01
FEW = 3
NAMES_SHARE, SURE_BY_LIST = 0.3, 0.75
FEWEST_DIGITS = 6
LONG_TEXT = 25
MOST_LABELS, ROWS_PER_LABEL = 12, 20
MOST_TEXTS = 10_000
NOT_WORDS = re.compile(r"[^0-9a-zäöüß]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SINGLE_WORDS = frozenset(
    {"rep", "pan", "pin", "tel", "born", "birth", "ip", "sex", "age", "alter", "title", "state", "country", "address"}
)


@dataclass(frozen=True)
class Suspicion:
    """A column with the kind it seems to hold; ``how`` says what speaks for it. ``expression`` is the form of the values, if that
    is one of the reasons; ``checked`` is the share of the values looked at whose check digits are right."""

    column: Column
    kind: str
    name: str
    confidence: float
    how: tuple[str, ...]
    expression: str | None = None
    checked: float | None = None


def words_of(name: str) -> tuple[set[str], str]:
    """The words of a column name, and all of them joined: ``customerEmail`` and ``CUSTOMER_EMAIL`` are alike."""
    words = _parts(name)
    pairs = {first + second for first, second in pairwise(words)}
    return {*words, *pairs}, "".join(words)


def _parts(name: str) -> list[str]:
    return [word for word in NOT_WORDS.split(CAMEL.sub(" ", name).lower()) if word]


def announced(name: str) -> tuple[str, float] | None:
    """The kind that a column's name announces. Short and common words must be the whole name."""
    words, joined = words_of(name)
    place = "".join(word for word in _parts(name) if word not in WRITTEN)
    for kind, confidence, known in ANNOUNCED:
        if joined in known or (kind == "location" and place in known):
            return kind, confidence
        if any(word in known and (word not in SINGLE_WORDS or kind == "person_name") for word in words):
            return kind, confidence
    if joined == "name":
        return "person_name", 0.4
    return None


def seen_values(dataset: Dataset, column: Column, distinct: int) -> list[str]:
    """Up to a thousand different values, chosen by hash: the same whatever the order of the rows.

    Of many, ``distinct`` by the profile, those whose hash is small are enough, if there are as many. Values that are looked at
    without their blanks or their end have another hash then, so these are always among them.
    """
    bound = HASHES * SPARE * SEEN // max(1, distinct)
    if bound < HASHES:
        small = f"hash(v) < {bound}::UBIGINT"
        values = _chosen(dataset, column, f"{small} OR v <> trim(v) OR strlen(v) > {LONGEST}", small)
        if len(values) == SEEN:
            return values
    return _chosen(dataset, column, "TRUE", "TRUE")


def _chosen(dataset: Dataset, column: Column, before: str, after: str) -> list[str]:
    """Of the values for which ``before`` holds as they are, and ``after`` as they are looked at, those with the smallest hashes."""
    plain = f"SELECT DISTINCT v FROM (SELECT CAST({view_name(column.name)} AS VARCHAR) AS v FROM data) WHERE {before}"
    looked_at = f"SELECT DISTINCT left(trim(v), {LONGEST}) AS v FROM ({plain})"
    query = f"SELECT v FROM ({looked_at}) WHERE v <> '' AND {after} ORDER BY hash(v), v LIMIT {SEEN}"
    return [str(row[0]) for row in dataset.sql(query).fetchall()]


def suspect(dataset: Dataset, column: Column, profile: Mapping[str, Any], settings: Mapping[str, Any]) -> Suspicion | None:
    """The likeliest kind of one column, or None."""
    named = announced(column.name)
    if column.type in {"date", "timestamp"}:
        return Suspicion(column, *_named(*named), ("the column's name",)) if named and named[0] == "date_of_birth" else None
    if column.type not in {"text", "integer"}:
        return None
    if column.type == "integer" and named is None and int(profile.get("max") or 0) < 10**12:
        return None
    values = seen_values(dataset, column, int(profile.get("distinct_count") or 0))
    if not values:
        return None
    by_form = _by_form(column, values, settings["min_share"], named)
    if by_form is not None:
        return by_form
    by_list = _by_list(column, values, named)
    if by_list is not None or (named and named[0] == "phone" and _are_labels(len(values), dataset.row_count)):
        return by_list
    return _by_name(column, values, named, profile)


def _by_form(column: Column, values: Sequence[str], least: float, named: tuple[str, float] | None) -> Suspicion | None:
    """A form that most of the values have; with check digits, which most of those must pass."""
    best: Suspicion | None = None
    for form in FORMS:
        match = re.compile(form.expression).fullmatch
        fitting = [value for value in values if match(value)]
        share = 0.3 if form.kind == "street_address" else least
        if len(fitting) < max(min(FEW, len(values)), share * len(values)):
            continue
        confidence, how, checked = _sureness(form, fitting, named)
        if best is None or confidence > best.confidence:
            best = Suspicion(column, form.kind, form.name, confidence, how, form.expression, checked)
    return best


def _sureness(form: Form, fitting: Sequence[str], named: tuple[str, float] | None) -> tuple[float, tuple[str, ...], float | None]:
    """Form, check digits and name of the column together: each leaves less room for chance."""
    doubt, how = 1 - form.confidence, ["the form of the values"]
    checked = None
    if form.check is not None:
        checked = sum(map(form.check, fitting)) / len(fitting)
        if checked >= CHECKED_SHARE:
            doubt *= 0.1 if len(fitting) >= FEW else 0.4
            how.append("check digits")
        else:
            doubt = 1 - 0.3 * form.confidence
    if named is not None:
        doubt = doubt * (1 - named[1]) if named[0] == form.kind else min(1.0, doubt * 1.5)
        how += ["the column's name"] if named[0] == form.kind else []
    return round(max(0.0, min(0.99, 1 - doubt)), 2), tuple(how), checked


def _by_list(column: Column, values: Sequence[str], named: tuple[str, float] | None) -> Suspicion | None:
    """Columns of given names, alone or before a surname, and of the few words for gender and title."""
    if column.type != "text":
        return None
    lowered = [value.lower().rstrip(".") for value in values]
    kind = named[0] if named else None
    if len(lowered) <= 12 and {"male", "female"} <= set(lowered) <= GENDERS:
        return Suspicion(column, "gender", "the gender of people", 0.9, ("the values",))
    if 2 <= len(lowered) <= 20 and sum(value in HONORIFICS for value in lowered) >= CHECKED_SHARE * len(lowered):
        return Suspicion(column, "title", "titles of people", 0.9 if kind == "title" else SURE_BY_LIST, ("the values",))
    words = [
        [word.strip(".,'") for word in value.split()] for value in lowered if not any(character.isdigit() for character in value)
    ]
    people = sum(any(word in GIVEN_NAMES for word in (*parts[:1], *parts[-1:])) for parts in words if len(parts) <= 4)
    if len(values) >= 5 and people >= NAMES_SHARE * len(values):
        sure = 0.95 if kind == "person_name" else SURE_BY_LIST
        return Suspicion(column, "person_name", "names of people", sure, ("given names among the values",))
    return None


def _are_labels(distinct: int, rows: int) -> bool:
    """Whether a few values stand for all rows: as in a phoneType, which its name does not make a telephone number."""
    return distinct <= MOST_LABELS and rows >= ROWS_PER_LABEL * distinct


def _by_name(
    column: Column, values: Sequence[str], named: tuple[str, float] | None, profile: Mapping[str, Any]
) -> Suspicion | None:
    """What the column's name announces, where the values do not speak against it."""
    if named is None:
        return None
    kind, _ = named
    texts = sum(not any(character.isdigit() for character in value) for value in values) / len(values)
    digits = sum(any(character.isdigit() for character in value) for value in values) / len(values)
    ruled_out = (
        (kind in {"person_name", "location"} and texts < 0.9)
        or (
            kind in {"phone", "national_id", "credit_card", "card_security", "ip_address", "date_of_birth", "iban"} and digits < 0.8
        )
        or (kind in {"email", "ip_address", "title", "gender", "iban"})
        or (kind == "phone" and sum(len(digits_of(value)) >= FEWEST_DIGITS for value in values) < CHECKED_SHARE * len(values))
        or (kind == "age" and not 0 <= int(profile.get("min") or 0) <= int(profile.get("max") or 0) <= 125)
        or (kind in {"username", "password"} and len(values) < FEW)
    )
    return None if ruled_out else Suspicion(column, *_named(*named), ("the column's name",))


def _named(kind: str, confidence: float) -> tuple[str, str, float]:
    return kind, WORDS[kind], confidence


def inside_texts(dataset: Dataset, column: Column, forms: Sequence[Form]) -> list[tuple[Form, list[int]]]:
    """Forms that stand somewhere within longer texts, with their rows: for check digits only those that pass.

    Where most numbers of the form fail the check, as part numbers do, those that pass must be more than chance lets pass.
    """
    plain = f"CAST({view_name(column.name)} AS VARCHAR)"
    found = []
    for form in _that_occur(dataset, plain, forms):
        expression = form.inside or form.expression
        matches = f"regexp_matches({plain}, {quote_text(expression)})"
        query = f"SELECT row_index, {plain} FROM data WHERE {matches} ORDER BY row_index LIMIT {MOST_TEXTS}"
        rows = dataset.sql(query).fetchall()
        numbers_of = {int(index): [match.group(0) for match in re.finditer(expression, text)] for index, text in rows}
        kept = [index for index, numbers in numbers_of.items() if form.check is None or any(map(form.check, numbers))]
        tried = sum(map(len, numbers_of.values()))
        if form.check is not None and 2 * len(kept) < tried and bdtrc(len(kept) - 1, tried, form.chance) > CHANCE:
            continue
        if kept:
            found.append((form, kept))
    return found


def _that_occur(dataset: Dataset, plain: str, forms: Sequence[Form]) -> list[Form]:
    """The forms that some text has: one expression for all of them takes as long as one for each, and mostly nothing has it."""
    expressions = [form.inside or form.expression for form in forms]
    any_of = "|".join(f"(?:{expression})" for expression in expressions)
    counts = [f"count(*) FILTER (WHERE regexp_matches({plain}, {quote_text(expression)}))" for expression in expressions]
    query = f"SELECT {', '.join(counts)} FROM data WHERE regexp_matches({plain}, {quote_text(any_of)})"
    rows = dataset.sql(query).fetchall()[0]
    return [form for form, count in zip(forms, rows, strict=True) if count]
