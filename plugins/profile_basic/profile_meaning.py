"""What a column means, decided from what was counted: semantic type, role, and the share of its rows that bear them out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import profile_semantics

NO_MEANING = {"semantic_type": "empty", "role": "empty", "semantic_share": 1.0}
"""Of a column in which no row says anything: without a value, or with nothing but empty texts and blanks."""


def of_one_value(facts: Mapping[str, Any]) -> dict[str, str]:
    """One value throughout is constant; one value or nothing is a mark that is set or not."""
    return {"semantic_type": "constant", "role": "flag" if facts["null_count"] else "constant"}


def of_numbers(name: str, logical: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The meaning of numbers, dates and times of the type ``logical``."""
    if facts["distinct_count"] == 1:
        return {**of_one_value(facts), "semantic_share": 1.0}
    if logical not in {"integer", "float", "decimal"}:
        kind = "time_of_day" if logical == "time" else logical
        return {"semantic_type": kind, "role": "time", "semantic_share": 1.0}
    if "min" not in facts:  # nothing but infinities and not-a-numbers
        return {"semantic_type": "decimal_number", "role": "measure", "semantic_share": 1.0}
    semantic = profile_semantics.number_semantic(name, logical, facts)
    role = profile_semantics.number_role(name, semantic, facts)
    meaning: dict[str, Any] = {"semantic_type": semantic, "role": role, "semantic_share": 1.0}
    if role == "identifier" and semantic == "integer":
        meaning["semantic_type"] = "identifier"
    if profile_semantics.is_personal(name, semantic) and "top_values" in facts:
        meaning |= {"top_values": None, "top_values_withheld": "may_be_personal"}
    return meaning


def of_texts(
    name: str, facts: Mapping[str, Any], seen: Sequence[tuple[str, int]], matching: Callable[[str], int]
) -> dict[str, Any]:
    """The meaning of texts: ``seen`` are values with their rows, ``matching`` counts all rows that match an expression."""
    if facts["blank_count"] == facts["count"]:
        return dict(NO_MEANING)
    if facts["distinct_count"] == 1:
        return {**of_one_value(facts), "semantic_share": 1.0}
    if profile_semantics.is_truth(seen, facts["distinct_count"]):
        return {"semantic_type": "boolean", "role": "flag", "semantic_share": 1.0}
    formed = profile_semantics.guess(name, seen)
    if formed is not None:
        semantic, expression = formed
        share = matching(expression) / facts["count"]
        return {"semantic_type": semantic, "role": profile_semantics.role_of_form(semantic, facts), "semantic_share": share}
    countries = profile_semantics.country_share(name, seen)
    if countries >= profile_semantics.CLEAR_MAJORITY:
        return {"semantic_type": "country", "role": "category", "semantic_share": countries}
    semantic, role = profile_semantics.text_semantic_and_role(facts, seen)
    return {"semantic_type": semantic, "role": role, "semantic_share": 1.0}
