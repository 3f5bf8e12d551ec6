"""A typing as SQL: the value of a text, the proof that the text can be told back from it, and the cast that loses nothing."""

from collections.abc import Sequence

from column_types import ISO_TIMESTAMP, ISO_ZONED, Typing

from harness_core.sdk.dataset import quote_name, quote_text

PLAIN = r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?"
SCIENTIFIC = r"-?([0-9](\.[0-9]+)[eE][+-]?[0-9]{1,3}|[0-9](\.[0-9]*)?[eE][+-][0-9]{1,3})"
SHORT_DIGITS = 15  # a double keeps every decimal of so many digits
MAX_SHORT_SCALE = 9
LOSSY = "this value does not fit the type of column number "


def texts_of(source: str, typing: Typing) -> str:
    """The text expression that is converted: trimmed where the column needs it, NULL where it holds a null token."""
    text = f"trim({source}, ' \t\u00a0')" if typing.trim else source
    if not typing.tokens:
        return text
    listed = ", ".join(quote_text(token) for token in typing.tokens)
    return f"CASE WHEN {source} IN ({listed}) THEN NULL ELSE {text} END"


def value_sql(text: str, typing: Typing) -> str:
    """The converted value; NULL, or nonsense that :func:`proof_sql` refuses, where it cannot be."""
    if typing.type == "boolean":
        return f"CASE lower({text}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if typing.type in ("integer", "float", "decimal"):
        return f"TRY_CAST({_plain_number(text, typing)} AS {typing.storage})"
    if typing.format == "iso-utc":
        return f"(TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    if typing.format.startswith("%") or "%" in typing.format:
        return f"try_strptime({text}, {quote_text(typing.format)})::{typing.storage}"
    return f"TRY_CAST({text} AS {typing.storage})"


def proof_sql(text: str, typing: Typing, value: str | None = None) -> str:
    """True where ``text``, which is not NULL, can be told back from its value (given as SQL where it is computed already)."""
    value = value or value_sql(text, typing)
    if typing.type == "boolean":
        return f"({value} IS NOT NULL)"
    if typing.type == "integer":
        return f"({value}::VARCHAR = {_plain_number(text, typing)}{_grouping_proof(text, typing)})"
    if typing.type == "float":
        return f"({_float_proof(_plain_number(text, typing), value)}{_grouping_proof(text, typing)})"
    if typing.type == "decimal":
        plain = _plain_number(text, typing)
        shape = rf"-?(0|[1-9][0-9]*)?(\.[0-9]{{0,{typing.scale}}})?"
        return f"({value} IS NOT NULL AND regexp_full_match({plain}, {quote_text(shape)}))"
    return _moment_proof(text, value, typing)


def _plain_number(text: str, typing: Typing) -> str:
    if typing.thousands:
        text = f"replace({text}, {quote_text(typing.thousands)}, '')"
    return f"replace({text}, ',', '.')" if typing.decimal == "," else text


def _grouping_proof(text: str, typing: Typing) -> str:
    """Groups of exactly three digits, and no separator of the other convention."""
    if not typing.thousands:
        return f" AND NOT contains({text}, '.')" if typing.decimal == "," else ""
    group, point = (f"[{mark}]" for mark in (typing.thousands, typing.decimal))
    shape = f"-?(0|[1-9][0-9]{{0,2}}({group}[0-9]{{3}})+|[1-9][0-9]*)({point}[0-9]+)?"
    return f" AND regexp_full_match({text}, {quote_text(shape)})"


def _float_proof(text: str, value: str) -> str:
    mantissa = f"split_part(lower({text}), 'e', 1)"
    decimals = f"length(split_part({mantissa}, '.', 2))"
    digits = f"length(trim(regexp_replace({mantissa}, '[-.]', '', 'g'), '0'))"
    padded = rf"regexp_replace(regexp_replace({text}, '^(-?)\.', '\10.'), '\.$', '')"
    return (
        f"CASE WHEN {value}::VARCHAR = {text} THEN isfinite({value}) "
        f"WHEN {value} IS NULL OR NOT isfinite({value}) THEN false "
        f"WHEN regexp_full_match({text}, {quote_text(PLAIN)}) THEN "
        f"{digits} <= 15 OR format('{{:.{{}}f}}', {value}, {decimals}) = {padded} "
        f"WHEN regexp_full_match({text}, {quote_text(SCIENTIFIC)}) THEN "
        f"{digits} <= 15 OR format('{{:.{{}}e}}', {value}, {decimals}) = lower({text}) "
        f"ELSE false END"
    )


def _moment_proof(text: str, value: str, typing: Typing) -> str:
    if typing.type == "time":
        shape = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
        return f"({value} IS NOT NULL AND regexp_full_match({text}, {quote_text(shape)}))"
    if typing.format == "iso" and typing.type == "date":
        return f"({value}::VARCHAR = {text} AND isfinite({value}))"
    if typing.format in ("iso", "iso-utc"):
        shape = ISO_TIMESTAMP if typing.format == "iso" else ISO_ZONED
        return f"({value} IS NOT NULL AND isfinite({value}) AND regexp_full_match({text}, {quote_text(shape)}))"
    return _written_back(text, value, typing.format)


def _written_back(text: str, value: str, form: str) -> str:
    """The date written again in its format, with and without leading zeros, is the same text but for upper and lower case."""
    fraction = f"rtrim(lower({text}), '0')" if "%f" in form else f"lower({text})"
    written = [f"lower(strftime({value}, {quote_text(each)}))" for each in _ways(form)]
    if "%f" in form:
        written = [f"rtrim({each}, '0')" for each in written]
    return f"({value} IS NOT NULL AND {fraction} IN ({', '.join(written)}))"


def _ways(form: str) -> list[str]:
    """The format with and without leading zeros: dates padded and hours not, and the other way round; with them where digits alone
    say where a part ends."""
    if "%m%d" in form:
        return [form]
    dates = form.replace("%d", "%-d").replace("%m", "%-m")
    hours = form.replace("%H", "%-H").replace("%I", "%-I")
    bare = dates.replace("%H", "%-H").replace("%I", "%-I")
    return list(dict.fromkeys((form, bare, dates, hours)))


def checked_select(columns: Sequence[tuple[str, Typing]], relation: str, *, whole: bool = True) -> str:
    """A query for the typed columns; it fails, naming the column's number, where a text would be changed by its type.

    Each value is computed once, in an inner query, and compared there with its text. With ``whole`` false only the proofs that
    most texts pass are asked for, and it fails for the rest too: an eleventh of the planning.
    """
    inner, outer = [], []
    for index, (name, typing) in enumerate(columns):
        if typing.type == "text":
            inner.append(f"{quote_name(name)} AS t{index}")
            outer.append(f"t{index} AS {quote_name(name)}")
            continue
        text = texts_of(quote_name(name), typing)
        first = _first_value(f"({text})", typing)
        inner += [f"{text} AS t{index}"] + ([f"{first} AS v{index}"] if first else [])
        outer.append(f"{_checked(f't{index}', f'v{index}', index, typing, whole)} AS {quote_name(name)}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM ({relation}))"


def _first_value(text: str, typing: Typing) -> str | None:
    """What a text is first converted to; None for truth values, which are only compared.

    Numbers of few digits are read as decimals of as many places as the sample's: they are told back from them much faster than
    from floats, and a double made of at most 15 digits is the nearest one.
    """
    if typing.type == "boolean":
        return None
    return f"TRY_CAST({text} AS {_short_decimal(typing)})" if _is_short(typing) else value_sql(text, typing)


def _is_short(typing: Typing) -> bool:
    return typing.type == "float" and typing.decimal == "." and not typing.thousands and typing.scale <= MAX_SHORT_SCALE


def _short_decimal(typing: Typing) -> str:
    return f"DECIMAL({SHORT_DIGITS},{max(1, typing.scale)})"


def _checked(text: str, value: str, index: int, typing: Typing, whole: bool) -> str:
    """The value where it is proved, NULL for none, and a failure else. The proof that most texts pass comes first."""
    failure = f"error({quote_text(LOSSY + str(index))})"
    if typing.type == "boolean":
        quick, found, value = f"{text} IN ('true', 'false')", f"{text} = 'true'", value_sql(text, typing)
    elif _is_short(typing):
        quick, found, value = f"prefix({value}::VARCHAR, {text})", f"{value}::DOUBLE", value_sql(text, typing)
    else:
        quick, found = _quick_proof(text, value, typing), value
    slow = f"WHEN {proof_sql(text, typing, value)} THEN {value} " if whole else ""
    return f"CASE WHEN {quick} OR {text} IS NULL THEN {found} {slow}ELSE {failure} END"


def _quick_proof(text: str, value: str, typing: Typing) -> str:
    """A cheaper proof that most texts pass: written back by the engine, the value is the text. ``false`` where there is none."""
    is_plain = typing.decimal == "." and not typing.thousands and typing.format in ("", "iso")
    if not is_plain or typing.type not in ("integer", "float", "date", "timestamp"):
        return "false"
    return f"({value}::VARCHAR = {text}{'' if typing.type == 'integer' else f' AND isfinite({value})'})"


def proof_select(columns: Sequence[tuple[str, Typing]], relation: str) -> str:
    """A query for one truth value: every text of these typed columns can be told back; NULL where there are no rows."""
    inner = ", ".join(
        f"{texts_of(quote_name(name), typing)} AS t{index}, {value_sql(f't{index}', typing)} AS v{index}"
        for index, (name, typing) in enumerate(columns)
    )
    proofs = " AND ".join(
        f"bool_and(t{index} IS NULL OR coalesce({proof_sql(f't{index}', typing, f'v{index}')}, false))"
        for index, (_, typing) in enumerate(columns)
    )
    return f"SELECT {proofs} FROM (SELECT {inner} FROM ({relation}))"


def proved_select(columns: Sequence[tuple[str, Typing]], relation: str) -> str:
    """A query for the typed columns of texts that are proved already."""
    items = [
        quote_name(name) if typing.type == "text" else value_sql(f"({texts_of(quote_name(name), typing)})", typing)
        for name, typing in columns
    ]
    named = [f"{item} AS {quote_name(name)}" for item, (name, _) in zip(items, columns, strict=True)]
    return f"SELECT {', '.join(named)} FROM ({relation})"


def plain_cast_sql(name: str, typing: Typing) -> str:
    """A select item for texts that are known to be of the type."""
    source = quote_name(name)
    if typing.type == "text":
        return source
    text = texts_of(source, typing)
    value = value_sql(f"({text})", typing) if typing.format else f"CAST({text} AS {typing.storage})"
    return f"{value} AS {source}"


def violation_sql(name: str, typing: Typing) -> str:
    """True for rows whose text this typing would change."""
    text = texts_of(quote_name(name), typing)
    return f"(({text}) IS NOT NULL AND NOT coalesce({proof_sql(f'({text})', typing)}, false))"


def token_count_sql(name: str, tokens: Sequence[str]) -> str:
    listed = ", ".join(quote_text(token) for token in tokens)
    return f"count(*) FILTER (WHERE {quote_name(name)} IN ({listed}))"
