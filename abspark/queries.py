"""Committed rows of the lake, in reading order, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from abspark.config import Project
from abspark.config.chosen import as_ids
from abspark.errors import no_committed_run
from abspark.report.notebook import TableRows
from abspark.report.order import in_order
from abspark.runner import lake_of
from abspark.schemas import DROPS
from abspark.storage import Lake
from abspark.whole_tables import require_drops, require_records, require_rows


def frame(spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()) -> DataFrame:
    """The committed rows of a table, as a DataFrame; of all configured experiments unless some are named.

    Experiments that only the lake has are had by naming them.

    Raises:
        UsageError: An experiment has no committed run, or there is no such table.
    """
    lake = lake_of(spark, project)
    return lake.counting(table, _heads(lake, project, experiments))


def rows(spark: SparkSession, project: Project, table: str, *, experiments: Sequence[str] = ()) -> TableRows:
    """The committed rows of a small table, ordered for reading; times are aware. A notebook shows them as a table.

    Raises:
        UsageError: An experiment has no committed run, or there is no such table.
        LakeError: A committed run must have left rows that are not there.
    """
    lake = lake_of(spark, project)
    return rows_of(lake, project, table, _heads(lake, project, experiments))


def rows_of(lake: Lake, project: Project, table: str, heads: Mapping[str, str]) -> TableRows:
    """As `rows`, of these experiments' runs: who reads several tables gets all of the same runs."""
    found = plain_rows(lake.counting(table, heads))
    require_rows(table, found, heads, lake.location)
    if table == DROPS.name:
        require_drops(
            found,
            heads.values(),
            lake.location,
            runs=lambda: plain_rows(lake.runs()),
            drops=lambda runs: [row for run_id in runs for row in plain_rows(lake.read_run(table, run_id))],
        )
    return TableRows(in_order(table, found), table=table, project=project)


def runs(spark: SparkSession, project: Project) -> TableRows:
    """The latest record of each run, newest first.

    Raises:
        LakeError: A committed run has none.
    """
    lake = lake_of(spark, project)
    heads = lake.heads().values()
    found = plain_rows(lake.runs())
    require_records(found, heads, lake.location)
    return TableRows(in_order("runs", found), table="runs", project=project)


def _heads(lake: Lake, project: Project, experiments: Sequence[str]) -> dict[str, str]:
    """The committed runs of the experiments that are named, else of those configured that have one."""
    heads, named = lake.heads(), as_ids(experiments)
    missing = [name for name in named if name not in heads]
    if missing:
        raise no_committed_run(missing, heads)
    return {name: heads[name] for name in named or project.experiments if name in heads}


def plain_rows(frame: DataFrame) -> list[dict[str, Any]]:
    """All rows of a small frame as dictionaries; times are aware."""
    return [_plain(row.asDict(recursive=True)) for row in frame.collect()]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    # pyspark gives naive local times; with the session in UTC they are UTC only after this
    return {
        name: value.astimezone(UTC) if hasattr(value, "astimezone") else value for name, value in row.items()
    }
