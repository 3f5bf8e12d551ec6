"""Whether measured ratios keep to their baselines: a regression, a missing measurement and a missing baseline all fail."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BASELINES = Path(__file__).with_name("gates.toml")


@dataclass(frozen=True)
class Baseline:
    """What a gate is held against: the stated ratio, and by how many times it may be exceeded."""

    ratio: float
    tolerance: float

    @property
    def limit(self) -> float:
        return self.ratio * self.tolerance


@dataclass(frozen=True)
class Verdict:
    """One gate: what was measured and what it is held against (None: nothing), and what is wrong with it, if anything."""

    gate: str
    measured: float | None
    baseline: Baseline | None
    fault: str = ""


def read_baselines(path: Path = BASELINES) -> dict[str, Baseline]:
    """By gate. A gate without a tolerance of its own has the file's."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        gate: Baseline(float(stated["ratio"]), float(stated.get("tolerance", document["tolerance"])))
        for gate, stated in document["gates"].items()
    }


def judge(baselines: Mapping[str, Baseline], measured: Mapping[str, float]) -> Sequence[Verdict]:
    """One verdict for each gate that has a baseline or a measurement."""
    return [_judged(gate, baselines.get(gate), measured.get(gate)) for gate in sorted({*baselines, *measured})]


def _judged(gate: str, baseline: Baseline | None, measured: float | None) -> Verdict:
    if baseline is None:
        fault = "no baseline is stated for it"
    elif measured is None:
        fault = "it was not measured"
    elif not measured <= baseline.limit:  # so that NaN fails too
        fault = f"more than {baseline.tolerance:g} times its baseline"
    else:
        fault = ""
    return Verdict(gate, measured, baseline, fault)


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as lines of text."""
    lines = [f"{'gate':20}{'measured':>10}{'baseline':>10}{'limit':>8}"]
    for verdict in verdicts:
        held = verdict.baseline
        figures = (verdict.measured, held.ratio if held else None, held.limit if held else None)
        shown = [f"{figure:.2f}" if figure is not None else "-" for figure in figures]
        lines.append(f"{verdict.gate:20}{shown[0]:>10}{shown[1]:>10}{shown[2]:>8}  {verdict.fault or 'ok'}")
    return "\n".join(lines)
