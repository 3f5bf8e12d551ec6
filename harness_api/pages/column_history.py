"""A column over the dataset versions of its raw format: what the profile of each said of it, up to the run that is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_api.service import Service
from harness_core.domain.errors import HarnessError
from harness_core.domain.memory import Scope
from harness_core.domain.runs import Run

MOST_VERSIONS = 8
Column = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """A dataset version with the run that profiled it; ``column`` is None where the version has no such column.

    ``changed`` says that the type is not that of the version before.
    """

    run: Run
    dataset_version_id: str
    column: Column | None
    changed: bool = False

    @property
    def missing(self) -> float | None:
        """The share of the rows without a value."""
        nulls, count = (self.column or {}).get("null_count"), (self.column or {}).get("count")
        return nulls / (nulls + count) if nulls is not None and count is not None and nulls + count else None


def history_of(service: Service, run: Run, name: str) -> list[Moment]:
    """This version and up to seven before it, newest first, each once; [] where there is none before."""
    if not run.config.raw_format or run.dataset_version_id is None:
        return []
    core = service.core
    found: dict[str, Moment] = {}
    for run_id in (run.run_id, *core.memory.earlier_runs(Scope("format", run.config.raw_format), run.run_id)):
        earlier = core.runs.get(run_id)
        version = earlier.dataset_version_id
        if version is None or version in found or earlier.config.sample != run.config.sample:
            continue
        try:
            columns = service.reports.columns_of(earlier)
        except HarnessError:  # one that was altered or removed tells nothing; its own page says so
            continue
        if columns:
            found[version] = Moment(earlier, version, columns.get(name))
        if len(found) == MOST_VERSIONS:
            break
    moments = list(found.values())
    if len(moments) < 2:
        return []
    before = [*moments[1:], None]
    return [
        Moment(item.run, item.dataset_version_id, item.column, bool(older and _type(item) != _type(older)))
        for item, older in zip(moments, before, strict=True)
    ]


def _type(moment: Moment) -> Any:
    return (moment.column or {}).get("type")
