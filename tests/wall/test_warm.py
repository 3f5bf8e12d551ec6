"""Guests as copies of a warm process: behind the same wall, with the same results, and nothing lost when that process is gone."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness_core.adapters.wall import warm
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import Layers
from harness_core.sdk.wall.system import is_subreaper
from tests.fakes.guest_house import House

FINE = "return PluginResult('ok', 'fine')"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def launcher() -> Iterator[ProcessLauncher]:
    made = ProcessLauncher(warm=True)
    made.warm_up()
    assert made.wait_until_warm(60.0)
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path, launcher: ProcessLauncher) -> House:
    return House(tmp_path, launcher)


def warm_process(launcher: ProcessLauncher) -> psutil.Process:
    """The one that this launcher's guests are copied from; others in the same process may have their own."""
    return psutil.Process(launcher._warm._process.pid)  # type: ignore[union-attr]


def eventually(fact: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


RESULT = """
    import duckdb, numpy, pyarrow.compute
    numbers = ctx.rng.normal(size=1000)
    table = pyarrow.table({'g': (numbers * 10).astype(int) % 7, 'x': numbers})
    rows = duckdb.sql('SELECT g, sum(x), quantile_cont(x, 0.3) FROM "table" GROUP BY g ORDER BY g').fetchall()
    ctx.write_artifact('rows.json', {'rows': rows, 'words': sorted({'one', 'two'}), 'hashes': [hash(n) for n in ('a', 'b')]})
    print(list({'one', 'two', 'three', 'four'}))
    return {**PluginResult('ok', str(pyarrow.compute.stddev(table['x']))).as_dict(), 'metrics': {'svd': numpy.linalg.svd(
        numbers.reshape(50, 20), compute_uv=False).tolist()}}
"""


def test_warm_and_cold_give_the_same_bytes(tmp_path: Path, launcher: ProcessLauncher) -> None:
    """Answer, artifacts and output of a guest are the same however it was started, and so is its wall."""
    houses = House(tmp_path / "cold", ProcessLauncher()), House(tmp_path / "warm", launcher), House(tmp_path / "again", launcher)
    outcomes = [house.run(RESULT) for house in houses]
    assert [outcome.details["start"] for outcome in outcomes] == ["cold", "warm", "warm"]
    assert outcomes[0].ending == "answered", houses[0].stderr
    written = Path("artifacts", "rows.json")
    for house, outcome in zip(houses[1:], outcomes[1:], strict=True):
        assert outcome.answer == outcomes[0].answer
        assert outcome.artifacts == outcomes[0].artifacts
        assert house.stdout == houses[0].stdout
        assert (house.scratch / written).read_bytes() == (houses[0].scratch / written).read_bytes()
        assert (outcome.wall_level, outcome.details["layers"]) == (outcomes[0].wall_level, outcomes[0].details["layers"])


def test_a_copy_is_like_a_fresh_process(tmp_path: Path, launcher: ProcessLauncher) -> None:
    """One thread, own session, the token where /proc shows it, limits, signals and descriptors as in a fresh interpreter."""
    body = f"""
        import resource
        def line(name):
            return next(text for text in open('/proc/self/status') if text.startswith(name)).split()[1:]
        names = ('Threads:', 'SigBlk:', 'SigIgn:', 'SigCgt:', 'NoNewPrivs:', 'Seccomp:', 'CapEff:', 'CapBnd:', 'THP_enabled:')
        limits = [resource.getrlimit(number) for number in range(16)]
        print([line(name) for name in names], limits, os.getsid(0) == os.getpid(), os.getcwd() == os.environ['HOME'],
              sys.argv[0], len(sys.argv), sys.path[1:], sys.flags, len(os.environ), sys.stdin.read() == '')
        {FINE}
    """
    houses = House(tmp_path / "cold", ProcessLauncher()), House(tmp_path / "warm", launcher)
    starts = [house.run(body).details["start"] for house in houses]
    assert starts == ["cold", "warm"]
    assert houses[0].stdout == houses[1].stdout != ""


def test_the_token_of_a_copy_is_where_it_is_looked_for(house: House) -> None:
    """What a guest leaves behind is found by the token in the environment that /proc shows; a copy has its own there."""
    ready = house.scratch / "ready"
    seen: list[bytes] = []

    def cancelled() -> str | None:
        if ready.exists():
            seen.append(Path("/proc", ready.read_text(), "environ").read_bytes())
        return "Seen." if seen else None

    body = "open('.ready', 'w').write(os.environ['GUEST_TOKEN'] and str(os.getpid()))\nos.rename('.ready', 'ready')\ntime.sleep(60)"
    outcome = house.launcher.run(house.request(body), cancelled=cancelled)
    assert (outcome.ending, outcome.details["start"]) == ("cancelled", "warm")
    variables = dict(item.partition(b"=")[::2] for item in seen[0].split(b"\0"))
    assert len(variables[b"GUEST_TOKEN"]) == 32
    assert variables[b"GUEST_TOKEN"] != warm.NO_TOKEN.encode()


def test_chance_is_not_shared(house: House) -> None:
    """Two copies do not draw the same unseeded numbers; those of the context are the same anyway."""
    body = """
        import numpy, random, uuid
        print(numpy.random.random(), random.random(), uuid.uuid4(), os.urandom(8).hex(), ctx.rng.random())
        return PluginResult('ok', 'fine')
    """
    drawn = []
    for _ in range(2):
        assert house.run(body).details["start"] == "warm"
        drawn.append(house.stdout.split())
    assert [first == second for first, second in zip(*drawn, strict=True)] == [False, False, False, False, True]


def test_a_copy_cannot_reach_the_next(house: House) -> None:
    """What one guest does to its memory and modules, the next does not see."""
    first = (
        "import numpy, duckdb\nnumpy.pi = 3\nos.environ['LEFT'] = '1'\nduckdb.sql('CREATE TABLE kept AS SELECT 1 AS a')\n" + FINE
    )
    second = "import numpy, duckdb\nreturn PluginResult('ok', f\"{numpy.pi:.2f} {'LEFT' in os.environ} {duckdb.sql('SHOW TABLES').fetchall()}\")"
    assert house.run(first).ending == "answered"
    outcome = house.run(second)
    assert outcome.details["start"] == "warm"
    assert outcome.answer is not None
    assert outcome.answer["summary"] == "3.14 False []"


def test_the_warm_process_holds_nothing(launcher: ProcessLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, a scrubbed environment, no descriptor but its socket, and no memory that copies could write together."""
    process = warm_process(launcher)
    assert process.num_threads() == 1
    folder = Path("/proc", str(process.pid))
    opened = {number.name: str(number.readlink()) for number in (folder / "fd").iterdir()}
    assert {opened.pop(number) for number in ("0", "1", "2")} == {"/dev/null"}
    assert [target.split(":")[0] for target in opened.values()] == ["socket"]
    shared = [line for line in (folder / "maps").read_text().splitlines() if line.split()[1] in {"rw-s", "rwxs", "-w-s"}]
    assert shared == []
    assert not any(name.startswith(("HARNESS", "AWS")) for name in process.environ())
    assert {"HOME": "/", "GUEST_TOKEN": warm.NO_TOKEN}.items() <= process.environ().items()


def test_killed_while_its_guest_runs(house: House) -> None:
    """A guest does not hang on the process it was copied from; the next one starts cold, and nobody fails over it."""
    running = house.scratch / "running"
    killed: list[int] = []

    def cancelled() -> str | None:
        if running.exists() and not killed:
            killed.append(warm_process(house.launcher).pid)
            os.kill(killed[0], signal.SIGKILL)
            assert eventually(lambda: not psutil.pid_exists(killed[0]))
            (house.scratch / "go-on").touch()
        return None

    body = f"open('running', 'w')\nwhile not os.path.exists('go-on'): time.sleep(0.005)\n{FINE}"
    outcome = house.launcher.run(house.request(body), cancelled=cancelled)
    assert (outcome.ending, outcome.reason, outcome.details["start"]) == ("answered", "It answered.", "warm")
    after = house.run(FINE)
    assert (after.ending, after.details["start"]) == ("answered", "cold")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_gone_when_it_is_asked(house: House, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """Dead or deaf: the guest is started cold, and no copy, descriptor or adopted orphan is left."""
    monkeypatch.setattr(warm, "ANSWER_S", 0.2)
    house.launcher._warm._control.settimeout(0.2)  # type: ignore[union-attr]
    process = warm_process(house.launcher)
    others = {child for child in psutil.Process().children() if child != process}
    before = len(list(Path("/proc/self/fd").iterdir()))
    process.send_signal(number)
    outcome = house.run(FINE)
    assert (outcome.ending, outcome.details["start"]) == ("answered", "cold")
    assert eventually(lambda: not psutil.pid_exists(process.pid))
    assert set(psutil.Process().children()) == others
    assert not is_subreaper()
    assert eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) == before - 1)


def test_it_comes_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while another warm process is started."""
    monkeypatch.setattr(warm, "START_AGAIN_S", 0.0)
    first = warm_process(house.launcher)
    first.kill()
    assert eventually(lambda: not psutil.pid_exists(first.pid))
    assert house.run(FINE).details["start"] == "cold"
    assert house.launcher.wait_until_warm(60.0)
    assert house.run(FINE).details["start"] == "warm"


def test_a_thread_in_it_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a process with threads may wait for ever on a lock nobody holds: none is made, then or later."""
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()"
    launcher = ProcessLauncher(python=str(_python_with(tmp_path, thread)), warm=True)
    monkeypatch.setattr(warm, "START_AGAIN_S", 0.0)
    launcher.warm_up()
    assert launcher.wait_until_warm(60.0)
    house = House(tmp_path / "house", launcher)
    for _ in range(2):
        assert house.run(FINE).details["start"] == "cold"
    assert not launcher.wait_until_warm(0.2)
    launcher.close()


def _python_with(folder: Path, first: str) -> Path:
    """An interpreter that does something of its own first, when it is to become the warm process."""
    then = "import runpy, sys; sys.argv = sys.argv[-2:]; runpy.run_module('harness_core.sdk.warm', run_name='__main__')"
    (folder / "before.py").write_text(f"{first}\n{then}\n")
    made = folder / "python"
    warm_up = f'*harness_core.sdk.warm*) exec {sys.executable} -s -P -B {folder}/before.py "$@";;'
    made.write_text(f'#!/bin/sh\ncase "$*" in {warm_up} esac\nexec {sys.executable} "$@"\n')
    made.chmod(0o755)
    return made


def test_a_copy_that_never_gets_behind_its_wall_is_started_cold(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the plugin was loaded, so it is done again by a fresh interpreter, and copies are no longer trusted."""
    genuine = warm.start_guest

    def killed(*given: object) -> object:
        guest = genuine(*given)  # type: ignore[arg-type]
        os.kill(guest.pid, signal.SIGKILL)
        return guest

    monkeypatch.setattr(warm, "start_guest", killed)
    outcome = house.run("open('ran', 'a').write('x')\n" + FINE)
    assert (outcome.ending, outcome.details["start"]) == ("answered", "cold")
    assert (house.scratch / "ran").read_text() == "x"
    assert not house.launcher.wait_until_warm(0.0)


@pytest.mark.parametrize("layers", [Layers(99), Layers()], ids=["without a filter", "without a wall"])
def test_without_a_filter_all_starts_are_cold(tmp_path: Path, layers: Layers) -> None:
    """Where a guest can start processes, it is started as a process of its own from the beginning."""
    launcher = ProcessLauncher(warm=True, layers=layers, allow_unwalled=True)
    launcher.warm_up()
    assert not launcher.wait_until_warm(0.0)
    assert House(tmp_path, launcher).run(FINE).details["start"] == "cold"


@pytest.mark.parametrize(("patience_s", "start"), [(60.0, "warm"), (0.0, "cold")])
def test_the_first_guest_waits_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float, start: str) -> None:
    """Who comes while the libraries are loaded does not load them once more beside that, unless it takes too long."""
    monkeypatch.setattr(warm, "HEAD_START_S", patience_s)
    launcher = ProcessLauncher(warm=True)
    launcher.warm_up()
    try:
        assert House(tmp_path, launcher).run(FINE).details["start"] == start
    finally:
        launcher.close()


def test_nobody_waits_for_one_that_cannot_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the warm process dies over its libraries, guests start cold at once."""
    monkeypatch.setattr(warm, "HEAD_START_S", 600.0)
    monkeypatch.setattr(warm, "MODULE", "harness_core.sdk.not_there")
    launcher = ProcessLauncher(warm=True)
    launcher.warm_up()
    try:
        assert House(tmp_path, launcher).run(FINE).details["start"] == "cold"
    finally:
        launcher.close()


def test_a_small_budget_is_spent_on_a_fresh_process(house: House) -> None:
    """The libraries of a copy count as its memory; who has little starts without them."""
    assert house.run(FINE, memory_mb=64).details["start"] == "cold"


def test_all_die_with_the_service(tmp_path: Path) -> None:
    """When the service is killed, the warm process and the guest that was copied from it are gone."""
    program = f"""
        from pathlib import Path
        from harness_core.adapters.wall.launcher import ProcessLauncher
        from tests.fakes.guest_house import House
        launcher = ProcessLauncher(warm=True)
        launcher.warm_up()
        assert launcher.wait_until_warm(60.0)
        House(Path({str(tmp_path)!r}), launcher).run("open('.up', 'w').write(str(os.getpid())); os.rename('.up', 'up'); time.sleep(60)")
    """
    service = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT)
    up = tmp_path / "scratch" / "up"
    assert eventually(up.exists, within_s=60.0)
    below = psutil.Process(service.pid).children(recursive=True)
    assert {int(up.read_text())} < {process.pid for process in below}
    assert {process.ppid() for process in below} == {service.pid}, "the guest is a child of the service, like the warm process"
    service.kill()
    service.wait()
    assert eventually(lambda: not any(process.is_running() for process in below))


def test_a_fork_of_the_service_leaves_it_alone(house: House) -> None:
    """A process that was forked from the service does not speak on its socket: its guests start cold."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if house.run(FINE).details["start"] == "cold" else 2
            house.launcher.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert house.run(FINE).details["start"] == "warm"
