"""What the service measures of the product, in the text format of Prometheus (0.0.4).

Definitions, each read from the state database when asked:

- ``harness_runs{status}``: runs by stored status, now.
- ``harness_jobs{state}``: jobs that are ready (due or waiting for their time), leased, dead.
- ``harness_oldest_ready_seconds``: how long the oldest ready job has been due; 0 when none is.
- ``harness_workers_alive`` and ``harness_worker_places``: workers whose process lives, and their places together.
- ``harness_ttfr_seconds``: of the latest run with a result, from its submission to its first committed result.
- ``harness_disk_free_bytes``: free space of the state folder.
- ``harness_build_info``: always 1; its labels say what is running.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness_core.domain.runs import Run, RunStatus
from harness_core.ports.state import Jobs, Runs
from harness_core.services.health import Disk
from harness_core.services.overview import Overview

RUNS_LOOKED_AT = 20
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """One family: ``samples`` are (suffix of the name, labels, value)."""

    name: str
    type: str
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    @classmethod
    def gauge(cls, name: str, help_: str, value: float, **labels: str) -> "Metric":
        return cls(name, "gauge", help_, [("", labels, value)])

    def text(self) -> str:
        lines = [f"# HELP {self.name} {self.help}", f"# TYPE {self.name} {self.type}"]
        lines += [f"{self.name}{suffix}{_labels(labels)} {_number(value)}" for suffix, labels, value in self.samples]
        return "\n".join(lines) + "\n"


def exposition(metrics: Iterable[Metric]) -> str:
    """The families as one document."""
    return "".join(metric.text() for metric in metrics)


class Measuring:
    """Asks the state database for the figures; changes nothing."""

    def __init__(self, runs: Runs, jobs: Jobs, overview: Overview, disk: Disk, build: Labels) -> None:
        self._runs, self._jobs, self._overview, self._disk, self._build = runs, jobs, overview, disk, build

    def metrics(self) -> list[Metric]:
        backlog = self._jobs.backlog()
        alive = self._overview.liveness().alive
        found = [
            self._by_status(),
            Metric("harness_jobs", "gauge", "Jobs by state.", [("", {"state": name}, backlog[name]) for name in _JOB_STATES]),
            Metric.gauge("harness_oldest_ready_seconds", "Age of the oldest ready job.", backlog["oldest_ready_s"]),
            Metric.gauge("harness_workers_alive", "Workers that are alive.", len(alive)),
            Metric.gauge("harness_worker_places", "Places of the workers that are alive.", sum(item.concurrency for item in alive)),
            Metric.gauge("harness_disk_free_bytes", "Free bytes of the state folder.", self._disk.free_bytes()),
            Metric.gauge("harness_build_info", "What is running.", 1, **self._build),
        ]
        seconds = latest_ttfr_s(self._runs.page(limit=RUNS_LOOKED_AT).runs)
        if seconds is not None:
            found.append(Metric.gauge("harness_ttfr_seconds", "Seconds to the first result of the latest run.", seconds))
        return found

    def _by_status(self) -> Metric:
        counts = self._runs.counts()
        stored = [status for status in RunStatus if status is not RunStatus.ABORTED]
        return Metric(
            "harness_runs", "gauge", "Runs by status.", [("", {"status": status}, counts.get(status, 0)) for status in stored]
        )


_JOB_STATES = ("ready", "leased", "dead")


def latest_ttfr_s(newest_first: Iterable[Run]) -> float | None:
    """Seconds from submission to the first committed result of the newest run that has one."""
    return next((run.first_result_at - run.created_at for run in newest_first if run.first_result_at is not None), None)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
