"""What plugins there are, what each one is, and whether it is well: listed, shown, asked for its health."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from harness_core.domain.errors import NotFound
from harness_core.domain.grants import Decisions, decided, is_enabled, is_granted, switched
from harness_core.domain.manifests import CAPABILITIES
from harness_core.domain.plugins import Plugin
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.catalog import Catalog, Grants
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher
from harness_core.ports.store import Store
from harness_core.ports.world import Names
from harness_core.services.guests import guest_message

HEALTH_TIMEOUT_S = 60.0
NO_DECISIONS: Decisions = MappingProxyType({})
HealthState = Literal["ok", "degraded", "unhealthy", "none"]


@dataclass(frozen=True)
class Health:
    """What a plugin's ``health()`` says of itself: ``none`` when it offers none. ``loads`` is false when it cannot be imported."""

    state: HealthState
    sentence: str
    loads: bool = True
    details: Mapping[str, Any] | None = None


def list_plugins(catalog: Catalog, decisions: Decisions = NO_DECISIONS) -> list[dict[str, Any]]:
    """One record per plugin folder, by id: the valid ones, then the invalid ones with the number of their problems."""
    valid = [{**_summary(plugin, decisions), "valid": True, "problem_count": 0} for plugin in catalog.plugins().values()]
    invalid = [
        {"plugin_id": Path(folder).name, "folder": folder, "valid": False, "problem_count": len(problems)}
        for folder, problems in catalog.problems().items()
    ]
    return [*valid, *invalid]


def show_plugin(catalog: Catalog, plugin_id: str, decisions: Decisions = NO_DECISIONS) -> dict[str, Any]:
    """Everything about one plugin, or about an invalid folder of that name its problems. Raises NotFound."""
    plugins = catalog.plugins()
    found = next((plugin for name, plugin in plugins.items() if name == plugin_id), None)
    if found is not None:
        used_by = [name for name, other in plugins.items() if plugin_id in other.manifest.depends_on]
        return {**_summary(found, decisions), "valid": True, "problems": [], **_details(found, decisions), "used_by": used_by}
    for folder, problems in catalog.problems().items():
        if plugin_id in (Path(folder).name, folder):
            return {
                "plugin_id": plugin_id,
                "folder": folder,
                "valid": False,
                "problems": [problem.as_dict() for problem in problems],
            }
    raise no_such_plugin(catalog, plugin_id)


def no_such_plugin(catalog: Catalog, plugin_id: str) -> NotFound:
    names = [*catalog.plugins(), *(Path(folder).name for folder in catalog.problems())]
    return NotFound(
        "no_such_plugin",
        f"There is no plugin called {plugin_id}.",
        why=_sentence(did_you_mean(plugin_id, names)),
        next_step="See `harness plugins list`.",
    )


def _sentence(remedy: str) -> str:
    return remedy[:1].upper() + remedy[1:] + ("" if remedy.endswith("?") or not remedy else ".")


def capabilities_of(plugin: Plugin, decisions: Decisions = NO_DECISIONS) -> list[dict[str, Any]]:
    """What the plugin asks for, in words, whether that is granted unasked, and whether it is granted."""
    return [
        {
            "name": name,
            "sentence": CAPABILITIES[name].sentence,
            "granted_by_default": CAPABILITIES[name].granted_by_default,
            "granted": is_granted(plugin.id, name, decisions),
        }
        for name in plugin.manifest.capabilities
    ]


def decide(catalog: Catalog, grants: Grants, plugin_id: str, names: Sequence[str], *, granted: bool) -> list[dict[str, Any]]:
    """Grant or revoke capabilities of a plugin for runs submitted from now on; returns :func:`capabilities_of` it.

    Raises NotFound, or UsageError where its manifest does not ask for one.
    """
    plugin = find_plugin(catalog, plugin_id)
    decisions = decided(grants.decisions(), plugin, names, granted=granted)
    grants.write(decisions)
    return capabilities_of(plugin, decisions)


def switch(catalog: Catalog, grants: Grants, plugin_id: str, *, enabled: bool) -> None:
    """Let a plugin take part in runs submitted from now on, or in none. Raises NotFound."""
    grants.write(switched(grants.decisions(), find_plugin(catalog, plugin_id).id, enabled=enabled))


def find_plugin(catalog: Catalog, plugin_id: str) -> Plugin:
    """A valid plugin. Raises NotFound."""
    plugin = next((plugin for name, plugin in catalog.plugins().items() if name == plugin_id), None)
    if plugin is None:
        raise no_such_plugin(catalog, plugin_id)
    return plugin


def plugin_health(plugin: Plugin, launcher: Launcher, scratch: Path) -> Health:
    """Import the plugin in a guest and call its ``health()``; ``scratch`` is an empty folder for it."""
    message = guest_message(plugin, call="health", scratch=str(scratch))
    request = GuestRequest(
        message=message,
        scratch=scratch,
        stdout_path=scratch / "stdout.log",
        stderr_path=scratch / "stderr.log",
        timeout_s=HEALTH_TIMEOUT_S,
        memory_mb=plugin.manifest.limits.memory_mb,
    )
    return _health(launcher.run(request))


def ask_health(plugin: Plugin, launcher: Launcher, store: Store, names: Names) -> Health:
    """:func:`plugin_health`, in a scratch folder that is gone afterwards."""
    name = names.fresh("health")
    try:
        return plugin_health(plugin, launcher, store.scratch(name))
    finally:
        store.drop_scratch(name)


def _health(outcome: GuestOutcome) -> Health:
    answer = outcome.answer
    if outcome.ending != "answered" or answer is None:
        return Health("unhealthy", f"It ended before it could answer: {outcome.reason}", loads=False)
    error = answer.get("error") if answer.get("status") == "error" else None
    if isinstance(error, Mapping):
        message = str(error.get("message"))
        if error.get("type") == "AttributeError" and message.endswith("has no function 'health'"):
            return Health("none", "It offers no health check.")
        return Health("unhealthy", f"{error.get('type')}: {message}", loads=False)
    state = answer.get("state")
    sentence = str(answer.get("reason") or answer.get("message") or "")
    if state in ("ok", "healthy", True):
        return Health("ok", sentence or "It is well.", details=answer)
    return Health("degraded" if state == "degraded" else "unhealthy", sentence or f"It says {state!r}.", details=answer)


def _summary(plugin: Plugin, decisions: Decisions) -> dict[str, Any]:
    manifest = plugin.manifest
    return {
        "plugin_id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "type": manifest.type,
        "description": manifest.description,
        "capabilities": list(manifest.capabilities),
        "source": plugin.source,
        "versions": list(plugin.versions) or [manifest.version],
        "folder": str(plugin.folder),
        "code_hash": plugin.code_hash,
        "enabled": is_enabled(plugin.id, decisions),
    }


def _details(plugin: Plugin, decisions: Decisions) -> dict[str, Any]:
    manifest = plugin.manifest
    return {
        "entrypoint": f"{manifest.module}:{manifest.function}",
        "depends_on": list(manifest.depends_on),
        "capabilities": capabilities_of(plugin, decisions),
        "requires": {"engine": manifest.requires_engine},
        "sandbox": dict(manifest.sandbox),
        "limits": dict(vars(manifest.limits)),
        "needs": dict(manifest.needs),
        "accepts": list(manifest.accepts),
        "retries": manifest.retries,
        "manifest_hash": plugin.manifest_hash,
        "config_schema": dict(plugin.config_schema),
        "config_schema_hash": plugin.config_schema_hash,
        "output_schema": dict(plugin.output_schema),
        "output_schema_hash": plugin.output_schema_hash,
    }
