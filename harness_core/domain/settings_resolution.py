"""From what people wrote to what a plugin is handed: defaults filled in, every layer merged, every mistake named.

Layers go from weak to strong: a schema's defaults, an ERP's, a preset, a configuration file, ``--set``. A secret stays a reference
(``{"$env": "NAME"}``) here and in everything that is recorded; only the guest's launch looks it up.
"""

import copy
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.field_reader import kind_of
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.schemas import REFERENCE_KEY, is_secret_reference, validate
from harness_core.domain.suggestions import did_you_mean, shown
from harness_core.domain.yaml_documents import read_yaml
from harness_core.sdk.validation import with_defaults

ASSIGNMENT = "write PLUGIN.KEY=VALUE, such as analysis_example.threshold=0.5"
PATH_PART = re.compile(r'"([^"]+)"|([^."=\s]+)')
MAX_DEPTH = 32

Layer = Mapping[str, Any]
Settings = dict[str, Any]


def resolve_settings(plugin: Plugin, given: Any) -> tuple[Settings, list[Problem]]:
    """``given`` (a mapping) with every default of the plugin's schema, and every way in which that breaks the schema."""
    where = f"settings of {plugin.id}"
    if not isinstance(given, Mapping):
        return {}, [Problem(where, "", f"settings are a mapping of keys, and this is {kind_of(given)}", _keys_of(plugin))]
    if problems := list(_unwritable(given, where)):
        return {}, problems
    resolved = with_defaults(plugin.config_schema, dict(given))
    return resolved, validate(plugin.config_schema, resolved, where, secrets=True)


def resolve_all(
    plugins: Mapping[PluginId, Plugin], given: Layer, *, known: Collection[str] = (), where: str = "settings"
) -> tuple[dict[PluginId, Settings], list[Problem]]:
    """The resolved settings of each of ``plugins``, in their order; keys of ``given`` that name no plugin are problems.

    ``known`` are further plugins that may be named although they do not run: an ERP's settings speak of more than one run.
    """
    names = sorted({*plugins, *known})
    problems = [
        Problem(where, str(key), "there is no such plugin", did_you_mean(str(key), names)) for key in given if key not in names
    ]
    resolved: dict[PluginId, Settings] = {}
    for plugin_id, plugin in plugins.items():
        resolved[plugin_id], found = resolve_settings(plugin, given.get(plugin_id, {}))
        problems += found
    return resolved, problems


def parse_assignment(text: str) -> tuple[PluginId, tuple[str, ...], Any]:
    """``plugin.key.sub=value`` as plugin, path and value; raises UsageError with what is wrong.

    The value is read as YAML, so ``3``, ``true``, ``[a, b]`` and ``{"x": 1}`` are what they look like, and other words are text. A
    part of the path that holds dots stands in double quotes: ``plugin.columns."unit.price"=price``.
    """
    left, equals, right = _split(text)
    parts = _path(left)
    if not equals or parts is None or len(parts) < 2:
        reason = "has no =" if not equals else "names no setting of a plugin"
        raise _refused(Problem("--set", "", f"{shown(text)} {reason}", ASSIGNMENT))
    document, problems = read_yaml(right, "--set")
    if document is None:
        raise _refused(
            Problem("--set", left, f"{shown(right)} cannot be read as a value: {problems[0].reason}", "put text in quotes")
        )
    return PluginId(parts[0]), tuple(parts[1:]), document.value


def layer_of(assignments: Iterable[str]) -> dict[str, Any]:
    """All ``--set`` options as one layer, a later one winning; raises UsageError with the problems of all of them."""
    layer: dict[str, Any] = {}
    problems: list[Problem] = []
    for text in assignments:
        try:
            plugin_id, path, value = parse_assignment(text)
        except UsageError as refused:
            problems += refused.problems
            continue
        for key in reversed(path):
            value = {key: value}
        layer = merge(layer, {plugin_id: value})
    if problems:
        raise _refused(*problems)
    return layer


def merge(*layers: Layer) -> dict[str, Any]:
    """The layers as one, the last winning: mappings are merged key by key, anything else (lists, secret references) is replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            merged[key] = _merged(merged.get(key), value)
    return merged


def _merged(weak: Any, strong: Any) -> Any:
    both_open = isinstance(weak, Mapping) and isinstance(strong, Mapping)
    if both_open and REFERENCE_KEY not in weak and REFERENCE_KEY not in strong:
        return merge(weak, strong)
    return copy.deepcopy(strong)


def secret_names(settings: Any) -> list[str]:
    """The environment variables that resolved settings refer to, sorted."""
    if is_secret_reference(settings):
        return [str(settings[REFERENCE_KEY])]
    inner = settings.values() if isinstance(settings, Mapping) else settings if isinstance(settings, list) else ()
    return sorted({name for item in inner for name in secret_names(item)})


def _unwritable(value: Any, where: str, field: str = "", depth: int = 0) -> Iterable[Problem]:
    """What has no place in a record of the run: numbers and types that JSON lacks, malformed references, endless nesting."""
    if depth > MAX_DEPTH:
        yield Problem(where, field, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
    elif isinstance(value, Mapping):
        if REFERENCE_KEY in value and not is_secret_reference(value):
            yield Problem(
                where,
                field,
                "is no secret reference",
                f'write {{"{REFERENCE_KEY}": "NAME"}} with the name of an environment variable',
            )
        for key, item in value.items():
            name = f"{field}.{key}" if field else str(key)
            if not isinstance(key, str):
                yield Problem(where, name, f"the key is {kind_of(key)}, not a text", "put it in quotes")
            yield from _unwritable(item, where, name, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unwritable(item, where, f"{field}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(where, field, f"{value} is not a number that can be written down", "give a finite number, or null")
    elif value is not None and not isinstance(value, str | int | float):
        yield Problem(where, field, f"is {kind_of(value)}, which JSON does not have", "put it in quotes")


def _split(text: str) -> tuple[str, str, str]:
    """At the first = that is not within quotes."""
    quoted = False
    for index, letter in enumerate(text):
        quoted ^= letter == '"'
        if letter == "=" and not quoted:
            return text[:index].strip(), "=", text[index + 1 :]
    return text, "", ""


def _path(text: str) -> list[str] | None:
    parts, position = [], 0
    while match := PATH_PART.match(text, position):
        parts.append(match[1] or match[2])
        position = match.end()
        if position == len(text):
            return parts
        if text[position] != ".":
            return None
        position += 1
    return None


def _keys_of(plugin: Plugin) -> str:
    return did_you_mean("", plugin.config_schema.get("properties") or {})


def _refused(*problems: Problem) -> UsageError:
    what = "A setting cannot be read." if len(problems) == 1 else f"{len(problems)} settings cannot be read."
    return UsageError("invalid_setting", what, next_step=f"{ASSIGNMENT[0].upper()}{ASSIGNMENT[1:]}.", problems=problems)
