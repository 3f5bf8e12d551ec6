"""Guests that behave and guests that do not, as real processes: each must end as it should, and nothing of it may be left."""

import ast
import json
import os
import re
import signal
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness_core.adapters.wall import processes
from harness_core.adapters.wall.guests import PACKAGE_PARENT
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import NOTHING, offered
from harness_core.ports.launcher import GuestOutcome, Progress
from tests.fakes.guest_house import House

FINE = "return PluginResult('ok', 'fine')"
SLACK_S = 10.0  # far below the minute for which those guests would wait, far above what a busy machine adds


@pytest.fixture(scope="module")
def warm() -> Iterator[ProcessLauncher]:
    launcher = ProcessLauncher(warm=True)
    launcher.warm_up()
    assert launcher.wait_until_warm(60.0)
    yield launcher
    launcher.close()


@pytest.fixture(params=["cold", "warm"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> House:
    """Guests as fresh interpreters and as copies of a warm process: whichever it is, nobody can tell."""
    return House(tmp_path, request.getfixturevalue("warm") if request.param == "warm" else ProcessLauncher())


@pytest.fixture
def unwalled(tmp_path: Path) -> House:
    """Where the system lets a guest do what it likes: start processes, for one. What the launcher can still do then, it does."""
    return House(tmp_path, ProcessLauncher(layers=NOTHING, allow_unwalled=True, policy=False))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_all_gone(house: House, outcome: GuestOutcome, expected: int) -> None:
    pids = house.pids()
    assert len(pids) == expected
    assert [pid for pid in pids if is_running(pid)] == []
    assert outcome.details["processes_left"] == []


# --- what a guest says -------------------------------------------------------------------------------------------------------


def test_an_answer_comes_back_whole(house: House) -> None:
    """The result, its artifacts and the measurements from outside all arrive."""
    outcome = house.run(f"ctx.write_artifact('a/b.json', {{'x': 1}})\nprint('hello')\n{FINE}")
    assert (outcome.ending, outcome.reason) == ("answered", "It answered.")
    assert outcome.answer is not None
    assert outcome.answer["summary"] == "fine"
    assert list(outcome.artifacts) == [{"name": "a/b.json", "media_type": "application/json"}]
    assert (outcome.exit_code, outcome.signal, outcome.truncated) == (0, None, False)
    assert house.stdout == "hello\n"
    assert outcome.stdout_bytes == 6
    assert 0 < outcome.cpu_user_s + outcome.cpu_system_s < outcome.wall_s * 2 + 0.1
    assert outcome.pid is not None
    assert not is_running(outcome.pid)


def test_settings_and_seed_reach_the_guest(house: House) -> None:
    """What the message holds is what the plugin is handed."""
    outcome = house.run("return PluginResult('ok', f\"{ctx.settings['word']} {ctx.seed}\")", {"word": "größer"})
    assert outcome.answer is not None
    assert outcome.answer["summary"] == "größer 1"


def test_the_peak_of_memory_is_the_guests_own(house: House) -> None:
    """``ru_maxrss`` starts out with the parent's peak; a small guest of a large parent must not look large."""
    ballast = bytearray(os.urandom(1)) * (400 * 1024 * 1024)
    small = house.run(FINE)
    assert len(ballast) > 5 * small.peak_rss_bytes > 0
    large = house.run(f"held = bytearray(b'x') * (90 * 1024 * 1024)\n{FINE}")
    assert 90 * 1024 * 1024 < large.peak_rss_bytes < 200 * 1024 * 1024


def test_progress_is_passed_on_with_its_last_word(house: House) -> None:
    """People see how far it is, at most twenty times a second, and always the newest."""
    seen: list[Progress] = []
    body = f"for n in range(2000): ctx.emit({{'type': 'progress', 'done': n, 'total': 1999, 'what': 'row\\x1b[2J'}})\n{FINE}"
    outcome = house.launcher.run(house.request(body), on_progress=seen.append)
    assert outcome.ending == "answered"
    assert seen[-1] == Progress(1999.0, 1999.0, "row\\x1b[2J")
    assert len(seen) <= 2 + outcome.wall_s / 0.05


def test_log_entries_are_counted_and_bounded(house: House) -> None:
    """Warnings are all counted; a thousand entries are handed on and then one that says so; none moves a cursor or is endless."""
    seen: list[Mapping[str, Any]] = []
    body = f"""
        ctx.log('one\\x1b[31m', columns=12)
        ctx.log('two', level='loud', much='x' * 20000)
        for n in range(1500): ctx.log.warning('careful')
        {FINE}
    """
    outcome = house.launcher.run(house.request(body), on_log=seen.append)
    assert (outcome.ending, outcome.warnings, len(seen)) == ("answered", 1500, 1001)
    assert seen[-1]["message"] == "More than 1,000 entries; the rest is left out."
    assert seen[0] == {"level": "info", "message": "one\\x1b[31m", "fields": {"columns": 12}}
    assert seen[1]["level"] == "info"
    assert len(json.dumps(seen[1]["fields"])) < 100


def test_log_entries_stand_in_the_log_with_time_and_level(house: House) -> None:
    """Between what is printed, each on a line of its own; no entry can look like two, and the bound of the file holds."""
    body = f"""
        sys.stderr.write('no newline'); sys.stderr.flush(); time.sleep(0.3)
        ctx.log('read\\x1b[2J the header', columns=12, name='a"b', **{{'k\\n2026-01-01T00:00:00.000Z ERROR x': 1}})
        ctx.log.error('first line\\n2026-01-01T00:00:00.000Z ERROR forged')
        {FINE}
    """
    assert house.launcher.run(house.request(body)).ending == "answered"
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    first, entry, error, rest = house.stderr.splitlines()
    assert first == "no newline"
    assert re.fullmatch(
        rf'{time} INFO read\\x1b\[2J the header columns=12 k 2026-01-01T00:00:00.000Z ERROR x=1 name="a\\"b"', entry
    )
    assert re.fullmatch(rf"{time} ERROR first line", error)
    assert rest == "    2026-01-01T00:00:00.000Z ERROR forged"
    many = f"for n in range(900): ctx.log('x' * 3000)\n{FINE}"
    assert house.launcher.run(house.request(many, max_log_bytes=10_000)).truncated
    assert len(house.stderr) <= 10_000
    assert "were cut here" in house.stderr


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("raise KeyError('amount')", "KeyError", "'amount'"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("return 7", "BadResult", "run() returned a int, not a PluginResult or a dict"),
    ],
)
def test_whatever_a_plugin_raises_is_an_answer(house: House, body: str, error: str, message: str) -> None:
    """An exception ends as a result with its type and sentence, the traceback in the log, and exit code 0."""
    outcome = house.run(body)
    assert (outcome.ending, outcome.exit_code) == ("answered", 0)
    assert outcome.answer is not None
    assert outcome.answer["error"] == {"type": error, "message": message}
    assert ("Traceback" in house.stderr) == body.startswith("raise")


def test_a_memory_error_is_the_ending_memory(house: House) -> None:
    """A plugin that ran out of memory politely has run out of memory."""
    outcome = house.run("raise MemoryError")
    assert (outcome.ending, outcome.answer) == ("memory", None)
    assert outcome.reason == "It ran out of memory and said so."


def test_a_large_request_and_a_large_answer_pass(house: House) -> None:
    """Neither pipe's 64 KB stop what is larger, and printing meanwhile does not either."""
    body = "sys.stdout.write('x' * 300_000)\nreturn PluginResult('ok', ctx.settings['text'])"
    outcome = house.run(body, {"text": "abcde" * 1_000_000})
    assert outcome.ending == "answered"
    assert outcome.answer is not None
    assert len(outcome.answer["summary"]) == 5_000_000
    assert outcome.stdout_bytes == 300_000


# --- endings that are no answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "exit_code", "number", "how"),
    [
        ("os._exit(0)", 0, None, "It ended with exit code 0"),
        ("os._exit(3)", 3, None, "It ended with exit code 3"),
        ("ctypes.string_at(0)", None, 11, "It was ended by signal SIGSEGV (it touched memory that is not its own)"),
        ("os.abort()", None, 6, "It was ended by signal SIGABRT (a library in it gave up)"),
        ("os.kill(os.getpid(), 9)", None, 9,
         "It was ended by signal SIGKILL (something outside killed it, often the system when memory runs out)"),
        ("os.kill(os.getpid(), signal.SIGUSR1)", None, 10, "It was ended by signal SIGUSR1"),
        ("os.kill(os.getpid(), 40)", None, 40, "It was ended by signal 40"),
    ],
)  # fmt: skip
def test_a_crash_is_said_plainly(house: House, body: str, exit_code: int | None, number: int | None, how: str) -> None:
    """Each way to end without a result has its sentence, exit code or signal; what was printed before is kept."""
    outcome = house.run(f"print('so far')\n{body}")
    assert (outcome.ending, outcome.exit_code, outcome.signal) == ("crashed", exit_code, number)
    assert outcome.reason == f"{how} before it gave a result."
    assert outcome.answer is None
    assert house.stdout == "so far\n"
    assert number != signal.SIGSEGV or "Segmentation fault" in house.stderr


@pytest.mark.parametrize("body", ["while True: pass", "while True: time.sleep(60)"])
def test_time_runs_out(house: House, body: str) -> None:
    """A guest that computes or waits too long is asked to end, and does, well before it would be killed."""
    outcome = house.run(body, timeout_s=0.4, kill_grace_s=5.0)
    assert (outcome.ending, outcome.signal) == ("timeout", signal.SIGTERM)
    assert outcome.reason == "It ran longer than the 0.4 seconds it may take."
    assert 0.4 <= outcome.wall_s < 0.4 + SLACK_S


def test_one_that_ignores_the_request_to_end_is_killed(house: House) -> None:
    """After the grace comes SIGKILL: limit to end takes the grace and a little."""
    outcome = house.run(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)", timeout_s=0.4, kill_grace_s=0.3
    )
    assert (outcome.ending, outcome.signal) == ("timeout", signal.SIGKILL)
    assert 0.7 <= outcome.wall_s < 0.7 + SLACK_S


def test_one_that_stops_itself_is_killed(house: House) -> None:
    """SIGSTOP is no way to outlast a limit."""
    outcome = house.run("os.kill(os.getpid(), signal.SIGSTOP)", timeout_s=0.3, kill_grace_s=0.1)
    assert (outcome.ending, outcome.signal) == ("timeout", signal.SIGKILL)


HOG = "import os\nheld = []\nwhile True: held.append(os.urandom(4) * 1_000_000)"


def test_memory_runs_out(house: House) -> None:
    """A guest that takes more than its budget is killed at once, not politely."""
    outcome = house.run(f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{HOG}", memory_mb=200, kill_grace_s=60.0)
    assert (outcome.ending, outcome.signal) == ("memory", signal.SIGKILL)
    assert outcome.reason == "It took more than the 200 MB of memory it may use."
    assert outcome.wall_s < 30
    assert outcome.peak_rss_bytes > 200 * 1024 * 1024


def test_memory_of_a_child_counts(unwalled: House) -> None:
    """The budget is the whole tree's: what a child of the guest takes is the guest's."""
    body = f"child = subprocess.Popen([sys.executable, '-c', {HOG!r}])\nopen('child.pid', 'w').write(str(child.pid))\nchild.wait()"
    outcome = unwalled.run(body, memory_mb=200)
    assert outcome.ending == "memory"
    assert_all_gone(unwalled, outcome, 1)


@pytest.mark.parametrize("body", ["while True: pass", "subprocess.run([sys.executable, '-c', 'while True: pass'])"])
def test_processor_time_runs_out(unwalled: House, body: str) -> None:
    """Processor time of the guest and of its children has its own limit."""
    outcome = unwalled.run(body, cpu_s=0.4)
    assert outcome.ending == "cpu"
    assert outcome.reason == "It used more than the 0.4 seconds of processor time it may use."
    assert outcome.cpu_user_s + outcome.cpu_system_s > 0.4


def test_a_flood_of_output_ends_it(house: House) -> None:
    """Output beyond its budget ends a guest; of what it printed, head and tail are kept."""
    outcome = house.run("while True: print('y' * 10_000)", max_output_bytes=2_000_000, max_log_bytes=10_000)
    assert (outcome.ending, outcome.truncated) == ("output", True)
    assert outcome.reason == "It printed more than 2,000,000 bytes."
    assert len(house.stdout.encode()) <= 10_000


def test_a_result_beyond_its_bound_is_refused(house: House) -> None:
    """A result too large is not even collected."""
    outcome = house.run("return PluginResult('ok', 'x' * 2_000_000)", max_result_bytes=1_000_000)
    assert (outcome.ending, outcome.answer) == ("result", None)
    assert "at most 1,000,000 are read" in outcome.reason


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (b"\x00\x00\x00\x05hello", "It sent what is no answer"),
        (b"\xff\xff\xff\xff", "a frame of 4,294,967,295 bytes"),
        (b'\x00\x00\x00\x12{"type":"log",""":1', "It sent what is no answer"),
        (b'\x00\x00\x00\x0f{"type":"party"}', "It sent what is no answer"),
    ],
)
def test_a_broken_frame_ends_it(house: House, written: bytes, reason: str) -> None:
    """Bytes that are no frame end the guest, though it would go on."""
    outcome = house.run(f"os.write(int(sys.argv[2]), {written!r})\ntime.sleep(60)")
    assert (outcome.ending, outcome.answer) == ("broken", None)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('{"type":"party"}', "an unknown type"),
        ('{"type":"progress","done":NaN,"total":1}', "NaN is not a JSON number"),
        ('{"type":"progress","done":true,"total":1}', "a progress frame without its numbers"),
        ('{"type":"progress","done":1' + "0" * 310 + ',"total":1}', "beyond the range of a double"),
        ('{"type":"log","level":"info","message":7}', "a log frame without"),
        ('{"type":"result","result":[],"artifacts":[],"rows_read":0}', "a result that is no object"),
        ('{"type":"result","result":{},"artifacts":[1],"rows_read":0}', "no list of objects"),
        ('{"type":"result","result":{},"artifacts":[],"rows_read":-1}', "no count"),
        ('{"type":"result","result":{"a":1,"a":2},"artifacts":[],"rows_read":0}', "stands twice"),
        ("[1]", "no object with a type"),
    ],
)
def test_a_frame_of_the_wrong_shape_ends_it(house: House, frame: str, reason: str) -> None:
    """A frame may be well-formed JSON and still be none of ours."""
    outcome = house.run(
        f"data = {frame!r}.encode()\nos.write(int(sys.argv[2]), len(data).to_bytes(4, 'big') + data)\ntime.sleep(60)"
    )
    assert outcome.ending == "broken"
    assert reason in outcome.reason


def test_a_second_result_is_refused(unwalled: House) -> None:
    """A fork that returns would answer too; whose answer counts cannot be known."""
    outcome = unwalled.run(f"if os.fork(): os.wait()\n{FINE}")
    assert outcome.ending == "broken"
    assert "a second result" in outcome.reason


def test_one_that_answered_and_stays_is_stopped_and_has_answered(house: House) -> None:
    """A plugin that closes its own descriptors late, or hangs after its answer, loses neither the answer nor our time."""
    body = "ctx.emit({'type': 'result', 'result': {'summary': 'early'}, 'rows_read': 3, 'artifacts': []})\ntime.sleep(60)"
    outcome = house.run(body, kill_grace_s=0.2)
    assert (outcome.ending, outcome.answer, outcome.rows_read) == ("answered", {"summary": "early"}, 3)
    assert outcome.reason == "It answered, but did not end by itself and was stopped."
    assert outcome.wall_s < SLACK_S


def test_one_that_crashes_after_its_answer_has_answered(house: House) -> None:
    """Libraries that fall over on their way out do not take a finished result with them."""
    body = "ctx.emit({'type': 'result', 'result': {}, 'rows_read': 0, 'artifacts': []})\nos.abort()"
    outcome = house.run(body)
    assert (outcome.ending, outcome.signal) == ("answered", signal.SIGABRT)
    assert outcome.reason == "It answered. It was ended by signal SIGABRT (a library in it gave up) after that."


def test_cancelling_stops_it_with_the_sentence_given(house: House) -> None:
    """A cancellation is noticed several times a second, and its words are kept."""
    ready = house.scratch / "ready"
    asked = 0

    def cancelled() -> str | None:
        nonlocal asked
        asked += 1
        return "The run was cancelled." if ready.exists() else None

    started = time.monotonic()
    outcome = house.launcher.run(house.request("time.sleep(0.5)\nopen('ready', 'w').close()\ntime.sleep(60)"), cancelled=cancelled)
    assert (outcome.ending, outcome.reason, outcome.signal) == ("cancelled", "The run was cancelled.", signal.SIGTERM)
    assert asked >= 4
    assert time.monotonic() - started < 0.5 + 4 * SLACK_S


def test_a_callback_that_fails_leaves_no_guest(house: House) -> None:
    """What a callback raises is raised, after the guest is gone."""

    def on_log(entry: Mapping[str, Any]) -> None:
        raise RuntimeError("no room for the log")

    with pytest.raises(RuntimeError, match="no room for the log"):
        house.launcher.run(house.request(f"{SIGN_IN.format('me')}\nctx.log('x')\ntime.sleep(60)"), on_log=on_log)
    assert [pid for pid in house.pids() if is_running(pid)] == []
    assert len(house.pids()) == 1


# --- processes that a guest starts ----------------------------------------------------------------------------------------------

SIGN_IN = "open('{0}~', 'w').write(str(os.getpid())); os.rename('{0}~', '{0}.pid')"
CHILD = f"import os, sys, time; {SIGN_IN.format('child')}; print('up', flush=True); time.sleep(60)"


def test_twenty_children_are_gone_with_their_guest(unwalled: House) -> None:
    """Children in sessions of their own, deaf to SIGTERM, do not outlast the guest; the end takes the grace and a little."""
    body = """
        for n in range(20):
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if n % 2: os.setsid()
                SIGN_IN
                time.sleep(60)
        time.sleep(60)
    """.replace("SIGN_IN", SIGN_IN.replace("'{0}", "f'{n}"))
    all_here_at: list[float] = []

    def cancelled() -> str | None:
        if len(unwalled.pids()) < 20:
            return None
        all_here_at.append(time.monotonic())
        return "Enough."

    outcome = unwalled.launcher.run(unwalled.request(body, kill_grace_s=0.2, memory_mb=2048), cancelled=cancelled)
    assert time.monotonic() - all_here_at[0] < 0.2 + SLACK_S
    assert outcome.ending == "cancelled"
    assert_all_gone(unwalled, outcome, 20)


DAEMON = f"""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            {SIGN_IN.format("daemon")}
            os.write(write, b'x')
            time.sleep(60)
        os._exit(0)
    os.wait()
    os.read(read, 1)
"""


@pytest.mark.parametrize("end", [FINE, "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(60)"])
def test_a_daemon_does_not_outlive_its_guest(unwalled: House, end: str) -> None:
    """Forked twice, in a session of its own, and whichever way its guest ends: it is gone afterwards."""
    request = unwalled.request(textwrap.dedent(DAEMON) + end, kill_grace_s=0.1)
    outcome = unwalled.launcher.run(request, cancelled=lambda: "Enough." if unwalled.pids() else None)
    assert_all_gone(unwalled, outcome, 1)


HOPPER = f"""
import os, time
until = time.monotonic() + 8
while time.monotonic() < until:
    {SIGN_IN.format("latest")}
    if os.fork(): os._exit(0)
"""


@pytest.mark.parametrize(
    ("environment", "end", "reason"),
    [
        ("os.environ", "os._exit(1)", "It ended with exit code 1 before it gave a result."),
        ("{}", FINE, "It answered."),
        ("{}", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)", "It had more than 256 processes at once."),
    ],
)
def test_one_that_forks_faster_than_it_can_be_looked_at(unwalled: House, environment: str, end: str, reason: str) -> None:
    """A process that keeps leaving itself behind is caught, even one without its environment; a crowd has its bound."""
    body = f"""
if os.fork() == 0:
    os.setsid()
    os.execve(sys.executable, [sys.executable, '-S', '-c', {HOPPER!r}], {environment})
while not os.path.exists('latest.pid'): pass
"""
    outcome = unwalled.run(body + end, kill_grace_s=0.1)
    last_word = (unwalled.scratch / "latest.pid").stat().st_mtime_ns
    assert outcome.reason == reason
    assert not _eventually(lambda: (unwalled.scratch / "latest.pid").stat().st_mtime_ns > last_word, within_s=0.1)


def test_one_that_keeps_forking_is_ended_in_time(unwalled: House) -> None:
    """A guest that starts processes while it is being ended does not put its end off."""
    enough = unwalled.scratch / "20.pid"
    seen_at: list[float] = []

    def cancelled() -> str | None:
        if enough.exists():
            seen_at.append(time.monotonic())
        return "Enough." if seen_at else None

    body = f"""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for n in range(3000):
            if os.fork() == 0:
                os.setsid()
                {SIGN_IN.replace("'{0}", "f'{n}")}
                time.sleep(60)
        time.sleep(60)
    """
    outcome = unwalled.launcher.run(unwalled.request(body, kill_grace_s=0.0, memory_mb=32_768), cancelled=cancelled)
    assert time.monotonic() - seen_at[0] < SLACK_S
    assert outcome.ending in {"cancelled", "memory"}
    assert [pid for pid in unwalled.pids() if is_running(pid)] == []


@pytest.mark.parametrize("shows_children", [True, False])
def test_a_daemon_without_its_environment_is_found_below_its_guest(
    unwalled: House, monkeypatch: pytest.MonkeyPatch, shows_children: bool
) -> None:
    """The guest adopts what is orphaned below it, so a process that shed its environment is still seen while the guest lives."""
    monkeypatch.setattr(processes, "SHOWS_CHILDREN", shows_children)
    body = f"""
        command = [sys.executable, '-S', '-c', {CHILD!r}]
        read, write = os.pipe()
        if os.fork() == 0:
            subprocess.Popen(command, env={{}}, start_new_session=True, stdout=write)
            os._exit(0)
        os.wait()
        os.read(read, 1)
        {FINE}
    """
    outcome = unwalled.run(body)
    assert outcome.ending == "answered"
    assert_all_gone(unwalled, outcome, 1)


def test_a_child_left_behind_does_not_cost_the_guest_its_good_end(unwalled: House) -> None:
    """What still runs in the guest's own group goes before the guest is let go, and the guest ends by itself."""
    outcome = unwalled.run(
        f"subprocess.Popen([sys.executable, '-S', '-c', {CHILD!r}], stdout=subprocess.PIPE).stdout.readline()\n{FINE}"
    )
    assert (outcome.ending, outcome.reason, outcome.exit_code) == ("answered", "It answered.", 0)
    assert_all_gone(unwalled, outcome, 1)


def test_a_guest_dies_with_the_process_that_started_it(house: House, tmp_path: Path) -> None:
    """When the service is killed, no guest goes on alone."""
    request = house.request(f"{SIGN_IN.format('guest')}\ntime.sleep(60)")
    service = os.fork()
    if service == 0:
        house.launcher.run(request)
        os._exit(1)
    try:
        guest = _pid_from(house.scratch / "guest.pid")
    finally:
        os.kill(service, signal.SIGKILL)
        os.waitpid(service, 0)
    assert _eventually(lambda: not is_running(guest))


def _pid_from(path: Path) -> int:
    assert _eventually(path.exists)
    return int(path.read_text())


def _eventually(fact: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


# --- what surrounds a guest -------------------------------------------------------------------------------------------------------


def test_the_environment_holds_nothing_of_ours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, token or path of the service reaches a guest; what it needs is there."""
    monkeypatch.setenv("HARNESS_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "secret")
    outcome = house.run("import json\nprint(json.dumps(dict(os.environ)))\n" + FINE, memory_mb=400)
    seen = json.loads(house.stdout)
    assert outcome.ending == "answered"
    assert "secret" not in seen.values()
    assert seen.pop("GUEST_TOKEN") != ""
    assert seen == {
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(house.scratch),
        "TMPDIR": str(house.scratch), "PYTHONPATH": str(PACKAGE_PARENT), "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system",
        "JE_ARROW_MALLOC_CONF": "background_thread:false", "SLURM_CPUS_ON_NODE": "1", "SLURM_MEM_PER_NODE": "300M",
    }  # fmt: skip


def test_a_plugins_own_duckdb_takes_sane_limits(house: House) -> None:
    """A bare ``duckdb.connect()`` stays within the guest's memory and one thread, not the machine's."""
    body = """
        import duckdb
        query = "SELECT current_setting('memory_limit'), current_setting('threads')"
        return PluginResult('ok', ' '.join(map(str, duckdb.connect().execute(query).fetchone())))
    """
    outcome = house.run(body, memory_mb=1000)
    assert outcome.answer is not None
    size, unit, threads = outcome.answer["summary"].split()
    assert (unit, threads) == ("MiB", "1")
    assert 400 < float(size) < 700


def test_nothing_of_ours_is_open_in_a_guest(house: House) -> None:
    """Its own session and folder, an empty standard input, and only the descriptors it needs."""
    body = f"""
        def is_open(number):
            try:
                return bool(os.fstat(number))
            except OSError:
                return False
        numbers = [number for number in range(256) if is_open(number)]
        open('facts', 'w').write(repr((sys.stdin.read(), os.getcwd(), os.getsid(0) == os.getpid(), numbers)))
        {FINE}
    """
    read_fd, write_fd = os.pipe()
    own_input = os.dup(0)
    os.write(write_fd, b"not for a guest")
    os.dup2(read_fd, 0)
    os.set_inheritable(write_fd, True)
    try:
        outcome = house.run(body, timeout_s=5.0)
    finally:
        os.dup2(own_input, 0)
        for descriptor in (own_input, read_fd, write_fd):
            os.close(descriptor)
    assert outcome.ending == "answered"
    text, folder, leads_session, descriptors = ast.literal_eval((house.scratch / "facts").read_text())
    assert (text, folder, leads_session) == ("", str(house.scratch), True)
    assert len(descriptors) == 5  # 0, 1, 2, the request's and the answer's


def test_a_guest_that_closes_everything_is_a_crash(house: House) -> None:
    """One that closes its descriptors cannot answer, and is not waited for."""
    outcome = house.run(f"os.closerange(3, 64)\n{FINE}")
    assert (outcome.ending, outcome.exit_code) == ("crashed", 1)


# --- logs -----------------------------------------------------------------------------------------------------------------------


def test_logs_cannot_fake_a_terminal(house: House) -> None:
    """Escape sequences, carriage returns, C1 controls, changes of direction and bytes that are no UTF-8 stand there as text."""
    written = "red \x1b[31m\r\x07\x9b2J\u202eabc\ttab\n größer ✓\n".encode() + b"\xff\xfe end\n\xc3"
    outcome = house.run(f"os.write(1, {written!r})\n{FINE}")
    assert house.stdout == "red \\x1b[31m\\x0d\\x07\\x9b2J\\u202eabc\ttab\n größer ✓\n\\xff\\xfe end\n\\xc3"
    assert outcome.stdout_bytes == len(written)


def test_a_long_log_keeps_its_head_and_its_tail(house: House) -> None:
    """The middle goes, a line says how much, and no character is cut in half."""
    outcome = house.run(f"print('first'); print('✓' * 30_000); print('last')\n{FINE}", max_log_bytes=10_001)
    kept = (house.folder / "stdout.log").read_bytes()
    before, _, rest = kept.decode().partition("\n[... ")
    count, _, after = rest.partition(" bytes of output were cut here ...]\n")
    assert outcome.truncated
    assert before.startswith("first\n✓")
    assert after.endswith("✓\nlast\n")
    assert 9_000 < len(kept) <= 10_001
    assert len(before.encode()) + int(count.replace(",", "")) + len(after.encode()) == outcome.stdout_bytes


def test_standard_error_is_kept_apart(house: House) -> None:
    """Both streams have their own file and count."""
    outcome = house.run(f"print('out'); print('wrong', file=sys.stderr)\n{FINE}")
    assert (house.stdout, house.stderr, outcome.stdout_bytes, outcome.stderr_bytes) == ("out\n", "wrong\n", 4, 6)


def test_what_was_printed_before_a_crash_is_read_to_the_end(unwalled: House) -> None:
    """However much still stands in the pipe when the process is gone; escapes take their time to write."""
    body = "import fcntl\nfcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)\nos.write(1, b'\\x1b' * 1_000_000)\nos._exit(2)"
    outcome = unwalled.run(body, max_log_bytes=8_100_000)
    assert (outcome.ending, outcome.stdout_bytes, len(unwalled.stdout)) == ("crashed", 1_000_000, 4_000_000)


def test_what_a_plugin_buffers_by_itself_is_printed(house: House) -> None:
    """A guest ends without taking itself apart, and still says all it had to say."""
    house.run(f"sys.stdout = open(1, 'w', closefd=False)\nprint('late')\n{FINE}")
    assert house.stdout == "late\n"


# --- many at once, and nothing left -----------------------------------------------------------------------------------------------


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No descriptor, thread, or child, zombies included, more than before."""
    before = _open_descriptors(), threading.active_count(), len(psutil.Process().children())
    yield
    assert (_open_descriptors(), threading.active_count(), len(psutil.Process().children())) == before


@pytest.mark.usefixtures("nothing_left")
def test_fifty_runs_from_four_threads(tmp_path: Path) -> None:
    """One launcher serves several threads at once; answers are not mixed up, and nothing is left behind."""
    launcher = ProcessLauncher()
    bodies = ["return PluginResult('ok', ctx.settings['n'])", "print(ctx.settings['n'], flush=True); os._exit(4)"]

    def one(n: int) -> tuple[str, str]:
        house = House(tmp_path / str(n), launcher)
        outcome = house.run(bodies[n % 2], {"n": str(n)})
        return outcome.ending, str(outcome.answer["summary"]) if outcome.answer else house.stdout.strip()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(50)))
    assert answers == [(("answered", "crashed")[n % 2], str(n)) for n in range(50)]


@pytest.mark.usefixtures("nothing_left")
def test_every_bad_end_leaves_nothing(house: House) -> None:
    """Timeouts, crashes and broken frames leave as little as answers do."""
    for body in ("time.sleep(60)", "os._exit(1)", "os.write(int(sys.argv[2]), b'\\xff' * 9)\ntime.sleep(60)"):
        assert house.run(body, timeout_s=0.2).ending in {"timeout", "crashed", "broken"}


def test_one_that_cannot_be_started_raises(tmp_path: Path) -> None:
    """A missing interpreter is our fault, not the guest's; and it leaves no pipe open."""
    house = House(tmp_path, ProcessLauncher("/nonexistent/python"))
    request = house.request(FINE)
    before = _open_descriptors()
    with pytest.raises(FileNotFoundError):
        house.launcher.run(request)
    assert _open_descriptors() == before


def test_the_end_is_noticed_without_process_descriptors(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no pidfd, polling notices the end."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert house.run(FINE).ending == "answered"
    assert house.run("time.sleep(60)", timeout_s=0.3).ending == "timeout"


def test_the_level_is_honest(house: House, unwalled: House) -> None:
    """Each outcome carries the level that its own process stood behind; level C says what a guest can still do."""
    assert house.run(FINE).wall_level == house.launcher.level.level
    assert (house.launcher.level.layers.landlock_abi, house.launcher.level.layers.seccomp) == (
        offered().landlock_abi,
        offered().seccomp,
    )
    assert unwalled.run(FINE).wall_level == unwalled.launcher.level.level == "C"
    names = [residual.name for residual in unwalled.launcher.level.residuals]
    assert {"files", "network", "processes", "other_processes"} <= set(names)
    assert len(names) == len(set(names))
    assert json.loads(json.dumps(unwalled.launcher.level.as_dict()))["residuals"][0].keys() == {"name", "sentence"}
