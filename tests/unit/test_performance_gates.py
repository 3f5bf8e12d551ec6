"""The judge of the performance gates: it fails on a regression and on what was not measured, and on nothing else."""

import math
from pathlib import Path

from benchmarks.gate_judging import BASELINES, Baseline, judge, read_baselines, table

HELD = {"ingest": Baseline(2.0, 1.6), "profile": Baseline(0.5, 1.6)}
GATES = {"csv_ingest", "profile", "dependence", "whole_run", "durable_steps", "walled_start"}


def faults(**measured: float) -> dict[str, str]:
    return {verdict.gate: verdict.fault for verdict in judge(HELD, measured) if verdict.fault}


def test_what_keeps_to_its_baseline_passes() -> None:
    """Up to the tolerance, and however much faster."""
    assert faults(ingest=3.2, profile=0.01) == {}


def test_a_regression_fails() -> None:
    """Each gate by itself; a ratio that is no number is no pass."""
    assert faults(ingest=3.21, profile=0.5) == {"ingest": "more than 1.6 times its baseline"}
    assert set(faults(ingest=math.nan, profile=math.inf)) == {"ingest", "profile"}


def test_what_was_not_measured_fails() -> None:
    """A gate that broke, or was taken out without its baseline, is no pass; nor is one that nobody has stated a baseline for."""
    assert faults(ingest=1.0) == {"profile": "it was not measured"}
    assert faults(ingest=1.0, profile=0.5, fresh=1.0) == {"fresh": "no baseline is stated for it"}


def test_the_table_tells_each_gate_and_its_fault() -> None:
    """One line per gate, with what was measured, the baseline and the limit."""
    told = table(judge(HELD, {"ingest": 4.0})).splitlines()
    assert [line.split()[0] for line in told] == ["gate", "ingest", "profile"]
    assert told[1].split()[1:4] == ["4.00", "2.00", "3.20"]
    assert told[2].endswith("it was not measured")


def test_the_stated_baselines(tmp_path: Path) -> None:
    """Every gate of the product has one; a gate may have a tolerance of its own."""
    assert set(read_baselines(BASELINES)) == GATES
    path = tmp_path / "gates.toml"
    path.write_text("tolerance = 1.5\n[gates.a]\nratio = 2\n[gates.b]\nratio = 1\ntolerance = 3\n")
    assert read_baselines(path) == {"a": Baseline(2.0, 1.5), "b": Baseline(1.0, 3.0)}
