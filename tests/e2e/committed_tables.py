"""What a reader sees of a lake, and whether two readers see the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import SparkSession

from abspark import queries
from abspark.config import Project
from abspark.runner import lake_of
from abspark.schemas import TABLES
from abspark.storage import run_settings

COMMITTED = ("assignments", "moments", "results", "health", "drops")
"""The tables that every run fills, `runs` and `commits` apart."""

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


def committed(
    spark: SparkSession, project: Project, experiments: Sequence[str] = (), names: Iterable[str] = COMMITTED
) -> Tables:
    """The rows that count, by table, in the order of their keys, without run_id."""
    with run_settings(spark):
        return {name: _rows(spark, project, name, experiments) for name in names}


def _rows(spark: SparkSession, project: Project, table: str, experiments: Sequence[str]) -> Rows:
    rows = queries.rows(spark, project, table, experiments=experiments)
    key = TABLES[table].key
    return sorted(
        ({name: value for name, value in row.items() if name != "run_id"} for row in rows),
        key=lambda row: [(row[name] is not None, row[name]) for name in key],
    )


def heads(spark: SparkSession, project: Project) -> dict[str, str]:
    """The committed run of each experiment."""
    return lake_of(spark, project).heads()


def run_records(spark: SparkSession, project: Project) -> Rows:
    """The latest record of each run, newest first."""
    with run_settings(spark):
        return queries.runs(spark, project)


def rows_of_run(spark: SparkSession, project: Project, run_id: str) -> dict[str, int]:
    """How many rows a run wrote in each table, committed or not."""
    lake = lake_of(spark, project)
    return {name: lake.read_run(name, run_id).count() for name in COMMITTED}


def assert_same(found: Tables, expected: Tables) -> None:
    """Every table, row and column equal; floats to a relative 1e-9, as Spark's order of summation is not fixed."""
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert len(found[table]) == len(rows), table
        for mine, other in zip(found[table], rows, strict=True):
            wrong = [name for name in other if not _equal(mine[name], other[name])]
            assert not wrong, f"{table}: {wrong}: {_picked(mine, wrong)} instead of {_picked(other, wrong)}"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def _picked(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
