"""Reads a plugin's source without running it, and says what a reviewer should look at: it is advice, and no boundary.

Code can always be written so that no reader of its text sees what it does. What a plugin can do is decided by the wall.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness_core.sdk.context import PluginContext
from harness_core.sdk.contract import PluginResult

MAX_SOURCE_BYTES = 4_000_000
MAX_NOTES = 200

LIBRARIES = frozenset(
    {"numpy", "scipy", "pandas", "pyarrow", "duckdb", "harness_core", "python_calamine", "charset_normalizer", "yaml"}
)
NEEDS_CAPABILITY: Mapping[str, str] = {
    "socket": "network", "ssl": "network", "urllib.request": "network", "http.client": "network", "ftplib": "network",
    "smtplib": "network", "requests": "network", "httpx": "network", "subprocess": "subprocess", "multiprocessing": "subprocess",
    "pty": "subprocess", "torch": "gpu", "cupy": "gpu",
}  # fmt: skip
TEXT_AS_CODE = {"eval", "exec", "compile", "__import__"}
UNREADABLE_DATA = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
CLOCKS = {
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime", "datetime.datetime.now",
    "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "pandas.Timestamp.now", "pandas.Timestamp.today",
    "pandas.Timestamp.utcnow",
}  # fmt: skip
CHANCE = {"os.urandom", "uuid.uuid1", "uuid.uuid4"}
CHANCE_MODULES = ("random.", "secrets.", "numpy.random.")
SEEDED = ("Random", "Generator", "PCG64", "SeedSequence", "Philox", "SFC64", "MT19937", "RandomState", "default_rng")


def run(ctx: PluginContext) -> PluginResult:
    """``metrics.notes``: ``file``, ``line``, ``kind`` and ``sentence`` of what was found in the first input, a folder."""
    folder, granted = ctx.inputs[0].path, set(ctx.settings["capabilities"])
    own = {path.stem for path in folder.rglob("*.py")} | {path.name for path in folder.iterdir() if path.is_dir()}
    notes: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        found = _notes(path, own, granted)
        notes += [{"file": name, "line": line, "kind": kind, "sentence": text} for line, kind, text in found]
    return PluginResult.ok("read", metrics={"notes": notes[:MAX_NOTES]})


def _notes(path: Path, own: set[str], granted: set[str]) -> list[tuple[int, str, str]]:
    source = path.read_bytes()
    if len(source) > MAX_SOURCE_BYTES:
        return [(0, "size", f"it has {len(source):,} bytes, too much to be read")]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as reason:
        return [(getattr(reason, "lineno", None) or 0, "syntax", f"it cannot be parsed: {str(reason)[:200]}")]
    nodes = list(ast.walk(tree))
    aliases = {short: full for node in nodes for short, full in _aliases(node)}
    return sorted({note for node in nodes for note in [*_imported(node, own, granted), *_called(node, aliases)]})


def _aliases(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that an import gives to what it takes."""
    if isinstance(node, ast.Import):
        yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _imported(node: ast.AST, own: set[str], granted: set[str]) -> Iterator[tuple[int, str, str]]:
    for name, line in _names(node):
        top = name.partition(".")[0]
        needed = NEEDS_CAPABILITY.get(name) or NEEDS_CAPABILITY.get(top)
        if needed is not None and needed not in granted:
            yield line, "capability", f"{name} is imported, and the capability {needed} is not asked for"
        elif top in UNREADABLE_DATA:
            yield line, "pickle", f"{top} runs whatever stands in the data it reads"
        elif name.startswith("harness_core") and not name.startswith("harness_core.sdk"):
            yield line, "import", f"{name} is the inside of the product; only harness_core.sdk stays as it is"
        elif top not in own and top not in LIBRARIES and top not in sys.stdlib_module_names and needed is None:
            yield line, "import", f"{top} is no library that this product brings"


def _names(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield node.module, node.lineno


def _called(node: ast.AST, aliases: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    if not isinstance(node, ast.Call):
        return
    head, dot, rest = _dotted(node.func).partition(".")
    name = f"{aliases.get(head, head)}{dot}{rest}".removeprefix("builtins.")
    if name in TEXT_AS_CODE:
        yield node.lineno, "code", f"{name}() makes code out of text, which nobody can review"
    elif name in CLOCKS:
        yield node.lineno, "clock", f"{name}() reads the clock: two runs with the same fingerprint would differ"
    elif name in CHANCE or (name.startswith(CHANCE_MODULES) and not name.endswith(SEEDED)):
        yield node.lineno, "chance", f"{name}() draws without the plugin's seed; use ctx.rng"
    elif name.endswith(SEEDED) and not node.args and not node.keywords:
        yield node.lineno, "chance", f"{name}() is started without a seed; use ctx.rng"


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` as text; empty for anything else that can be called."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
