"""What is remembered, as the API and the pages tell it: summaries, whether a preset can be applied, and documents taken back in."""

from collections.abc import Mapping
from typing import Any

from harness_core.bootstrap import Core
from harness_core.domain.erp import Erp, read_erp
from harness_core.domain.errors import UsageError
from harness_core.domain.formats import read_format
from harness_core.domain.presets import Preset, read_preset, schema_problems_of
from harness_core.domain.yaml_documents import read_yaml
from harness_core.services.presets import preset_document

KINDS = {"erp.v1": "erps", "preset.v1": "presets", "raw_format.v1": "formats"}


def erp_summary(erp: Erp) -> dict[str, Any]:
    """An ERP as it stands in a list."""
    return {
        "name": erp.name, "title": erp.title, "sha256": erp.sha256, "known_issue_count": len(erp.known_issues),
        "role_count": len(erp.roles), "plugins_set": sorted(erp.settings),
    }  # fmt: skip


def preset_record(core: Core, preset: Preset) -> dict[str, Any]:
    """A preset, and whether it can be applied to the plugins as they are now."""
    problems = [str(problem) for problem in schema_problems_of(preset, core.catalog.plugins())]
    return preset_document(preset, problems, core.presets.names_of(preset, other=True))


def schema_version_of(document: Mapping[str, Any], otherwise: str) -> Any:
    return document.get("schema_version", otherwise)


def take_in(core: Core, text: str, *, replace: bool, restore: bool = False) -> tuple[str, str]:
    """Keep what a YAML document says, whatever its kind; its place (``presets``, …) and its name.

    ``restore`` is for what was kept here before: a preset comes back although its plugins have other schemas by now, and cannot
    be applied then, as before. Raises UsageError with every problem, Conflict where the name stands for something else.
    """
    kind = _kind_of(text)
    if kind == "erps":
        erp = read_erp(text, "the document")
        core.erps.save(erp, replace_=replace)
        return kind, erp.name
    if kind == "presets":
        preset = read_preset(text, "the document")
        if restore:
            core.knowledge.save_preset(preset, replace=replace)
        else:
            core.presets.take_in(preset, replace=replace)
        return kind, preset.name
    raw_format = read_format(text, "the document")
    core.formats.save(raw_format, replace_=replace)
    return kind, raw_format.name


def _kind_of(text: str) -> str:
    document, problems = read_yaml(text, "the document")
    value = document.value if document is not None else None
    said = value.get("schema_version") if isinstance(value, Mapping) else None
    if said in KINDS:
        return KINDS[said]
    raise UsageError(
        "invalid_document", "This is not a document that is read here.", problems=problems,
        why=f"It begins with schema_version: {', '.join(KINDS)}.", next_step="Paste a whole document as it was exported.",
    )  # fmt: skip
