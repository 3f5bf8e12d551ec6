"""The three dialects: how each writes texts, names and comments, and which of them a dump is in, told from its head."""

import re
from dataclasses import dataclass

HEAD_BYTES = 64 << 10
_TEXT = rb"'[^']*+(?:''[^']*+)*+'"
_ESCAPED_TEXT = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_NAME = rb'"[^"]*+(?:""[^"]*+)*+"'
_ESCAPED_NAME = rb'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
_REST = (
    rb"|(?P<ticked>`[^`]*+(?:``[^`]*+)*+`)"
    rb"|(?P<number>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![\w$]))"
    rb"|(?P<word>[\w@\x80-\xff][\w$@\x80-\xff]*+)"
    rb"|(?P<unclosed>['\"`]|/\*{dollar})"
    rb"|(?P<sign>.)"
)


def _pattern(special: bytes, dollar: bytes = b"") -> re.Pattern[bytes]:
    return re.compile(special + _REST.replace(b"{dollar}", dollar), re.DOTALL)


def _nested_comment(depth: int) -> bytes:
    """A comment with comments in it, as PostgreSQL has them."""
    inner = rb"|" + _nested_comment(depth - 1) if depth else rb""
    return rb"/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*)" + inner + rb")[^*/]*+)*+\*/"


COMMENT = rb"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
NESTED_COMMENT = _nested_comment(5)


@dataclass(frozen=True)
class Dialect:
    """``escapes``: a backslash in a plain text is an escape; ``tokens`` splits SQL into its words; ``blob_encoding``: the encoding
    that the file was in before it was made UTF-8, which took the bytes of quoted blobs along."""

    name: str
    title: str
    escapes: bool
    tokens: re.Pattern[bytes]
    blob_encoding: str | None = None


_MYSQL_TOKENS = _pattern(
    rb"(?P<space>\s++)|(?P<comment>--(?=[\s])[^\n]*+|--\Z|\#[^\n]*+|(?!/\*M?!)" + COMMENT + rb")"
    rb"|(?P<version>/\*M?!\d*+|\*/)"
    rb"|(?P<blob>[xX]'[^']*+'|[bB]'[01]*+'|0x[0-9A-Fa-f]++(?!\w)|0b[01]++(?!\w))"
    rb"|(?P<text>[nN]?" + _ESCAPED_TEXT + rb")|(?P<quoted>" + _ESCAPED_NAME + rb")"
)
_MYSQL_PLAIN_TOKENS = _pattern(
    rb"(?P<space>\s++)|(?P<comment>--(?=[\s])[^\n]*+|--\Z|\#[^\n]*+|(?!/\*M?!)" + COMMENT + rb")"
    rb"|(?P<version>/\*M?!\d*+|\*/)"
    rb"|(?P<blob>[xX]'[^']*+'|[bB]'[01]*+'|0x[0-9A-Fa-f]++(?!\w)|0b[01]++(?!\w))"
    rb"|(?P<text>[nN]?" + _TEXT + rb")|(?P<quoted>" + _NAME + rb")"
)
_POSTGRESQL = (
    rb"(?P<space>\s++)|(?P<comment>--[^\n\r]*+|" + NESTED_COMMENT + rb")"
    rb"|(?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*+)?)\$.*?\$(?P=tag)\$)"
    rb"|(?P<blob>[xXbB]'[^']*+')"
    rb"|(?P<escaped>[eE]" + _ESCAPED_TEXT + rb")|(?P<unicode>[uU]&" + _TEXT + rb")"
)
_DOLLAR = rb"|\$\w*\$"
_POSTGRESQL_TOKENS = _pattern(_POSTGRESQL + rb"|(?P<text>[nN]?" + _TEXT + rb")|(?P<quoted>" + _NAME + rb")", _DOLLAR)
_POSTGRESQL_OLD_TOKENS = _pattern(_POSTGRESQL + rb"|(?P<text>[nN]?" + _ESCAPED_TEXT + rb")|(?P<quoted>" + _NAME + rb")", _DOLLAR)
_SQLITE_TOKENS = _pattern(
    rb"(?P<space>\s++)|(?P<comment>--[^\n]*+|" + COMMENT + rb")"
    rb"|(?P<bracketed>\[[^\]]*+\])|(?P<blob>[xX]'[^']*+'|0x[0-9A-Fa-f]++(?!\w))"
    rb"|(?P<text>[nN]?" + _TEXT + rb")|(?P<quoted>" + _NAME + rb")"
)

MYSQL = Dialect("mysql", "MySQL", True, _MYSQL_TOKENS)
MYSQL_PLAIN = Dialect("mysql", "MySQL", False, _MYSQL_PLAIN_TOKENS)
POSTGRESQL = Dialect("postgresql", "PostgreSQL", False, _POSTGRESQL_TOKENS)
POSTGRESQL_OLD = Dialect("postgresql", "PostgreSQL", True, _POSTGRESQL_OLD_TOKENS)
SQLITE = Dialect("sqlite", "SQLite", False, _SQLITE_TOKENS)
DIALECTS = {dialect.name: dialect for dialect in (MYSQL, POSTGRESQL, SQLITE)}

_SIGNS = {
    "mysql": (
        (rb"^-- (?:MySQL|MariaDB) dump", 50), (rb"^/\*M?!\d{5,6}", 20), (rb"\bENGINE\s*=\s*\w+", 10),
        (rb"(?i)\bauto_increment\b", 10),
        (rb"^(?:UN)?LOCK TABLES", 10),
        (rb"(?i)^[ \t]*+(?:create table|insert into|drop table)[\w ]{0,40}`", 8), (rb"(?i)^USE\s+`", 8),
        (rb"(?i)\b(?:tiny|medium|long)(?:int|text|blob)\b", 4), (rb"(?i)\bunsigned\b", 4), (rb"_binary '", 4), (rb"\\'", 3),
        (rb"(?i)\benum\s*\('", 3),
    ),
    "postgresql": (
        (rb"^-- PostgreSQL database", 50), (rb"(?i)^COPY .{1,4000}?\bFROM stdin", 30), (rb"\bpg_catalog\b", 20),
        (rb"(?i)^SET (?:client_encoding|standard_conforming_strings|search_path|statement_timeout)\b", 15),
        (rb"(?i)\bcharacter varying\b", 6), (rb"(?i)\b(?:big|small)?serial\b", 6), (rb"::[\w\"]", 4),
        (rb"(?i)\b(?:bytea|jsonb|timestamptz)\b", 4),
        (rb"(?i)\bALTER TABLE ONLY\b", 10), (rb"(?i)^[ \t]*+create (?:sequence|extension|type|domain)\b", 6),
        (rb"^\\(?:c|connect|restrict)\b", 10),
        (rb"(?i)\bwith(?:out)? time zone\b", 4), (rb"(?i)\bgenerated (?:always|by default) as identity\b", 6),
    ),
    "sqlite": (
        (rb"(?i)^PRAGMA\b", 30), (rb"\bsqlite_(?:sequence|master|schema|stat1)\b", 20), (rb"(?i)\bautoincrement\b", 12),
        (rb"(?i)^BEGIN TRANSACTION;", 10), (rb"(?i)^[ \t]*+(?:create table|insert into|drop table)[\w ]{0,40}\[", 8),
        (rb"(?i)\bwithout rowid\b", 10),
        (rb"(?i)^INSERT INTO \"?\w+\"? VALUES\(", 3), (rb"(?i)\bNVARCHAR\b", 2), (rb"(?i)\binteger primary key\b", 2),
    ),
}  # fmt: skip
_COMPILED = {name: [(re.compile(sign, re.MULTILINE), weight) for sign, weight in signs] for name, signs in _SIGNS.items()}


def tell_dialect(head: bytes) -> Dialect | None:
    """The dialect with the most signs in the head of the dump (``HEAD_BYTES`` of it); None where there is no sign of any."""
    scores = {name: sum(weight for sign, weight in signs if sign.search(head)) for name, signs in _COMPILED.items()}
    best = max(scores, key=lambda name: scores[name])
    return DIALECTS[best] if scores[best] else None
