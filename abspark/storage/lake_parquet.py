"""A lake of Parquet folders on a local disk, for trying out: one writer, the switch a renamed file."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.errors import LakeError, UsageError
from abspark.local_frame import local_frame
from abspark.schemas import COMMITS, RUNNING_AT_MOST
from abspark.storage.lake import Commit, Lake, Pruned
from abspark.storage.lake_faults import as_lake_error, require_writable
from abspark.storage.lake_format import SWITCH, require_format, run_folder
from abspark.storage.lock import machine_lock
from abspark.storage.places import as_written, local_path
from abspark.storage.prune_plan import CommittedRun
from abspark.table_shape import Table

_WRITING: Final = ".writing-"


class ParquetLake(Lake):
    """A folder per table, in it a folder `run_id=…` per run.

    Files are written to a temporary folder beside the tables and then renamed into place.
    """

    def __init__(self, spark: SparkSession, folder: str) -> None:
        root = local_path(folder)
        if root is None:
            raise UsageError(
                f"a Parquet lake is for one machine's disk, not for {folder}.",
                allowed="a local path; elsewhere lake: {path, format: delta}",
            )
        super().__init__(spark, folder)
        self._root = root.absolute()
        require_format(self._root, folder, "parquet")

    def require_folder(self) -> None:
        """See `Lake.require_folder`."""
        require_writable(self._root, self.location)

    def ensure_writable(self) -> None:
        """Create the folder."""
        self.require_folder()
        self._root.mkdir(parents=True, exist_ok=True)

    def commit(self, run_id: str, predecessors: Mapping[str, str | None]) -> Commit:
        """See `Lake.commit`. The new switch replaces the old one in one rename."""
        self.ensure_writable()
        with machine_lock(self._root):
            switch = self._switch()
            committed: list[str] = []
            conflicted: dict[str, str] = {}
            for experiment, before in sorted(predecessors.items()):
                head = switch.get(experiment, {}).get("run_id")
                if head == before:
                    switch[experiment] = {
                        "run_id": run_id,
                        "previous_run_id": before,
                        "committed_at": datetime.now(UTC).isoformat(),
                    }
                if head in (before, run_id):
                    committed.append(experiment)
                else:
                    conflicted[experiment] = head or ""
            self._replace(switch)
        return Commit(tuple(committed), conflicted)

    def commits(self) -> tuple[CommittedRun, ...]:
        """The committed run of each experiment, by experiment; empty for a new lake."""
        return tuple(
            CommittedRun(experiment, str(entry["run_id"]), entry["previous_run_id"])
            for experiment, entry in sorted(self._switch().items())
        )

    def prune(self, keep: int = 7, *, now: datetime | None = None) -> Pruned:
        """See `Lake.prune`. Removes what writers that were killed left half written, too."""
        pruned = super().prune(keep, now=now)
        oldest = ((now or datetime.now(UTC)) - RUNNING_AT_MOST).timestamp()
        for pattern in (f"{_WRITING}*", f".{SWITCH}-*"):
            for left in self._root.glob(pattern):
                with suppress(OSError):  # its writer lives, and has come to its end
                    if left.stat().st_mtime < oldest:
                        shutil.rmtree(left) if left.is_dir() else left.unlink()
        return pruned

    def _switch(self) -> dict[str, dict[str, str | None]]:
        try:
            return cast("dict[str, dict[str, str | None]]", json.loads((self._root / SWITCH).read_text()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise LakeError(f"the lake {self.location} cannot be read: {SWITCH}: {error}.") from None

    def _replace(self, switch: Mapping[str, Mapping[str, str | None]]) -> None:
        fresh = self._root / f".{SWITCH}-{uuid.uuid4().hex}"
        try:
            with fresh.open("w") as file:
                json.dump(switch, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._root / SWITCH)
        except OSError as error:
            raise LakeError(f"the lake {self.location} cannot be written: {error.strerror}.") from None

    def _write(self, table: Table, frame: DataFrame) -> None:
        self.ensure_writable()
        fresh = self._root / f"{_WRITING}{uuid.uuid4().hex}"
        try:
            frame.write.partitionBy("run_id").parquet(_on_disk(fresh))
            for file in fresh.glob("run_id=*/*.parquet"):
                home = self._root / table.name / file.parent.name
                home.mkdir(parents=True, exist_ok=True)
                file.replace(home / file.name)
        except Exception as error:
            raise as_lake_error(error, self.location, self._root) or error from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _read(self, table: Table, run_ids: Sequence[str] | None) -> DataFrame:
        if table is COMMITS:
            return self._commits_frame()
        base = self._root / table.name
        wanted = base.glob("run_id=*") if run_ids is None else (run_folder(base, run) for run in run_ids)
        folders = [as_written(_on_disk(folder)) for folder in wanted if folder.is_dir()]
        if not folders:
            return local_frame(self.spark, [], table.ddl)
        reader = self.spark.read.schema(table.ddl).option("basePath", _on_disk(base))
        return reader.parquet(*folders).select(*(F.col(f"`{name}`") for name in table.names))

    def _commits_frame(self) -> DataFrame:
        rows: list[tuple[Any, ...]] = [
            (experiment, entry["run_id"], entry["previous_run_id"], _instant(entry["committed_at"]))
            for experiment, entry in sorted(self._switch().items())
        ]
        return local_frame(self.spark, rows, COMMITS.ddl)

    def _delete(self, table: Table, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            try:
                shutil.rmtree(run_folder(self._root / table.name, run_id))
            except FileNotFoundError:
                continue  # another prune came first
            except OSError as error:
                raise LakeError(
                    f"the lake {self.location} cannot be written: {error.filename}: {error.strerror}."
                ) from None


def _on_disk(path: Path) -> str:
    """How Spark names a path on this machine; unlike in a URI, no character is escaped."""
    return f"file:{path}"


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
