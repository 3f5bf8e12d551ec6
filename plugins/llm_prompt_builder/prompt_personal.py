"""Which columns hold personal data, as far as the run knows: what the scan found, and what the profile withholds."""

from collections.abc import Mapping
from typing import Any

WITHHELD = "may_be_personal"
UNNAMED = "personal"  # the kind of a column that the profile withholds and the scan has no name for


def personal_columns(report: Mapping[str, Any]) -> dict[str, str]:
    """Column name -> kind of personal data, in column order; those of other tables than the first behind their role, last.

    A doubtful column counts, and one of that name in every table: to withhold too much costs little.
    """
    kinds: dict[str, str] = {}
    for finding in report.get("findings") or ():
        if finding.get("kind") == "pii":
            for name in finding.get("columns") or ():
                kinds.setdefault(str(name), str((finding.get("statistics") or {}).get("pii_kind") or UNNAMED))
    profile = ((report.get("plugins") or {}).get("profile_basic") or {}).get("metrics") or {}
    for column in profile.get("columns") or ():
        if column.get("top_values_withheld") == WITHHELD:
            kinds.setdefault(str(column.get("name")), UNNAMED)
    order = [str(column.get("name")) for column in (report.get("dataset") or {}).get("columns") or ()]
    return {
        name: kinds[name] for name in sorted(kinds, key=lambda name: (order.index(name) if name in order else len(order), name))
    }
