"""The example through the product: its report says what the marking scheme of the example asks, and nothing that it forbids."""

from pathlib import Path

import yaml

from tests.cli.conftest import Harness, ended, forked

ROOT = Path(__file__).parents[2]
MINUTES_S = 300.0


def test_the_example_says_what_was_planted_and_nothing_else(tmp_path: Path) -> None:
    """One run of the command, marked by ``examples/ground_truth.yaml``.

    Lines about plugins that are not in ``plugins/`` are left out, because nobody can answer for them; the failure names them.
    """
    (tmp_path / "plugins").mkdir()
    harness = Harness(tmp_path / "home", tmp_path / "plugins", tmp_path)
    run = ended(harness.start("run", str(ROOT / "examples" / "sales_orders.csv"), "--json"), MINUTES_S)
    assert run.code == 0, run.err
    there = {path.name for path in (ROOT / "plugins").iterdir()}
    truth = yaml.safe_load((ROOT / "examples" / "ground_truth.yaml").read_text(encoding="utf-8"))
    left_out = sorted({line["plugin"] for lines in truth.values() for line in lines if line["plugin"] not in there})
    asked = {key: [line for line in lines if line["plugin"] in there] for key, lines in truth.items()}
    assert len(asked["expect"]) >= 10
    marked = forked(harness, "evaluate", run.document["run_id"], harness.file(yaml.safe_dump(asked), "truth.yaml"))
    assert marked.code == 0, f"not asked about, because they are not there: {left_out}\n{marked.err}"
    whole = forked(harness, "evaluate", run.document["run_id"], str(ROOT / "examples" / "ground_truth.yaml"), "--json")
    missed = {line["plugin"] for line in whole.document["expect"] if not line["met"]}
    assert missed <= set(left_out)
    assert (whole.code == 0) is (not missed)
