"""Counts that add up, the F1 they make, and how sure it is.

Every score here is made of three counts per label: how often it is in the gold data, how often it was said, and how
often that was right. They are kept apart for every unit (a sentence, a document), so that the units can be drawn again:
the interval of a score is that between the 2.5th and the 97.5th percentile over `RESAMPLES` samples of as many units,
drawn with replacement (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, the percentile method).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
SEED = 20_180_901

Counts = NDArray[np.int64]  # last axis: gold, said, right
Values = NDArray[np.float64]
GOLD, SAID, RIGHT = range(3)


class Row(msgspec.Struct, frozen=True):
    """Precision, recall and F1 of a label from 0 to 1, the 95% interval of F1, and the counts they are made of.

    None where there is nothing to divide by. For the macro average precision and recall are means too (what was never
    said counts as 0), and the counts are those of all labels.
    """

    label: str
    f1: float | None
    low: float | None
    high: float | None
    precision: float | None
    recall: float | None
    gold: int
    said: int
    right: int


class Tally:
    """`cells` has the shape (units, labels, 3)."""

    def __init__(self, labels: Sequence[str], cells: Counts) -> None:
        self.labels = tuple(labels)
        self.cells = cells.reshape(-1, len(self.labels), 3)

    @classmethod
    def of_sets(
        cls, labels: Sequence[str], units: Iterable[tuple[Iterable[str], Iterable[str], Iterable[str]]]
    ) -> Tally:
        """From the labels of each unit's gold, said and right items, one label an item."""
        index = {label: at for at, label in enumerate(labels)}
        filled: list[Counts] = []
        for unit in units:
            cell = np.zeros((len(labels), 3), dtype=np.int64)
            for which, items in enumerate(unit):
                for label in items:
                    cell[index[label], which] += 1
            filled.append(cell)
        return cls(labels, np.array(filled, dtype=np.int64))

    def each(self) -> list[Row]:
        """One row a label."""
        sums, drawn = self.cells.sum(axis=0), self._drawn()
        values = f1(drawn)
        return [_row(label, sums[at], values[:, at]) for at, label in enumerate(self.labels)]

    def micro(self) -> Row:
        """Every item counts the same."""
        return _row("micro", self.cells.sum(axis=(0, 1)), f1(self._drawn().sum(axis=1)))

    def macro(self) -> Row:
        """Every label counts the same: the mean over the labels that the gold data has at all."""
        sums = self.cells.sum(axis=0)
        known = sums[:, GOLD] > 0

        low, high = interval(_mean(f1(self._drawn()[:, known])))
        return Row(
            "macro",
            _number(_mean(f1(sums[known]))),
            low,
            high,
            _number(_mean(np.nan_to_num(_share(sums[known], SAID)))),
            _number(_mean(_share(sums[known], GOLD))),
            *(int(count) for count in sums.sum(axis=0)),
        )

    def _drawn(self) -> Counts:
        """The sums over the units of each sample; shape (RESAMPLES, labels, 3). The same for the same units."""
        units = len(self.cells)
        if not units:
            return np.zeros((RESAMPLES, len(self.labels), 3), dtype=np.int64)
        # How often each unit is in each sample: drawing with replacement is a multinomial.
        times = np.random.default_rng(SEED).multinomial(units, np.full(units, 1 / units), size=RESAMPLES)
        return np.asarray(np.tensordot(times, self.cells, axes=1), dtype=np.int64)


def f1(counts: Counts) -> Values:
    """Harmonic mean of precision and recall; nan where there is nothing to find and nothing was found."""
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * counts[..., RIGHT] / (counts[..., GOLD] + counts[..., SAID]), dtype=np.float64)


def interval(values: Values) -> tuple[float | None, float | None]:
    """The middle 95% of the values that are numbers."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None, None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _mean(values: Values) -> Values:
    """Over the last axis, of what is a number; nan where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1), dtype=np.float64)


def _share(counts: Counts, of: int) -> Values:
    with np.errstate(invalid="ignore"):
        return np.asarray(counts[..., RIGHT] / counts[..., of], dtype=np.float64)


def _number(value: Values) -> float | None:
    return None if np.isnan(value) else float(value)


def _row(label: str, sums: Counts, drawn: Values) -> Row:
    low, high = interval(drawn)
    return Row(
        label,
        _number(f1(sums)),
        low,
        high,
        _number(_share(sums, SAID)),
        _number(_share(sums, GOLD)),
        *(int(count) for count in sums),
    )
