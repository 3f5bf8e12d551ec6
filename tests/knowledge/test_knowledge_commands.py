"""`harness erp`, `presets`, `formats`, `insights`: exit codes, one JSON document, wrong input, empty home, a second time."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Harness, forked

TINY = ("--plugins", "analysis_tiny")


def told(harness: Harness, *arguments: str, code: int = 0) -> Any:
    """The one JSON document of a command that must end with ``code``; only what executes plugins is a fresh interpreter."""
    ended = harness(*arguments, "--json") if arguments[0] == "run" else forked(harness, *arguments, "--json")
    assert ended.code == code, ended.err
    assert ended.document["exit"]["code"] == code
    return ended.document


@pytest.mark.parametrize(
    ("command", "key", "words"),
    [
        (("erp", "list"), "erps", "No ERPs."),
        (("presets", "list"), "presets", "No presets."),
        (("formats", "list"), "formats", "No raw formats."),
        (("insights", "decisions"), "decisions", "No decisions."),
    ],
)
def test_an_empty_home_has_nothing(harness: Harness, command: tuple[str, ...], key: str, words: str) -> None:
    """Lists of nothing are lists, and say so."""
    document = told(harness, *command)
    assert (document[key], document["next"]) == ([], None)
    assert harness(*command).out == f"{words}\n"


def test_an_erp_from_its_beginning_to_a_run(harness: Harness) -> None:
    """Added, told an issue, exported, removed, imported; then a run says whether the issue is there, and where settings came from."""
    assert told(harness, "erp", "add", "sap", "--title", "SAP")["state"] == "saved"
    assert told(harness, "erp", "add", "sap", "--title", "SAP")["state"] == "unchanged"
    assert told(harness, "erp", "add", "sap", "--title", "Other", code=2)["error"]["code"] == "name_taken"
    assert told(harness, "erp", "set", "sap", code=2)["error"]["code"] == "nothing_to_change"
    issue = ("erp", "issue", "sap", "big", "--kind", "outlier", "--column", "amount")
    assert told(harness, *issue, code=2)["error"]["problems"][0]["field"] == "condition"
    assert told(harness, *issue, "--condition", "amount > 12")["state"] == "saved"
    assert told(harness, "erp", "set", "sap", "--role", "shop=category", "--set", "analysis_tiny.severity=info")["state"] == "saved"
    shown = told(harness, "erp", "show", "sap")
    assert ([item["id"] for item in shown["known_issues"]], shown["roles"]) == (["big"], {"shop": "category"})
    path = harness.folder / "sap.yaml"
    assert harness("erp", "export", "sap", "-o", str(path)).code == 0
    assert told(harness, "erp", "remove", "sap")["state"] == "removed"
    assert told(harness, "erp", "remove", "sap", code=2)["error"]["code"] == "no_such_erp"
    assert told(harness, "erp", "import", str(path))["sha256"] == shown["sha256"]
    assert told(harness, "erp", "import", str(path))["state"] == "unchanged"
    plugins = "analysis_tiny,analysis_known_issues,report_insights"
    run = told(harness, "run", harness.file(), "--erp", "sap", "--plugins", plugins)
    report = json.loads(Path(run["report"]).read_bytes())
    assert report["plugins"]["analysis_known_issues"]["summary"] == "Of 1 known issue of sap, 1 confirmed."
    settings = {(item["plugin_id"], item["setting"]): item for item in told(harness, "runs", "settings", run["run_id"])["settings"]}
    assert settings["analysis_tiny", "severity"]["origin"] == "erp:sap"
    assert settings["analysis_tiny", "loud"]["origin"] == "default"


def test_a_preset_is_compared_applied_and_refused(harness: Harness, tmp_path: Path) -> None:
    """Diff before applying; an edited schema hash is refused at import, and nothing is kept of it."""
    assert told(harness, "presets", "save", "mine", code=2)["error"]["code"] == "empty_preset"
    assert (
        told(harness, "presets", "save", "mine", "--set", "analysis_tiny.sevrity=info", code=2)["error"]["code"]
        == "bad_configuration"
    )
    saved = told(harness, "presets", "save", "mine", "--set", "analysis_tiny.severity=warning", "--notes", "why")
    assert told(harness, "presets", "save", "copy", "--set", "analysis_tiny.severity=warning")["same_as"] == ["mine"]
    changes = told(harness, "presets", "diff", "mine")["changes"]
    assert changes == [{"plugin_id": "analysis_tiny", "setting": "severity", "before": "notice", "after": "warning"}]
    assert told(harness, "presets", "diff", "mine", "--against", "copy")["changes"] == []
    ended = harness("run", harness.file(), *TINY, "--preset", "mine", "--fail-on", "warning")
    assert ended.code == 10, ended.err
    path = tmp_path / "mine.yaml"
    assert told(harness, "presets", "export", "mine", "-o", str(path))["sha256"] == saved["sha256"]
    text = path.read_text(encoding="utf-8")
    digest = told(harness, "presets", "show", "mine")["schemas"]["analysis_tiny"]
    path.write_text(text.replace(digest, "0" * 64).replace("name: mine", "name: other"), encoding="utf-8")
    assert told(harness, "presets", "import", str(path), code=2)["error"]["code"] == "preset_schema_mismatch"
    assert told(harness, "presets", "import", str(tmp_path / "none.yaml"), code=2)["error"]["code"] == "document_unreadable"
    assert [item["name"] for item in told(harness, "presets", "list")["presets"]] == ["copy", "mine"]
    assert told(harness, "run", harness.file(), *TINY, "--preset", "nine", code=2)["error"]["code"] == "no_such_preset"


def test_a_format_is_recognised_and_its_insights_remembered(harness: Harness) -> None:
    """A file is seen, its format named and given a role; the next like it is recognised, and its run held against the first."""
    first = harness.file(name="sales_2024.csv")
    assert told(harness, "formats", "recognise", first)["format"] is None
    assert told(harness, "formats", "recognise", "none.csv", code=6)["error"]["code"] == "no_such_file"
    plugins = ("--plugins", "analysis_tiny,report_insights")
    one = told(harness, "run", first, *plugins)
    assert told(harness, "formats", "add", "sales", one["dataset_version_id"])["state"] == "unchanged"
    assert told(harness, "formats", "set", "sales", "--role", "shop=categry", code=2)["error"]["code"] == "bad_role"
    assert told(harness, "formats", "set", "sales", "--role", "shop=category")["state"] == "saved"
    second = harness.file("day,shop,amount\n2025-01-01,north,1.5\n", name="sales_2025.csv")
    offered = told(harness, "formats", "recognise", second)
    assert (offered["format"]["name"], offered["format"]["roles"]) == ("sales", {"shop": "category"})
    assert told(harness, "datasets", "roles", one["dataset_version_id"], "--role", "day=time")["roles"] == {"day": "time"}
    refused = told(harness, "datasets", "roles", one["dataset_version_id"], "--role", "dya=time", code=2)
    assert refused["error"]["code"] == "no_such_column"
    two = told(harness, "run", second, *plugins)
    found = told(harness, "insights", "show", two["run_id"])
    assert (found["scope"]["kind"], found["earlier_runs"]) == ("format", [one["run_id"]])
    assert [item["novelty"] for item in found["insights"]] == ["changed"]


def test_a_decision_needs_what_why_and_until(harness: Harness) -> None:
    """Each missing part is named; the same decision twice is one; it can be taken back."""
    base = ("insights", "suppress", "--kind", "outlier")
    assert told(harness, *base, "--reason", "known", code=2)["error"]["code"] == "no_expiry"
    assert told(harness, *base, "--until", "never", code=2)["error"]["code"] == "no_reason"
    assert told(harness, *base[:2], "--reason", "x", "--until", "never", code=2)["error"]["code"] == "decision_too_wide"
    assert told(harness, *base, "--reason", "known", "--until", "soon", code=2)["error"]["code"] == "bad_date"
    made = told(harness, *base, "--reason", "known", "--until", "2999-12-31")
    assert made["until"] == "2999-12-31"
    assert told(harness, *base, "--reason", "known", "--until", "2999-12-31")["decision_id"] == made["decision_id"]
    assert told(harness, "insights", "forget", made["decision_id"])["state"] == "removed"
    assert told(harness, "insights", "forget", made["decision_id"], code=2)["error"]["code"] == "no_such_decision"


def test_a_sample_says_so_first(harness: Harness) -> None:
    """Whoever reads the output learns before anything else that it speaks of a part."""
    table = harness.file("a\n" + "".join(f"{number}\n" for number in range(1000)))
    ended = harness("run", table, *TINY, "--sample", "0.1")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("SAMPLED: ")
    assert told(harness, "run", table, "--sample", "0", code=2)["error"]["code"] == "bad_sample"
