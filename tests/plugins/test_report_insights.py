"""Which findings become insights: error control over the run, symptoms beneath their cause, a stable and sensible order."""

import hashlib
import random
from pathlib import Path

import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "report_insights"


def finding(kind, columns=(), severity="notice", plugin="analysis_a", **parts):
    """A finding as the kernel hands it on: with its id and its plugin."""
    statistics, rows = parts.pop("statistics", {}), parts.pop("rows", ())
    if "p" in parts:
        statistics["p_value"] = parts.pop("p")
    if "effect" in parts:
        name, value = parts.pop("effect")
        statistics["effect"] = {"name": name, "value": value}
    evidence = [{"type": "rows", "refs": [f"db://dv_test#row_index={row}" for row in rows]}] if rows else []
    name = f"{plugin}{kind}{sorted(columns)}{sorted(statistics.items())!r}{parts.get('subject')}"
    return {
        "id": "f_" + hashlib.sha256(name.encode()).hexdigest()[:16], "plugin_id": plugin, "kind": kind, "title": kind,
        "statement": "It is so.", "columns": list(columns), "severity": severity, "measure": "MEASURED", "confidence": None,
        "statistics": statistics, "evidence": evidence, **parts,
    }  # fmt: skip


def judge(*findings, settings=None, profile=None, tests=None, plan=()):
    """Run the plugin on findings, grouped by their plugin as they are in a run."""
    upstream = {}
    for item in findings:
        answer = upstream.setdefault(item["plugin_id"], {"status": "ok", "summary": "s", "metrics": {}, "findings": []})
        answer["findings"].append(item)
    for plugin, count in (tests or {}).items():
        upstream.setdefault(plugin, {"status": "ok", "summary": "s", "metrics": {}, "findings": []})["metrics"]["tests"] = count
    if profile:
        upstream["profile_basic"] = {"status": "ok", "summary": "s", "metrics": profile, "findings": []}
    return run_plugin(PLUGIN, settings=settings, upstream=upstream, plan=plan)


def ranked(answer):
    return [entry["finding_id"] for entry in answer["metrics"]["insights"]]


def symptoms_of(answer, cause):
    return next(entry["symptoms"] for entry in answer["metrics"]["insights"] if entry["finding_id"] == cause["id"])


def test_nothing_found_is_said_plainly():
    """No findings give no insights, a sentence, and no complaint."""
    answer = judge()
    assert (answer["status"], answer["metrics"]["insights"]) == ("ok", [])
    assert answer["summary"] == "No plugin found anything to say about this table."


def test_one_family_over_all_plugins():
    """p-values of different plugins are adjusted together, and what does not survive is no insight."""
    kept = finding("dependence", ["a", "b"], plugin="analysis_a", p=0.01)
    lost = finding("trend", ["c"], plugin="analysis_b", p=0.04)
    filler = [finding("drift", [f"x{i}"], plugin="analysis_c", p=0.9 + i / 1000) for i in range(3)]
    answer = judge(kept, lost, *filler)
    assert answer["metrics"]["family_size"] == 5
    assert answer["metrics"]["q_values"][kept["id"]] == pytest.approx(0.05)
    assert answer["metrics"]["q_values"][lost["id"]] == pytest.approx(0.1)
    assert ranked(answer) == [kept["id"]]
    assert answer["metrics"]["left_out"]["not_significant"] == 4


def test_unreported_tests_count():
    """A plugin that made 1,000 tests cannot pass off its best as one of one."""
    best = finding("dependence", ["a", "b"], p=0.001)
    assert ranked(judge(best)) == [best["id"]]
    answer = judge(best, tests={"analysis_a": 1000})
    assert (ranked(answer), answer["metrics"]["family_size"]) == ([], 1000)


def test_one_cause_does_not_count_several_times():
    """A change told four times, or a shape beyond doubt, does not make a doubtful claim an insight."""
    told = [finding("changepoint", ["a", "day"], p=0.004, subject=f"{k}") for k in range(4)]
    assert ranked(judge(*told, tests={"analysis_a": 20})) == []
    shapes = [finding("multimodality", [f"x{k}"], "info", plugin="analysis_b", p=0.0) for k in range(4)]
    assert ranked(judge(told[0], *shapes, tests={"analysis_a": 20})) == []
    others = [finding("dependence", [f"x{k}", "y"], plugin="analysis_b", p=0.0) for k in range(4)]
    assert told[0]["id"] in ranked(judge(told[0], *others, tests={"analysis_a": 20}))


def test_yekutieli_is_stricter():
    """The setting for arbitrary dependence reaches the arithmetic and the note."""
    pair = [finding("trend", ["a"], p=0.04), finding("trend", ["b"], p=0.04)]
    assert len(ranked(judge(*pair))) == 2
    strict = judge(*pair, settings={"method": "Benjamini-Yekutieli"})
    assert ranked(strict) == []
    assert "any dependence" in strict["metrics"]["dependence_note"]


def test_noise_stays_quiet():
    """Over 60 runs of 40 uniform p-values, at most about one in twenty shows an insight."""
    draw = random.Random(3)
    runs = [[finding("dependence", [f"a{i}", f"b{i}"], p=draw.random(), effect=("r", 0.9)) for i in range(40)] for _ in range(60)]
    assert sum(bool(ranked(judge(*one))) for one in runs) <= 6


FOLDS = {
    "arithmetic explains correlations": (
        finding("identity", ["total", "quantity", "price"], "warning"),
        finding("dependence", ["price", "total"], p=0.0),
    ),
    "a copy explains the association": (finding("duplicate_columns", ["a", "b"]), finding("dependence", ["a", "b"], p=0.0)),
    "a constant explains its own shape": (finding("constant", ["a"]), finding("distribution_shape", ["a"])),
    "everything determines a constant": (finding("constant", ["a"]), finding("functional_dependency", ["k", "a"])),
    "a change explains the drift": (finding("changepoint", ["m"], "warning", p=0.0), finding("drift", ["m"], p=0.0)),
    "time is left aside": (finding("changepoint", ["m", "day"], "warning", p=0.0), finding("trend", ["m"], p=0.0)),
    "a change explains a signal": (finding("changepoint", ["m"], "warning", p=0.0), finding("control_signal", ["m"])),
    "a rule explains the association": (
        finding("functional_dependency", ["city", "region"]),
        finding("dependence", ["city", "region"], p=0.0),
    ),
    "a code explains the outlier": (
        finding("sentinel", ["s"], statistics={"value": 9999}),
        finding("outlier", ["s"], statistics={"max": 9999.0}),
    ),
    "a code is named by its subject": (
        finding("sentinel", ["s"], subject="value 9999"),
        finding("outlier", ["s"], statistics={"max": 9999.0}),
    ),
    "a rule with two outcomes explains one": (
        finding("functional_dependency", ["product", "category", "shelf"]),
        finding("dependence", ["product", "shelf"], p=0.0),
    ),
    "the same rows twice break the key": (
        finding("duplicate_rows", statistics={"repeats": 1}, rows=[8]),
        finding("key", ["id"], statistics={"repeats": 1}, rows=[7, 8]),
    ),
    "types explain formats": (finding("mixed_type", ["t"]), finding("format_violation", ["t"])),
    "rows that stand twice break the key": (
        finding("duplicate_rows", statistics={"count": 25}),
        finding("key", ["id"], statistics={"violations": 25}),
    ),
    "the same pair twice": (
        finding("group_difference", ["days", "region"], p=0.0),
        finding("dependence", ["days", "region"], p=0.0),
    ),
    "an odd value makes an odd row": (
        finding("outlier", ["price"], rows=[7, 9]),
        finding("anomaly", ["price", "total"], rows=[9]),
    ),
}


@pytest.mark.parametrize(("cause", "symptom"), FOLDS.values(), ids=FOLDS)
def test_a_symptom_lies_beneath_its_cause(cause, symptom):
    """Each rule of the table puts the symptom beneath the cause, and not beside it."""
    answer = judge(cause, symptom, profile={"row_count": 100, "columns": [{"name": "day", "role": "time"}]})
    assert ranked(answer) == [cause["id"]]
    assert symptoms_of(answer, cause) == [symptom["id"]]
    assert "explains 1 other finding" in answer["metrics"]["insights"][0]["why"]
    apart = judge(cause, symptom, settings={"fold_symptoms": False})
    assert sorted(ranked(apart)) == sorted([cause["id"], symptom["id"]])


STANDS_ALONE = {
    "another column": (finding("changepoint", ["m"], p=0.0), finding("drift", ["other"], p=0.0)),
    "a column beyond the formula": (finding("identity", ["a", "b", "c"]), finding("dependence", ["c", "d"], p=0.0)),
    "another value than the code": (
        finding("sentinel", ["s"], statistics={"value": 9999}),
        finding("outlier", ["s"], statistics={"max": 512}),
    ),
    "two columns that a third decides": (
        finding("functional_dependency", ["product", "category", "shelf"]),
        finding("dependence", ["category", "shelf"], p=0.0),
    ),
    "another number of rows": (
        finding("duplicate_rows", statistics={"count": 25}),
        finding("key", ["id"], statistics={"violations": 26}),
    ),
    "a row that the outlier does not cite": (finding("outlier", ["price"], rows=[7]), finding("anomaly", ["price"], rows=[7, 8])),
    "a cause that is not significant": (finding("changepoint", ["m"], p=0.9), finding("drift", ["m"], p=0.0)),
}


@pytest.mark.parametrize(("other", "claim"), STANDS_ALONE.values(), ids=STANDS_ALONE)
def test_what_is_not_explained_keeps_its_place(other, claim):
    """Near misses of the rules fold nothing."""
    answer = judge(other, claim)
    assert claim["id"] in ranked(answer)
    assert all(entry["symptoms"] == [] for entry in answer["metrics"]["insights"])


def test_a_price_explains_the_total_of_its_row():
    """The result of a formula stands out in the rows where its input does: one insight, named after the input."""
    identity = finding("identity", ["total", "quantity", "price"], "info")
    price, total = finding("outlier", ["price"], "notice", rows=[11019]), finding("outlier", ["total"], "warning", rows=[11019])
    answer = judge(identity, price, total)
    assert ranked(answer) == [price["id"]]
    assert symptoms_of(answer, price) == [total["id"]]


def test_a_city_stands_for_its_region():
    """A claim about a proxy is folded beneath the claim about what it stands for, unless it is clearly stronger."""
    rule = finding("functional_dependency", ["city", "region"], "info")
    region = finding("group_difference", ["days", "region"], p=0.0, effect=("eta_squared", 0.6))
    city = finding("group_difference", ["days", "city"], p=0.0, effect=("eta_squared", 0.61))
    assert symptoms_of(judge(rule, region, city), region) == [city["id"]]
    stronger = finding("group_difference", ["days", "city"], p=0.0, effect=("eta_squared", 0.9))
    assert sorted(ranked(judge(rule, region, stronger))) == sorted([region["id"], stronger["id"]])


def test_chains_end_at_their_root():
    """Outlier explains heavy tail explains shape: both lie beneath the outlier."""
    outlier, tail, shape = finding("outlier", ["x"], "warning"), finding("heavy_tail", ["x"]), finding("distribution_shape", ["x"])
    answer = judge(outlier, tail, shape)
    assert sorted(symptoms_of(answer, outlier)) == sorted([tail["id"], shape["id"]])
    assert ranked(answer) == [outlier["id"]]


def test_two_that_explain_each_other_leave_one():
    """Columns that determine each other make no circle: the weightier claim stays, the other lies beneath it."""
    copies = finding("duplicate_columns", ["code", "name"], "info")
    strong = finding("group_difference", ["days", "code"], "warning", p=0.0, effect=("eta_squared", 0.6))
    weak = finding("group_difference", ["days", "name"], "notice", p=0.0, effect=("eta_squared", 0.6))
    assert symptoms_of(judge(copies, strong, weak), strong) == [weak["id"]]


def test_a_cause_stands_in_for_its_symptoms():
    """A fact that explains something severe, or a weak change that explains a drift to look at, is an insight in its place."""
    code, outlier = (
        finding("sentinel", ["s"], "info", statistics={"value": 9999}),
        finding("outlier", ["s"], statistics={"max": 9999}),
    )
    assert ranked(judge(code, outlier)) == [code["id"]]
    change = finding("changepoint", ["m"], "info", p=0.0, effect=("r", 0.1))
    assert ranked(judge(change, finding("drift", ["m"], p=0.0))) == [change["id"]]


def test_relations_that_follow_from_structure_are_no_news():
    """That products have categories is how the table is built: neither the rule nor the correlation it explains is an insight."""
    rule, outlier = finding("functional_dependency", ["product", "category"], "info"), finding("outlier", ["z"])
    strong = finding("dependence", ["product", "category"], p=0.0, effect=("cramers_v", 1.0))
    assert ranked(judge(rule, strong, outlier)) == [outlier["id"]]
    assert strong["id"] in ranked(judge(strong, outlier))


def test_strong_relations_are_insights_whatever_their_severity():
    """A harmless strong relation is an insight, a harmless weak one and a harmless shape are not."""
    strong = finding("dependence", ["a", "b"], "info", p=0.0, effect=("cramers_v", 0.8))
    weak = finding("dependence", ["c", "d"], "info", p=0.0, effect=("cramers_v", 0.2))
    shape = finding("distribution_shape", ["e"], "info", p=0.0, effect=("skewness", 0.9))
    assert ranked(judge(strong, weak, shape)) == [strong["id"]]


def test_facts_only_where_there_is_nothing_else():
    """Structural facts fill an empty page, up to the setting; outcomes of tests never do."""
    facts = [finding("key", [f"k{i}"], "info") for i in range(5)]
    noise = finding("dependence", ["a", "b"], "info", p=0.001, effect=("r", 0.1))
    answer = judge(*facts, noise)
    assert len(ranked(answer)) == 3
    assert noise["id"] not in ranked(answer)
    assert answer["summary"].startswith("Nothing in this table calls for attention: none of 6 findings stands out. 3 facts")
    assert ranked(judge(*facts, settings={"max_facts": 0})) == []
    warning = finding("outlier", ["z"], "warning")
    assert ranked(judge(*facts, warning)) == [warning["id"]]


def test_the_order_is_severity_then_strength_then_surprise():
    """Critical before warning before notice; the stronger of two equals first; the more surprising kind first."""
    critical, warning = finding("missingness", ["a"], "critical"), finding("missingness", ["b"], "warning")
    strong = finding("dependence", ["c", "d"], p=0.0, effect=("r", -0.9))
    weak = finding("dependence", ["e", "f"], p=0.0, effect=("r", 0.2))
    shape = finding("distribution_shape", ["g"])
    assert ranked(judge(shape, weak, strong, warning, critical)) == [
        item["id"] for item in (critical, warning, strong, weak, shape)
    ]


SCALES = [
    (("cohens_d", 0.2), ("cohens_d", 2.0)),
    (("ratio", 1.1), ("ratio", 8.0)),
    (("ratio", 0.9), ("ratio", 0.1)),
    (("eta_squared", 0.1), ("eta_squared", 0.7)),
]


@pytest.mark.parametrize(("small", "large"), SCALES)
def test_larger_effects_come_first_on_every_scale(small, large):
    """Standard deviations, ratios in both directions, and shares are ordered by size."""
    little = finding("group_difference", ["m", "a"], p=0.0, effect=small)
    much = finding("group_difference", ["m", "b"], p=0.0, effect=large)
    assert ranked(judge(little, much)) == [much["id"], little["id"]]


def test_one_kind_does_not_fill_the_page():
    """After several outliers, a change point of equal severity comes forward."""
    outliers = [finding("outlier", [f"x{i}"], "warning") for i in range(8)]
    change = finding("trend", ["m"], "warning")
    places = ranked(judge(*outliers, change))
    assert 0 < places.index(change["id"]) < 6


def test_the_cap_and_what_it_leaves_out():
    """At most max_insights are ranked, 1, 2, 3, and the rest is counted."""
    answer = judge(*[finding("outlier", [f"x{i}"]) for i in range(30)])
    assert [entry["rank"] for entry in answer["metrics"]["insights"]] == list(range(1, 21))
    assert answer["metrics"]["left_out"]["beyond_the_cap"] == 10
    assert "30 of 30 findings are worth a person's time, the first 20 are ranked" in answer["summary"]


def test_the_same_whatever_the_order_of_arrival():
    """Findings in any order, equal scores included, give the same answer to the byte."""
    findings = [finding(kind, [f"x{i}"], p=0.001) for i in range(10) for kind in ("outlier", "drift", "changepoint", "key")]
    first = judge(*findings)["metrics"]
    for seed in range(3):
        random.Random(seed).shuffle(findings)
        assert judge(*findings)["metrics"] == first


def test_why_names_size_coverage_and_what_it_explains():
    """The sentence beside an insight says what put it there."""
    item = finding("identity", ["a", "b"], "warning", statistics={"violations": 12, "n": 20000})
    assert (
        judge(item)["metrics"]["insights"][0]["why"] == "It is probably wrong or costly: less than 0.1 % of the rows is concerned."
    )
    strong = finding("dependence", ["a", "b"], p=0.0, effect=("r", 0.8), statistics={"share": 1.0})
    words = "It deserves a look: the effect is very strong, and all of the rows are concerned."
    assert judge(strong)["metrics"]["insights"][0]["why"] == words


def test_failed_plugins_are_not_kept_quiet():
    """What could not be looked at is part of the sentence."""
    answer = judge(plan=[{"plugin_id": "analysis_x", "status": "TIMEOUT"}, {"plugin_id": "analysis_y", "status": "NA"}])
    assert answer["summary"].endswith("1 plugin could not finish, so something may be missing.")


def test_what_is_suppressed_is_no_insight_and_drags_nothing_up():
    """A decision takes the insight and all it explains away; findings stay, the summary and the reason say so."""
    cause = finding("identity", ["total", "qty"], severity="warning")
    symptom = finding("dependence", ["total", "qty"], p=1e-9, effect=("r", 0.9))
    other = finding("outlier", ["price"], severity="warning")
    rule = {"kind": "identity", "columns": ["total"], "pattern": "", "reason": "by design"}
    answer = judge(cause, symptom, other, settings={"suppressed": [rule]})
    assert ranked(answer) == [other["id"]]
    assert answer["metrics"]["suppressed"] == [{"finding_id": cause["id"], "reason": "by design"}]
    assert "1 finding is suppressed" in answer["summary"]
    for missed in ({"kind": "key"}, {"columns": ["x"]}, {"pattern": "^never"}, {"kind": "", "columns": [], "pattern": ""}):
        assert set(ranked(judge(cause, other, settings={"suppressed": [{**rule, **missed}]}))) == {cause["id"], other["id"]}


def test_a_known_issue_explains_the_finding_of_its_kind():
    """Who wrote the issue down is told of it once; another kind, other rows, or an issue that was not seen explain nothing."""
    known = {"confirmed": True, "issue_kind": "sentinel", "affected_rows": 4}
    cause = finding("known_issue", ["stock"], severity="notice", plugin="analysis_known_issues", statistics=known, rows=[1, 2])
    symptom = finding("sentinel", ["stock"], severity="warning", rows=[2, 9])
    assert ranked(judge(cause, symptom)) == [cause["id"]]
    assert symptoms_of(judge(cause, symptom), cause) == [symptom["id"]]
    for other in (
        finding("outlier", ["stock"], rows=[2]),
        finding("sentinel", ["stock"], rows=[8]),
        finding("sentinel", ["qty"], rows=[2]),
    ):
        assert other["id"] in ranked(judge(cause, other))


def test_what_holds_by_definition_is_no_insight_however_strong():
    """Guards the first page against price lists: a category that leaves nothing of a number open is a fact about the table."""
    strong = {"severity": "info", "p": 1e-9, "effect": ("r", 0.97)}
    plain = finding("dependence", ["a", "b"], **strong)
    listed = finding("dependence", ["category", "price"], statistics={"by_definition": True}, **strong)
    assert ranked(judge(plain, listed)) == [plain["id"]]


def test_a_drift_between_batches_explains_the_difference_between_them_and_anomalies_of_the_same_rows_are_told_once():
    """Guards the folding of the drift and anomaly families."""
    drift = finding("drift", ["x", "file"], p=1e-9, effect=("Kolmogorov distance", 0.6))
    groups = finding("group_difference", ["x", "file"], severity="info", p=1e-9, effect=("r", 0.3))
    odd = finding("anomaly", ["x", "y"], rows=[4, 5, 6], p=1e-9, plugin="analysis_b")
    same = finding("anomaly", ["y", "z"], rows=[4, 5], p=1e-6, severity="info", plugin="analysis_c")
    answer = judge(drift, groups, odd, same)
    assert symptoms_of(answer, drift) == [groups["id"]]
    assert symptoms_of(answer, odd) == [same["id"]]


def test_a_slice_explains_the_scatter_of_its_groups_and_what_little_they_differ_by():
    """One slice stands out: that its region scatters, and that the channel matters, is the same news. A whole region that is as
    much higher is the cause instead."""
    slice_ = finding("interaction", ["m", "region", "channel"], effect=("departure in ranks", 0.6), p=1e-18)
    scatter = finding("group_difference", ["m", "region"], subject="spread", effect=("ratio", 3.0), p=1e-30)
    relation = finding("dependence", ["m", "channel"], effect=("eta", 0.4), p=1e-25)
    answer = judge(slice_, scatter, relation)
    assert ranked(answer) == [slice_["id"]]
    assert set(symptoms_of(answer, slice_)) == {scatter["id"], relation["id"]}
    for size, root in ((0.2, slice_), (0.6, None)):
        level = finding("group_difference", ["m", "region"], subject="level", effect=("cliffs_delta", size), p=1e-30)
        assert ranked(judge(slice_, level)) == [(root or level)["id"]]


TIMED = {"row_count": 4000, "columns": [{"name": "at", "role": "time"}, {"name": "value", "role": "measure"}]}


def level(time, before, after, name="value"):
    """A change point of the level of a measure at a time."""
    statistics = {"change": "level", "time": time, "before": before, "after": after}
    return finding("changepoint", [name, "at"], subject=f"level / {time}", effect=("Cohen's d", 0.6), p=1e-6, statistics=statistics)


@pytest.mark.parametrize(("back", "explained"), [(40.0, "the changes"), (21.0, "the stretch")])
def test_a_level_that_comes_back_is_told_by_its_stretch(back, explained):
    """Two changes that bound an odd stretch are its ends if the old level returns; where it does not, the change explains the
    stretch. A change a month later has nothing to do with either."""
    stretch = [["2014-04-11 10:00:00", "2014-04-11 18:00:00"]]
    odd = finding("anomaly", ["value", "at"], subject="stretches", p=1e-5, plugin="analysis_b", statistics={"stretches": stretch})
    down, up = level("2014-04-11 08:00:00", 41.0, 20.0), level("2014-04-11 17:00:00", 20.0, back)
    later = level("2014-05-11 08:00:00", back, 60.0)
    answer = judge(odd, down, up, later, profile=TIMED)
    if explained == "the changes":
        assert set(symptoms_of(answer, odd)) == {down["id"], up["id"]}
        assert set(ranked(answer)) == {odd["id"], later["id"]}
    else:
        assert odd["id"] not in ranked(answer)
        assert {down["id"], up["id"], later["id"]} == set(ranked(answer))


def test_a_change_elsewhere_explains_no_odd_stretch():
    """A stretch in April is not what the level did in June."""
    stretch = [["2014-04-11 10:00:00", "2014-04-11 18:00:00"]]
    odd = finding("anomaly", ["value", "at"], subject="stretches", p=1e-5, plugin="analysis_b", statistics={"stretches": stretch})
    change = level("2014-06-11 08:00:00", 41.0, 20.0)
    assert set(ranked(judge(odd, change, profile=TIMED))) == {odd["id"], change["id"]}


def test_the_like_of_many_columns_is_told_once():
    """Where there is no room for all, five clusters of rows are one insight, the weightiest first and the others in its list, so that
    other news has room; two sentinels and five dependences stay news each. With room, nothing is listed."""
    clusters = [finding("scan_cluster", [f"g{k}", "at"], p=1e-6, effect=("ratio", 2.0 + k)) for k in range(5)]
    pairs = [finding("dependence", [f"x{k}", f"y{k}"], p=1e-9, effect=("correlation", 0.6)) for k in range(5)]
    codes = [finding("sentinel", [f"s{k}"]) for k in range(2)]
    answer = judge(*clusters, *pairs, *codes, settings={"max_insights": 8})
    assert answer["metrics"]["left_out"]["beyond_the_cap"] == 0
    assert "in 8 insights" in answer["summary"]
    lead = next(entry for entry in answer["metrics"]["insights"] if entry["alike"])
    assert [lead["finding_id"], *lead["alike"]] == [item["id"] for item in clusters[::-1]]
    assert "stands for 5 findings that say the like" in lead["why"]
    assert set(ranked(answer)) == {clusters[4]["id"], *(item["id"] for item in pairs + codes)}
    roomy = judge(*clusters, *pairs, *codes, settings={"max_insights": 12})
    assert len(ranked(roomy)) == 12
    assert all(entry["alike"] == [] for entry in roomy["metrics"]["insights"])


def test_what_a_listed_claim_explains_is_under_the_one_that_leads():
    """A symptom does not vanish with the place of its cause."""
    codes = [finding("sentinel", [f"s{k}"], statistics={"value": 90 + k}, severity="notice") for k in range(3)]
    symptom = finding("outlier", ["s2"], p=1e-9, statistics={"value": 92}, plugin="analysis_b")
    (insight,) = judge(*codes, symptom, settings={"max_insights": 1})["metrics"]["insights"]
    assert len(insight["alike"]) == 2
    assert insight["symptoms"] == [symptom["id"]]


@pytest.mark.parametrize(("subject", "count"), [("level / product / P{} / 2024-04-30", 1), ("level / 2024-04-{}", 3)])
def test_changes_within_groups_are_alike_and_changes_of_the_whole_are_not(subject, count):
    """Three products whose price changes are one insight; three changes of one price are three."""
    columns = ["price", "product", "at"] if count == 1 else ["price", "at"]
    changes = [
        finding("changepoint", columns, p=1e-9, subject=subject.format(10 + k), statistics={"change": "level"}) for k in range(3)
    ]
    entries = judge(*changes, settings={"max_insights": 2})["metrics"]["insights"]
    assert len(entries) == min(count, 2)
    assert len(entries[0]["alike"]) == 3 - count
