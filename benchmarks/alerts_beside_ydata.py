"""What a run tells of planted effects and of noise, beside the alerts of ydata-profiling over the same CSV files.

python benchmarks/alerts_beside_ydata.py [interpreter] [draws] [noise tables]

``interpreter`` is a Python in which ydata-profiling can be imported (default: this one); it is asked twice about each file, as a
table and as a time series in the order of its time column, and an alert of either counts. An effect is told when one alert, or one
insight, of a fitting kind names all columns of the effect. Without ydata-profiling there is nothing to compare: the script says so.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.evaluate.noise_tables import noise_table
from tests.evaluate.planted_tables import EFFECTS, planted_table
from tests.evaluate.whole_table import analyse, one_thread, statistical, told

VERSION = "import importlib.metadata as m, ydata_profiling; print(m.version('ydata-profiling'), 'with pandas', m.version('pandas'))"
# Pictures and samples are left away: they cost time and raise no alert.
ALERTS = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import pandas
from ydata_profiling import ProfileReport

NONE = {"bar": False, "matrix": False, "heatmap": False}
PLAIN = {"interactions": {"continuous": False, "targets": []}, "missing_diagrams": NONE, "samples": None, "progress_bar": False}

for path in sys.stdin.read().split():
    header = pandas.read_csv(path, nrows=0).columns
    times = [name for name in ("day", "entered") if name in header]
    table = pandas.read_csv(path, parse_dates=times)
    found = []
    for mode in ({}, {"tsmode": True, "sortby": times[0]} if times else None):
        if mode is not None:
            for alert in ProfileReport(table, **PLAIN, **mode).get_description().alerts:
                names = [alert.column_name, *((alert.values or {}).get("fields") or [])]
                found.append([alert.alert_type.name, [str(name) for name in names if name]])
    print(json.dumps([path, found]), flush=True)
"""
# Which alerts speak of which effect. Where there is none, no alert can tell it.
FITTING: Mapping[str, frozenset[str]] = {
    "two measures correlate": frozenset({"HIGH_CORRELATION"}),
    "a category decides another": frozenset({"HIGH_CORRELATION"}),
    "a group is higher": frozenset({"HIGH_CORRELATION"}),
    "a slice of two columns is higher": frozenset({"HIGH_CORRELATION"}),
    "the level changes": frozenset({"NON_STATIONARY"}),
    "the level rises slowly": frozenset({"NON_STATIONARY"}),
    "weekends are higher": frozenset({"SEASONAL"}),
    "a group lacks values": frozenset({"MISSING", "HIGH_CORRELATION"}),
    "three values are too high": frozenset({"SKEWED"}),
    "rows stand there twice": frozenset({"DUPLICATES"}),
}
CLAIMS = frozenset({"HIGH_CORRELATION", "NON_STATIONARY", "SEASONAL"})  # what can be wrong: the others are facts about one column

Case = tuple[str, float, int]
Alert = tuple[str, list[str]]


def main(interpreter: str, draws: int, noises: int) -> None:
    one_thread()
    version = subprocess.run([interpreter, "-W", "ignore", "-c", VERSION], capture_output=True, text=True, check=False)
    if version.returncode:
        print(f"ydata-profiling cannot be imported by {interpreter}: give a Python that has it. Nothing was compared.")
        return
    cases = [(name, size, seed) for name, effect in EFFECTS.items() for size in effect.sizes for seed in range(draws)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        here = [case for case, found in zip(cases, pool.map(tells, cases), strict=True) if found]
        alarms = list(pool.map(invents, range(1, noises + 1)))
    there = [case for case, found in zip(cases, alerts_of_planted(interpreter, cases), strict=True) if found]
    print(f"ydata-profiling {version.stdout.strip()}; {draws} draws of each size, {noises} tables of noise\n")
    print("\n".join(recall_lines(draws, here, there)))
    print("\n".join(noise_lines(alarms, alerts_of_noise(interpreter, range(1, noises + 1)))))


def tells(case: Case) -> bool:
    """Whether an insight of a whole run tells the planted effect."""
    name, size, seed = case
    with tempfile.TemporaryDirectory() as folder:
        return any(EFFECTS[name].is_told_by(item) for item in told(analyse(planted_table(name, size, seed), Path(folder))))


def invents(seed: int) -> bool:
    """Whether a statistical insight above ``info`` speaks of a table of noise."""
    with tempfile.TemporaryDirectory() as folder:
        return bool(statistical(analyse(noise_table(seed), Path(folder))))


def alerts_of_planted(interpreter: str, cases: Sequence[Case]) -> list[bool]:
    found = alerts_of(interpreter, (planted_table(*case) for case in cases))
    return [
        any(kind in FITTING[name] and EFFECTS[name].columns <= set(columns) for kind, columns in alerts)
        for (name, _, _), alerts in zip(cases, found, strict=True)
    ]


def alerts_of_noise(interpreter: str, seeds: Iterable[int]) -> list[Counter[str]]:
    """How many alerts of each type a table of noise gets; of the claims only those about a column that is drawn at random."""
    found = alerts_of(interpreter, map(noise_table, seeds))
    return [Counter(kind for kind, names in alerts if kind not in CLAIMS or _drawn(names)) for alerts in found]


def _drawn(names: Iterable[str]) -> bool:
    """A key and a sorted time do rise together; all columns called c depend on nothing."""
    return any(name.startswith("c") for name in names)


def alerts_of(interpreter: str, tables: Iterable[pa.Table]) -> list[list[Alert]]:
    """The alerts about each table, read from CSV as a person would."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, table in enumerate(tables):
            paths.append(f"{folder}/{number}.csv")
            pyarrow.csv.write_csv(table, paths[-1])
        done = subprocess.run(
            [interpreter, "-W", "ignore", "-c", ALERTS], input="\n".join(paths), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, check=True,
        )  # fmt: skip
        answers = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
        return [answers[path] for path in paths]


def recall_lines(draws: int, here: Sequence[Case], there: Sequence[Case]) -> list[str]:
    """One line per effect: how many draws are told at each size, and the least size from which on all are, here and there."""
    lines = ["| effect | sizes | told here | by ydata-profiling | all told from, here | by ydata-profiling |", "| --- " * 6 + "|"]
    for name, effect in EFFECTS.items():
        told_by = [[sum(case[:2] == (name, size) for case in found) for size in effect.sizes] for found in (here, there)]
        cells = [name, ", ".join(f"{size:g}" for size in effect.sizes) + f" {effect.unit}"]
        cells += [" ".join(map(str, counts)) for counts in told_by]
        cells += [_least(effect.sizes, counts, draws) for counts in told_by]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _least(sizes: Sequence[float], counts: Sequence[int], draws: int) -> str:
    sure = next((size for k, size in enumerate(sizes) if min(counts[k:]) == draws), None)
    return "never" if sure is None else f"{sure:g}"


def noise_lines(alarms: Sequence[bool], alerts: Sequence[Counter[str]]) -> list[str]:
    total: Counter[str] = Counter()
    for counts in alerts:
        total.update(counts.keys())
    claims = sum(bool(CLAIMS & counts.keys()) for counts in alerts)
    return [
        "",
        f"noise: {sum(alarms)} of {len(alarms)} tables have a statistical insight above info here; {claims} of {len(alerts)} have "
        f"an alert of ydata-profiling that claims what is not there ({', '.join(sorted(CLAIMS))})",
        "tables of noise by alert: " + ", ".join(f"{name} {count}" for name, count in total.most_common()),
    ]


if __name__ == "__main__":
    given: list[Any] = sys.argv[1:]
    main(given[0] if given else sys.executable, int(given[1]) if len(given) > 1 else 3, int(given[2]) if len(given) > 2 else 40)
