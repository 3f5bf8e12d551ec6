"""Control groups for memory, tried on folders that look like them: no machine of ours delegates real ones.

What is real here is every decision: when they are used, what is moved where, what is written, and that nothing is changed otherwise.
"""

import os
import signal
from pathlib import Path

import pytest

from harness_core.adapters.wall import groups
from harness_core.adapters.wall.groups import GUEST, SERVICE, MemoryGroup, MemoryGroups
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import EVERYTHING, described
from tests.fakes.guest_house import House

FINE = "return PluginResult('ok', 'fine')"
FILES = ("cgroup.procs", "cgroup.subtree_control", "cgroup.controllers")
MADE = ("memory.max", "memory.swap.max", "memory.oom.group", "cgroup.procs", "memory.events")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The group of this process, with the controller, and nobody in it but this process."""
    found = tmp_path / "user.slice" / "our.scope"
    found.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/user.slice/our.scope\n")
    (found / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (found / "cgroup.subtree_control").write_text("pids\n")
    (found / "cgroup.controllers").write_text("cpu memory pids\n")
    genuine = Path.mkdir

    def mkdir(path: Path, *given: object, **named: object) -> None:
        """The system fills a new group with its files."""
        genuine(path, *given, **named)  # type: ignore[arg-type]
        if path.parent == found:
            for name in MADE:
                (path / name).touch()

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", lambda path: [file.unlink() for file in path.iterdir()] and os.rmdir(path))  # noqa: PTH106 - that one is replaced
    return found


def asked(home: Path) -> MemoryGroups | None:
    root = home.parent.parent
    return MemoryGroups.delegated(root, root / "own")


def test_this_process_makes_room_and_hands_the_controller_on(home: Path) -> None:
    """It moves to a group beside those of the guests: one that hands a controller on holds no processes."""
    assert asked(home) is not None
    assert (home / SERVICE / "cgroup.procs").read_text() == str(os.getpid())
    assert (home / "cgroup.subtree_control").read_text().startswith("+memory")


def test_where_that_was_done_already_nothing_is_done_again(home: Path) -> None:
    """A service that starts again in its own group finds what the first one made."""
    (home / "cgroup.subtree_control").write_text("memory pids\n")
    assert asked(home) is not None
    assert not (home / SERVICE).exists()
    (home.parent.parent / "own").write_text(f"0::/user.slice/our.scope/{SERVICE}\n")
    assert asked(home) is not None


@pytest.mark.parametrize("case", ["somebody else in it", "no controller", "first version", "cannot be written", "not there"])
def test_otherwise_nothing_is_changed(home: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are never moved; without the right or the controller there is no trial."""
    if case == "somebody else in it":
        (home / "cgroup.procs").write_text(f"{os.getpid()}\n{os.getppid()}\n")
    elif case == "no controller":
        (home / "cgroup.controllers").write_text("cpu pids\n")
    elif case == "first version":
        (home.parent.parent / "own").write_text("4:memory:/x\n0::/elsewhere\n")
    elif case == "cannot be written":
        monkeypatch.setattr(groups.os, "access", lambda path, mode: False)
    else:
        (home.parent.parent / "own").unlink()
    before = {name: (home / name).read_text() for name in FILES}
    assert asked(home) is None
    assert {name: (home / name).read_text() for name in FILES} == before
    assert sorted(path.name for path in home.iterdir()) == sorted(FILES)


def test_when_the_system_says_no_this_process_moves_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a change is none."""
    genuine = groups._write

    def write(path: Path, text: str) -> None:
        if path.name == "cgroup.subtree_control":
            raise OSError(16, "busy")
        genuine(path, text)

    monkeypatch.setattr(groups, "_write", write)
    assert asked(home) is None
    assert not (home / SERVICE).exists()
    assert (home / "cgroup.procs").read_text().startswith(str(os.getpid()))


def test_a_guest_is_put_in_a_group_of_its_own(home: Path, tmp_path: Path) -> None:
    """With its budget, no swap, and all of it ended together; the group is gone afterwards; level and details say so."""
    launcher = ProcessLauncher()
    launcher._groups = asked(home)
    seen: dict[str, str] = {}

    def cancelled() -> str | None:
        for folder in home.glob(f"{GUEST}*"):
            seen.update({name: (folder / name).read_text() for name in MADE})
        return None

    house = House(tmp_path / "house", launcher)
    outcome = launcher.run(house.request(f"time.sleep(0.5)\n{FINE}"), cancelled=cancelled)
    assert (outcome.ending, outcome.details["memory_group"]) == ("answered", True)
    assert seen == {
        "memory.max": str(512 * 1024 * 1024), "memory.swap.max": "0", "memory.oom.group": "1", "cgroup.procs": str(outcome.pid),
        "memory.events": "",
    }  # fmt: skip
    assert list(home.glob(f"{GUEST}*")) == []
    assert "sampled_memory" not in {item.name for item in launcher.level.residuals}
    assert "sampled_memory" in {item.name for item in described(EVERYTHING).residuals}


def test_one_that_the_system_ended_ends_as_memory(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal alone says nothing of its cause; the group's count does."""
    launcher = ProcessLauncher()
    launcher._groups = asked(home)
    monkeypatch.setattr(MemoryGroup, "killed", lambda group: True)
    outcome = House(tmp_path / "house", launcher).run("os.kill(os.getpid(), signal.SIGKILL)")
    assert (outcome.ending, outcome.signal) == ("memory", signal.SIGKILL)
    assert outcome.reason == "It took more than the 512 MB of memory it may use, and the system ended it."


def test_the_count_of_ended_processes_is_read(tmp_path: Path) -> None:
    """As the kernel writes it."""
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 1\n")
    assert MemoryGroup(tmp_path).killed()
    (tmp_path / "memory.events").write_text("oom 0\noom_kill 0\n")
    assert not MemoryGroup(tmp_path).killed()


def test_without_groups_guests_run_as_ever(tmp_path: Path) -> None:
    """Silently: memory is sampled then, and the level says that."""
    launcher = ProcessLauncher()
    outcome = House(tmp_path, launcher).run(FINE)
    assert (outcome.ending, outcome.details["memory_group"]) == ("answered", False)
    assert "sampled_memory" in {item.name for item in launcher.level.residuals}
