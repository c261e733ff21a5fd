"""Committed rows of the lake, in reading order, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from abspark.config import Project
from abspark.config.chosen import as_ids
from abspark.errors import no_committed_run
from abspark.report.notebook import TableRows
from abspark.report.order import in_order
from abspark.runner import lake_of


def frame(spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()) -> DataFrame:
    """The committed rows of a table, as a DataFrame; of all configured experiments unless some are named.

    Experiments that only the lake has are had by naming them.

    Raises:
        UsageError: An experiment has no committed run, or there is no such table.
    """
    lake, named = lake_of(spark, project), as_ids(experiments)
    heads = lake.heads()
    missing = [name for name in named if name not in heads]
    if missing:
        raise no_committed_run(missing, heads)
    return lake.current(table, named or tuple(project.experiments))


def rows(spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()) -> TableRows:
    """The committed rows of a small table, ordered for reading; times are aware. A notebook shows them as a table."""
    found = plain_rows(frame(spark, project, table, experiments=experiments))
    return TableRows(in_order(table, found), table=table, project=project)


def runs(spark: SparkSession, project: Project) -> TableRows:
    """The latest record of each run, newest first."""
    found = plain_rows(lake_of(spark, project).runs())
    return TableRows(in_order("runs", found), table="runs", project=project)


def plain_rows(frame: DataFrame) -> list[dict[str, Any]]:
    """All rows of a small frame as dictionaries; times are aware."""
    return [_plain(row.asDict(recursive=True)) for row in frame.collect()]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    # pyspark gives naive local times; with the session in UTC they are UTC only after this
    return {
        name: value.astimezone(UTC) if hasattr(value, "astimezone") else value for name, value in row.items()
    }
