"""The one finding about rows that are ordinary in each column and odd in their combination."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from outlier_distance import JointModel, Margin, cutoff, fit
from outlier_tails import round_between, tail_verdict
from outlier_words import NOT_A_VERDICT, ROWS_CITED

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.robust import FloatArray
from harness_core.sdk.statistics.series import as_floats, view_name
from harness_core.sdk.statistics.wording import listed, rounded

MIN_ROWS = 50
SCORE_LIMIT = 3.0
ROWS_TOGETHER = 8_000  # they stay in the cache; columns whose length is a power of two would get into one another's way there
ROWS_PER_COLUMN = 5
SQL_COLUMNS = 12
COLUMNS_NAMED = 4
BLAME_SHARE = 0.5

Told = Mapping[str, Sequence[tuple[str, float, str]]]


@dataclass(frozen=True)
class Joint:
    """How the joint distances came out, and the rows, farthest first, that nothing explains (none if all is well)."""

    model: JointModel
    cutoff: float
    beyond_cutoff: int
    p_value: float
    fence: float
    rows: Sequence[int]
    farthest: float
    named: Sequence[str]
    told: Told
    n: int
    artifact: str | None

    def as_metrics(self) -> dict[str, Any]:
        return {
            "columns": [margin.name for margin in self.model.margins],
            "cutoff": rounded(self.cutoff),
            "beyond_cutoff": self.beyond_cutoff,
            "p_value": rounded(self.p_value, 4),
        }


def measure_joint(ctx: PluginContext, settings: Mapping[str, Any], margins: Sequence[Margin], told: Told) -> Joint | None:
    """Fit, measure every row, and test the gap above the bulk of the distances; None where the table is too small for it."""
    margins = margins[: settings["max_joint_columns"]]
    if len(margins) < 2 or ctx.dataset.row_count < max(MIN_ROWS, ROWS_PER_COLUMN * len(margins)):
        return None
    names = [margin.name for margin in margins]
    model = replace(fit(margins, lambda: chunks(ctx.dataset, names)), limit=SCORE_LIMIT)
    distances = _distances(ctx.dataset, model, told)
    limit = cutoff(distances, len(margins))
    count, p_value = tail_verdict(distances, limit, settings)
    found = count > 0 and p_value <= settings["significance"]
    rows = _farthest(distances, count + 1) if found else np.empty(0, dtype=np.int64)
    chosen = [int(row) for row in rows[:count]]
    fence = round_between(float(distances[rows[count]]), float(distances[rows[count - 1]])) if found else 0.0
    named = _named(ctx.dataset, model, chosen) if found else []
    farthest = float(distances[rows[0]]) if found else 0.0
    artifact = _write_model(ctx, model, fence, chosen) if found and len(margins) > SQL_COLUMNS else None
    beyond_cutoff = int((distances > limit).sum())
    return Joint(model, limit, beyond_cutoff, p_value, fence, chosen, farthest, named, told, len(distances), artifact)


def _farthest(distances: FloatArray, count: int) -> NDArray[np.int64]:
    """The rows of the largest distances, farthest first, then in their order."""
    place = max(0, len(distances) - count)
    rows = np.flatnonzero(distances >= np.partition(distances, place)[place])
    return rows[np.argsort(-distances[rows], kind="stable")][:count]


def chunks(dataset: Dataset, names: Sequence[str]) -> Iterator[FloatArray]:
    """Columns by rows, as many rows at a time as stay in a processor's cache."""
    for batch in dataset.iter_batches(names, ROWS_TOGETHER):
        yield np.stack([as_floats(batch.column(name)) for name in names])


def _distances(dataset: Dataset, model: JointModel, told: Told) -> FloatArray:
    """The squared distance of every row; nought for rows already reported for a single column."""
    names = [margin.name for margin in model.margins]
    found, done = np.empty(dataset.row_count), 0
    for chunk in chunks(dataset, names):
        squared = model.squared_distances(chunk)
        for values, name in zip(chunk, names, strict=True):
            for direction, fence, _ in told.get(name, ()):
                squared[values > fence if direction == "high" else values < fence] = 0.0
        found[done : done + len(squared)] = squared
        done += len(squared)
    return found


def _named(dataset: Dataset, model: JointModel, rows: Sequence[int]) -> list[str]:
    """The columns without which these rows would be least odd: at least two, at most four, in table order."""
    names = [margin.name for margin in model.margins]
    found = dataset.rows(rows[:ROWS_CITED], names)
    chunk = np.array([[np.nan if row[name] is None else float(row[name]) for row in found] for name in names])
    blame = model.blame(chunk)
    share = (blame / np.maximum(blame.max(axis=0), 1e-12)).mean(axis=1)
    order = np.argsort(-share, kind="stable")
    taken = {int(j) for position, j in enumerate(order[:COLUMNS_NAMED]) if position < 2 or share[j] >= BLAME_SHARE}
    return [name for j, name in enumerate(names) if j in taken]


def _write_model(ctx: PluginContext, model: JointModel, fence: float, rows: Sequence[int]) -> str:
    margins = [{"name": m.name, "logged": m.logged, "centre": m.centre, "unit": m.unit} for m in model.margins]
    content = {
        "rows": ctx.dataset.row_count,
        "count": len(rows),
        "margins": margins,
        "factor": model.factor.tolist(),
        "fence": fence,
        "row_indices": list(rows),
    }
    ctx.write_artifact("joint_distances.json", content)
    return "joint_distances.json"


def distance_sql(joint: Joint) -> str:
    """SQL that counts the rows beyond the fence, and all rows, with every number of the model as a literal."""
    margins = joint.model.margins
    skipped = "".join(f" AND NOT coalesce({condition}, false)" for m in margins for _, _, condition in joint.told.get(m.name, ()))
    works = ", ".join(f"{_work_sql(margin)} AS w{j}" for j, margin in enumerate(margins))
    scores = ", ".join(f"{_score_sql(margin, f'w{j}')} AS z{j}" for j, margin in enumerate(margins))
    turned = ", ".join(
        " + ".join(f"{float(weight)!r} * z{j}" for j, weight in enumerate(row) if weight != 0) + f" AS d{k}"
        for k, row in enumerate(joint.model.factor)
    )
    squares = " + ".join(f"d{k} * d{k}" for k in range(len(margins)))
    return (
        f"SELECT count(*), (SELECT count(*) FROM data) FROM (SELECT {turned} FROM (SELECT {scores} FROM (SELECT {works} FROM data "
        f"WHERE true{skipped}))) WHERE {squares} > {joint.fence!r}"
    )


def _work_sql(margin: Margin) -> str:
    plain = f"CAST({view_name(margin.name)} AS DOUBLE)"
    return f"ln(CASE WHEN {plain} > 0 THEN {plain} END)" if margin.logged else plain


def _score_sql(margin: Margin, work: str) -> str:
    score = f"greatest(-{SCORE_LIMIT}, least({SCORE_LIMIT}, ({work} - {margin.centre!r}) / {margin.unit!r}))"
    return f"CASE WHEN isfinite({work}) THEN {score} ELSE 0 END"


def joint_finding(ctx: PluginContext, joint: Joint) -> Finding:
    dataset, count = ctx.dataset, len(joint.rows)
    names = listed(joint.named)
    evidence = ctx.artifact_evidence(joint.artifact, "row_indices") if joint.artifact else dataset.evidence(distance_sql(joint))
    effect = float(np.sqrt(joint.farthest / joint.cutoff))
    return Finding(
        kind="anomaly",
        title=f"{count:,} row{'s combine' if count > 1 else ' combines'} values of {names} that do not go together",
        statement=(
            f"{count:,} of the {joint.n:,} rows {'have' if count > 1 else 'has'} no outlier in any single column, but "
            f"{'combine' if count > 1 else 'combines'} values that go together in no other row. "
            f"The columns that make {'them' if count > 1 else 'it'} odd are {names}."
        ),
        columns=list(joint.named),
        severity="notice",
        confidence_note=NOT_A_VERDICT,
        statistics={
            "test": "generalised Pareto tail of robust joint distances",
            "p_value": rounded(joint.p_value, 4),
            "n": joint.n,
            "effect": {"name": "distance_over_cutoff", "value": rounded(effect), "low": None, "high": None},
            "count": count,
            "fence": joint.fence,
            "joint_columns": [margin.name for margin in joint.model.margins],
        },
        recommendation=f"Look at {names} side by side in the rows cited: one of the values may belong to another row.",
        evidence=[evidence, dataset.row_evidence(joint.rows[:ROWS_CITED])],
        subject="joint",
    )
