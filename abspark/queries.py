"""Committed rows of the lake, in reading order, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession

from abspark.config import Project
from abspark.errors import UsageError
from abspark.runner import lake_of
from abspark.schemas import TABLES

_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "drops": ("experiment_id", "stage", "source", "reason", "variant"),
    "health": ("experiment_id", "check", "slice_name", "slice_value"),
    "moments": ("experiment_id", "metric", "segment_name", "segment_value", "day", "variant"),
    "assignments": ("experiment_id", "unit_id"),
}
_ROLES: Final = ("primary", "secondary", "guardrail")


def frame(spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()) -> DataFrame:
    """The committed rows of a table, as a DataFrame; of all experiments unless some are named.

    Raises:
        UsageError: An experiment has no committed run, or there is no such table.
    """
    lake = lake_of(spark, project)
    heads = lake.heads()
    missing = [name for name in experiments if name not in heads]
    if missing:
        raise UsageError(
            f"no committed run of {', '.join(missing)}",
            allowed=", ".join(sorted(heads)) or "none: nothing is committed yet",
            advice="abspark run",
        )
    return lake.current(table, list(experiments) or None)


def rows(
    spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The committed rows of a small table, ordered for reading; times are aware."""
    found = [
        _plain(row.asDict(recursive=True))
        for row in frame(spark, project, table, experiments=experiments).collect()
    ]
    if table == "results":
        return sorted(found, key=_results_key)
    order = _ORDER.get(table, TABLES[table].key)
    return sorted(found, key=lambda row: tuple(_sortable(row[name]) for name in order))


def runs(spark: SparkSession, project: Project) -> list[dict[str, Any]]:
    """The latest record of each run, newest first."""
    found = [_plain(row.asDict(recursive=True)) for row in lake_of(spark, project).runs().collect()]
    return sorted(found, key=lambda row: (row["started_at"], row["run_id"]), reverse=True)


def _results_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("segment_name", "segment_value", "metric", "treatment", "day", "method", "estimator")
    return (row["experiment_id"], _ROLES.index(row["role"]), *(_sortable(row[name]) for name in names))


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    # pyspark gives naive local times; with the session in UTC they are UTC only after this
    return {
        name: value.astimezone(UTC) if hasattr(value, "astimezone") else value for name, value in row.items()
    }
