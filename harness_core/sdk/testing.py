"""The testing kit for plugin authors: run a plugin folder on a small table, in this process, and look at its result.

    from harness_core.sdk.testing import run_plugin

    result = run_plugin("plugins/analysis_example", {"x": [1, 2, 3]}, upstream={"profile_basic": profile})
    assert result["status"] == "ok"

Every answer is checked as the kernel checks it: required keys, vocabulary, and the plugin's own ``output.schema.json``. That the
same input gives the same bytes is proved by :func:`harness_core.sdk.testing_same_bytes.prove_same_bytes`.
"""

import json
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness_core.sdk import guest
from harness_core.sdk.canonical import canonical_bytes, jsonable, sha256_hex
from harness_core.sdk.contract import Column, ColumnType
from harness_core.sdk.derived import artifact_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow

ROW_GROUP = 122_880


class Answer(dict[str, Any]):
    """A plugin's answer. A scratch folder that was made for it lasts as long as it does."""

    def __init__(self, content: Mapping[str, Any], made: Path | None) -> None:
        super().__init__(content)
        if made is not None:
            weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)


def run_plugin(
    folder: str | Path,
    table: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    upstream: Mapping[str, Mapping[str, Any]] | None = None,
    inputs: Sequence[str | Path] = (),
    scratch: str | Path | None = None,
    plan: Sequence[Mapping[str, Any]] = (),
    report: Mapping[str, Any] | None = None,
    datasets: Mapping[str, Any] | None = None,
    call: str = "run",
    memory_mb: int = 1024,
    row_group: int = ROW_GROUP,
) -> dict[str, Any]:
    """Run ``folder``'s plugin and return its answer as plain JSON, with ``written`` (artifacts) and ``datasets`` beside it.

    ``table`` is an Arrow table, a pandas frame or a dict of columns; it becomes the dataset version ``dv_test``, with ``row_group``
    rows in each group of its Parquet. ``datasets`` maps roles to such tables, or to the folders that ``write_dataset`` made.
    Settings that are not given come from the defaults of ``config.schema.json``. ``upstream`` maps plugin ids to earlier answers of
    this function. ``inputs`` are files for ingest plugins. Raises AssertionError where the kernel would refuse the answer. The
    folder ``scratch`` is gone with the answer, unless it was given.
    """
    folder = Path(folder)
    manifest = _manifest((folder / "plugin.yaml").read_text(encoding="utf-8"))
    module, function = manifest["entrypoint"].split(":")
    work = Path(scratch) if scratch is not None else Path(tempfile.mkdtemp(prefix="plugin-test-"))
    given = ({"data": table} if table is not None else {}) | dict(datasets or {})
    request = {
        "plugin_id": manifest["id"], "plugin_folder": str(folder), "module": module, "call": call,
        "function": function if call == "run" else call, "settings": _with_defaults(folder, settings), "seed": seed,
        "scratch": str(work), "engine_memory_mb": memory_mb, "limits": manifest.get("limits", {}), "plan": list(plan),
        "derives": manifest.get("derives", False), "report": dict(report or {}), "inputs": [_input(Path(path)) for path in inputs],
        "datasets": {role: str(_dataset(work / "in" / role, content, row_group)) for role, content in given.items()},
        "upstream": {name: _upstream(work / "up" / name, answer) for name, answer in (upstream or {}).items()},
    }  # fmt: skip
    work.mkdir(parents=True, exist_ok=True)
    frames: list[dict[str, Any]] = []
    with _own_modules():
        answer, ctx = guest.execute(request, frames.append)
    for dataset in ctx.datasets.values():
        dataset.close()
    plain = json.loads(canonical_bytes(answer))
    beside = {"written": dict(ctx.written), "datasets": list(ctx.written_datasets), "scratch": str(work), "frames": frames}
    kept = Answer({**plain, **beside}, work if scratch is None else None)
    if call == "run":
        check_result(folder, manifest["id"], plain)
    return kept


@cache
def _manifest(text: str) -> Mapping[str, Any]:
    import yaml

    return cast("Mapping[str, Any]", yaml.safe_load(text))


def check_result(folder: Path, plugin_id: str, answer: Mapping[str, Any]) -> None:
    """Raise AssertionError, with every reason, where the kernel would refuse ``answer``."""
    import jsonschema

    from harness_core.sdk.validation import result_problems

    problems = result_problems(plugin_id, answer)
    schema = json.loads((folder / "output.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    problems += [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]
    if problems:
        raise AssertionError("\n".join(problems))


def _dataset(folder: Path, content: Any, row_group: int) -> Path:
    return content if isinstance(content, Path) else write_dataset(folder, content, row_group=row_group)


def as_table(table: Any) -> "pyarrow.Table":
    """An Arrow table, a pandas frame or a dict of columns as an Arrow table."""
    import pyarrow

    if isinstance(table, Mapping):
        return pyarrow.table(dict(table))
    return table if isinstance(table, pyarrow.Table) else pyarrow.Table.from_pandas(table, preserve_index=False)


def write_dataset(folder: Path, table: Any, dataset_version_id: str = "dv_test", *, row_group: int = ROW_GROUP) -> Path:
    """Make a dataset version's folder (``data.parquet`` and ``schema.json``) from an Arrow table, a frame or a dict."""
    import pyarrow.parquet

    table = as_table(table)
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, folder / "data.parquet", row_group_size=row_group)
    facts = {
        "dataset_version_id": dataset_version_id,
        "row_count": table.num_rows,
        "columns": [column_of(name, table.schema.field(name)).as_dict() for name in table.column_names],
        "repairs": [],
        "reading": {},
    }
    (folder / "schema.json").write_bytes(canonical_bytes(facts))
    return folder


def column_of(name: str, field: "pyarrow.Field") -> Column:
    """The column as ingest would declare it for that Arrow type."""
    import pyarrow.types as kinds

    table: tuple[tuple[Any, ColumnType, str], ...] = (
        (kinds.is_boolean, "boolean", "BOOLEAN"),
        (kinds.is_integer, "integer", "BIGINT"),
        (kinds.is_floating, "float", "DOUBLE"),
        (kinds.is_decimal, "decimal", "DECIMAL"),
        (kinds.is_date, "date", "DATE"),
        (kinds.is_timestamp, "timestamp", "TIMESTAMP"),
        (kinds.is_time, "time", "TIME"),
        (kinds.is_nested, "nested", "STRUCT"),
    )
    for matches, logical, storage in table:
        if matches(field.type):
            return Column(name, logical, True, storage)
    return Column(name, "text", True, "VARCHAR")


def _with_defaults(folder: Path, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    from harness_core.sdk.validation import with_defaults

    schema = json.loads((folder / "config.schema.json").read_text(encoding="utf-8"))
    return dict(with_defaults(schema, dict(settings or {})))


def _input(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"path": str(path), "filename": path.name, "sha256": sha256_hex(data), "size_bytes": len(data)}


def _upstream(folder: Path, answer: Mapping[str, Any]) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    output = {key: value for key, value in answer.items() if key not in {"written", "datasets", "scratch", "frames"}}
    (folder / "output.json").write_bytes(canonical_bytes(jsonable(output)))
    derived = {Path(name).stem: str(Path(answer["scratch"]) / "artifacts" / name) for name in _derived_names(answer)}
    return {"folder": str(folder), "status": {"ok": "OK", "na": "NA"}.get(str(output.get("status")), "ERROR"), "derived": derived}


def _derived_names(answer: Mapping[str, Any]) -> list[str]:
    return [name for name in answer.get("written", ()) if name == artifact_name(Path(name).stem)]


@contextmanager
def _own_modules() -> "Iterator[None]":
    """Two plugins may both have a module called ``plugin`` or ``fences``: forget what one imported before the next."""
    before, path, hooks = set(sys.modules), list(sys.path), list(sys.path_hooks)
    try:
        yield
    finally:
        sys.path[:], sys.path_hooks[:] = path, hooks
        sys.path_importer_cache.clear()
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if "site-packages" not in file and "plugin.yaml" in _siblings(file):
                del sys.modules[name]


def _siblings(file: str) -> set[str]:
    folder = Path(file).parent if file else Path("/nonexistent")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
