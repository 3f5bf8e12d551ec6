"""The queue model: its replay against theory, against a queue with one more server, and its silence where it does not fit."""

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.plugins.event_logs import PLUGINS, analysed, job_log, process_log, seconds, stands

PLUGIN = "analysis_queue_model"


@pytest.fixture(scope="module")
def replaying() -> Any:
    """The plugin's own module of the replay."""
    sys.path.insert(0, str(PLUGINS / PLUGIN))
    yield importlib.import_module("queue_replay")
    sys.path.remove(str(PLUGINS / PLUGIN))
    del sys.modules["queue_replay"]


def erlang_wait(rate: float, service: float, count: int) -> float:
    """The mean waiting of M/M/c (Erlang C)."""
    load = rate * service
    last = load**count / math.factorial(count) * count / (count - load)
    chance = last / (math.fsum(load**k / math.factorial(k) for k in range(count)) + last)
    return chance * service / (count - load)


@pytest.mark.parametrize(("count", "load"), [(1, 0.5), (3, 0.7), (8, 0.8)])
def test_the_replay_agrees_with_theory(replaying: Any, count: int, load: float) -> None:
    """Guards the replay against Erlang's formula, within the error of the simulation."""
    rng = np.random.default_rng(count)
    arrivals = np.cumsum(rng.exponential(100 / count / load, 300_000) * 1e6).astype(np.int64)
    waits = replaying.replay(arrivals, (rng.exponential(100, 300_000) * 1e6).astype(np.int64), count)
    assert waits.mean() / 1e6 == pytest.approx(erlang_wait(count * load / 100, 100, count), rel=0.08)


def test_it_repeats_the_log_and_foresees_one_more_server(tmp_path: Path) -> None:
    """Guards the whole claim: the same arrivals and work through four servers wait as the model says they would."""
    table, more = job_log(load=0.9), job_log(load=0.9 * 3 / 4, servers=4)
    answer = analysed(PLUGIN, table)
    (found,) = answer["findings"]
    truth = (more["begun"].to_numpy() - more["asked"].to_numpy()).astype(float).mean() / 1e6
    assert found["measure"] == "MODELED"
    assert found["statistics"]["replayed_mean_s"] == pytest.approx(found["statistics"]["measured_mean_s"], rel=1e-6)
    assert found["statistics"]["mean_with_more_s"] == pytest.approx(truth, rel=1e-3)
    assert found["statistics"]["scope"]
    assert len(found["statistics"]["assumptions"]) == 4
    assert stands(table, answer, tmp_path) == 1


def test_separate_queues_are_modelled_one_by_one() -> None:
    """Guards the pools: lines that do not share their queue are replayed as queues of their own, the worst first."""
    parts = [job_log(seed, 1500, 1, 0.4) for seed in range(3)] + [job_log(9, 3400, 1, 0.9)]
    named = [part.set_column(2, "on", pa.array([f"line {k}"] * len(part))) for k, part in enumerate(parts)]
    (found,) = analysed(PLUGIN, pa.concat_tables(named).sort_by("asked"))["findings"]
    assert found["subject"] == "pool:line 3"
    assert found["statistics"]["effect"]["value"] > 0.5


def test_a_queue_that_is_ruled_otherwise_is_left() -> None:
    """Guards the misfit: jobs released by the hour are no queue for servers, so nothing is said about servers."""
    rng = np.random.default_rng(3)
    asked = np.sort(rng.uniform(0, 4e6, 3000))
    begun = np.ceil(asked / 3600) * 3600 + rng.uniform(0, 60, 3000)
    table = pa.table({"asked": seconds(asked), "begun": seconds(begun), "done": seconds(begun + rng.gamma(2, 30, 3000))})
    answer = analysed(PLUGIN, table)
    assert (answer["status"], answer["reason_code"]) == ("na", "model_does_not_fit")


def test_an_idle_queue_and_other_logs_are_left() -> None:
    """Guards the applicability: little to save, or no times of a queue."""
    assert analysed(PLUGIN, process_log())["reason_code"] == "no_queue_times"
    assert analysed(PLUGIN, job_log(), {"min_saving": 1.0})["reason_code"] == "little_saving"
