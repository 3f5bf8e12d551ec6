"""The plugin's settings as one typed record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Settings:
    """See ``config.schema.json`` for what each means; ``block_bytes`` is how much is read and looked at together, ``earlier``
    the SHA-256 of the files that are earlier versions."""

    dialect: str
    encoding: str
    tables: frozenset[str]
    strict: bool
    max_tables: int
    max_columns: int
    max_rows: int
    max_row_bytes: int
    max_statement_bytes: int
    max_expanded_bytes: int
    earlier: frozenset[str] = frozenset()
    block_bytes: int = BLOCK_BYTES

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> "Settings":
        given = {name: value for name, value in raw.items() if name != "earlier_inputs"}
        earlier = frozenset(str(entry["sha256"]) for entry in raw.get("earlier_inputs", []))
        return cls(**{**given, "tables": frozenset(name.lower() for name in raw["tables"]), "earlier": earlier})
