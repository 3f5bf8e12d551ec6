"""The plugin's settings as one typed record; ``auto`` becomes None."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from column_types import TypeRules


@dataclass(frozen=True)
class Settings:
    """See ``config.schema.json`` for what each means; ``stop_after_rows`` is set by previews of large workbooks."""

    delimiter: str | None
    quote: str | None
    encoding: str
    header: bool | None
    skip_rows: int
    sheet: str | int
    quoted_empty: str
    max_columns: int
    max_rows: int
    max_expanded_bytes: int
    type_rules: TypeRules
    stop_after_rows: int | None = None

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> "Settings":
        delimiter, quote, header = raw["delimiter"], raw["quote"], raw["header"]
        rules = TypeRules(
            frozenset(token.strip().lower() for token in raw["null_tokens"]), raw["decimal"], raw["date_order"], dict(raw["types"])
        )
        return cls(
            delimiter=None if delimiter == "auto" else {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter),
            quote=None if quote == "auto" else "" if quote == "none" else quote,
            encoding=raw["encoding"],
            header=None if header == "auto" else header in (True, "true"),
            skip_rows=raw["skip_rows"],
            sheet=raw["sheet"],
            quoted_empty=raw["quoted_empty"],
            max_columns=raw["max_columns"],
            max_rows=raw["max_rows"],
            max_expanded_bytes=raw["max_expanded_bytes"],
            type_rules=rules,
        )
