"""report.html and report.md: complete, safe whatever the names are, the same bytes every time, and small at any size of table."""

import copy
import json
import re
import runpy
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "report_bundle"
MAKE = runpy.run_path(str(Path(__file__).with_name("report_documents.py")))
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
VOID = {"meta", "br", "hr", "col"}


def written(document, settings=None):
    """The two files as text."""
    answer = run_plugin(PLUGIN, report=document, settings=settings)
    assert answer["status"] == "ok", answer["error"]
    assert sorted(answer["written"]) == ["report.html", "report.md"]
    folder = Path(answer["scratch"]) / "artifacts"
    return (folder / "report.html").read_text("utf-8"), (folder / "report.md").read_text("utf-8")


class Page(HTMLParser):
    """What a browser would see: balanced elements, their attributes, and the text by element."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text, self.ids = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def having(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def example():
    return written(MAKE["document"]())


def test_the_same_document_gives_the_same_bytes(example):
    """Neither the order of keys nor a second run changes a byte."""
    document = MAKE["document"]()
    turned = json.loads(json.dumps({key: document[key] for key in reversed(document)}))
    turned["plugins"] = {key: turned["plugins"][key] for key in reversed(turned["plugins"])}
    assert written(turned) == example


def test_nothing_of_this_machine_is_in_it(example):
    """Neither the folder of the product nor the one that the run wrote to stands in either file."""
    for text in example:
        assert str(PLUGIN.parents[1]) not in text
        assert tempfile.gettempdir() not in text


def test_the_page_is_one_file_without_script_or_request(example):
    """One style element, no other way to run or fetch anything, links only within the page, and a policy that says so."""
    page = Page(example[0])
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use", "foreignobject"}
    assert len(page.having("style")) == 1
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert "src" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert attributes.get("href", "#").startswith("#"), tag
    policy = next(meta["content"] for meta in page.having("meta") if meta.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "url(" not in example[0].partition("</style>")[0]


def test_every_link_has_a_place_and_every_id_is_used_once(example):
    """No dead link, no doubled id."""
    page = Page(example[0])
    assert len(page.ids) == len(set(page.ids))
    links = {attributes["href"][1:] for attributes in page.having("a")}
    assert links <= set(page.ids)
    labels = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    assert labels <= set(page.ids)


def test_the_page_has_its_landmarks(example):
    """One h1, main, header, footer, a skip link first, and tables with a caption and scoped heads."""
    page = Page(example[0])
    for tag in ("h1", "main", "header", "footer"):
        assert len(page.having(tag)) == 1
    assert page.having("a")[0]["href"] == "#main"
    assert len(page.having("table")) == len(page.having("caption"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.having("th"))
    assert page.having("html")[0]["lang"] == "en"


def test_insights_are_told_in_full_in_both_files(example):
    """Rank, title, statement, what to do, the query with its result, the rows, the basis: in the page and in Markdown."""
    for text in ("".join(Page(example[0]).text), example[1]):
        for words in (
            "12 totals are not quantity",
            "In 19,988 of 20,000 rows",
            "Correct the 12 rows",
            "SELECT count(*) FROM data",
            "126, 1101, 3970",
            "MODELED",
            "orders to the East",
            "No evidence: the model is described in its README",
            '"city" and "delivery_days" depend on each other',
            "All 20,000 rows were read.",
            "0.8312 (0.8267 to 0.8355)",
        ):
            assert words in text, words


def test_what_found_nothing_and_what_failed_is_said(example):
    """Silent plugins with their sentence, failures with their remedy and the plugin they concern."""
    for text in ("".join(Page(example[0]).text), example[1]):
        assert "What was checked and found nothing" in text
        assert "This is no event log: no column names an activity." in text
        assert "It took longer than 600 seconds and was ended." in text
        assert "Raise limits.timeout_s" in text
        assert "analysis_trend_seasonality" in text


def test_what_was_mended_and_what_was_read_beside_is_said_in_both_files():
    """A table that is not quite its file, and one of several tables, must not look like the whole of what was given."""
    told = MAKE["document"]()
    other = {**told["datasets"][0], "role": "customers", "dataset_version_id": "dv_" + "0" * 16}
    told["datasets"].append(other)
    for text in written(told):
        assert "2 blank lines at the end were left out." in text
        assert "customers" in text
        assert "read beside it" in text


def test_a_sample_is_called_a_sample():
    """A report about part of the rows says SAMPLED, how many, how, and from which seed."""
    coverage = {"sampled": True, "rows_analyzed": 2000, "rows_total": 20000, "fraction": 0.1, "method": "bernoulli", "seed": 7}
    for text in written(MAKE["document"](coverage=coverage)):
        assert "SAMPLED: 2,000 of 20,000 rows were read, 10 % of the rows (method bernoulli, seed 7)." in text
        assert text.count("SAMPLED, 2,000 of 20,000 rows") >= len(MAKE["document"]()["insights"])


def test_a_failed_run_still_has_a_report():
    """Without a dataset, both files name the error and its remedy, and claim nothing about data."""
    html, text = written(MAKE["failed"]())
    Page(html)
    for content in (html, text):
        assert "Export the file again." in content
        assert "The file could not be read as a table" in content
        assert "There are no insights, because the run failed" in content
        assert "How to check" not in content


def test_an_empty_document_is_no_crash():
    """The writers rely on no part of the document."""
    html, text = written({})
    Page(html)
    assert "FAILED" in html
    assert text.startswith("# no file")


def test_errors_of_one_cause_are_told_once():
    """Forty plugins that failed for one reason are one entry that names them."""
    names = [f"analysis_{index:02d}" for index in range(40)]
    errors = [{"plugin_id": name, "type": "Memory", "message": "It needs more memory.", "remedy": "Allow more."} for name in names]
    html, text = written(MAKE["document"](errors=errors))
    assert html.count("It needs more memory.") == 1
    assert text.count("It needs more memory.") == 1
    assert "analysis_39" in html


def test_hostile_names_stay_text():
    """Markup, handlers, quotes, direction marks, table bars, mentions and links in names and values remain visible text."""
    html, text = written(MAKE["hostile"]())
    page = Page(html)
    assert not page.having("script")
    assert not page.having("img")
    assert "<script>alert(1)</script>" in "".join(page.text)
    for content in (html, text):
        assert "\u202e" not in content
        assert "⟨U+202E⟩" in content
    assert policy_sources(page) == policy_sources(Page(written(MAKE["document"]())[0]))
    prose = outside_code(text)
    for live in ("<script", "<img", "</style", "@octocat", "https://"):
        assert live not in prose, live


def policy_sources(page):
    return next(meta["content"] for meta in page.having("meta") if meta.get("http-equiv"))


def outside_code(text):
    """Markdown without its fenced blocks and code spans, where nothing is markup."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            lines.append(line)
    return CODE_SPAN.sub("", "\n".join(lines).replace("\\`", ""))


def test_table_rows_of_markdown_keep_their_cells():
    """A bar in a column's name breaks no row: every row of a table has as many cells as its head."""
    document = MAKE["document"]()
    document["dataset"]["columns"][0]["name"] = "a|b`c\nd"
    text = written(document)[1]
    table = text.partition("## Columns")[2].partition("## How to check")[0]
    assert {line.count("|") - line.count("\\|") for line in table.splitlines() if line.startswith("|")} == {8}
    assert "a¦b`c d" in table


def test_two_thousand_columns_stay_small():
    """A card for each of 2,000 columns in less than 3 MB, and Markdown below 60 KB that says how many columns it left out."""
    html, text = written(MAKE["wide"]())
    assert len(html.encode()) < 3_000_000
    assert sum(attributes.get("class") == "card" for attributes in Page(html).having("section")) == 2000
    assert "940 more findings of this plugin are in report.json." not in html
    assert "more findings of this plugin are in report.json." in html
    assert len(text.encode()) <= 60_000
    assert "1,940 more columns in report.html and report.json." in text


def test_markdown_never_exceeds_its_size():
    """A thousand long insights are cut at 60 KB between two insights, with a sentence, and provenance stays."""
    document = MAKE["document"]()
    base = document["insights"][0]
    long = {**base, "statement": "A very long statement. " * 60}
    document["insights"] = [{**long, "rank": rank} for rank in range(1, 1001)]
    text = written(document)[1]
    assert len(text.encode()) <= 60_000
    assert "The insights that follow are in report.html and report.json." in text
    assert "## Provenance" in text


def test_the_cap_of_findings_is_a_setting():
    """Only so many findings of a plugin are written out; the rest is counted."""
    html, _ = written(MAKE["document"](), {"max_findings_per_plugin": 1})
    assert "2 more findings of this plugin are in report.json." in html


def test_many_figures_do_not_make_a_large_page():
    """Hundreds of findings with the largest heat map there may be stay below 3 MB; what is left out is said."""
    document = MAKE["document"]()
    figure = {"type": "heatmap", "title": "t", "counts": [[i * j + 1 for i in range(40)] for j in range(40)]}
    base = {**document["findings"][0], "figure": figure, "kind": "dependence"}
    document["findings"] += [
        {**base, "plugin_id": f"analysis_{plugin}", "id": f"f_{plugin:08x}{number:08x}"}
        for plugin in range(8)
        for number in range(60)
    ]
    html, _ = written(document)
    assert len(html.encode()) < 3_000_000
    assert "Its figure is left out to keep this page small" in html


def test_a_figure_that_cannot_be_drawn_takes_nothing_with_it():
    """Whatever a plugin sends as a figure, the report is written, and says what is wrong."""
    box = {"label": "a", "low": 9, "q1": 1, "median": 2, "q3": 3, "high": 4}
    bad = [
        {"type": "spiral"},
        {"type": "histogram"},
        {"type": "histogram", "bins": []},
        {"type": "bars", "bars": [{"label": "a"}]},
        {"type": "bars", "bars": "text"},
        {"type": "line", "points": []},
        {"type": "line", "points": [["yesterday", 1]]},
        {"type": "heatmap", "counts": [[1, 2], [3]]},
        {"type": "boxes", "groups": [box]},
    ]
    document = MAKE["document"]()
    base = document["insights"][0]
    document["insights"] = [
        {**copy.deepcopy(base), "id": f"f_{rank:016x}", "rank": rank, "figure": figure} for rank, figure in enumerate(bad, 1)
    ]
    html, _ = written(document)
    assert html.count("The figure cannot be drawn") == len(bad)
    assert "Correct the 12 rows" in html
