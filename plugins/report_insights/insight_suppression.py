"""Insights that somebody decided not to be told again: which rule covers which claim."""

from collections.abc import Mapping, Sequence
from typing import Any

from insight_claims import Claim
from pyarrow import compute


def suppressed(claims: Sequence[Claim], rules: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Finding id of each covered claim -> the reason of the first rule that covers it."""
    found: dict[str, str] = {}
    for claim in claims:
        reason = next((str(rule["reason"]) for rule in rules if _covers(rule, claim)), None)
        if reason is not None:
            found[claim.id] = reason
    return found


def _covers(rule: Mapping[str, Any], claim: Claim) -> bool:
    """A rule that names neither kind nor columns nor pattern covers nothing."""
    kind, columns, pattern = rule.get("kind") or "", set(rule.get("columns") or ()), rule.get("pattern") or ""
    if not (kind or columns or pattern) or (kind and kind != claim.kind) or not columns <= claim.columns:
        return False
    return not pattern or any(_holds(pattern, str(claim.raw.get(key) or "")) for key in ("title", "statement"))


def _holds(pattern: str, text: str) -> bool:
    """RE2, which never runs away."""
    return bool(compute.match_substring_regex(text, pattern).as_py())
