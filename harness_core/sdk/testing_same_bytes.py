"""The part of the testing kit that proves determinism: the same input gives the same bytes, wherever and however it is run.

    from harness_core.sdk.testing_same_bytes import prove_same_bytes

    prove_same_bytes("plugins/analysis_example", {"x": [1.0, 2.5, 3.0]}, upstream={"profile_basic": profile})

The plugin is run once in each of :data:`SURROUNDINGS`, in processes of their own that differ in threads, hash seed, time zone,
locale, row groups of the Parquet, working folder, and whether the libraries were loaded before. The product pins most of these for
a guest; a plugin that holds without the pins leans on none of them.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from harness_core.sdk.canonical import canonical_bytes, jsonable, sha256_hex
from harness_core.sdk.contract import RESULT_KEYS
from harness_core.sdk.testing import as_table, run_plugin

TIMEOUT_S = 1800.0
SHOWN = 5
TABLE_OPTIONS = ("table", "datasets")
NO_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # files opened without an encoding are read as ASCII


@dataclass(frozen=True)
class Surroundings:
    """What a machine, its user and a moment may have of their own.

    ``warm`` is a process that has loaded the libraries already; ``backwards`` takes the cases of a plugin from last to first.
    """

    name: str
    environ: Mapping[str, str]
    row_group: int
    folder: str
    warm: bool = True
    backwards: bool = False


def _threads(count: int) -> dict[str, str]:
    """DuckDB (which takes the cluster's word for it), Arrow and the linear algebra of NumPy, as far as nobody pins them."""
    return {name: str(count) for name in ("SLURM_CPUS_ON_NODE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


SURROUNDINGS = (
    Surroundings(
        "as a guest is run, rows in groups of 122,880",
        {**_threads(1), "TZ": "UTC", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
        122_880, "usual",
    ),
    Surroundings(
        "a fresh interpreter on one thread, east of the date line, no locale, another hash seed, rows in groups of 1,000",
        {**_threads(1), **NO_LOCALE, "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
        1_000, "other", warm=False,
    ),
    Surroundings(
        "libraries loaded, eight threads, Newfoundland, a Turkish locale, a third hash seed, groups of 97, last case first",
        {**_threads(8), "TZ": "America/St_Johns", "PYTHONHASHSEED": "4294967295", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        97, "sömewhere else", backwards=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One call under a name: the plugin's folder, and what :func:`~harness_core.sdk.testing.run_plugin` takes beside it."""

    name: str
    folder: str | Path
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A plugin's answer in the usual surroundings, and what was not the same elsewhere, in sentences."""

    answer: Mapping[str, Any]
    differences: Sequence[str]


def prove_same_bytes(folder: str | Path, table: Any = None, **options: Any) -> Mapping[str, Any]:
    """Run the plugin everywhere and return its answer; AssertionError, naming where it differs, unless all bytes are the same.

    ``options`` are those of :func:`~harness_core.sdk.testing.run_plugin`.
    """
    (outcome,) = outcomes([Case("it", folder, {"table": table, **options})]).values()
    if outcome.differences:
        raise AssertionError("\n".join(outcome.differences))
    return outcome.answer


def outcomes(cases: Sequence[Case]) -> dict[str, Outcome]:
    """Each case by its name, all of them in one process per surroundings; the surroundings side by side."""
    with tempfile.TemporaryDirectory(prefix="same-bytes-") as name:
        work = Path(name)
        (work / "cases.json").write_bytes(canonical_bytes([_written(case, work, place) for place, case in enumerate(cases)]))
        children = [_start(work, place) for place in range(len(SURROUNDINGS))]
        try:
            for child, around in zip(children, SURROUNDINGS, strict=True):
                _, errors = child.communicate(timeout=TIMEOUT_S)
                if child.returncode:
                    raise AssertionError(f"{around.name}: {errors.decode(errors='replace')}")
        finally:
            for child in children:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # the copy that runs a plugin, too
                child.wait()
        return {case.name: _compared(work, place) for place, case in enumerate(cases)}


def _start(work: Path, place: int) -> "subprocess.Popen[bytes]":
    around = SURROUNDINGS[place]
    (work / around.folder).mkdir()
    product = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([product, os.environ.get("PYTHONPATH", "")]), **around.environ}
    return subprocess.Popen(  # noqa: S603 - this module itself
        [sys.executable, "-m", __name__, str(work), str(place)],
        cwd=work / around.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def _written(case: Case, work: Path, place: int) -> dict[str, Any]:
    """The case as JSON, its tables as Arrow files beside it."""
    options = {name: value for name, value in case.options.items() if name not in TABLE_OPTIONS}
    given: dict[str, Any] = dict(case.options.get("datasets") or {})
    if case.options.get("table") is not None:
        given["data"] = case.options["table"]
    folders = {role: str(content.resolve()) for role, content in given.items() if isinstance(content, Path)}
    tables = {role: content for role, content in given.items() if role not in folders}
    for number, table in enumerate(tables.values()):
        _write_arrow(work / f"{place}-{number}.arrow", as_table(table))
    options["inputs"] = [str(Path(path).resolve()) for path in options.get("inputs", ())]
    return {"folder": str(Path(case.folder).resolve()), "tables": list(tables), "folders": folders, "options": jsonable(options)}


def _write_arrow(path: Path, table: Any) -> None:
    import pyarrow

    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _read_arrow(path: Path) -> Any:
    import pyarrow

    with pyarrow.OSFile(str(path), "rb") as file:
        return pyarrow.ipc.open_file(file).read_all()


def _compared(work: Path, place: int) -> Outcome:
    said = [json.loads((work / around.folder / f"{place}.json").read_bytes()) for around in SURROUNDINGS]
    differences = []
    for around, other in zip(SURROUNDINGS[1:], said[1:], strict=True):
        where = list(islice(_differences(said[0], other, ""), SHOWN))
        if where:
            differences.append(f"Not the same ({around.name}): {'; '.join(where)}")
    return Outcome(said[0]["answer"], differences)


def _differences(one: Any, other: Any, path: str) -> Any:
    """Where two JSON values differ, with both values, as text."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _differences(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(left, right, f"{path}/{place}")
    elif one != other or type(one) is not type(other):
        yield f"{path}: {str(one)[:200]} and {str(other)[:200]}"


def main(work: Path, place: int) -> int:
    """Run all cases in these surroundings, those of one plugin after one another in a copy of this process."""
    around = SURROUNDINGS[place]
    if around.warm:
        from harness_core.sdk.warm import LIBRARIES

        for name in LIBRARIES:
            import_module(name)
    numbered = list(enumerate(json.loads((work / "cases.json").read_bytes())))
    for _, group in groupby(numbered, key=lambda item: item[1]["folder"]):
        cases = list(group)
        if not _in_a_copy(work, around, cases[::-1] if around.backwards else cases):
            return 1
    return 0


def _in_a_copy(work: Path, around: Surroundings, cases: Sequence[tuple[int, Mapping[str, Any]]]) -> bool:
    """Whether all went well; what went wrong is on standard error."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1] == 0
    code = 1
    try:
        for number, case in cases:
            _run(work, around, number, case)
        code = 0
    except BaseException as reason:
        sys.__excepthook__(type(reason), reason, reason.__traceback__)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run(work: Path, around: Surroundings, number: int, case: Mapping[str, Any]) -> None:
    """What the plugin gave is left as JSON, with the hashes of its files."""
    datasets: dict[str, Any] = {role: Path(folder) for role, folder in case["folders"].items()}
    datasets |= {role: _read_arrow(work / f"{number}-{place}.arrow") for place, role in enumerate(case["tables"])}
    scratch = work / around.folder / f"scratch {number}"
    answer = run_plugin(case["folder"], datasets=datasets, scratch=scratch, row_group=around.row_group, **case["options"])
    kept = {key: answer[key] for key in (*RESULT_KEYS, "reason_code") if key in answer}
    files = [path for part in ("artifacts", "datasets") for path in sorted((scratch / part).rglob("*")) if path.is_file()]
    found = {
        "answer": kept,
        "declared": [answer["written"], answer["datasets"]],
        "files": {str(path.relative_to(scratch)): sha256_hex(path.read_bytes()) for path in files},
    }
    (work / around.folder / f"{number}.json").write_bytes(canonical_bytes(jsonable(found)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
