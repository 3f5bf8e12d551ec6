"""JSON Schemas: bad ones are refused with all reasons, values are held to good ones in plain words, and the work is bounded."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness_core.domain.schema_documents import KEYWORDS
from harness_core.domain.schemas import is_secret_reference, schema_problems, validate

CONFIG: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["columns"],
    "properties": {
        "rate": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "description": "The share of rows."},
        "columns": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "pattern": "^[a-z]+$"}},
        "mode": {"enum": ["fast", "exact"]},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "nested": {"type": "object", "additionalProperties": False, "properties": {"depth": {"type": "integer"}}},
        "key": {"type": "string", "minLength": 30},
    },
}


def found(value: Any, schema: Any = CONFIG, **options: Any) -> list[str]:
    return [str(problem) for problem in validate(schema, value, "settings", **options)]


def test_a_value_that_fits_has_no_problem() -> None:
    """Guards that the strictness is not too strict."""
    assert found({"columns": ["a", "b"], "rate": 0.5, "mode": "fast", "limit": None, "nested": {"depth": 3}}) == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "settings: columns: missing"),
        ({"columns": ["a"], "rat": 1}, "settings: rat: unknown key (did you mean rate?)"),
        ({"columns": ["a"], "nested": {"dept": 1}}, "settings: nested.dept: unknown key (did you mean depth?)"),
        ({"columns": ["a"], "rate": "x"}, 'settings: rate: must be a number, and is the text "x" (The share of rows.)'),
        ({"columns": ["a"], "rate": 1}, "settings: rate: 1 must be below 1 (The share of rows.)"),
        ({"columns": ["a"], "mode": "fsat"}, 'settings: mode: "fsat" is none of "fast", "exact" (did you mean fast?)'),
        ({"columns": ["a", "B"]}, 'settings: columns[1]: "B" does not match "^[a-z]+$"'),
        ({"columns": ["a", "a"]}, "settings: columns: holds the same entry twice"),
        ({"columns": []}, "settings: columns: holds 0 entries, fewer than 1"),
        (
            {"columns": ["a"], "limit": "x"},
            "settings: limit: fits none of the allowed forms: "
            'must be a whole number, and is the text "x", or must be null, and is the text "x"',
        ),
        ([], "settings: must be a mapping, and is a list"),
    ],
)
def test_each_problem_reads_like_a_sentence(value: Any, sentence: str) -> None:
    """Guards the words that people get: the field, what is wrong, and what is near."""
    assert found(value) == [sentence]


def test_all_problems_come_at_once_and_end_at_a_hundred() -> None:
    """Guards that nothing hides behind the first problem, and that a broken answer cannot flood a log."""
    assert len(found({"rat": 1, "rate": -1, "mode": "x"})) == 4
    many = found([1] * 500, {"items": {"type": "string"}})
    assert len(many) == 101
    assert "more problems" in many[-1]


def test_an_equal_number_is_equal_whatever_its_type() -> None:
    """Guards uniqueItems as the standard has it: 1 and 1.0 are equal, 1 and true are not."""
    assert found([1, 1.0], {"uniqueItems": True})
    assert found([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], {"uniqueItems": True})
    assert found([1, True, "1", [1], {"1": 1}], {"uniqueItems": True}) == []


def test_patterns_apply_to_keys_too() -> None:
    """Guards patternProperties and additionalProperties together, which are our own code."""
    schema = {"patternProperties": {"^n_": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    assert found({"n_a": 1, "b": "x"}, schema) == []
    assert found({"n_a": "x"}, schema) == ['settings: n_a: must be a whole number, and is the text "x"']
    assert found({"b": 1}, schema) == ["settings: b: must be a text, and is the number 1"]
    assert found({"n_a": 1, "b": 1}, {**schema, "additionalProperties": False}) == ["settings: b: unknown key"]


def test_a_runaway_pattern_costs_nothing() -> None:
    """Guards the worker: a pattern that backtracks for years in Python's engine is answered at once."""
    assert found("a" * 5000 + "!", {"pattern": "^(a+)+$"})


def test_references_that_multiply_are_cut_off() -> None:
    """Guards the worker: a small schema that means 2^40 checks ends as a problem."""
    parts = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(40)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**parts, "d40": {"type": "string"}}}
    assert schema_problems(schema, "x") == []
    assert "too much to check" in found("x", schema, max_steps=20_000)[0]


def test_a_schema_that_refers_to_itself_for_ever_is_a_problem() -> None:
    """Guards the worker's stack."""
    assert "too much to check" in found(1, {"$ref": "#"})[0]


def test_nothing_is_fetched() -> None:
    """Guards the wall: a reference to somewhere else is refused where it is written, and resolves to nothing where it is used."""
    remote = {"$ref": "http://127.0.0.1:9/schema.json"}
    assert "leads out of this document" in str(schema_problems(remote, "x")[0])
    assert "not in it" in found(1, remote)[0]


def test_a_secret_reference_is_a_text_that_is_not_known_yet() -> None:
    """Guards secrets: a reference may stand for a text, is not measured as one, and for nothing else."""
    secret = {"$env": "API_KEY"}
    assert found({"columns": ["a"], "key": secret}, secrets=True) == []
    assert found({"columns": [secret]}, secrets=True) == []
    assert found({"columns": ["a"], "rate": secret}, secrets=True) == [
        "settings: rate: must be a number, and is a secret reference (The share of rows.)"
    ]
    assert found({"columns": ["a"], "key": secret}) == ["settings: key: must be a text, and is a mapping"]


@pytest.mark.parametrize("value", [{"$env": ""}, {"$env": "A B"}, {"$env": 3}, {"$env": "A", "x": 1}, {"env": "A"}, "$env", None])
def test_what_is_no_secret_reference(value: Any) -> None:
    """Guards the one form that a secret reference has."""
    assert not is_secret_reference(value)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strng"}, "did you mean string?"),
        ({"type": []}, "must be one of"),
        ({"minimun": 1}, "did you mean minimum?"),
        ({"minimum": "1"}, "minimum: must be a number"),
        ({"minLength": -1}, "a whole number, 0 or more"),
        ({"required": "a"}, "a list of different texts"),
        ({"required": ["a", "a"]}, "a list of different texts"),
        ({"properties": {"a": 3}}, "properties.a: must be a schema"),
        ({"allOf": []}, "not empty"),
        ({"items": [{}]}, "items: must be a schema"),
        ({"pattern": "(?=a)"}, "RE2 syntax"),
        ({"patternProperties": {"(": {}}}, "is no pattern"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "another dialect"),
        ({"$ref": "#/$defs/a", "$defs": {"b": {}}}, "names no schema"),
        ({"$ref": "#anchor"}, "anchor"),
        ({"properties": {"a": {"$id": "x"}}}, "id of its own"),
        ({"multipleOf": 0}, "above 0"),
        ({"enum": 1}, "must be a list"),
        ({"dependentRequired": {"a": "b"}}, "lists of names"),
        ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, "does not go with"),
        ([], "a schema is an object"),
    ],
)
def test_a_bad_schema_is_refused_with_its_reason(schema: Any, words: str) -> None:
    """Guards schema documents: what the standard refuses, and what it would let pass to nobody's good."""
    assert words in "\n".join(str(problem) for problem in schema_problems(schema, "config.schema.json"))


def test_words_that_only_look_like_keywords_are_left_alone() -> None:
    """Guards that properties may be called anything, and that values are not read as schemas."""
    schema = {
        "properties": {"$ref": {"type": "string"}, "minimun": {}, "type": {"default": {"$ref": "http://x"}}},
        "enum": [{"type": "nonsense"}],
        "x-unit": "m",
        "title": "t",
    }
    assert schema_problems(schema, "x") == []


def test_deep_and_wide_schemas_are_refused() -> None:
    """Guards the reader against documents made to be expensive."""
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"items": deep}
    assert "nested deeper" in str(schema_problems(deep, "x")[0])
    assert "20,000" in str(schema_problems({"properties": {f"p{n}": {} for n in range(20_001)}}, "x")[0])


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from(["", "a", "string", "^a$"]), st.just([]),
    st.lists(st.sampled_from(["a", "b", "string", "null"]), max_size=3), st.just({}), st.just([{}]), st.just([True]),
    st.just({"a": {}}), st.just({"a": 1}), st.just({"a": ["b"]}),
)  # fmt: skip
_OURS_ALONE = {"$schema", "$id", "$ref", "$dynamicRef", "$anchor", "$dynamicAnchor", "$vocabulary"}


@given(st.dictionaries(st.sampled_from(sorted(set(KEYWORDS) - _OURS_ALONE)), _VALUES, max_size=3))
@settings(max_examples=400, deadline=None)
def test_whatever_the_standard_refuses_we_refuse(schema: dict[str, Any]) -> None:
    """Guards the table of keywords against the reference implementation: no invalid schema is accepted, no valid one refused."""
    both_unevaluated = "unevaluatedProperties" in schema and "patternProperties" in schema
    expected = not list(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    assert (not schema_problems(schema, "x")) == (expected and not both_unevaluated)
