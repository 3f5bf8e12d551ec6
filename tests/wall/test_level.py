"""The level in force: proven by trials with controls, said by each guest of itself, written down, and refused where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness_core.adapters.wall import canaries
from harness_core.adapters.wall.canaries import MUST_FAIL, MUST_WORK, examine
from harness_core.adapters.wall.guests import start_process
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import EVERYTHING, NOTHING, Layers, described, offered
from harness_core.bootstrap import Core
from harness_core.domain.errors import PolicyRefused
from tests.conftest import OpenCore
from tests.fakes.guest_house import House
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end

FINE = "return PluginResult('ok', 'fine')"
NO_NAMESPACES = Layers(99, seccomp=True, no_new_code=True)


@pytest.mark.parametrize(
    ("layers", "level"),
    [
        (Layers(7, seccomp=True, namespaces=True), "A+"), (Layers(1, seccomp=True), "A"), (Layers(7), "B"),
        (Layers(seccomp=True), "B"), (Layers(seccomp=True, namespaces=True), "B"), (Layers(namespaces=True), "C"), (NOTHING, "C"),
    ],
)  # fmt: skip
def test_layers_make_a_level(layers: Layers, level: str) -> None:
    """Files and calls both: A. One of them: B. Neither: C, whatever else there is."""
    assert described(layers).level == level


def test_what_is_missing_is_named() -> None:
    """Each level names what remains; a lower one never less than a higher one."""
    names = {level: {item.name for item in described(layers).residuals} for level, layers in (
        ("A", Layers(7, seccomp=True)), ("landlock", Layers(7)), ("seccomp", Layers(seccomp=True)), ("C", NOTHING),
    )}  # fmt: skip
    assert names["A"] < names["landlock"] < names["C"]
    assert names["A"] < names["seccomp"] < names["C"]
    assert "files" in names["seccomp"] - names["landlock"]
    assert {"network", "processes"} <= names["landlock"] - names["seccomp"]


def test_the_canaries_prove_the_wall(tmp_path: Path) -> None:
    """All that must fail fails behind the wall and succeeds without it; all that must work works in both."""
    found = examine(tmp_path)
    assert found.wall.level in ("A+", "A")
    assert {item.name for item in found.canaries} >= {*MUST_FAIL, *MUST_WORK} - canaries.NEEDS_MDWE
    assert [item for item in found.canaries if not item.proven] == []
    document = json.loads(json.dumps(found.as_dict()))
    assert document["proven"] is True
    assert document["summary"].endswith(f"Proven by {len(found.canaries)} of {len(found.canaries)} trials, each with its control.")
    assert list(tmp_path.iterdir()) == []


def test_a_wall_that_does_not_hold_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that says it stands and does not hold anything is seen by what gets through."""
    monkeypatch.setattr("harness_core.adapters.wall.orders.SYSTEM_FILES", ("/",))
    found = examine(tmp_path)
    assert {"read_elsewhere", "list_root"} <= {item.name for item in found.through}
    assert found.as_dict()["proven"] is False
    assert "A guest reads a file it was not given." in found.as_dict()["summary"]


def test_a_part_of_the_wall_is_level_b(tmp_path: Path) -> None:
    """Without Landlock, files can be read, and that is what the residual says."""
    found = examine(tmp_path, Layers(0, seccomp=True))
    held = {item.name: not item.works for item in found.canaries}
    assert found.wall.level == "B"
    assert "files" in {item.name for item in found.wall.residuals}
    assert not held["read_elsewhere"]
    assert held["connect_tcp"]


@pytest.mark.parametrize("layers", [EVERYTHING, NO_NAMESPACES, Layers(1, seccomp=True), Layers(99), Layers(0, seccomp=True)])
def test_a_guest_says_what_stands_around_it(tmp_path: Path, layers: Layers) -> None:
    """The level in the outcome is that of this very process, whatever it was made of."""
    launcher = ProcessLauncher(layers=layers)
    outcome = House(tmp_path, launcher).run(FINE)
    stood = Layers(**outcome.details["layers"])
    assert outcome.ending == "answered"
    assert outcome.wall_level == stood.level == launcher.level.level
    assert (stood.landlock_abi, stood.seccomp) == (min(offered().landlock_abi, layers.landlock_abi), layers.seccomp)


def test_a_guest_cannot_say_it_again(tmp_path: Path) -> None:
    """The level is settled before the plugin is loaded; a second word on it is a broken answer."""
    frame = '{"type":"wall","landlock_abi":99,"seccomp":true,"namespaces":["user"],"no_new_code":true}'
    body = f"data = {frame!r}.encode()\nos.write(int(sys.argv[2]), len(data).to_bytes(4, 'big') + data)\ntime.sleep(60)"
    outcome = House(tmp_path, ProcessLauncher(layers=Layers(99))).run(body)
    assert (outcome.ending, outcome.wall_level) == ("broken", "B")


def test_level_c_is_refused(tmp_path: Path) -> None:
    """Where nothing can hold a guest back, none is started, and the error names the flag."""
    house = House(tmp_path, ProcessLauncher(layers=NOTHING))
    with pytest.raises(PolicyRefused) as refused:
        house.run("open('ran', 'w')\n" + FINE)
    assert "HARNESS_ALLOW_UNWALLED" in refused.value.next_step
    assert not (house.scratch / "ran").exists()


def test_a_guest_that_finds_no_wall_loads_no_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the layers fail only when they are put up, the guest itself ends before it reads a line of the plugin."""
    launcher = ProcessLauncher()
    monkeypatch.setattr(launcher, "_layers", Layers(namespaces=True))
    monkeypatch.setattr(Layers, "level", "A")
    house = House(tmp_path, launcher)
    outcome = house.run("open('ran', 'w')\n" + FINE)
    assert (outcome.ending, outcome.exit_code) == ("crashed", 77)
    assert "nothing of the plugin was loaded" in outcome.reason
    assert not (house.scratch / "ran").exists()


def test_the_flag_runs_guests_without_a_wall(tmp_path: Path) -> None:
    """Explicitly allowed, it runs, and the outcome says C."""
    outcome = House(tmp_path, ProcessLauncher(layers=NOTHING, allow_unwalled=True)).run(FINE)
    assert (outcome.ending, outcome.wall_level) == ("answered", "C")


def test_every_audit_row_and_the_manifest_say_the_level(core: Core, table: Path) -> None:
    """Nobody has to ask afterwards how well a plugin was held back."""
    run = run_to_end(core, table)
    manifest = json.loads((core.store.run_folder(run.run_id) / "run_manifest.json").read_bytes())
    level = core.launcher.level
    assert {attempt.wall_level for attempt in core.runs.attempts(run.run_id)} == {level.level}
    assert manifest["environment"]["wall"]["level"] == level.level
    assert manifest["environment"]["wall"]["residuals"] == [item.name for item in level.residuals]
    assert {attempt["wall_level"] for plugin in manifest["plugins"] for attempt in plugin["attempts"]} == {level.level}
    again = run_to_end(core, table)
    assert {attempt.wall_level for attempt in core.runs.attempts(again.run_id)} == {"none"}, "nothing ran behind any wall"


def test_a_run_without_a_wall_is_refused_as_policy(
    open_home: OpenCore, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitting a file on such a system is refused as a matter of policy, not called an unreadable file."""
    monkeypatch.setattr("harness_core.adapters.wall.launcher.offered", lambda: NOTHING)
    core = open_home(small_catalog(tmp_path / "plugins"), queue_url="memory://")
    with pytest.raises(PolicyRefused):
        run_to_end(core, table)


def test_where_a_user_namespace_gives_no_identity_it_goes_on_without(tmp_path: Path) -> None:
    """Some systems let a process into a user namespace and give it no rights there: the guest is started again, at level A."""
    refusing = tmp_path / "python"
    refusing.write_text("#!/bin/sh\nexit 78\n")
    refusing.chmod(0o755)
    pythons = iter([str(refusing), sys.executable, sys.executable])
    launcher = ProcessLauncher(start=lambda request: start_process(next(pythons), request))
    house = House(tmp_path, launcher)
    assert [(house.run(FINE).ending, launcher.level.level) for _ in range(2)] == [("answered", "A")] * 2


def test_without_landlock_the_service_cannot_be_looked_into() -> None:
    """Its memory and its environment, where secrets are, stay its own at level B too."""
    program = (
        "from harness_core.adapters.wall.launcher import ProcessLauncher\n"
        "from harness_core.adapters.wall.level import Layers\n"
        "from harness_core.sdk.wall.system import prctl\n"
        "before = prctl(3)\n"
        "ProcessLauncher(layers=Layers(0, seccomp=True))\n"
        "print(before, prctl(3))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert said.stdout == "1 0\n"
