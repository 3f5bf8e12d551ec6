"""What people write down: read strictly, written so that it reads back the same, layered with its origins."""

from typing import Any

import pytest

from harness_core.domain.erp import read_erp
from harness_core.domain.errors import Conflict, UsageError
from harness_core.domain.formats import RawFormat, format_id_of, header_difference, header_of, name_from_file, read_format
from harness_core.domain.presets import Preset, read_preset, refuse_other_schemas, settings_diff
from harness_core.domain.remembered import read_role, with_roles, yaml_text
from harness_core.domain.settings_layers import SettingsLayer, leaves, stack
from harness_core.domain.yaml_documents import read_yaml

ERP = """
schema_version: erp.v1
name: sap
title: SAP
known_issues:
- {id: no-rep, kind: missingness, columns: [rep]}
- {id: low, kind: sentinel, columns: [stock], condition: "stock < 0", severity: warning}
settings: {analysis_outliers: {fence_reach: 2}}
roles: {store: category}
"""

TRICKY = ["", " ", "no", "null", "1e3", "1.0", "007", "2024-01-01", "a: b", "- x", "#x", "x #y", "line\nline", "tail \nx", "\t", "“ü”", '"',
          "'", "{a}", "[1]", "&a", "*a", "!t", "%", "@", "`", "|", ">", "?", "true", "~", "=", "<<", "a\n", "\n", "\x85", "x" * 300]  # fmt: skip


@pytest.mark.parametrize("text", TRICKY)
def test_what_is_exported_reads_back_the_same(text: str) -> None:
    """No text turns into a number, a truth or nothing on its way through a file."""
    document = {"notes": text, "list": [text, 1, 2.5, True, None, {}], "map": {"k": {"deep": [text]}}}
    read, problems = read_yaml(yaml_text(document), "x")
    assert not problems
    assert read is not None
    assert read.value == document


def test_an_erp_comes_and_goes_whole() -> None:
    """Export and import give the same content, with the same hash."""
    erp = read_erp(ERP, "x")
    assert read_erp(yaml_text(erp.document()), "y").sha256 == erp.sha256
    assert [issue.severity for issue in erp.known_issues] == ["notice", "warning"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("erp.v1", "erp.v9"), "is not read here"),
        (("kind: sentinel", "kind: sentinell"), "did you mean sentinel"),
        (('condition: "stock < 0", ', ""), "needs a condition or a pattern"),
        (("id: low", "id: no-rep"), "stands twice"),
        (("store: category", "store: categorie"), "did you mean category"),
        (("roles:", "rolls:"), "unknown key"),
        (('condition: "stock < 0"', 'pattern: "("'), "no regular expression"),
        (("name: sap", "name: ../sap"), "cannot be the name"),
    ],
)
def test_each_mistake_in_an_erp_is_named(change: tuple[str, str], reason: str) -> None:
    """A file that is wrong says where and what to do, and is not half read."""
    with pytest.raises(UsageError) as refused:
        read_erp(ERP.replace(*change), "x")
    assert reason in " ".join(str(problem) for problem in refused.value.problems)


def test_a_preset_is_told_by_its_content() -> None:
    """Name and notes are not content: the same settings have the same hash; other schemas make it another."""
    one = Preset("one", {"p": {"x": 1}}, schemas={"p": "a" * 64}, notes="n")
    assert one.sha256 == Preset("two", {"p": {"x": 1}}, schemas={"p": "a" * 64}).sha256
    assert one.sha256 != Preset("one", {"p": {"x": 1}}, schemas={"p": "b" * 64}).sha256
    assert read_preset(yaml_text(one.document()), "x") == one


def test_a_preset_without_a_schema_hash_is_refused() -> None:
    """Nobody could tell whether its settings still mean the same."""
    text = "schema_version: preset.v1\nname: a\nsettings: {p: {x: 1}}\nschemas: {}\n"
    with pytest.raises(UsageError) as refused:
        read_preset(text, "x")
    assert refused.value.problems[0].field == "schemas.p"


def test_a_preset_for_a_plugin_that_is_not_here_is_refused() -> None:
    """An unknown plugin is a mismatch, and named."""
    with pytest.raises(Conflict) as refused:
        refuse_other_schemas(Preset("a", {"p": {}}, schemas={"p": "x"}), {})
    assert refused.value.problems[0].field == "p"


def test_the_last_layer_wins_and_is_named() -> None:
    """Every value knows which layer decided it; mappings are merged, lists and secrets replaced."""
    secret: Any = {"$env": "TOKEN"}
    merged, origins = stack(
        [
            SettingsLayer("erp:a", {"p": {"x": 1, "roles": {"a.b": "time", "c": "flag"}, "list": [1, 2]}}),
            SettingsLayer("preset:b", {"p": {"roles": {"c": "text"}, "list": [3]}, "q": {}}),
            SettingsLayer("given", {"p": {"x": secret}}),
        ]
    )
    assert merged == {"p": {"x": secret, "roles": {"a.b": "time", "c": "text"}, "list": [3]}, "q": {}}
    assert origins == {"p": {"x": "given", 'roles."a.b"': "erp:a", "roles.c": "preset:b", "list": "preset:b"}}
    assert set(leaves(merged["p"])) == set(origins["p"])


def test_a_diff_names_every_setting_that_changes() -> None:
    """Nested settings are compared one by one."""
    changes = settings_diff({"p": {"x": 1, "m": {"k": 1}}}, {"p": {"x": 1, "m": {"k": 2, "l": 3}}})
    assert [(item.setting, item.before, item.after) for item in changes] == [("m.k", 1, 2), ("m.l", None, 3)]


def test_roles_are_given_and_taken_back() -> None:
    """A column's name may hold an equals sign; an unknown role is refused with the nearest."""
    assert with_roles({"a": "time"}, [read_role("b=c=flag"), read_role("a=")]) == {"b=c": "flag"}
    with pytest.raises(UsageError, match="no role"):
        read_role("a=catgory")


HEADER = header_of([{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}])


def test_a_format_is_told_by_names_and_kinds() -> None:
    """Whole numbers that become decimals are the same format; another name, order or kind is not."""
    decimals = header_of([{"name": "a", "type": "decimal"}, {"name": "b", "type": "text"}])
    assert decimals == HEADER
    assert header_difference(HEADER, HEADER[::-1]) == ["another order of the columns"]
    assert header_difference(HEADER, (("a", "number"),)) == ["no column b"]
    assert header_difference(HEADER, (("a", "text"), ("b", "text"))) == ["a holds text, not number"]
    known = RawFormat(format_id_of("0" * 64), "orders", (HEADER,), roles={"a": "identifier"})
    assert read_format(yaml_text(known.document()), "x").document() == known.document()


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Sales Orders 2024-03.csv", "sales_orders"),
        ("export_20240301.csv", "export"),
        ("2024.csv", "format"),
        ("größe.csv", "gr_e"),
    ],
)
def test_a_new_format_is_named_after_its_file(filename: str, name: str) -> None:
    """What tells this month's file from the last is left out of the name; a name that is taken gets a number."""
    assert name_from_file(filename, []) == name
    assert name_from_file(filename, [name]) == f"{name}_2"
