"""Requests, counted and timed by route: what ``/metrics`` says about HTTP. Definitions stand in the help texts."""

import threading
from bisect import bisect_left
from collections import defaultdict

from harness_core.services.metrics import Metric

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMeter:
    """Counts finished requests. ``route`` is the template (``/api/v1/runs/{run_id}``), never what a client made up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, str], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._streams = 0

    def count(self, method: str, route: str, status: int, seconds: float, *, stream: bool = False) -> None:
        with self._lock:
            self._requests[method, route, str(status)] += 1
            if not stream:
                self._buckets[route][bisect_left(BOUNDS_S, seconds)] += 1
                self._seconds[route] += seconds

    def stream_opened(self, change: int) -> None:
        """``change`` is 1 for an opened stream and -1 for a closed one."""
        with self._lock:
            self._streams += change

    def metrics(self) -> list[Metric]:
        with self._lock:
            return [self._counts(), self._durations(), self._open_streams()]

    def _open_streams(self) -> Metric:
        return Metric.gauge("harness_event_streams", "Event streams that are open.", self._streams)

    def _counts(self) -> Metric:
        samples = [
            ("", {"method": method, "route": route, "status": status}, float(count))
            for (method, route, status), count in sorted(self._requests.items())
        ]
        return Metric("harness_http_requests_total", "counter", "Requests answered.", list(samples))

    def _durations(self) -> Metric:
        metric = Metric("harness_http_request_duration_seconds", "histogram", "Time to answer a request, streams left out.")
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*BOUNDS_S, float("inf")), buckets, strict=True):
                total += count
                label = "+Inf" if bound == float("inf") else str(bound)
                metric.samples.append(("_bucket", {"route": route, "le": label}, total))
            metric.samples.append(("_sum", {"route": route}, self._seconds[route]))
            metric.samples.append(("_count", {"route": route}, total))
        return metric
