"""The process a plugin lives in: reads one request, runs the plugin, answers in frames, and ends.

Started by the kernel's launcher as ``python -m harness_core.sdk.guest <request-fd> <answer-fd>``. Before any plugin code is loaded
it puts up the wall around itself and says which layers of it stand; where that is less than it was told, it ends. After its answer
it stays until the request's pipe is closed, so that the kernel sees the whole process tree once more. Files must be closed when
``run`` returns: nothing is tidied up after that. Nothing of the kernel is imported here, and nothing said after the plugin was
loaded is believed without a check.
"""

import errno
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, BinaryIO, NoReturn

from harness_core.sdk.canonical import NotCanonical, jsonable
from harness_core.sdk.context import InputFile, PluginContext, Upstream
from harness_core.sdk.contract import RESULT_KEYS, InputRejected, PluginResult
from harness_core.sdk.dataset import Dataset
from harness_core.sdk.frames import HEADER, FrameWriter
from harness_core.sdk.sampling import take_sample
from harness_core.sdk.wall.policy import Policy, SandboxViolation
from harness_core.sdk.wall.privileges import NoIdentity
from harness_core.sdk.wall.raising import raise_wall
from harness_core.sdk.wall.system import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl

SIGKILL = 9
NOT_WALLED, NO_IDENTITY = 77, 78  # exit codes, before any plugin code is loaded


def main(arguments: list[str], parent: int | None = None) -> int:
    """``parent`` is the process that it must be a child of, where that is known beforehand."""
    request_fd, answer_fd = int(arguments[0]), int(arguments[1])
    parent = os.getppid() if parent is None else parent
    _bind_to_parent(parent)
    pipe = open(request_fd, "rb")  # noqa: SIM115 - open to the end: the kernel closes it to let this process go
    request = _read_request(pipe)
    writer = FrameWriter(answer_fd)
    order = request.pop("wall")
    try:
        standing = raise_wall(order)
    except NoIdentity:
        return NO_IDENTITY
    writer.write({"type": "wall", **standing})
    if order["needed"] and not (standing["landlock_abi"] or standing["seccomp"]):
        return NOT_WALLED
    if os.getppid() != parent:
        return NOT_WALLED
    if order["policy"]:
        sys.addaudithook(Policy(order, request["plugin_folder"], writer.write))
    answer, ctx = execute(request, writer.write)
    for dataset in ctx.written_datasets:
        writer.write({"type": "dataset", **dataset})
    writer.write({"type": "result", "result": answer, "rows_read": _rows_read(ctx), "artifacts": list(ctx.written.values())})
    pipe.read()
    return 0


def execute(request: Mapping[str, Any], emit: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any], PluginContext]:
    """Run what ``request`` asks for and return the answer as a plain dict, whatever the plugin did, with its context."""
    ctx = build_context(request, emit)
    try:
        module = load(Path(request["plugin_folder"]), request["plugin_id"], request["module"])
        function = getattr(module, request["function"], None)
        if function is None:
            raise AttributeError(f"{request['module']} has no function {request['function']!r}")
        answer = function(ctx) if request["call"] != "health" else function()
        for index, declared in enumerate(ctx.written_datasets if request.get("sample") else ()):
            take_sample(ctx.scratch / "datasets" / str(index), declared, request["sample"])
        return (as_result(answer) if request["call"] == "run" else _plain(answer)), ctx
    except InputRejected as reason:
        error = {"type": "InputRejected", "message": reason.message, "remedy": reason.remedy, "code": reason.code}
        return _failed(error | ({"line": reason.line} if reason.line is not None else {})), ctx
    except PermissionError as reason:
        sys.__excepthook__(type(reason), reason, reason.__traceback__)
        return _failed({"type": "SandboxViolation", "message": _refusal(reason)}), ctx
    except OSError as reason:
        sys.__excepthook__(type(reason), reason, reason.__traceback__)
        if reason.errno == errno.EFBIG:
            return _failed({"type": "DiskLimit", "message": "It wrote a file larger than all that it may write."}), ctx
        return _failed({"type": type(reason).__name__, "message": _first_line(reason)}), ctx
    except BaseException as reason:  # a guest may raise anything, SystemExit included; it ends as an error, never as silence
        sys.__excepthook__(type(reason), reason, reason.__traceback__)  # nothing to import, should memory have run out
        return _failed({"type": type(reason).__name__, "message": _first_line(reason)}), ctx


def build_context(request: Mapping[str, Any], emit: Callable[[dict[str, Any]], None]) -> PluginContext:
    scratch = Path(request["scratch"])
    memory_mb = int(request["engine_memory_mb"])
    return PluginContext(
        plugin_id=request["plugin_id"],
        settings=request["settings"],
        seed=request["seed"],
        scratch=scratch,
        datasets={
            role: Dataset(Path(folder), scratch, memory_mb, _derived(request["upstream"], role))
            for role, folder in request["datasets"].items()
        },
        upstream={name: _upstream(entry) for name, entry in request["upstream"].items()},
        inputs=[InputFile(Path(raw["path"]), raw["filename"], raw["sha256"], raw["size_bytes"]) for raw in request["inputs"]],
        plan=request["plan"],
        report=request["report"],
        limits=request["limits"],
        derives=request.get("derives", False),
        emit=emit,
    )


def _derived(upstream: Mapping[str, Mapping[str, Any]], role: str) -> list[Path]:
    """The files of derived columns that the kernel found to be as recorded, by plugin."""
    told = [(entry["folder"], entry.get("derived", {})) for _, entry in sorted(upstream.items())]
    return [Path(folder) / files[role] for folder, files in told if role in files]


def _upstream(entry: Mapping[str, Any]) -> Upstream:
    folder = Path(entry["folder"])
    output = json.loads((folder / "output.json").read_bytes()) if (folder / "output.json").exists() else {}
    return Upstream({**output, "status": entry["status"]}, folder)


class SourceOnly(SourceFileLoader):
    """Compiles a plugin's modules from their source: bytecode lying about in its folder is not what was hashed."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return _compiled(self.get_data(path), path)


@cache
def _compiled(source: bytes, path: str) -> CodeType:
    """Once for the same bytes in the same place: the testing kit runs a plugin thousands of times in one process."""
    return compile(source, path, "exec", dont_inherit=True)


def _source_only(folder: Path) -> Callable[[str], FileFinder]:
    def hook(path: str) -> FileFinder:
        if not Path(path).is_relative_to(folder):
            raise ImportError
        return FileFinder(path, (SourceOnly, [".py"]))

    return hook


def load(folder: Path, plugin_id: str, file: str) -> ModuleType:
    """Import a plugin's module from its folder; its other modules can be imported by their plain names."""
    sys.dont_write_bytecode = True
    sys.path_hooks.insert(0, _source_only(folder))
    sys.path.insert(0, str(folder))
    name = f"plugin_{plugin_id}"
    spec = importlib.util.spec_from_file_location(name, folder / file, loader=SourceOnly(name, str(folder / file)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} of {plugin_id} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def as_result(answer: Any) -> dict[str, Any]:
    """A plugin's answer as plain JSON with its required keys; what could not be kept is noted in ``debug``."""
    if isinstance(answer, PluginResult):
        answer = answer.as_dict()
    if not isinstance(answer, Mapping):
        return _failed({"type": "BadResult", "message": f"run() returned a {type(answer).__name__}, not a PluginResult or a dict"})
    missing = [key for key in RESULT_KEYS if key not in answer]
    if missing:
        return _failed({"type": "BadResult", "message": f"the result lacks {', '.join(missing)}"})
    notes: list[str] = []
    try:
        plain = jsonable(_findings_as_dicts(answer), notes)
    except NotCanonical as reason:
        return _failed({"type": "BadResult", "message": str(reason)})
    if notes and isinstance(plain["debug"], dict):
        plain["debug"]["notes"] = notes[:100]
    return dict(plain)


def _findings_as_dicts(answer: Mapping[str, Any]) -> dict[str, Any]:
    findings = [item.as_dict() if hasattr(item, "as_dict") else item for item in answer["findings"] or []]
    return {**answer, "findings": findings}


def _plain(answer: Any) -> dict[str, Any]:
    plain = jsonable(answer if isinstance(answer, Mapping) else {"state": answer})
    return dict(plain)


def _failed(error: dict[str, Any]) -> dict[str, Any]:
    return PluginResult("error", str(error["message"]), error=error).as_dict()


def _refusal(reason: PermissionError) -> str:
    if isinstance(reason, SandboxViolation):
        return str(reason)
    what = reason.filename if reason.filename is not None else "something"
    allowed = "a plugin reads what it is given and writes its scratch"
    return f"The system refused it {what} ({reason.strerror or reason}): {allowed}."


def _first_line(reason: BaseException) -> str:
    text = str(reason).strip() or type(reason).__name__
    return text.splitlines()[0][:1000]


def _read_request(pipe: BinaryIO) -> dict[str, Any]:
    (size,) = HEADER.unpack(pipe.read(HEADER.size))
    return dict(json.loads(pipe.read(size)))


def _rows_read(ctx: PluginContext) -> int:
    return sum(dataset.rows_read for dataset in ctx.datasets.values())


def _bind_to_parent(parent: int) -> None:
    """Die with the process that started this one, and adopt what is orphaned below, so that nothing drops out of sight (Linux)."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != parent:
        os._exit(1)


def leave(code: int) -> NoReturn:
    """End at once: all has been said. Taking libraries apart costs tens of milliseconds, and some crash over it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # the plugin may have closed or replaced it
            continue
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
