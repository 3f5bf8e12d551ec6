"""What becomes of each statement that is neither CREATE TABLE, INSERT nor COPY: passed over, left out and named, or refused.

Nothing of a dump is ever executed. Passed over is what sets up a session or says how tables are stored; left out is what only a
database could act on and what rows do not depend on. What reads or writes files, runs programs, touches other databases, or
changes rows already written is refused with the whole file: without it the tables would not be what the dump means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dump_tokens import Token

HARMLESS_PRAGMAS = {
    "FOREIGN_KEYS", "ENCODING", "USER_VERSION", "APPLICATION_ID", "SYNCHRONOUS", "JOURNAL_MODE", "PAGE_SIZE", "CACHE_SIZE",
    "DEFER_FOREIGN_KEYS", "AUTO_VACUUM", "LOCKING_MODE", "LEGACY_FILE_FORMAT", "CASE_SENSITIVE_LIKE", "FOREIGN_KEY_CHECK",
    "INTEGRITY_CHECK", "TABLE_INFO", "IGNORE_CHECK_CONSTRAINTS", "RECURSIVE_TRIGGERS", "COUNT_CHANGES", "BUSY_TIMEOUT",
}  # fmt: skip
PASSED = {
    "SET", "USE", "BEGIN", "START", "COMMIT", "END", "LOCK", "UNLOCK", "ANALYZE", "REINDEX", "GRANT", "REVOKE", "COMMENT",
    "SAVEPOINT",
    "RELEASE", "RESET", "DISCARD", "OPTIMIZE", "FLUSH", "SHOW", "DESCRIBE", "EXPLAIN", "ANALYSE", "CLUSTER", "CHECKPOINT",
    "SECURITY",
}  # fmt: skip
STORED = {"INDEX", "SEQUENCE", "TYPE", "DOMAIN", "SCHEMA", "DATABASE", "COLLATION", "TABLESPACE", "STATISTICS", "CHARACTER"}
LEFT_OUT = {
    "VIEW": "a view holds no rows of its own", "TRIGGER": "triggers are never run", "FUNCTION": "functions are never run",
    "PROCEDURE": "procedures are never run", "RULE": "rules are never applied", "EVENT": "events are never run",
    "AGGREGATE": "functions are never run", "LANGUAGE": "functions are never run", "EXTENSION": "extensions are never loaded",
    "POLICY": "policies are never applied", "CAST": "functions are never run", "OPERATOR": "functions are never run",
    "USER": "accounts are never made", "ROLE": "accounts are never made", "PUBLICATION": "nothing is ever sent anywhere",
    "TRANSFORM": "functions are never run", "TEXT": "nothing is searched", "ACCESS": "access methods are never loaded",
    "MATERIALIZED": "a view holds no rows of its own", "VIRTUAL": "modules are never loaded",
    "CONVERSION": "functions are never run",
    "PACKAGE": "functions are never run", "EVENTS": "events are never run", "CONSTRAINT": "triggers are never run",
}  # fmt: skip
REFUSED = {
    "ATTACH": "it would open another database file", "DETACH": "it works on other databases", "LOAD": "it would read a file",
    "SOURCE": "it would run another file", "SYSTEM": "it would run a program", "INSTALL": "it would load code",
    "UNINSTALL": "it would unload code", "UPDATE": "it changes rows that were written before",
    "DELETE": "it removes rows that were written before",
    "TRUNCATE": "it removes rows that were written before", "MERGE": "it changes rows by a query", "HANDLER": "it acts on a server",
    "EXPORT": "it would write files", "IMPORT": "it would read a file", "EXEC": "it would run a procedure",
    "EXECUTE": "it would run what was prepared", "PREPARE": "it prepares something to be run", "KILL": "it acts on a server",
    "SHUTDOWN": "it acts on a server", "ROLLBACK": "it takes back rows that were written before", "RENAME": "it renames tables",
    "CHANGE": "it acts on a server", "STOP": "it acts on a server", "PURGE": "it acts on a server", "VACUUM": "it may write a file",
    "NOTIFY": "it acts on a server", "DECLARE": "it runs a query", "BINLOG": "it changes rows in a way that cannot be read",
    "WITH": "it runs a query", "XA": "it acts on a server", "CLONE": "it acts on a server", "RESTART": "it acts on a server",
}  # fmt: skip
HARMLESS_META = {"\\connect", "\\c", "\\restrict", "\\unrestrict", "\\encoding", "\\echo", "\\pset", "\\timing", "\\set",
    "\\unset", "\\q", "\\qecho", "\\x"}  # fmt: skip
SEQUENCE_CALLS = {"SETVAL", "SET_CONFIG"}
TABLE_CHANGES = ("ADD COLUMN", "DROP COLUMN", "RENAME", "MODIFY", "CHANGE")

Fate = Literal["passed", "left_out", "refused"]


@dataclass(frozen=True)
class Verdict:
    """``what`` names the statement in a sentence, ``why`` says the reason."""

    fate: Fate
    what: str = ""
    why: str = ""


PASS = Verdict("passed")


def judge(found: Sequence[Token]) -> Verdict:
    """The fate of a statement that is no CREATE TABLE, INSERT, COPY, ALTER TABLE or DROP TABLE."""
    words = [token.upper for token in found]
    first = words[0]
    for place, word in enumerate(words):
        if word in ("OUTFILE", "DUMPFILE") or (word == "PROGRAM" and first == "COPY"):
            return Verdict("refused", f"{first} … {word}", "it would write a file or run a program")
        if word in ("LOAD_EXTENSION", "LOAD_FILE", "READFILE", "WRITEFILE") or (first == "SELECT" and word.startswith("PG_READ")):
            return Verdict("refused", f"{first} … {word.lower()}", "it would read a file or load code")
        if word == "SONAME" and place:
            return Verdict("refused", f"{first} … SONAME", "it would load code")
    if first == "PRAGMA":
        return _pragma(words)
    if first == "DELETE" and b"sqlite_sequence" in [token.raw.strip(b'"`[]').lower() for token in found[:4]]:
        return PASS
    if first == "VACUUM" and "INTO" not in words:
        return PASS
    if first == "SET" and "GLOBAL" in words[:3]:
        return Verdict("left_out", "SET GLOBAL", "it acts on a server")
    if first in PASSED:
        return PASS
    if first in ("CREATE", "ALTER", "DROP"):
        return _object(first, words)
    if first == "SELECT":
        return PASS if SEQUENCE_CALLS & set(words[:6]) else Verdict("left_out", "SELECT", "queries are never run")
    if first in ("DO", "CALL", "REFRESH", "VALUES", "TABLE", "LISTEN", "REASSIGN"):
        return Verdict("left_out", first, "code and queries are never run")
    if first in REFUSED:
        return Verdict("refused", first, REFUSED[first])
    return Verdict("refused", f"The statement that begins with “{found[0].raw.decode('utf-8', 'replace')[:40]}”", "it is not known")


def _pragma(words: Sequence[str]) -> Verdict:
    name = words[3] if len(words) > 3 and not words[2] and words[1] not in HARMLESS_PRAGMAS else words[1] if len(words) > 1 else ""
    if name in HARMLESS_PRAGMAS:
        return PASS
    return Verdict("refused", f"PRAGMA {name.lower()}".rstrip(), "it would change how the database works")


def _object(first: str, words: Sequence[str]) -> Verdict:
    """CREATE, ALTER or DROP of something that is no table."""
    if first == "DROP":
        return Verdict("left_out", f"DROP {words[1] if len(words) > 1 else ''}".rstrip(), "nothing is ever dropped")
    for word in words[1:14]:
        if word in LEFT_OUT:
            return Verdict("left_out", f"{first} {word}", LEFT_OUT[word])
        if word in STORED:
            return PASS
        if word in ("SERVER", "FOREIGN", "SUBSCRIPTION"):
            return Verdict("refused", f"{first} {word}", "it would open a connection to another server")
        if word == "DEFAULT":
            return PASS
    return Verdict("left_out", first, "it is no table")


def alters_columns(found: Sequence[Token]) -> str | None:
    """What an ALTER TABLE does to columns or rows, in words; None where it is about keys, owners, storage and the like."""
    words = [token.upper for token in found]
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word == "RENAME" and following not in ("CONSTRAINT", "INDEX", "KEY"):
            return "renames"
        if word in ("ADD", "DROP") and following == "COLUMN":
            return f"{word.lower()}s a column"
        if word in ("DROP", "TRUNCATE", "DISCARD", "IMPORT", "EXCHANGE") and following in ("PARTITION", "TABLESPACE"):
            return "removes or exchanges rows"
        if word == "ADD" and place + 1 < len(found) and found[place + 1].kind in ("quoted", "ticked", "bracketed"):
            return "adds a column"
        if word == "CHANGE":
            return "changes a column"
        if (
            word == "TYPE"
            and words[place - 1] not in ("STORAGE",)
            and "ALTER" in words[place - 5 : place]
            and "USING" in words[place:]
        ):
            return "computes a column anew"
    return None
