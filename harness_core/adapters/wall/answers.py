"""What a guest says over its pipe, read with suspicion: every frame is checked for its shape, counted and bounded."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from harness_core.adapters.wall.level import Layers
from harness_core.adapters.wall.logs import printable
from harness_core.ports.launcher import Progress
from harness_core.sdk.canonical import compact_bytes
from harness_core.sdk.frames import BrokenFrame, FrameReader, TooLarge

LEVELS = frozenset({"debug", "info", "warning", "error"})
MAX_LOG_FRAMES = 1_000
MAX_MESSAGE_CHARACTERS = 4_000
MAX_FIELDS_BYTES = 16_384
MAX_WHAT_CHARACTERS = 200
MAX_POLICY_FRAMES = 20
MAX_DATASETS = 1_000
MAX_COUNT = 2**53
DATASET_KEYS: Mapping[str, type] = {
    "role": str, "input_sha256": str, "columns": list, "row_count": int, "reading": dict, "repairs": list,
}  # fmt: skip
PROGRESS_INTERVAL_S = 0.05


class Answers:
    """Collects a guest's frames; ``result`` is None until it gave one. Raises ValueError for what is no proper frame."""

    def __init__(
        self,
        max_frame_bytes: int,
        max_bytes: int,
        on_progress: Callable[[Progress], None],
        on_log: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.result: dict[str, Any] | None = None
        self.artifacts: list[dict[str, Any]] = []
        self.datasets: list[dict[str, Any]] = []
        self.rows_read = 0
        self.warnings = 0
        self.log_frames = 0
        self.layers: Layers | None = None
        self.policy: list[dict[str, Any]] = []
        """What Python code of the guest tried that it may not do, as far as the guest itself saw and said it."""
        self._reader = FrameReader(max_frame_bytes)
        self._bytes_left = max_bytes
        self._on_progress, self._on_log = on_progress, on_log
        self._waiting: Progress | None = None
        self._passed_on_at = 0.0
        self._kinds = {
            "progress": self._progress, "log": self._log, "dataset": self._dataset, "policy": self._policy, "result": self._result,
        }  # fmt: skip

    def feed(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise TooLarge("more frames than are read")
        for frame in self._reader.feed(data):
            if self.layers is None:
                self._wall(frame)
                continue
            take = self._kinds.get(frame["type"])
            if take is None:
                raise BrokenFrame("a frame of an unknown type")
            take(frame)

    def pass_progress_on(self, *, at_once: bool = False) -> None:
        """Hand on the newest progress, at most twenty a second: older ones are overtaken, the last is not lost."""
        now = time.monotonic()
        if self._waiting is None or (not at_once and now - self._passed_on_at < PROGRESS_INTERVAL_S):
            return
        newest, self._waiting, self._passed_on_at = self._waiting, None, now
        self._on_progress(newest)

    def _wall(self, frame: Mapping[str, Any]) -> None:
        """The first frame, and only that, is written before any code is loaded that is not ours."""
        if frame["type"] != "wall":
            raise BrokenFrame("it spoke before its wall stood")
        self.layers = Layers.said(frame)

    def _policy(self, frame: Mapping[str, Any]) -> None:
        kind, what, why = frame.get("kind"), frame.get("what"), frame.get("why")
        if not (isinstance(kind, str) and isinstance(what, str) and isinstance(why, str)):
            raise BrokenFrame("a policy frame without its words")
        if len(self.policy) < MAX_POLICY_FRAMES:
            words = {name: printable(text[:MAX_WHAT_CHARACTERS]) for name, text in (("kind", kind), ("what", what), ("why", why))}
            self.policy.append({**words, "refused": frame.get("refused") is True})

    def _progress(self, frame: Mapping[str, Any]) -> None:
        done, total, what, unit = frame.get("done"), frame.get("total"), frame.get("what", ""), frame.get("unit", "")
        if not (_is_number(done) and _is_number(total) and isinstance(what, str) and isinstance(unit, str)):
            raise BrokenFrame("a progress frame without its numbers")
        self._waiting = Progress(_as_float(done), _as_float(total), printable(what[:MAX_WHAT_CHARACTERS]), printable(unit[:20]))
        self.pass_progress_on()

    def _log(self, frame: Mapping[str, Any]) -> None:
        level, message, fields = frame.get("level"), frame.get("message"), frame.get("fields", {})
        if not (isinstance(level, str) and isinstance(message, str) and isinstance(fields, dict)):
            raise BrokenFrame("a log frame without its level, message or fields")
        level = level if level in LEVELS else "info"
        self.warnings += level in {"warning", "error"}
        self.log_frames += 1
        if self.log_frames > MAX_LOG_FRAMES:
            if self.log_frames == MAX_LOG_FRAMES + 1:
                self._on_log(
                    {"level": "warning", "message": f"More than {MAX_LOG_FRAMES:,} entries; the rest is left out.", "fields": {}}
                )
            return
        if len(compact_bytes(fields)) > MAX_FIELDS_BYTES:
            fields = {"dropped": f"the fields took more than {MAX_FIELDS_BYTES:,} bytes"}
        self._on_log({"level": level, "message": printable(message[:MAX_MESSAGE_CHARACTERS]), "fields": fields})

    def _dataset(self, frame: Mapping[str, Any]) -> None:
        declared = {key: value for key, value in frame.items() if key != "type"}
        for key, kind in DATASET_KEYS.items():
            if not isinstance(declared.get(key), kind) or isinstance(declared[key], bool):
                raise BrokenFrame(f"a dataset whose {key} is none")
        if not 0 <= declared["row_count"] <= MAX_COUNT or not all(isinstance(item, dict) for item in declared["columns"]):
            raise BrokenFrame("a dataset whose rows or columns are none")
        if len(self.datasets) >= MAX_DATASETS:
            raise BrokenFrame(f"more than {MAX_DATASETS} datasets")
        self.datasets.append(declared)

    def _result(self, frame: Mapping[str, Any]) -> None:
        result, artifacts, rows_read = frame.get("result"), frame.get("artifacts"), frame.get("rows_read")
        if self.result is not None:
            raise BrokenFrame("a second result")
        if not isinstance(result, dict):
            raise BrokenFrame("a result that is no object")
        if not isinstance(artifacts, list) or not all(isinstance(entry, dict) for entry in artifacts):
            raise BrokenFrame("a result whose artifacts are no list of objects")
        if not isinstance(rows_read, int) or isinstance(rows_read, bool) or not 0 <= rows_read <= MAX_COUNT:
            raise BrokenFrame("a result whose count of rows is no count")
        self.result, self.artifacts, self.rows_read = result, artifacts, rows_read


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        raise BrokenFrame("a number beyond the range of a double") from None
