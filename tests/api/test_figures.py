"""Figures from a run's report page: the drawing is kept, everything that could act is left out."""

from harness_api.figures import figures_of

ID, OTHER = "f_0123456789abcdef", "f_fedcba9876543210"


def test_a_figure_belongs_to_the_finding_around_it() -> None:
    """The innermost element that is named after a finding; what is about none is passed over."""
    page = (
        f'<section id="insights"><article id="{ID}"><h3 id="{ID}-h">x</h3><figure><svg viewBox="0 0 1 1"></svg></figure></article>'
        f'<details id="{OTHER}"><br><img src="x"><figure><p>second</p></figure></details></section>'
        '<section id="columns"><figure><p>none</p></figure></section>'
    )
    assert figures_of(page) == {
        ID: '<figure><svg viewBox="0 0 1 1"></svg></figure>',
        OTHER: "<figure><p>second</p></figure>",
    }


def test_what_could_act_is_left_out() -> None:
    """Scripts, handlers, styles, links and embedded pages; words stay words."""
    page = (
        f'<div id="{ID}"><figure onclick="a()"><script>alert(1)</script><style>*{{}}</style><svg style="x" onload="b()" class="fig">'
        '<a href="javascript:c()"><rect class="bar" x="1" fill="url(http://x)"/></a><image href="http://x"/>'
        '<foreignObject><iframe src="http://x"></iframe></foreignObject><use href="#x"/><text>1 &lt; 2</text></svg>'
        '<p class="a&quot;b">&lt;img src=x&gt;</p></figure></div>'
    )
    assert figures_of(page)[ID] == ('<figure><svg class="fig"><text>1 &lt; 2</text></svg><p>&lt;img src=x&gt;</p></figure>')


def test_a_page_that_breaks_off_gives_what_was_whole() -> None:
    """Whatever a guest wrote, nothing half is shown."""
    assert figures_of(f'<div id="{ID}"><figure><p>one</p></figure></div><div id="{OTHER}"><figure><p>two') == {
        ID: "<figure><p>one</p></figure>"
    }
    assert figures_of("</figure></div><<<") == {}
