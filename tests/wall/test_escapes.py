"""Two hundred attempts to get out of the wall, as the superuser and as an ordinary user, whole and with parts of the wall missing."""

import pytest

from tests.wall.attempts import fill
from tests.wall.enclosure import NOBODY, THROUGH, Enclosure

TABLE = fill()
WHOLE = {"landlock": 99, "seccomp": True, "namespaces": True}
AREAS = {
    "reading", "writing", "metadata", "network", "programs", "processes", "signals", "descriptors", "memory", "disk", "windows",
}  # fmt: skip
ONLY_ROOT = {"a_socket_below_the_internet", "a_raw_socket"}
ONLY_SOME_SYSTEMS = {"a_socket_to_the_host"}


def through(found: dict[str, str]) -> set[str]:
    return {name for name, how in found.items() if how == THROUGH}


def areas(names: set[str]) -> set[str]:
    return {TABLE[name].area for name in names}


def test_each_attempt_succeeds_without_the_wall(control: dict[str, str], user: int) -> None:
    """An attempt that fails anyway proves nothing: each has its control, and there are more than a hundred and fifty of them."""
    expected = set(TABLE) - (ONLY_ROOT if user == NOBODY else set())
    missing = expected - through(control)
    assert missing <= ONLY_SOME_SYSTEMS, {name: control[name] for name in missing}
    assert len(through(control)) >= 190
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


def test_without_the_filter_files_are_still_held(enclosure: Enclosure, user: int, control: dict[str, str]) -> None:
    """Level B with Landlock alone: no file is read, written or executed; the residuals that `doctor` names are real."""
    found = enclosure.run({"landlock": 99, "seccomp": False, "namespaces": False}, user=user)
    out = through(found)
    assert "reading" not in areas(out)
    assert {name for name in out if TABLE[name].area == "writing"} == set()
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
    assert {name for name in out if TABLE[name].area == "memory"} <= {"of_the_service_by_file"}
    assert {name for name in out if TABLE[name].area == "windows"} <= {"a_windows_drive", "the_registered_formats"}
    assert "the_secret" in out
