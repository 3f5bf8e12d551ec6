"""The manifest format as a JSON Schema, for editors and other programs; made from the parser's tables, so that both say the same.

What JSON Schema cannot say (that the id is the folder's name, that a range of versions can be read) only the parser checks.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness_core.domain.field_reader import MAX_LIST, MAX_TEXT
from harness_core.domain.manifests import (
    CAPABILITIES,
    CONCURRENCY,
    LIMIT_BOUNDS,
    LIMIT_KEYS,
    MANIFEST_VERSION,
    MAX_RETRIES,
    NEEDS,
    OPTIONAL_KEYS,
    REQUIRED_KEYS,
    SANDBOX_KEYS,
)
from harness_core.domain.plugins import PLUGIN_TYPES, Limits
from harness_core.domain.schema_documents import DIALECT

Schema = dict[str, Any]

ID = "^[a-z][a-z0-9_]{2,63}$"
NUMBER = "(0|[1-9][0-9]*)"
PRE_RELEASE = r"(-[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
BUILD = r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
VERSION = rf"^{NUMBER}\.{NUMBER}\.{NUMBER}{PRE_RELEASE}{BUILD}$"


def manifest_schema() -> Schema:
    """The schema of ``plugin.yaml``, as kept in ``docs/schemas/plugin.v1.schema.json``."""
    properties: Schema = {
        "id": _text(ID),
        "name": _text(),
        "version": _text(VERSION),
        "type": {"enum": list(PLUGIN_TYPES)},
        "entrypoint": _text(r"^[A-Za-z0-9_./-]+\.py:[A-Za-z_][A-Za-z0-9_]*$"),
        "depends_on": _list(_text(ID)),
        "capabilities": _list({"enum": list(CAPABILITIES)}),
        "config_schema": _text(r"\.json$"),
        "output_schema": _text(r"\.json$"),
        "requires": _object({"engine": _text()}, required=("engine",)),
        "sandbox": _object({"no_network": {"type": "boolean"}, "fs_allowlist": _list(_text())}, SANDBOX_KEYS),
        "limits": _object(_limits(), LIMIT_KEYS),
        "description": {"type": "string", "maxLength": MAX_TEXT},
        "needs": _object({name: {"type": "integer", "minimum": 0} for name in NEEDS}, NEEDS),
        "accepts": _list(_text(r"^(\.[a-z0-9_-]+)+$")),
        "retries": {"type": "integer", "minimum": 0, "maximum": MAX_RETRIES, "default": 2},
        "uses_seed": {"type": "boolean", "default": True},
        "derives": {"type": "boolean", "default": False},
        "schema_version": {"const": MANIFEST_VERSION},
    }
    return {
        "$schema": DIALECT,
        "title": f"The manifest of a plugin ({MANIFEST_VERSION})",
        **_object(properties, {**REQUIRED_KEYS, **OPTIONAL_KEYS}, required=REQUIRED_KEYS),
    }


def _limits() -> Schema:
    return {
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "default": 600},
        "cpu_s": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "concurrency": {"enum": list(CONCURRENCY), "default": "cpu"},
        **{name: _whole(low, high, getattr(Limits(), name)) for name, (low, high) in LIMIT_BOUNDS.items()},
    }


def _whole(low: int, high: float, default: int) -> Schema:
    return {"type": "integer", "minimum": low, **({"maximum": high} if math.isfinite(high) else {}), "default": default}


def _text(pattern: str | None = None) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, **({"pattern": pattern} if pattern else {})}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "uniqueItems": True, "maxItems": MAX_LIST}


def _object(properties: Schema, sentences: Mapping[str, str] | None = None, required: Iterable[str] = ()) -> Schema:
    """An object with only these keys, each with its sentence."""
    described = {name: {"description": (sentences or {}).get(name, ""), **part} for name, part in properties.items()}
    parts = described if sentences else properties
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": parts,
        **({"required": list(required)} if required else {}),
    }
