"""Writes a prompt about a run's insights: bounded, the same for the same report, and without a single personal value."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prompt_personal import personal_columns
from prompt_pseudonyms import Pseudonyms, values_among
from prompt_text import Material, write_prompt

from harness_core.sdk import PluginContext, PluginResult

PROMPT = "prompt.md"
TOLD_TEXTS = ("title", "statement", "recommendation")
SEPARATORS = re.compile(r"[\W_]+")
SEVERITIES = ("critical", "warning", "notice", "info")


def run(ctx: PluginContext) -> PluginResult:
    report = ctx.report
    chosen = _chosen(report)
    if not chosen:
        return PluginResult.na("nothing_found", "No plugin found anything in this table, so there is nothing to ask about.")
    told = chosen[: ctx.settings["max_insights"]]
    personal = personal_columns(report)
    subject = _words_of(str((report.get("input") or {}).get("filename") or ""))
    texts = [subject, *(str(item.get(key) or "") for item in told for key in TOLD_TEXTS)]
    names = {*ctx.datasets, *(column.name for dataset in ctx.datasets.values() for column in dataset.columns)}
    values = values_among(ctx.datasets, personal, texts, names) if personal else {}
    pseudonyms = Pseudonyms(values, names, personal, str(ctx.settings["pseudonym_key"]))
    material = Material(
        question=str(ctx.settings["question"]),
        subject=pseudonyms.clean(subject, ()),
        report=report,
        personal=personal,
        findings=[_cleaned(item, pseudonyms) for item in told],
        found=len(chosen),
        max_columns=ctx.settings["max_columns"],
    )
    prompt = write_prompt(material, ctx.settings["max_characters"])
    ctx.write_artifact(PROMPT, prompt.text)
    return PluginResult.ok(_summary(len(prompt.text), len(prompt.told), len(personal)), metrics={
        "characters": len(prompt.text), "told": prompt.told, "left_out": len(chosen) - len(prompt.told),
        "columns_left_out": prompt.columns_left_out, "personal_columns": personal, "pseudonyms": pseudonyms.counts(prompt.text),
    })  # fmt: skip


def _chosen(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The insights in their order; where there is none, the findings, the most severe first."""
    insights = list(report.get("insights") or ())
    return insights or sorted(report.get("findings") or (), key=_weight)


def _weight(finding: Mapping[str, Any]) -> tuple[int, str]:
    severity = finding.get("severity")
    return (SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES), str(finding.get("id")))


def _words_of(filename: str) -> str:
    """A file's name without its endings, as words: so that a person's name in it is seen."""
    return " ".join(SEPARATORS.split(filename.partition(".")[0]))


def _cleaned(finding: Mapping[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    columns: Sequence[str] = [str(name) for name in finding.get("columns") or ()]
    return {**finding, **{key: pseudonyms.clean(str(finding.get(key) or ""), columns) for key in TOLD_TEXTS}}


def _summary(characters: int, told: int, personal: int) -> str:
    withheld = f", with the values of {personal:,} personal column{'s' if personal > 1 else ''} withheld" if personal else ""
    return f"A prompt of {characters:,} characters tells {told:,} finding{'s' if told > 1 else ''}{withheld}. No model was asked."
