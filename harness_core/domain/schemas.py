"""Holding a value to a JSON Schema: all problems at once, in words, with the field; bounded whatever schema and value are.

Nothing is ever fetched, patterns are matched by RE2, and the work is counted: past a limit the check ends with a problem
instead of going on. A secret reference ``{"$env": "NAME"}`` counts as a text that is not known yet, where that is asked for.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import kind_of
from harness_core.domain.patterns import matches
from harness_core.domain.schema_documents import schema_problems
from harness_core.domain.suggestions import did_you_mean, shown

__all__ = ["is_secret_reference", "schema_problems", "validate"]

MAX_PROBLEMS = 100
MAX_STEPS = 10_000_000
PATTERN_STEPS = 50
REFERENCE_KEY = "$env"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
_steps: ContextVar[int] = ContextVar("steps", default=0)


class _TooMuchError(Exception):
    """The check took more steps than any honest schema and value need."""


class _SecretText(str):
    """Stands for a text that is known only where it is used: it is a string, and no other rule can be held against it."""


def validate(
    schema: Mapping[str, Any], value: Any, where: str, *, secrets: bool = False, max_steps: int = MAX_STEPS
) -> list[Problem]:
    """Every way in which ``value`` breaks ``schema``, at most a hundred; empty when it keeps it.

    ``where`` says whose value it is. ``secrets`` lets ``{"$env": "NAME"}`` stand where a text is allowed.
    """
    problems: list[Problem] = []
    steps = _steps.set(max_steps)
    try:
        validator = _Validator(schema, registry=Registry())
        for error in validator.iter_errors(_with_stand_ins(value) if secrets else value):
            problems.extend(_problems(error, where))
            if len(problems) >= MAX_PROBLEMS:
                return [*problems[:MAX_PROBLEMS], Problem(where, "", "there may be more problems; these are the first hundred")]
    except Unresolvable as reason:
        problems.append(Problem(where, "", f"the schema refers to something that is not in it: {shown(str(reason))}"))
    except (_TooMuchError, RecursionError):
        problems.append(Problem(where, "", "too much to check against this schema", "make the schema or the value simpler"))
    finally:
        _steps.reset(steps)
    return problems


def is_secret_reference(value: Any) -> bool:
    """Whether ``value`` is ``{"$env": "NAME"}`` with a name that an environment variable can have."""
    return isinstance(value, Mapping) and set(value) == {REFERENCE_KEY} and bool(VARIABLE_NAME.match(str(value[REFERENCE_KEY])))


def secrets_by_default(schema: Any) -> Iterator[str]:
    """The environment variables that defaults anywhere in a schema refer to."""
    waiting = [(schema, False)]
    while waiting:
        item, is_default = waiting.pop()
        if is_default and isinstance(item, Mapping) and isinstance(item.get(REFERENCE_KEY), str):
            yield item[REFERENCE_KEY]
        elif isinstance(item, Mapping):
            waiting += [(inner, is_default or key == "default") for key, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(inner, is_default) for inner in item]


def _with_stand_ins(value: Any) -> Any:
    if is_secret_reference(value):
        return _SecretText(f"${value[REFERENCE_KEY]}")
    if isinstance(value, Mapping):
        return {key: _with_stand_ins(item) for key, item in value.items()}
    return [_with_stand_ins(item) for item in value] if isinstance(value, list) else value


def _problems(error: Any, where: str) -> Iterator[Problem]:
    """What jsonschema found, in our words: one problem for each unknown key."""
    field: str = _field(error)
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(error.schema.get("properties") or {})
        for key in _unknown_keys(error.instance, error.schema):
            yield Problem(where, f"{field}.{key}" if field else key, "unknown key", did_you_mean(key, known))
        return
    if error.validator == "required":
        name = f"{field}.{error.message}" if field else error.message
        yield Problem(where, name, "missing", _description(error.schema, error.message))
        return
    words = _WORDS.get(str(error.validator))
    reason = words(error) if words else shown(error.message, 200)
    yield Problem(where, field, reason, _remedy(error))


def _field(error: Any) -> str:
    name = ""
    for part in error.absolute_path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name


def _remedy(error: Any) -> str:
    if error.validator == "enum" and isinstance(error.instance, str):
        return did_you_mean(error.instance, [item for item in error.validator_value if isinstance(item, str)])
    return _description(error.schema) if isinstance(error.schema, Mapping) else ""


def _description(schema: Mapping[str, Any], name: str | None = None) -> str:
    part = (schema.get("properties") or {}).get(name) if name is not None else schema
    text = part.get("description") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _type_words(error: Any) -> str:
    wanted: list[str] = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    found = "a secret reference" if isinstance(error.instance, _SecretText) else kind_of(error.instance)
    return f"must be {' or '.join(_TYPE_WORDS.get(name, name) for name in wanted)}, and is {found}"


def _form_words(error: Any) -> str:
    """Why none of the allowed forms fits: the reasons against each."""
    if not error.context:
        return "fits more than one of the allowed forms"
    depth, reasons = len(error.absolute_path), []
    for inner in error.context:
        for problem in _problems(inner, ""):
            place = f"{inner.absolute_path[depth]}: " if len(inner.absolute_path) > depth else ""
            reasons.append(place + problem.reason)
    return f"fits none of the allowed forms: {', or '.join(dict.fromkeys(reasons))}"[:400]


_TYPE_WORDS: dict[str, str] = {
    "array": "a list", "boolean": "true or false", "integer": "a whole number", "null": "null", "number": "a number",
    "object": "a mapping", "string": "a text",
}  # fmt: skip
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "type": _type_words,
    "anyOf": _form_words,
    "oneOf": _form_words,
    "enum": lambda e: f"{shown(e.instance)} is none of {', '.join(shown(item, 30) for item in e.validator_value[:20])}",
    "const": lambda e: f"{shown(e.instance)} must be {shown(e.validator_value)}",
    "minimum": lambda e: f"{shown(e.instance)} is below {e.validator_value}",
    "maximum": lambda e: f"{shown(e.instance)} is above {e.validator_value}",
    "exclusiveMinimum": lambda e: f"{shown(e.instance)} must be above {e.validator_value}",
    "exclusiveMaximum": lambda e: f"{shown(e.instance)} must be below {e.validator_value}",
    "multipleOf": lambda e: f"{shown(e.instance)} is no multiple of {e.validator_value}",
    "minLength": lambda e: f"{shown(e.instance)} has {len(e.instance)} characters, fewer than {e.validator_value}",
    "maxLength": lambda e: f"{shown(e.instance)} has {len(e.instance):,} characters, more than {e.validator_value}",
    "pattern": lambda e: f"{shown(e.instance)} does not match {shown(e.validator_value)}",
    "minItems": lambda e: f"holds {len(e.instance)} entries, fewer than {e.validator_value}",
    "maxItems": lambda e: f"holds {len(e.instance):,} entries, more than {e.validator_value}",
    "uniqueItems": lambda e: "holds the same entry twice",
    "minProperties": lambda e: f"holds {len(e.instance)} keys, fewer than {e.validator_value}",
    "maxProperties": lambda e: f"holds {len(e.instance):,} keys, more than {e.validator_value}",
    "not": lambda e: f"{shown(e.instance)} is what the schema excludes",
    "propertyNames": lambda e: f"the key {shown(e.instance)} is not allowed",
}


def _spend(steps: int) -> None:
    left = _steps.get() - steps
    if left < 0:
        raise _TooMuchError
    _steps.set(left)


def _matches(pattern: str, text: str) -> bool:
    _spend(PATTERN_STEPS + len(text) // 1000)
    return matches(pattern, text)


def _unknown_keys(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    properties, patterns = schema.get("properties") or {}, schema.get("patternProperties") or {}
    return [key for key in instance if key not in properties and not any(_matches(pattern, key) for pattern in patterns)]


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    extra = _unknown_keys(instance, schema)
    if rule is False and extra:
        yield ValidationError("unknown keys")
    elif isinstance(rule, Mapping):
        for key in extra:
            yield from validator.descend(instance[key], rule, path=key)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError("no match")


def _pattern_properties(validator: Any, rules: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, rule in rules.items():
            for key in instance:
                if _matches(pattern, key):
                    yield from validator.descend(instance[key], rule, path=key, schema_path=pattern)


def _required(validator: Any, names: list[str], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        yield from (ValidationError(name) for name in names if name not in instance)


def _unique_items(validator: Any, rule: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """By text rather than pair by pair: linear, where a long list of objects would take for ever."""
    if (
        rule
        and isinstance(instance, list)
        and len({json.dumps(_equal_form(item), sort_keys=True) for item in instance}) < len(instance)
    ):
        yield ValidationError("the same entry twice")


def _equal_form(value: Any) -> Any:
    """The same text for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _equal_form(item) for key, item in value.items()}
    return [_equal_form(item) for item in value] if isinstance(value, list) else value


def _counted(name: str, keyword: Keyword) -> Keyword:
    """The keyword, at the price of a step; of a stand-in for a secret only the type and what combines schemas is asked."""

    def check(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _spend(1 + (len(rule) // 16 if isinstance(rule, list | Mapping) else 0))
        if isinstance(instance, _SecretText) and name not in _ASKED_OF_SECRETS:
            return iter(())
        return keyword(validator, rule, instance, schema) or iter(())

    return check


_ASKED_OF_SECRETS = frozenset({"type", "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if"})
_OWN: dict[str, Keyword] = {
    "additionalProperties": _additional_properties,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "required": _required,
    "uniqueItems": _unique_items,
}
_Validator: Any = cast(Any, extend)(
    Draft202012Validator,
    {name: _counted(name, keyword) for name, keyword in {**dict(Draft202012Validator.VALIDATORS), **_OWN}.items()},
)
