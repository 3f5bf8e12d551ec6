"""Event logs against their published statistics: roles found without hints, and every count exactly."""

import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
ROLES = {  # what the publishers say: case, activity, time
    "running-example": ("case_id", "concept:name", "time:timestamp"),
    "receipt": ("case_id", "concept:name", "time:timestamp"),
    "roadtraffic100traces": ("case_id", "concept:name", "time:timestamp"),
    "repairExample": ("case_id", "concept:name", "time:timestamp"),
    "bpic2013_closed": ("case_id", "concept:name", "time:timestamp"),
    "bupar/patients": ("patient", "handling", "time"),
}
LIFECYCLE = {
    "repairExample": ("lifecycle:transition", "start", "complete"),
    "bupar/patients": ("registration_type", "start", "complete"),
}


def analysed(name):
    """(answer of the event-log profile, answer of the process sequence) of a log as it is ingested."""
    ingested = run_plugin(PLUGINS / "ingest_tabular", inputs=[reference_folder("16-event-logs") / f"{name}.csv"])
    table = pyarrow.parquet.read_table(Path(ingested["scratch"]) / "datasets" / "0" / "data.parquet")
    upstream = {"profile_basic": run_plugin(PLUGINS / "profile_basic", table)}
    upstream["profile_eventlog"] = run_plugin(PLUGINS / "profile_eventlog", table, upstream=upstream)
    return upstream["profile_eventlog"], run_plugin(PLUGINS / "analysis_process_sequence", table, upstream=upstream)


@pytest.mark.parametrize("name", ROLES)
def test_roles_and_counts_as_published(name):
    """Case, activity and time as their publishers name them; every published count equal, none near enough."""
    profile, sequence = analysed(name)
    roles, metrics = profile["metrics"]["roles"], sequence["metrics"]
    assert (roles["case"], roles["activity"], roles["time"]) == ROLES[name]
    assert (roles["lifecycle"], roles["start_mark"], roles["end_mark"]) == LIFECYCLE.get(name, (None, None, None))
    expected = json.loads((reference_folder("16-event-logs") / "expected.json").read_text(encoding="utf-8")).get(name)
    if expected is None:
        return
    for key in ("cases", "events", "activities", "variants", "start_activities", "activity_counts"):
        assert metrics[key] == expected[key], key
    assert expected["end_activities"].items() <= metrics["end_activities"].items()
    assert metrics["directly_follows_edges"] == expected["dfg_edges"]
    edges = {(edge["from"], edge["to"]): edge["count"] for edge in metrics["directly_follows"]}
    assert all(edges[source, target] == count for source, target, count in expected["dfg_top"])
    assert metrics["top_variants"][0]["cases"] == expected["top_variant_cases"]
    assert metrics["median_case_duration_s"] == pytest.approx(expected["median_case_duration_s"], rel=1e-9)
    assert metrics["cases_with_unsorted_rows"] == expected["cases_with_unsorted_timestamps"]
    text = f"{name}: {metrics['cases']:,} cases, {metrics['events']:,} events, {metrics['variants']:,} variants, as published"
    sys.stdout.write(f"\n{text}\n")
