"""The enclosure in which escapes are tried, started once."""

import os
from collections.abc import Iterator

import pytest

from tests.wall.enclosure import NOBODY, Enclosure

USERS = (0, NOBODY) if os.geteuid() == 0 else (os.geteuid(),)
"""The superuser and an ordinary user, where the tests may become both."""


@pytest.fixture(scope="session")
def enclosure() -> Iterator[Enclosure]:
    made = Enclosure()
    yield made
    made.close()


@pytest.fixture(scope="session", params=USERS, ids=lambda user: f"user{user}")
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="session")
def control(enclosure: Enclosure, user: int) -> dict[str, str]:
    """How each attempt ends where there is no wall."""
    return enclosure.run(None, user=user)
