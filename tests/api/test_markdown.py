"""The documents of the product as pages: every one of them, with its links turned, and no markup from anywhere."""

import re

import pytest
from fastapi.testclient import TestClient

from harness_api.markdown import as_html, slug
from harness_api.pages.guide import documents


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A `b` c", '<h1 id="a-b-c">A <code>b</code> c</h1>'),
        ("one\ntwo", "<p>one two</p>"),
        ("- a\n  more\n- **b**", "<ul><li>a more</li><li><strong>b</strong></li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("```sh\n<b>\n```", '<pre class="sql" tabindex="0"><code>&lt;b&gt;</code></pre>'),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>x)</p>"),
        ("[x](here.md)", '<p><a href="/here">x</a></p>'),
    ],
)
def test_what_is_written_is_what_is_shown(text: str, html: str) -> None:
    """Everything is escaped; a link is only what the caller turned."""
    assert as_html(text, lambda address: "/here" if address == "here.md" else None) == html


def test_a_table_has_its_heading_and_its_cells() -> None:
    """A bar within a cell is written with a backslash."""
    html = as_html("| a | b |\n| --- | --- |\n| x | `y \\| z` |")
    assert re.findall(r"<th [^>]*>(.*?)</th>", html) == ["a", "b"]
    assert re.findall(r"<td>(.*?)</td>", html) == ["x", "<code>y | z</code>"]


def test_every_document_is_a_page_and_its_links_lead_somewhere(client: TestClient) -> None:
    """No link within the product is dead, and the places in a document that others point to are there."""
    found = documents()
    assert len(found) > 15
    pages = {f"/help/{name}": client.get(f"/help/{name}") for name in found}
    assert all(answer.status_code == 200 for answer in pages.values())
    for address, answer in pages.items():
        for link in re.findall(r'href="([^"]+)"', answer.text.partition('class="prose"')[2].partition("</article>")[0]):
            target, hash_, place = link.partition("#")
            if target.startswith("/help/") or not target:
                assert not hash_ or f'id="{place}"' in pages[target or address].text, (address, link)
    assert client.get("/help/none").status_code == 404
    assert slug("What `it` is: a, b") == "what-it-is-a-b"
