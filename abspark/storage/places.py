"""What lies where: names of tables in SQL, and what is there when the thing asked for is not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from pyspark.sql import SparkSession

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_GLOB = re.compile(r"[*?\[{]")
_MEANT_BY_GLOBS = re.compile(r"[\\*?\[\]{},]")
_ESCAPED = re.compile(r"[\\*?\[\]{}]")
_ENTRIES_SHOWN = 8


def local_path(location: str) -> Path | None:
    """The file or folder on this machine that a location means; None for other file systems."""
    if not _SCHEME.match(location):
        return Path(location)
    scheme, _, rest = location.partition(":")
    return Path(re.sub("^//(?=/)", "", rest)) if scheme == "file" else None


def folder_here(spark: SparkSession, location: str) -> Path | None:
    """The folder on this machine's disk that Spark takes a location for; None where it takes it for another place.

    A path without a scheme is on the cluster's default file system, and over Spark Connect even `file:` may be another
    machine's disk. So Spark is asked for a file that has just been made here, unless its default is known to be this
    disk: the first such look takes a second.
    """
    folder = local_path(location)
    if folder is None or _is_this_disk_by_default(spark):
        return folder
    scheme = "file:" if _SCHEME.match(location) else ""
    try:
        with NamedTemporaryFile(prefix="abspark-") as file:
            spark.read.format("binaryFile").load(f"{scheme}{file.name}").schema  # noqa: B018 - looks for it
    except Exception:  # whatever keeps Spark from finding it
        return None
    return folder


def _is_this_disk_by_default(spark: SparkSession) -> bool:
    """Whether Spark's driver says so; over Spark Connect, or without access to Java, nobody knows."""
    key = "fs.defaultFS"
    try:
        java: Any = spark.sparkContext._jsc
        given = (
            java.hadoopConfiguration().get(key),
            spark.conf.get(key, None),
            spark.conf.get(f"spark.hadoop.{key}", None),
        )
    except Exception:
        return False
    return all(place is None or place.startswith("file:") for place in given)


def delta_path_name(location: str) -> str:
    """How SQL names the Delta table in a folder."""
    return f"delta.`{location.replace('`', '``')}`"


def quoted(*parts: str) -> str:
    """Parts of a name, quoted and joined by dots."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in parts)


def literal(text: str) -> str:
    """A text as a SQL literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def glob_free(location: str) -> str | None:
    """The part of a location before its first segment with a wildcard; None where it has no wildcard."""
    found = _GLOB.search(location, len(_there_as_written(location)))
    return None if found is None else location[: found.start()].rpartition("/")[0] or "/"


def as_glob(location: str) -> str:
    """A glob of Hadoop's for a location: what this machine has as it is written is no wildcard."""
    there = _there_as_written(location)
    return as_written(there) + location[len(there) :]


def as_written(path: str) -> str:
    """A glob of Hadoop's that finds this path alone."""
    return _ESCAPED.sub(r"\\\g<0>", path)


def _there_as_written(location: str) -> str:
    """The beginning of a location that is a folder or file of this machine."""
    path = local_path(location)
    if path is None or not location.endswith(str(path)):
        return ""
    there = next((str(place) for place in (path, *path.parents) if place.exists()), "")
    return location[: len(location) - len(str(path)) + len(there)] if there != "." else ""


def glob_without_marks(path: str) -> str:
    """A glob that finds this path, and others that differ from it in the characters that globs mind.

    Between braces Hadoop forgets which characters were escaped.
    """
    return _MEANT_BY_GLOBS.sub("?", path)


def shortened(names: list[str]) -> str:
    """At most eight names in alphabetical order, and how many more there are."""
    shown = ", ".join(sorted(names)[:_ENTRIES_SHOWN])
    more = len(names) - _ENTRIES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def what_is_at(location: str) -> str | None:
    """The nearest existing folder above a location, with its entries; None where this machine can't tell."""
    path = local_path(glob_free(location) or location)
    if path is None:
        return None
    nearest = next((place for place in (path, *path.parents) if place.exists()), None)
    if nearest is None or nearest == Path(nearest.anchor):
        return None
    if nearest.is_file():
        return f"{nearest} is a file"
    try:
        return f"{nearest} has {shortened([entry.name for entry in nearest.iterdir()])}"
    except PermissionError:
        return f"{nearest} cannot be listed: no permission"


def tables_beside(spark: SparkSession, table: str) -> str | None:
    """The tables in the schema a table name points to; None where there is no such schema."""
    schema = table.rpartition(".")[0]
    try:
        rows = spark.sql(f"SHOW TABLES IN {schema}" if schema else "SHOW TABLES").collect()
    except Exception:  # whatever the catalog says, the hint is not the error to report
        return None
    names = [row["tableName"] for row in rows if not row["isTemporary"]]
    return f"schema {schema or 'in use'} has {shortened(names)}"


def bytes_at(locations: Iterable[str | None]) -> int | None:
    """What the files at some locations hold together; None where one is not on this machine's disk."""
    total = 0
    for location in locations:
        path = local_path(location) if location is not None else None
        if location is None or path is None or glob_free(location) is not None:
            return None
        files = path.rglob("*") if path.is_dir() else [path]
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total
