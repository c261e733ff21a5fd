"""When an experiment with its windows is over: instants computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from abspark.config import Experiment, Metric, windows_over

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)
WEEK = {"end": "7d"}
EXPERIMENT = Experiment.model_validate(
    {
        "id": "e", "variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}], "control": "a",
        "start": START.isoformat(), "end": END.isoformat(), "exposures": "x",
        "assignment": {"scheme": "none"}, "metrics": {"primary": ["m"]},
    }
)  # fmt: skip


def metric(window: dict[str, str], **given: Any) -> Metric:
    return Metric.model_validate({"name": "m", "kind": "count", "source": "s", "window": window, **given})


@pytest.mark.parametrize(
    ("metrics", "day"),
    [
        ([], 15),
        ([metric(WEEK)], 22),
        ([metric({"end": "2d"}), metric(WEEK)], 22),
        ([metric({"end": "open"})], 15),
        ([metric({"start": "-7d", "end": "-1d"})], 15),
        ([metric(WEEK, trigger={"source": "s", "within": "2d"})], 24),
        ([metric({"end": "30d", "anchor": "experiment_start"})], 31),
        ([metric({"end": "20d", "anchor": "experiment_start"}), metric(WEEK)], 22),
        ([metric({"end": "3d", "anchor": "experiment_start"})], 15),
        ([metric({"end": "open", "anchor": "experiment_start"})], 15),
    ],
)
def test_over_is_when_the_last_window_closes(metrics: list[Metric], day: int) -> None:
    assert windows_over(EXPERIMENT, metrics) == datetime(2026, 1, day, tzinfo=UTC)
