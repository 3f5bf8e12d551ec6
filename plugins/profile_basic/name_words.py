"""Words in column names that say what a column holds: English, with the German ones that ERP tables use."""

_IDENTIFIER = """
guid id ids idx index key no nr num number nummer pk ref reference serial uid uuid
"""
_CODE = """
account agent article batch branch case category class client code codes contract customer day department driver
employee flag grade group kind level machine material member month order patient plant plz postal postcode product
project quarter region resource shift sku state status store supplier team ticket type user vendor warehouse weekday
year zip
"""
_AMOUNT = """
age amount balance cost count counts days discount gross height hours items length minutes net price qty quantity rate
score seconds size stock sum tax total units value weight width
"""
_MONEY = """
amount balance chf cost costs discount eur fee gbp payment price revenue salary tax turnover usd wage
"""
_SHARE = """
% pct percent percentage share
"""
_PHONE = """
cell fax mobile phone tel telefon telephone
"""
_KIND = """
category class count flag kind label status type
"""
_PERSON = """
address birthdate birthday cell dob email fax firstname forename fullname geburtsdatum givenname iban lastname login
mail mobile nachname passport patient phone ssn street surname tel telefon telephone username vorname
"""
_QUALIFIER = """
client contact customer employee family first full given last maiden middle patient person user
"""
KIND_WORDS = frozenset(_KIND.split())
IDENTIFIER_WORDS = frozenset(_IDENTIFIER.split())
CODE_WORDS = frozenset(_CODE.split())
AMOUNT_WORDS = frozenset(_AMOUNT.split())
MONEY_WORDS = frozenset(_MONEY.split())
SHARE_WORDS = frozenset(_SHARE.split())
PHONE_WORDS = frozenset(_PHONE.split())
PERSON_WORDS = frozenset(_PERSON.split())
PERSON_QUALIFIERS = frozenset(_QUALIFIER.split())
