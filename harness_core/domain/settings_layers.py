"""Layers of settings, weak to strong, as one, and for every setting the layer that decided it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness_core.domain.schemas import REFERENCE_KEY
from harness_core.domain.settings_resolution import PATH_PART, merge

DEFAULT = "default"
Origins = dict[str, dict[str, str]]
Place = str | dict[str, Any]


@dataclass(frozen=True)
class SettingsLayer:
    """Settings by plugin id, and where they come from: ``erp:sap``, ``format:orders``, ``dataset``, ``preset:monthly`` …"""

    origin: str
    settings: Mapping[str, Any]


def stack(layers: Iterable[SettingsLayer]) -> tuple[dict[str, Any], Origins]:
    """All layers as one, the last winning, and by plugin and dotted setting the origin of what won.

    A setting that no layer speaks of has no origin here: it is the schema's default.
    """
    layers = [layer for layer in layers if layer.settings]
    merged = merge(*(layer.settings for layer in layers))
    places: dict[str, Place] = {}
    for layer in layers:
        _place(places, layer.settings, layer.origin)
    origins: Origins = {}
    for plugin_id, place in sorted(places.items()):
        found = dict(_flat(place, ""))
        if found and "" not in found:
            origins[plugin_id] = dict(sorted(found.items()))
    return merged, origins


def _place(places: dict[str, Place], settings: Mapping[str, Any], origin: str) -> None:
    """Note ``origin`` at every leaf of ``settings``, as :func:`merge` puts the values."""
    for key, value in settings.items():
        inner = places.get(key)
        if not _is_open(value):
            places[key] = origin
        elif isinstance(inner, dict):
            _place(inner, value, origin)
        elif value or inner is None:
            made: dict[str, Place] = {}
            _place(made, value, origin)
            places[key] = made or origin


def _flat(place: Place, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(place, str):
        yield path, place
        return
    for key, inner in place.items():
        yield from _flat(inner, joined(path, key))


def leaves(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every value of nested settings by its dotted path, as ``--set`` writes it; lists and empty mappings are values."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        here = joined(path, str(key))
        found |= leaves(value, here) if _is_open(value) and value else {here: value}
    return found


def joined(path: str, key: str) -> str:
    """A part of a path that holds dots, blanks or quotes stands in double quotes."""
    match = PATH_PART.fullmatch(key)
    part = key if match and match[2] else f'"{key}"'
    return f"{path}.{part}" if path else part


def _is_open(value: Any) -> bool:
    return isinstance(value, Mapping) and REFERENCE_KEY not in value
