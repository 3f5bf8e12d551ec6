"""Chooses the analyses of a run: each candidate is taken or left, with the reason in the data's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from plan_needs import NAMED, WORDS, Offer, shortfall, sufficiency

from harness_core.sdk import PluginContext, PluginResult

CHOSEN_TYPES = frozenset({"analysis", "transform", "llm"})


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream.get("profile_basic")
    if profile is None or "columns" not in profile.metrics:
        return PluginResult.failed("MissingProfile", "The plan is made from the column profile, and profile_basic left none.")
    metrics = profile.metrics
    roles = {column["name"]: column["role"] for column in metrics["columns"]}
    corrections = {name: role for name, role in ctx.settings["roles"].items() if name in roles}
    unknown = sorted(set(ctx.settings["roles"]) - set(roles))
    roles |= corrections
    levels = (ctx.settings["min_group_levels"], ctx.settings["max_group_levels"])
    offer = Offer.of(metrics, roles, levels, ctx.upstream.get("profile_eventlog"))
    selection = _selection([entry for entry in ctx.plan if entry["type"] in CHOSEN_TYPES], offer, ctx.settings)
    taken = sum(1 for entry in selection if entry["selected"])
    result = {
        "selection": selection,
        "roles": roles,
        "corrected_roles": corrections,
        "counts": {need: offer.count(need) for need in WORDS},
    }
    return PluginResult.ok(_summary(taken, len(selection), corrections, unknown), metrics=result)


def _selection(candidates: Sequence[Mapping[str, Any]], offer: Offer, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One decision per candidate; what builds on a plugin that was left is left as well."""
    decided = {entry["plugin_id"]: _decide(entry, offer, settings) for entry in candidates}
    names = {entry["plugin_id"]: entry for entry in candidates}
    for _ in names:  # a chain of dependencies is at most as long as the plan
        for plugin_id, entry in names.items():
            blockers = [needed for needed in entry.get("depends_on") or [] if needed in decided and not decided[needed][0]]
            if decided[plugin_id][0] and blockers:
                decided[plugin_id] = (False, f"left: it builds on {blockers[0]}, which was left")
    return [{"plugin_id": plugin_id, "selected": taken, "reason": reason} for plugin_id, (taken, reason) in decided.items()]


def _decide(entry: Mapping[str, Any], offer: Offer, settings: Mapping[str, Any]) -> tuple[bool, str]:
    if entry["plugin_id"] in settings["exclude"]:
        return False, "left: the settings exclude it"
    if entry["plugin_id"] in settings["include"]:
        return True, "taken: the settings ask for it"
    needs = entry.get("needs") or {}
    missing = shortfall(needs, offer)
    if missing:
        return False, f"left: {missing}"
    if not needs:
        return True, "taken: it applies to every table"
    return True, f"taken: {sufficiency(needs, offer)}"


def _summary(taken: int, candidates: int, corrections: Mapping[str, str], unknown: Sequence[str]) -> str:
    parts = [f"{taken} of {candidates} analyses apply to this table."]
    if corrections:
        parts.append("Roles set by hand: " + ", ".join(f'"{name}" is a {role}' for name, role in sorted(corrections.items())) + ".")
    if unknown:
        named = ", ".join(f'"{name}"' for name in unknown[:NAMED]) + (
            f" and {len(unknown) - NAMED:,} more" if unknown[NAMED:] else ""
        )
        parts.append(f"There is no column {named} to give a role to.")  # an ERP's roles speak of many tables
    return " ".join(parts)
