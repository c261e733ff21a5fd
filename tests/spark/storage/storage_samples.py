"""Sources and lake rows for the storage tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from abspark.config import EventSource, ExposureSource
from abspark.storage.lake import Lake

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def events(path: Path | str | None, **given: Any) -> EventSource:
    columns = {"unit": "user", "time": "ts"}
    place = {} if path is None else {"path": str(path)}
    return EventSource.model_validate({"name": "purchases", "columns": columns, **place, **given})


def exposures(path: Path | str, **given: Any) -> ExposureSource:
    columns = {"experiment": "exp", "unit": "user", "variant": "arm", "time": "ts"}
    return ExposureSource.model_validate({"name": "web", "path": str(path), "columns": columns, **given})


def write_drops(lake: Lake, run_id: str, *experiments: str) -> None:
    """One row per experiment, with a count that differs from the others'."""
    rows = [
        {"run_id": run_id, "experiment_id": name, "reason": "bot", "rows": position}
        for position, name in enumerate(experiments, start=1)
    ]
    lake.append_rows("drops", rows)


def drops(lake: Lake, *, experiments: list[str] | None = None) -> list[tuple[str, str, int]]:
    """(run, experiment, rows) of the rows that count."""
    rows = lake.current("drops", experiments).select("run_id", "experiment_id", "rows").collect()
    return sorted(tuple(row) for row in rows)


def record(lake: Lake, run_id: str, hour: int, status: str, **experiments: str) -> None:
    started = NOON.replace(hour=hour)
    lake.record_run({"run_id": run_id, "started_at": started, "status": status, "experiments": experiments})
