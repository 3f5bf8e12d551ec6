"""Is this a JSON Schema we can hold somebody to? Every mistake in a schema document of Draft 2020-12, found before it is used.

Stricter than the standard where the standard lets a typo or a trap pass: keywords that look misspelt, references that leave
the document, nested ``$id``, and patterns that RE2 (which never runs away) does not know.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import kind_of
from harness_core.domain.patterns import pattern_problem
from harness_core.domain.suggestions import did_you_mean, nearest, shown

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
MAX_DEPTH = 32
MAX_SCHEMAS = 20_000
REFERENCES = ("$ref", "$dynamicRef")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value) and len(set(value)) == len(value)


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else _is_names(value) and bool(value) and set(value) <= set(TYPES)


@dataclass(frozen=True)
class Shape:
    """What a keyword's value must be: the test, and the words for it."""

    fits: Callable[[Any], bool]
    words: str


_ANY = Shape(lambda value: True, "anything")
_TEXT = Shape(lambda value: isinstance(value, str), "a text")
_FLAG = Shape(lambda value: isinstance(value, bool), "true or false")
_LIST = Shape(lambda value: isinstance(value, list), "a list")
_NUMBER = Shape(_is_number, "a number")
_COUNT = Shape(_is_count, "a whole number, 0 or more")
_NAMES = Shape(_is_names, "a list of different texts")
_SCHEMA = Shape(lambda value: isinstance(value, Mapping | bool), "a schema")
_SCHEMAS = Shape(lambda value: isinstance(value, list) and bool(value), "a list of schemas, not empty")
_SCHEMA_MAP = Shape(lambda value: isinstance(value, Mapping), "a mapping of schemas")

_BY_SHAPE: tuple[tuple[Shape, str], ...] = (
    (_ANY, "const default"),
    (_TEXT, "$schema $id $ref $dynamicRef $anchor $dynamicAnchor $comment title description format pattern"),
    (_TEXT, "contentEncoding contentMediaType"),
    (_FLAG, "uniqueItems deprecated readOnly writeOnly"),
    (_LIST, "enum examples"),
    (_NUMBER, "minimum maximum exclusiveMinimum exclusiveMaximum"),
    (Shape(lambda value: _is_number(value) and value > 0, "a number above 0"), "multipleOf"),
    (_COUNT, "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains"),
    (_NAMES, "required"),
    (Shape(_is_type, f"one of {', '.join(TYPES)}, or a list of them"), "type"),
    (
        Shape(lambda value: isinstance(value, Mapping) and all(map(_is_names, value.values())), "lists of names"),
        "dependentRequired",
    ),
    (Shape(lambda value: isinstance(value, Mapping), "a mapping"), "$vocabulary"),
    (
        _SCHEMA,
        "additionalProperties items not if then else contains propertyNames unevaluatedItems unevaluatedProperties contentSchema",
    ),
    (_SCHEMAS, "allOf anyOf oneOf prefixItems"),
    (_SCHEMA_MAP, "properties patternProperties $defs definitions dependentSchemas"),
)
KEYWORDS: Mapping[str, Shape] = {name: shape for shape, names in _BY_SHAPE for name in names.split()}


def schema_problems(schema: Any, where: str) -> list[Problem]:
    """Everything that is wrong with a schema document; empty when it can be used."""
    if not isinstance(schema, Mapping):
        return [Problem(where, "", f"a schema is an object, and this is {kind_of(schema)}", 'begin with {"type": "object"}')]
    return list(_Check(schema, where).run())


class _Check:
    def __init__(self, root: Mapping[str, Any], where: str) -> None:
        self._root, self._where, self._count = root, where, 0

    def _problem(self, name: str, reason: str, remedy: str = "") -> Problem:
        return Problem(self._where, name, reason, remedy)

    def run(self) -> Iterator[Problem]:
        dialect = self._root.get("$schema", DIALECT)
        if isinstance(dialect, str) and dialect.rstrip("#") != DIALECT:
            yield self._problem("$schema", f"{shown(dialect)} is another dialect", f"write {DIALECT}")
        yield from self._schema(self._root, "", 0)
        if self._count > MAX_SCHEMAS:
            yield self._problem("", f"holds more than {MAX_SCHEMAS:,} schemas", "make it smaller")

    def _schema(self, schema: Mapping[str, Any], name: str, depth: int) -> Iterator[Problem]:
        self._count += 1
        if self._count > MAX_SCHEMAS:
            return
        if depth > MAX_DEPTH:
            yield self._problem(name, f"nested deeper than {MAX_DEPTH} schemas", "move parts into $defs")
            return
        for keyword, value in schema.items():
            yield from self._keyword(keyword, value, _joined(name, keyword), depth)
        if "unevaluatedProperties" in schema and "patternProperties" in schema:
            yield self._problem(
                _joined(name, "unevaluatedProperties"), "does not go with patternProperties", "write additionalProperties"
            )

    def _keyword(self, keyword: str, value: Any, name: str, depth: int) -> Iterator[Problem]:
        shape = KEYWORDS.get(keyword)
        if shape is None:
            if best := nearest(keyword, KEYWORDS, cutoff=0.8):
                yield self._problem(name, "unknown keyword", f"did you mean {best}? A keyword of your own begins with x-")
            return
        if not shape.fits(value):
            yield self._problem(name, f"must be {shape.words}, and is {kind_of(value)}", _remedy(keyword, value))
            return
        if keyword in REFERENCES:
            yield from self._reference(value, name)
        elif keyword == "$id" and depth:
            yield self._problem(name, "a part with an id of its own is not read", "leave it out")
        elif keyword == "pattern":
            yield from self._pattern(value, name)
        elif keyword == "patternProperties":
            for pattern in value:
                yield from self._pattern(pattern, f"{name}[{shown(pattern)}]")
        for inner_name, inner in _parts(shape, value, name):
            if not _SCHEMA.fits(inner):
                yield self._problem(inner_name, f"must be a schema, and is {kind_of(inner)}")
            elif isinstance(inner, Mapping):
                yield from self._schema(inner, inner_name, depth + 1)

    def _pattern(self, pattern: str, name: str) -> Iterator[Problem]:
        if reason := pattern_problem(pattern):
            yield self._problem(name, f"{shown(pattern)} is no pattern: {reason}", "RE2 syntax: no lookaround, no back references")

    def _reference(self, reference: str, name: str) -> Iterator[Problem]:
        if not reference.startswith("#"):
            yield self._problem(
                name, f"{shown(reference)} leads out of this document", "copy the part into $defs and write #/$defs/…"
            )
        elif reference != "#" and not reference.startswith("#/"):
            yield self._problem(name, f"{shown(reference)} is an anchor, which is not read", "write #/$defs/…")
        elif not isinstance(referenced(self._root, reference), Mapping | bool):
            known = [f"#/$defs/{key}" for key in self._root.get("$defs") or {}]
            yield self._problem(name, f"{shown(reference)} names no schema", did_you_mean(reference, known))


def referenced(root: Mapping[str, Any], reference: str) -> Any:
    """What a reference within the document (``#`` or ``#/…``) names; None when there is nothing."""
    target: Any = root
    for part in reference.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        else:
            target = target.get(part) if isinstance(target, Mapping) else None
    return target


def _parts(shape: Shape, value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The schemas that a keyword holds, with their names."""
    if shape is _SCHEMA:
        yield name, value
    elif shape is _SCHEMAS:
        yield from ((f"{name}[{index}]", item) for index, item in enumerate(value))
    elif shape is _SCHEMA_MAP:
        yield from ((_joined(name, key), item) for key, item in value.items())


def _remedy(keyword: str, value: Any) -> str:
    best = nearest(value, TYPES) if keyword == "type" and isinstance(value, str) else None
    return f"did you mean {best}?" if best else ""


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
