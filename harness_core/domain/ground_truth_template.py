"""A ground truth written from a report: its insights as expectations, for a person to keep what is true and strike what is not."""

from collections.abc import Iterator, Mapping
from typing import Any

HEAD = """\
# What a report about {filename} must say. Made from the insights of one run: keep what is true, strike what is not.
#
# expect: at least `min_count` findings of this `plugin` and `kind` whose columns include all of `columns`, at this place, with
#         these statistics. A number may differ by `absolute`, or by `relative` of its size, whichever is more.
# forbid: no such finding.
"""
RELATIVE = 0.05
GIVE_ROWS = 0.005


def template(report: Mapping[str, Any]) -> str:
    """YAML that the same report meets. ``report`` is a ``report.json``."""
    filename = " ".join(str(report["input"]["filename"]).split())
    lines = [HEAD.rstrip().format(filename=filename if filename.isprintable() else "this file")]
    lines += ["report:", f"  status: {report['status']}", f"tolerance: {{relative: {RELATIVE}}}"]
    entries = [line for finding in report["insights"] for line in _entry(finding, report)]
    lines += ["expect:", *entries] if entries else ["expect: []"]
    return "\n".join([*lines, "forbid: []"]) + "\n"


def _entry(finding: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    yield f"  # {_comment(finding['title'])}"
    columns = ", ".join(_quoted(name) for name in finding["columns"])
    yield f"  - plugin: {_quoted(finding['plugin_id'])}"
    yield f"    kind: {_quoted(finding['kind'])}"
    yield f"    columns: [{columns}]"
    place = finding["statistics"].get("row_index")
    if isinstance(place, int):
        yield f"    rows: [{place}]"
        yield f"    within_rows: {round(GIVE_ROWS * ((report.get('dataset') or {}).get('row_count') or 0))}"
    effect = finding["statistics"].get("effect")
    value = effect.get("value") if isinstance(effect, Mapping) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield f"    statistics: {{effect.value: {value!r}}}"
    yield "    min_count: 1"


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(text: str) -> str:
    """A text in double quotes, with everything that YAML could read in another way escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in escaped) + '"'
