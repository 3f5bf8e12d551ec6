"""Claims that say the like of many columns or values: where there is no room for each, the weightiest leads a list."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from insight_claims import Claim

LEAST = 3
GROUP_AND_VALUE = 3  # the slashes in the subject of a change within a group: form, column, value and place
# Of these, three are read as one piece of news; a dependence or a change of the level is another piece of news each time.
LISTED = frozenset({
    "scan_cluster", "concentration", "missingness", "mixed_type", "format_violation", "sentinel", "functional_dependency", "pii",
    "digit_preference", "control_signal", "gap",
})  # fmt: skip
ALONE = frozenset({"still"})  # a measure that stands still was probably not measured at all


def alike(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """Finding id of the weightiest of each group -> the others of it, weightiest first; groups have at least three claims."""
    groups: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    for claim in sorted(claims, key=lambda claim: (-claim.score, claim.id)):
        if (form := _form(claim)) is not None:
            groups[form].append(claim)
    return {group[0].id: group[1:] for group in groups.values() if len(group) >= LEAST}


def _form(claim: Claim) -> tuple[object, ...] | None:
    """What claims that are alike have in common; None for a claim that stands for itself."""
    plugin, about_one = str(claim.raw.get("plugin_id")), len(claim.columns) <= 1
    if claim.kind == "changepoint":
        of_shares = claim.statistics.get("change") == "share"
        within_groups = str(claim.raw.get("subject")).count(" / ") == GROUP_AND_VALUE
        return (plugin, claim.kind, claim.columns, of_shares) if of_shares or within_groups else None
    if claim.kind not in LISTED or claim.raw.get("subject") in ALONE:
        return None
    if claim.kind in ("missingness", "functional_dependency"):
        return plugin, claim.kind, about_one
    return plugin, claim.kind


def told_alone(claims: Sequence[Claim], groups: Mapping[str, Sequence[Claim]]) -> list[Claim]:
    """The claims that are told by themselves, or lead a group."""
    listed = {claim.id for group in groups.values() for claim in group}
    return [claim for claim in claims if claim.id not in listed]
