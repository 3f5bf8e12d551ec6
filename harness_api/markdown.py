"""The documents of the product as HTML: headings, paragraphs, lists, tables, code and links, everything else as it is written.

No markup passes through, so that a document from anywhere may be shown. The caller turns links, or drops them.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup, escape

FENCE, RULE = re.compile(r"```+"), re.compile(r"\|?[\s:|-]+\|?\Z")
HEADING, ITEM = re.compile(r"(#{1,6})\s+(.*)"), re.compile(r"(\s*)(?:[-*]|\d+\.)\s+(.*)")
INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[((?:[^\]\[]|\[[^\]]*\])+)\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
Turn = Callable[[str], str | None]


def as_html(text: str, turn: Turn = lambda address: None) -> Markup:
    """``turn`` gives the address that a link leads to here, or None for a link that is only words. Headings get ids."""
    lines = text.replace("\r\n", "\n").split("\n")
    return Markup("\n").join(_blocks(lines, turn))


def title_of(text: str) -> str:
    """The first heading, as words."""
    found = next((match[2] for line in text.splitlines() if (match := HEADING.match(line))), "")
    return found.replace("`", "")


def slug(words: str) -> str:
    """The id of a heading, as forges make it."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words.lower())).strip("-")


def _blocks(lines: Sequence[str], turn: Turn) -> Iterator[Markup]:
    place = 0
    while place < len(lines):
        line = lines[place]
        end = place + 1
        if FENCE.match(line):
            end = _until(lines, end, lambda item: bool(FENCE.match(item)))
            yield Markup('<pre class="sql" tabindex="0"><code>{}</code></pre>').format("\n".join(lines[place + 1 : end]))
            end += 1
        elif heading := HEADING.match(line):
            level = len(heading[1])
            yield Markup('<h{0} id="{1}">{2}</h{0}>').format(level, slug(heading[2]), _inline(heading[2], turn))
        elif line.lstrip().startswith("|"):
            end = _until(lines, end, lambda item: not item.lstrip().startswith("|"))
            yield _table(lines[place:end], turn)
        elif ITEM.match(line):
            end = _until(lines, end, lambda item: not item.strip() or (not item.startswith(" ") and not ITEM.match(item)))
            yield _list(lines[place:end], turn)
        elif line.strip():
            end = _until(
                lines, end, lambda item: not item.strip() or bool(FENCE.match(item) or HEADING.match(item) or ITEM.match(item))
            )
            yield Markup("<p>{}</p>").format(_inline(" ".join(part.strip() for part in lines[place:end]), turn))
        place = end


def _until(lines: Sequence[str], start: int, ends: Callable[[str], bool]) -> int:
    return next((number for number in range(start, len(lines)) if ends(lines[number])), len(lines))


def _list(lines: Sequence[str], turn: Turn) -> Markup:
    """One level: what is indented below an item goes on with it."""
    items: list[str] = []
    for line in lines:
        match = ITEM.match(line)
        if match and not match[1]:
            items.append(match[2])
        elif items:
            items[-1] += " " + line.strip()
    tag = "ol" if re.match(r"\d", lines[0]) else "ul"
    inner = Markup("").join(Markup("<li>{}</li>").format(_inline(item, turn)) for item in items)
    return Markup("<{0}>{1}</{0}>").format(tag, inner)


def _table(lines: Sequence[str], turn: Turn) -> Markup:
    rows = [_cells(line) for line in lines if not RULE.match(line.strip())]
    if not rows:
        return Markup("")
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(_inline(cell, turn)) for cell in rows[0])
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(_inline(cell, turn)) for cell in row))
        for row in rows[1:]
    )
    heading = Markup("<thead><tr>{}</tr></thead>").format(head) if any(rows[0]) else Markup("")
    return Markup(
        '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
        '<table class="wide tight"><caption class="unseen">Table</caption>'
        "{}<tbody>{}</tbody></table></div>"
    ).format(heading, body)


def _cells(line: str) -> list[str]:
    return [cell.replace("\0", "|").strip() for cell in line.strip().strip("|").replace("\\|", "\0").split("|")]


def _inline(text: str, turn: Turn) -> Markup:
    parts, place = [], 0
    for match in INLINE.finditer(text):
        parts.append(escape(text[place : match.start()]))
        parts.append(_span(match, turn))
        place = match.end()
    return Markup("").join([*parts, escape(text[place:])])


def _span(match: re.Match[str], turn: Turn) -> Markup:
    code, strong, words, address, bare = match.groups()
    if code is not None:
        return Markup("<code>{}</code>").format(code)
    if strong is not None:
        return Markup("<strong>{}</strong>").format(_inline(strong, turn))
    if bare is not None:
        return Markup("<code>{}</code>").format(bare)
    to = turn(address)
    return Markup('<a href="{}">{}</a>').format(to, _inline(words, turn)) if to else _inline(words, turn)
