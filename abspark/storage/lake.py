"""The lake: append-only tables whose rows count only through `commits`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.errors import LakeError, UsageError
from abspark.local_frame import local_frame
from abspark.schemas import COMMITS, LOOKS, NO_EXPERIMENT, RUNS, TABLES
from abspark.storage.commits_record import committed_on_record, whole_commits
from abspark.storage.prune_plan import CommittedRun, RunRecord, require_kept_runs, runs_to_prune
from abspark.table_shape import Table

PRUNED_TABLES: Final = tuple(name for name in TABLES if name not in (COMMITS.name, RUNS.name))
"""What `prune` deletes from; run records stay as history. Every run has the looks of the run before it as well as its
own, so that the committed run, which stays, has all that was ever spent."""
_SLICE: Final = 10_000
"""Rows of the driver in one plan, of which they are a literal: Spark Connect takes no message beyond 128 MB."""


@dataclass(frozen=True)
class Commit:
    """How a commit ended: the experiments that switched, and for the others the run whose rows count instead.

    `conflicted` maps an experiment to that run; to the empty string where the experiment has no committed
    run at all (its predecessor was there when the run started and is gone).
    """

    committed: tuple[str, ...]
    conflicted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pruned:
    """The runs whose rows were removed, oldest first."""

    run_ids: tuple[str, ...]


class Lake(ABC):
    """Tables of one environment.

    Appended rows are seen by nobody but `read_run` until `commit` switches an experiment to their run.
    """

    def __init__(self, spark: SparkSession, location: str) -> None:
        self.spark = spark
        self.location = location

    @abstractmethod
    def require_folder(self) -> None:
        """Say at once what this machine's disk can tell, before any work is done for a lake that can't be written.

        Raises:
            LakeError: the lake's folder on this machine cannot be written.
        """

    def learn_to_record(self) -> None:
        """Ask Java for what a record of a run takes, so that one whose Java ends can be recorded all the same.

        Without effect where Spark itself writes the record.
        """
        return

    @abstractmethod
    def ensure_writable(self) -> None:
        """Prepare the lake for a run.

        Raises:
            LakeError: it cannot be written.
        """

    @abstractmethod
    def commit(self, run_id: str, predecessors: Mapping[str, str | None]) -> Commit:
        """Switch every experiment in `predecessors` to the run, if its head is still the predecessor given.

        `predecessors` maps each experiment to its head when the run started, None where it had none. All
        experiments switch in one step; those whose head has moved don't, and don't keep the others from it.
        Calling it again after it has succeeded changes nothing and reports the same.

        Raises:
            LakeError: the switch cannot be written.
        """

    @abstractmethod
    def commits(self) -> tuple[CommittedRun, ...]:
        """The committed run of each experiment, by experiment; empty for a new lake."""

    @abstractmethod
    def _write(self, table: Table, frame: DataFrame) -> None:
        """Append a frame that has exactly the table's columns; nothing of it stays where that fails."""

    def _write_rows(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows keyed by column, which the table has; many in several steps, as they count by a commit alone."""
        for start in range(0, len(rows), _SLICE):
            values = [tuple(row.get(name) for name in table.names) for row in rows[start : start + _SLICE]]
            # a local relation would be cut into as many files as there are cores
            self._write(table, local_frame(self.spark, values, table.ddl).coalesce(1))

    @abstractmethod
    def _read(self, table: Table, run_ids: Sequence[str] | None) -> DataFrame:
        """The rows of some runs (None: all) with the table's columns; empty where there is no table yet."""

    @abstractmethod
    def _delete(self, table: Table, run_ids: Sequence[str]) -> None:
        """Remove the rows of runs."""

    def append(self, table: str, frame: DataFrame) -> None:
        """Append a frame with exactly the table's columns and types, in any order.

        Raises:
            LakeError: a column is missing, unknown or of another type; or the lake cannot be written.
        """
        spec = _appendable(table)
        _require_contract(spec, frame)
        self._write(spec, frame.select(*(F.col(f"`{name}`") for name in spec.names)))

    def append_rows(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append a driver's rows, keyed by column; a column that a row lacks is NULL. Times carry an offset.

        Raises:
            LakeError: a row has an unknown column, a time without offset or a number that is none; or the lake cannot
                be written.
        """
        if not rows:
            return
        spec = _appendable(table)
        for row in rows:
            _require_row(spec, row)
        self._write_rows(spec, rows)

    def read_run(self, table: str, run_id: str) -> DataFrame:
        """All rows that a run wrote, committed or not."""
        return self._read(_known(table), [run_id])

    def heads(self) -> dict[str, str]:
        """The committed run of each experiment; empty for a new lake.

        Raises:
            LakeError: There is none, and a run is on record as committed.
        """
        return {commit.experiment_id: commit.run_id for commit in self._whole_commits()}

    def committed(self) -> DataFrame:
        """The rows of `commits`, all of them.

        Raises:
            LakeError: There is none, and a run is on record as committed.
        """
        self._whole_commits()
        return self._read(COMMITS, None)

    def _whole_commits(self) -> tuple[CommittedRun, ...]:
        return whole_commits(self.commits, self._run_rows, self.location)

    def current(self, table: str, experiments: Sequence[str] | None = None) -> DataFrame:
        """The rows that count: of each experiment (None: of all) those of its committed run.

        Rows that concern no experiment (`*`) count while their run is the committed one of a chosen
        experiment. The switch is looked at when this is called, not when the frame is evaluated.

        Raises:
            UsageError: There is no such table, or its rows belong to no experiment.
        """
        heads = self.heads()
        chosen = (
            heads if experiments is None else {name: heads[name] for name in experiments if name in heads}
        )
        return self.counting(table, chosen)

    def counting(self, table: str, heads: Mapping[str, str]) -> DataFrame:
        """The rows of these experiments' runs, and those that concern no experiment; see `current`.

        Raises:
            UsageError: There is no such table, or its rows belong to no experiment.
        """
        if table == RUNS.name:
            raise UsageError("the rows of runs belong to no experiment.", advice="abspark.runs has them all")
        by_run: dict[str, list[str]] = {}
        for experiment, run_id in heads.items():
            by_run.setdefault(run_id, []).append(experiment)
        counts = F.lit("") != ""
        for run_id, own in by_run.items():
            counts |= (F.col("run_id") == run_id) & F.col("experiment_id").isin([*own, NO_EXPERIMENT])
        return self._read(_known(table), sorted(by_run)).where(counts)

    def record_run(self, row: Mapping[str, object]) -> None:
        """Append a record of a run: `runs` columns; `recorded_at` is now unless given."""
        self.append_rows(RUNS.name, [{"recorded_at": datetime.now(UTC), **row}])

    def as_of_by_run(self, run_ids: Sequence[str]) -> dict[str, datetime]:
        """Up to when runs looked, of those that are on record."""
        if not run_ids:
            return {}
        at = F.max(F.unix_micros("as_of")).alias("at")
        rows = self._read(RUNS, run_ids).groupBy("run_id").agg(at).collect()
        found = {row["run_id"]: _instant(row["at"]) for row in rows}
        return {run_id: instant for run_id, instant in found.items() if instant is not None}

    def committed_on_record(self, experiments: Sequence[str]) -> dict[str, str]:
        """The last run of each experiment that is on record as having committed it, whatever `commits` has."""
        found = committed_on_record(self._run_rows())
        return {name: found[name] for name in experiments if name in found}

    def _run_rows(self) -> list[dict[str, Any]]:
        """All records of runs: which, and what became of its experiments."""
        return [row.asDict() for row in self._read(RUNS, None).select("run_id", "experiments").collect()]

    def looks(self, run_of: Mapping[str, str]) -> list[dict[str, Any]]:
        """The looks of some experiments, each one's by the run that is given for it; read all at once."""
        if not run_of:
            return []
        rows = self._look_rows(sorted(set(run_of.values())), sorted(run_of))
        return [row for row in rows if row["run_id"] == run_of[row["experiment_id"]]]

    def _look_rows(self, run_ids: Sequence[str], experiments: Sequence[str]) -> list[dict[str, Any]]:
        """Rows of `looks` that are of one of the runs and of one of the experiments."""
        frame = self._read(LOOKS, run_ids).where(F.col("experiment_id").isin(list(experiments)))
        return [row.asDict(recursive=True) for row in frame.collect()]

    def runs(self) -> DataFrame:
        """The latest record of each run."""
        latest = F.max_by(F.struct(*RUNS.names), F.struct("recorded_at", "finished_at")).alias("latest")
        return self._read(RUNS, None).groupBy("run_id").agg(latest).select("latest.*")

    def prune(self, keep: int = 7, *, now: datetime | None = None) -> Pruned:
        """Remove the rows of runs that no longer count; see `runs_to_prune` for which.

        `now` is the instant by which a run counts as dead or still running (default: the present). Delta
        keeps the files of removed rows for time travel until the user runs VACUUM.

        Raises:
            UsageError: See `require_kept_runs`.
        """
        require_kept_runs(keep)
        # in this order: a run appearing meanwhile has its record before its rows, and commits before it ends
        stored = {table: self._stored_runs(TABLES[table]) for table in PRUNED_TABLES}
        records = self._run_records()
        doomed = runs_to_prune(
            frozenset().union(*stored.values()),
            records,
            self._whole_commits(),
            keep=keep,
            now=now or datetime.now(UTC),
        )
        for table, present in stored.items():
            if gone := sorted(present.intersection(doomed)):
                self._delete(TABLES[table], gone)
        return Pruned(doomed)

    def _stored_runs(self, table: Table) -> frozenset[str]:
        rows = self._read(table, None).select("run_id").distinct().collect()
        return frozenset(row["run_id"] for row in rows)

    def _run_records(self) -> list[RunRecord]:
        started = F.unix_micros("started_at").alias("started")
        rows = self.runs().select("run_id", "status", started, "experiments", "predecessors").collect()
        return [
            RunRecord(
                row["run_id"], row["status"], _instant(row["started"]), row["experiments"] or {},
                row["predecessors"] or {},
            )
            for row in rows
        ]  # fmt: skip


def _known(table: str) -> Table:
    if table not in TABLES:
        raise UsageError(f"there is no table {table}.", allowed=", ".join(TABLES))
    return TABLES[table]


def _appendable(table: str) -> Table:
    if table == COMMITS.name:
        raise UsageError("the table commits changes only by a run's commit.")
    return _known(table)


def _require_contract(table: Table, frame: DataFrame) -> None:
    contract = cast("T.StructType", T.StructType.fromDDL(table.ddl))
    wanted = {field.name: field.dataType for field in contract.fields}
    given = {field.name: field.dataType for field in frame.schema.fields}
    faults = [f"{name} is missing" for name in wanted if name not in given]
    faults += [f"{name} is unknown" for name in given if name not in wanted]
    faults += [
        f"{name} is {given[name].simpleString()} instead of {kind.simpleString()}"
        for name, kind in wanted.items()
        if name in given and _nullable(given[name]) != _nullable(kind)
    ]
    if faults or len(frame.columns) != len(given):
        faults = faults or ["a column is there twice"]
        raise LakeError(f"rows for the table {table.name} break its schema: {'; '.join(faults)}.")


def _nullable(kind: T.DataType) -> T.DataType:
    """The type with every array element, map value and struct field nullable: what the lake stores."""
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_nullable(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(_nullable(kind.keyType), _nullable(kind.valueType))
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(part.name, _nullable(part.dataType)) for part in kind.fields])
    return kind


def _require_row(table: Table, row: Mapping[str, object]) -> None:
    if unknown := sorted(row.keys() - set(table.names)):
        raise LakeError(f"the table {table.name} has no column {', '.join(unknown)}.")
    for name, value in row.items():
        if isinstance(value, datetime) and value.tzinfo is None:
            raise LakeError(f"{table.name}.{name} = {value} has no offset, so it names no instant.")
        if isinstance(value, float) and not math.isfinite(value):
            raise LakeError(f"{table.name}.{name} = {value} is no number.")


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)
