"""Rare values that differ in one letter from a frequent one of the same category."""

from collections.abc import Iterator

from quality_formats import texts, trimmed
from quality_table import QUOTED_REPEATS, Field, Table, counted, named

from harness_core.sdk import Finding

MAX_LEVELS = 500  # every rare value is compared with every frequent one
RARE_ROWS = 5
TIMES_RARER = 50  # Meier beside Meyer is another name; once beside a hundred times, rather a slip
LONGEST = 64
SHORTEST = 5  # among shorter words, and in codes with digits, one letter makes another value


def misspellings(table: Table) -> Iterator[Finding]:
    """One finding per category with such values (Damerau 1964: an added, missing, wrong or exchanged letter)."""
    for column in texts(table):
        if column.distinct > MAX_LEVELS or column.count < TIMES_RARER or not _may_have(column):
            continue
        query = f"SELECT count(*), coalesce(sum(n), 0) FROM ({_rare(column)})"
        words, rows = table.counts(query)
        if words:
            yield _finding(table, column, query, (words, rows))


def _may_have(column: Field) -> bool:
    """Whether the profile leaves room for long words, a frequent one and a rare one."""
    top = column.facts.get("top_values")
    is_rare = column.levels is None or min(column.levels.values()) <= RARE_ROWS
    return int(column.facts["lengths"]["max"]) >= SHORTEST and is_rare and (not top or int(top[0]["count"]) >= TIMES_RARER)


def _rare(column: Field) -> str:
    """SQL for the rare values, each with its rows: ``word`` and ``n``."""
    levels = f"SELECT lower({trimmed(column)}) AS word, count(*) AS n FROM data WHERE {column.sql} IS NOT NULL GROUP BY 1"
    return (
        f"SELECT DISTINCT rare.word, rare.n FROM ({levels}) AS rare JOIN ({levels}) AS usual "
        f"ON usual.n >= {TIMES_RARER} * rare.n AND abs(length(usual.word) - length(rare.word)) <= 1 "
        f"WHERE rare.n <= {RARE_ROWS} AND length(rare.word) <= {LONGEST} "
        f"AND least(length(rare.word), length(usual.word)) >= {SHORTEST} "
        f"AND NOT regexp_matches(rare.word || usual.word, '[0-9]') AND damerau_levenshtein(rare.word, usual.word) = 1"
    )


def _finding(table: Table, column: Field, query: str, counts: tuple[int, int]) -> Finding:
    words, rows = counts
    rare = _rare(column)
    top = table.answer(f"SELECT word, n FROM ({rare}) ORDER BY n DESC, word LIMIT 1")[0]
    example = f', such as "{top[0]}"' if column.may_quote and int(top[1]) >= QUOTED_REPEATS else ""
    return Finding(
        kind="format_violation",
        title=f"{counted(words, 'value')} of {named(column.name)} {'looks' if words == 1 else 'look'} misspelt",
        statement=f"{counted(rows, 'row')} of {column.count:,} {'has' if rows == 1 else 'have'} "
        f"a rare value in {named(column.name)}{example} that differs in one letter "
        f"from a value at least {TIMES_RARER} times as frequent "
        f"({counted(words, 'such value')}).",
        columns=[column.name],
        severity="notice",
        confidence=0.8,
        confidence_note="A rare name may be spelt like a frequent one and be meant.",
        subject="misspelling",
        statistics={
            "n": column.count,
            "values": words,
            "rows": rows,
            "effect": {"name": "share of rows", "value": rows / column.count},
        },
        recommendation="Compare them with the frequent value; if they mean the same, write them the same.",
        evidence=[
            table.evidence(query),
            table.evidence(f"SELECT count({column.sql}) FROM data"),
            table.rows(f"lower({trimmed(column)}) IN (SELECT word FROM ({rare}))", column),
        ],
    )
