"""The policy in words: honest mistakes end with a sentence, the audit row names them, and honest code is left alone."""

from pathlib import Path

import pytest

from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import NOTHING
from tests.fakes.guest_house import House

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
