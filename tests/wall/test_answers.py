"""What a guest hands back is hostile until it is proven otherwise: each trick ends as a refusal with a reason, never as an exception."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from harness_core.adapters.files import remove_tree
from harness_core.adapters.store import checked_file
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import NOTHING
from harness_core.ports.store import RefusedFile
from harness_core.sdk.canonical import NotCanonical, canonical_bytes, strict_loads
from tests.fakes.guest_house import House

NESTED = 100_000

HOSTILE = {
    "not a number": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "a float beyond range": '{"a": 1e999}',
    "a float far below range, in a list": '{"a": [1, [2, -1e400]]}',
    "an integer of many digits": f'{{"a": {"9" * 5000}}}',
    "an integer just above the bound": f'{{"a": 1{"0" * 400}}}',
    "a negative integer of many digits": f'{{"a": -{"9" * 4000}}}',
    "a duplicate key": '{"a": 1, "a": 2}',
    "a duplicate key deep down": '{"a": [{"b": {"c": 1, "c": 1}}]}',
    "the same key by an escape": '{"a": 1, "\\u0061": 2}',
    "deep lists": "[" * NESTED + "]" * NESTED,
    "deep objects": '{"a":' * NESTED + "1" + "}" * NESTED,
    "lists just too deep": "[" * 66 + "]" * 66,
    "half a character": '{"a": "\\ud800"}',
    "half a character as a key": '{"\\udfff": 1}',
    "half a character as bytes": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "something after the end": '{"a": 1} {"b": 2}',
    "a trailing comma": '{"a": 1,}',
    "single quotes": "{'a': 1}",
    "a raw control character": '{"a": "\x00"}',
    "a raw newline in a text": '{"a": "x\ny"}',
    "a comment": '{"a": 1 /* one */}',
    "a hexadecimal number": '{"a": 0x10}',
    "a leading zero": '{"a": 012}',
    "a plus sign": '{"a": +1}',
    "nothing": "",
    "spaces": "   ",
    "half an object": '{"a": ',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_strange_json_is_refused(name: str) -> None:
    """Whatever could surprise a reader, or be read in two ways, is no answer."""
    text = HOSTILE[name]
    with pytest.raises(NotCanonical):
        strict_loads(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "value",
    [{"a": 5e-324, "b": 1.7976931348623157e308, "c": 10**399, "d": "\U0001f600 é \\ud800", "e": [[[]]] * 3, "": None, "nul": "\0"}],
)
def test_unusual_json_is_read(value: object) -> None:
    """What is merely unusual passes unchanged: the smallest and largest numbers, all characters, empty names."""
    assert strict_loads(canonical_bytes(value)) == value


def test_many_small_things_do_not_fill_the_service(tmp_path: Path) -> None:
    """Eight megabytes of empty objects are a result within the bound; reading it takes a bounded amount of memory."""
    data = b"[" + b",".join([b"{}"] * 100_000) + b"]"
    tracemalloc.start()
    strict_loads(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * len(data)


RAW = "import json\nos.write(int(sys.argv[2]), len({0!r}).to_bytes(4, 'big') + {0!r})\ntime.sleep(60)"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"result","result":{"x":1e999},"artifacts":[],"rows_read":0}',
        b'{"type":"result","result":{"x":NaN},"artifacts":[],"rows_read":0}',
        b'{"type":"result","result":{"x":"\\ud800"},"artifacts":[],"rows_read":0}',
        b'{"type":"result","result":{},"artifacts":[],"rows_read":' + b"9" * 500 + b"}",
        b'{"type":"result","result":' + b"[" * 5000 + b"]" * 5000 + b',"artifacts":[],"rows_read":0}',
        b'{"type":"result","result":{},"artifacts":[],"rows_read":0,"rows_read":1}',
        b'{"type":"policy","kind":1,"what":"x","why":"y"}',
        b'{"type":"wall","landlock_abi":7,"seccomp":true,"namespaces":[],"no_new_code":true}',
        b'{"type":["result"]}',
        b'{"type":"dataset","role":"data"}',
        b'{"type":"dataset","role":"d","input_sha256":"x","columns":[1],"row_count":1,"reading":{},"repairs":[]}',
        b'{"type":"dataset","role":"d","input_sha256":"x","columns":[],"row_count":' + b"9" * 30 + b',"reading":{},"repairs":[]}',
        b'{"type":"dataset","role":"d","input_sha256":"x","columns":[],"row_count":true,"reading":{},"repairs":[]}',
        b"null",
    ],
)
def test_a_hostile_frame_ends_the_guest(tmp_path: Path, frame: bytes) -> None:
    """Through the pipe, from a real guest: broken, with a sentence that can be printed, and no answer taken."""
    outcome = House(tmp_path, ProcessLauncher()).run(RAW.format(frame))
    assert (outcome.ending, outcome.answer) == ("broken", None)
    assert outcome.reason.isprintable()


def test_words_of_a_guest_cannot_move_a_cursor(tmp_path: Path) -> None:
    """Whatever a plugin puts into its exception is escaped before it becomes the reason of an audit row."""
    outcome = House(tmp_path, ProcessLauncher()).run("raise PermissionError('\\x1b[2J\\r\\u202efine')")
    assert outcome.ending == "sandbox"
    assert outcome.reason.isprintable()


NAMES = [
    "../secret", "a/../../secret", "/etc/passwd", "", ".", "..", "a//b", "./a", "a/", "a/.", "nul\0byte", "a\0/../b", 7, None, [], {},
    "link", "folder-link/file", "folder", "pipe", "hard", "missing", "file/below", "x" * 5000, "sparse",
    "red\x1b[31m", "two\nlines", "turned\u202e",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:30])
def test_a_declared_file_must_be_plain(tmp_path: Path, name: object) -> None:
    """Paths that lead out, links, folders, pipes, second names, sparse giants and what is not there at all: refused, none is opened."""
    folder = tmp_path / "artifacts"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "file").write_text("plain")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder-link").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    os.link(tmp_path / "secret", folder / "hard")
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RefusedFile) as refused:
        checked_file(folder, name, 1 << 31)
    assert len(str(refused.value)) < 6000
    assert checked_file(folder, "file", 1 << 31).read_text() == "plain"


UNWALLED_TRICKS = {
    "link": "os.symlink('/etc/hostname', ctx.write_artifact('x'))",
    "pipe": "os.mkfifo(ctx.write_artifact('x'))",
    "second name": "open('own', 'w').close(); os.link('own', ctx.write_artifact('x'))",
}


@pytest.mark.parametrize("case", UNWALLED_TRICKS)
def test_tricks_with_files_are_seen_without_the_wall_too(tmp_path: Path, case: str) -> None:
    """At level C a guest can make such files; they are still not taken."""
    house = House(tmp_path, ProcessLauncher(layers=NOTHING, allow_unwalled=True, policy=False))
    outcome = house.run(f"{UNWALLED_TRICKS[case]}\nreturn PluginResult('ok', 'made')")
    assert outcome.ending == "answered"
    assert [entry["name"] for entry in outcome.artifacts] == ["x"]
    with pytest.raises(RefusedFile):
        checked_file(house.scratch / "artifacts", "x", 1 << 31)


@pytest.mark.parametrize("depth", [10, 900, 2000])
def test_whatever_a_guest_nested_is_removed(tmp_path: Path, depth: int) -> None:
    """Folders deeper than paths and stacks reach, without permissions, full of links: gone, and nothing else with them."""
    (tmp_path / "kept").write_text("kept")
    root = tmp_path / "scratch"
    root.mkdir()
    here = Path.cwd()
    os.chdir(root)
    try:
        for _ in range(depth):
            Path("d").mkdir(mode=0o700)
            Path("f").write_text("x")
            Path("l").symlink_to(tmp_path / "kept")
            os.chdir("d")
        Path("closed").mkdir(mode=0o000)
    finally:
        os.chdir(here)
    remove_tree(root)
    assert not root.exists()
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_result_full_of_words_is_kept_as_it_is(tmp_path: Path) -> None:
    """Nothing honest is lost on the way: every character that JSON has comes back."""
    text = "".join(map(chr, [*range(1, 0xD800, 97), 0x1F600, 0x10FFFF]))
    outcome = House(tmp_path, ProcessLauncher()).run("return PluginResult('ok', ctx.settings['text'])", {"text": text})
    assert outcome.answer is not None
    assert json.loads(json.dumps(outcome.answer["summary"])) == text
