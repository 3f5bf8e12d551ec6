"""Large JSON Lines are read in blocks: the same table, to the bit, as object by object, and never where it would differ."""

import importlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet
import pytest

from harness_core.sdk import InputRejected
from harness_core.sdk.validation import with_defaults

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
Read = Callable[..., tuple[bool, Any]]


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(PLUGIN))
    before = set(sys.modules)
    yield {name: importlib.import_module(name) for name in ("json_table", "json_lines", "table_settings", "repair_notes")}
    for name in set(sys.modules) - before:
        if str(PLUGIN) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


@pytest.fixture
def read(modules: dict[str, ModuleType], tmp_path: Path) -> Read:
    """Read a text in blocks, if that may be, or one by one: whether it was in blocks, and everything that came out."""

    def reading(text: str, *, in_blocks: bool, **settings: Any) -> tuple[bool, Any]:
        lines: Any = modules["json_lines"]
        lines.LEAST_BYTES, lines.BLOCK_BYTES = (0, 2_000) if in_blocks else (1 << 40, 2_000)
        path, work = tmp_path / "data.jsonl", tmp_path / str(in_blocks)
        path.write_text(text, encoding="utf-8", newline="")
        work.mkdir(exist_ok=True)
        given = with_defaults(json.loads((PLUGIN / "config.schema.json").read_text("utf-8")), settings)
        repairs = modules["repair_notes"].Repairs()
        try:
            table = modules["json_table"].read_json(
                path, modules["table_settings"].Settings.from_mapping(given), work, 512, repairs, lambda *_: None
            )
        except InputRejected as reason:
            return False, (reason.code, reason.line)
        stored = pyarrow.parquet.read_table(table.path)
        rows = [repr(row) for row in stored.to_pylist()]
        was_in_blocks = not list((work / "parts").glob("part-*")) and (work / "parts" / "lines.parquet").exists()
        return was_in_blocks, (rows, stored.schema, table.columns, table.row_count, table.reading, repairs.as_list())

    return reading


def lines(*records: object) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


MANY = [
    {
        "id": number,
        "name": f"Straße {number % 7}",
        "on": f"2024-01-{number % 28 + 1:02}",
        "x": number / 8 or 0.5,
        "ok": number % 3 == 0,
    }
    for number in range(200)
]
ONE_BY_ONE = {
    "a key that comes late": lines(*MANY * 6, {"id": 1, "late": 2}, *MANY),
    "a text among numbers": lines(*MANY, *MANY[:50], {"id": "7"}, *MANY),
    "a number among texts": lines(*MANY, {"name": 7}, *MANY),
    "a list": lines({"id": 1, "list": [1, 2]}, *MANY),
    "a number beyond 64 bit": lines(*MANY, {"id": 2**64}),
    "a large whole number among doubles": lines(*MANY, {"x": 2**70}),
    "the whole number -0 among doubles": lines(*MANY) + '{"x": -0}\n',
    "a token for no value among dates": lines(*MANY, {"on": "n/a"}, *MANY),
    "a text among dates": lines(*MANY, *MANY, *[{"on": "2024-02-01"}] * 6_000, {"on": "soon"}),
    "an empty text among numbers": lines(*MANY, {"id": ""}),
    "a line without an object": lines(*MANY, 5),
    "a blank line": lines(*MANY) + "\n" + lines(*MANY),
    "one object only": lines({"rows": MANY}),
}
BROKEN = {
    "two objects in a line": lines(*MANY) + '{"id": 1} {"id": 2}\n{"id":\n3}\n',
    "an object over two lines": lines(*MANY) + '{"id": 1,\n"x": 2}\n',
    "a line that is cut off": lines(*MANY) + '{"id": 1, "x"\n' + lines(*MANY),
    "the last line cut off": lines(*MANY) + '{"id": 1, "x": 2',
}


def test_regular_lines_are_the_same_in_blocks(read: Read) -> None:
    """Numbers, texts, dates, truth values, missing ones, keys in another order, escapes, and any line end, across many blocks."""
    draw = random.Random(1)
    records = [{key: value for key, value in row.items() if draw.random() > 0.1 or not place} for place, row in enumerate(MANY * 5)]
    records += [dict(reversed(row.items())) for row in MANY[:20]]
    records += [{"x": 12}, {"x": 1.5e17}, {"name": ""}, {"name": 'a\u2028\t"\\/\x00😀'}, {"name": "NULL"}, {"id": -(2**63)}, {}]
    text = lines(*records) + '{"x": 1e-400, "id": -0, "name": "\\u00e9\\ud83d\\ude00"}\r\n{"x": NaN}'
    fast, slow = read(text, in_blocks=True), read(text, in_blocks=False)
    assert fast[0]
    assert not slow[0]
    assert fast[1] == slow[1]
    assert [column.type for column in fast[1][2]] == ["integer", "text", "date", "float", "boolean"]


def test_names_that_differ_in_case_are_told_apart_in_blocks(read: Read) -> None:
    """Keys become column names by the same rules, and the same repair says so."""
    text = lines(*({"a": row["id"], "A": row["name"], " ": None} for row in MANY))
    fast, slow = read(text, in_blocks=True), read(text, in_blocks=False)
    assert fast[0]
    assert fast[1] == slow[1]
    assert fast[1][5]


@pytest.mark.parametrize("case", ONE_BY_ONE)
def test_what_blocks_would_change_is_read_one_by_one(read: Read, case: str) -> None:
    """Where the reader in blocks would refuse, bend or drop a value, the file goes the other way, and comes out as that says."""
    found = read(ONE_BY_ONE[case], in_blocks=True)
    assert not found[0]
    assert found[1] == read(ONE_BY_ONE[case], in_blocks=False)[1]


@pytest.mark.parametrize("case", BROKEN)
def test_broken_lines_are_refused_with_their_line(read: Read, case: str) -> None:
    """The reader in blocks takes some of these; the file is refused all the same."""
    code, line = read(BROKEN[case], in_blocks=True)[1]
    assert code == "bad_json"
    assert line == 201


def test_limits_and_forced_types_hold(read: Read) -> None:
    """``max_rows`` refuses lines read in blocks too, and a type that the settings ask for is given."""
    assert read(lines(*MANY), in_blocks=True, max_rows=199)[1][0] == "too_large"
    forced = read(lines(*MANY), in_blocks=True, types={"id": "text"})
    assert not forced[0]
    assert forced[1][2][0].type == "text"
