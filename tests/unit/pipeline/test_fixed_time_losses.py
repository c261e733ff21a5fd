from __future__ import annotations

from abspark.config import EventSource
from abspark.pipeline.ledger import Drop, left_out_by_fixed_times


def source(name: str, **given: str) -> EventSource:
    return EventSource.model_validate(
        {"name": name, "format": "csv", "path": "/x", "columns": {"unit": "u"} | given, **_TIMES[name]}
    )


_TIMES = {"wide": {"fixed_time": "2026-03-01T00:00:00Z"}, "log": {}}


def test_rows_outside_windows_are_told_of_logs_without_times_alone() -> None:
    drops = [
        Drop("a", "pairs", "wide", "outside_windows", "x", 3, 3),
        Drop("b", "pairs", "wide", "before_window", "x", 4, 4),
        Drop("b", "pairs", "wide", "after_window", "x", 5, 5),
        Drop("*", "events", "wide", "outside_windows", None, 20, None),
        Drop("a", "sample", "wide", "before_window", "x", 100, 100),
        Drop("a", "pairs", "wide", "excluded_unit", "x", 200, 200),
        Drop("a", "pairs", "log", "outside_windows", "x", 300, 300),
    ]
    assert left_out_by_fixed_times(drops, [source("wide"), source("log", time="t")]) == {"wide": 32}
    assert left_out_by_fixed_times(drops[4:], [source("wide")]) == {}
