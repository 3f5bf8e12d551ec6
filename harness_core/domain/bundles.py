"""Bundles of plugins: which installed version is the active one, what a bundle's list of hashes must say, and how versions rank."""

from collections.abc import Iterable, Mapping, Sequence

from harness_core.domain.errors import Problem
from harness_core.domain.packs import read_checksums

SUMS = "SHA256SUMS"
MANIFEST = "plugin.yaml"
HOW_TO_MAKE = "Make the bundle anew with `harness plugins pack FOLDER`."

Activations = Mapping[str, Sequence[str]]
"""By plugin: the versions in the order in which they became active. The last one is active; a rollback takes it away."""


def activated(record: Activations, plugin_id: str, version: str) -> dict[str, list[str]]:
    """``record`` with this version as the active one."""
    before = [name for name in record.get(plugin_id, ()) if name != version]
    return {**{name: list(versions) for name, versions in record.items()}, plugin_id: [*before, version]}


def rolled_back(record: Activations, plugin_id: str, version: str) -> dict[str, list[str]]:
    """``record`` with this version active again, and none of those that became active after it."""
    known = list(record.get(plugin_id, ()))
    if version not in known:
        return activated(record, plugin_id, version)
    others = {name: list(versions) for name, versions in record.items()}
    return {**others, plugin_id: known[: known.index(version) + 1]}


def top_folder(names: Sequence[str]) -> str:
    """The one folder, with its slash, that holds the plugin; empty where its manifest is at the top of the bundle."""
    tops = {name.partition("/")[0] for name in names if name != SUMS}
    only = tops.pop() if len(tops) == 1 else ""
    return f"{only}/" if f"{only}/{MANIFEST}" in names else ""


def listed_hashes(data: bytes, folder: str) -> dict[str, str]:
    """SHA-256 by the path in the bundle, from a list that stands in ``folder``. Raises ValueError for what is no such list."""
    listed = {f"{folder}{path.removeprefix('./')}": sha256 for path, sha256 in read_checksums(data).items()}
    return {path: sha256 for path, sha256 in listed.items() if path != f"{folder}{SUMS}"}


def hash_problems(listed: Mapping[str, str], found: Mapping[str, str]) -> list[Problem]:
    """Every file that is not as the list says, is not on it, or is on it alone."""
    return [
        Problem(path, "", _difference(listed.get(path), found.get(path)))
        for path in sorted({*listed, *found})
        if listed.get(path) != found.get(path)
    ]


def _difference(listed: str | None, found: str | None) -> str:
    if listed is None:
        return f"is not listed in {SUMS}"
    return f"is listed in {SUMS} and not there" if found is None else f"differs from its hash in {SUMS}"


def in_order(versions: Iterable[str]) -> tuple[str, ...]:
    """Semantic versions by their precedence (semver.org, 2.0.0, section 11), the oldest first."""
    return tuple(sorted(versions, key=_precedence))


def _precedence(version: str) -> tuple[object, ...]:
    numbers, _, before = version.partition("+")[0].partition("-")
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split(".")) if before else ((2, 0, ""),)
    return tuple(int(part) for part in numbers.split(".")), parts, version
