"""Writes report.html and report.md from the complete report document; both are a function of it, byte for byte."""

from bundle_markdown import markdown
from bundle_report import Report
from page_document import page

from harness_core.sdk import PluginContext, PluginResult


def run(ctx: PluginContext) -> PluginResult:
    report = Report(ctx.report, ctx.settings["max_findings_per_plugin"])
    html = page(report).encode("utf-8")
    text = markdown(report, ctx.settings["max_markdown_columns"]).encode("utf-8")
    ctx.write_artifact("report.html", html)
    ctx.write_artifact("report.md", text)
    return PluginResult.ok(
        "The report is written as a page and as Markdown.",
        metrics={"html_bytes": len(html), "markdown_bytes": len(text)},
    )
