"""Transactions that share a COMMIT: each part by itself, one end for all, and nobody is told of it before it has happened."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from harness_core.adapters.db.engine import Database, open_engine
from harness_core.adapters.db.grouping import Writers
from harness_core.adapters.db.statements import Transaction

FIVE = [f"part {number}" for number in range(5)]


class Members:
    """Threads that each write one word; the first waits inside its part until the others stand behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(open_engine(f"sqlite:///{path}"))
        with self.database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE word (word TEXT PRIMARY KEY)")
        assert self.database._writers is not None
        self.writers: Writers = self.database._writers
        self.told: dict[str, str] = {}

    def write(self, transaction: Transaction, word: str) -> None:
        transaction._cursor.execute("INSERT INTO word VALUES (?)", (word,))

    def kept(self) -> list[str]:
        with sqlite3.connect(self.path) as other:
            return [row[0] for row in other.execute("SELECT word FROM word ORDER BY word")]

    def all_at_once(self, words: list[str]) -> None:
        inside = threading.Event()

        def member(word: str) -> None:
            try:
                with self.database.changing(durable=False) as transaction:
                    self.write(transaction, word)
                    inside.set()
                    if word == words[0]:
                        self._until_waiting(len(words) - 1)
                    if word == "bad":
                        raise ValueError(word)
                    if word == "broken":  # as SQLite does for a full or failing disk: it undoes the whole transaction itself
                        transaction._cursor.execute("ROLLBACK")
                        raise sqlite3.OperationalError("disk I/O error")
                self.told[word] = "kept" if word in self.kept() else "told too early"
            except Exception as reason:
                self.told[word] = type(reason).__name__

        threads = [threading.Thread(target=member, args=(word,)) for word in words]
        threads[0].start()
        inside.wait(30)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join(30)

    def _until_waiting(self, count: int) -> None:
        pause = threading.Event()
        for _ in range(3000):
            if self.writers._waiting == count:
                return
            pause.wait(0.01)
        raise TimeoutError("the others never came")


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    members = Members(tmp_path / "words.sqlite")
    yield members
    members.database.close()


def commits_of(members: Members, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry per COMMIT from now on."""
    seen: list[bool] = []
    real = Writers._commit

    def counted(self: Writers) -> None:
        if self._group is not None:
            seen.append(True)
        real(self)

    monkeypatch.setattr(Writers, "_commit", counted)
    return seen


def test_those_who_wait_join_and_one_commit_serves_all(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five transactions that meet are written once, and each is told only when another connection can see it."""
    commits = commits_of(members, monkeypatch)
    members.all_at_once(FIVE)
    assert members.told == dict.fromkeys(FIVE, "kept")
    assert len(commits) == 1


@pytest.mark.parametrize("words", [["bad", "a", "b"], ["a", "bad", "b"], ["a", "b", "bad"]])
def test_a_part_that_fails_is_undone_alone(members: Members, words: list[str]) -> None:
    """Wherever it stands in the group, its failure is its own: the others are kept."""
    members.all_at_once(words)
    assert members.told == {"bad": "ValueError", "a": "kept", "b": "kept"}
    assert members.kept() == ["a", "b"]


def test_a_commit_that_fails_is_everybodys_failure(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody of a group is told that its part is kept when the group's COMMIT was refused; the next group is not touched by it."""
    with members.database.changing(durable=False) as transaction:
        members.write(transaction, "before")
    real = Writers._commit

    def undone(self: Writers) -> None:
        if self._group is not None and self._connection is not None:
            self._connection.rollback()  # as SQLite itself does when the disk is full
        real(self)

    with monkeypatch.context() as refusing:
        refusing.setattr(Writers, "_commit", undone)
        members.all_at_once(FIVE)
    assert members.told == dict.fromkeys(FIVE, "Unhealthy")
    assert members.kept() == ["before"]
    with members.database.changing(durable=False) as transaction:
        members.write(transaction, "after")
    assert members.kept() == ["after", "before"]


def test_a_transaction_that_sqlite_undoes_is_nobodys_success(members: Members) -> None:
    """Whoever was before in it hears of the failure; whoever comes after begins afresh and is kept."""
    members.all_at_once(["a", "broken", "b"])
    assert members.told["broken"] == "Unhealthy"
    assert {word for word, told in members.told.items() if told == "kept"} == set(members.kept())
    assert members.told["a"] == "Unhealthy"


def test_a_waiter_that_goes_away_holds_nobody_up(members: Members) -> None:
    """Whoever was interrupted while it waited does not commit for the others: they see to it themselves."""
    with members.database.changing(durable=False) as transaction:
        members.write(transaction, "kept")
        members.writers._waiting += 1  # as if somebody stood there
    assert members.kept() == ["kept"]
    members.writers._waiting -= 1


def test_a_transaction_of_its_own_ends_the_open_group_first(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions write on another connection: what was left open for the next is committed before they begin."""
    monkeypatch.setattr("harness_core.adapters.db.grouping.LOOK_AGAIN_S", 60.0)

    def session() -> None:
        with members.database.writing(durable=False) as writing:
            writing.execute(text("INSERT INTO word VALUES ('second')"))

    with members.database.changing(durable=False) as transaction:
        members.write(transaction, "first")
        members.writers._waiting += 1  # as if somebody stood there, so that the group stays open
        thread = threading.Thread(target=session)
        thread.start()
    thread.join(30)
    members.writers._waiting -= 1
    assert members.kept() == ["first", "second"]
