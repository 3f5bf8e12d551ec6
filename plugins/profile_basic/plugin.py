"""Profiles a dataset version: one exact description per column, and the candidate keys. No sampling, no sketches."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import profile_meaning
import profile_numbers
import profile_semantics
import profile_texts
from profile_keys import candidate_keys
from profile_numbers import ArrayColumn

from harness_core.sdk import Dataset, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_name
from harness_core.sdk.statistics.series import time_places, usual_time_columns
from harness_core.sdk.view_columns import ViewColumn, view_columns

CELLS_AT_ONCE = 12_000_000  # so many numbers are in memory side by side; one column of a larger table
WORTH_SHARING = 500_000  # tables with so many rows are described by two threads, a chunk each; the largest by one, for their memory
COLUMNS_AT_ONCE = 50
COPIED_ROWS = 250_000  # tables with fewer rows are copied into the engine in slices of columns: wide files are opened less often
WIDE_TABLE = 300
KEYS_AND_TIMES = 1  # finding the keys and the order takes about as long as one more column


def run(ctx: PluginContext) -> PluginResult:
    dataset = ctx.dataset
    views = view_columns(dataset)
    limits = _limits(ctx.settings, len(views))
    columns: list[dict[str, Any]] = []
    for described in _described(dataset, list(_chunks(views, dataset.row_count)), limits):
        columns += described
        ctx.progress_in_rows(len(columns), len(views) + KEYS_AND_TIMES, "columns profiled")
    columns = [_with_role(column, ctx.settings["roles"]) for column in columns]
    names = {view.name: view.sql for view in views}
    keys = candidate_keys(dataset, columns, names, ctx.settings["max_key_checks"])
    _derive(ctx, columns)
    metrics = {
        "row_count": dataset.row_count,
        "column_count": len(columns),
        "columns": columns,
        "keys": keys,
        "roles": {column["name"]: column["role"] for column in columns},
        "sampled": dataset.is_sample,
    }
    return PluginResult.ok(_summary(dataset.row_count, columns, keys), metrics=metrics)


def _derive(ctx: PluginContext, columns: Sequence[Mapping[str, Any]]) -> None:
    """Keep the order of the rows by the likeliest time column, where finding it again would cost more than reading it."""
    usual = usual_time_columns(ctx.dataset, columns)
    if usual and ctx.dataset.row_count >= ctx.settings["derive_from_rows"]:
        found = time_places(ctx.dataset, usual[0])
        if found:
            ctx.write_derived(found)


def _with_role(column: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The column with the role that a person gave it, where one did; what the values suggest is kept beside it."""
    role = given.get(column["name"], column["role"])
    return column if role == column["role"] else {**column, "role": role, "role_by_values": column["role"]}


def _limits(settings: Mapping[str, Any], width: int) -> dict[str, int]:
    """How much is shown per column: less in wide tables, so that the profile of 2,000 columns stays readable by programs."""
    shown = {"bins": settings["histogram_bins"], "top": settings["top_values"], "patterns": settings["patterns"]}
    if width <= WIDE_TABLE:
        return shown
    return {"bins": min(shown["bins"], 12), "top": min(shown["top"], 5), "patterns": min(shown["patterns"], 3)}


def _described(
    dataset: Dataset, chunks: Sequence[Sequence[ViewColumn]], limits: dict[str, int]
) -> Iterator[Sequence[dict[str, Any]]]:
    """The columns of each chunk, in order. Nothing else runs beside the profile of a run, so a large table keeps two cores busy."""
    if len(chunks) < 2 or not _is_shared(dataset.row_count):
        yield from (_profile_chunk(dataset, chunk, limits) for chunk in chunks)
        return
    other = dataset.alongside()
    free = SimpleQueue[Dataset]()

    def one(chunk: Sequence[ViewColumn]) -> list[dict[str, Any]]:
        mine = free.get()
        try:
            return _profile_chunk(mine, chunk, limits)
        finally:
            free.put(mine)

    for each in (dataset, other):
        free.put(each)
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(one, chunks)
    dataset.rows_read += other.rows_read
    other.close()


def _is_shared(row_count: int) -> bool:
    return WORTH_SHARING <= row_count <= CELLS_AT_ONCE


def _chunks(views: Sequence[ViewColumn], row_count: int) -> Iterator[Sequence[ViewColumn]]:
    cells = CELLS_AT_ONCE // 2 if _is_shared(row_count) else CELLS_AT_ONCE
    width = max(1, min(COLUMNS_AT_ONCE, cells // max(1, row_count)))
    for start in range(0, len(views), width):
        yield views[start : start + width]


def _profile_chunk(dataset: Dataset, views: Sequence[ViewColumn], limits: dict[str, int]) -> list[dict[str, Any]]:
    relation, names = "data", [view.sql for view in views]
    if dataset.row_count <= COPIED_ROWS:
        relation, names = "profile_slice", [quote_name(f"c{index}") for index in range(len(views))]
        copied = ", ".join(f"{view.sql} AS {name}" for view, name in zip(views, names, strict=True))
        dataset.connection.execute(f"CREATE OR REPLACE TEMP TABLE profile_slice AS SELECT {copied} FROM data ORDER BY row_index")
    counts = dataset.sql(f"SELECT {', '.join(f'count({name})' for name in names)} FROM {relation}").fetchall()[0]
    arrays = {
        index: array
        for index, (view, name, count) in enumerate(zip(views, names, counts, strict=True))
        if count and (array := ArrayColumn.of(view, name)) is not None
    }
    values = dict(zip(arrays, profile_numbers.read_arrays(dataset, relation, list(arrays.values())), strict=True)) if arrays else {}
    columns = []
    for index, (view, name, count) in enumerate(zip(views, names, counts, strict=True)):
        facts: dict[str, Any] = {"count": count, "null_count": dataset.row_count - count}
        if index in arrays:
            facts |= profile_numbers.describe(arrays[index], values.pop(index), limits)
            if arrays[index].is_wide:
                facts |= profile_numbers.exact_extremes(dataset, relation, arrays[index], name)
            facts |= profile_meaning.of_numbers(view.name, view.column.type, facts)
        elif count:
            facts |= _values(dataset, relation, view, name, facts, limits)
        else:
            facts |= {"distinct_count": 0, **profile_meaning.NO_MEANING, "is_sorted": None}
        columns.append(_column(view, facts))
    return columns


def _values(
    dataset: Dataset, relation: str, view: ViewColumn, name: str, facts: Mapping[str, Any], limits: dict[str, int]
) -> dict[str, Any]:
    """The facts of a column that is grouped by value: text, truth values, binary, nested and whatever else there is."""
    groups = profile_texts.Groups(dataset, relation, name, view.storage)
    found = groups.facts()
    if not groups.is_text:
        return found | _opaque(groups, view, {**facts, **found}, limits)
    walked = profile_texts.walk(dataset, relation, name)
    found |= walked.facts()
    meaning = profile_meaning.of_texts(view.name, {**facts, **found}, groups.seen(), groups.matching)
    if meaning["semantic_type"] != "free_text":
        found |= profile_texts.patterns(walked.shapes, limits["patterns"])
    if profile_semantics.is_personal(view.name, meaning["semantic_type"]):
        return found | meaning | {"top_values_withheld": "may_be_personal"}
    if meaning["role"] in {"identifier", "text"} or found["most_frequent_count"] == 1:
        return found | meaning | {"top_values_withheld": "nearly_unique"}
    return found | meaning | {"top_values": groups.top(limits["top"])}


def _opaque(groups: profile_texts.Groups, view: ViewColumn, facts: Mapping[str, Any], limits: dict[str, int]) -> dict[str, Any]:
    if view.column.type == "boolean":
        top = [{"value": entry["value"] == "true", "count": entry["count"]} for entry in groups.top(limits["top"])]
        single = (
            profile_meaning.of_one_value(facts) if facts["distinct_count"] == 1 else {"semantic_type": "boolean", "role": "flag"}
        )
        return {**single, "semantic_share": 1.0, "top_values": top, "is_sorted": None}
    role = "constant" if facts["distinct_count"] == 1 and not facts["null_count"] else "text"
    withheld = {"is_sorted": None, "lengths": groups.lengths(), "top_values_withheld": "not_plain_values"}
    return {"semantic_type": view.column.type, "role": role, "semantic_share": 1.0, **withheld}


def _column(view: ViewColumn, facts: dict[str, Any]) -> dict[str, Any]:
    """The column's entry: identity first, then what was found; what does not apply to it is left out."""
    kept = {
        key: value
        for key, value in facts.items()
        if value is not None or key in {"is_sorted", "std", "skewness", "kurtosis", "histogram"}
    }
    kept.pop("most_frequent_count", None)
    is_unique = facts["count"] > 0 and facts["distinct_count"] == facts["count"]
    entry = {
        "name": view.name,
        "type": view.column.type,
        "storage_type": view.storage,
        "distinct_exact": True,
        "is_unique": is_unique,
    }
    return {**entry, **kept}


def _summary(row_count: int, columns: Sequence[Mapping[str, Any]], keys: Sequence[Mapping[str, Any]]) -> str:
    roles: dict[str, int] = {}
    for column in columns:
        roles[column["role"]] = roles.get(column["role"], 0) + 1
    mix = ", ".join(f"{count:,} {role}" for role, count in sorted(roles.items(), key=lambda item: (-item[1], item[0])))
    named = " + ".join(f'"{name}"' for name in keys[0]["columns"]) if keys else ""
    key = f" {named} tells every row apart." if named else ""
    rows, width = ("row" if row_count == 1 else "rows"), ("column" if len(columns) == 1 else "columns")
    return f"{row_count:,} {rows} and {len(columns):,} {width} profiled ({mix}).{key}"
