"""The jobs this process holds, and what it was told about each: the one place where handlers and heartbeat meet."""

import threading
from collections.abc import Mapping

from harness_core.domain.runs import Job
from harness_core.ports.state import Held
from harness_core.services.executing import Stop


class HeldJobs:
    """Safe to use from several threads. A job is told to stop at most once; the first reason stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._stops: dict[int, Stop] = {}

    def add(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.job_id] = job

    def remove(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.job_id, None)
            self._stops.pop(job.job_id, None)

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def hear(self, heard: Mapping[int, Held]) -> None:
        """Take in what a heartbeat said."""
        with self._lock:
            for job_id, said in heard.items():
                if said != "held" and job_id in self._jobs:
                    self._stops.setdefault(job_id, "cancel" if said == "cancel" else "lost")

    def stop_all(self, why: Stop) -> None:
        with self._lock:
            for job_id in self._jobs:
                self._stops.setdefault(job_id, why)

    def stop_of(self, job: Job) -> Stop | None:
        with self._lock:
            return self._stops.get(job.job_id)
