"""Writing Delta tables in a folder of this machine without Spark: the driver's few rows, by delta-rs.

Spark plans, compiles and runs several jobs for each small append or MERGE, a third of a second to a second; delta-rs
takes some milliseconds and writes the same log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pyspark.sql import types as T

from abspark.errors import LakeError
from abspark.schemas import COMMITS
from abspark.storage.lake_faults import as_lake_error, require_writable
from abspark.storage.lake_reader import found_by_delta_rs
from abspark.table_shape import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable, Schema

_WRITER: Final = 2
"""Delta's version of a writer that knows no features but constraints and append-only tables."""
_CHECKPOINTS: Final = {"delta.checkpointInterval": "10"}
"""Commits after which a table's log is summed up, as by Spark: delta-rs waits for 100, which all readers then read."""
MOVES: Final = "old.run_id = new.predecessor AND old.run_id <> new.run_id"
"""When a row of `commits` moves to the run; delta-rs and Spark go by the same conditions."""
BEGINS: Final = "new.predecessor IS NULL"
"""When a row is added for an experiment that has none."""


def properties_of(table: Table) -> dict[str, str]:
    """The Delta properties with which a table is made."""
    if table is COMMITS:
        # a commit reads the whole switch, so that even a blind append beside it has to count as a conflict
        return _CHECKPOINTS | {"delta.isolationLevel": "Serializable"}
    # partitions and the experiment are all that readers choose by; statistics of more cost half of a write
    return _CHECKPOINTS | {"delta.dataSkippingNumIndexedCols": "2"}


class DeltaFiles:
    """The tables in one folder. Whoever calls holds the folder's lock.

    `append` and `switch` return whether they did their work: not where a table has been given features since it was
    made, of which delta-rs may not know how to write them; that leaves it to Spark.
    """

    def __init__(self, folder: Path, location: str) -> None:
        self._folder = folder
        self._location = location

    def learn(self, table: Table) -> None:
        """Ask Java how a table's columns are spelt; from then on rows are appended to it without Java."""
        _arrow(table.ddl)

    def create(self, table: Table) -> None:
        """Create a table that is not there; that it is there costs a look at its folder, not at its log.

        Raises:
            LakeError: It can't be written; so do the other methods.
        """
        from deltalake import DeltaTable

        place = self._folder / table.name
        with self._told():
            if DeltaTable.is_deltatable(str(place)):
                return
        schema = _schema(table.ddl)
        with self._told():
            DeltaTable.create(
                place,
                schema=schema,
                mode="ignore",
                partition_by=None if table is COMMITS else ["run_id"],
                configuration=properties_of(table),
            )

    def append(self, table: Table, rows: Sequence[Mapping[str, object]]) -> bool:
        """Append rows keyed by column to a table that is there, with columns that an older version made it without."""
        import pyarrow as pa
        from deltalake import write_deltalake

        schema = _arrow(table.ddl)
        with self._told():
            place = self._plain(table)
            if place is not None:
                given = pa.Table.from_pylist(rows, schema=schema)
                write_deltalake(place, given, mode="append", schema_mode="merge")
        return place is not None

    def switch(self, run_id: str, predecessors: Mapping[str, str | None]) -> bool:
        """One MERGE into `commits`, which is there: a row moves only from its predecessor.

        A MERGE that lost to another writer has changed nothing, and is not told: what stands has to be read anyway.
        """
        import pyarrow as pa
        from deltalake.exceptions import CommitFailedError

        now = datetime.now(UTC)
        texts = [(name, pa.string()) for name in ("experiment_id", "run_id", "predecessor")]
        wanted = pa.Table.from_pylist(
            [
                {"experiment_id": name, "run_id": run_id, "predecessor": before, "now": now}
                for name, before in sorted(predecessors.items())
            ],
            schema=pa.schema([*texts, ("now", pa.timestamp("us", "UTC"))]),
        )
        moved = {"run_id": "new.run_id", "committed_at": "new.now"}
        with self._told():
            place = self._plain(COMMITS)
            if place is None:
                return False
            merge = place.merge(
                wanted, "old.experiment_id = new.experiment_id", source_alias="new", target_alias="old"
            )
            merge = merge.when_matched_update({**moved, "previous_run_id": "old.run_id"}, MOVES)
            merge = merge.when_not_matched_insert({**moved, "experiment_id": "new.experiment_id"}, BEGINS)
            with suppress(CommitFailedError):
                merge.execute()
        return True

    def _plain(self, table: Table) -> DeltaTable | None:
        """The table, if it needs no more of a writer than it did when it was made."""
        from deltalake import DeltaTable

        place = DeltaTable(self._folder / table.name)
        return place if place.protocol().min_writer_version <= _WRITER else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (DeltaError, OSError) as error:
            require_writable(self._folder, self._location)
            said = " ".join(str(error).split())
            other = LakeError(f"the lake {self._location} cannot be written: {said}")
            raise as_lake_error(error, self._location, self._folder) or other from None


def delta_files(folder: Path | None, location: str) -> DeltaFiles | None:
    """The tables in a folder of this machine; None elsewhere, or where delta-rs finds none or is not installed."""
    if folder is None or find_spec("deltalake") is None or find_spec("pyarrow") is None:
        return None
    if not found_by_delta_rs(folder):
        return None
    return DeltaFiles(folder, location)


@lru_cache
def _schema(ddl: str) -> Schema:
    """Delta spells a schema in JSON as Spark does."""
    from deltalake import Schema

    return Schema.from_json(cast("T.StructType", T.StructType.fromDDL(ddl)).json())


@lru_cache
def _arrow(ddl: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(_schema(ddl).to_arrow())
