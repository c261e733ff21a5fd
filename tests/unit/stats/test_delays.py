"""Reporting delays, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from abspark.stats.delays import reporting_delays


def test_a_triangle_by_hand() -> None:
    """Of the classes to 10, 20 and beyond, ages 30 and 20 have seen all, an age of 10 the first.

    Class 2: g = 10 / 180 over the two older cells. Class 1: g = (30 + 20) / (90 + 80) over the same.
    """
    counts = np.array([[60.0, 30.0, 10.0], [60.0, 20.0, 0.0], [50.0, 0.0, 0.0]])
    found = reporting_delays(counts, np.array([30.0, 20.0, 10.0]), np.array([10.0, 20.0, np.inf]))
    upto_1, upto_0 = 1 - 10 / 180, (1 - 10 / 180) * (1 - 50 / 170)
    assert found.distribution == pytest.approx([upto_0, upto_1, 1.0])
    assert found.to_come == pytest.approx(50 / upto_0 - 50)


def test_young_cells_say_nothing_and_rows_of_classes_half_seen_count() -> None:
    ends = np.array([10.0, np.inf])
    assert reporting_delays(np.array([[5.0, 0.0]]), np.array([3.0]), ends).to_come == 0
    counts = np.array([[80.0, 20.0], [80.0, 0.0], [40.0, 6.0]])
    found = reporting_delays(counts, np.array([40.0, 40.0, 9.0]), ends)
    assert found.distribution == pytest.approx([160 / 180, 1.0])
    assert found.to_come == 0


def test_a_cell_with_more_rows_than_expected_takes_nothing_from_the_others() -> None:
    """Half of the first cell's rows came within 10, so that 200 are expected of each other: one has 240, one 100."""
    counts = np.array([[50.0, 50.0, 0.0], [100.0, 0.0, 140.0], [100.0, 0.0, 0.0]])
    found = reporting_delays(counts, np.array([99.0, 10.0, 10.0]), np.array([10.0, 20.0, np.inf]))
    assert found.distribution == pytest.approx([0.5, 1.0, 1.0])
    assert found.to_come == pytest.approx(200 - 100)


@pytest.mark.parametrize("scale", [2.0, 20.0])
def test_what_is_to_come_is_what_truncation_took(scale: float) -> None:
    """Exponential delays in hours over 200 hours of 2,000 rows; four standard errors of the rows not yet there."""
    rng = np.random.default_rng(int(scale))
    edges = np.array([1.0, 2, 4, 8, 16, 24, 48, 96, np.inf])
    ages = np.arange(200.0)
    counts, missing = np.zeros((200, 9)), 0
    for cell, age in enumerate(ages):
        occurred = -rng.uniform(0, 1, 2000) + age + 1
        delays = rng.exponential(scale, 2000)
        arrived = delays <= occurred
        missing += int((~arrived).sum()) if age >= 1 else 0
        counts[cell] += np.bincount(np.searchsorted(edges, delays[arrived], side="right"), minlength=9)
    found = reporting_delays(counts, ages, edges)
    assert found.to_come == pytest.approx(missing, rel=0.06)
