"""Which columns of the view ``data`` a query names: in a wide table, binding all two thousand costs more than the answer."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Node = dict[str, Any]


def named_columns(connection: "duckdb.DuckDBPyConnection", query: str, columns: Sequence[str]) -> list[str] | None:
    """Those of ``columns`` that the query may read from ``data``, by its parse tree; None where it may read all, or cannot be told.

    A column counts as named where its name stands anywhere in the query, as a text or an alias too: never one too few.
    """
    ((serialized,),) = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    tree = json.loads(serialized)
    if tree["error"] or len(tree["statements"]) != 1:
        return None
    nodes = list(_nodes(tree))
    if _reads_all(nodes):
        return None
    words = {word.lower() for node in nodes for word in _words(node)}
    return [name for name in columns if name.lower() in words]


def _nodes(tree: Any, *, of_one_select: bool = False) -> Iterator[Node]:
    """All objects of a parse tree; with ``of_one_select`` without those of the selects inside it."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if not (of_one_select and item.get("type") == "SELECT_NODE"):
                yield item
                waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _words(node: Node) -> Iterator[str]:
    for value in node.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _reads_all(nodes: Sequence[Node]) -> bool:
    """Whether a query may read columns that it does not name: by a star, by place, or as whole rows."""
    sources = [node for node in nodes if _is_data(node)]
    rows = {"data", *(source["alias"].lower() for source in sources)}
    return any(
        node.get("type") == "SHOW_REF"
        or node.get("ref_type") == "NATURAL"
        or (node.get("class") == "COLUMN_REF" and node["column_names"][-1].lower() in rows)
        or (node.get("class") == "STAR" and node["relation_name"].lower() in rows - {""})
        or (node.get("type") == "SELECT_NODE" and _is_star_over_data(node))
        or any(entry["key"].lower() == "data" for entry in node.get("cte_map", {}).get("map", ()))
        for node in nodes
    ) or any(source["column_name_alias"] for source in sources)


def _is_star_over_data(select: Node) -> bool:
    own = list(_nodes(list(select.values()), of_one_select=True))
    return any(node.get("class") == "STAR" for node in own) and any(_is_data(node) for node in own)


def _is_data(node: Node) -> bool:
    return node.get("type") == "BASE_TABLE" and node["table_name"].lower() == "data"
