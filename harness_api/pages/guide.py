"""Help, offline: shortcuts, and every document of the product as a page."""

import posixpath
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.markdown import as_html, title_of
from harness_api.pages.rendering import pages_of
from harness_core.bootstrap import product_folder
from harness_core.domain.errors import NotFound
from harness_core.domain.suggestions import did_you_mean

SECTIONS = (("tutorial", "Begin"), ("how-to", "How to"), ("reference", "Look up"), ("explanation", "Understand"))
PLUGIN = re.compile(r"plugins/([a-z0-9_]+)/README\.md\Z")
SHORTCUTS = (
    ("/", "to the search field of the page"), ("g o", "Overview"), ("g r", "Runs"), ("g d", "Datasets"), ("g m", "Remembered"),
    ("g p", "Plugins"), ("?", "this page"),
)  # fmt: skip
router = APIRouter()


@router.get("/help", response_class=HTMLResponse)
def help_page(request: Request) -> HTMLResponse:
    found = documents()
    sections = [
        (words, [(name, title) for name, (_, title) in found.items() if name.startswith(f"{key}/")]) for key, words in SECTIONS
    ]
    return pages_of(request).page(request, "help.html", "Help", sections=sections, shortcuts=SHORTCUTS)


@router.get("/help/{name:path}", response_class=HTMLResponse)
def document_page(request: Request, name: str) -> HTMLResponse:
    """One document, by its place without the suffix."""
    found = documents()
    if name not in found:
        raise NotFound("no_such_document", f"There is no document {name[:80]!r}.", why=did_you_mean(name, found),
                       next_step="See all of them under Help.")  # fmt: skip
    path, title = found[name]
    html = as_html(path.read_text("utf-8"), lambda address: _turned(name, address, found))
    return pages_of(request).page(request, "document.html", f"{title} · Help", html=html, title_=title)


@cache
def documents() -> dict[str, tuple[Path, str]]:
    """Path and title of each document of the product, by its place without the suffix, in the order of the sections."""
    folder = product_folder("docs")
    found = {}
    for key, _ in SECTIONS:
        for path in sorted((folder / key).glob("*.md")):
            found[f"{key}/{path.stem}"] = (path, title_of(path.read_text("utf-8")))
    return found


def _turned(here: str, address: str, found: dict[str, tuple[Path, str]]) -> str | None:
    """Where a link of a document leads in this service; None for what is elsewhere."""
    path, hash_, place = address.partition("#")
    if not path:
        return address
    target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(here), path))
    if plugin := PLUGIN.search(target):
        return f"/plugins/{plugin[1]}"
    name = target.removeprefix("docs/").removesuffix(".md")
    return f"/help/{name}{hash_}{place}" if name in found else None
