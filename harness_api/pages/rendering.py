"""Templates to pages: escaped by default, with the words the templates use and the addresses of static files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from harness_api.pages import words
from harness_api.pages.assets import Assets
from harness_core import __version__

PRODUCT = "Harness"
NAVIGATION = (
    ("/", "Overview", ("files", "start")),
    ("/runs", "Runs", ("compare",)),
    ("/datasets", "Datasets", ()),
    ("/presets", "Remembered", ("erps", "formats", "decisions", "new", "remembered")),
    ("/plugins", "Plugins", ()),
    ("/diagnostics", "Diagnostics", ()),
    ("/help", "Help", ()),
)
FILTERS = (
    "size",
    "budget",
    "duration",
    "moment",
    "clock",
    "short",
    "badge",
    "severity",
    "count",
    "percent",
    "event_words",
    "compact_json",
    "ago",
    "plain",
    "number",
    "needs",
    "coded",
    "exact",
    "sureness",
    "row_number",
    "pace",
    "cells",
)


class Pages:
    """Renders. One per app."""

    def __init__(self, static: Path) -> None:
        self.assets = Assets(static)
        folder = Path(__file__).resolve().parent.parent / "templates"
        self._environment = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters.update({name: getattr(words, name) for name in FILTERS})
        self._environment.globals.update(asset=self.assets.url, navigation=NAVIGATION, product=PRODUCT, product_version=__version__)

    def page(self, request: Request, template: str, title: str, *, http_status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. ``title`` is state and object; the product's name is added."""
        first = request.url.path.lstrip("/").split("/")[0]
        here = next((href for href, _, more in NAVIGATION if href == f"/{first}" or first in more), "")
        text = self.text(template, title=f"{title} · {PRODUCT}", here=here, **context)
        return HTMLResponse(text, status_code=http_status)

    def text(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(**context)

    def error(self, request: Request, problem: Mapping[str, Any]) -> HTMLResponse:
        """A problem document as a page."""
        title, asked = f"{problem['status']} {problem['title']}", request.scope.get("harness.request_id", "")
        return self.page(request, "error.html", title, http_status=problem["status"], problem=problem, request_id=asked)


def pages_of(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages
