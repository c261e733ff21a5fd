"""The order in which people read the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from abspark.schemas import TABLES

_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "drops": ("experiment_id", "stage", "source", "reason", "variant", "run_id"),
    "health": ("experiment_id", "check", "slice_name", "slice_value"),
    "moments": ("experiment_id", "metric", "segment_name", "segment_value", "day", "exposure_day", "variant"),
    "assignments": ("experiment_id", "unit_id"),
}
WORST_FIRST: Final = {"fail": 0, "warn": 1, "skipped": 2, "pass": 3}
"""Statuses of checks, in the order in which a person wants to see them."""
ROLES: Final = ("primary", "secondary", "guardrail")
_RESULTS: Final = (
    "segment_name", "segment_value", "metric", "treatment", "day", "exposure_day", "method", "estimator",
)  # fmt: skip

AnyRow = TypeVar("AnyRow", bound=Mapping[str, Any])


def in_order(table: str, rows: Sequence[AnyRow]) -> list[AnyRow]:
    """Rows of a table ordered for reading; NULL comes first. Runs are newest first."""
    if table == "results":
        return sorted(rows, key=_results_key)
    if table == "runs":
        return sorted(rows, key=lambda row: (row["started_at"], row["run_id"]), reverse=True)
    order = _ORDER.get(table, TABLES[table].key)
    return sorted(rows, key=lambda row: tuple(_sortable(row[name]) for name in order))


def _results_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["experiment_id"], ROLES.index(row["role"]), *(_sortable(row[name]) for name in _RESULTS))


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def by_day(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows of days, without those by days since exposure."""
    return [row for row in rows if row["exposure_day"] is None]


def since_exposure(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows by days since exposure alone."""
    return [row for row in rows if row["exposure_day"] is not None]


def on_last_days(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows of each experiment's last day, which is the run's own."""
    last: dict[str, Any] = {}
    for row in rows:
        day = last.setdefault(row["experiment_id"], row["day"])
        last[row["experiment_id"]] = max(day, row["day"])
    return [row for row in rows if row["day"] == last[row["experiment_id"]]]
