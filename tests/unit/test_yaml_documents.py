"""YAML read as a stricter JSON: what it means, what it refuses, and where everything stands."""

from typing import Any

import pytest

from harness_core.domain.yaml_documents import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", {"a": "no"}),
        ("a: 2024-01-31", {"a": "2024-01-31"}),
        ("a: 007", {"a": "007"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: .inf", {"a": ".inf"}),
        ("a: 1e999", {"a": "1e999"}),
        ("a: -1.5e3", {"a": -1500.0}),
        ("a: 12", {"a": 12}),
        ("a: '12'", {"a": "12"}),
        ("a: [true, false, null, ~, ]", {"a": [True, False, None, None]}),
        ("a:", {"a": None}),
        ("1: x", {"1": "x"}),
        ('{"a": {"b": [1, {"c": "d"}]}}', {"a": {"b": [1, {"c": "d"}]}}),
        ("", None),
    ],
)
def test_only_what_json_knows_is_more_than_text(text: str, value: Any) -> None:
    """Guards against YAML's surprises: countries that become false, versions that become dates."""
    document, problems = read_yaml(text, "f.yaml")
    assert problems == []
    assert document is not None
    assert document.value == value
    assert [type(item) for item in _leaves(document.value)] == [type(item) for item in _leaves(value)]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", 4, 'the key "c" stands twice'),
        ("a: &x 1", 1, "anchor"),
        ("a: 1\nb: *x", 2, "alias"),
        ("a: !!python/object/apply:os.system [x]", 1, "tag"),
        ("--- 1\n--- 2", 2, "second document"),
        ("\n" + "[" * 100, 2, "nested deeper"),
        ("a: 1\n b: 2", 2, "no YAML"),
        ("? [1]\n: 2", 1, "key must be a plain text"),
    ],
)
def test_what_could_surprise_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """Guards the reader: nothing is built from a tag, nothing multiplies through aliases, nothing is overwritten in silence."""
    document, problems = read_yaml(text, "f.yaml")
    assert document is None
    assert [problem.where for problem in problems] == [f"f.yaml:{line}"]
    assert words in str(problems[0])


@pytest.mark.parametrize("text", ["\x00", "a: \x07", "[" * 200_000])
def test_garbage_is_a_problem_and_no_crash(text: str) -> None:
    """Guards the process: neither control characters nor endless nesting get past the reader."""
    document, problems = read_yaml(text, "f.yaml")
    assert document is None
    assert len(problems) == 1


def test_each_field_knows_its_line() -> None:
    """Guards that a problem can point at a line, and a missing field at what should hold it."""
    document, _ = read_yaml("a: 1\nb:\n  c: 2\n  d:\n  - 3\n  - 4\n", "f.yaml")
    assert document is not None
    assert [document.line_of(name) for name in ("a", "b.c", "b.d[1]", "b.missing", "b.d[9].x", "missing")] == [1, 3, 6, 3, 5, 1]
