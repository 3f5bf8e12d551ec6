"""Words that people and programs write where there is no value, in small letters: one list for all plugins."""

_WORDS = """
n/a | na | n.a. | n/d | #n/a | null | (null) | <null> | <na> | none | nil | nan | unknown | not known | unbekannt | missing
undefined | unspecified | not available | not applicable | not specified | not found | not_found | no data | nodata | no value
(blank) | blank | empty | tbd | tba | keine angabe | k.a. | \\n | #null! | #value! | #ref! | #name? | #div/0! | #num!
- | -- | --- | ? | ?? | ??? | . | .. | ...
"""
MISSING_WORDS = tuple(word.strip() for word in _WORDS.strip().replace("\n", "|").split("|"))
