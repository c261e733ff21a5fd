"""Which bounds hold where one is stated and the other is found in the data."""

from __future__ import annotations

import pytest
from oracle_quantiles import bounds_of
from oracle_values import UnitValue
from world import Experiment, Log, Metric, World
from world_models import study_of

from abspark.pipeline.calendar import DAY
from abspark.pipeline.caps import Bounds, found_bounds

START = 20_000 * DAY
BY_UPPER = Metric("m", "web", 0, DAY, low=10.0, high_quantile=0.5)
BY_LOWER = Metric("m", "web", 0, DAY, high=10.0, low_quantile=0.5)


def _found(metric: Metric, lower: float | None, upper: float | None) -> Bounds:
    world = World(
        (Experiment("one", ("a", "b"), START, START + DAY, ("m",), "log"),),
        (metric,), (Log("log", ()),), (Log("web", ()),), START + 3 * DAY,
    )  # fmt: skip
    return found_bounds({(0, 0): (lower, upper)}, study_of(world))[0, 0]


@pytest.mark.parametrize(
    ("metric", "lower", "upper", "expected"),
    [
        (BY_UPPER, None, 12.0, Bounds(10.0, 12.0)),
        (BY_UPPER, None, 3.0, Bounds(10.0, 10.0)),
        (BY_UPPER, None, None, Bounds(10.0, None)),
        (BY_LOWER, 4.0, None, Bounds(4.0, 10.0)),
        (BY_LOWER, 12.0, None, Bounds(10.0, 10.0)),
        (BY_LOWER, None, None, Bounds(None, 10.0)),
    ],
)
def test_a_quantile_beyond_the_stated_bound_gives_way_to_it(
    metric: Metric, lower: float | None, upper: float | None, expected: Bounds
) -> None:
    assert _found(metric, lower, upper) == expected
    for value in (0.0, 3.0, 7.0, 10.0, 50.0):
        assert (expected.low or 0.0) <= expected.clip(value) <= (expected.high or 50.0)


@pytest.mark.parametrize("metric", [BY_UPPER, BY_LOWER])
@pytest.mark.parametrize("number", [3.0, 12.0])
def test_the_oracle_says_the_same(metric: Metric, number: float) -> None:
    value = UnitValue(number, None, None, None, True, True, True, False, False)
    below, above = bounds_of(metric, [value] * 3)
    found = _found(metric, *((None, number) if metric.low_quantile is None else (number, None)))
    assert (below, above) == (found.low, found.high)
