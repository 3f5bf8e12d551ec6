"""What a plugin is handed: its settings, its seed, its data, the results it builds on, and the one folder it may write."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from harness_core.sdk.canonical import canonical_bytes, jsonable, sha256_hex
from harness_core.sdk.contract import Column
from harness_core.sdk.dataset import Dataset
from harness_core.sdk.derived import artifact_name, write_columns

if TYPE_CHECKING:
    import numpy
    import pyarrow

Emit = Callable[[dict[str, Any]], None]

PROGRESS_INTERVAL_S = 0.25
MEDIA_TYPES = {
    ".json": "application/json", ".md": "text/markdown", ".html": "text/html", ".svg": "image/svg+xml", ".csv": "text/csv",
    ".txt": "text/plain", ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip


@dataclass(frozen=True)
class InputFile:
    """An uploaded file, as an ingest plugin sees it: its bytes at ``path``, under the name the user knows."""

    path: Path
    filename: str
    sha256: str
    size_bytes: int


class Upstream(dict[str, Any]):
    """The committed result of a plugin this one depends on: the keys of its ``output.json``, also as attributes.

    ``status`` is the execution's (``OK``, ``NA``, ``ERROR`` …); ``artifact(name)`` is the path of one of its artifacts.
    """

    def __init__(self, output: Mapping[str, Any], folder: Path) -> None:
        super().__init__(output)
        self.folder = folder

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(self.get("metrics") or {})

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.get("findings") or [])

    @property
    def status(self) -> str:
        return str(self.get("status"))

    @property
    def artifacts(self) -> dict[str, Path]:
        return {entry["path"]: self.folder / entry["path"] for entry in self.get("artifacts") or []}

    def artifact(self, name: str) -> Path:
        """The path of the artifact called ``name`` (as given to ``write_artifact``); raises KeyError."""
        return self.artifacts[f"artifacts/{name}"]


@dataclass
class Log:
    """The structured log of an execution: ``ctx.log("read the header", columns=12)``, or with a level."""

    emit: Emit

    def __call__(self, message: str, *, level: str = "info", **fields: Any) -> None:
        self.emit({"type": "log", "level": level, "message": str(message)[:4000], "fields": jsonable(fields)})

    def debug(self, message: str, **fields: Any) -> None:
        self(message, level="debug", **fields)

    def info(self, message: str, **fields: Any) -> None:
        self(message, level="info", **fields)

    def warning(self, message: str, **fields: Any) -> None:
        self(message, level="warning", **fields)

    def error(self, message: str, **fields: Any) -> None:
        self(message, level="error", **fields)


@dataclass
class PluginContext:
    """A plugin's ``ctx``. Everything but ``scratch`` is read-only.

    ``inputs`` is for ingest plugins; ``plan`` (for planners and reports) lists the plugins that could run or did; ``report``
    (for report plugins) is the report as the kernel has it. ``row_limit`` and ``sample`` say what part of the data is wanted.
    """

    plugin_id: str
    settings: Mapping[str, Any]
    seed: int
    scratch: Path
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    upstream: Mapping[str, Upstream] = field(default_factory=dict)
    inputs: Sequence[InputFile] = ()
    plan: Sequence[Mapping[str, Any]] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    derives: bool = False
    emit: Emit = lambda frame: None
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    written_datasets: list[dict[str, Any]] = field(default_factory=list)
    _last_progress: float = 0.0

    @cached_property
    def rng(self) -> "numpy.random.Generator":
        """A NumPy generator (PCG64) started from ``seed``: the same draws in every run of this plugin on this input."""
        import numpy

        return numpy.random.Generator(numpy.random.PCG64(self.seed))

    @cached_property
    def log(self) -> Log:
        return Log(self.emit)

    @property
    def dataset(self) -> Dataset:
        """The dataset version this execution is about; raises LookupError for a plugin that has none."""
        if not self.datasets:
            raise LookupError(f"{self.plugin_id} was given no dataset version")
        return self.datasets.get("data") or next(iter(self.datasets.values()))

    def progress(self, done: float, total: float, what: str = "", unit: str = "") -> None:
        """Say how far the work is; call it as often as is convenient, at most four a second are passed on.

        ``done`` and ``total`` count work that takes time evenly, in ``unit`` (``rows``, ``columns`` …): people are shown the
        rate and the time that is left.
        """
        now = time.monotonic()
        if done < total and now - self._last_progress < PROGRESS_INTERVAL_S:
            return
        self._last_progress = now
        frame = {"type": "progress", "done": float(done), "total": float(total), "what": str(what)[:200], "unit": str(unit)[:20]}
        self.emit(frame)

    def progress_in_rows(self, done: float, total: float, what: str = "") -> None:
        """Say how far the work is by its share (``done`` of ``total`` equal parts, such as columns), and have it shown in rows.

        A row counts as done when all that is to be done with it is: so people see how fast a table of this size goes through.
        """
        rows = self.dataset.row_count
        self.progress(rows * done / total if total else 0.0, rows, what, "rows")

    def write_artifact(self, name: str, content: Any = None, *, media_type: str | None = None) -> Path:
        """Declare an artifact and, unless ``content`` is None (then write the returned path yourself), write it.

        ``content`` is bytes, text, an Arrow table (written as Parquet), or any JSON value (written canonically). ``name`` is a
        relative path without ``..``. Only declared artifacts survive the execution.
        """
        relative = PurePosixPath(name)
        if not name or relative.is_absolute() or ".." in relative.parts or name != str(relative):
            raise ValueError(f"{name!r} is no plain relative path for an artifact")
        path = self.scratch / "artifacts" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            _write(path, content)
        media = media_type or MEDIA_TYPES.get(relative.suffix, "application/octet-stream")
        self.written[name] = {"name": name, "media_type": media}
        return path

    def write_derived(self, columns: Mapping[str, Any]) -> None:
        """Keep columns that several plugins need for all that build on this one: NumPy or Arrow arrays by name, in row order.

        They are of :attr:`dataset`, and written once; the manifest must say ``derives: true``. A column must follow from the data
        and its name alone: who finds none computes it, with the same result. Others read it as ``dataset.derived``, and in SQL in
        the view ``derived``.
        """
        if not self.derives:
            raise ValueError("only a plugin whose plugin.yaml says `derives: true` writes derived columns")
        role = next(role for role, dataset in self.datasets.items() if dataset is self.dataset)
        path = self.write_artifact(artifact_name(role))
        if path.exists():
            raise ValueError("derived columns were written before; write all of them at once")
        write_columns(path, columns, self.dataset.row_count)

    def artifact_evidence(self, name: str, locator: str) -> dict[str, Any]:
        """Evidence that points into an artifact already written, with its hash."""
        data = (self.scratch / "artifacts" / name).read_bytes()
        return {"type": "artifact", "path": f"artifacts/{name}", "sha256": sha256_hex(data), "locator": locator}

    def write_dataset(
        self,
        role: str,
        *,
        source: InputFile,
        columns: Sequence[Column],
        row_count: int,
        reading: Mapping[str, Any],
        repairs: Sequence[Mapping[str, Any]] = (),
        table: "pyarrow.Table | None" = None,
    ) -> Path:
        """Declare a dataset version (ingest and transform plugins); write its Parquet to the returned path, or give ``table``.

        ``reading`` says how the bytes were read (format, encoding, delimiter, sheet, types …): with the input's hash it makes the
        dataset version's id, so it holds every choice that decides the rows and columns, and nothing else. ``repairs`` says what
        was mended or set aside: dicts with ``code``, ``count``, ``sentence``, and ``rows`` or ``lines`` (the first hundred).
        """
        folder = self.scratch / "datasets" / str(len(self.written_datasets))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "data.parquet"
        if table is not None:
            import pyarrow.parquet

            pyarrow.parquet.write_table(table, path, compression="zstd", compression_level=1, row_group_size=122_880)
        self.written_datasets.append(
            {
                "role": role,
                "input_sha256": source.sha256,
                "columns": [column.as_dict() for column in columns],
                "row_count": row_count,
                "reading": jsonable(reading),
                "repairs": jsonable(list(repairs)),
            }
        )
        return path


def _write(path: Path, content: Any) -> None:
    if isinstance(content, bytes | bytearray | memoryview):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_bytes(content.encode("utf-8"))
    elif type(content).__module__.startswith("pyarrow"):
        import pyarrow.parquet

        pyarrow.parquet.write_table(content, path)
    else:
        path.write_bytes(canonical_bytes(jsonable(content)))
