"""``docs/reference/http.md``: what holds for every request in words, every request and shape from the API's own description.

``python -m harness_api.http_reference > docs/reference/http.md`` makes it anew; a test compares them.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]

INTRODUCTION = Path(__file__).with_name("http_reference.md")
METHODS = ("get", "head", "post", "patch", "delete", "options")
LEFT_OUT = frozenset({"Problem", "FieldProblem"})


def http_page(document: Document) -> str:
    """The page for an OpenAPI document."""
    lines = [
        INTRODUCTION.read_text(encoding="utf-8").rstrip(),
        "",
        "## Requests",
        "",
        "Each may answer with a problem instead.",
        "",
    ]
    operations = list(_operations(document))
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
        lines += [f"### {tag.capitalize()}", ""]
        for path, method, operation in operations:
            if operation["tags"][0] == tag:
                lines += _operation(document, path, method, operation)
    lines += ["## Shapes", "", "Keys may be added to what is answered; none is taken away within `/api/v1`.", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        if name not in LEFT_OUT:
            lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def _operation(document: Document, path: str, method: str, operation: Document) -> list[str]:
    text = " ".join(operation.get("description", "").split())
    lines = [f"#### `{method.upper()} {path}`", "", f"{operation['summary']}. {text}".strip(), ""]
    asked = [item for item in operation.get("parameters", []) if item["in"] != "path"]
    if asked:
        lines += ["| parameter | in | value | meaning |", "| --- | --- | --- | --- |", *(_parameter(item) for item in asked), ""]
    return [*lines, *_body(operation), _answers(operation), ""]


def _parameter(item: Document) -> str:
    schema = item["schema"]
    value = _type(schema).removesuffix(" or null")
    if item.get("required"):
        value += ", needed"
    elif schema.get("default") not in (None, ""):
        value += f", `{_word(schema['default'])}` if absent"
    return f"| `{item['name']}` | {item['in']} | {value} | {item.get('description', '')} |"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(operation: Document) -> list[str]:
    body = operation.get("requestBody")
    if body is None:
        return []
    media_type, content = next(iter(body["content"].items()))
    return [f"Body: {_named(content.get('schema', {})) or 'bytes'} (`{media_type}`).", ""]


def _answers(operation: Document) -> str:
    found = []
    for status, response in operation["responses"].items():
        if status == "default":
            continue
        contents: Mapping[str, Document] = response.get("content", {})
        media_type = next(iter(contents), "")
        shape = _named(contents[media_type].get("schema", {})) if media_type else ""
        found.append(f"`{status}`" + (f" {shape}" if shape else f" `{media_type}`" if media_type else ""))
    return f"Answers {', '.join(found)}."


def _named(schema: Document) -> str:
    """A link to a shape; empty for what has no name."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f"[{name}](#{name.lower()})" if name and name not in LEFT_OUT else "a problem" if name else ""


def _shape(name: str, schema: Document) -> list[str]:
    text = " ".join(schema.get("description", "").split())
    lines = [f"### {name}", "", text, "", "| key | value | meaning |", "| --- | --- | --- |"]
    for key, item in schema.get("properties", {}).items():
        needed = ", needed" if schema.get("additionalProperties") is False and key in schema.get("required", ()) else ""
        lines.append(f"| `{key}` | {_type(item)}{needed} | {item.get('description', '')} |")
    return [*lines, ""]


def _type(schema: Document) -> str:
    """A schema's type in a few words."""
    if "$ref" in schema:
        return _named(schema)
    if "anyOf" in schema:
        return " or ".join(_type(item) for item in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kind = str(schema.get("type", "anything"))
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)


def main() -> None:
    from harness_api.app import api_routes

    sys.stdout.write(http_page(api_routes().openapi()))


if __name__ == "__main__":
    main()
