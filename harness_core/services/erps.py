"""ERPs as people keep them: written down, changed piece by piece, checked against the plugins that are installed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness_core.domain.erp import Erp, KnownIssue, read_issues
from harness_core.domain.errors import Conflict, NotFound, Problem, UsageError
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.remembered import PluginSettings, check_name, with_roles
from harness_core.domain.settings_resolution import merge, resolve_settings
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.catalog import Catalog
from harness_core.ports.knowledge import Knowledge


@dataclass(frozen=True)
class SettingsChange:
    """What is to be set (settings by plugin id, as one layer), taken back (dotted ``plugin.key``), and which roles change."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()
    roles: Sequence[tuple[str, str | None]] = ()
    notes: str | None = None

    @property
    def says_something(self) -> bool:
        return bool(self.settings or self.unset or self.roles or self.notes is not None)


class Erps:
    """Keeps ERPs. What cannot be a setting of an installed plugin is refused when it is written down, not when it is used."""

    def __init__(self, knowledge: Knowledge, catalog: Catalog) -> None:
        self._knowledge, self._catalog = knowledge, catalog

    def add(self, erp: Erp) -> bool:
        """Whether it is new: adding the same again is nothing. Raises Conflict where the name stands for something else."""
        check_name(erp.name, "an ERP")
        return self.save(erp, replace_=False)

    def save(self, erp: Erp, *, replace_: bool) -> bool:
        check_settings(erp.settings, self._catalog.plugins(), f"ERP {erp.name}")
        return self._knowledge.save_erp(erp, replace=replace_)

    def change(self, name: str, change: SettingsChange, title: str | None = None) -> tuple[Erp, bool]:
        """The ERP as it is then, and whether anything changed."""
        erp = self._knowledge.erp(name)
        changed = replace(
            erp, title=erp.title if title is None else title.strip(),
            notes=erp.notes if change.notes is None else change.notes.strip(),
            settings=changed_settings(erp.settings, change), roles=with_roles(erp.roles, change.roles),
        )  # fmt: skip
        return changed, self.save(changed, replace_=True)

    def put_issue(self, name: str, raw: Mapping[str, Any]) -> tuple[Erp, bool]:
        """Add a known issue, or put another in the place of the one with its id. Raises UsageError with all that is wrong."""
        erp = self._knowledge.erp(name)
        issues, problems = read_issues([raw], "issue")
        if problems:
            raise UsageError("invalid_issue", "The known issue cannot be used.", problems=problems,
                             next_step="Correct what is named above.")  # fmt: skip
        (issue,) = issues
        return self._with_issues(erp, [*(item for item in erp.known_issues if item.id != issue.id), issue])

    def drop_issue(self, name: str, issue_id: str) -> tuple[Erp, bool]:
        erp = self._knowledge.erp(name)
        known = [item.id for item in erp.known_issues]
        if issue_id not in known:
            raise NotFound("no_such_issue", f"The ERP {name} has no known issue {issue_id!r}.",
                           next_step=f"{did_you_mean(issue_id, known) or 'it has none'}".capitalize() + ".")  # fmt: skip
        return self._with_issues(erp, [item for item in erp.known_issues if item.id != issue_id])

    def _with_issues(self, erp: Erp, issues: Sequence[KnownIssue]) -> tuple[Erp, bool]:
        changed = replace(erp, known_issues=tuple(sorted(issues, key=lambda item: item.id)))
        return changed, self.save(changed, replace_=True)


def changed_settings(settings: PluginSettings, change: SettingsChange) -> dict[str, dict[str, Any]]:
    """The settings with the change made; raises Conflict for something to take back that is not there."""
    changed = merge(settings, change.settings)
    for place in change.unset:
        changed = _without(changed, place)
    return {name: values for name, values in sorted(changed.items()) if values}


def _without(settings: Mapping[str, Any], place: str) -> dict[str, Any]:
    plugin_id, _, key = place.partition(".")
    values = settings.get(plugin_id)
    if not isinstance(values, Mapping) or (key and key not in values):
        raise Conflict("nothing_to_unset", f"{place} is not set here.", next_step="See what is set with `show`.")
    kept = {name: value for name, value in values.items() if key and name != key}
    return {**settings, plugin_id: kept}


def check_settings(settings: PluginSettings, plugins: Mapping[PluginId, Plugin], where: str) -> None:
    """Raises UsageError where settings name no installed plugin, or break its schema."""
    problems = []
    for name, values in settings.items():
        plugin = plugins.get(PluginId(name))
        if plugin is None:
            problems.append(Problem(where, name, "there is no such plugin", did_you_mean(name, plugins)))
        else:
            problems += resolve_settings(plugin, values)[1]
    if problems:
        raise UsageError("bad_configuration", f"The settings of {where} are not valid.", problems=problems,
                         next_step="Correct the settings named above; see `harness plugins show ID`.")  # fmt: skip
