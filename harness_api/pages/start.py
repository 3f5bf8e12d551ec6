"""Before a run: the file as it would be read, every setting with its default, the plan with its reasons, and what starts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from harness_api.pages.before_run import preset_changes, role_rows, since_last
from harness_api.pages.forms import StartForm, chosen, command_line, posted, start_form
from harness_api.pages.previews import Preview, shown_preview
from harness_api.pages.rendering import pages_of
from harness_api.pages.setting_fields import SETTING, Field, fields_of, problems_by_field
from harness_api.service import Service, service_of
from harness_core.domain.datasets import DatasetVersion, Upload
from harness_core.domain.errors import HarnessError, InputRefused, UsageError
from harness_core.domain.grants import kept_out
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.remembered import COLUMN_ROLES
from harness_core.domain.runs import Run
from harness_core.services.inspecting import choose_ingest
from harness_core.services.plugins import capabilities_of
from harness_core.services.submitting import Prospect, Submission
from harness_core.services.uploads import as_input

CHOSEN_TYPES = ("analysis", "transform", "llm")
SHEET = "sheet"
router = APIRouter()


@dataclass(frozen=True)
class File:
    """A file with what its reader saw in it, and how that differs from the last file of the same name."""

    upload: Upload
    preview: Preview | None
    last: DatasetVersion | None
    differences: Sequence[str]
    sheets: Sequence[str]
    again: int


@router.get("/uploads/{upload_id}", response_class=HTMLResponse)
def upload(request: Request, upload_id: str) -> RedirectResponse:
    """An upload is looked at where a run of it is started."""
    found = service_of(request).core.library.upload(upload_id)
    return RedirectResponse(f"/start?upload={found.upload_id}", status_code=303)


@router.get("/start", response_class=HTMLResponse)
def start(request: Request) -> HTMLResponse:
    """The address holds the whole form: it can be kept, sent, and gone back to."""
    return _start_page(request, start_form(request.query_params.multi_items()))


@router.post("/runs", response_class=HTMLResponse)
async def create_run(request: Request) -> Any:
    """Starts the run; what stands against it is shown on the same page, with the form as it was."""
    from starlette.concurrency import run_in_threadpool

    fields = await posted(request)
    return await run_in_threadpool(_create, request, start_form(fields), dict(fields).get("key"))


def _create(request: Request, form: StartForm, key: str | None) -> Any:
    core = service_of(request).core
    try:
        run = core.submitting.submit(form.submission(core.catalog.plugins(), key or None))
    except (UsageError, InputRefused) as refused:
        return _start_page(request, form, refused)
    return RedirectResponse(f"/runs/{run.run_id}", status_code=303)


def _start_page(request: Request, form: StartForm, refused: HarnessError | None = None) -> HTMLResponse:
    service = service_of(request)
    core = service.core
    if not form.upload_ids:
        raise UsageError("no_input", "There is no file to read.", next_step="Upload one on the overview.")
    uploads = [core.library.upload(upload_id) for upload_id in form.upload_ids]
    core.catalog.refresh()
    plugins = core.catalog.plugins()
    prospect: Prospect | None = None
    try:
        prospect = core.submitting.prospect(form.submission(plugins))
        previews = prospect.previews
    except (UsageError, InputRefused) as failure:
        refused, previews = refused or failure, _previews_by_default(service, form, failure)
    out = kept_out(plugins, core.grants.decisions())
    selectable = [plugin for name, plugin in plugins.items() if plugin.manifest.type in CHOSEN_TYPES and name not in out]
    ingest = _ingest_of(plugins, uploads)
    files = _files(service, uploads, previews)
    sheets = next((file.sheets for file in files if len(file.sheets) > 1), ())
    return pages_of(request).page(
        request,
        "start.html",
        f"{'Cannot be started' if refused else 'Ready to start'} · {uploads[0].filename}",
        http_status=refused.http_status if refused else 200,
        form=form,
        uploads=uploads,
        files=files,
        sheet=_sheet_field(ingest, form, sheets),
        refused=refused,
        key=core.names.fresh("form"),
        selectable=selectable,
        kept_out=out,
        chosen=chosen(form, [plugin.id for plugin in selectable]),
        erps=[item.name for item in core.knowledge.erps()],
        presets=[item.name for item in core.knowledge.presets()],
        changes=preset_changes(core, form),
        roles=role_rows(core, form, uploads[0].sha256, _named_columns(previews), prospect.raw_format if prospect else None),
        role_names=COLUMN_ROLES,
        back=request.url.query if request.method == "GET" else "",
        since=since_last(service, prospect, uploads[0].filename),
        settings=_settings(plugins, form, refused, prospect, ingest),
        **_prospect(service, form, prospect, uploads, selectable),
    )


def _named_columns(previews: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(_columns(previews[0].get("columns"))) if previews else []


def _previews_by_default(service: Service, form: StartForm, failure: HarnessError) -> Sequence[Mapping[str, Any]]:
    """The file as it would be read without any setting, so that it stays in sight while a setting is mended."""
    if isinstance(failure, InputRefused):
        return ()
    try:
        return service.core.submitting.prospect(Submission(form.upload_ids)).previews
    except (UsageError, InputRefused):
        return ()


def _ingest_of(plugins: Mapping[PluginId, Plugin], uploads: Sequence[Upload]) -> Plugin | None:
    try:
        return choose_ingest(list(plugins.values()), [as_input(item) for item in uploads])
    except UsageError:  # said where the prospect is refused
        return None


def _files(service: Service, uploads: Sequence[Upload], answers: Sequence[Mapping[str, Any]]) -> list[File]:
    found = []
    for item, answer in zip_longest(uploads, answers[: len(uploads)]):
        preview = shown_preview(answer) if answer is not None else None
        last = service.core.library.latest_named(item.filename, other_than=item.sha256)
        again = len(service.core.library.uploads_of_blob(item.sha256)) - 1
        named = _columns(answer.get("columns") if answer else None)
        differences = schema_differences(_columns(last.columns), named) if last is not None and named else []
        found.append(File(item, preview, last if named else None, differences, preview.sheets if preview else (), again))
    return found


def _columns(columns: Any) -> dict[str, str]:
    """Types by name, of a dataset version or of a reader's free-form answer."""
    found = columns if isinstance(columns, Sequence) and not isinstance(columns, str) else ()
    return {str(item.get("name", "")): str(item.get("type", "")) for item in found if isinstance(item, Mapping)}


def schema_differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is not as it was, a sentence each: columns that came, went, changed their type or their place."""
    words = [f"“{name}” is new ({type_})" for name, type_ in after.items() if name not in before]
    words += [f"“{name}” is gone ({type_})" for name, type_ in before.items() if name not in after]
    words += [f"“{name}” was {before[name]} and is {type_}" for name, type_ in after.items() if before.get(name, type_) != type_]
    if [name for name in before if name in after] != [name for name in after if name in before]:
        words.append("the columns stand in another order")
    return words


def _sheet_field(ingest: Plugin | None, form: StartForm, sheets: Sequence[str]) -> dict[str, Any] | None:
    """The choice of a sheet, where the reader knows one and the workbook has several."""
    if ingest is None or not sheets or SHEET not in (ingest.config_schema.get("properties") or {}):
        return None
    name = f"{SETTING}{ingest.id}.{SHEET}"
    return {"name": name, "sheets": list(sheets), "value": dict(form.given).get(name, "")}


def _settings(
    plugins: Mapping[PluginId, Plugin],
    form: StartForm,
    refused: HarnessError | None,
    prospect: Prospect | None,
    ingest: Plugin | None,
) -> list[tuple[Plugin, list[Field], bool]]:
    """The fields of every plugin that may run; those that were changed, or are wrong, are open."""
    given, wrong = dict(form.given), problems_by_field(refused.problems if refused else ())
    considered = set(prospect.config.settings) if prospect else {str(name) for name in plugins}
    shown = []
    for plugin in plugins.values():
        mentioned = any(name.startswith(f"{SETTING}{plugin.id}.") for name in given)
        other_reader = plugin.manifest.type == "ingest" and plugin is not ingest
        if (plugin.id not in considered or other_reader) and not mentioned:
            continue
        fields = fields_of(plugin, given, wrong)
        if fields:
            shown.append((plugin, fields, mentioned or any(field.wrong for field in fields)))
    return sorted(shown, key=lambda item: (not item[2], item[0].manifest.type != "ingest", item[0].id))


def _earlier(service: Service, form: StartForm, prospect: Prospect) -> tuple[Run, str] | None:
    """The run whose file this one is compared with, or could be, and the name of that file; None where there is none."""
    if form.against:
        name = prospect.config.against
        return (service.core.runs.get(name), prospect.config.inputs[-1].filename) if name else None
    found = service.core.submitting.previous(prospect)
    return (service.core.runs.get(found.run_id), found.input.filename) if found else None


def _prospect(
    service: Service, form: StartForm, prospect: Prospect | None, uploads: Sequence[Upload], selectable: Sequence[Plugin]
) -> dict[str, Any]:
    """What is shown of a run that could be started."""
    if prospect is None:
        return {
            "prospect": None,
            "earlier": None,
            "command": "",
            "planned": [],
            "later": [],
            "alike": [],
            "now": service.core.clock.now(),
        }
    plugins = service.core.catalog.plugins()
    planned = [
        (step, plugins[step.plugin_id], capabilities_of(plugins[step.plugin_id], prospect.config.grants))
        for step in prospect.plan.steps
    ]
    there = {step.plugin_id for step in prospect.plan.steps}
    later = [plugin for plugin in selectable if plugin.id not in there] if form.choice == "auto" else []
    return {
        "prospect": prospect,
        "earlier": _earlier(service, form, prospect),
        "command": command_line(form.submission(plugins), [item.filename for item in uploads]),
        "planned": planned,
        "later": later,
        "alike": service.core.runs.alike(prospect.fingerprint, limit=3),
        "now": service.core.clock.now(),
    }
