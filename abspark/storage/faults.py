"""Spark's errors about data and disks, said in our words in one screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from abspark.errors import AbsparkError, DataError, LakeError
from abspark.storage.conditions import condition_of, first_line, full_disk
from abspark.storage.places import what_is_at

if TYPE_CHECKING:
    from abspark.storage.sources import PinnedSource

_FILE: Final = re.compile(r"reading file (\S.*?)\.(?: |$|\n)")
_PATH: Final = re.compile(
    r"(?:does not exist: |CSV file: |[Pp]ermission denied: )(\S[^\n;]*?)(?:\.? SQLSTATE|[;\n]|$)"
)
_TYPES: Final = re.compile(r"column: \[([^\]]+)\], physicalType: (\w+), logicalType: (\w+)")
_NO_PARQUET: Final = "it is no Parquet file, or its end is missing"
_CUT: Final = "it ends too early: it was not written or copied to its end"
_PACKED_DAMAGED: Final = "what is packed in it is damaged"
_NOT_PACKED: Final = "its name says that it is packed (.gz, .bz2 …), and its content is not"
_REMOVED: Final = "it was removed after the run had started"
_WRONG_CONTENT: Final = (
    ("CSV header does not conform", "its header differs from the other files' header"),
    ("is not a Parquet file|Could not read footer|footer is too large|corrupted? footer", _NO_PARQUET),
    ("FILE_NOT_EXIST", _REMOVED),
    ("[Pp]ermission denied", "there is no permission to read it"),
    ("not a gzip file|not in GZIP format|incorrect header check|bad magic|Stream is not BZip2", _NOT_PACKED),
    ("[Uu]nexpected end of|Premature EOF|java.io.EOFException", _CUT),
    ("invalid (?:distance|block|code|bit|stored|literal)|incorrect (?:data|length) check", _PACKED_DAMAGED),
)  # fmt: skip
_REWRITE: Final = "write the file again, or take it out of the source's path"
_NOT_OF_DATA: Final = (
    "INTERNAL_ERROR", "SPARK_JOB_CANCELLED", "OPERATION_CANCELED", "INVALID_HANDLE", "OUT_OF_MEMORY",
    "UNABLE_TO_ACQUIRE_MEMORY",
)  # fmt: skip
_RUN_AGAIN: Final = (
    "run again, which reads what is there now; let no job vacuum or rewrite a log while a run reads it"
)

_ADVICE: Final = {
    _REMOVED: _RUN_AGAIN,
    _NO_PARQUET: f"{_REWRITE}; where the log is no Parquet at all, correct the source's format",
}
"""What to do about a file, where that is not to write it again."""


_LOOK: Final = (
    "look at the source's rows and columns, and at the expressions over them: "
    "a filter, and where and value of metrics"
)
_TOO_MUCH_TO_BROADCAST: Final = re.compile(
    "Not enough memory to build and broadcast|Cannot broadcast the table"
)
_TWICE: Final = (
    "a row names it twice, also within an object or by names that differ in case alone: "
    "write the log with one of them"
)


def as_data_error(error: BaseException, sources: Sequence[PinnedSource]) -> AbsparkError | None:
    """The error to show instead of Spark's; None where that is not about a source, disk or missing reader.

    `sources` are the ones the failed plan reads; the fault is told of the one whose file it names.
    """
    text, condition = str(error), condition_of(error)
    if full := full_disk(error):
        return LakeError(
            f"The disk is full: {full}.",
            advice="free space under the lake and under Spark's temporary files (spark.local.dir, else /tmp)",
        )
    if _TOO_MUCH_TO_BROADCAST.search(text):
        return AbsparkError(
            "Spark's driver has not enough memory for a table that it broadcasts, as of exposures of one instant",
            advice="raise spark.driver.memory in the environment's spark.conf, or let Spark choose its joins by size: "
            'spark.sql.optimizer.disableHints: "true"',
        )
    if condition.startswith("FAILED_READ_FILE") or "CSV header does not conform" in text:
        return _file_error(error, sources)
    for start, make in _BY_CONDITION.items():
        if condition.startswith(start):
            return make(error, sources)
    if "No FileSystem for scheme" in text or "ClassNotFoundException: Class org.apache.hadoop.fs" in text:
        return DataError(
            f"{_named(sources, text)}: this session cannot read that file system.",
            advice="add its connector's jar to the environment's spark.conf (spark.jars.packages)",
        )
    if re.search("permission denied|AccessControlException", text, re.IGNORECASE):
        return DataError(f"{_named(sources, text)}: no permission to read {_path_in(text, sources)}.")
    return None


def as_fault_of(name: str, error: BaseException) -> DataError | None:
    """A condition that Spark raised at work on a source alone; None where it is not about what the source holds."""
    condition = condition_of(error) if type(error).__module__.startswith(("pyspark.", "py4j.")) else ""
    if not condition or condition.startswith(_NOT_OF_DATA):
        return None
    return DataError(
        f"source {name}: {first_line(error)} ({condition})",
        advice=_TWICE if condition == "COLUMN_ALREADY_EXISTS" else _LOOK,
    )


def _file_error(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    found = _FILE.search(text)
    file = found.group(1) if found else _path_in(text, sources)
    if types := _TYPES.search(text):
        column, stored, first = types.groups()
        return DataError(
            f"{_named(sources, file)}: cannot read {file}: its column {column} is of type {stored}, which in the first "
            f"file of the source is {first}",
            advice="write the file again with that type, or make a source of its own of it",
        )
    why = next((words for signs, words in _WRONG_CONTENT if re.search(signs, text)), None)
    return DataError(
        f"{_named(sources, file)}: cannot read {file}: {why or _damaged(file)}",
        advice=_ADVICE.get(why or "", _REWRITE),
    )


def _damaged(file: str) -> str:
    kind = "a Parquet file" if file.endswith(".parquet") else "a file of its format"
    return f"its content is damaged: it begins and ends like {kind}, and what lies between cannot be read"


def _absent(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    path = _path_in(str(error), sources)
    return DataError(f"{_named(sources, path)}: {path} does not exist.", allowed=what_is_at(path))


def _no_schema(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    return DataError(
        f"{_named(sources, text)}: no columns can be read from {_path_in(text, sources)}.",
        advice="its files are empty, or of another format than the source says",
    )


def _no_such_type(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    return DataError(
        f"{_named(sources, text)}: {_path_in(text, sources)} has a column of a type that Spark cannot read: "
        f"{first_line(error)}",
        advice="write the files without it, or with it as text (a UUID in DuckDB: id::varchar); Spark refuses the "
        "files also where the source does not name the column",
    )


def _two_structures(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    return DataError(
        f"{_named(sources, text)}: {_path_in(text, sources)} has files in folders of differing structure.",
        advice="keep one table per path, use a wildcard, or set options: {recursiveFileLookup: true}",
    )


def _no_reader(error: BaseException, sources: Sequence[PinnedSource]) -> AbsparkError:
    where = f"{_named(sources, str(error))}: " if sources else ""
    return AbsparkError(
        f"{where}this Spark session lacks a reader: {first_line(error)}",
        advice="for Delta: install abspark[local], or start the session with Delta's jar and extension",
    )


def _too_old(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    return DataError(
        f"{_named(sources, text)}: the Delta table {_path_in(text, sources)} got a newer version during the run, and "
        f"does not let the pinned one be read any more: {first_line(error)}",
        advice="run again, which pins what is there now",
    )


def _broken_delta(error: BaseException, sources: Sequence[PinnedSource]) -> DataError:
    text = str(error)
    where = f"{_named(sources, text)}: the Delta table {_path_in(text, sources)}"
    return DataError(
        f"{where} is not whole: {first_line(error)[:300]}",
        advice="was it vacuumed or written by hand? Restore the files, or rewrite the table",
    )


_BY_CONDITION: Final = {
    "PATH_NOT_FOUND": _absent,
    "TABLE_OR_VIEW_NOT_FOUND": _absent,
    "UNABLE_TO_INFER_SCHEMA": _no_schema,
    "PARQUET_TYPE_": _no_such_type,
    "CONFLICTING_DIRECTORY_STRUCTURES": _two_structures,
    "CONFLICTING_PARTITION_COLUMN_NAMES": _two_structures,
    "DATA_SOURCE_NOT_FOUND": _no_reader,
    "DELTA_CONFIGURE_SPARK_SESSION": _no_reader,
    "DELTA_FILE_NOT_FOUND": _broken_delta,
    "DELTA_LOG_FILE": _broken_delta,
    "DELTA_STATE_RECOVER": _broken_delta,
    "DELTA_TRUNCATED": _broken_delta,
    "DELTA_VERSION": _broken_delta,
    "DELTA_INVALID": _broken_delta,
    "DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND": _too_old,
    "DELTA_UNSUPPORTED": _broken_delta,
}


def _path_in(text: str, sources: Sequence[PinnedSource]) -> str:
    """The path that the text names, else the only source's location."""
    found = _PATH.search(text)
    if found:
        return found.group(1).strip()
    return sources[0].location if len(sources) == 1 else "a source"


def _named(sources: Sequence[PinnedSource], text: str) -> str:
    """`source NAME` of the source that the text is about."""
    plain = unquote(text)
    for source in sources:
        places = (source.location.rstrip("/"), *source.files)
        if len(sources) == 1 or any(unquote(place) in plain for place in places):
            return f"source {source.name}"
    return f"one of the sources {', '.join(source.name for source in sources)}" if sources else "a source"
