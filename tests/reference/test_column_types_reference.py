"""Types and meanings of columns against labels that people gave: SortingHat's feature types, and ptype's types and missing codes."""

import csv
import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
SORTING_HAT = {"random forest": 0.9265, "CNN": 0.880, "logistic regression": 0.858}  # trained on these labels; ours is not
FLOOR_ACCURACY, FLOOR_TYPES, FLOOR_MISSING = 0.82, 0.9, 0.95
FLOOR_RECALL = {"datetime": 0.9, "embedded-number": 0.9, "list": 0.85, "url": 0.85}
SAMPLES = [f"sample_{k}" for k in range(1, 6)]
MODULES = {
    "profile_basic": ("profile_meaning", "profile_semantics", "profile_forms", "name_words", "country_names"),
    "ingest_tabular": ("column_types",),
}
NUMBERS = {"integer", "float", "decimal"}
MOMENTS = {"date", "timestamp", "time_of_day", "year_month"}
NUMBERS_IN_TEXT = {"currency", "percentage", "decimal_number", "integer", "quantity"}
NEARLY_EMPTY = 0.01


@pytest.fixture(scope="module")
def plugins() -> Iterator[Any]:
    """The modules that decide types and meanings, forgotten afterwards."""
    folders = [str(PLUGINS / plugin) for plugin in MODULES]
    sys.path[:0] = folders
    names = [name for modules in MODULES.values() for name in modules]
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for folder in folders:
        sys.path.remove(folder)
    for name in names:
        sys.modules.pop(name, None)


def typing_of(plugins: Any, texts: Sequence[str]) -> Any:
    """As which type ingest reads these texts: text where readings contradict each other."""
    schema = json.loads((PLUGINS / "ingest_tabular" / "config.schema.json").read_text(encoding="utf-8"))
    tokens = frozenset(token.lower() for token in schema["properties"]["null_tokens"]["default"])
    found = plugins.column_types.candidates(texts, plugins.column_types.TypeRules(null_tokens=tokens))
    return found[0] if len(found) == 1 else plugins.column_types.TEXT


def number(text: str, typing: Any) -> float:
    plain = text.strip().replace(typing.thousands, "") if typing.thousands else text.strip()
    return float(plain.replace(",", ".") if typing.decimal == "," else plain)


def facts_of(row: Mapping[str, str], typing: Any, texts: Sequence[str]) -> dict[str, Any]:
    """What the profile would count: rows, nulls, distinct values and extremes as published, the rest of the five samples."""
    total, missing = int(row["total_vals"]), int(row["num_nans"])
    facts: dict[str, Any] = {"count": total - missing, "null_count": missing, "distinct_count": int(row["num_of_dist_val"])}
    if typing.type not in NUMBERS:
        return {**facts, "blank_count": 0, "lengths": {"mean": sum(map(len, texts)) / len(texts)}}
    published = [float(row[name] or 0) for name in ("min_val", "max_val")]
    numbers = [number(text, typing) for text in texts if text not in typing.tokens] + (published if any(published) else [])
    return {**facts, "min": min(numbers), "max": max(numbers), "is_integer_valued": all(x == int(x) for x in numbers)}


def our_class(plugins: Any, row: Mapping[str, str]) -> str:
    """The class of SortingHat that the type from the samples and the meaning from the published counts come to."""
    texts = [row[name] for name in SAMPLES if row[name].strip()]
    if not texts or int(row["total_vals"]) - int(row["num_nans"]) <= NEARLY_EMPTY * int(row["total_vals"]):
        return "not-generalizable"
    typing = typing_of(plugins, texts)
    facts = facts_of(row, typing, texts)
    if typing.type == "boolean":
        return "categorical" if facts["distinct_count"] > 1 else "not-generalizable"
    if typing.type == "text":
        seen = sorted(Counter(texts).items())
        meaning = plugins.profile_meaning.of_texts(row["Attribute_name"], facts, seen, lambda expression: facts["count"])
    else:
        meaning = plugins.profile_meaning.of_numbers(row["Attribute_name"], typing.type, facts)
    return as_sorting_hat(typing, meaning["semantic_type"], meaning["role"])


def as_sorting_hat(typing: Any, semantic: str, role: str) -> str:
    """Our words in those of SortingHat: one value, nothing or a key generalise to nothing; amounts with signs, units or groups are
    embedded numbers; flags and categories are categorical; names, codes and other short texts need their context."""
    if role in {"constant", "empty"} or semantic in {"constant", "identifier"}:
        return "not-generalizable"
    if semantic in {"url", "list"}:
        return semantic
    if semantic in MOMENTS:
        return "datetime"
    if (typing.type == "text" and semantic in NUMBERS_IN_TEXT) or typing.thousands or typing.decimal == ",":
        return "embedded-number"
    if role in {"category", "flag"}:
        return "categorical"
    if role == "measure":
        return "numeric"
    return "sentence" if semantic == "free_text" else "context-specific"


def test_feature_types_of_sorting_hat(plugins: Any) -> None:
    """Nine classes from five samples and base statistics: accuracy, and recall where a form decides."""
    rows: list[dict[str, str]] = []
    for path in sorted((reference_folder("11-column-types") / "sortinghat").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    pairs = Counter((row["y_act"], our_class(plugins, row)) for row in rows)
    lines, recalls = [], {}
    for name in sorted({row["y_act"] for row in rows}):
        true = sum(count for (wanted, _), count in pairs.items() if wanted == name)
        said = sum(count for (_, found), count in pairs.items() if found == name)
        recalls[name] = pairs[name, name] / true
        lines.append(f"{name:20} n {true:5}  precision {pairs[name, name] / max(1, said):.3f}  recall {recalls[name]:.3f}")
    accuracy = sum(count for (wanted, found), count in pairs.items() if wanted == found) / len(rows)
    lines.append(f"accuracy {accuracy:.3f} of {len(rows)} columns; published, trained on such labels: {SORTING_HAT}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert accuracy >= FLOOR_ACCURACY
    assert not {name: recalls[name] for name, floor in FLOOR_RECALL.items() if recalls.get(name, 1.0) < floor}


def read(path: Path, **settings: Any) -> pa.Table:
    answer = run_plugin(PLUGINS / "ingest_tabular", inputs=[path], settings=settings)
    return pyarrow.parquet.read_table(Path(answer["scratch"]) / "datasets" / "0" / "data.parquet")


def as_ptype(column: Mapping[str, Any]) -> set[str]:
    """The types of ptype that are right for a column of ours; a sex written as one of few letters or numbers is any category."""
    if column["type"] in {"date", "timestamp", "time"} or column["semantic_type"] in MOMENTS:
        return {"date-eu", "date-us", "date-iso-8601", "date-non-std", "date-non-std-subtype"}
    named = {"integer": "integer", "float": "float", "decimal": "float", "boolean": "boolean"}.get(column["type"], "string")
    extra = {"gender"} if column["role"] in {"category", "flag"} else set()
    return {named} | extra | ({"boolean"} if column["semantic_type"] == "boolean" else set())


def suspected(findings: Sequence[Mapping[str, Any]], table: pa.Table) -> set[tuple[str, int]]:
    """The cells that findings about stand-ins for missing values tell of, by the condition in their evidence."""
    data, cells = table.append_column("row_index", pa.array(range(table.num_rows))), set()
    with duckdb.connect() as connection:
        connection.register("data", data)
        for finding in findings:
            if finding["kind"] == "sentinel":
                sql = finding["evidence"][0]["sql"]
                condition = re.search(r"count\(\*\) FILTER \(WHERE (.*?)\)(?:,| FROM)", sql)
                assert condition, sql
                rows = connection.execute(f"SELECT row_index FROM data WHERE {condition[1]}").fetchall()
                cells |= {(finding["columns"][0], row) for (row,) in rows}
    return cells


def test_types_and_missing_codes_of_ptype() -> None:
    """Share of columns with the labelled type, and agreement (Jaccard) on the cells that hold a code for missing."""
    folder = reference_folder("11-column-types")
    annotations = json.loads((folder / "ptype_annotations.json").read_text(encoding="utf-8"))
    right = total = 0
    lines, emptied, told, true = [], set(), set(), set()
    for path in sorted((folder / "ptype").glob("*.csv")):
        table, raw = read(path), read(path, types={"*": "text"})
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile})
        labels = (folder / "ptype_expected" / "missing_anomalous" / f"{path.stem}.json").read_text(encoding="utf-8-sig")
        codes = {name: {code.strip() for code in entry["missing_values"]} for name, entry in json.loads(labels).items()}
        for column, wanted in zip(profile["metrics"]["columns"], annotations[path.stem], strict=True):
            is_right = wanted in as_ptype(column)
            right, total = right + is_right, total + 1
            lines += [] if is_right else [f"{path.stem}: {column['name']} is {wanted}, found {column['type']}"]
        for name in table.column_names:
            values, texts = table[name].to_pylist(), raw[name].to_pylist()
            cells = [(path.stem, name, row) for row in range(table.num_rows)]
            true |= {cell for cell, text in zip(cells, texts, strict=True) if (text or "").strip() in codes.get(name, set())}
            emptied |= {cell for cell, value in zip(cells, values, strict=True) if value is None or not str(value).strip()}
        told |= {(path.stem, name, row) for name, row in suspected(answer["findings"], table)}
    agreement = len(emptied & true) / len(emptied | true)
    with_told = len((emptied | told) & true) / len(emptied | told | true)
    lines.append(f"types {right} of {total}; missing cells {len(true)}: Jaccard {agreement:.3f}, with suspected {with_told:.3f}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert right >= FLOOR_TYPES * total
    assert agreement >= FLOOR_MISSING
