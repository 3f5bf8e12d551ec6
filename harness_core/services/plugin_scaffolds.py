"""``plugins new``: a complete small plugin to start from, which passes ``plugins validate`` as it stands."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness_core import __version__
from harness_core.domain.errors import Conflict, Problem, UsageError
from harness_core.domain.manifests import ID
from harness_core.domain.plugins import PLUGIN_TYPES
from harness_core.domain.schema_documents import DIALECT
from harness_core.domain.suggestions import did_you_mean, shown
from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.contract import RESULT_KEYS

SCAFFOLDS = "harness_core.services.scaffolds"


@dataclass(frozen=True)
class Scaffold:
    """What is particular to a type: its one setting, what its metrics hold, how its test feeds it, and what it says of itself."""

    question: str
    method: str
    distrust: str
    setting: tuple[str, Mapping[str, Any]]
    metrics: Mapping[str, Any]
    prepare: str
    test_input: str
    test_claim: str
    manifest_lines: str = ""


_TABLE = '    table = {"region": ["north"] * 19 + ["south "], "amount": list(range(20))}\n'
_COUNTS = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
_COUNT = {"type": "integer", "minimum": 0}
_LIST = {"type": "array", "items": {"type": "object"}}

SCAFFOLD_OF: Mapping[str, Scaffold] = {
    "analysis": Scaffold(
        question="Which columns hold one value in nearly every row?",
        method="The share of the most frequent value of each column, counted exactly; missing values count as rows.",
        distrust="With few rows: of three rows, two alike are many.",
        setting=("least_share", {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.95,
                                 "description": "The share of rows from which a column is reported."}),
        metrics={"shares": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}},
        prepare=_TABLE,
        test_input="table",
        test_claim='result["findings"][0]["columns"] == ["region"]',
        manifest_lines="needs: {rows: 1, columns: 1}\n",
    ),
    "profile": Scaffold(
        question="How complete is each column?",
        method="Missing values of each column, counted exactly.",
        distrust="Where a word such as \"unknown\" stands for a missing value: it counts as a value.",
        setting=("most_missing_share", {"type": "number", "minimum": 0, "maximum": 1, "default": 0.2,
                                        "description": "The share of missing values above which a column is called wanting."}),
        metrics={"row_count": _COUNT, "columns": _LIST},
        prepare=_TABLE,
        test_input="table",
        test_claim='[column["null_count"] for column in result["metrics"]["columns"]] == [0, 0]',
    ),
    "planner": Scaffold(
        question="Which plugins are worth running on this table?",
        method="The needs of each plugin are compared with the number of rows and the types of the columns.",
        distrust="Where it matters what the columns mean: only their types are looked at.",
        setting=("never", {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "default": [],
                           "description": "The ids of plugins that are never chosen."}),
        metrics={"selection": _LIST},
        prepare=_TABLE + '    plan = [{"plugin_id": "analysis_a", "type": "analysis", "needs": {"numeric": 2}}]\n',
        test_input="table, plan=plan",
        test_claim='result["metrics"]["selection"][0]["selected"] is False',
    ),
    "transform": Scaffold(
        question="What do the text columns hold without the blanks around their values?",
        method="Each text is trimmed at both ends; the result is an artifact with the row numbers of the source.",
        distrust="Where blanks mean something, as in codes of a fixed width.",
        setting=("blanks", {"type": "string", "minLength": 1, "default": " \t",
                            "description": "The characters that are taken away at both ends."}),
        metrics={"mended": _COUNTS},
        prepare=_TABLE,
        test_input="table",
        test_claim='result["metrics"]["mended"] == {"region": 1}',
    ),
    "ingest": Scaffold(
        question="Which lines does this file hold?",
        method="The file is read as UTF-8; each line that is not empty is a row.",
        distrust="With files larger than memory, because the file is read as a whole.",
        setting=("column", {"type": "string", "minLength": 1, "default": "line", "description": "The name of the one column."}),
        metrics={"row_count": _COUNT, "format": {"type": "string"}},
        test_input="inputs=[lines]",
        test_claim='result["metrics"]["row_count"] == 2',
        prepare='    lines = tmp_path / "lines.txt"\n    lines.write_text("one\\n\\ntwo\\n")\n',
        manifest_lines="accepts: [.lines]\n",
    ),
    "report": Scaffold(
        question="What did this run find, on one page?",
        method="Findings are counted by severity, and the titles of the most severe are listed.",
        distrust="As a summary of what matters: severity is what each plugin says of its own findings.",
        setting=("titles", {"type": "integer", "minimum": 0, "maximum": 100, "default": 10,
                            "description": "How many titles are listed."}),
        metrics={"by_severity": _COUNTS},
        prepare='    report = {"findings": [{"id": "f_1", "severity": "warning", "title": "One"}]}\n',
        test_input="report=report",
        test_claim='result["metrics"]["by_severity"]["warning"] == 1',
    ),
    "llm": Scaffold(
        question="What should a language model be asked about this table?",
        method="The question, the number of rows and the names and types of the columns are put into one text.",
        distrust="Where names of columns are confidential: they stand in the prompt.",
        setting=("question", {"type": "string", "minLength": 1, "default": "What would you look at first in this table?",
                              "description": "The question that the prompt begins with."}),
        metrics={"characters": _COUNT},
        prepare=_TABLE,
        test_input="table",
        test_claim='"prompt.md" in result["written"]',
    ),
}  # fmt: skip

MANIFEST = """\
id: {plugin_id}
name: {name}
description: {question}
version: 1.0.0
type: {type}
entrypoint: plugin.py:run
depends_on: []
capabilities: []
config_schema: config.schema.json
output_schema: output.schema.json
requires: {{engine: ">={engine},<{next_engine}"}}
sandbox: {{no_network: true, fs_allowlist: [run_dir]}}
limits: {{timeout_s: 600, memory_mb: 1024, concurrency: cpu}}
{manifest_lines}"""

README = """\
# {name}

**Question.** {question}

**Method.** {method}

**When not to trust it.** {distrust}

**Settings.** `{setting}` (default `{default}`): {setting_description}

Try it: `harness plugins validate {plugin_id}`, and `pytest test_{plugin_id}.py`.
"""

TEST = '''\
"""What {plugin_id} promises, on a table small enough to check by hand."""

from pathlib import Path

from harness_core.sdk.testing import run_plugin


def test_{plugin_id}_on_a_small_example(tmp_path: Path) -> None:
    """Guards the answer to: {question}"""
{prepare}    result = run_plugin(Path(__file__).parent, {test_input}, scratch=tmp_path / "work")
    assert result["status"] == "ok"
    assert {test_claim}
'''


def new_plugin(folder: Path, plugin_id: str, plugin_type: str) -> Path:
    """Make ``folder/plugin_id`` with everything a plugin of that type needs, all at once, and return it.

    Raises UsageError for an id or a type that is none, and Conflict where something of that name is there already.
    """
    _check(plugin_id, plugin_type)
    target = folder / plugin_id
    if target.exists():
        raise Conflict(
            "plugin_exists",
            f"{target} is there already.",
            why="Nothing is ever overwritten.",
            next_step="Choose another id, or move it away.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{plugin_id}-", dir=folder))
    try:
        beside.chmod(0o755)  # as mkdir would make it: the temporary folder is private, a plugin is not
        for name, content in scaffold_files(plugin_id, plugin_type).items():
            (beside / name).write_bytes(content)
        beside.rename(target)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return target


def scaffold_files(plugin_id: str, plugin_type: str) -> dict[str, bytes]:
    """The files of a new plugin by name."""
    scaffold = SCAFFOLD_OF[plugin_type]
    setting, schema = scaffold.setting
    major = int(__version__.split(".")[0])
    words = {
        "plugin_id": plugin_id,
        "name": plugin_id.replace("_", " ").capitalize(),
        "type": plugin_type,
        "question": scaffold.question,
        "method": scaffold.method,
        "distrust": scaffold.distrust,
        "engine": f"{major}.0",
        "next_engine": str(major + 1),
        "setting": setting,
        "default": repr(schema["default"]),
        "setting_description": schema["description"],
        "test_input": scaffold.test_input,
        "test_claim": scaffold.test_claim,
        "manifest_lines": scaffold.manifest_lines,
        "prepare": scaffold.prepare,
    }
    return {
        "plugin.yaml": MANIFEST.format(**words).encode(),
        "config.schema.json": canonical_bytes(_config_schema(setting, schema)),
        "output.schema.json": canonical_bytes(_output_schema(scaffold.metrics)),
        "plugin.py": _code(plugin_id, plugin_type).encode(),
        "README.md": README.format(**words).encode(),
        f"test_{plugin_id}.py": TEST.format(**words).encode(),
    }


def _code(plugin_id: str, plugin_type: str) -> str:
    """The scaffold's module; a plugin that says in its id that it models says so of its findings too."""
    code = files(SCAFFOLDS).joinpath(f"{plugin_type}.py").read_text(encoding="utf-8")
    return code.replace('measure="MEASURED"', 'measure="MODELED"') if "model" in plugin_id else code


def _config_schema(setting: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"$schema": DIALECT, "type": "object", "additionalProperties": False, "properties": {setting: dict(schema)}}


def _output_schema(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The nine keys of every result, and what the metrics of this one look like."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "required": list(RESULT_KEYS),
        "properties": {
            "status": {"enum": ["ok", "na", "error"]},
            "summary": {"type": "string", "minLength": 1},
            "metrics": {"type": "object", "additionalProperties": False, "properties": dict(metrics)},
            "findings": {"type": "array", "items": {"type": "object"}},
            "artifacts": {"type": "array"},
            "references": {"type": "array", "items": {"type": "string"}},
        },
    }


def _check(plugin_id: str, plugin_type: str) -> None:
    problems = []
    if not ID.match(plugin_id):
        problems.append(
            Problem(
                "plugins new",
                "id",
                f"{shown(plugin_id)} is no id",
                "a lower-case letter, then 2 to 63 letters, digits, underscores",
            )
        )
    if plugin_type not in PLUGIN_TYPES:
        problems.append(Problem("plugins new", "type", f"{shown(plugin_type)} is no type", did_you_mean(plugin_type, PLUGIN_TYPES)))
    if problems:
        raise UsageError("bad_plugin_name", "A plugin cannot be begun with that id or type.", problems=problems,
                         next_step="Try one like: harness plugins new analysis_example")  # fmt: skip
