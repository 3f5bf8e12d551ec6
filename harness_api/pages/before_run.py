"""Before a run: roles of columns, what each preset would change, and how the configuration differs from that of the last run."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from harness_api.pages.forms import StartForm, posted
from harness_api.pages.remembered_forms import MOST_ROLES, roles_from
from harness_api.routes.keeping import check_roles
from harness_api.service import Service, service_of
from harness_core.bootstrap import Core
from harness_core.domain.errors import HarnessError, UsageError
from harness_core.domain.formats import RawFormat
from harness_core.domain.presets import SettingChange, settings_diff
from harness_core.domain.remembered import with_roles
from harness_core.domain.runs import Run
from harness_core.services.submitting import Prospect

MOST_PRESETS = 12
LOOKED_FOR = 20
router = APIRouter()


@router.post("/start/roles")
async def give_roles(request: Request) -> RedirectResponse:
    """Kept for this very file, for this run and every later one; back to the form as it was."""
    fields = await posted(request)
    return await run_in_threadpool(_give, service_of(request).core, fields)


def _give(core: Core, fields: Sequence[tuple[str, str]]) -> RedirectResponse:
    last = dict(fields)
    back = last.get("back", "")
    if not back.startswith("upload="):
        raise UsageError("bad_form", "The form cannot be read.", next_step="Go back and try again.")
    upload, changes = core.library.upload(last.get("upload", "")), roles_from(fields)
    check_roles(dict(changes), [column for column, _ in changes])
    core.knowledge.save_dataset_roles(upload.sha256, with_roles(core.knowledge.dataset_roles(upload.sha256), changes))
    return RedirectResponse(f"/start?{back}#roles-title", status_code=303)


def role_rows(
    core: Core, form: StartForm, sha256: str, columns: Sequence[str], raw_format: RawFormat | None
) -> list[dict[str, str]]:
    """A row for each column: the role that was given for this file, and what decides where none was."""
    given = core.knowledge.dataset_roles(sha256)
    by_erp: Mapping[str, str] = core.knowledge.erp(form.erp).roles if form.erp else {}
    by_format: Mapping[str, str] = raw_format.roles if raw_format else {}
    rows = []
    for name in columns[:MOST_ROLES]:
        because = f"{by_erp[name]}, by the ERP" if name in by_erp else ""
        because = f"{by_format[name]}, by the raw format" if name in by_format else because
        rows.append({"name": name, "role": given.get(name, ""), "because": because})
    return rows


def preset_changes(core: Core, form: StartForm) -> dict[str, Sequence[SettingChange] | str]:
    """By preset: what applying it would change on files of the chosen ERP, or why that cannot be told."""
    found: dict[str, Sequence[SettingChange] | str] = {}
    for preset in core.knowledge.presets()[:MOST_PRESETS]:
        try:
            found[preset.name] = core.presets.diff(preset.name, erp=form.erp or None)
        except HarnessError as reason:
            found[preset.name] = reason.what
    return found


def since_last(service: Service, prospect: Prospect | None, filename: str) -> tuple[Run, list[SettingChange]] | None:
    """The last run of a file of this name, and what is not configured as then; None where there is none."""
    if prospect is None:
        return None
    newest = service.core.runs.page(limit=LOOKED_FOR, text=filename).runs
    named = next((run for run in newest if run.filename == filename), None)
    if named is None:
        return None
    last = service.core.runs.get(named.run_id)
    return last, _differences(last, prospect)


def _differences(last: Run, prospect: Prospect) -> list[SettingChange]:
    then, now = last.config, prospect.config
    facts: list[tuple[str, Any, Any]] = [
        ("file", then.inputs[0].sha256[:12], now.inputs[0].sha256[:12]),
        ("plugins", _names(then.selection), _names(now.selection)), ("seed", then.seed, now.seed),
        ("share of the rows", then.sample, now.sample), ("strict", then.strict, now.strict), ("ERP", then.erp, now.erp),
        ("presets", list(then.presets), list(now.presets)),
    ]  # fmt: skip
    told = [SettingChange("the run", name, before, after) for name, before, after in facts if before != after]
    both = then.code.keys() & now.code.keys()
    told += [
        SettingChange(name, "code", then.code[name][:12], now.code[name][:12])
        for name in sorted(both)
        if then.code[name] != now.code[name]
    ]
    both_set = sorted(then.settings.keys() & now.settings.keys())
    before, after = ({str(name): dict(config.settings[name]) for name in both_set} for config in (then, now))
    return told + settings_diff(before, after)


def _names(selection: Sequence[str] | None) -> Any:
    return "the planner chooses" if selection is None else list(selection)
