"""Budgets that the wall holds a guest to: disk, files, threads, memory, processor time; each end has its own name, and nothing is left."""

import signal
from pathlib import Path

import psutil
import pytest

from harness_core.adapters.files import remove_tree
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.ports.launcher import GuestOutcome
from tests.fakes.guest_house import House

FINE = "return PluginResult('ok', 'fine')"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, ProcessLauncher(policy=False))


def assert_nothing_left(house: House, outcome: GuestOutcome) -> None:
    assert outcome.pid is not None
    assert not psutil.pid_exists(outcome.pid)
    assert outcome.details["processes_left"] == []
    remove_tree(house.scratch)
    assert not house.scratch.exists()


DISK = {
    "one file": ("with open('x', 'wb') as file:\n    while True: file.write(b'x' * 65536)", "It was ended"),
    "many files": (
        "for n in range(1000):\n    with open(str(n), 'wb') as file: file.write(b'x' * 1_000_000)\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "a file without a name": (
        "files = []\nfor n in range(1000):\n    files.append(open('x', 'wb', buffering=0)); os.unlink('x')\n"
        "    files[-1].write(b'x' * 1_000_000)\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "many small files": (
        "for n in range(100_000): open(str(n), 'w').close()\ntime.sleep(60)",
        "It made more than the 2,000 files it may.",
    ),
    "many folders": ("for n in range(100_000): os.mkdir(str(n))\ntime.sleep(60)", "It made more than the 2,000 files it may."),
    "deep folders": (
        "for n in range(1500): os.mkdir('deeper'); os.chdir('deeper')\ntime.sleep(60)",
        "It nested folders deeper than they can be read.",
    ),
}


@pytest.mark.parametrize("case", [name for name in DISK if name != "one file"])
def test_the_disk_is_not_the_guests(house: House, case: str) -> None:
    """Bytes, files, folders and their depth end a guest within a second; and all of it can be removed again."""
    body, reason = DISK[case]
    outcome = house.run(body, max_scratch_bytes=80_000_000 if "folders" in case else 8_000_000, max_scratch_files=2_000)
    assert (outcome.ending, outcome.reason) == ("disk", reason)
    assert_nothing_left(house, outcome)


def test_one_file_has_the_same_bound(house: House) -> None:
    """A single file cannot become larger than the whole budget: the write fails, in words."""
    outcome = house.run(DISK["one file"][0], max_scratch_bytes=8_000_000)
    assert outcome.ending == "answered" or outcome.ending == "disk"
    assert (house.scratch / "x").stat().st_size <= 8_000_000
    assert outcome.answer is None or outcome.answer["error"]["type"] == "OSError"
    assert_nothing_left(house, outcome)


def test_threads_have_their_bound(house: House) -> None:
    """A bomb of small threads is no way around the memory budget."""
    body = """
        threading.stack_size(32_768)
        wait = threading.Event()
        for n in range(5000): threading.Thread(target=wait.wait, daemon=True).start()
        time.sleep(60)
    """
    outcome = house.run(body, memory_mb=2048, timeout_s=30.0)
    assert outcome.ending in {"memory", "answered"}
    assert outcome.answer is None or "can't start new thread" in outcome.answer["error"]["message"]
    assert_nothing_left(house, outcome)


@pytest.mark.parametrize(
    "body",
    [
        "held = []\nwhile True: held.append(bytearray(os.urandom(1)) * 8_000_000)",
        "import mmap\nheld = mmap.mmap(-1, 3 << 30)\nfor at in range(0, 3 << 30, 4096): held[at] = 1",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return [n, f(n + 1)]\nf(0)",
        "x = b'x' * (1 << 33)",
        "import numpy\nheld = numpy.ones(1 << 28)",
    ],
    ids=["bytes", "shared", "recursion", "at once", "numpy"],
)
def test_memory_bombs_end_as_memory(house: House, body: str) -> None:
    """Whatever a guest fills its memory with, it ends as MEMORY, by its budget or by its own admission, and the service lives."""
    outcome = house.run(body, memory_mb=300)
    assert outcome.ending == "memory" or outcome.signal == signal.SIGSEGV  # the end of the C stack
    assert outcome.peak_rss_bytes < 600 * 1024 * 1024
    assert_nothing_left(house, outcome)


def test_processor_time_has_a_stop_in_the_system(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should nobody look, the system itself ends a guest that computes beyond its processor time."""
    monkeypatch.setattr("harness_core.adapters.wall.watcher.Watcher._hold_to_budget", lambda self, now: _look_later(self, now))
    outcome = house.run("while True: pass", cpu_s=0.1, timeout_s=20.0)
    assert (outcome.ending, outcome.signal) == ("cpu", signal.SIGXCPU)


def _look_later(watcher: object, now: float) -> None:
    vars(watcher)["_next_look"] = now + 0.02


def test_a_forbidden_call_ends_as_sandbox(house: House) -> None:
    """A call that nothing honest makes ends the guest on the spot, and the end says so."""
    outcome = house.run("ctypes.CDLL(None).unshare(0)\n" + FINE)
    assert (outcome.ending, outcome.signal, outcome.answer) == ("sandbox", signal.SIGSYS, None)
    assert outcome.reason == "It was ended by signal SIGSYS (it asked the system for what it may not have) before it gave a result."
    assert_nothing_left(house, outcome)


def test_what_the_system_refuses_ends_as_sandbox(house: House) -> None:
    """An errno that a plugin does not handle ends it as SANDBOX, with what it was about."""
    outcome = house.run("open('/etc/passwd')")
    assert (outcome.ending, outcome.answer) == ("sandbox", None)
    assert outcome.reason == (
        "The system refused it /etc/passwd (Permission denied): a plugin reads what it is given and writes its scratch."
    )


def test_what_honest_code_does_still_works(house: House) -> None:
    """Copying with times and modes, touching, temporary files, threads, DuckDB with a spill, Arrow, pandas, sqlite, asyncio."""
    body = """
        import asyncio, pathlib, shutil, sqlite3, tarfile, tempfile, zipfile, zoneinfo, concurrent.futures
        import duckdb, numpy, pandas, pyarrow, pyarrow.parquet, scipy.stats
        made = pathlib.Path('made'); made.touch(); made.touch(); made.write_text('x'); made.chmod(0o600)
        shutil.copy2(made, 'copied'); shutil.copytree('.', '../scratch/tree', ignore=lambda *_: ['tree'])
        with tarfile.open('x.tar', 'w') as archive: archive.add('made')
        with tarfile.open('x.tar') as archive: archive.extractall('out', filter='data')
        with zipfile.ZipFile('x.zip', 'w') as archive: archive.write('made')
        with tempfile.TemporaryDirectory() as folder: pathlib.Path(folder, 'x').write_text('x')
        shutil.rmtree('tree'); os.replace('copied', 'moved')
        asyncio.run(asyncio.sleep(0.001))
        with concurrent.futures.ThreadPoolExecutor(4) as pool: assert list(pool.map(abs, [-1])) == [1]
        connection = duckdb.connect('d.duckdb', config={'memory_limit': '40MB', 'temp_directory': 'spill', 'threads': 2})
        connection.execute("CREATE TABLE t AS SELECT range AS a, hash(range) AS b FROM range(2000000)")
        assert connection.execute("SELECT count(*) FROM (SELECT * FROM t ORDER BY b)").fetchone() == (2000000,)
        pyarrow.parquet.write_table(pyarrow.table({'a': [1, 2]}), 'x.parquet')
        assert pandas.read_parquet('x.parquet')['a'].sum() == 3
        assert pandas.Timestamp('2024-07-01', tz='Europe/Vienna').utcoffset().seconds == 7200
        assert abs(scipy.stats.norm.cdf(0) - 0.5) < 1e-12
        numpy.linalg.svd(numpy.ones((50, 50)))
        sqlite3.connect('x.sqlite').execute('CREATE TABLE t (a)')
        return PluginResult('ok', 'fine')
    """
    outcome = house.run(body, memory_mb=1500, timeout_s=60.0)
    assert (outcome.ending, (outcome.answer or {}).get("summary")) == ("answered", "fine"), house.stderr
