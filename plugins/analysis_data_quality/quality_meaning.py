"""What the meaning of a column rules out: fewer than no pieces, two ways to write a date, an e-mail address without an at sign."""

import re
from collections.abc import Iterator

from quality_formats import is_missing_word, texts, trimmed
from quality_table import Field, Table, counted, literal, named, percent

from harness_core.sdk import Finding

# What is counted or measured from nought on. Of prices, balances and changes no name says that they cannot be negative.
_FROM_NOUGHT = """
age alter anzahl bestand count counts days dauer distance duration gewicht height hours items length menge minutes pieces qty
quantity seconds size stock units weight width
"""
FROM_NOUGHT = frozenset(_FROM_NOUGHT.split())
MOST_NEGATIVE = 0.05  # more of them are a use of the column, such as returns, and no exception
WORDS = re.compile(r"[^a-zäöüß]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
DATE_PATTERN = re.compile(r"9999([-/.])99?(?:\1)99?|99?([-/.])99?(?:\2)(?:9999|99)")
FORMS = {
    "email": ("an e-mail address", r"[^@\s]+@[^@\s]+\.[^@\s.]+"),
    "url": ("a web address", r"([a-z][a-z0-9+.-]*://|www\.)\S+"),
}
LEAST_OF_FORM = 0.95


def negatives(table: Table) -> Iterator[Finding]:
    """Few negative numbers in a column that is called a quantity, a duration, a size."""
    for column in table.fields:
        below = int(column.facts.get("negative_count") or 0)
        if column.name in table.shadows or not column.is_numeric or not 0 < below <= MOST_NEGATIVE * column.count:
            continue
        if column.count < table.settings["min_rows"] or not counts_from_nought(column.name) or _is_one_mark(table, column):
            continue
        query = f"SELECT count({column.sql}), count(*) FILTER (WHERE {column.sql} < 0), min({column.sql}) FROM data"
        total, odd, least = table.answer(query)[0]
        yield Finding(
            kind="format_violation",
            title=f"{named(column.name)} is negative in {counted(odd, 'row')}",
            statement=f"{named(column.name)} is below 0 in {odd:,} of {total:,} rows ({percent(odd, total)}), down to {least:,}; "
            "all others are 0 or more.",
            columns=[column.name],
            severity="notice",
            subject="negative",
            statistics={"n": total, "others": odd, "effect": {"name": "share below nought", "value": odd / total}},
            recommendation=f"Ask what a negative {named(column.name)} stands for: a return, a correction, or a mistake.",
            evidence=[table.evidence(query), table.rows(f"{column.sql} < 0", column)],
        )


def counts_from_nought(name: str) -> bool:
    """Whether the last word of a name, or the one before "of", is of something that is counted or measured from nought on."""
    words = [word for word in WORDS.split(CAMEL.sub(" ", name).lower()) if word]
    heads = [words[place - 1] for place, word in enumerate(words) if word == "of" and place] or words[-1:]
    return any(word in FROM_NOUGHT for word in heads)


def _is_one_mark(table: Table, column: Field) -> bool:
    """Whether the negative ones are one value, which is rather a stand-in for a missing one."""
    return table.counts(f"SELECT count(DISTINCT {column.sql}) FROM data WHERE {column.sql} < 0")[0] < 2


def date_forms(table: Table) -> Iterator[Finding]:
    """Text of dates that are written in two ways or more, so that it could not be read as dates."""
    for column in texts(table):
        patterns = {str(entry["pattern"]): int(entry["count"]) for entry in column.facts.get("patterns") or []}
        forms = {_layout(pattern) for pattern in patterns if DATE_PATTERN.fullmatch(pattern)}
        dated = sum(count for pattern, count in patterns.items() if DATE_PATTERN.fullmatch(pattern))
        if len(forms) < 2 or dated < table.settings["mixed_type_share"] * column.count:
            continue
        layout = f"regexp_replace({trimmed(column)}, '[0-9]+', '9', 'g')"
        wide = f"CASE WHEN {trimmed(column)} SIMILAR TO '[0-9]{{4}}.*' THEN 'year first' ELSE 'year last' END"
        query = (
            f"SELECT {wide} AS years, {layout} AS layout, count(*) AS n, min({trimmed(column)}) AS example FROM data "
            f"WHERE {column.sql} IS NOT NULL GROUP BY 1, 2 ORDER BY n DESC, layout LIMIT 5"
        )
        ways = [row for row in table.answer(query) if re.fullmatch(r"9([-/.])9(?:\1)9", str(row[1]))]
        if len(ways) < 2:
            continue
        told = " and ".join(f"{row[2]:,} like {row[3]}" for row in ways[:2])
        rare = f"{layout} <> {literal(ways[0][1])} AND NOT {is_missing_word(column)}"
        yield Finding(
            kind="mixed_type",
            title=f"{named(column.name)} writes dates in {len(ways)} ways",
            statement=f"{named(column.name)} holds dates in {len(ways)} ways of writing: {told}. So it could not be read as dates, "
            "and nothing is said about time.",
            columns=[column.name],
            severity="warning",
            subject="date forms",
            statistics={"n": column.count, "others": sum(row[2] for row in ways[1:])},
            recommendation="Write all dates one way, best as 2024-12-31, and read the file again; beware of days and months in "
            "each other's place.",
            evidence=[table.evidence(query), table.rows(rare, column)],
        )


def _layout(pattern: str) -> str:
    """The order of the year and the sign between the parts."""
    return f"{pattern.startswith('9999')}{re.sub('9', '', pattern)[:1]}"


def forms(table: Table) -> Iterator[Finding]:
    """Nearly all values have a form that has a name, and a few have not."""
    for column in texts(table):
        semantic = str(column.facts.get("semantic_type"))
        if semantic not in FORMS or float(column.facts.get("semantic_share") or 0.0) >= 1:
            continue
        what, form = FORMS[semantic]
        odd_ones = (
            f"NOT regexp_full_match({trimmed(column)}, '{form}', 'i') AND {trimmed(column)} <> '' AND NOT {is_missing_word(column)}"
        )
        query = f"SELECT count({column.sql}), count(*) FILTER (WHERE {odd_ones}) FROM data"
        total, odd = table.counts(query)
        if odd and odd <= (1 - LEAST_OF_FORM) * total:
            verb = "is" if odd == 1 else "are"
            yield Finding(
                kind="format_violation",
                title=f"{counted(odd, 'value')} of {named(column.name)} {verb} not {what}",
                statement=f"{total - odd:,} of {total:,} values of {named(column.name)} have the form of {what}; "
                f"{counted(odd, 'value')} ({percent(odd, total)}) {'has' if odd == 1 else 'have'} not.",
                columns=[column.name],
                severity="warning",
                subject="form",
                statistics={"n": total, "others": odd, "effect": {"name": "share of other form", "value": odd / total}},
                recommendation="Look at those values: mistyped or cut addresses reach nobody.",
                evidence=[table.evidence(query), table.rows(odd_ones, column)],
            )
