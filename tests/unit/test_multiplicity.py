"""False-discovery control: agreement with published numbers and with SciPy, its rate under the null, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness_core.sdk.statistics.multiplicity import harmonic_number, q_values

# Benjamini and Hochberg (1995), section 3.2: fifteen p-values, of which the procedure rejects four at 0.05.
PAPER = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]

probabilities = st.lists(st.floats(0, 1), max_size=60)


def test_the_example_of_the_paper_rejects_four():
    """The four hypotheses that Benjamini and Hochberg reject at 0.05 are those with q <= 0.05, with the published arithmetic."""
    q = q_values(PAPER)
    assert [p for p, adjusted in zip(PAPER, q, strict=True) if adjusted <= 0.05] == PAPER[:4]
    assert q[3] == pytest.approx(0.0095 * 15 / 4)


@given(probabilities)
def test_both_methods_agree_with_scipy(p):
    """The step-up, its monotone closing and Yekutieli's factor are the ones of an independent implementation."""
    for method, name in (("Benjamini-Hochberg", "bh"), ("Benjamini-Yekutieli", "by")):
        expected = stats.false_discovery_control(p, method=name) if p else []
        assert q_values(p, method) == pytest.approx(list(expected), abs=1e-12)


@given(probabilities, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(p, random):
    """Each p-value keeps its q-value, to the last bit, wherever it stands in the list."""
    order = list(range(len(p)))
    random.shuffle(order)
    shuffled = q_values([p[index] for index in order])
    assert [q_values(p)[index] for index in order] == shuffled


@given(probabilities, st.integers(0, 500))
def test_a_larger_family_is_the_list_filled_up_with_ones(p, unseen):
    """Tests that were made but not reported count as tests that found nothing."""
    assert q_values(p, family_size=len(p) + unseen) == pytest.approx(q_values(p + [1.0] * unseen)[: len(p)])


def test_noise_is_rarely_discovered():
    """Over 2,000 families of pure noise, at most about one in twenty has any q-value of 0.05 or less."""
    rng = np.random.default_rng(7)
    discovered = sum(min(q_values(list(rng.random(30)))) <= 0.05 for _ in range(2000))
    assert 60 <= discovered <= 140


def test_what_is_no_probability_is_refused():
    """A p-value outside 0..1, or a family smaller than its members, is an error and never a number."""
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="within 0 and 1"):
            q_values([0.5, p])
    with pytest.raises(ValueError, match="a family of 1 tests"):
        q_values([0.5, 0.6], family_size=1)
    assert harmonic_number(4) == pytest.approx(25 / 12)


def test_several_answers_to_one_question_are_one_discovery() -> None:
    """A p-value that is given four times does not become a better one, and what comes after it is no better for it either."""
    assert q_values([0.01] * 4, family_size=10, questions=["a"] * 4) == pytest.approx([0.1] * 4)
    assert q_values([0.01] * 4, family_size=10) == pytest.approx([0.025] * 4)
    assert q_values([0.001, 0.002, 0.004], family_size=10, questions=["a", "a", "b"]) == pytest.approx([0.01, 0.02, 0.02])
