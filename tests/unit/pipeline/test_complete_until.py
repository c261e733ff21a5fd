"""Up to when a metric's logs are complete: a trigger's, too, which ends before the windows that it begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from world import Experiment, Feed, Log, Metric, Trigger, World
from world_models import study_of

from abspark.pipeline.cutoffs import Freshness
from abspark.pipeline.station import Analysis
from abspark.pipeline.time import instant

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_760_000_000_000_000
SEEN = START + 20 * DAY


def complete_until(metric: Metric, **until: int) -> int:
    """Days after the start, of logs that say up to when they are complete."""
    experiment = Experiment("e", ("a", "b"), START, START + 7 * DAY, (metric.name,), "log")
    logs = tuple(Log(name, []) for name in ("shop", "carts"))
    study = study_of(World((experiment,), (metric,), (Log("log", [], carries_experiment=True),), logs, SEEN))
    fresh = {
        name: Freshness(instant(START + days * DAY), without_times=False, newest=())
        for name, days in until.items()
    }
    nothing = cast("Any", None)
    analysis = Analysis(nothing, {}, study, fresh, (), (), {}, split=False, attributes={})
    days, rest = divmod(analysis.complete_until(0, instant(SEEN)) - instant(START), timedelta(days=1))
    assert not rest
    return days


@pytest.mark.parametrize(
    ("shop", "carts", "expected"),
    [
        (12, 20, 12),
        # the last windows that a trigger began are over three days after the last trigger
        (12, 5, 8),
        (12, 9, 12),
        (12, 8, 11),
        (30, 30, 20),
    ],
)
def test_of_a_metric_with_a_trigger(shop: int, carts: int, expected: int) -> None:
    waiting = Trigger(Feed("carts"), 12 * HOUR)
    metric = Metric("bought", "shop", 0, 3 * DAY, binary=True, trigger=waiting)
    assert complete_until(metric, shop=shop, carts=carts) == expected
    assert complete_until(Metric("bought", "shop", 0, 3 * DAY, binary=True), shop=shop, carts=carts) == min(
        shop, 20
    )


def test_an_open_window_begins_with_the_last_trigger() -> None:
    metric = Metric("bought", "shop", 0, None, binary=True, trigger=Trigger(Feed("carts")))
    assert complete_until(metric, shop=12, carts=5) == 5
