"""Why a value is not in a key though it is meant to be: blanks, capital letters, leading zeros."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from references_fits import FOLDS, Fit, lost_sql

from harness_core.sdk import Dataset

WORDS: Mapping[str, str] = {
    "blanks": "blanks at an end", "capitals": "capital letters", "zeros": "leading zeros",
    "several": "capital letters and leading zeros",
}  # fmt: skip


@dataclass(frozen=True)
class Causes:
    """How many of the rows would fit, by what must not be looked at; ``pairs`` has an example of each."""

    rows: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    evidence: Sequence[Mapping[str, Any]] = ()

    def explains(self, lost_rows: int) -> bool:
        """Whether all of the rows would fit."""
        return bool(self.rows) and sum(self.rows.values()) == lost_rows

    @property
    def remedy(self) -> str:
        return f"when {joined([WORDS[cause] for cause in self.rows])} do not count"

    @property
    def sentence(self) -> str:
        parts = []
        for cause, rows in self.rows.items():
            here, there = self.pairs[cause]
            parts.append(f'{rows:,} if {WORDS[cause]} did not count ("{here}" here, "{there}" there)')
        return f" Of these rows would fit: {joined(parts)}." if parts else ""

    @property
    def advice(self) -> str | None:
        if not self.rows:
            return None
        return "Write the values alike in both tables before they are joined, then look at what is left."


def causes_of(dataset: Dataset, fit: Fit) -> Causes:
    """Each value that is lost with the first cause that explains it, blanks first; nothing where both sides are numbers."""
    pair = fit.pair
    if not pair.has_text:
        return Causes()
    texts = "SELECT DISTINCT CAST(v AS VARCHAR) AS v FROM keys"
    folded = "".join(f", {cause} AS (SELECT min(v) AS key, {form} AS f FROM ({texts}) GROUP BY f)" for cause, form in FOLDS.items())
    counted = ", counted AS (SELECT CAST(v AS VARCHAR) AS v, count(*) AS n FROM lost GROUP BY ALL)"
    formed = f", formed AS (SELECT v, n, {', '.join(f'{form} AS of_{cause}' for cause, form in FOLDS.items())} FROM counted)"
    joins = " ".join(f"LEFT JOIN {cause} ON formed.of_{cause} = {cause}.f" for cause in FOLDS)
    whens = " ".join(f"WHEN {cause}.key IS NOT NULL THEN {place}" for place, cause in enumerate(FOLDS))
    key = f"coalesce({', '.join(f'{cause}.key' for cause in FOLDS)})"
    evidence = dataset.evidence(
        f"{lost_sql(pair, counted + folded + formed)}"
        "SELECT cause, sum(n)::BIGINT AS rows, min(v) AS here, arg_min(key, v) AS there FROM "
        f"(SELECT formed.v, n, CASE {whens} END AS cause, {key} AS key FROM formed {joins}) WHERE cause IS NOT NULL "
        "GROUP BY cause ORDER BY cause"
    )
    names = list(FOLDS)
    rows = {names[place]: count for place, count, _, _ in evidence["result"]}
    pairs = {names[place]: (_shown(here), _shown(there)) for place, _, here, there in evidence["result"]}
    return Causes(rows, pairs, [evidence] if rows else [])


def _shown(text: str) -> str:
    return text.replace('"', "'")[:40]


def joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
