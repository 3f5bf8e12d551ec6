"""Every page there is, with real things in their addresses: what all looks at pages go through."""

from collections.abc import Sequence

from tests.api.serving import Served

PAGES = (
    "/", "/runs", "/runs?deleted=1", "/runs/{run}", "/runs/{run}/report", "/runs/{run}/findings", "/runs/{run}/findings/{finding}",
    "/runs/{run}/columns", "/runs/{run}/columns/unit_price", "/runs/{run}/logs", "/runs/{run}/files", "/runs/{run}/files/report.json",
    "/runs/{run}/config", "/runs/{run}/lineage", "/runs/{run}/proof", "/compare?a={run}&b={run}", "/compare?b={run}", "/files",
    "/diagnostics", "/datasets", "/datasets/{dataset}", "/plugins", "/plugins/analysis_pii_scan", "/plugins/profile_basic/disable",
    "/start?upload={upload}&erp=north&preset=strict",
    "/runs/{run}/retry", "/presets", "/presets/strict", "/presets/strict/edit", "/new/preset?run={run}", "/erps", "/erps/north",
    "/erps/north/edit", "/erps/north/issue?id=stock-9999", "/new/erp", "/formats", "/formats/sales_orders", "/formats/sales_orders/edit",
    "/decisions", "/help", "/help/how-to/keep-and-delete", "/nothing-here",
)  # fmt: skip
# The same forms with hundreds of fields once more: looked at for width and contrast, not rule by rule.
ALIKE = ("/new/preset", "/new/erp", "/erps/north/edit", "/formats/sales_orders/edit", "/runs?deleted=1")
ISSUE = {"id": "stock-9999", "kind": "sentinel", "columns": ["warehouse_stock"], "condition": "warehouse_stock = 9999"}


def remember(service: Served) -> None:
    """An ERP with a known issue, a preset and a decision, so that no page is empty; doing it again changes nothing."""
    erp = {"title": "The northern shops", "known_issues": [ISSUE], "roles": {"order_id": "identifier"}}
    assert service.client.put("/api/v1/erps/north", json=erp).status_code == 200
    preset = {"settings": {"analysis_outliers": {"significance": 0.001}}, "notes": "For the yearly look"}
    assert service.client.put("/api/v1/presets/strict", json=preset).status_code == 200
    decision = {"state": "accepted", "kind": "sentinel", "column": "warehouse_stock", "reason": "It is known.", "until": "never"}
    assert service.client.post("/decisions", data=decision).status_code == 303


def places(service: Served, run_id: str) -> Sequence[str]:
    """The addresses, for an ended run of the example."""
    run = service.client.get(f"/api/v1/runs/{run_id}").json()
    findings = service.client.get(f"/api/v1/runs/{run_id}/findings").json()["findings"]
    facts = {
        "run": run_id, "finding": findings[0]["id"], "dataset": run["dataset_version_id"], "upload": run["inputs"][0]["upload_id"],
    }  # fmt: skip
    return [path.format(**facts) for path in PAGES]
