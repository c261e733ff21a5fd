"""A lake of Delta tables, in a folder or in a schema of a catalog, written and read by SQL names alone.

Only the driver's rows of a folder on this machine take a shorter way: see `delta_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from abspark.errors import LakeError
from abspark.local_frame import local_frame
from abspark.schemas import ASSIGNMENTS, COMMITS, NO_EXPERIMENT, RUNS, TABLES
from abspark.storage.conditions import is_absent, is_not_delta
from abspark.storage.delta_files import BEGINS, MOVES, DeltaFiles, delta_files, properties_of
from abspark.storage.lake import Commit, Lake
from abspark.storage.lake_faults import as_lake_error, require_writable
from abspark.storage.lake_format import require_format
from abspark.storage.lake_reader import delta_commits, delta_looks, delta_runs
from abspark.storage.lock import machine_lock
from abspark.storage.places import delta_path_name, folder_here, literal, quoted
from abspark.storage.prune_plan import CommittedRun
from abspark.storage.quiet import told_by_us
from abspark.storage.retry import retried
from abspark.table_shape import Table

# more than one is needed only where a file system lets one commit overwrite another
_COMMIT_ATTEMPTS: Final = 5
_SWITCH: Final = f"""
    MERGE INTO {{switch}} AS old
    USING {{{{wanted}}}} AS new
    ON old.experiment_id = new.experiment_id
    WHEN MATCHED AND {MOVES} THEN
        UPDATE SET run_id = new.run_id, previous_run_id = old.run_id, committed_at = current_timestamp()
    WHEN NOT MATCHED AND {BEGINS} THEN
        INSERT (experiment_id, run_id, previous_run_id, committed_at)
        VALUES (new.experiment_id, new.run_id, NULL, current_timestamp())
"""

_CURRENT: Final = """
    {create} {view} COMMENT 'The rows of {table} that count: those of committed runs' AS
    SELECT rows.* FROM {rows} AS rows
    WHERE EXISTS (
        SELECT 1 FROM {commits} AS commits
        WHERE commits.run_id = rows.run_id
            AND (commits.experiment_id = rows.experiment_id OR rows.experiment_id = '{no_experiment}')
    )
"""

Answer = TypeVar("Answer")


class DeltaLake(Lake):
    """Tables named by `name_of`, created when first written; Delta's transactions order all writes."""

    def __init__(
        self, spark: SparkSession, location: str, *, name_of: Callable[[str], str], schema: str | None = None
    ) -> None:
        super().__init__(spark, location)
        self._name_of = name_of
        self._schema = schema

    @cached_property
    def _folder(self) -> Path | None:
        """The lake's folder where that is on this machine's disk, also by Spark's lights."""
        return folder_here(self.spark, self.location) if self._schema is None else None

    @cached_property
    def _files(self) -> DeltaFiles | None:
        return delta_files(self._folder, self.location)

    @classmethod
    def in_folder(cls, spark: SparkSession, folder: str) -> DeltaLake:
        """A table per sub-folder."""
        root = folder.rstrip("/")
        return cls(spark, folder, name_of=lambda table: delta_path_name(f"{root}/{table}"))

    @classmethod
    def in_catalog(cls, spark: SparkSession, catalog: str, schema: str) -> DeltaLake:
        """A table per table of the schema, which is created if it is not there, and a view `current_…` of each."""
        return cls(
            spark,
            f"{catalog}.{schema}",
            name_of=lambda table: quoted(catalog, schema, table),
            schema=quoted(catalog, schema),
        )

    def require_folder(self) -> None:
        """See `Lake.require_folder`."""
        if self._folder is not None:
            require_writable(self._folder, self.location)

    def learn_to_record(self) -> None:
        """See `Lake.learn_to_record`."""
        if self._files is not None:
            self._files.learn(RUNS)

    def ensure_writable(self) -> None:
        """Create schema, `commits`, `runs` and `assignments` where missing, which proves that the lake can be written.

        And the views of tables whose maker died before it came to them. Spark looks at `assignments`, which it is going
        to write: its first look at a Delta table takes seconds.
        """
        self.learn_to_record()
        if self._schema is not None:
            self._do(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        for table in (COMMITS, RUNS, ASSIGNMENTS):
            self._create(table)
        self._complete_views()
        self._told(lambda: self._columns(ASSIGNMENTS))

    def commit(self, run_id: str, predecessors: Mapping[str, str | None]) -> Commit:
        """See `Lake.commit`. One conditional MERGE, repeated while only others' rows have moved."""
        undecided = sorted(predecessors)
        ended = Commit(())
        for _ in range(_COMMIT_ATTEMPTS):
            if not undecided:
                return ended
            self._switch(run_id, predecessors)
            ended, undecided = self._ended(run_id, predecessors)
        if undecided:
            raise LakeError(
                f"the lake {self.location} lost the commit of run {run_id} for {', '.join(undecided)}.",
                advice="run again; if it stays so, look at the history of the table commits",
            )
        return ended

    def commits(self) -> tuple[CommittedRun, ...]:
        """The committed run of each experiment, by experiment; empty for a new lake."""
        rows = delta_commits(self.location) if self._folder is not None else None
        found: Iterable[Mapping[str, Any] | Row] = (
            self._told(self._read(COMMITS, None).collect) if rows is None else rows
        )
        if not rows:
            self._require_format()
        every = (CommittedRun(row["experiment_id"], row["run_id"], row["previous_run_id"]) for row in found)
        return tuple(sorted(every, key=lambda commit: commit.experiment_id))

    def as_of_by_run(self, run_ids: Sequence[str]) -> dict[str, datetime]:
        """See `Lake.as_of_by_run`."""
        rows = delta_runs(self.location, run_ids) if self._folder is not None and run_ids else None
        if rows is None:
            return self._told(lambda: super(DeltaLake, self).as_of_by_run(run_ids))
        return {row["run_id"]: row["as_of"].astimezone(UTC) for row in rows if row["as_of"] is not None}

    def _run_rows(self) -> list[dict[str, Any]]:
        rows = delta_runs(self.location, None) if self._folder is not None else None
        return self._told(super()._run_rows) if rows is None else rows

    def _look_rows(self, run_ids: Sequence[str], experiments: Sequence[str]) -> list[dict[str, Any]]:
        rows = delta_looks(self.location, run_ids, experiments) if self._folder is not None else None
        if rows is None:
            return self._told(lambda: super(DeltaLake, self)._look_rows(run_ids, experiments))
        return rows

    def _switch(self, run_id: str, predecessors: Mapping[str, str | None]) -> None:
        self._create(COMMITS)
        files = self._files
        if files is not None and self._serially(lambda: files.switch(run_id, predecessors)):
            return
        rows = [(experiment, run_id, before) for experiment, before in sorted(predecessors.items())]
        wanted = local_frame(self.spark, rows, "experiment_id string, run_id string, predecessor string")
        switch = self._name_of(COMMITS.name)
        # pyspark fills in the frame, and would take a folder's braces for another
        in_braces = switch.replace("{", "{{").replace("}", "}}")
        self._do(_SWITCH.format(switch=in_braces), wanted=wanted)

    def _ended(self, run_id: str, predecessors: Mapping[str, str | None]) -> tuple[Commit, list[str]]:
        """How the switch stands by reading it back, and the experiments still at their predecessor."""
        now = {commit.experiment_id: commit for commit in self.commits()}
        committed: list[str] = []
        conflicted: dict[str, str] = {}
        undecided: list[str] = []
        for experiment, before in sorted(predecessors.items()):
            head = now.get(experiment)
            if head is not None and run_id in (head.run_id, head.previous_run_id):
                committed.append(experiment)
            elif (head.run_id if head else None) == before:
                undecided.append(experiment)
            else:
                conflicted[experiment] = head.run_id if head else ""
        return Commit(tuple(committed), conflicted), undecided

    def _create(self, table: Table) -> None:
        files = self._files
        if files is not None:
            self._serially(lambda: files.create(table))
            return
        partitioning = "" if table is COMMITS else "PARTITIONED BY (run_id)"
        properties = ", ".join(f"'{key}' = '{value}'" for key, value in properties_of(table).items())
        name = self._name_of(table.name)
        self._do(
            f"CREATE TABLE IF NOT EXISTS {name} ({table.ddl}) USING delta {partitioning} TBLPROPERTIES ({properties})"
        )
        self._create_view(table)

    def _create_view(self, table: Table, *, anew: bool = False) -> None:
        """The rows that count, for whoever reads a catalog by SQL; `Lake.current` is the same.

        A view keeps the columns that its table had: it is made `anew` for others. abspark reads none, so a run goes on
        where the catalog has no views, or the user no right to make one.
        """
        if self._schema is None or table in (COMMITS, RUNS):
            return
        self._create(COMMITS)
        statement = _CURRENT.format(
            create="CREATE OR REPLACE VIEW" if anew else "CREATE VIEW IF NOT EXISTS",
            view=self._name_of(f"current_{table.name}"),
            table=table.name,
            rows=self._name_of(table.name),
            commits=self._name_of(COMMITS.name),
            no_experiment=NO_EXPERIMENT,
        )
        with suppress(LakeError, PySparkException), told_by_us():
            self._do(statement)

    def _complete_views(self) -> None:
        if self._schema is None:
            return
        found = self._told(lambda: self.spark.sql(f"SHOW TABLES IN {self._schema}").collect())
        names = {row["tableName"] for row in found if not row["isTemporary"]}
        for name in names.intersection(TABLES):
            if f"current_{name}" not in names:
                self._create_view(TABLES[name])

    def _write_rows(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        files = self._files
        if files is not None:
            self._create(table)
            if self._serially(lambda: files.append(table, rows)):
                return
        super()._write_rows(table, rows)

    def _write(self, table: Table, frame: DataFrame) -> None:
        there = self._told(lambda: self._columns(table))
        if there is None:
            self._create(table)
        # a table that an older version made lacks the newer columns
        writer = frame.writeTo(self._name_of(table.name)).option("mergeSchema", "true")
        self._told(lambda: self._serially(writer.append))
        if there is not None and not there.issuperset(table.names):
            self._create_view(table, anew=True)

    def _columns(self, table: Table) -> frozenset[str] | None:
        """The names of a table's columns; None where it is not there.

        Raises:
            LakeError: It is on this machine's disk, and Spark does not find it: it would be taken for empty.
        """
        found = self._columns_spark_finds(table)
        if found is None and self._on_disk(table):
            # it may have been made just after the first look
            found = self._columns_spark_finds(table)
            if found is None:
                raise self._not_found(table)
        return found

    def _columns_spark_finds(self, table: Table) -> frozenset[str] | None:
        try:
            return frozenset(self.spark.table(self._name_of(table.name)).columns)
        except Exception as error:
            if is_absent(error) or is_not_delta(error):
                return None
            raise

    def _on_disk(self, table: Table) -> bool:
        return self._folder is not None and any((self._folder / table.name / "_delta_log").glob("*.json"))

    def _not_found(self, table: Table) -> LakeError:
        """Why Spark does not find a table: it may have no reader for it."""
        try:
            self.spark.read.format("delta").load(f"{self.location.rstrip('/')}/{table.name}")
        except Exception as error:
            if told := as_lake_error(error, self.location, self._folder):
                return told
        return LakeError(
            f"the lake {self.location} cannot be used: Spark does not find its table {table.name}.",
            advice="name the lake's place with its file system, such as file:/…, hdfs:/… or dbfs:/…",
        )

    def _read(self, table: Table, run_ids: Sequence[str] | None) -> DataFrame:
        there = self._told(lambda: self._columns(table))
        if there is None:
            self._require_format()
            return local_frame(self.spark, [], table.ddl)
        frame = self.spark.table(self._name_of(table.name))
        frame = frame.select(
            *(
                F.col(f"`{column.name}`")
                if column.name in there
                else F.lit(None).cast(column.type).alias(column.name)
                for column in table.columns
            )
        )
        return frame if run_ids is None else frame.where(F.col("run_id").isin(list(run_ids)))

    def _require_format(self) -> None:
        """See `require_format`: before a table that is not there is taken for an empty one."""
        if self._folder is not None:
            require_format(self._folder, self.location, "delta")

    def _delete(self, table: Table, run_ids: Sequence[str]) -> None:
        self._do(
            f"DELETE FROM {self._name_of(table.name)} WHERE run_id IN ({', '.join(map(literal, run_ids))})"
        )

    def _do(self, statement: str, **frames: Any) -> None:
        self._told(lambda: self._serially(lambda: self.spark.sql(statement, **frames).collect()))

    def _serially(self, action: Callable[[], Answer]) -> Answer:
        with machine_lock(self._folder):
            return retried(action)

    def _told(self, action: Callable[[], Answer]) -> Answer:
        try:
            return action()
        except Exception as error:
            raise as_lake_error(error, self.location, self._folder) or error from None
