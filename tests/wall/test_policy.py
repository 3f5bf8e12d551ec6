"""The policy in words: honest mistakes end with a sentence, the audit row names them, and honest code is left alone."""

from pathlib import Path

import pytest

from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import NOTHING
from harness_core.ports.launcher import GuestRequest
from harness_core.sdk import tools
from harness_core.services.plugin_validation import validate_plugins
from tests.fakes.guest_house import House
from tests.fakes.plugins import small_catalog

FINE = "return PluginResult('ok', 'fine')"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, ProcessLauncher())


REFUSED = {
    "reading": ("open('/etc/passwd')", "It tried to read /etc/passwd"),
    "writing": ("open('/etc/motd', 'w')", "It tried to write /etc/motd"),
    "appending": ("open('/etc/motd', 'a')", "It tried to write /etc/motd"),
    "making a folder": ("os.mkdir('/etc/new')", "It tried to write /etc/new"),
    "removing": ("os.remove(__file__)", "It tried to write "),
    "moving out": ("open('x', 'w'); os.rename('x', '/etc/x')", "It tried to write /etc/x"),
    "connecting": ("import socket; socket.create_connection(('127.0.0.1', 9))", "It tried to use the network"),
    "looking up": ("import socket; socket.getaddrinfo('example.org', 80)", "It tried to use the network"),
    "a program": ("subprocess.run(['/bin/true'])", "It tried to start /bin/true"),
    "a shell": ("os.system('true')", "It tried to start true"),
    "forking": ("os.fork()", "It tried to start another process"),
    "signalling": ("os.kill(1, 15)", "It tried to signal process 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_ends_with_a_sentence(house: House, case: str) -> None:
    """Uncaught, it ends the guest as SANDBOX with what was tried and what to do instead; caught, it is in the reason all the same."""
    body, sentence = REFUSED[case]
    outcome = house.run(body)
    assert outcome.ending == "sandbox"
    assert outcome.reason.startswith(sentence)
    assert outcome.reason.endswith(".")
    caught = house.run(f"try:\n    {body}\nexcept PermissionError: pass\n{FINE}")
    assert caught.ending == "answered"
    assert caught.reason.startswith(f"It answered. {sentence}")
    assert caught.reason.endswith(" (refused).")


def test_questionable_code_is_noted_where_the_plugin_does_it(house: House) -> None:
    """eval and pickle are named with their line; libraries that do it are not blamed on the plugin."""
    body = f"""
        import collections, dataclasses, pickle
        collections.namedtuple('Point', 'x y')
        dataclasses.make_dataclass('Made', ['x'])
        eval('1 + 1')
        pickle.loads(pickle.dumps(collections.OrderedDict()))
        {FINE}
    """
    outcome = house.run(body)
    assert outcome.ending == "answered"
    assert [(note["kind"], note["refused"]) for note in outcome.details["policy"]] == [("exec or eval", False), ("pickle", False)]
    assert outcome.details["policy"][0]["what"] == "plugin.py:8"
    assert outcome.reason == "It answered. It used exec or eval in plugin.py:8; pickle in plugin.py:9."


def test_libraries_that_look_around_are_not_blamed(house: House) -> None:
    """Importing what a plugin may use, and asking for the versions of packages, leaves nothing in the audit row."""
    body = f"""
        import importlib.metadata, duckdb, numpy, pandas, pyarrow.parquet, pyarrow.dataset, scipy.stats
        importlib.metadata.version('duckdb'); list(importlib.metadata.distributions())
        pandas.read_csv(__import__('io').StringIO('a\\n1'))
        duckdb.connect().execute("SELECT 1").fetchall()
        {FINE}
    """
    outcome = house.run(body, memory_mb=1500, timeout_s=60.0)
    assert (outcome.ending, outcome.reason) == ("answered", "It answered."), house.stderr


def test_a_path_that_is_not_there_is_not_a_crime(house: House) -> None:
    """Libraries look for files in many places: what is missing is missing, as everywhere."""
    outcome = house.run(f"try: open('/etc/no-such-file')\nexcept FileNotFoundError: pass\n{FINE}")
    assert (outcome.ending, outcome.reason, outcome.details["policy"]) == ("answered", "It answered.", [])


def test_notes_have_their_bound(house: House) -> None:
    """A guest that tries a thousand things is noted twenty times."""
    body = f"for n in range(1000):\n    try: open(f'/etc/{{n}}', 'w')\n    except PermissionError: pass\n{FINE}"
    outcome = house.run(body)
    assert (outcome.ending, len(outcome.details["policy"])) == ("answered", 20)
    assert len(outcome.reason) <= 1000


def test_it_is_no_boundary(tmp_path: Path) -> None:
    """Code that wants to gets around the hook, as this does; the wall alone holds, and without it nothing does."""
    body = """
        libc = ctypes.CDLL(None, use_errno=True)
        got = libc.open(b'/etc/passwd', 0) >= 0
        return PluginResult('ok', str(got))
    """
    open_house = House(tmp_path / "open", ProcessLauncher(layers=NOTHING, allow_unwalled=True))
    assert (open_house.run(body).answer or {})["summary"] == "True"
    assert (House(tmp_path / "walled", ProcessLauncher()).run(body).answer or {})["summary"] == "False"


SOURCE = """
import pickle, socket, time, json, helper, nonsense_library
import numpy as np
import random as dice
from datetime import datetime
from random import shuffle
from re import compile
from time import time as clock
from harness_core.sdk import PluginResult
from harness_core.adapters import store

def run(ctx):
    eval("1")
    time.time(); datetime.now(); time.monotonic()
    np.random.rand(3); np.random.default_rng(); np.random.default_rng(7); ctx.rng.random()
    clock(); shuffle([1]); dice.random(); compile("x")
"""


def test_the_source_is_read_for_what_a_reviewer_should_see(tmp_path: Path) -> None:
    """Each questionable line is named once, with its reason; what is fine is not."""
    folder, scratch = tmp_path / "plugin", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    (folder / "plugin.py").write_text(SOURCE)
    (folder / "helper.py").write_text("VALUE = 1\n")
    (folder / "broken.py").write_text("def (\n")
    message = {
        "plugin_id": "check_source", "plugin_folder": str(Path(tools.__path__[0])), "module": "check_source.py", "function": "run",
        "call": "run", "settings": {"capabilities": []}, "seed": 1, "scratch": str(scratch), "engine_memory_mb": 100, "limits": {},
        "upstream": {}, "plan": [], "report": {}, "datasets": {},
        "inputs": [{"path": str(folder), "filename": "plugin", "sha256": "", "size_bytes": 0}],
    }  # fmt: skip
    request = GuestRequest(message, scratch, tmp_path / "out", tmp_path / "err", timeout_s=30, memory_mb=256)
    outcome = ProcessLauncher().run(request)
    assert outcome.answer is not None, outcome.reason
    notes = outcome.answer["metrics"]["notes"]
    assert [(note["file"], note["line"], note["kind"]) for note in notes] == [
        ("broken.py", 1, "syntax"), ("plugin.py", 2, "capability"), ("plugin.py", 2, "import"), ("plugin.py", 2, "pickle"),
        ("plugin.py", 10, "import"), ("plugin.py", 13, "code"), ("plugin.py", 14, "clock"), ("plugin.py", 14, "clock"),
        ("plugin.py", 15, "chance"), ("plugin.py", 15, "chance"), ("plugin.py", 16, "chance"), ("plugin.py", 16, "chance"),
        ("plugin.py", 16, "clock"),
    ]  # fmt: skip


def test_validating_a_plugin_shows_what_to_look_at(tmp_path: Path) -> None:
    """`harness plugins validate` says it, and fails nothing over it: the wall decides, not a reader of text."""
    root = tmp_path / "plugins"
    catalog = small_catalog(
        root, analysis_eval=f"from harness_core.sdk import PluginResult\ndef run(ctx):\n    eval('1')\n    {FINE}"
    )
    (tmp_path / "scratch").mkdir()
    (verdict,) = validate_plugins(catalog, ProcessLauncher(), ["analysis_eval"], tmp_path / "scratch")
    source = next(check for check in verdict.checks if check.name == "source")
    assert (verdict.ok, source.state) == (True, "passed")
    assert source.sentence == "To look at: plugin.py:3: eval() makes code out of text, which nobody can review."
