"""The run on one page: how many findings of each severity, and the titles of the most severe."""

from collections import Counter

from harness_core.sdk import SEVERITIES, PluginContext, PluginResult


def run(ctx: PluginContext) -> PluginResult:
    findings = ctx.report.get("findings", [])
    counts = Counter(finding["severity"] for finding in findings)
    by_severity = {severity: counts[severity] for severity in reversed(SEVERITIES)}
    worst_first = sorted(findings, key=lambda finding: (-SEVERITIES.index(finding["severity"]), finding["id"]))
    lines = ["# Overview", "", *(f"- {severity}: {count:,}" for severity, count in by_severity.items()), ""]
    lines += [f"1. {finding['title']}" for finding in worst_first[: ctx.settings["titles"]]]
    ctx.write_artifact("overview.md", "\n".join(lines).rstrip() + "\n")
    return PluginResult.ok(f"{len(findings):,} findings on one page.", metrics={"by_severity": by_severity})


def health() -> dict[str, str]:
    return {"state": "ok"}
