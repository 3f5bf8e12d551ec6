"""`harness runs settings`: every setting of a run, and what decided it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit
from harness_api.cli.knowledge_options import facts_text, paragraphs, shown_value
from harness_api.cli.session import Session

MAX_VALUE = 60
MAX_VALUE = 60
AllOption = Annotated[bool, typer.Option("--all", help="The defaults too.", show_default=False)]


def show_settings(session: Session, run_id: options.RunArgument, show_all: AllOption = False) -> Exit:
    """Show the resolved settings of a run and where each came from: an ERP, a raw format, a preset, a file, or the command."""
    from harness_core.domain.settings_layers import DEFAULT

    with session.core() as core:
        run = core.runs.get(run_id)
        formats = {item.format_id: item.name for item in core.knowledge.formats()}
    config = run.config
    rows = list(_rows(config.settings, config.origins))
    session.console.document = {
        "run_id": run.run_id, "erp": config.erp, "presets": list(config.presets), "raw_format": config.raw_format or None,
        "sample": config.sample, "layers": [dict(item) for item in config.layers],
        "settings": [dict(zip(("plugin_id", "setting", "value", "origin"), row, strict=True)) for row in rows],
    }  # fmt: skip
    shown = [
        (plugin, key, _short(shown_value(value)), origin if origin != DEFAULT else paint(origin, "faint"))
        for plugin, key, value, origin in rows
        if show_all or origin != DEFAULT
    ]
    facts = {
        "Run": run.run_id, "ERP": config.erp or "", "Presets": ", ".join(config.presets),
        "Raw format": formats.get(config.raw_format, config.raw_format),
        "Sample": f"SAMPLED, {config.sample:g} of the rows" if config.sample is not None else "",
    }  # fmt: skip
    text = table(("PLUGIN", "SETTING", "VALUE", "FROM"), shown) if shown else "Every setting has its default."
    session.console.result(paragraphs(facts_text(facts), text))
    return Exit.OK


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _rows(
    settings: Mapping[Any, Mapping[str, Any]], origins: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str, Any, str]]:
    from harness_core.domain.settings_layers import DEFAULT, leaves

    for plugin_id in sorted(settings):
        places = origins.get(plugin_id, {})
        for key, value in leaves(settings[plugin_id]).items():
            yield str(plugin_id), key, value, places.get(key, DEFAULT)
