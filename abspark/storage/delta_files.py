"""Writing Delta tables in a folder of this machine without Spark: the driver's few rows, by delta-rs.

Spark plans, compiles and runs several jobs for each small append or MERGE, a third of a second to a second; delta-rs
takes some milliseconds and writes the same log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pyspark.sql import types as T

from abspark.errors import LakeError
from abspark.schemas import COMMITS, Table
from abspark.storage.lake_faults import as_lake_error, require_writable

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import Schema

_SERIALIZABLE: Final = {"delta.isolationLevel": "Serializable"}
_MOVES: Final = "old.run_id = new.predecessor AND old.run_id <> new.run_id"
_BEGINS: Final = "new.predecessor IS NULL"


class DeltaFiles:
    """The tables in one folder. Whoever calls holds the folder's lock.

    Every method returns whether it did its work: not where a table has features that delta-rs cannot write, which
    leaves it to Spark.
    """

    def __init__(self, folder: Path, location: str) -> None:
        self._folder = folder
        self._location = location

    def create(self, table: Table) -> bool:
        """Create a table that is not there."""

        def work() -> None:
            from deltalake import DeltaTable

            by_run = None if table is COMMITS else ["run_id"]
            configuration = _SERIALIZABLE if table is COMMITS else None
            DeltaTable.create(
                self._folder / table.name,
                schema=_schema(table.ddl),
                mode="ignore",
                partition_by=by_run,
                configuration=configuration,
            )

        return self._done(work)

    def append(self, table: Table, rows: Sequence[Mapping[str, object]]) -> bool:
        """Append rows keyed by column to a table that is there, with columns that an older version made it without."""

        def work() -> None:
            import pyarrow as pa
            from deltalake import write_deltalake

            given = pa.Table.from_pylist(rows, schema=_arrow(table.ddl))
            write_deltalake(self._folder / table.name, given, mode="append", schema_mode="merge")

        return self._done(work)

    def switch(self, run_id: str, predecessors: Mapping[str, str | None]) -> bool:
        """One MERGE into `commits`, which is there: a row moves only from its predecessor.

        A MERGE that lost to another writer has changed nothing, and is not told: what stands has to be read anyway.
        """

        def work() -> None:
            import pyarrow as pa
            from deltalake import DeltaTable
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
            merge = DeltaTable(self._folder / COMMITS.name).merge(
                wanted, "old.experiment_id = new.experiment_id", source_alias="new", target_alias="old"
            )
            merge = merge.when_matched_update({**moved, "previous_run_id": "old.run_id"}, _MOVES)
            merge = merge.when_not_matched_insert({**moved, "experiment_id": "new.experiment_id"}, _BEGINS)
            with suppress(CommitFailedError):
                merge.execute()

        return self._done(work)

    def _done(self, work: Callable[[], None]) -> bool:
        from deltalake.exceptions import DeltaError, DeltaProtocolError

        try:
            work()
        except DeltaProtocolError:
            return False
        except (DeltaError, OSError) as error:
            require_writable(self._folder, self._location)
            said = " ".join(str(error).split())
            other = LakeError(f"the lake {self._location} cannot be written: {said}")
            raise as_lake_error(error, self._location) or other from None
        return True


def delta_files(folder: Path | None, location: str) -> DeltaFiles | None:
    """The tables in a folder of this machine; None elsewhere, and without the package `deltalake`."""
    if folder is None or find_spec("deltalake") is None or find_spec("pyarrow") is None:
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
