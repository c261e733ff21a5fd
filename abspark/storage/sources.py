"""Raw logs: fixed to one version when a run starts, then read as they are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final
from urllib.parse import unquote

from pyspark.sql import DataFrame, DataFrameReader, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import Source
from abspark.errors import DataError
from abspark.storage.conditions import is_absent, is_not_delta
from abspark.storage.delta_versions import has_version, newest_version
from abspark.storage.faults import as_data_error
from abspark.storage.places import (
    as_glob,
    as_written,
    delta_path_name,
    glob_free,
    glob_without_marks,
    local_path,
    quoted,
    tables_beside,
    what_is_at,
)

_LISTING_OPTIONS: Final = frozenset(
    {"basepath", "pathglobfilter", "recursivefilelookup", "modifiedbefore", "modifiedafter"}
)
_READER_DEFAULTS: Final = {
    "delta": {},
    "parquet": {},
    # RFC 4180 quoting; a file whose header differs from the first file's is an error, not shifted columns
    "csv": {"header": "true", "escape": '"', "enforceSchema": "false", "mode": "PERMISSIVE"},
    "json": {"primitivesAsString": "true", "mode": "PERMISSIVE"},
    "table": {},
}

_NO_ROW: Final = "_abspark_no_row"
# Spark looks only at the columns that are asked for, and so at the number of fields, unless told not to
_EACH_FIELD: Final = {"columnPruning": "false", "columnNameOfCorruptRecord": _NO_ROW}
# what a session leaves out of a log, the ledger can't count
_WHOLE: Final = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}

_DELTA_LOG: Final = "_delta_log"
_ROOT: Final = re.compile(r"[^:/]+:(//[^/]*)?/")
_PARTITIONS: Final = re.compile(r"(/[^/=]+=[^/]*)+$")


@dataclass(frozen=True)
class PinnedSource:
    """A source as it was when the run started.

    `location` is its path or table name. A Delta table has a `version`; files have their `files`, sorted. Of files
    `list_hash` is the SHA-256 over path, length and time of change of each, so that a file written again shows; of a
    Delta table over the version and when it was written, so that a table made again shows. A table that is not Delta
    has none of these: it is read as it is at each action, and `note` says so. `base_path` is the folder whose
    key=value sub-folders are columns; None where there are none. `schema` is that of text once it is
    known, see `fixed_columns`. `stamps` are the length and time of change of each file, in this process alone.
    """

    name: str
    format: str
    location: str
    version: int | None = None
    files: tuple[str, ...] = ()
    list_hash: str | None = None
    base_path: str | None = None
    note: str | None = None
    schema: T.StructType | None = None
    stamps: tuple[tuple[int, int], ...] = ()


def pin(spark: SparkSession, source: Source) -> PinnedSource:
    """Fix what a source is, reading no rows.

    Raises:
        DataError: there is nothing there, or nothing of the source's format.
    """
    if source.path is not None and source.format != "delta":
        return _pin_files(spark, source, source.path)
    return _pin_table(spark, source)


def pin_again(spark: SparkSession, source: Source, recorded: PinnedSource) -> PinnedSource | None:
    """What another process pinned, by its record; None where that is not there any more.

    Raises:
        DataError: see `pin`.
    """
    if recorded.version is None:
        found = pin(spark, source)
        return found if found.list_hash == recorded.list_hash else None
    as_it_was = replace(recorded, format=source.format)
    if recorded.list_hash is None:  # a record of an older version
        return as_it_was
    try:
        there = has_version(spark, _table_name(source), recorded.version, recorded.list_hash)
    except Exception as error:
        raise _table_error(spark, source, error) from None
    return as_it_was if there else None


def written_over(spark: SparkSession, source: Source, pinned: PinnedSource) -> str | None:
    """What of a source was written over after this process pinned it: a file or the Delta table; None if nothing was.

    A file that has gone since is none: whoever reads it after that fails. One that came is not read.

    Raises:
        DataError: The source can't be looked at any more.
    """
    if pinned.version is not None:
        return pinned.location if pin_again(spark, source, pinned) is None else None
    then = dict(zip(pinned.files, pinned.stamps, strict=True))
    rows = _listed(spark, source, pinned.location) if then else []
    now = {row["path"]: _stamp(row) for row in rows}
    return next((file for file, stamp in then.items() if now.get(file, stamp) != stamp), None)


def fixed_columns(spark: SparkSession, source: Source, pinned: PinnedSource) -> PinnedSource:
    """The source with its schema where Spark reads files for that, as it otherwise does for each frame.

    Raises:
        DataError: see `read`.
    """
    if not pinned.files or pinned.schema is not None:
        return pinned
    return replace(pinned, schema=read(spark, source, pinned).schema)


def read(spark: SparkSession, source: Source, pinned: PinnedSource) -> DataFrame:
    """The pinned rows with raw columns: of CSV and JSON all text (nested JSON stays nested), else as stored.

    A line that is no JSON, or has another number of fields than its header, is a row of NULLs.

    Raises:
        DataError: the files' schema cannot be read. A fault further inside a file shows only in a job; see
            `as_data_error`.
    """
    options = {**_READER_DEFAULTS[source.format], **source.options}
    reader = spark.read.options(**options)
    try:
        if not pinned.files:
            if pinned.version is not None:
                reader = reader.option("versionAsOf", str(pinned.version))
            frame = _table(reader, source)
        else:
            if pinned.base_path is not None:
                reader = reader.option("basePath", pinned.base_path)
            reader = reader.options(**_WHOLE)
            if pinned.schema is not None:
                reader = reader.schema(pinned.schema)
            frame = reader.format(source.format).load([as_written(file) for file in pinned.files])
            if source.format == "csv":
                frame = _whole_lines(reader, frame.schema, pinned)
        frame.schema  # noqa: B018 - over Spark Connect a plan is looked at only when its schema is asked for
    except Exception as error:
        raise as_data_error(error, [pinned]) or error from None
    return frame


def _whole_lines(reader: DataFrameReader, schema: T.StructType, pinned: PinnedSource) -> DataFrame:
    marked = T.StructType([*schema.fields, T.StructField(_NO_ROW, T.StringType())])
    lines = reader.options(**_EACH_FIELD).schema(marked).load([as_written(file) for file in pinned.files])
    whole, folders = F.col(_NO_ROW).isNull(), folder_keys(pinned.files)
    columns = {name: F.col(quoted(name)) for name in schema.names}
    return lines.select(
        *(
            column if name in folders else F.when(whole, column).alias(name)
            for name, column in columns.items()
        )
    )


def folder_keys(files: tuple[str, ...]) -> dict[str, str]:
    """Keys of folders named key=value, which say the same of each row of a file, with the value of one of them."""
    folders = {file.rpartition("/")[0] for file in files}
    named = (name.partition("=") for folder in folders for name in folder.split("/") if "=" in name)
    return {unquote(key): unquote(value) for key, _, value in named}


def row_count(spark: SparkSession, source: Source, pinned: PinnedSource) -> int | None:
    """Rows of the pinned source where that costs no scan; else None.

    Delta answers from its log, Parquet from the files' footers. Text has to be read to be counted, and a
    table that is not pinned may change between two counts.
    """
    if source.format in ("csv", "json") or (pinned.version is None and not pinned.files):
        return None
    try:
        return read(spark, source, pinned).count()
    except DataError:
        raise
    except Exception as error:
        raise as_data_error(error, [pinned]) or error from None


def _table(reader: DataFrameReader, source: Source) -> DataFrame:
    """By its path a table is loaded: as a name a path is sought in the session's catalog, which need not be Delta's."""
    if source.table is not None:
        return reader.table(source.table)
    return reader.format("delta").load(source.path)


def _table_name(source: Source) -> str:
    return source.table if source.table is not None else delta_path_name(str(source.path))


def _pin_table(spark: SparkSession, source: Source) -> PinnedSource:
    location = source.table or str(source.path)
    try:
        version, mark = newest_version(spark, _table_name(source))
    except Exception as error:
        if source.format == "table" and is_not_delta(error):
            note = "not a Delta table: read as it is at each action"
            return PinnedSource(source.name, source.format, location, note=note)
        raise _table_error(spark, source, error) from None
    return PinnedSource(source.name, source.format, location, version, list_hash=mark)


def _table_error(spark: SparkSession, source: Source, error: Exception) -> Exception:
    if source.table is not None and is_absent(error):
        return DataError(
            f"source {source.name}: there is no table {source.table}.",
            allowed=tables_beside(spark, source.table),
            advice="name an existing table as catalog.schema.name, or create it",
        )
    if is_not_delta(error) or is_absent(error):
        place = source.table or source.path
        return DataError(
            f"source {source.name}: {place} is no Delta table.",
            allowed=what_is_at(str(source.path)) if source.path else None,
            advice="correct the path, or the source's format",
        )
    pinned = PinnedSource(source.name, source.format, source.table or str(source.path))
    return as_data_error(error, [pinned]) or error


def _pin_files(spark: SparkSession, source: Source, path: str) -> PinnedSource:
    rows = _listed(spark, source, path)
    if not rows:
        if (file := local_path(path)) is not None and file.is_file():
            raise DataError(
                f"source {source.name}: the file {path} is empty.",
                advice="write it again, or correct the path",
            )
        raise DataError(
            f"source {source.name}: no files, or only empty ones, at {path}.",
            allowed=what_is_at(path),
            advice="correct the path; for folders not named key=value: options: {recursiveFileLookup: true}",
        )
    listing = "\n".join(f"{row['path']}\t{row['length']}\t{row['changed']}" for row in rows)
    files = tuple(row["path"] for row in rows)
    _require_plain(spark, source, files)
    return PinnedSource(
        source.name,
        source.format,
        path,
        files=files,
        stamps=tuple(_stamp(row) for row in rows),
        list_hash=hashlib.sha256(listing.encode()).hexdigest(),
        base_path=_base_path(source, path, files),
    )


def _listed(spark: SparkSession, source: Source, path: str) -> list[Row]:
    """Files that are not empty. `binaryFile` opens no file whose content is not asked for."""
    options = {key: value for key, value in source.options.items() if key.lower() in _LISTING_OPTIONS}
    try:
        frame = spark.read.format("binaryFile").options(**options).load(as_glob(path))
        rows = frame.select("path", "length", F.unix_micros("modificationTime").alias("changed")).collect()
    except Exception as error:
        if is_absent(error):
            return []
        pinned = PinnedSource(source.name, source.format, path)
        raise as_data_error(error, [pinned]) or error from None
    return sorted(rows, key=itemgetter("path"))  # as by bytes, without Spark's job that samples for it


def _stamp(row: Row) -> tuple[int, int]:
    return row["length"], row["changed"]


def _require_plain(spark: SparkSession, source: Source, files: tuple[str, ...]) -> None:
    """Check that no file belongs to a Delta table, which keeps those that it has replaced beside those that count."""
    found = _ROOT.match(files[0])
    if found is None:
        return
    root = found.group()
    folders = {folder for folder in _table_folders(files) if len(folder) > len(root)}
    here = {
        folder: place for folder in folders if (place := local_path(folder)) is not None and place.is_dir()
    }
    tables = {folder for folder, place in here.items() if any((place / _DELTA_LOG).glob("*.json"))}
    tables |= _delta_tables(spark, root, folders - here.keys())
    if mine := sorted(tables & folders):
        raise DataError(
            f"source {source.name}: {mine[0]} is a Delta table, whose files also hold rows that have been replaced or "
            f"deleted, and {source.path} is read as {source.format}.",
            advice="format: delta, with the table's folder as path; a filter takes a part of it",
        )


def _delta_tables(spark: SparkSession, root: str, folders: Set[str]) -> set[str]:
    """Which folders below a file system's root are Delta tables."""
    if not folders:
        return set()
    below = ",".join(sorted({glob_without_marks(folder.removeprefix(root)) for folder in folders}))
    try:
        logs = spark.read.format("binaryFile").load(f"{root}{{{below}}}/{_DELTA_LOG}/*.json")
        return {row["path"].rpartition(f"/{_DELTA_LOG}/")[0] for row in logs.select("path").collect()}
    except Exception:  # there is none; of what else may be the matter the files tell as well
        return set()


def _table_folders(files: tuple[str, ...]) -> Iterator[str]:
    """Where a Delta table that the files belong to would lie: above its partitions, or above two random letters."""
    for folder in {_PARTITIONS.sub("", file.rpartition("/")[0]) for file in files}:
        yield folder
        yield folder.rpartition("/")[0]


def _base_path(source: Source, path: str, files: tuple[str, ...]) -> str | None:
    if any(key.lower() == "basepath" for key in source.options):
        return None
    base = glob_free(path) or path.rstrip("/")
    is_file = len(files) == 1 and files[0].endswith(base)
    folders = {file.rpartition(base)[2].rpartition("/")[0] for file in files}
    return base if not is_file and any("=" in folder for folder in folders) else None
