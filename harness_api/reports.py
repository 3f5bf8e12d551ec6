"""The reports of ended runs as the pages read them: checked against the registry each time, parsed once, the last few kept."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeVar

from markupsafe import Markup

from harness_api.checked_files import open_checked
from harness_api.figures import figures_of
from harness_core.domain.errors import NotFound, Tampered
from harness_core.domain.runs import Artifact, Run
from harness_core.ports.state import Runs
from harness_core.ports.store import Store
from harness_core.services.comparing import profiled

MAX_REPORT_BYTES = 64 * 1024 * 1024
MAX_PAGE_BYTES = 16 * 1024 * 1024
KEPT = 24
Parsed = TypeVar("Parsed")
Finding = Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """A report with what is looked up in it. ``tampered`` says why there is none although the run wrote one."""

    document: Mapping[str, Any] | None
    figures: Mapping[str, Markup] = field(default_factory=dict)
    tampered: Tampered | None = None

    @property
    def insights(self) -> Sequence[Finding]:
        return list((self.document or {}).get("insights", ()))

    @property
    def findings(self) -> Sequence[Finding]:
        return list((self.document or {}).get("findings", ()))

    @cached_property
    def columns(self) -> Mapping[str, Mapping[str, Any]]:
        """What the profile says of each column, by name."""
        return profiled(self.document)

    def finding(self, finding_id: str) -> Finding:
        """As an insight where it is one, with its rank. Raises NotFound."""
        for item in (*self.insights, *self.findings):
            if item["id"] == finding_id:
                return item
        raise NotFound("no_such_finding", f"The report has no finding {finding_id[:40]!r}.",
                       next_step="See all findings of the run.")  # fmt: skip


def _document(file: BinaryIO, path: Path) -> Any:
    del path
    return json.loads(file.read())


def _columns(file: BinaryIO, path: Path) -> Mapping[str, Mapping[str, Any]]:
    del path
    return profiled(json.loads(file.read()))


class Reports:
    """Hands out reports."""

    def __init__(self, runs: Runs, store: Store, figures_in: Callable[[Path], Mapping[str, Any]]) -> None:
        """``figures_in`` reads the figures of a page, behind the wall."""
        self._runs, self._store, self._figures_in = runs, store, figures_in
        self._parsed: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = Lock()

    def of(self, run: Run, artifacts: Sequence[Artifact] | None = None) -> Report:
        """The report of a run; without a document where it has none, is not as recorded, or is too large for a page."""
        known = {item.path: item for item in (self._runs.artifacts(run.run_id) if artifacts is None else artifacts)}
        if "report.json" not in known:
            return Report(None)
        try:
            document = self._read(known["report.json"], "document", _document, MAX_REPORT_BYTES)
        except Tampered as failure:
            return Report(None, tampered=failure)
        page = known.get("report.html")
        try:
            figures = self._read(page, "figures", self._figures, MAX_PAGE_BYTES)
        except Tampered:  # told where the page itself is asked for; the findings stand without their pictures
            figures = None
        return Report(document, figures or {})

    def columns_of(self, run: Run) -> Mapping[str, Mapping[str, Any]]:
        """What the profile of a run says of each column; nothing where there is none. Raises Tampered."""
        record = next((item for item in self._runs.artifacts(run.run_id) if item.path == "report.json"), None)
        found = self._read(record, "columns", _columns, MAX_REPORT_BYTES)
        return found if found is not None else {}

    def _figures(self, file: BinaryIO, path: Path) -> Mapping[str, Markup]:
        del file
        return figures_of(self._figures_in(path))

    def _read(self, record: Artifact | None, kind: str, parse: Callable[[BinaryIO, Path], Parsed], most: int) -> Parsed | None:
        if record is None or record.size_bytes > most:
            return None
        path = self._store.run_folder(record.run_id) / record.path
        with open_checked(path, record) as file:
            key = (kind, record.sha256)
            with self._lock:
                if key in self._parsed:
                    self._parsed.move_to_end(key)
                    found: Parsed = self._parsed[key]
                    return found
            parsed = parse(file, path)
        with self._lock:
            self._parsed[key] = parsed
            while len(self._parsed) > KEPT:
                self._parsed.popitem(last=False)
        return parsed
