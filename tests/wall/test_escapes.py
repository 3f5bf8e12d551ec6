"""Nearly two hundred and fifty attempts to get out of the wall, as the superuser and as an ordinary user, whole and with parts of the wall missing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness_core.adapters.wall.launcher import ProcessLauncher
from tests.fakes.guest_house import House
from tests.wall.attempts import fill
from tests.wall.enclosure import NOBODY, THROUGH, Enclosure, Surroundings

TABLE = fill()
WHOLE = {"landlock": 99, "seccomp": True, "namespaces": True}
AREAS = {
    "reading", "writing", "metadata", "network", "programs", "processes", "signals", "descriptors", "memory", "disk", "windows",
}  # fmt: skip
ONLY_ROOT = {
    "a_socket_below_the_internet", "a_raw_socket", "advising_the_services_memory", "what_the_launcher_is", "memory_of_the_launcher",
    "environment_of_the_launcher", "the_launcher_by_thread", "the_launcher",
}  # fmt: skip
"""The launcher of these trials belongs to the superuser."""
ONLY_SOME_SYSTEMS = {
    "a_socket_to_the_host", "ciphers_of_the_kernel", "the_kernels_counters", "registering_a_format", "a_user_namespace",
    "a_process_namespace", "a_mount_namespace", "tracing_the_service", "reading_the_services_memory",
    "taking_the_services_descriptor",
}  # fmt: skip
"""What a system without these parts, or with a stricter word for ordinary users, refuses to everybody."""


def through(found: dict[str, str]) -> set[str]:
    return {name for name, how in found.items() if how == THROUGH}


def areas(names: set[str]) -> set[str]:
    return {TABLE[name].area for name in names}


def test_each_attempt_succeeds_without_the_wall(control: dict[str, str], user: int) -> None:
    """An attempt that fails anyway proves nothing: each has its control, and there are more than two hundred of them."""
    expected = set(TABLE) - (ONLY_ROOT if user == NOBODY else set())
    missing = expected - through(control)
    assert missing <= ONLY_SOME_SYSTEMS, {name: control[name] for name in missing}
    assert len(through(control)) >= 225
    assert areas(through(control)) == AREAS


@pytest.mark.parametrize(
    "wall",
    [
        pytest.param(WHOLE, id="whole"),
        pytest.param({**WHOLE, "policy": True}, id="whole with the policy in words"),
        pytest.param({**WHOLE, "namespaces": False}, id="without namespaces"),
        *(pytest.param({**WHOLE, "landlock": abi, "namespaces": False}, id=f"landlock {abi}") for abi in (1, 2, 3, 4, 5)),
    ],
)
def test_nothing_gets_through(enclosure: Enclosure, user: int, wall: dict[str, object]) -> None:
    """What an older Landlock does not know, and what no namespace hides, the filter of calls holds back."""
    found = enclosure.run(wall, user=user)
    assert set(found) == set(TABLE)
    assert through(found) == set()


INSIDE = """
from tests.wall.attempts import World, fill
found = {}
world = World(**ctx.settings)
for name, attempt in fill().items():
    if attempt.alone: continue
    try:
        found[name] = 'through' if attempt.go(world) else 'nothing came of it'
    except BaseException as reason:
        found[name] = type(reason).__name__
return {**PluginResult('ok', 'tried').as_dict(), 'metrics': found}
"""


@pytest.mark.parametrize("start", ["cold", "warm"])
def test_nothing_gets_through_from_a_guest_as_it_is_started(tmp_path: Path, start: str) -> None:
    """The same attempts from a plugin, with the order, the environment and the descriptors that the launcher really gives."""
    house = House(tmp_path, ProcessLauncher(policy=False, warm=True))
    if start == "warm":
        house.launcher.warm_up()
        assert house.launcher.wait_until_warm(60.0)
    with Surroundings(os.geteuid()) as world:
        request = house.request(INSIDE, {**vars(world), "scratch": str(house.scratch)}, memory_mb=1500, timeout_s=60.0)
        copied = house.folder / "plugin" / "tests" / "wall"
        copied.mkdir(parents=True)
        for folder in (copied, copied.parent):
            (folder / "__init__.py").touch()
        for source in Path(__file__).parent.glob("attempts*.py"):
            (copied / source.name).write_bytes(source.read_bytes())
        given = {"path": world.given, "filename": "given", "sha256": "", "size_bytes": 0}
        outcome = house.launcher.run(replace(request, message={**request.message, "inputs": [given]}))
    house.launcher.close()
    assert outcome.answer is not None, (outcome.reason, house.stderr)
    assert outcome.details["start"] == start
    found = outcome.answer["metrics"]
    assert len(found) >= 210
    assert through(found) == set()


def test_without_the_filter_files_are_still_held(enclosure: Enclosure, user: int, control: dict[str, str]) -> None:
    """Level B with Landlock alone: no file is read, written or executed; the residuals that `doctor` names are real."""
    found = enclosure.run({"landlock": 99, "seccomp": False, "namespaces": False}, user=user)
    out = through(found)
    assert "reading" not in areas(out)
    assert {name for name in out if TABLE[name].area == "writing"} <= {"a_device_in_place_of_a_file"}
    assert areas(out) >= {"network", "processes", "metadata"}
    assert not {name for name in out if name.startswith("becoming_one")} - {"becoming_one_in_memory"}
    assert out <= through(control)


def test_without_landlock_calls_are_still_held(enclosure: Enclosure, user: int) -> None:
    """Level B with the filter alone: no network, program, process or signal; but files are open, and `doctor` says so."""
    out = through(enclosure.run({"landlock": 0, "seccomp": True, "namespaces": False}, user=user))
    assert areas(out) <= {"reading", "writing", "descriptors", "memory", "windows"}
    assert {name for name in out if TABLE[name].area == "descriptors"} <= {
        "of_the_service",
        "what_was_given_opened_again_for_writing",
    }
    assert {name for name in out if TABLE[name].area == "memory"} <= {"of_the_service_by_file", "shared_by_a_device"}
    assert {name for name in out if TABLE[name].area == "windows"} <= {
        "a_windows_drive", "the_registered_formats", "registering_a_format",
    }  # fmt: skip
    assert "the_secret" in out
