"""The report of an ended run, byte for byte as it was recorded; and reports that lie elsewhere as files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_core.domain.errors import Conflict, InputRefused, NotFound, UsageError
from harness_core.domain.proofs import REPORT
from harness_core.domain.reports import SCHEMA_VERSION
from harness_core.domain.runs import RUN_ENDED, Run
from harness_core.ports.state import Runs
from harness_core.ports.store import Store
from harness_core.services.replaying import file_mismatches, refuse_purged, tampered


def recorded_report(runs: Runs, store: Store, run: Run) -> Mapping[str, Any]:
    """Raises Conflict for a run without a report, NotFound for one whose files are no longer kept, Tampered for other bytes."""
    refuse_purged(run)
    if run.status not in RUN_ENDED:
        raise Conflict("run_under_way", f"Run {run.run_id} has not ended ({run.status}), so there is no report yet.",
                       next_step="Watch it with `harness runs watch`, or go on with `harness runs resume`.")  # fmt: skip
    record = next((item for item in runs.artifacts(run.run_id) if item.path == REPORT), None)
    if record is None:
        raise Conflict("no_report", f"Run {run.run_id} was ended before it had a report ({run.status}).",
                       next_step="Run it again with `harness runs retry`.")  # fmt: skip
    folder = store.run_folder(run.run_id)
    found = file_mismatches(folder, REPORT, record.sha256)
    if found:
        raise tampered(f"The report of run {run.run_id} is not what was recorded.", found)
    read: Mapping[str, Any] = store.read_json(folder / REPORT)
    return read


def looks_like_a_path(subject: str) -> bool:
    """Whether somebody means a file or folder rather than a run."""
    return "/" in subject or subject.endswith(".json") or subject in (".", "..") or Path(subject).exists()


def report_at(path: Path) -> Mapping[str, Any]:
    """The report in a file, or in a folder such as that of --out. Raises NotFound, InputRefused."""
    place = path / REPORT if path.is_dir() else path
    if not place.is_file():
        raise NotFound(
            "no_such_report", f"There is no report at {place}.", next_step="Give a report.json, its folder, or a run id."
        )
    try:
        report = json.loads(place.read_bytes())
    except (OSError, ValueError) as reason:
        raise InputRefused("report_unreadable", f"{place} cannot be read.", why=f"{reason}.",
                           next_step="Give a report.json as a run wrote it.") from reason  # fmt: skip
    version = report.get("schema_version") if isinstance(report, dict) else None
    if version != SCHEMA_VERSION:
        raise no_report(place, f"It says schema_version {version!r}, not {SCHEMA_VERSION!r}.")
    return dict(report)


def no_report(place: Path, why: str) -> InputRefused:
    return InputRefused("not_a_report", f"{place} is no report of Statistic Harness.", why=why,
                        next_step="Give a report.json as a run wrote it.")  # fmt: skip


def text_of(path: Path, what: str) -> str:
    """A text file that somebody names. Raises UsageError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        why = f"{reason.strerror}." if isinstance(reason, OSError) else "It is not UTF-8 text."
        raise UsageError("unreadable_file", f"The {what} {path} cannot be read.", why=why,
                         next_step="Give the path of a YAML file.") from reason  # fmt: skip
