"""Budgets that the wall holds a guest to: disk, files, threads, memory, processor time; each end has its own name, and nothing is left."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness_core.adapters.files import remove_tree
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.processes import Marks, marks_in, marks_of
from harness_core.adapters.wall.tree import ProcessTree
from harness_core.ports.launcher import GuestOutcome
from tests.fakes.guest_house import House

FINE = "return PluginResult('ok', 'fine')"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, ProcessLauncher(policy=False))
    yield made
    if made.scratch.exists():
        remove_tree(made.scratch)  # whatever failed: others' cleaners give up on folders so deep


def assert_nothing_left(house: House, outcome: GuestOutcome) -> None:
    assert outcome.pid is not None
    assert not psutil.pid_exists(outcome.pid)
    assert outcome.details["processes_left"] == []
    remove_tree(house.scratch)
    assert not house.scratch.exists()


DISK = {
    "many files": (
        "disk",
        "for n in range(1000):\n    with open(str(n), 'wb') as file: file.write(b'x' * 1_000_000)\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "a file without a name": (
        "disk",
        "files = []\nfor n in range(1000):\n    files.append(open('x', 'wb', buffering=0)); os.unlink('x')\n"
        "    files[-1].write(b'x' * 1_000_000)\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "files that are only mapped": (
        "disk",
        "import mmap\nheld = []\nfor n in range(1000):\n    with open('x', 'w+b', buffering=0) as file:\n"
        "        file.write(b'x' * 1_000_000)\n        held.append(mapped(file.fileno()))\n    os.unlink('x')\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "files of threads": (
        "disk",
        "def keep(n):\n    libc.syscall(436, 1 << 30, 1 << 30, 2)\n    files = [open(f'{n}-{m}', 'wb', buffering=0) for m in range(4)]\n"
        "    for m in range(4): os.unlink(f'{n}-{m}'); files[m].write(b'x' * 1_000_000)\n    time.sleep(60)\n"
        "for n in range(5): threading.Thread(target=keep, args=(n,)).start()\ntime.sleep(60)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "room taken ahead": (
        "disk",
        "for n in range(1000):\n    with open(str(n), 'wb') as file: os.posix_fallocate(file.fileno(), 0, 4_000_000)\n    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "a folder that cannot be listed": (
        "disk",
        "os.mkdir('closed', 0o300)\nfor n in range(1000):\n    with open(f'closed/{n}', 'wb') as file: file.write(b'x' * 1_000_000)\n"
        "    time.sleep(0.01)",
        "It wrote more than the 8,000,000 bytes it may.",
    ),
    "many small files": (
        "files",
        "for n in range(100_000): open(str(n), 'w').close()\ntime.sleep(60)",
        "It made more than the 2,000 files it may.",
    ),
    "many folders": (
        "files",
        "for n in range(100_000): os.mkdir(str(n))\ntime.sleep(60)",
        "It made more than the 2,000 files it may.",
    ),
    "deep folders": (
        "files",
        "for n in range(1500): os.mkdir('deeper'); os.chdir('deeper')\ntime.sleep(60)",
        "It nested folders deeper than they can be read.",
    ),
}
BY_C = """
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
def mapped(descriptor): return libc.mmap(None, 4096, 1, 1, descriptor, 0)
"""


@pytest.mark.parametrize("case", DISK)
def test_the_disk_is_not_the_guests(house: House, case: str) -> None:
    """Bytes, files, folders and their depth end a guest long before it would end by itself; and all of it can be removed again."""
    ending, body, reason = DISK[case]
    outcome = house.run(BY_C + body, max_scratch_bytes=1 << 40 if "folders" in case else 8_000_000, max_scratch_files=2_000)
    assert (outcome.ending, outcome.reason) == (ending, reason), house.stderr
    assert outcome.wall_s < 30
    assert_nothing_left(house, outcome)


def test_one_file_has_the_same_bound(house: House) -> None:
    """A single file cannot become larger than the whole budget: the write fails, in words."""
    outcome = house.run("with open('x', 'wb') as file:\n    while True: file.write(b'x' * 65536)", max_scratch_bytes=8_000_000)
    assert (outcome.ending, outcome.answer) == ("disk", None)
    assert (house.scratch / "x").stat().st_size <= 8_000_000
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
        "import mmap\nopen('x', 'wb').truncate(3 << 30)\nheld = mmap.mmap(os.open('x', os.O_RDWR), 3 << 30)\n"
        "for at in range(0, 3 << 30, 4096): held[at] = 1",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return [n, f(n + 1)]\nf(0)",
        "x = b'x' * (1 << 33)",
        "import numpy\nheld = numpy.ones(1 << 28)",
    ],
    ids=["bytes", "a mapped file", "recursion", "at once", "numpy"],
)
def test_memory_bombs_end_as_memory(house: House, body: str) -> None:
    """Whatever a guest fills its memory with, it ends as MEMORY, by its budget or by its own admission, and the service lives."""
    outcome = house.run(body, memory_mb=300)
    assert outcome.ending == "memory" or outcome.signal == signal.SIGSEGV  # the end of the C stack
    assert outcome.peak_rss_bytes < 600 * 1024 * 1024
    assert_nothing_left(house, outcome)


def test_shared_memory_without_a_file_is_refused(house: House) -> None:
    """It stays taken when it is no longer mapped, where nobody could count it: gigabytes behind a budget of megabytes."""
    outcome = house.run("import mmap\nmmap.mmap(-1, 4096)", memory_mb=300)
    assert outcome.ending == "sandbox"
    device = house.run("os.open('/dev/zero', os.O_RDONLY)", memory_mb=300)
    assert device.ending == "sandbox", "mapping that device is another way to such memory"


def test_locks_have_their_bound(house: House) -> None:
    """Each takes memory of the kernel that no measure of the process shows."""
    body = """
        import fcntl
        file = open('x', 'wb')
        for n in range(15_000): fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * n)
        time.sleep(60)
    """
    outcome = house.run(body)
    assert (outcome.ending, outcome.reason) == ("memory", "It held more than 10,000 locks at once.")
    assert house.run("import fcntl\nfcntl.fcntl(open('x', 'wb'), 37, bytes(32))").ending == "sandbox", "such locks name nobody"


def test_what_is_swapped_out_is_not_forgotten() -> None:
    """A guest can have its memory swapped out on purpose: the resident part alone would say that it takes nothing."""
    status = b"Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t   512 kB\nVmSwap:\t  4096 kB\nThreads:\t3\n"
    assert marks_in(status) == Marks(2048 * 1024, 4096 * 1024, 3)
    assert marks_of(os.getpid()).peak_rss_bytes > 0


def test_swapped_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is added to what is resident, where the guest is held to its budget."""
    tree = ProcessTree(os.getpid(), "no token")
    before = tree.rss_bytes()
    monkeypatch.setattr("harness_core.adapters.wall.tree.marks_of", lambda pid: Marks(0, 1 << 40, 1))
    tree.look()
    assert tree.rss_bytes() > before + (1 << 39)


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
        with tarfile.open('x.tar') as archive: archive.extractall('out', **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
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
