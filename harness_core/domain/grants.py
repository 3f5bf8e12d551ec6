"""What the operator granted or refused each plugin, beyond what every plugin is granted or refused unasked."""

from collections.abc import Iterable, Mapping

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.manifests import CAPABILITIES
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.suggestions import did_you_mean

NETWORK = "network"

Decisions = Mapping[str, Mapping[str, bool]]
"""By plugin and capability: whether it was granted. What is not there is as by default."""


def is_granted(plugin_id: str, capability: str, decisions: Decisions) -> bool:
    return decisions.get(plugin_id, {}).get(capability, CAPABILITIES[capability].granted_by_default)


def denied_to(plugin: Plugin, decisions: Decisions) -> tuple[str, ...]:
    """The capabilities that ``plugin`` asks for and may not have."""
    return tuple(name for name in plugin.manifest.capabilities if not is_granted(plugin.id, name, decisions))


def network_open_to(plugins: Mapping[PluginId, Plugin], decisions: Decisions) -> tuple[PluginId, ...]:
    """The plugins to which the operator's override opens the network: they ask for it, and were granted it."""
    asking = [name for name, plugin in sorted(plugins.items()) if NETWORK in plugin.manifest.capabilities]
    return tuple(name for name in asking if is_granted(name, NETWORK, decisions))


def that_count(plugins: Mapping[PluginId, Plugin], decisions: Decisions) -> dict[str, dict[str, bool]]:
    """The decisions that make a difference for these plugins: on what they ask for, and other than the default."""
    found = {
        plugin_id: {
            name: not CAPABILITIES[name].granted_by_default
            for name in sorted(plugin.manifest.capabilities)
            if is_granted(plugin_id, name, decisions) is not CAPABILITIES[name].granted_by_default
        }
        for plugin_id, plugin in sorted(plugins.items())
    }
    return {str(plugin_id): entry for plugin_id, entry in found.items() if entry}


def decided(decisions: Decisions, plugin: Plugin, names: Iterable[str], *, granted: bool) -> dict[str, dict[str, bool]]:
    """``decisions`` with these capabilities of ``plugin`` granted or not. Raises UsageError for one that it does not ask for."""
    problems = [_not_asked_for(plugin, name) for name in names if name not in plugin.manifest.capabilities]
    if problems:
        raise UsageError(
            "not_asked_for", f"{plugin.id} does not ask for {', '.join(problem.field for problem in problems)}.",
            why=f"Its manifest asks for {', '.join(plugin.manifest.capabilities) or 'nothing'}; nothing else can be decided.",
            next_step=f"See `harness plugins show {plugin.id}`.", problems=problems,
        )  # fmt: skip
    entry = {**decisions.get(plugin.id, {}), **dict.fromkeys(names, granted)}
    differing = {name: granted for name, granted in sorted(entry.items()) if granted is not CAPABILITIES[name].granted_by_default}
    others = {name: dict(values) for name, values in decisions.items() if name != plugin.id}
    return {**others, **({str(plugin.id): differing} if differing else {})}


def _not_asked_for(plugin: Plugin, name: str) -> Problem:
    return Problem(f"{plugin.id}/plugin.yaml", name, "it does not ask for this", did_you_mean(name, plugin.manifest.capabilities))
