"""Builds HTML and SVG from elements: every text and attribute is escaped unless it was built here.

A column's name may be markup, a script, or a character that turns the reading direction of the page; none of them gets through.
"""

import re
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"meta", "br", "hr", "col"})
ANCHOR = re.compile(r"#[A-Za-z0-9_.-]+\Z")
# Control characters, marks that reorder text or hide in it, and what is no character at all.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = Any  # Markup, text, a number, None (nothing), or an iterable of these


def visible(text: str) -> str:
    """``text`` with every invisible control character written out as ⟨U+202E⟩, so that what is shown is what is there."""
    return INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def escape(text: str) -> Markup:
    plain = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(plain.replace('"', "&quot;").replace("'", "&#39;"))


def el(tag: str, *children: Child, **attributes: Any) -> Markup:
    """One element. ``class_`` and ``aria_label`` become ``class`` and ``aria-label``; None and False leave an attribute out.

    Raises ValueError for what the page must never have: inline style, event handlers, links that leave the page.
    """
    start = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    if tag in VOID:
        return Markup(start)
    return Markup(f"{start}{join(children)}</{tag}>")


def join(children: Iterable[Child], between: str = "") -> Markup:
    return Markup(between.join(_pieces(children)))


def _pieces(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        elif isinstance(child, int | float):
            yield str(child)
        else:
            yield from _pieces(child)


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if name == "style" or name.startswith("on") or (name in ("href", "src") and not ANCHOR.match(str(value))):
        raise ValueError(f"the report may not have the attribute {name}={value!r}")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def anchor(*parts: str) -> str:
    """An id for ``parts`` that is safe in an ``id`` and in a link."""
    return "-".join(re.sub(r"[^A-Za-z0-9_.-]", "_", part) for part in parts)
