"""References of real databases: every foreign key that an engine has is found by declaration, and most are found by name alone.

The anchor is the engine itself, which refuses rows that break a key: so none may be told as broken. The data is found in the folder
that HARNESS_REFERENCE_DATA names.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.sql_dumps import dataset_folders
from tests.reference.folders import reference_folder
from tests.reference.test_sql_dump_reference import say, sources

pytestmark = pytest.mark.reference
PLUGINS = Path(__file__).parents[2] / "plugins"
DUMPS = (
    "chinook/Chinook_PostgreSql.sql", "pgsamples/world.sql", "jooq-sakila/postgres-schema.sql + postgres-copy.sql",
    "northwind/northwind_pg.sql",
)  # fmt: skip
FLOOR_BY_NAME = 0.9  # of the keys whose column and target agree in name and whose target has values enough
KEY = re.compile(r"(\S+) -> (\S+): FOREIGN KEY \(([^)]+)\) REFERENCES \S+?\(([^)]+)\)")

Link = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def data() -> Path:
    return reference_folder("15-sql-dumps")


def links(answer: dict[str, Any]) -> set[Link]:
    found = answer["metrics"]["references"]
    return {(item["from"], ", ".join(item["columns"]), item["to"][0], ", ".join(item["key"])) for item in found}


def undeclared(folders: dict[str, Path]) -> dict[str, Path]:
    """The same tables as if their keys had never been declared."""
    for folder in folders.values():
        facts = json.loads((folder / "schema.json").read_text("utf-8"))
        facts["reading"]["foreign_keys"] = []
        (folder / "schema.json").write_text(json.dumps(facts), encoding="utf-8")
    return folders


@pytest.mark.parametrize("name", DUMPS)
def test_keys_of_the_engine_are_found_and_hold(name: str, data: Path, tmp_path: Path) -> None:
    """Declared keys: all that have values on both sides, none broken. By name alone: nothing broken that the engine says is whole."""
    engine = json.loads((data / "expected.json").read_text("utf-8"))[name]
    tables = {table.rpartition(".")[2]: facts for table, facts in engine["tables"].items()}
    values = {(table, column["name"]): column["non_null"] for table, facts in tables.items() for column in facts["columns"]}
    known = {match.group(1, 3, 2, 4) for match in map(KEY.match, engine["foreign_keys"]) if match}
    full = {link for link in known if values[link[0], link[1]] and values[link[2], link[3]]}
    read = run_plugin(PLUGINS / "ingest_sql_dump_v1", inputs=sources(data, name, tmp_path), scratch=tmp_path / "scratch")
    folders = dataset_folders(read, tmp_path / "tables")
    answer = run_plugin(PLUGINS / "analysis_references", datasets=folders)
    declared = links(answer)
    assert full <= declared, full - declared
    assert all(item["lost_rows"] == 0 for item in answer["metrics"]["references"] if item["declared"])

    by_name = run_plugin(
        PLUGINS / "analysis_references", datasets=undeclared(folders), settings={"min_key_values": 2, "min_text_key_values": 2}
    )
    found = links(by_name)
    telling = {link for link in full if link[1].rpartition("_")[0] and link[1].endswith(link[3])}
    ends = {frozenset({(link[0], link[1]), (link[2], link[3])}) for link in found}
    right = {link for link in telling if frozenset({(link[0], link[1]), (link[2], link[3])}) in ends}
    say(
        f"{name}: {len(full & declared)} of {len(full)} keys by declaration; {len(right)} of {len(telling)} with telling names by name"
    )
    say(f"  by name beyond the declared: {sorted(found - known)}")
    say(f"  not by name: {sorted(full - found)}")
    assert len(right) >= FLOOR_BY_NAME * len(telling)
