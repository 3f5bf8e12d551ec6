"""From what is remembered to a run: the order of the layers, their record, and what they do to the fingerprint."""

from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.erp import Erp, KnownIssue
from harness_core.domain.errors import Conflict, NotFound, UsageError
from harness_core.domain.memory import Novelty, Scope
from harness_core.domain.runs import Run
from harness_core.services.erps import SettingsChange
from harness_core.services.submitting import Prospect, Submission
from tests.fakes.plugins import make_plugin
from tests.fakes.running import report_bytes, run_to_end, submit

TABLE = "a,b\n1,x\n2,y\n3,x\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "orders_2024.csv"
    path.write_text(TABLE)
    return path


def prospect(core: Core, table: Path, **asked: object) -> Prospect:
    upload = core.uploading.take_file(table)
    return core.submitting.prospect(Submission([upload.upload_id], **asked))  # type: ignore[arg-type]


def told_settings(found: Prospect) -> dict[str, object]:
    return dict(found.config.settings["analysis_told"])  # type: ignore[index]


def layer(number: int) -> dict[str, dict[str, int]]:
    return {"analysis_told": {"depth": number}}


def test_each_layer_wins_over_the_weaker_ones(told: Core, table: Path) -> None:
    """Defaults < ERP < raw format < preset < configuration file < command; taking the strongest away shows the next."""
    told.erps.add(Erp("sap", settings=layer(2)))
    submit(told, table)
    raw_format = told.knowledge.formats()[0]
    told.formats.change(raw_format.name, SettingsChange(layer(3)))
    told.presets.save("mine", layer(4), {}, "")
    asked = {"erp": "sap", "presets": ["mine"], "file_settings": layer(5), "settings": layer(6)}
    decided = []
    for left_out in (None, "settings", "file_settings", "presets"):
        if left_out:
            del asked[left_out]
        found = prospect(told, table, **asked)
        decided.append((told_settings(found)["depth"], found.config.origins["analysis_told"]["depth"]))
    assert decided == [(6, "given"), (5, "config"), (4, "preset:mine"), (3, "format:orders")]
    told.knowledge.remove_format("orders")
    assert told_settings(prospect(told, table, **asked))["depth"] == 2
    assert told_settings(prospect(told, table))["depth"] == 1


def test_roles_of_dataset_win_over_format_and_erp(told: Core, table: Path) -> None:
    """Corrected roles reach every plugin whose schema asks for them, the narrowest correction winning."""
    told.erps.add(Erp("sap", roles={"a": "measure", "b": "text", "c": "flag"}))
    upload = told.uploading.take_file(table)
    submit(told, table)
    told.formats.change("orders", SettingsChange(roles=[("a", "time"), ("b", "category")]))
    told.knowledge.save_dataset_roles(upload.sha256, {"a": "identifier"})
    found = prospect(told, table, erp="sap")
    assert told_settings(found)["roles"] == {"a": "identifier", "b": "category", "c": "flag"}
    assert found.config.origins["analysis_told"] == {"roles.a": "dataset", "roles.b": "format:orders", "roles.c": "erp:sap"}


def test_the_way_does_not_count_only_what_came_of_it(told: Core, table: Path) -> None:
    """The same settings by a preset and by hand are the same run: one fingerprint, one report."""
    told.presets.save("mine", layer(4), {}, "")
    by_preset = run_to_end(told, table, presets=["mine"], reuse=False)
    by_hand = run_to_end(told, table, settings=layer(4), reuse=False)
    assert by_preset.fingerprint == by_hand.fingerprint
    assert report_bytes(told, by_preset) == report_bytes(told, by_hand)
    assert by_preset.config.layers[0]["origin"] == "preset:mine"
    assert by_preset.config.layers[0]["sha256"] == told.knowledge.preset("mine").sha256
    assert not told.replaying.replay(by_preset.run_id).mismatches


def test_a_changed_erp_is_another_run(told: Core, table: Path) -> None:
    """A known issue more is an input more."""
    told.erps.add(Erp("sap", known_issues=(KnownIssue("one", "missingness", "One", ("a",)),)))
    before = prospect(told, table, erp="sap")
    assert [issue["id"] for issue in told_settings(before)["issues"]] == ["one"]  # type: ignore[attr-defined]
    told.erps.put_issue("sap", {"id": "two", "kind": "constant", "columns": ["b"]})
    assert prospect(told, table, erp="sap").fingerprint != before.fingerprint


def test_a_run_is_repeated_without_what_is_remembered_now(told: Core, table: Path) -> None:
    """What the ERP says today changes nothing about a run of yesterday."""
    told.erps.add(Erp("sap", settings=layer(2), roles={"a": "time"}))
    run = run_to_end(told, table, erp="sap")
    told.erps.change("sap", SettingsChange(roles=[("b", "text")]))
    asked = told.repeating.submission(run)
    assert told.submitting.prospect(asked).fingerprint == run.fingerprint
    told.knowledge.remove_erp("sap")
    assert told.submitting.prospect(asked).fingerprint == run.fingerprint


def test_what_is_not_there_is_refused_before_anything_is_recorded(told: Core, table: Path) -> None:
    """A mistyped name names the one that was meant; nothing is recorded as a run."""
    told.erps.add(Erp("sap"))
    for asked, code in (({"erp": "sapp"}, "no_such_erp"), ({"presets": ["mine"]}, "no_such_preset")):
        with pytest.raises(NotFound) as refused:
            submit(told, table, **asked)
        assert refused.value.code == code
    with pytest.raises(UsageError):
        submit(told, table, sample=1.5)
    assert told.runs.counts() == {}


def test_a_preset_for_another_schema_is_refused(told: Core, table: Path, tmp_path: Path) -> None:
    """When a plugin's settings change, what a preset says of them is not trusted: not applied, not compared, not imported."""
    kept = told.presets.save("mine", layer(4), {}, "").preset
    make_plugin(tmp_path / "plugins", "analysis_told", "analysis", "", config={"type": "object"})
    told.catalog.refresh()
    for attempt in (
        lambda: submit(told, table, presets=["mine"]),
        lambda: told.presets.diff("mine"),
        lambda: told.presets.take_in(kept),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "preset_schema_mismatch"
        assert refused.value.problems[0].field == "analysis_told"


def test_equal_presets_are_kept_once(told: Core) -> None:
    """Two names, one content; the content goes with its last name."""
    told.presets.save("one", layer(4), {}, "")
    saved = told.presets.save("two", layer(4), {}, "notes")
    assert (saved.changed, saved.same_as) == (True, ["one"])
    assert not told.presets.save("two", layer(4), {}, "notes").changed

    def contents() -> int:
        with told.database.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM preset_content").scalar() or 0)

    assert contents() == 1
    told.knowledge.remove_preset("one")
    assert told.knowledge.preset("two").content() == saved.preset.content()
    told.knowledge.remove_preset("two")
    assert contents() == 0


def test_wrong_settings_are_refused_when_they_are_written_down(told: Core) -> None:
    """Not at the next run, which may be at night."""
    for wrong in ({"analysis_told": {"depht": 1}}, {"analysis_tolt": {"depth": 1}}, {"analysis_told": {"depth": "x"}}):
        with pytest.raises(UsageError):
            told.erps.add(Erp("sap", settings=wrong))
    assert told.knowledge.erps() == []


def test_a_remembered_setting_that_no_longer_fits_names_its_source(told: Core, table: Path) -> None:
    """A plugin changed since: the message says that the ERP is wrong, not the person."""
    told.knowledge.save_erp(Erp("sap", settings={"analysis_told": {"depth": "x"}}), replace=False)
    with pytest.raises(UsageError) as refused:
        prospect(told, table, erp="sap")
    assert "(from erp:sap)" in refused.value.problems[0].where


def test_a_format_is_seen_once_named_and_taught(told: Core, table: Path, tmp_path: Path) -> None:
    """The second file like it is recognised; a name unites headers; a header of another named format is not taken."""
    first = submit(told, table)
    other = tmp_path / "x.csv"
    other.write_text("a,b\n9,z\n")
    assert submit(told, other).config.raw_format == first.config.raw_format
    assert [item.name for item in told.knowledge.formats()] == ["orders"]
    header = told.formats.header_of_path(table)
    told.formats.teach("sales", header, "orders.csv")
    assert [item.name for item in told.knowledge.formats()] == ["sales"]
    wider = (*header, ("c", "text"))
    taught, changed = told.formats.teach("sales", wider, "y.csv")
    assert (len(taught.headers), changed) == (2, True)
    assert told.formats.teach("sales", wider, "y.csv")[1] is False
    told.formats.change("sales", SettingsChange(notes="monthly"))
    with pytest.raises(Conflict):
        told.formats.teach("other", wider, "y.csv")
    near = told.formats.recognise((*header, ("d", "text")))
    assert near.raw_format is None
    assert near.nearest is not None
    assert near.nearest[0].name == "sales"


def novelty(core: Core, run: Run) -> list[tuple[str, str]]:
    return [(str(item.novelty), item.insight.title) for item in core.insights.retrospect(run).insights]


def test_insights_are_remembered_over_runs(told: Core, table: Path, tmp_path: Path) -> None:
    """The same file again: known. Another of its format with other numbers: changed. The report is the same either way."""
    first = run_to_end(told, table, plugins=["analysis_told"])
    assert told.insights.retrospect(first).scope is None
    second = run_to_end(told, table, plugins=["analysis_told"])
    found = told.insights.retrospect(second)
    assert found.scope == Scope("dataset", first.config.inputs[0].sha256)
    assert (found.earlier, novelty(told, second)) == ([first.run_id], [("known", "Rows")])
    assert report_bytes(told, first) == report_bytes(told, second)
    later = tmp_path / "orders_2025.csv"
    later.write_text(TABLE + "4,z\n")
    third = run_to_end(told, later, plugins=["analysis_told"])
    assert told.insights.retrospect(third).scope == Scope("format", str(first.config.raw_format))
    assert novelty(told, third) == [("changed", "Rows")]
    fourth = run_to_end(told, table, plugins=["analysis_count"])
    assert ("gone", "Rows") in novelty(told, fourth)
    assert told.insights.retrospect(fourth).count(Novelty.GONE) == 1
    sampled = run_to_end(told, table, plugins=["analysis_told"], sample=0.5)
    assert told.insights.retrospect(sampled).scope is None  # a part is not held against the whole


def test_a_suppression_is_a_setting_while_it_holds(told: Core, table: Path) -> None:
    """It changes the fingerprint of later runs, not the run that is there; expired or elsewhere it is not there."""
    plain = prospect(told, table)

    def decide(state: str, scope: Scope | None, expires_at: float | None) -> str:
        made = told.insights.decide(
            state, "known", kind="outlier", columns=["a"], pattern="", scope=scope, expires_at=expires_at,  # type: ignore[arg-type]
        )  # fmt: skip
        return made.decision_id

    decide("accepted", None, None)
    decide("suppressed", None, told.clock.now() - 1)
    decide("suppressed", Scope("erp", "sap"), None)
    assert prospect(told, table).fingerprint == plain.fingerprint
    decided = decide("suppressed", Scope("dataset", plain.config.inputs[0].sha256), None)
    assert decided == decide("suppressed", Scope("dataset", plain.config.inputs[0].sha256), None)
    found = prospect(told, table)
    assert told_settings(found)["quiet"] == [{"kind": "outlier", "columns": ["a"], "pattern": "", "reason": "known"}]
    assert found.config.origins["analysis_told"]["quiet"] == "insights"
    told.memory.remove_decision(decided)
    assert prospect(told, table).fingerprint == plain.fingerprint
