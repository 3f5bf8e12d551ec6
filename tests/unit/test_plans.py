"""Plans: everything needed and nothing else, every layer above what it builds on, and every impossible plan explained."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.domain.errors import UsageError
from harness_core.domain.plans import Plan, build_plan, check_catalog, find_cycles
from harness_core.domain.plugins import Plugin, PluginId
from tests.fakes.plugin_records import catalog_of, plugin_record

CATALOG = catalog_of(
    plugin_record("ingest_table", plugin_type="ingest"),
    plugin_record("profile_basic", plugin_type="profile"),
    plugin_record("planner_basic", ["profile_basic"], plugin_type="planner"),
    plugin_record("analysis_a", ["profile_basic"]),
    plugin_record("analysis_b", ["analysis_a"]),
    plugin_record("analysis_lone"),
    plugin_record("report_insights", plugin_type="report"),
    plugin_record("report_bundle", ["report_insights"], plugin_type="report"),
)


def plan(*wanted: str, catalog: Mapping[PluginId, Plugin] = CATALOG, **options: Any) -> Plan:
    return build_plan(catalog, [PluginId(name) for name in wanted], engine_version="1.0.0", **options)


def shape(made: Plan) -> list[list[str]]:
    return [[step.plugin_id for step in layer] for layer in made.layers]


def test_ingest_is_first_reports_are_last_and_the_rest_follows_what_it_builds_on() -> None:
    """Guards the shape of a whole run: longest paths, sorted within each layer."""
    assert shape(plan(*CATALOG)) == [
        ["ingest_table"],
        ["analysis_lone", "profile_basic"],
        ["analysis_a", "planner_basic"],
        ["analysis_b"],
        ["report_insights"],
        ["report_bundle"],
    ]


def test_a_prompt_comes_after_everything_it_speaks_of() -> None:
    """Guards prompts: after all analyses whatever they depend on, beside or after reports, which do not wait for them."""
    prompt = plugin_record("llm_prompt", ["report_insights"], plugin_type="llm")
    lone = plugin_record("llm_lone", plugin_type="llm")
    catalog = {**CATALOG, **catalog_of(prompt, lone)}
    made = plan(*catalog, catalog=catalog)
    assert shape(made)[-2:] == [["llm_lone", "report_insights"], ["llm_prompt", "report_bundle"]]
    assert made.by_id[PluginId("llm_prompt")].depends_on == (
        "analysis_a", "analysis_b", "analysis_lone", "ingest_table", "planner_basic", "profile_basic", "report_insights",
    )  # fmt: skip
    assert "llm_lone" not in made.by_id[PluginId("report_bundle")].depends_on
    analysis = {**catalog, **catalog_of(plugin_record("analysis_late", ["llm_prompt"]))}
    with pytest.raises(UsageError, match="a prompt, and prompts come after everything else"):
        plan("analysis_late", catalog=analysis)


def test_only_what_is_wanted_and_what_it_builds_on_is_planned() -> None:
    """Guards manual selection: the closure over depends_on, and nothing beside it."""
    assert shape(plan("analysis_b", "ingest_table")) == [["ingest_table"], ["profile_basic"], ["analysis_a"], ["analysis_b"]]


def test_dependencies_are_the_declared_and_the_implied_ones() -> None:
    """Guards what each step waits for: analyses for ingest but not for one another, a report for everything that is none."""
    made = plan("ingest_table", "analysis_a", "analysis_lone", "report_insights", "report_bundle").by_id
    depends_on = {name: step.depends_on for name, step in made.items()}
    assert depends_on[PluginId("ingest_table")] == ()
    assert depends_on[PluginId("analysis_lone")] == ("ingest_table",)
    assert depends_on[PluginId("analysis_a")] == ("ingest_table", "profile_basic")
    before = ("analysis_a", "analysis_lone", "ingest_table", "profile_basic")
    assert depends_on[PluginId("report_insights")] == before
    assert depends_on[PluginId("report_bundle")] == tuple(sorted([*before, "report_insights"]))


def test_the_steps_a_run_cannot_do_without_are_marked() -> None:
    """Guards the difference between a failed and a partial run."""
    required = {step.plugin_id for step in plan(*CATALOG).steps if step.required}
    assert required == {"ingest_table", "profile_basic", "planner_basic", "report_insights", "report_bundle"}


def test_a_denied_capability_blocks_the_step_with_its_reason() -> None:
    """Guards that a risky plugin is planned as blocked by default, and only when its capability is denied."""
    catalog = catalog_of(plugin_record("analysis_web", capabilities=["network", "pii"]))
    (step,) = plan("analysis_web", catalog=catalog).steps
    assert step.blocked == "analysis_web asks for network, which is not granted. " + (
        "It opens network connections, so data could leave this machine."
    )
    assert plan("analysis_web", catalog=catalog, decisions={"analysis_web": {"network": True}}).steps[0].blocked == ""


def problems_of(catalog: Mapping[PluginId, Plugin], *wanted: str) -> list[str]:
    with pytest.raises(UsageError) as refused:
        plan(*wanted, catalog=catalog)
    assert (refused.value.code, refused.value.exit_code) == ("invalid_plan", 2)
    return [str(problem) for problem in refused.value.problems]


def test_a_cycle_is_shown_as_a_path_with_its_edges_and_a_fix() -> None:
    """Guards the sentence that a person needs to mend a cycle."""
    catalog = catalog_of(
        plugin_record("aaa", ["bbb"]), plugin_record("bbb", ["ccc"]), plugin_record("ccc", ["aaa"]), plugin_record("ddd", ["aaa"])
    )
    assert problems_of(catalog, "ddd") == [
        "ccc/plugin.yaml: depends_on: a cycle: aaa -> bbb -> ccc -> aaa "
        "(aaa depends on bbb, bbb depends on ccc, ccc depends on aaa) (take aaa out of depends_on of ccc)"
    ]


def test_the_fix_cuts_the_edge_that_runs_against_the_usual_order() -> None:
    """Guards the suggestion: a profile that builds on an analysis is the odd one, wherever the cycle is entered."""
    catalog = catalog_of(
        plugin_record("profile_x", ["analysis_x"], plugin_type="profile"), plugin_record("analysis_x", ["profile_x"])
    )
    assert problems_of(catalog, "analysis_x")[0].endswith("(take analysis_x out of depends_on of profile_x)")


def test_missing_plugins_are_named_with_the_nearest() -> None:
    """Guards that both a misspelt wish and a misspelt dependency are named, at once."""
    catalog = catalog_of(plugin_record("profile_basic", plugin_type="profile"), plugin_record("analysis_a", ["profile_basik"]))
    first, second = problems_of(catalog, "analysis_a", "analysis_aa")
    assert first == "plan: analysis_aa: there is no such plugin (did you mean analysis_a?)"
    assert "analysis_a depends on profile_basik, which is not there (did you mean profile_basic?" in second


def test_an_engine_out_of_range_is_refused_with_both_versions() -> None:
    """Guards that a plugin made for another engine never runs."""
    catalog = catalog_of(plugin_record("analysis_new", engine=">=2"))
    assert "analysis_new needs an engine >=2, and this is 1.0.0" in problems_of(catalog, "analysis_new")[0]
    assert plan("analysis_lone").steps


def test_pre_releases_of_the_engine_are_in_range() -> None:
    """Guards development builds: 1.1.0rc1 runs what asks for 1.x."""
    assert build_plan(CATALOG, [PluginId("analysis_lone")], engine_version="1.1.0rc1").steps


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (plugin_record("analysis_z", ["report_insights"]), "reports come after everything else"),
        (plugin_record("ingest_z", ["profile_basic"], plugin_type="ingest"), "ingest comes before everything else"),
    ],
)
def test_dependencies_against_the_grain_are_refused(plugin: Plugin, words: str) -> None:
    """Guards the order that the types imply: without this rule such a plan would wait for itself."""
    assert words in problems_of({**CATALOG, plugin.id: plugin}, plugin.id)[0]
    assert words in str(check_catalog({**CATALOG, plugin.id: plugin})[0])


def test_a_whole_catalog_is_checked() -> None:
    """Guards ``plugins validate``: a sound catalog has no problem, an unsound one shows those of every plugin."""
    assert check_catalog(CATALOG) == []
    found = check_catalog(catalog_of(plugin_record("aaa", ["bbb"]), plugin_record("bbb", ["aaa"]), plugin_record("ccc", ["ddd"])))
    assert [problem.where for problem in found] == ["ccc/plugin.yaml", "bbb/plugin.yaml"]


NAMES = [PluginId(f"analysis_{letter}") for letter in "abcdefgh"]


@st.composite
def graphs(draw: st.DrawFn, *, acyclic: bool) -> dict[PluginId, Plugin]:
    order = draw(st.permutations(NAMES))
    plugins = []
    for index, name in enumerate(order):
        candidates = order[:index] if acyclic else [other for other in order if other != name]
        plugins.append(
            plugin_record(name, draw(st.lists(st.sampled_from(candidates), unique=True, max_size=3)) if candidates else [])
        )
    return catalog_of(*plugins)


@given(graphs(acyclic=True), st.sets(st.sampled_from(NAMES), min_size=1))
def test_in_every_graph_layers_respect_edges_and_are_as_low_as_can_be(
    catalog: dict[PluginId, Plugin], wanted: set[PluginId]
) -> None:
    """Guards the layers as a property, and that the order in which plugins are found or wished for changes nothing."""
    made = plan(*wanted, catalog=catalog)
    for step in made.steps:
        assert step.depends_on == tuple(sorted(catalog[step.plugin_id].manifest.depends_on))
        assert step.layer == max((made.by_id[other].layer + 1 for other in step.depends_on), default=0)
    assert list(made.steps) == sorted(made.steps, key=lambda step: (step.layer, step.plugin_id))
    assert plan(*sorted(wanted, reverse=True), catalog=dict(reversed(catalog.items()))) == made


@given(graphs(acyclic=False))
def test_a_cycle_is_found_exactly_when_there_is_one(catalog: dict[PluginId, Plugin]) -> None:
    """Guards the search against a slower, plainer one, and that every cycle it shows is made of real edges."""
    edges = {name: tuple(sorted(plugin.manifest.depends_on)) for name, plugin in catalog.items()}
    cycles = find_cycles(edges)
    assert bool(cycles) == _has_cycle(edges)
    for cycle in cycles:
        assert cycle[0] == min(cycle)
        assert all(second in edges[first] for first, second in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    if cycles:
        assert len(problems_of(catalog, *catalog)) == len(cycles)


def _has_cycle(edges: Mapping[PluginId, tuple[PluginId, ...]]) -> bool:
    """By closing over paths until nothing new turns up."""
    reach = {name: set(others) for name, others in edges.items()}
    for _ in edges:
        reach = {name: others | {far for other in others for far in reach[other]} for name, others in reach.items()}
    return any(name in others for name, others in reach.items())
