"""The numbers that an answer's sentences print, each bound to the evidence that yields it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_core.domain.statements import stated


def assert_numbers_have_evidence(answer: Mapping[str, Any]) -> int:
    """Every number of every title and statement is yielded by a query's result or a cited artifact; returns how many there were.

    What stands only in the statistics, or nowhere, fails: nobody could check it.
    """
    found = []
    for finding in answer["findings"]:
        cited = {item["path"] for item in finding["evidence"] if item["type"] == "artifact"}
        documents = {path: json.loads((Path(answer["scratch"]) / path).read_text(encoding="utf-8")) for path in sorted(cited)}
        found += [(item, finding) for item in stated({"id": "", "plugin_id": "", **finding}, documents)]
    unbound = [f"{item.printed} ({item.source}): {finding['statement']}" for item, finding in found if item.source != "evidence"]
    assert unbound == [], "\n".join(unbound)
    return len(found)
