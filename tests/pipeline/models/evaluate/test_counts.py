"""F1 and its interval, from counts made by hand."""

import numpy as np
import pytest

from pipeline.models.evaluate.counts import RESAMPLES, Tally


def tally(*units: list[tuple[int, int, int]], labels: str = "ab") -> Tally:
    return Tally(list(labels), np.array(units, dtype=np.int64))


def test_f1_is_of_the_sums_over_all_units() -> None:
    a, b = tally([(3, 2, 2), (1, 1, 0)], [(1, 2, 1), (0, 1, 0)]).each()
    assert (a.gold, a.said, a.right) == (4, 4, 3)
    assert (a.precision, a.recall, a.f1) == (0.75, 0.75, 0.75)
    assert (b.gold, b.said, b.right, b.f1) == (1, 2, 0, 0.0)


def test_micro_counts_items_and_macro_counts_labels() -> None:
    counts = tally([(8, 8, 8), (2, 2, 0)])
    assert counts.micro().f1 == pytest.approx(0.8)
    assert counts.macro().f1 == pytest.approx(0.5)


def test_a_label_that_the_data_does_not_have_costs_micro_but_is_none_of_macros() -> None:
    counts = tally([(4, 4, 4), (0, 4, 0)])
    assert counts.macro().f1 == 1.0
    assert counts.micro().f1 == pytest.approx(2 * 4 / 12)


def test_what_cannot_be_divided_is_none() -> None:
    _, never = tally([(1, 1, 1), (0, 0, 0)]).each()
    assert (never.f1, never.low, never.high, never.precision, never.recall) == (None,) * 5
    (missed,) = tally([(2, 0, 0)], labels="a").each()
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)


def test_nothing_at_all_is_no_error() -> None:
    nothing = Tally("ab", np.zeros((0, 2, 3), dtype=np.int64))
    assert [row.f1 for row in (*nothing.each(), nothing.micro(), nothing.macro())] == [None] * 4


def test_the_interval_holds_the_score_and_is_the_same_every_time() -> None:
    generator = np.random.default_rng(1)
    right = generator.integers(0, 2, size=(200, 1))
    counts = Tally("a", np.stack([np.ones_like(right), np.ones_like(right), right], axis=-1))
    (row,) = counts.each()
    assert row.f1 is not None and row.low is not None and row.high is not None
    assert row.low < row.f1 < row.high
    assert counts.each() == [row]
    # A share of 200 has a standard deviation of about 0.035, so the interval is about four times that.
    assert 0.10 < row.high - row.low < 0.18


def test_more_data_makes_a_narrower_interval_and_equal_units_none() -> None:
    def width(units: int, *cells: tuple[int, int, int]) -> float:
        (row,) = Tally("a", np.array([cells[at % len(cells)] for at in range(units)])).each()
        assert row.low is not None and row.high is not None
        return row.high - row.low

    few, many = width(20, (1, 1, 1), (1, 1, 0)), width(2000, (1, 1, 1), (1, 1, 0))
    assert many < few / 5
    assert width(50, (2, 2, 1)) == 0


def test_the_interval_is_that_of_the_binomial() -> None:
    """Recall of one yes or no a unit: the percentile interval is that of a binomial draw."""
    cells = np.array([[(1, 1, 1)]] * 90 + [[(1, 1, 0)]] * 10)
    (row,) = Tally("a", cells).each()
    low, high = np.percentile(np.random.default_rng(0).binomial(100, 0.9, 20 * RESAMPLES) / 100, (2.5, 97.5))
    assert row.low == pytest.approx(low, abs=0.02)
    assert row.high == pytest.approx(high, abs=0.02)
