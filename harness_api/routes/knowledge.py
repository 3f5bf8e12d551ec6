"""What is remembered about files: ERPs, presets and raw formats, as documents that are read strictly and given back as they are."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse

from harness_api.models import Change
from harness_api.remembering import erp_summary, preset_record, schema_version_of
from harness_api.service import service_of
from harness_core.domain.erp import erp_of
from harness_core.domain.errors import UsageError
from harness_core.domain.formats import read_format
from harness_core.domain.presets import read_preset
from harness_core.domain.remembered import yaml_text
from harness_core.services.formats import format_document

router = APIRouter(prefix="/api/v1", tags=["what is remembered"])
Document = Annotated[dict[str, Any], Body(description="The document, as a GET gives it.")]
OnlyNew = Annotated[bool, Query(description="Refuse to take the place of another of the same name.")]
Form = Annotated[Literal["json", "yaml"], Query()]


def _given(document: Mapping[str, Any], sha256: str, form: str, more: Mapping[str, Any] | None = None) -> Response:
    if form == "yaml":
        name = f"{document['name']}.yaml"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(yaml_text(document), media_type="application/yaml", headers=headers)
    return JSONResponse({**document, "sha256": sha256, **(more or {})})


def _named(document: Mapping[str, Any], name: str, version: str) -> dict[str, Any]:
    """The document with what its address says. Raises UsageError where it says something else itself."""
    if document.get("name", name) != name:
        raise UsageError(
            "name_differs", f"The address names {name[:64]!r}, the document another.", next_step="Give both the same name."
        )
    known = {key: value for key, value in document.items() if key != "sha256"}
    return {**known, "name": name, "schema_version": schema_version_of(known, version)}


def _text(document: Mapping[str, Any]) -> str:
    """JSON as the readers of documents take it: JSON is YAML."""
    return json.dumps(document, ensure_ascii=False)


@router.get("/erps", response_model=dict[str, Any], summary="List ERPs")
def erps(request: Request) -> dict[str, Any]:
    """By name."""
    return {"erps": [erp_summary(item) for item in service_of(request).core.knowledge.erps()], "next": None}


@router.get("/erps/{name}", response_model=dict[str, Any], summary="Show an ERP")
def erp(request: Request, name: str, format: Form = "json") -> Response:  # noqa: A002 - the word of the URL
    """Its known issues, settings and roles of columns."""
    found = service_of(request).core.knowledge.erp(name)
    return _given(found.document(), found.sha256, format)


@router.put("/erps/{name}", response_model=Change, summary="Write down an ERP")
def put_erp(request: Request, name: str, document: Document, new: OnlyNew = False) -> dict[str, Any]:
    """Takes the place of what was there. Saying the same again changes nothing."""
    made = erp_of(_named(document, name, "erp.v1"), "the ERP")
    changed = service_of(request).core.erps.save(made, replace_=not new)
    return {"name": name, "state": _state(changed), "sha256": made.sha256}


@router.delete("/erps/{name}", response_model=Change, summary="Forget an ERP")
def remove_erp(request: Request, name: str) -> dict[str, Any]:
    """Runs that used it keep what they were told. `document` puts it back."""
    knowledge = service_of(request).core.knowledge
    found = knowledge.erp(name)
    knowledge.remove_erp(name)
    return {"name": name, "state": "removed", "document": found.document()}


@router.get("/presets", response_model=dict[str, Any], summary="List presets")
def presets(request: Request) -> dict[str, Any]:
    """By name. Equal contents have equal hashes."""
    core = service_of(request).core
    return {"presets": [preset_record(core, item) for item in core.knowledge.presets()], "next": None}


@router.get("/presets/{name}", response_model=dict[str, Any], summary="Show a preset")
def preset(request: Request, name: str, format: Form = "json") -> Response:  # noqa: A002 - the word of the URL
    """Its settings, roles and notes, and whether it can be applied here."""
    core = service_of(request).core
    found = core.knowledge.preset(name)
    return _given(found.document(), found.sha256, format, preset_record(core, found))


@router.get("/presets/{name}/diff", response_model=dict[str, Any], summary="What a preset changes")
def preset_diff(
    request: Request,
    name: str,
    against: Annotated[str | None, Query(max_length=64, description="Another preset; the defaults if absent.")] = None,
    erp: Annotated[str | None, Query(max_length=64, description="The ERP whose settings lie beneath.")] = None,
) -> dict[str, Any]:
    """Setting by setting, without applying it. 409 where it was made for other versions of its plugins."""
    changes = service_of(request).core.presets.diff(name, erp=erp, against=against)
    return {"name": name, "against": against, "erp": erp, "changes": [item.as_dict() for item in changes]}


@router.put("/presets/{name}", response_model=Change, summary="Save a preset")
def put_preset(request: Request, name: str, document: Document, new: OnlyNew = False) -> dict[str, Any]:
    """With `schemas` it is an import, refused where a schema is another one here; without, it is written for what is installed."""
    core = service_of(request).core
    if "schemas" in document:
        saved = core.presets.take_in(read_preset(_text(_named(document, name, "preset.v1")), "the preset"), replace=not new)
    else:
        bare = read_preset(_text({**_named(document, name, "preset.v1"), "schemas": _any_schemas(document)}), "the preset")
        saved = core.presets.save(name, bare.settings, bare.roles, bare.notes, bare.raw_format, replace=not new)
    return {"name": name, "state": _state(saved.changed), "sha256": saved.preset.sha256, "same_as": list(saved.same_as)}


def _any_schemas(document: Mapping[str, Any]) -> dict[str, str]:
    """The reader asks for a hash of each plugin; those of what is installed take their place when the preset is saved."""
    settings = document.get("settings")
    return dict.fromkeys(map(str, settings), "") if isinstance(settings, Mapping) else {}


@router.delete("/presets/{name}", response_model=Change, summary="Forget a preset")
def remove_preset(request: Request, name: str) -> dict[str, Any]:
    """Runs that used it keep their settings. `document` puts it back."""
    knowledge = service_of(request).core.knowledge
    found = knowledge.preset(name)
    knowledge.remove_preset(name)
    return {"name": name, "state": "removed", "document": found.document()}


@router.get("/formats", response_model=dict[str, Any], summary="List raw formats")
def formats(request: Request) -> dict[str, Any]:
    """By name: those that somebody named, and those that were only seen."""
    return {"formats": [format_document(item) for item in service_of(request).core.knowledge.formats()], "next": None}


@router.get("/formats/{name}", response_model=dict[str, Any], summary="Show a raw format")
def raw_format(request: Request, name: str, format: Form = "json") -> Response:  # noqa: A002 - the word of the URL
    """The headers it is recognised by, and what is remembered of it. An id of a format does as well as its name."""
    found = service_of(request).core.knowledge.raw_format(name)
    return _given(found.document(), found.sha256, format, format_document(found))


@router.put("/formats/{name}", response_model=Change, summary="Write down a raw format")
def put_format(request: Request, name: str, document: Document, new: OnlyNew = False) -> dict[str, Any]:
    """Takes the place of what was there. 409 for a header that belongs to another format of which something is remembered."""
    core = service_of(request).core
    known = {key: value for key, value in document.items() if key not in ("format_id", "fingerprints", "filename")}
    made = read_format(_text(_named(known, name, "raw_format.v1")), "the raw format")
    changed = core.formats.save(made, replace_=not new)
    return {"name": name, "state": _state(changed), "format_id": core.knowledge.raw_format(name).format_id}


@router.post("/formats/{name}/headers", response_model=Change, summary="Teach a raw format")
def teach_format(
    request: Request, name: str, dataset_version_id: Annotated[str, Query(max_length=60, description="Whose columns it learns.")]
) -> dict[str, Any]:
    """Gives the columns of a dataset version this name; a name that is there learns them as a further header."""
    core = service_of(request).core
    version = core.library.dataset_version(dataset_version_id)
    found, changed = core.formats.teach(name, core.formats.header_of_dataset(version), version.filename)
    return {"name": found.name, "state": _state(changed), "format_id": found.format_id}


@router.delete("/formats/{name}", response_model=Change, summary="Forget a raw format")
def remove_format(request: Request, name: str) -> dict[str, Any]:
    """The next file like it is seen as new. `document` puts it back."""
    knowledge = service_of(request).core.knowledge
    found = knowledge.raw_format(name)
    knowledge.remove_format(found.format_id)
    return {"name": found.name, "state": "removed", "document": found.document()}


def _state(changed: bool) -> str:
    return "saved" if changed else "unchanged"
