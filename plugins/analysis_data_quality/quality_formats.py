"""Text that breaks its own rules: mixed types, odd shapes, impossible dates, padding, and one category in several spellings."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from quality_table import QUOTED_REPEATS, Field, Table, counted, named, percent

from harness_core.sdk import Finding
from harness_core.sdk.missing_words import MISSING_WORDS

SPACE = " \t\r\n\v\f\u00a0"
SPACE_SQL = r"E' \t\r\n\x0b\f' || chr(160)"  # escaped: it stands in queries that people copy from a page
NUMBER = r"[+-]?([0-9]+([.,][0-9]+)?|[0-9]{1,3}([,.''][0-9]{3})+([.,][0-9]+)?|[.,][0-9]+)([eE][+-]?[0-9]+)?"
DATE = r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}"
DATE_FORMATS = "['%Y-%m-%d', '%Y/%m/%d', '%Y.%m.%d', '%d-%m-%Y', '%d/%m/%Y', '%d.%m.%Y', '%m-%d-%Y', '%m/%d/%Y', '%m.%d.%Y']"
LONGEST_CODE = 64
GROWN_SHARE = 0.001
FILLED_SHARE = 0.97  # of the share that makes a shape a rule: what is filled up with noughts has a width for that alone
TOLD_WORDS = 3
TOLD_ONE_BY_ONE = 3  # columns with the same fault; more of them have one cause
MAX_WAYS = 20_000  # categories with more values are not compared by spelling


def trimmed(column: Field) -> str:
    return f"trim({column.sql}, {SPACE_SQL})"


def is_missing_word(column: Field) -> str:
    """SQL for: the value is a word for a missing one, in small or capital letters; blanks around it where the column has any."""
    text = trimmed(column) if column.facts.get("padded_count") else column.sql
    words = ", ".join(f"'{way}'" for way in sorted(_words_for_missing(column))) or "NULL"
    return f"{text} IN ({words})"


def _words_for_missing(column: Field) -> set[str]:
    """All ways to write the words, except those of the column's own shape: NA among two-letter codes is a code.

    A small "none" is left out too: it is the usual name of a category.
    """
    own = (column.facts.get("patterns") or [{"pattern": None}])[0]["pattern"]
    ways = {way for word in MISSING_WORDS for way in (word, word.upper(), word.capitalize())} - {"none"}
    return {way for way in ways if _shape_of(way) != own}


def _shape_of(word: str) -> str:
    return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", word))


def shape(text: str) -> str:
    """SQL for the shape of a text: capital letters A, other letters a, digits 9, everything else itself."""
    upper = f"regexp_replace({text}, '\\p{{Lu}}', 'A', 'g')"
    lower = f"regexp_replace({upper}, '[\\p{{Ll}}\\p{{Lt}}\\p{{Lm}}\\p{{Lo}}]', 'a', 'g')"
    return f"regexp_replace({lower}, '\\p{{Nd}}', '9', 'g')"


def mixed_types(table: Table) -> Iterator[Finding]:
    """Text columns that are numbers, or dates, but for a few rows; words for missing are left to the sentinels."""
    for column in texts(table):
        lettered = sum(entry["count"] for entry in column.facts.get("patterns") or [] if "a" in entry["pattern"].lower())
        if lettered > (1 - table.settings["mixed_type_share"]) * column.count:
            continue
        semantic = column.facts["semantic_type"]
        for kind, expression in (("number", NUMBER), ("date", DATE)):
            fits = f"regexp_full_match({trimmed(column)}, '{expression}')"
            hopeful = table.settings["mixed_type_share"] - 0.1
            if semantic in {"free_text", "constant"} or table.sampled_share(column, fits) < hopeful:
                continue
            other = f"{trimmed(column)} <> '' AND NOT {is_missing_word(column)} AND NOT {fits}"
            query = f"SELECT count({column.sql}), count(*) FILTER (WHERE {fits}), count(*) FILTER (WHERE {other}) FROM data"
            total, matching, odd = table.counts(query)
            if odd and matching >= table.settings["mixed_type_share"] * (matching + odd):
                yield _mixed_type(table, column, kind, query, (total, matching, odd), other)


def _mixed_type(table: Table, column: Field, kind: str, query: str, counts: tuple[int, int, int], other: str) -> Finding:
    total, matching, odd = counts
    return Finding(
        kind="mixed_type",
        title=f"{named(column.name)} holds {kind}s but for {counted(odd, 'row')}",
        statement=f"{matching:,} of {total:,} values of {named(column.name)} are "
        f"{kind}s ({percent(matching, total)}); {counted(odd, 'row')} "
        f"{'holds' if odd == 1 else 'hold'} something else, so the whole column was read as text.",
        columns=[column.name],
        severity="warning",
        subject=kind,
        statistics={
            "n": total,
            "matching": matching,
            "others": odd,
            "effect": {"name": "share of other type", "value": odd / total},
        },
        recommendation=f"Mend or empty those rows; then {named(column.name)} can be "
        f"read as {kind}s and takes part in every analysis of {kind}s.",
        evidence=[table.evidence(query), table.rows(other, column)],
    )


def shapes(table: Table) -> Iterator[Finding]:
    """Codes of one shape but for a few: only where the shape is a rule, that is has digits or signs and many values."""
    least, least_filled = (share * table.settings["shape_share"] for share in (1.0, FILLED_SHARE))
    for column in texts(table):
        patterns = column.facts.get("patterns") or []
        if len(patterns) < 2 or column.distinct < table.settings["min_rows"] or column.facts["lengths"]["max"] > LONGEST_CODE:
            continue
        rule, rows = patterns[0]["pattern"], patterns[0]["count"]
        if "9" not in rule or rows < least_filled * column.count or column.facts["semantic_type"] == "phone":
            continue
        text = trimmed(column)
        broken = f"{shape(text)} <> '{rule.replace(chr(39), chr(39) * 2)}' AND {text} <> '' AND NOT {is_missing_word(column)}"
        query = f"SELECT count({column.sql}), count(*) FILTER (WHERE {broken}) FROM data"
        total, odd = table.counts(query)
        by_digits = f"{broken} AND {_by_digits_only(text, rule)}"
        differ_by_digits = odd > 0 and table.counts(f"SELECT count(*) FROM data WHERE {by_digits}")[0] == odd
        has_lost = differ_by_digits and _has_lost_zeros(table, text, rule, by_digits)
        is_number = column.facts["semantic_type"] in {"integer", "decimal_number"}
        has_grown = differ_by_digits and odd > GROWN_SHARE * column.count  # as a counter has that passed 999: of no fixed width
        if has_lost or (odd and rows >= least * column.count and not (is_number or has_grown)):
            yield _shape(table, column, rule, query, (total, odd), broken, has_lost=has_lost)


def _by_digits_only(text: str, rule: str) -> str:
    """SQL for: the value has the shape of the rule but for how many digits stand together."""
    collapsed = "regexp_replace({}, '9+', '9', 'g')"
    return f"{collapsed.format(shape(text))} = {collapsed.format(chr(39) + rule.replace(chr(39), chr(39) * 2) + chr(39))}"


def _has_lost_zeros(table: Table, text: str, rule: str, by_digits: str) -> bool:
    """Whether numbers that begin with no nought are shorter than the rule's, of which some do; or longer ones begin with one.

    What is filled up with noughts has a fixed width: it may outgrow that, as 9999 does, but is never shorter. Where short ones
    begin with a nought, too, it is a digit like any other. Digits behind a decimal mark are left out: they are filled up from the
    other side.
    """
    asked = []
    for place, digits in enumerate(re.finditer("9+", rule), start=1):
        part, width = f"regexp_extract_all({text}, '[0-9]+')[{place}]", len(digits[0])
        if re.search(r"9[.,]$", rule[: digits.start()]) is None:
            has_nought = f"{part} LIKE '0%'"
            asked += [
                f"count(*) FILTER (WHERE {by_digits} AND length({part}) < {width})",
                f"count(*) FILTER (WHERE {by_digits} AND length({part}) < {width} AND {has_nought})",
                f"count(*) FILTER (WHERE NOT ({by_digits}) AND length({part}) = {width} AND {has_nought})",
                f"count(*) FILTER (WHERE {by_digits} AND length({part}) > {width} AND {has_nought})",
            ]
    found = table.counts(f"SELECT {', '.join(asked)} FROM data") if asked else ()
    places = zip(found[::4], found[1::4], found[2::4], found[3::4], strict=True)
    return any((short and filled and not short_filled) or long for short, short_filled, filled, long in places)


def _shape(table: Table, column: Field, rule: str, query: str, counts: tuple[int, int], broken: str, *, has_lost: bool) -> Finding:
    total, odd = counts
    advice = "Look at those values: mistyped or cut codes match nothing in another table."
    if has_lost:
        advice = "Give them their leading zeros as the others have them: read as numbers they lose them, and match nothing then."
    return Finding(
        kind="format_violation",
        title=f"{counted(odd, 'value')} of {named(column.name)} {'has' if odd == 1 else 'have'} another shape than {rule}",
        statement=f"{total - odd:,} of {total:,} values of {named(column.name)} "
        f'have the shape "{rule}" (A and a for letters, 9 for digits); '
        f"{counted(odd, 'value')} {'does' if odd == 1 else 'do'} not.",
        columns=[column.name],
        severity="warning" if odd <= 0.01 * total else "notice",
        subject="shape",
        statistics={"n": total, "others": odd, "effect": {"name": "share of other shape", "value": odd / total}},
        recommendation=advice,
        evidence=[table.evidence(query), table.rows(broken, column)],
    )


def impossible_dates(table: Table) -> Iterator[Finding]:
    """Text that is written as a date and is none, such as the 30th of February."""
    for column in texts(table):
        if column.facts["semantic_type"] != "date":
            continue
        text = trimmed(column)
        written = f"regexp_full_match({text}, '{DATE}')"
        wrong = f"{written} AND try_strptime({text}, {DATE_FORMATS}) IS NULL"
        query = f"SELECT count(*) FILTER (WHERE {written}), count(*) FILTER (WHERE {wrong}) FROM data"
        total, odd = table.counts(query)
        if odd and odd <= 0.5 * total:
            yield Finding(
                kind="format_violation",
                title=f"{counted(odd, 'date')} in {named(column.name)} {'does' if odd == 1 else 'do'} not exist",
                statement=f"{counted(odd, 'value')} of the {total:,} in {named(column.name)} "
                f"that are written as dates {'is' if odd == 1 else 'are'} "
                "no day of any calendar, such as a 30th of February or a 13th month.",
                columns=[column.name],
                severity="warning",
                subject="impossible_date",
                statistics={"n": total, "impossible": odd},
                recommendation="Correct them at the source; until then the column cannot be read as dates.",
                evidence=[table.evidence(query), table.rows(wrong, column)],
            )


def padding(table: Table) -> Iterator[Finding]:
    """Values with blanks around them, and values that are nothing but blanks; told together where many columns have them."""
    candidates = texts(table, constant=True)
    padded = [column for column in candidates if column.facts.get("padded_count")]
    blank = [column for column in candidates if column.facts.get("blank_count") and column not in padded]
    if len(padded) > TOLD_ONE_BY_ONE:
        yield _padding_together(
            table, padded, "padding", "begin or end with a blank", lambda column: f"{column.sql} <> {trimmed(column)}"
        )
        padded = []
    if len(blank) > TOLD_ONE_BY_ONE:
        yield _padding_together(table, blank, "blank", "are empty texts", lambda column: f"{trimmed(column)} = ''")
        blank = []
    for column in padded:
        rows = int(column.facts["padded_count"])
        condition = f"{column.sql} <> {trimmed(column)}"
        yield _padding(table, column, condition, rows, "padding", "begins or ends with a blank", "begin or end with a blank")
    for column in blank:
        yield _padding(
            table,
            column,
            f"{trimmed(column)} = ''",
            int(column.facts["blank_count"]),
            "blank",
            "is an empty text",
            "are empty texts",
        )


def _padding_together(
    table: Table, columns: Sequence[Field], subject: str, words: str, condition: Callable[[Field], str]
) -> Finding:
    conditions = [condition(column) for column in columns]
    query = f"SELECT {', '.join(f'count(*) FILTER (WHERE {each})' for each in conditions)} FROM data"
    counts = [int(value) for value in table.answer(query)[0]]
    ranked = sorted(zip(counts, columns, strict=True), key=lambda item: (-item[0], item[1].position))[:TOLD_ONE_BY_ONE]
    most = ", ".join(f"{count:,} in {named(column.name)}" for count, column in ranked)
    return Finding(
        kind="format_violation",
        title=f"Values of {len(columns):,} columns {words}",
        statement=f"In {len(columns):,} columns values {words}, most of them {most}.",
        columns=[column.name for column in columns],
        severity="notice",
        subject=subject,
        statistics={"n": table.row_count, "columns": len(columns), "values": sum(counts)},
        recommendation="Cut the blanks off before grouping or joining."
        if subject == "padding"
        else "Decide whether they mean missing.",
        evidence=[table.evidence(query), table.rows(" OR ".join(f"({each})" for each in conditions))],
    )


def _padding(table: Table, column: Field, condition: str, rows: int, subject: str, one: str, many: str) -> Finding:
    return Finding(
        kind="format_violation",
        title=f"{counted(rows, 'value')} of {named(column.name)} {one if rows == 1 else many}",
        statement=f"{rows:,} of {column.count:,} values of {named(column.name)} {one if rows == 1 else many}"
        + (
            ": it looks like another value than the same text without."
            if subject == "padding"
            else ", which is not the same as missing."
        ),
        columns=[column.name],
        severity="notice" if rows < column.count else "info",
        subject=subject,
        statistics={"n": column.count, "rows": rows},
        recommendation="Cut the blanks off before grouping or joining."
        if subject == "padding"
        else "Decide whether they mean missing.",
        evidence=[
            table.evidence(f"SELECT count({column.sql}), count(*) FILTER (WHERE {condition}) FROM data"),
            table.rows(condition),
        ],
    )


def spellings(table: Table) -> Iterator[Finding]:
    """One category written in several ways that differ by case or blanks only."""
    for column in texts(table):
        levels = column.levels
        if column.distinct > min(MAX_WAYS, 0.5 * column.count) or (levels and not _collide(levels)):
            continue
        ways = (
            f"SELECT word, count(*) AS ways, sum(n) AS n, max(n) AS most FROM (SELECT lower({trimmed(column)}) AS word, "
            f"count(*) AS n FROM data WHERE {column.sql} IS NOT NULL GROUP BY {column.sql}) GROUP BY word HAVING count(*) > 1"
        )
        query = f"SELECT count(*), coalesce(sum(n - most), 0), coalesce(sum(n), 0) FROM ({ways})"
        words, odd, rows = table.counts(query)
        if words and odd <= table.settings["spelling_minority_share"] * rows:
            yield _spelling(table, column, query, ways, (words, odd))


def _collide(levels: Iterable[str]) -> bool:
    words = [value.strip(SPACE).lower() for value in levels]
    return len(set(words)) < len(words)


def _spelling(table: Table, column: Field, query: str, ways: str, counts: tuple[int, int]) -> Finding:
    words, odd = counts
    rarer = (
        f"SELECT data.row_index FROM data JOIN (SELECT {column.sql} AS v, row_number() OVER (PARTITION BY lower({trimmed(column)}) "
        f"ORDER BY count(*) DESC, {column.sql}) AS place FROM data WHERE "
        f"{column.sql} IS NOT NULL GROUP BY 1, lower({trimmed(column)})) AS way "
        f"ON data.{column.sql} = way.v WHERE way.place > 1 ORDER BY data.row_index"
    )
    top = table.answer(f"{ways} ORDER BY n DESC, word LIMIT 1")[0]
    example = f', for example "{top[0]}"' if column.may_quote and int(top[2]) >= QUOTED_REPEATS else ""
    return Finding(
        kind="format_violation",
        title=f"{named(column.name)} spells {counted(words, 'value')} in several ways",
        statement=f"{counted(words, 'value')} of {named(column.name)} {'stands' if words == 1 else 'stand'} "
        "there in several spellings that differ only in capitals or blanks"
        f"{example}; {counted(odd, 'row')} {'has' if odd == 1 else 'have'} the rarer spelling.",
        columns=[column.name],
        severity="warning",
        subject="spelling",
        statistics={"n": column.count, "values": words, "rows": odd},
        recommendation="Write them one way: every total by this column now splits them.",
        evidence=[table.evidence(query), table.rows_of(rarer, column)],
    )


def texts(table: Table, *, constant: bool = False) -> list[Field]:
    """Text columns with enough values, that repeat no other column."""
    least = 1 if constant else 2
    return [
        column
        for column in table.fields
        if column.is_text
        and column.distinct >= least
        and column.count >= table.settings["min_rows"]
        and column.name not in table.shadows
    ]


def sentinels_in_text(table: Table) -> Iterator[Finding]:
    """Words such as "unknown" or "N/A" that stand where a value is missing."""
    for column in texts(table):
        if column.facts["semantic_type"] == "country" or column.distinct < 3 or not _may_hold_words(column):
            continue
        condition = is_missing_word(column)
        found = table.answer(
            f"SELECT lower({trimmed(column)}) AS word, count(*) FROM data WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        if found:
            yield _words(table, column, condition, [str(word) for word, _ in found], sum(int(rows) for _, rows in found))


def _may_hold_words(column: Field) -> bool:
    """Whether the profile leaves room for such words: short values, and, where all shapes are listed, one of theirs."""
    if column.facts["lengths"]["min"] > max(len(word) for word in MISSING_WORDS):
        return False
    if column.levels is not None:
        return not _words_for_missing(column).isdisjoint(value.strip(SPACE) for value in column.levels)
    listed = [entry["pattern"] for entry in column.facts.get("patterns") or []]
    if not listed or column.facts["pattern_count"] > len(listed) or column.facts.get("padded_count"):
        return True
    return bool({_shape_of(word) for word in _words_for_missing(column)} & set(listed))


def _words(table: Table, column: Field, condition: str, words: Sequence[str], rows: int) -> Finding:
    told = named(*words[:TOLD_WORDS])
    return Finding(
        kind="sentinel",
        title=f"{named(column.name)} writes missing values as {told}",
        statement=f"{rows:,} of {column.count:,} values of {named(column.name)} ({percent(rows, column.count)}) "
        f"are words that stand for a missing value: {told}{' and others' if len(words) > TOLD_WORDS else ''}.",
        columns=[column.name],
        severity="notice",
        subject="words",
        statistics={"n": column.count, "rows": rows, "effect": {"name": "share of stand-ins", "value": rows / column.count}},
        recommendation="Count these rows as missing, not as a category of their own.",
        evidence=[
            table.evidence(f"SELECT count({column.sql}), count(*) FILTER (WHERE {condition}) FROM data"),
            table.rows(condition),
        ],
    )
