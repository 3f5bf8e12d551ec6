"""What the operator granted or refused each plugin, beyond what every plugin is granted or refused unasked; and whether it runs."""

from collections.abc import Iterable, Mapping

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.manifests import CAPABILITIES
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.suggestions import did_you_mean

NETWORK = "network"
ENABLED = "enabled"

Decisions = Mapping[str, Mapping[str, bool]]
"""By plugin and capability: whether it was granted. What is not there is as by default. ``enabled`` false: it never runs."""


def is_granted(plugin_id: str, capability: str, decisions: Decisions) -> bool:
    return decisions.get(plugin_id, {}).get(capability, CAPABILITIES[capability].granted_by_default)


def is_enabled(plugin_id: str, decisions: Decisions) -> bool:
    return decisions.get(plugin_id, {}).get(ENABLED, True)


def disabled_sentence(plugin_id: str, decisions: Decisions) -> str:
    """Why this plugin does not run; empty when it is enabled."""
    return (
        "" if is_enabled(plugin_id, decisions) else f"{plugin_id} is disabled: it takes part in no run until it is enabled again."
    )


def kept_out(plugins: Mapping[PluginId, Plugin], decisions: Decisions) -> dict[PluginId, str]:
    """The plugins that no plan may choose, each with the sentence why: the disabled ones, and all that build on one."""
    found = {name: disabled_sentence(name, decisions) for name in plugins if not is_enabled(name, decisions)}
    while True:
        more = {
            name: f"{name} builds on {missing[0]}, which is disabled or builds on what is."
            for name, plugin in plugins.items()
            if name not in found and (missing := [other for other in plugin.manifest.depends_on if other in found])
        }
        if not more:
            return dict(sorted(found.items()))
        found |= more


def switched(decisions: Decisions, plugin_id: str, *, enabled: bool) -> dict[str, dict[str, bool]]:
    """``decisions`` with this plugin enabled or not; what it was granted stays."""
    entry = {name: value for name, value in decisions.get(plugin_id, {}).items() if name != ENABLED}
    entry |= {} if enabled else {ENABLED: False}
    others = {name: dict(values) for name, values in decisions.items() if name != plugin_id}
    return {**others, **({plugin_id: entry} if entry else {})}


def denied_to(plugin: Plugin, decisions: Decisions) -> tuple[str, ...]:
    """The capabilities that ``plugin`` asks for and may not have."""
    return tuple(name for name in plugin.manifest.capabilities if not is_granted(plugin.id, name, decisions))


def network_open_to(plugins: Mapping[PluginId, Plugin], decisions: Decisions) -> tuple[PluginId, ...]:
    """The plugins to which the operator's override opens the network: they ask for it, and were granted it."""
    asking = [name for name, plugin in sorted(plugins.items()) if NETWORK in plugin.manifest.capabilities]
    return tuple(name for name in asking if is_granted(name, NETWORK, decisions))


def that_count(plugins: Mapping[PluginId, Plugin], decisions: Decisions) -> dict[str, dict[str, bool]]:
    """The decisions that make a difference for these plugins: on what they ask for, other than the default, or off."""
    found = {
        plugin_id: {
            name: not CAPABILITIES[name].granted_by_default
            for name in sorted(plugin.manifest.capabilities)
            if is_granted(plugin_id, name, decisions) is not CAPABILITIES[name].granted_by_default
        }
        | ({} if is_enabled(plugin_id, decisions) else {ENABLED: False})
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
    differing = {name: value for name, value in sorted(entry.items()) if name == ENABLED or value is not _by_default(name)}
    others = {name: dict(values) for name, values in decisions.items() if name != plugin.id}
    return {**others, **({str(plugin.id): differing} if differing else {})}


def _by_default(name: str) -> bool:
    return CAPABILITIES[name].granted_by_default


def _not_asked_for(plugin: Plugin, name: str) -> Problem:
    return Problem(f"{plugin.id}/plugin.yaml", name, "it does not ask for this", did_you_mean(name, plugin.manifest.capabilities))
