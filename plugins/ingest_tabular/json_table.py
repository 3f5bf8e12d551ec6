"""Reads JSON Lines, an array of objects, or an object around one, into typed Parquet; broken JSON is refused with its line."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cell_store import CellStore, NumberText
from csv_layout import usable_names
from csv_table import Table, too_many_columns, too_many_rows
from json_lines import read_lines
from repair_notes import Repairs, counted
from table_settings import Settings
from typed_table import connect, write_fixed

from harness_core.sdk import InputRejected

PIECE_CHARS = 1 << 20
MAX_WHOLE_BYTES = 256 << 20
MAX_VALUE_CHARS = 64 << 20
Progress = Callable[[float, str], None]
DECODER = json.JSONDecoder(parse_float=NumberText)


def read_json(path: Path, settings: Settings, work: Path, memory_mb: int, repairs: Repairs, progress: Progress) -> Table:
    """Objects become rows, their keys columns in the order in which they first appear; a key that is absent is null."""
    layout, names = _layout(path), _Names()

    def report(done: int, whole: int) -> None:
        progress(0.7 * done / max(1, whole), "reading objects")

    lines = read_lines(path, settings.type_rules, work / "parts", report) if layout == "jsonl" else None
    if lines is not None:
        typings = {names.of(key): typing for key, typing in lines.typings.items()}
        relation, row_count = lines.relation(list(typings)), lines.row_count
        _check_size(len(typings), row_count, settings)
    else:
        store = _one_by_one(path, layout, names, settings, work / "parts", repairs, report)
        relation, typings, row_count = store.relation(), store.typings(), store.row_count
    names.say(repairs)
    target = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        columns = write_fixed(connection, relation, typings, target, repairs)
    reading = {"format": layout, "columns": [{"name": column.name, **typing.as_reading()} for column, typing in columns]}
    return Table(target, [column for column, _ in columns], row_count, reading, repairs)


def _one_by_one(
    path: Path, layout: str, names: "_Names", settings: Settings, folder: Path, repairs: Repairs, report: Callable[[int, int], None]
) -> CellStore:
    """The objects by Python's reader, whatever their keys and values."""
    store, size = CellStore(folder, settings.type_rules), path.stat().st_size
    for value, done in _values(path, layout, repairs):
        record = value if isinstance(value, dict) else {"value": value}
        store.add([names.of(key) for key in record], record.values())
        _check_size(len(store.columns), store.row_count, settings)
        if store.row_count % 2_000 == 0:
            report(done, size)
    if not store.columns:
        raise InputRejected("The JSON holds no objects with keys.", remedy="Upload a list of objects.", code="not_a_table")
    return store


def _check_size(columns: int, rows: int, settings: Settings) -> None:
    if columns > settings.max_columns:
        raise too_many_columns(columns, settings.max_columns)
    if rows > settings.max_rows:
        raise too_many_rows(rows, settings.max_rows)


class _Names:
    """Column names for keys, told apart whatever their case."""

    def __init__(self) -> None:
        self._by_key: dict[str, str] = {}
        self._repairs = Repairs()

    def of(self, key: str) -> str:
        found = self._by_key.get(key)
        if found is None:
            names = usable_names([*self._by_key.values(), key], Repairs(), 1)
            found = self._by_key[key] = names[-1]
        return found

    def say(self, repairs: Repairs) -> None:
        changed = [(key, name) for key, name in self._by_key.items() if key != name]
        if changed:
            listed = ", ".join(f"“{key}” to “{name}”" for key, name in changed[:5])
            words = counted(len(changed), "key was renamed", "keys were renamed")
            repairs.add("renamed_keys", len(changed), f"{words} to be a usable column name: {listed}.")


def _layout(path: Path) -> str:
    """``jsonl``, ``json_array`` or ``json_object``, by the beginning of the file."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        lines = [line for line in (file.readline(PIECE_CHARS), file.readline(PIECE_CHARS)) if line.strip()]
    first = lines[0].strip() if lines else ""
    if first.startswith("["):
        return "json_array"
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return "json_object" if first in ("{", "") or not first.endswith("}") else "jsonl"
    return "jsonl" if len(lines) > 1 or path.stat().st_size < MAX_WHOLE_BYTES else "json_object"


def _values(path: Path, layout: str, repairs: Repairs) -> Iterator[tuple[Any, int]]:
    if layout == "jsonl":
        yield from _line_values(path, repairs)
    elif layout == "json_array":
        yield from _array_values(path)
    else:
        yield from _wrapped_values(path, repairs)


def bad_json(reason: Exception, line: int) -> InputRejected:
    said = reason.msg if isinstance(reason, json.JSONDecodeError) else "it is nested too deeply"
    return InputRejected(
        f"The JSON is broken on line {line:,}: {said}.",
        line=line,
        remedy="Correct that line, or export the data again.",
        code="bad_json",
    )


def _line_values(path: Path, repairs: Repairs) -> Iterator[tuple[Any, int]]:
    done, only = 0, True
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            done += len(line)
            if not line.strip():
                continue
            try:
                value = DECODER.decode(line)
            except (ValueError, RecursionError) as reason:
                raise bad_json(reason, number) from reason
            if only and done >= path.stat().st_size and isinstance(value, dict):
                wrapped = _inner_list(value)
                if wrapped:
                    yield from ((each, done) for each in _said(wrapped, value, repairs))
                    return
            only = False
            yield value, done


def _array_values(path: Path) -> Iterator[tuple[Any, int]]:
    """The members of a JSON array, one at a time, from a buffer that is refilled."""
    with path.open(encoding="utf-8", newline="\n") as file:
        buffer, place, line, done = "", 0, 1, 0
        expects = "["  # then a value, a comma or the closing bracket, and after that nothing
        while True:
            place, line = _skipped(buffer, place, line)
            if place >= len(buffer):
                piece = file.read(PIECE_CHARS)
                if not piece and expects:
                    raise bad_json(json.JSONDecodeError("the array is not closed", "", 0), line)
                if not piece:
                    return
                buffer, place, done = piece, 0, done + len(piece)
                continue
            if not expects:
                raise bad_json(json.JSONDecodeError("more follows the end of the array", "", 0), line)
            if buffer[place] == "]" and expects != "[":
                expects, place = "", place + 1
                continue
            if expects in "[,]" and buffer[place] in expects:
                expects, place = "value", place + 1
                continue
            if expects != "value":
                raise bad_json(json.JSONDecodeError("a comma or a closing bracket is missing", "", 0), line)
            try:
                value, end = DECODER.raw_decode(buffer, place)
            except (ValueError, RecursionError) as reason:
                piece = file.read(max(PIECE_CHARS, len(buffer) - place)) if len(buffer) - place < MAX_VALUE_CHARS else ""
                if not piece:
                    at = getattr(reason, "pos", place)
                    raise bad_json(reason, line + buffer.count("\n", place, at)) from reason
                buffer, place, done = buffer[place:] + piece, 0, done + len(piece)
                continue
            if end >= len(buffer) and (piece := file.read(PIECE_CHARS)):
                buffer, place, done = buffer[place:] + piece, 0, done + len(piece)
                continue
            line += buffer.count("\n", place, end)
            place, expects = end, ",]"
            yield value, done


def _skipped(buffer: str, place: int, line: int) -> tuple[int, int]:
    while place < len(buffer) and buffer[place] in " \t\r\n":
        line += buffer[place] == "\n"
        place += 1
    return place, line


def _wrapped_values(path: Path, repairs: Repairs) -> Iterator[tuple[Any, int]]:
    """One object over several lines: the longest list of objects in it is the table; several in a row are rows."""
    if path.stat().st_size > MAX_WHOLE_BYTES:
        raise InputRejected(
            "The file is one JSON object of more than 256 MB.", remedy="Export the data as JSON Lines or CSV.", code="too_large"
        )
    text = path.read_text(encoding="utf-8")
    values, place, line = [], 0, 1
    while True:
        place, line = _skipped(text, place, line)
        if place >= len(text):
            break
        try:
            value, end = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as reason:
            at = getattr(reason, "pos", place)
            raise bad_json(reason, line + text.count("\n", place, at)) from reason
        line += text.count("\n", place, end)
        values.append(value)
        place = end
    if len(values) == 1 and isinstance(values[0], dict) and (inner := _inner_list(values[0])):
        values = _said(inner, values[0], repairs)
    yield from ((value, len(text)) for value in values)


def _inner_list(value: Mapping[str, Any]) -> str | None:
    """The key of the longest list of objects directly in ``value``."""
    lists = {
        key: item for key, item in value.items() if isinstance(item, list) and item and all(isinstance(each, dict) for each in item)
    }
    return max(lists, key=lambda key: len(lists[key])) if lists else None


def _said(key: str, value: Mapping[str, Any], repairs: Repairs) -> list[Any]:
    others = len(value) - 1
    words = counted(others, "other key was", "other keys were")
    repairs.add("outer_object", others, f"The table is the list “{key}” of the outermost object; {words} set aside.")
    return list(value[key])
