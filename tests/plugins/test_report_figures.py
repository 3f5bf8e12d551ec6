"""The drawings of the report: each value at its place, axes that read well, nothing outside the frame, numbers as people write."""

import importlib
import math
import re
import runpy
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

PLUGIN = Path(__file__).parents[2] / "plugins" / "report_bundle"
MAKE = runpy.run_path(str(Path(__file__).with_name("report_documents.py")))
FIGURES = MAKE["FIGURES"]
MODULES = ("bundle_figures", "bundle_numbers", "figure_frame", "bundle_html", "page_columns", "bundle_markdown")


@pytest.fixture(scope="module", autouse=True)
def bundle():
    """The plugin's modules by their plain names, as the plugin itself imports them."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(PLUGIN))
    patch.setattr("sys.dont_write_bytecode", True)
    yield {name: importlib.import_module(name) for name in MODULES}
    patch.undo()


def drawn(bundle, figure):
    """The figure as an element tree, namespace and page around it left aside."""
    return ElementTree.fromstring(str(bundle["bundle_figures"].figure_element(figure)))  # noqa: S314 - written a line ago


def texts(svg):
    return [text.text for text in svg.iter("text")]


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_is_a_drawing_a_sentence_and_a_table(bundle, kind):
    """Each type has a caption with its summary, a drawing that a screen reader can name, and all its data."""
    figure = drawn(bundle, FIGURES[kind])
    svg = figure.find("svg")
    assert figure.tag == "figure"
    assert figure.find("figcaption/p").text == FIGURES[kind]["summary"]
    assert svg.get("role") == "img"
    assert FIGURES[kind]["summary"].rstrip(".") in svg.get("aria-label")
    body = next(figure.iter("tbody"))
    expected = {"histogram": "bins", "bars": "bars", "line": "points", "heatmap": "counts", "boxes": "groups"}[kind]
    assert len(body) == len(FIGURES[kind][expected])


@pytest.mark.parametrize("kind", FIGURES)
def test_nothing_is_drawn_outside_the_frame(bundle, kind):
    """Every coordinate lies within the view box, and no size is negative."""
    svg = drawn(bundle, FIGURES[kind]).find("svg")
    _, _, width, height = map(float, svg.get("viewBox").split())
    for shape in svg.iter():
        for name, limit in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("y", height),
            ("y1", height),
            ("y2", height),
        ):
            assert -0.01 <= float(shape.get(name, 0)) <= limit + 0.01, (shape.tag, name)
        assert float(shape.get("width", 0)) >= 0
        if shape.tag == "rect":
            assert float(shape.get("x")) + float(shape.get("width")) <= width + 0.01


def test_colours_come_from_classes_only(bundle):
    """No drawing fixes a colour, so that dark mode and forced colours hold."""
    for figure in FIGURES.values():
        svg = drawn(bundle, figure).find("svg")
        assert not [shape for shape in svg.iter() if shape.get("fill") or shape.get("stroke") or shape.get("style")]
        assert all(shape.get("class") for shape in svg.iter() if shape.tag in ("rect", "line", "text", "circle", "polyline"))


def test_heights_of_a_histogram_follow_its_counts(bundle):
    """A bar of twice the count is twice as high."""
    svg = drawn(bundle, {"type": "histogram", "title": "t", "bins": [[0, 1, 50], [1, 2, 100], [2, 3, 0]]}).find("svg")
    heights = [float(bar.get("height")) for bar in svg.iter("rect")]
    assert heights == [pytest.approx(84), pytest.approx(168)]


def test_wide_intervals_are_drawn_by_density(bundle):
    """An interval of ten times the width with ten times the count is as high as its neighbour, and the axis says why."""
    svg = drawn(bundle, {"type": "histogram", "title": "t", "bins": [[0, 1, 10], [1, 11, 100]]}).find("svg")
    heights = [float(bar.get("height")) for bar in svg.iter("rect")]
    assert heights[0] == pytest.approx(heights[1])
    assert "count, per unit of width" in texts(svg)


def test_far_values_stand_beyond_a_break(bundle):
    """One value at a hundred times the rest leaves the rest its room, and is drawn highlighted with its count and range."""
    bins = [[index, index + 1, 100 + index] for index in range(20)] + [[1500, 2500, 1]]
    svg = drawn(bundle, {"type": "histogram", "title": "t", "bins": bins, "marks": [{"x": 1000, "label": "fence"}]}).find("svg")
    usual = [bar for bar in svg.iter("rect") if bar.get("class") == "bar"]
    far = [bar for bar in svg.iter("rect") if bar.get("class") == "bar hi"]
    assert float(usual[-1].get("x")) > 300
    assert len(far) == 1
    assert {"1", "2,500", "fence", "count"} <= set(texts(svg))


def test_a_gap_in_the_middle_is_no_break(bundle):
    """Two separate humps are drawn on one unbroken axis."""
    bins = [[index, index + 1, 9] for index in (*range(10), *range(40, 50))]
    svg = drawn(bundle, {"type": "histogram", "title": "t", "bins": bins}).find("svg")
    assert {bar.get("class") for bar in svg.iter("rect")} == {"bar"}


def test_a_darker_cell_holds_more(bundle):
    """The shade of a cell grows with its count; an empty cell is not drawn."""
    svg = drawn(bundle, {"type": "heatmap", "title": "t", "counts": [[0, 1], [50, 100]]}).find("svg")
    cells = {path.get("class"): path.get("d").count("M") for path in svg.iter("path")}
    assert cells == {"h1": 1, "h5": 1, "h6": 1}


def test_bars_share_one_zero(bundle):
    """Negative values run to the left of zero and positive ones to its right, in proportion."""
    bars = [{"label": "a", "value": -5}, {"label": "b", "value": 10}]
    svg = drawn(bundle, {"type": "bars", "title": "t", "bars": bars}).find("svg")
    left, right = [(float(bar.get("x")), float(bar.get("width"))) for bar in svg.iter("rect")]
    assert left[0] + left[1] == pytest.approx(right[0], abs=0.02)
    assert right[1] == pytest.approx(2 * left[1], abs=0.05)


def test_a_line_over_time_has_a_calendar_axis(bundle):
    """Two years give months as ticks, in English whatever the machine speaks."""
    assert {"Jul 2023", "Jan 2024", "Jul 2024"} <= set(texts(drawn(bundle, FIGURES["line"]).find("svg")))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2024-03-04T10:00:00", "2024-03-04T14:00:00", ["10:00", "11:00", "12:00", "13:00", "14:00"]),
        ("2024-03-04", "2024-03-12", ["4 Mar", "6 Mar", "8 Mar", "10 Mar", "12 Mar"]),
        ("2023-11-20", "2024-03-25", ["Dec 2023", "Jan 2024", "Feb 2024", "Mar 2024"]),
        ("1990-05-01", "2024-05-01", ["1990", "2000", "2010", "2020"]),
    ],
)
def test_ticks_of_time_fit_its_span(bundle, first, last, expected):
    """Hours, days, months and decades each get their own words, at most five or so."""
    frame = bundle["figure_frame"]
    found = [tick.label for tick in frame.time_ticks(frame.seconds_of(first), frame.seconds_of(last))]
    assert [label for label in found if label in expected] == [label for label in expected if label != "1990"]
    assert len(found) <= 6


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_ticks_are_round_ascending_and_within(low, span):
    """For any span: one to seven ticks, evenly spaced, inside the axis, all labels different."""
    frame = importlib.import_module("figure_frame")
    place = frame.scale(low, low + span, 0, 100)
    if place.high - place.low < abs(low) * 1e-9:
        return
    marks = frame.ticks(place.low, place.high, 5)
    values = [mark.value for mark in marks]
    assert 1 <= len(marks) <= 7
    assert values == sorted(set(values))
    steps = [b - a for a, b in pairwise(values)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3) for step in steps)
    slack = (place.high - place.low) * 1e-6
    assert all(place.low - slack <= value <= place.high + slack for value in values)


@pytest.mark.parametrize("kind", ["bars", "boxes"])
def test_groups_are_on_x_and_values_on_y(bundle, kind):
    """Although they lie in the drawing: the table is headed by what x and y are."""
    figure = drawn(bundle, FIGURES[kind])
    heads = [head.text for head in figure.find(".//thead/tr")]
    assert heads[0] == FIGURES[kind]["x_label"]
    assert FIGURES[kind]["y_label"] in texts(figure.find("svg"))


def test_long_labels_are_shortened_with_the_whole_behind(bundle):
    """A label that does not fit ends in … and its title has it all."""
    name = "a very long name of a group that nobody could ever fit beside a bar"
    svg = drawn(bundle, {"type": "bars", "title": "t", "bars": [{"label": name, "value": 1}]}).find("svg")
    shortened = next(text for text in svg.iter("text") if text.text.endswith("…"))
    assert shortened.find("title").text == name


def test_equal_values_can_be_drawn(bundle):
    """A line, boxes and bars of one value only are drawn, not divided by zero."""
    point = {"label": "a", "low": 5, "q1": 5, "median": 5, "q3": 5, "high": 5, "n": 3}
    for figure in (
        {"type": "line", "points": [[1, 7]]},
        {"type": "boxes", "groups": [point]},
        {"type": "bars", "bars": [{"label": "a", "value": 0}]},
        {"type": "histogram", "bins": [[3, 3, 9]]},
        {"type": "heatmap", "counts": [[0]]},
    ):
        assert drawn(bundle, {"title": "t", **figure}).find("svg") is not None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20000, "20,000"), (0.713449, "0.7134"), (25647.0, "25,647"), (3.0, "3"), (-0.5, "−0.5"), (0.00123456, "0.001235"),
        (3.2e-9, "3.2 × 10⁻⁹"), (1e20, "1 × 10²⁰"), (0.0, "0"), (None, "–"), (True, "true"), ("2024-03-04", "2024-03-04"),
        (1234.5678, "1,235"), (99.999, "100"), (10**400, "a very large number"), (-0.0, "0"),
    ],
)  # fmt: skip
def test_numbers_read_like_prose(bundle, value, text):
    """Separators, at most four significant digits behind whole ones, powers of ten, and a dash for nothing."""
    assert bundle["bundle_numbers"].number(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.0004, "< 0.1 %"), (0.012, "1.2 %"), (0.3149, "31 %"), (0.9999, "> 99.9 %"), (1, "100 %")]
)
def test_shares_never_claim_nothing_or_all(bundle, share, text):
    """A few rows are not 0 %, and nearly all are not 100 %."""
    assert bundle["bundle_numbers"].percent(share) == text


def test_the_builder_refuses_what_the_page_must_not_have(bundle):
    """Inline style, handlers and links that leave the page are errors, whoever asks for them."""
    el = bundle["bundle_html"].el
    for attributes in ({"style": "color:red"}, {"onclick": "alert(1)"}, {"href": "https://example.org"}, {"href": "javascript:x"}):
        with pytest.raises(ValueError, match="may not have"):
            el("a", "text", **attributes)
    assert el("p", "<b>", title='"') == '<p title="&quot;">&lt;b&gt;</p>'


@given(st.text(max_size=80))
def test_markdown_keeps_text_on_its_line(text):
    """Whatever a name holds: one line, no live markup, no control character, and letters survive."""
    escaped = importlib.import_module("bundle_markdown").escaped(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)[`*|\[\]]", re.sub(r"\\\\", "", escaped))
    assert not re.search(r"<[A-Za-z/!?]", escaped)
    assert not re.match(r"(#|>|\d+[.)]\s)", escaped)
