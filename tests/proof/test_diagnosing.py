"""Diagnostics: all that is needed to understand a run, however it went, and no secret in it."""

import json
import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.domain.redaction import REMOVED, Redaction, is_iban
from harness_core.domain.runs import RunId
from harness_core.services import diagnosing
from harness_core.settings import read_settings
from tests.fakes.ended_homes import EndedHome
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end, submit


def bundle(core: Core, run_id: RunId, folder: Path) -> dict[str, bytes]:
    made = core.diagnosing.write(run_id, folder / "diag.zip")
    with zipfile.ZipFile(made.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(files) == sorted(made.names)
    return files


def test_everything_about_a_run_is_in_it(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """Records, events, attempts, logs, reports, environment, settings, schemas, and the state of every file."""
    files = bundle(core, run_id, tmp_path)
    read: dict[str, Any] = {name: json.loads(data) for name, data in files.items() if name.endswith(".json")}
    assert read["run.json"]["run_id"] == run_id
    assert [event["type"] for event in read["events.json"]][-1] == "run.ended"
    assert {item["plugin_id"] for item in read["attempts.json"]} == {item["plugin_id"] for item in read["executions.json"]}
    assert {item["state"] for item in read["artifacts.json"]} == {"as recorded"}
    assert read["replay.json"]["verified"] is True
    assert read["environment.json"]["environment"]["packages"]["harness"]
    assert read["environment.json"]["settings"]["lease_s"] == {"source": "default", "value": 30.0}
    assert read["plugins/analysis_count.json"]["code_hash"] == read["plugins/analysis_count.json"]["code_hash_of_the_run"]
    assert {"run/report.json", "run/run_manifest.json", "run/plugins/analysis_contacts/stdout.log", "SHA256SUMS"} <= files.keys()


def test_the_first_page_says_what_went_wrong(tmp_path: Path, table: Path) -> None:
    """How the run ended, each step that did not end well with its reason, what does not fit, and nothing of the user's home."""
    catalog = small_catalog(
        tmp_path / "plugins", analysis_broken="def run(ctx):\n    raise ValueError('no such thing as a free lunch')\n"
    )
    with closing(open_core(read_settings({}, home=tmp_path / "home"), queue_url="memory://", catalog=catalog)) as core:
        run = run_to_end(core, table)
        page = bundle(core, run.run_id, tmp_path)["README.txt"].decode()
        assert "Status: PARTIAL" in page
        assert "Steps that did not end well: 1 of 6" in page
        assert re.search("analysis_broken ERROR after 1 attempts: .*no such thing as a free lunch", page), page
        assert "Files and records: as recorded" in page


def test_it_has_a_bound(core: Core, run_id: RunId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is named with its size; records, manifest and logs come first."""
    bound = (core.store.run_folder(run_id) / "run_manifest.json").stat().st_size + 200
    monkeypatch.setattr(diagnosing, "LARGEST_BUNDLE", bound)
    files = bundle(core, run_id, tmp_path)
    assert "run/run_manifest.json" in files
    assert "run/report.html" not in files
    assert "report.html: " in files["README.txt"].decode()
    assert sum(len(data) for name, data in files.items() if name.startswith("run/")) <= bound


def test_the_users_home_is_not_told(ended_home: EndedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings hold paths, and paths hold the name of whoever works there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(ended_home.copy(tmp_path / "state")) as core:
        files = bundle(core, ended_home.run_id, tmp_path)
    assert [name for name, data in files.items() if str(tmp_path).encode() in data] == []


def test_what_looks_personal_is_removed_and_the_data_stay(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """From findings, logs and records alike; tables are not taken."""
    files = bundle(core, run_id, tmp_path)
    assert not [name for name, data in files.items() if b"jane.roe@" in data]
    assert not [name for name in files if name.endswith((".csv", ".parquet"))]


def test_a_damaged_run_is_told_not_refused(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """Diagnostics are for what went wrong."""
    (core.store.run_folder(run_id) / "report.md").write_text("All is well.")
    files = bundle(core, run_id, tmp_path)
    states = {item["path"]: item["state"] for item in json.loads(files["artifacts.json"])}
    assert states["report.md"] == "has changed"
    assert json.loads(files["replay.json"])["verified"] is False


def test_an_unreadable_record_is_told_too(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """As far as anything can be read."""
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection, connection:
        connection.execute("UPDATE dataset_version SET row_count = 'many'")
    assert json.loads(bundle(core, run_id, tmp_path)["replay.json"])["verified"] is False


def test_a_run_under_way_can_be_diagnosed(core: Core, ended_home: EndedHome, tmp_path: Path) -> None:
    """Before anybody has taken it."""
    waiting = submit(core, ended_home.table, seed=4)
    assert json.loads(bundle(core, waiting.run_id, tmp_path)["replay.json"])["verified"] is None


def test_passwords_in_addresses_stay_here(ended_home: EndedHome, tmp_path: Path) -> None:
    """Settings are in it, the password of a queue's address is not."""
    core = ended_home.copy(tmp_path / "home")
    core.close()
    environ = {"HARNESS_QUEUE_URL": "memory://user:hunter22@host/queue"}
    with closing(open_core(read_settings(environ, home=tmp_path / "home"), queue_url="memory://")) as opened:
        files = bundle(opened, ended_home.run_id, tmp_path)
    assert b"hunter22" not in b"".join(files.values())
    assert b"HARNESS_QUEUE_URL" in files["environment.json"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {REMOVED}"),
        ("https://user:pass@host/x", f"https://{REMOVED}@host/x"),
        ("?token=abc123&x=1", f"?token={REMOVED}&x=1"),
        ("password=geheim; next", f"password={REMOVED}; next"),
        ("write to jane.roe@example.org.", f"write to {REMOVED}."),
        ("call +49 170 1234567 now", f"call {REMOVED} now"),
        ("IBAN DE89 3704 0044 0532 0130 00", f"IBAN {REMOVED}"),
        ("the secret is swordfish!", f"the secret is {REMOVED}!"),
    ],
)
def test_what_is_removed(text: str, clean: str) -> None:
    """One of each kind."""
    assert Redaction(["swordfish"], credentials=True, personal=True).text(text) == (clean, 1)


@pytest.mark.parametrize(
    "text",
    [
        "regexp_matches(a, '[^@ ]+@[^@ ]+[.][a-z]{2,}')", "1e+300 and +12.5 %", "DE89 3704 0044 0532 0130 01", "SO-310001",
        "2024-01-01T00:00:00+00:00", "sha256:" + "0123456789abcdef" * 4, "3 tokens = 4", "a@b",
    ],
)  # fmt: skip
def test_what_is_left_alone(text: str) -> None:
    """Patterns, figures, hashes and moments are no personal data."""
    assert Redaction(credentials=True, personal=True).text(text) == (text, 0)


def test_short_words_are_not_taken_for_secrets() -> None:
    """A secret of three letters would be found everywhere."""
    assert Redaction(["abc"]).text("abcdef") == ("abcdef", 0)
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST12345698765433")


def test_json_stays_json() -> None:
    """Also where an escape stands beside what is removed, and in keys."""
    data = json.dumps({"a": "x\nb@example.org", "b@example.org": [1, None]}).encode()
    cleaned, count = Redaction(personal=True).data(data, "x.json")
    assert (json.loads(cleaned), count) == ({"a": f"x\n{REMOVED}", REMOVED: [1, None]}, 2)
    assert Redaction(personal=True).data(b'{"a":1}', "x.json") == (b'{"a":1}', 0)
