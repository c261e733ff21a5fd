"""Committed rows for the commands that show them: without Spark where the lake can be read without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import click

from abspark.command_common import require_pyspark, session
from abspark.errors import UsageError, no_committed_run
from abspark.naming import first_names
from abspark.report.order import in_order
from abspark.schemas import DROPS, NO_EXPERIMENT, RUNS, TABLES
from abspark.whole_tables import require_drops, require_records, require_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from abspark.config import Project
    from abspark.storage import LakeReader

Rows = list[dict[str, Any]]


class LakeTables(Protocol):
    """What a lake holds, as plain rows in reading order."""

    location: str

    def commits(self) -> dict[str, dict[str, Any]]:
        """The row of `commits` per experiment."""

    def rows(self, table: str, experiments: Sequence[str]) -> Rows:
        """The rows that count of some experiments; empty where there is no such table."""

    def runs(self) -> Rows:
        """The latest record of each run, newest first."""

    def first_exposures(self, experiment: str) -> Rows:
        """Units by variant and day of their first exposure, of the committed run."""


@contextmanager
def open_tables(project: Project) -> Iterator[LakeTables]:
    """The lake of the project's environment; starts Spark only where nothing else can read it.

    Raises:
        UsageError: No environment was chosen, or the lake needs Spark and pyspark is not installed.
        LakeError: The lake can't be read.
    """
    from abspark.storage import open_reader

    if project.environment is None:
        raise UsageError("no environment was chosen", advice="name one with --env")
    reader = open_reader(project.environment.lake)
    if reader is not None:
        yield _WithoutSpark(reader)
        return
    require_pyspark()
    with session(project.environment) as spark:
        yield _WithSpark(spark, project)


def committed_experiments(tables: LakeTables, project: Project, named: Sequence[str]) -> list[str]:
    """The experiments that a command shows: those named, else all that are configured and have a committed run.

    A lake may also hold experiments whose files are gone, or another project's: shown by name alone, which stderr says.

    Raises:
        UsageError: One that is named has no committed run, or is neither configured nor in the lake.
    """
    from abspark.config import require_known

    heads = tables.commits()
    missing = [name for name in named if name not in heads]
    require_known(project, missing, others=heads)
    if missing:
        raise no_committed_run(missing, heads)
    if named:
        return list(named)
    if others := sorted(heads.keys() - project.experiments.keys()):
        click.echo(f"not configured, so shown with --experiment alone: {first_names(others)}", err=True)
    return [name for name in project.experiments if name in heads]


class _WithoutSpark:
    def __init__(self, reader: LakeReader) -> None:
        self.location = reader.location
        self._reader = reader
        self._commits = {row["experiment_id"]: row for row in reader.commits()}

    def commits(self) -> dict[str, dict[str, Any]]:
        return self._commits

    def rows(self, table: str, experiments: Sequence[str]) -> Rows:
        if table not in TABLES:
            return []
        heads = _heads(self._commits, experiments)
        found = self._reader.rows(table, sorted(set(heads.values())), [*heads, NO_EXPERIMENT])
        counted = [row for row in found if _counts(row, heads)]
        require_rows(table, counted, heads, self.location)
        if table == DROPS.name:
            every = partial(self._reader.rows, table)
            require_drops(counted, heads.values(), self.location, runs=self.runs, drops=every)
        return in_order(table, counted)

    def runs(self) -> Rows:
        latest: dict[str, dict[str, Any]] = {}
        for row in self._reader.rows(RUNS.name, None):
            known = latest.get(row["run_id"])
            if known is None or _recorded(row) > _recorded(known):
                latest[row["run_id"]] = row
        heads = [row["run_id"] for row in self._commits.values()]
        require_records(list(latest.values()), heads, self.location)
        return in_order(RUNS.name, list(latest.values()))

    def first_exposures(self, experiment: str) -> Rows:
        head = self._commits.get(experiment)
        return [] if head is None else self._reader.first_exposures(head["run_id"], experiment)


class _WithSpark:
    def __init__(self, spark: SparkSession, project: Project) -> None:
        from abspark.queries import plain_rows
        from abspark.runner import lake_of

        self._lake = lake_of(spark, project)
        self.location = self._lake.location
        self._spark = spark
        self._project = project
        self._commits = {row["experiment_id"]: row for row in plain_rows(self._lake.committed())}

    def commits(self) -> dict[str, dict[str, Any]]:
        return self._commits

    def rows(self, table: str, experiments: Sequence[str]) -> Rows:
        from abspark import queries

        if table not in TABLES or not experiments:
            return []
        return queries.rows_of(self._lake, self._project, table, _heads(self._commits, experiments))

    def runs(self) -> Rows:
        from abspark import queries

        return queries.runs(self._spark, self._project)

    def first_exposures(self, experiment: str) -> Rows:
        from pyspark.sql import functions as F

        frame = self._lake.counting("assignments", _heads(self._commits, [experiment]))
        day = F.to_date("first_exposure_at").alias("day")
        counted = frame.groupBy("variant", day).agg(F.count("*").alias("units"))
        return [row.asDict() for row in counted.orderBy("day", "variant").collect()]


def _heads(commits: Mapping[str, Mapping[str, Any]], experiments: Sequence[str]) -> dict[str, str]:
    """The runs of some experiments that were committed when the lake was opened: all tables are read of the same."""
    return {name: commits[name]["run_id"] for name in experiments if name in commits}


def _counts(row: Mapping[str, Any], heads: Mapping[str, str]) -> bool:
    """Whether the row's run is the committed one of its experiment; for `*`: of any experiment."""
    if row["experiment_id"] == NO_EXPERIMENT:
        return row["run_id"] in heads.values()
    head = heads.get(row["experiment_id"])
    return head is not None and head == str(row["run_id"])


def _recorded(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["recorded_at"], row["finished_at"] is not None, row["finished_at"])
