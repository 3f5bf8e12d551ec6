"""The forms that texts have: dates, amounts, addresses of the net, lists; as expressions that Python and DuckDB read alike.

Each is read as a whole, by Python over a few values and then by DuckDB (RE2) over all rows: only what both understand alike.
"""

import re
from collections.abc import Sequence

from harness_core.sdk.missing_words import MISSING_WORDS

_WEEKDAY = r"((mon|tues?|wed(nes)?|thu(rs?)?|fri|sat(ur)?|sun)(day)?[,.]? +)?"
_MONTH = r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)\.?"
_DAY = r"[0-9]{1,2}(st|nd|rd|th)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?[ap]\.?m\.?)?( ?(z|[a-z]{3,4})?([+-][0-9]{1,2}(:?[0-9]{2})?)?)?"
_NUMBERED = r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})"
_WORDED = rf"{_WEEKDAY}({_DAY}[-/. ]{{0,2}}{_MONTH}[-/., ]{{1,2}}([0-9]{{4}}|[0-9]{{2}})|{_MONTH}[- ]?{_DAY},?[- ]+[0-9]{{4}})"
_YEAR_LAST = rf"{_WEEKDAY}{_MONTH} +[0-9]{{1,2}} +{_CLOCK} [0-9]{{4}}"
_THIN = "\u00a0\u202f"
_GROUPED = rf"[0-9]{{1,3}}(,[0-9]{{2,3}})*,[0-9]{{3}}|[0-9]{{1,3}}(['’ {_THIN}][0-9]{{3}})+|[0-9]{{1,3}}(\.[0-9]{{3}}){{2,}}"
_AMOUNT = rf"(({_GROUPED}|0|[1-9][0-9]*)([.,][0-9]*)?|[.,][0-9]+)"
_MONEY = r"([$€£¥₹]|USD|EUR|GBP|CHF|JPY|INR|Rs\.?)"
_SCALE = r"( ?([kmb]|bn|mn|mio|mrd|million|billion|thousand|crores?|lakhs?|cr))?"
_UNIT = """
% ‰ ° °c °f k m bn mn cr million billion thousand crore crores lakh lakhs mg g kg t lb lbs oz gram grams ounce ounces kilo kilos
ton tons tonne tonnes ml cl dl l ltr litre litres liter liters gal gallon gallons cup cups tsp tbsp mm cm dm km mi mile miles ft
foot feet in inch inches yd yards? metres? meters? sf sqft sqm sq m² m2 m³ m3 km² km2 ha acre acres s sec secs second seconds min
mins minute minutes h hr hrs hour hours day days week weeks wk wks mon mos mo month months yr yrs year years mv kv ma mah w
kw kwh mw mwh gw gwh wh kva hp hz khz mhz ghz kb mb gb tb bit bits byte bytes mbps gbps fps px mp dpi pa hpa kpa mpa bar mbar psi
db rpm mph kmh km/h m/s kn cal kcal j kj pcs pc pieces? units? items? people persons times pts points bps ppm
"""
_UNITS = "|".join(unit if unit.endswith("?") else re.escape(unit) for unit in _UNIT.split())
_TOP_LEVEL = "com|org|net|edu|gov|mil|info|biz|io|eu|uk|de|fr|nl|ch|at|it|es|pl|ru|jp|cn|br|au|ca"


EXPRESSIONS: tuple[tuple[str, str], ...] = (
    ("uuid", r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?"),
    ("email", r"[^@\s,;:<>\"]+@[^@\s,;]+\.[A-Za-z]{2,24}"),
    ("url", rf"((https?|ftp|HTTPS?|FTP)://|www\.)[^\s]+|([A-Za-z0-9-]+\.)+({_TOP_LEVEL})(/[^\s]*)?"),
    ("ip_address", r"([0-9]{1,3}\.){3}[0-9]{1,3}"),
    ("timestamp", rf"(?i)({_NUMBERED}|{_WORDED})(T| +| - |, ?| at ){_CLOCK}|{_YEAR_LAST}"),
    ("date", rf"(?i){_NUMBERED}|{_WORDED}"),
    ("year_month", r"(1[5-9]|2[01])[0-9]{2}[-/](0[1-9]|1[0-2])"),
    ("time_of_day", r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[aApP]\.?[mM]\.?)?"),
    (
        "currency",
        rf"(?i)[-(]?{_MONEY} ?-?[0-9][0-9.,' ]*{_SCALE}\)?[+-]?|-?[0-9][0-9.,' ]* ?{_MONEY}",
    ),
    ("percentage", r"[+-]?[0-9]+([.,][0-9]+)? ?%"),
    ("phone", r"\+[0-9][0-9 ()./-]{6,20}|\([0-9]{2,5}\) ?[0-9][0-9 ./-]{4,14}"),
    (
        "decimal_number",
        r"[+-]?([0-9]+|[0-9]{1,3}([,'][0-9]{3})+)?\.[0-9]+([eE][+-]?[0-9]+)?|[+-]?[0-9]+,[0-9]{1,2}",
    ),
    ("integer", r"[+-]?(0|[1-9][0-9]*)"),
    ("decimal_number", rf"[+-]?{_AMOUNT}|\({_AMOUNT}\)|{_AMOUNT}-"),
    ("quantity", rf"(?i)[<>≤≥~+-]?{_AMOUNT}( ?(-|to) ?{_AMOUNT})? ?({_UNITS})\.?( ?(old|[/²³]|per) ?[a-z]*)?"),
)

STAND_INS = frozenset(MISSING_WORDS)
CUT_OFF = re.compile(r"#{3,}")  # what a spreadsheet shows, and saves, of a number or a date in too narrow a column

SEEN_LENGTH = 400  # characters of a value that Python sees
LONGEST_ITEM, ITEM_WORDS = 40, 3
SHARED = 0.9  # at most so many items of lists with commas are different
BRACKETED = r"(?s)\[.*\]|\{.*[:,].*\}"
NUMBERS_ONLY = r"-?[0-9.]+( +-?[0-9.]+){4,}"


def is_value(text: str) -> bool:
    """Whether a text says something: neither empty, nor a word for nothing, nor cut off by a spreadsheet."""
    return bool(text) and text.lower() not in STAND_INS and not CUT_OFF.fullmatch(text)


def list_expression(values: Sequence[str], majority: float) -> str | None:
    """The expression of lists that most values, trimmed and different, are: in brackets, numbers side by side, or items with a sign
    between them; else ``None``.

    With semicolons, bars and commas at least half of the values have several items, each short; with commas, which addresses
    and names have too, the number of items must vary, and items come back.
    """
    for expression, beginnings in ((BRACKETED, "[{"), (NUMBERS_ONLY, "-.0123456789")):
        likely = [value for value in values if value[0] in beginnings]
        if likely and sum(_opens_or_is(value, expression) for value in likely) >= majority * len(values):
            return expression
    for sign in ";|,":
        if not values or 2 * sum(sign in value for value in values) < len(values):
            continue
        items = [[item.strip() for item in value.split(sign)] for value in values]
        short = sum(all(_is_item(part) for part in parts) for parts in items)
        if short >= majority * len(items) and (sign != "," or _come_back(items)):
            mark = re.escape(sign)
            return f"[^{mark}]{{1,{LONGEST_ITEM + 2}}}({mark}[^{mark}]{{1,{LONGEST_ITEM + 2}}})*"
    return None


def _opens_or_is(value: str, expression: str) -> bool:
    """Whether a value has the form, or is (but for blanks at its end) the beginning of a longer one that may."""
    return bool(re.fullmatch(expression, value)) or (len(value) > SEEN_LENGTH - 9 and expression == BRACKETED and value[0] in "[{")


def _come_back(lists: Sequence[Sequence[str]]) -> bool:
    """Whether lists differ in length, and draw on the same items, or on numbers."""
    every = [item for items in lists for item in items]
    shared = len(set(every)) <= SHARED * len(every) or all(item.isdecimal() for item in every)
    return shared and len({len(items) for items in lists}) > 1


def _is_item(part: str) -> bool:
    return 0 < len(part) <= LONGEST_ITEM and len(part.split()) <= ITEM_WORDS
