"""The order of the insights, and for each a sentence that says why it stands there.

The weightiest comes first. Each further insight of a kind, or about columns that were already spoken of, loses a little of its
weight: what a person has just been told, they would miss less.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from insight_claims import FACTS, Claim

SAME_KIND_AGAIN = 0.93
SAME_COLUMNS_AGAIN = 0.9
SEVERITY_WORDS: Mapping[str, str] = {
    "critical": "It is certainly wrong and does much harm",
    "warning": "It is probably wrong or costly",
    "notice": "It deserves a look",
    "info": "It is worth knowing",
}


@dataclass(frozen=True)
class Ranked:
    """``alike`` are the claims that say the like and have no place of their own."""

    claim: Claim
    score: float
    symptoms: tuple[Claim, ...]
    alike: tuple[Claim, ...] = ()


def rank(
    claims: Sequence[Claim],
    symptoms: Mapping[str, Sequence[Claim]],
    limit: int,
    groups: Mapping[str, Sequence[Claim]] | None = None,
) -> list[Ranked]:
    """The first ``limit`` claims, best first; ties go to the smaller id. ``groups`` holds, by the id of a claim, those alike."""
    waiting = {claim.id: claim for claim in sorted(claims, key=lambda claim: (-claim.score, claim.id))}
    kinds: Counter[str] = Counter()
    columns: Counter[frozenset[str]] = Counter()
    ranked: list[Ranked] = []
    while waiting and len(ranked) < limit:
        best = min(waiting.values(), key=lambda claim: (-_faded(claim, kinds, columns), claim.id))
        others = tuple((groups or {}).get(best.id, ()))
        explained = [claim for told in (best, *others) for claim in symptoms.get(told.id, ())]
        beneath = sorted(explained, key=lambda claim: (-claim.score, claim.id))
        ranked.append(Ranked(best, _faded(best, kinds, columns), tuple(beneath), others))
        kinds[best.kind] += 1
        columns[best.columns] += 1
        del waiting[best.id]
    return ranked


def _faded(claim: Claim, kinds: Counter[str], columns: Counter[frozenset[str]]) -> float:
    weight = claim.score * SAME_KIND_AGAIN ** min(kinds[claim.kind], 10)
    return round(weight * SAME_COLUMNS_AGAIN ** min(columns[claim.columns], 10), 4)


def why(ranked: Ranked) -> str:
    """One or two short sentences: the severity, the size, the part of the table, and what it explains."""
    claim = ranked.claim
    parts = [_size(claim)] if claim.kind not in FACTS and isinstance(claim.statistics.get("effect"), Mapping) else []
    if claim.coverage:
        parts.append(f"{_share(claim.coverage)} of the rows {'is' if claim.coverage < 0.001 else 'are'} concerned")
    sentence = SEVERITY_WORDS[claim.severity] + (": " + ", and ".join(parts) if parts else "") + "."
    if ranked.alike:
        sentence += f" It stands for {len(ranked.alike) + 1:,} findings that say the like, of which it weighs most."
    count = len(ranked.symptoms)
    if count:
        sentence += f" It also explains {count:,} other finding{'s' if count > 1 else ''}."
    return sentence


def _size(claim: Claim) -> str:
    for least, words in ((0.7, "very strong"), (0.5, "strong"), (0.3, "of middling strength")):
        if claim.strength >= least:
            return f"the effect is {words}"
    return "the effect is small"


def _share(share: float) -> str:
    percent = share * 100
    if percent >= 99.95:
        return "all" if share >= 1 else "nearly all"
    if percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"
