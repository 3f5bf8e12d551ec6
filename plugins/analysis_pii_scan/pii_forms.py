"""Forms of personal data: expressions that Python and DuckDB (RE2) read alike, and the check digits that tell them from chance.

Sources: ISO/IEC 7812-1 (Luhn's digit), ISO 13616 (IBAN), and the published rules of the national numbers named.
"""

from collections.abc import Callable
from dataclasses import dataclass

LETTERS_OF_NIF = "TRWAGMYFPDXBNJZSQVHLCKE"
LETTERS_OF_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
IBAN_LENGTH = {country: length for length, countries in IBAN_LENGTHS.items() for country in countries.split()}


def digits_of(text: str) -> list[int]:
    return [int(character) for character in text if character.isascii() and character.isdigit()]


def luhn(text: str) -> bool:
    """Luhn's check digit over all digits of ``text``."""
    doubled = [2 * digit if place % 2 else digit for place, digit in enumerate(reversed(digits_of(text)))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def card(text: str) -> bool:
    """A payment card: Luhn's digit, and not one digit throughout."""
    return luhn(text) and len(set(digits_of(text))) > 1


def iban(text: str) -> bool:
    """As long as its country's are, and the remainder of 1 by 97 after the first four characters are moved to the end."""
    plain = "".join(text.split()).upper()
    number = int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4]))
    return IBAN_LENGTH.get(plain[:2]) == len(plain) and number % 97 == 1


def nif(text: str) -> bool:
    """Spain: the letter is that of the number modulo 23."""
    plain = text.upper().replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1) if text[0].isalpha() else text.upper()
    return LETTERS_OF_NIF[int("".join(map(str, digits_of(plain)))) % 23] == plain[-1]


def personnummer(text: str) -> bool:
    """Sweden: Luhn's digit over the last ten digits, and a month and day."""
    digits = digits_of(text)[-10:]
    return luhn("".join(map(str, digits))) and 1 <= digits[2] * 10 + digits[3] <= 12


def hetu(text: str) -> bool:
    """Finland: the last character is that of the nine digits modulo 31."""
    return LETTERS_OF_HETU[int("".join(map(str, digits_of(text[:-1])))) % 31] == text[-1].upper()


def cpf(text: str) -> bool:
    """Brazil: two digits modulo 11."""
    digits = digits_of(text)
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        total = sum(digit * weight for digit, weight in zip(digits, range(size + 1, 1, -1), strict=False))
        if total * 10 % 11 % 10 != digits[size]:
            return False
    return True


def ssn(text: str) -> bool:
    """United States: areas, groups and serials that are never given out."""
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def address_of_four(text: str) -> bool:
    return all(part <= 255 for part in map(int, text.split(".")))


@dataclass(frozen=True)
class Form:
    """A kind of personal data with the expression of a whole value, how sure it makes by itself, and a check that chance fails.

    ``inside`` is the expression of one within a text, for forms that are rare enough to be looked for there; ``chance`` is the
    share of numbers drawn at random that pass the check.
    """

    kind: str
    name: str
    expression: str
    confidence: float
    check: Callable[[str], bool] | None = None
    inside: str | None = None
    chance: float = 0.0


EMAIL = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}"
CARD = (
    r"(4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6[0-9]{3}|3[0-9]{3})[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}"
    r"|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
)
IBAN = r"[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?"
SSN = r"[0-9]{3}-[0-9]{2}-[0-9]{4}"
NINO = r"[A-CEGHJ-PR-TW-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]"
PHONE = r"\+[0-9][0-9 ()./-]{6,20}[0-9]|\([0-9]{2,5}\) ?[0-9][0-9 ./-]{4,14}[0-9]|[0-9]{3}-[0-9]{3}-[0-9]{4}"
PHONE_INSIDE = r"\+[0-9]{1,3}[ .-]?\(?[0-9]{2,4}\)?([ .-]?[0-9]{2,4}){2,4}\b|\b[0-9]{3}-[0-9]{3}-[0-9]{4}\b"
STREET = (
    r"(?i)([0-9]{1,5}[a-z]? [^0-9]{2,40}\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|way|boulevard|blvd|place|square"
    r"|terrace|close|crescent)\.?"
    r"|[^0-9]{2,40}(straße|strasse|str\.|weg|platz|gasse|allee|gatan|vägen|straat|laan|gade|vej) ?[0-9]{1,4} ?[a-z]?"
    r"|(rue|via|calle|avenida|rua|ulica|ul\.|viale|piazza) .{2,40} ?,? ?[0-9]{1,4}|(p\.? ?o\.?|post office) box [0-9]+)( .*)?"
)

FORMS: tuple[Form, ...] = (
    Form("email", "e-mail addresses", EMAIL, 0.95, inside=EMAIL),
    Form("iban", "bank account numbers (IBAN)", IBAN, 0.5, iban, rf"\b({IBAN})\b", 1 / 97),
    Form("credit_card", "payment card numbers", CARD, 0.4, card, rf"\b({CARD})\b", 1 / 10),
    Form("ip_address", "IP addresses", r"([0-9]{1,3}\.){3}[0-9]{1,3}", 0.8, address_of_four),
    Form("ip_address", "IP addresses", r"[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{0,4}){3,7}", 0.8),
    Form("mac_address", "network card addresses", r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", 0.9),
    Form("national_id", "US social security numbers", SSN, 0.85, ssn, rf"\b{SSN}\b"),
    Form("national_id", "UK national insurance numbers", NINO, 0.85),
    Form("national_id", "Spanish identity numbers", r"[0-9XYZxyz][0-9]{7}-?[A-Za-z]", 0.5, nif),
    Form("national_id", "Swedish identity numbers", r"([0-9]{2})?[0-9]{6}[-+][0-9]{4}", 0.5, personnummer),
    Form("national_id", "Finnish identity numbers", r"[0-9]{6}[-+A][0-9]{3}[0-9A-Ya-y]", 0.6, hetu),
    Form("national_id", "Brazilian tax numbers", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", 0.8, cpf),
    Form("national_id", "Indian tax numbers", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", 0.7),
    Form("national_id", "Italian tax codes", r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", 0.9),
    Form("phone", "telephone numbers", PHONE, 0.75, inside=PHONE_INSIDE),
    Form("street_address", "street addresses", STREET, 0.8),
)
