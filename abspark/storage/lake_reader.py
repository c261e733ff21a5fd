"""Reading a lake on this machine's disk without Spark: Delta by delta-rs, Parquet by pyarrow."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.schemas import ASSIGNMENTS, COMMITS, LOOKS, RUNS, TABLES
from abspark.storage.commits_record import whole_commits
from abspark.storage.lake_format import SWITCH, require_format, run_folder

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyarrow.dataset import Dataset

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NO_URL: Final = re.compile(r"[\[\]^|%\\\x00-\x1f\x7f]")
_ALWAYS: Final = ("moments", "results", "health", "decisions")
"""Tables of which every committed run has rows."""


class LakeReader:
    """The rows that runs have written, by run; which of them count is said by `commits`.

    `open_dataset` gives a table's files, of some runs at least (None: of all), or None where there are none yet.
    """

    def __init__(
        self, location: str, open_dataset: Callable[[str, Sequence[str] | None], Dataset | None]
    ) -> None:
        self.location = location
        self._open = open_dataset

    def commits(self) -> list[dict[str, Any]]:
        """Rows of `commits`; empty for a new lake.

        Raises:
            LakeError: It cannot be read; or it is empty, and a run is on record as committed.
        """
        return whole_commits(
            lambda: self._rows(COMMITS.name, None), lambda: self._rows(RUNS.name, None), self.location
        )

    def rows(
        self, table: str, run_ids: Sequence[str] | None, experiments: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Rows of some runs and experiments (None: all) as dictionaries, with the columns of the table's schema."""
        return self._rows(table, run_ids, experiments)

    def first_exposures(self, run_id: str, experiment: str) -> list[dict[str, Any]]:
        """Units by variant and day (UTC) of their first exposure, excluded ones too; counted batch by batch."""
        import pyarrow.compute as pc

        dataset = self._dataset(ASSIGNMENTS.name, [run_id])
        if dataset is None:
            return []
        chosen = (pc.field("run_id") == run_id) & (pc.field("experiment_id") == experiment)
        counts: Counter[tuple[str, date]] = Counter()
        try:
            for batch in dataset.to_batches(columns=["variant", "first_exposure_at"], filter=chosen):
                if batch.num_rows:
                    days = pc.cast(batch.column("first_exposure_at"), "date32")
                    pairs = zip(batch.column("variant").to_pylist(), days.to_pylist(), strict=True)
                    counts.update(pairs)
        except _faults() as error:
            raise self._unreadable(ASSIGNMENTS.name, error) from None
        return [
            {"variant": variant, "day": day, "units": units}
            for (variant, day), units in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0]))
        ]

    def _rows(
        self, table: str, run_ids: Sequence[str] | None, experiments: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        dataset = self._dataset(table, run_ids)
        if dataset is None:
            if run_ids and table in _ALWAYS and self._dataset(table, None) is None:
                raise self._unreadable(table, f"run {run_ids[0]} is committed, but its table is not there")
            return []
        chosen = None
        for column, values in (("run_id", run_ids), ("experiment_id", experiments)):
            if values is not None:
                among = pc.field(column).isin(pa.array(values, pa.string()))
                chosen = among if chosen is None else chosen & among
        try:
            found = dataset.to_table(filter=chosen).to_pylist(maps_as_pydicts="strict")
        except _faults() as error:
            raise self._unreadable(table, error) from None
        return [{name: row.get(name) for name in TABLES[table].names} for row in found]

    def _dataset(self, table: str, run_ids: Sequence[str] | None) -> Dataset | None:
        try:
            return self._open(table, run_ids)
        except _faults() as error:
            raise self._unreadable(table, error) from None

    def _unreadable(self, table: str, why: Exception | str) -> LakeError:
        said = " ".join(str(why).split())
        return LakeError(
            f"the lake {self.location} cannot be read: {table}: {said}",
            advice="a file was removed or damaged: restore it, or run again into a new lake",
        )


def _faults() -> tuple[type[Exception], ...]:
    """What the libraries raise on files that are missing or damaged."""
    if find_spec("deltalake") is None:
        return (OSError, ValueError)
    from deltalake.exceptions import DeltaError

    return (OSError, ValueError, DeltaError)


def open_reader(config: LakeConfig) -> LakeReader | None:
    """A reader of the lake; None where only Spark can read it.

    That is so for a catalog's tables, for other file systems than this machine's, without the packages of the extra
    `report`, and for Delta tables in folders that delta-rs does not find, or with features that it does not know.

    Raises:
        LakeError: The folder has a lake of another format.
    """
    if config.path is None or find_spec("pyarrow") is None:
        return None
    root = _local(config.path)
    if root is None:
        return None
    require_format(root, config.path, config.format)
    if config.format == "parquet":
        return LakeReader(config.path, lambda table, runs: _parquet(root, table, runs))
    if find_spec("deltalake") is None or not found_by_delta_rs(root) or not _all_readable(root):
        return None
    return LakeReader(config.path, lambda table, _: _delta(root, table))


def delta_commits(location: str) -> list[dict[str, Any]] | None:
    """Rows of `commits` of Delta tables in a folder of this machine; None elsewhere, or where only Spark can read it.

    The log of a small table is read in milliseconds; Spark plans and compiles several jobs for it.
    """
    return _delta_rows(location, lambda reader: reader.rows(COMMITS.name, None))


def delta_runs(location: str, run_ids: Sequence[str] | None) -> list[dict[str, Any]] | None:
    """Records of some runs (None: of all), all that there are of each; None as `delta_commits`."""
    return _delta_rows(location, lambda reader: reader.rows(RUNS.name, run_ids))


def delta_looks(
    location: str, run_ids: Sequence[str], experiments: Sequence[str]
) -> list[dict[str, Any]] | None:
    """The looks of some experiments that some runs wrote; None as `delta_commits`."""
    return _delta_rows(location, lambda reader: reader.rows(LOOKS.name, run_ids, experiments))


def _delta_rows(
    location: str, rows: Callable[[LakeReader], list[dict[str, Any]]]
) -> list[dict[str, Any]] | None:
    root = _local(location)
    if root is None or find_spec("pyarrow") is None or find_spec("deltalake") is None:
        return None
    if not found_by_delta_rs(root):
        return None
    from deltalake.exceptions import DeltaProtocolError

    try:
        return rows(LakeReader(location, lambda table, _: _delta(root, table)))
    except (LakeError, DeltaProtocolError):
        return None


def found_by_delta_rs(folder: Path) -> bool:
    """Whether delta-rs looks there for a folder of that name: it makes a URL of it, and decodes that."""
    return not any(_NO_URL.search(str(place)) for place in (folder.absolute(), folder.resolve()))


def _local(location: str) -> Path | None:
    if location.startswith("file:"):
        return Path("/" + location.removeprefix("file:").lstrip("/"))
    return None if _SCHEME.match(location) else Path(location)


def _delta(root: Path, table: str) -> Dataset | None:
    from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

    folder = root / table
    if not (folder / "_delta_log").is_dir():
        return None
    # delta-rs's own file system is in Python: Arrow's threads call it, and abort the process if it is about to end
    files = SubTreeFileSystem(folder.absolute().as_posix(), LocalFileSystem())
    return _readable(folder).to_pyarrow_dataset(filesystem=files)


def _readable(folder: Path) -> DeltaTable:
    """The table in a folder.

    Raises:
        DeltaProtocolError: Its files call the columns by other names, which delta-rs would read as NULL.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaProtocolError

    table = DeltaTable(folder)
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none":
        raise DeltaProtocolError(f"columns are mapped by {mapping}")
    return table


def _all_readable(root: Path) -> bool:
    """Whether delta-rs knows the features of every table, such as none with deletion vectors or mapped columns."""
    from deltalake.exceptions import DeltaError, DeltaProtocolError

    for log in sorted(root.glob("*/_delta_log")):
        try:
            _readable(log.parent).to_pyarrow_dataset()
        except DeltaProtocolError:
            return False
        except DeltaError:
            continue  # damaged: whoever reads this table is told
    return True


def _parquet(root: Path, table: str, run_ids: Sequence[str] | None) -> Dataset | None:
    import pyarrow as pa
    import pyarrow.dataset as ds

    if table == COMMITS.name:
        return _switch(root)
    folder = root / table
    # those of other runs may go meanwhile, by a prune
    wanted = folder.glob("run_id=*") if run_ids is None else (run_folder(folder, run) for run in set(run_ids))
    # the first file says which columns there are: the newest run's, as older versions know fewer
    files = sorted((str(file) for run in wanted for file in run.glob("*.parquet")), reverse=True)
    if not files:
        return None
    by_run = ds.partitioning(pa.schema([("run_id", pa.string())]), flavor="hive")
    return ds.dataset(files, format="parquet", partitioning=by_run, partition_base_dir=str(folder))


def _switch(root: Path) -> Dataset | None:
    import pyarrow as pa
    import pyarrow.dataset as ds

    file = root / SWITCH
    if not file.is_file():
        return None
    rows = [
        {"experiment_id": name, **entry, "committed_at": _instant(entry["committed_at"])}
        for name, entry in sorted(json.loads(file.read_text()).items())
    ]
    columns = pa.schema(
        [
            ("experiment_id", pa.string()),
            ("run_id", pa.string()),
            ("previous_run_id", pa.string()),
            ("committed_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    return ds.dataset(pa.Table.from_pylist(rows, schema=columns))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
