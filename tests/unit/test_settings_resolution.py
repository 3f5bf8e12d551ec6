"""Settings: defaults at every depth, layers merged, and every mistake named before anything runs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.domain.errors import UsageError
from harness_core.domain.plugins import PluginId
from harness_core.domain.settings_resolution import layer_of, merge, parse_assignment, resolve_all, resolve_settings, secret_names
from tests.fakes.plugin_records import catalog_of, plugin_record

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "threshold": {"type": "number", "default": 3.5},
        "columns": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "weight": {"default": 1}}},
        },
        "limits": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "rows": {"type": "integer", "default": 10},
                "deep": {"type": "object", "properties": {"x": {"default": []}}},
            },
        },
        "token": {"type": "string"},
        "size": {"$ref": "#/$defs/size"},
    },
    "$defs": {"size": {"type": "integer", "default": 7}},
}
PLUGIN = plugin_record("analysis_example", config_schema=SCHEMA)


def test_defaults_are_filled_in_at_every_depth() -> None:
    """Guards that a plugin can rely on every default, nested ones and those behind references too."""
    assert resolve_settings(PLUGIN, {}) == ({"threshold": 3.5, "limits": {"rows": 10, "deep": {"x": []}}, "size": 7}, [])
    resolved, problems = resolve_settings(PLUGIN, {"columns": [{"name": "a"}], "limits": {"rows": 1}})
    assert problems == []
    assert resolved["columns"] == [{"name": "a", "weight": 1}]
    assert resolved["limits"] == {"rows": 1, "deep": {"x": []}}


_DEEP = st.fixed_dictionaries({}, optional={"x": st.lists(st.integers())})
_GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "threshold": st.floats(allow_nan=False, allow_infinity=False),
        "limits": st.fixed_dictionaries({}, optional={"rows": st.integers(), "deep": _DEEP}),
        "size": st.integers(),
        "columns": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["a", "b", ""])}, optional={"weight": st.integers()})),
    },
)  # fmt: skip


@given(_GIVEN)
def test_what_is_given_always_wins_and_resolving_is_final(given_settings: dict[str, Any]) -> None:
    """Guards the defaults as a property: nothing given is changed, nothing is left out, and resolving twice changes nothing."""
    before = repr(given_settings)
    resolved, problems = resolve_settings(PLUGIN, given_settings)
    assert problems == []
    assert repr(given_settings) == before
    assert _holds(resolved, given_settings)
    assert set(resolved) >= {"threshold", "limits", "size"}
    assert resolve_settings(PLUGIN, resolved) == (resolved, [])


def _holds(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and _holds(whole[key], item) for key, item in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(_holds(one, other) for one, other in zip(whole, part, strict=True))
    return bool(whole == part)


def test_defaults_are_not_shared_between_runs() -> None:
    """Guards against one run's settings leaking into the next through a list in the schema."""
    resolve_settings(PLUGIN, {})[0]["limits"]["deep"]["x"].append(1)
    assert resolve_settings(PLUGIN, {})[0]["limits"]["deep"]["x"] == []


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        ({"treshold": 1}, "treshold", "did you mean threshold?"),
        ({"threshold": "high"}, "threshold", "must be a number"),
        ({"limits": {"row": 1}}, "limits.row", "did you mean rows?"),
        ({"threshold": float("nan")}, "threshold", "nan"),
        ({"threshold": {"$env": "X"}}, "threshold", "a secret reference"),
        ({"token": {"$env": "not a name"}}, "token", "no secret reference"),
        ({"token": {"$env": "X", "default": "y"}}, "token", "no secret reference"),
        ({"token": b"x"}, "token", "JSON does not have"),
        ({3: 4}, "3", "put it in quotes"),
        ([], "", "a mapping of keys"),
    ],
)
def test_each_mistake_is_named(settings: Any, field: str, words: str) -> None:
    """Guards that a wrong setting stops before the run, with its place and a remedy."""
    problems = resolve_settings(PLUGIN, settings)[1]
    assert [(problem.where, problem.field) for problem in problems] == [("settings of analysis_example", field)]
    assert words in str(problems[0])


def test_secrets_stay_references() -> None:
    """Guards that no secret is ever looked up here: what is recorded is the name of the variable."""
    resolved, problems = resolve_settings(PLUGIN, {"token": {"$env": "API_KEY"}})
    assert problems == []
    assert resolved["token"] == {"$env": "API_KEY"}
    assert secret_names({"a": [resolved, {"$env": "B"}], "c": {"$env": "API_KEY"}}) == ["API_KEY", "B"]


def test_unknown_plugins_are_named_and_known_ones_resolved() -> None:
    """Guards a configuration file: a misspelt plugin is a problem, one that merely does not run is none."""
    resolved, problems = resolve_all(catalog_of(PLUGIN), {"analysis_exmple": {}, "report_other": {}}, known=["report_other"])
    assert [str(problem) for problem in problems] == [
        "settings: analysis_exmple: there is no such plugin (did you mean analysis_example?)"
    ]
    assert resolved[PluginId("analysis_example")]["threshold"] == 3.5


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("p_a.key=3", ("key",), 3),
        ("p_a.key.sub=0.5", ("key", "sub"), 0.5),
        ("p_a.key=true", ("key",), True),
        ("p_a.key=no", ("key",), "no"),
        ("p_a.key=a=b", ("key",), "a=b"),
        ("p_a.key=", ("key",), None),
        ("p_a.key='3'", ("key",), "3"),
        ("p_a.key=[a, 1]", ("key",), ["a", 1]),
        ('p_a.key={"$env": "X"}', ("key",), {"$env": "X"}),
        ('p_a.columns."unit.price = x".low=1', ("columns", "unit.price = x", "low"), 1),
    ],
)
def test_an_assignment_is_read(text: str, path: tuple[str, ...], value: Any) -> None:
    """Guards ``--set``: path and value as people write them."""
    assert parse_assignment(text) == ("p_a", path, value)


@pytest.mark.parametrize(
    "text", ["p_a.key", "p_a=3", "=3", ".key=3", "p_a..key=3", "p_a.key.=3", 'p_a."key=3', "p_a.key=[1", "p_a.key={a: *x}"]
)
def test_a_bad_assignment_says_how_to_write_one(text: str) -> None:
    """Guards that nothing is guessed: what cannot be read is refused with the form it should have."""
    with pytest.raises(UsageError) as refused:
        parse_assignment(text)
    assert refused.value.code == "invalid_setting"
    assert "PLUGIN.KEY=VALUE" in refused.value.next_step
    assert refused.value.exit_code == 2


def test_assignments_become_one_layer() -> None:
    """Guards the order of ``--set``: they add up, and a later one wins; all bad ones are named at once."""
    assert layer_of(["p_a.x.y=1", "p_a.x.z=2", "p_b.k=3", "p_a.x.y=4"]) == {"p_a": {"x": {"y": 4, "z": 2}}, "p_b": {"k": 3}}
    with pytest.raises(UsageError) as refused:
        layer_of(["bad", "p_a.x=1", "worse"])
    assert len(refused.value.problems) == 2


def test_stronger_layers_win_key_by_key() -> None:
    """Guards the merge: mappings mix, lists and secret references are replaced whole, and no layer is changed."""
    weak = {"p": {"a": 1, "list": [1, 2], "token": {"$env": "OLD"}, "deep": {"x": 1}}}
    strong = {"p": {"list": [3], "token": {"$env": "NEW"}, "deep": {"y": 2}}}
    assert merge(weak, strong, {}) == {"p": {"a": 1, "list": [3], "token": {"$env": "NEW"}, "deep": {"x": 1, "y": 2}}}
    assert merge({"p": {"t": {"$env": "A"}}}, {"p": {"t": {"x": 1}}}) == {"p": {"t": {"x": 1}}}
    merge(weak, strong)["p"]["list"].append(4)
    assert strong["p"]["list"] == [3]
    assert weak["p"]["deep"] == {"x": 1}
