"""Errors of writing the lake, said in our words in one screen."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from abspark.errors import LakeError
from abspark.storage.conditions import causes, condition_of, first_line, full_disk, is_absent, is_conflict

_REFUSED: Final = re.compile(
    "permission denied|AccessControlException|Mkdirs failed|Cannot create|Read-only file system",
    re.IGNORECASE,
)
DELTA_CATALOG: Final = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
_ANOTHER_PLACE: Final = "name another place in the environment's file: lake: {path: …}"


def as_lake_error(error: Exception, location: str, folder: Path | None) -> LakeError | None:
    """The error to show instead of Spark's, or None where Spark's is not about writing the lake.

    `folder` is the lake's on this machine's disk, if it is there.
    """
    text, condition = str(error), condition_of(error)
    if full := full_disk(error):
        return LakeError(
            f"the lake {location} cannot be written: {full}.",
            advice="free space under the lake and under Spark's temporary files (spark.local.dir, else /tmp)",
        )
    if condition == "DATA_SOURCE_NOT_FOUND" or condition.startswith("DELTA_CONFIGURE_SPARK_SESSION"):
        return LakeError(
            f"the lake {location} is Delta, which this Spark session lacks.",
            advice="start the session with Delta's jar and extension; or install abspark[local] and let abspark start "
            'one here: spark: {master: "local[*]"} in the environment',
        )
    if condition == "UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY":
        return LakeError(
            f"the lake {location} is Delta in a folder, which needs a session whose own catalog is Delta's.",
            advice=f"start the session with spark.sql.catalog.spark_catalog={DELTA_CATALOG}; where that has to be "
            "another, name a catalog of Delta tables: lake: {catalog: …, schema: …}",
        )
    if condition == "DELTA_CANNOT_CREATE_LOG_PATH" or (_REFUSED.search(text) and location in text):
        return LakeError(
            f"the lake {location} cannot be written: {_reason(error, folder)}.", advice=_ANOTHER_PLACE
        )
    if condition == "DELTA_CANNOT_MODIFY_APPEND_ONLY":
        return LakeError(
            f"a table of the lake {location} keeps all its rows: its property delta.appendOnly is true.",
            advice="set it to false on the tables of the lake (DESCRIBE DETAIL names properties), then do it again",
        )
    if condition == "INVALID_SCHEMA_OR_RELATION_NAME":
        return LakeError(
            f"the lake {location} has a name that Spark does not take: {first_line(error)[:200]}",
            advice="name the schema by letters, digits and underscores: lake: {catalog: …, schema: …}",
        )
    if is_conflict(error):
        return LakeError(
            f"too many runs write to the lake {location} at once: {first_line(error)[:200]}",
            advice="run again when fewer runs end at the same time",
        )
    # what a session that has one catalog says of another's name
    elsewhere = condition == "REQUIRES_SINGLE_PART_NAMESPACE"
    if elsewhere or (is_absent(error) and f"`{location.split('.')[0]}`" in text):
        return LakeError(f"the lake {location} is in no catalog of this session: {first_line(error)[:200]}")
    return None


def require_writable(folder: Path, location: str) -> None:
    """A folder on this machine is there or can be made, and may be written.

    Raises:
        LakeError: It can't.
    """
    if reason := _unwritable(folder):
        raise LakeError(
            f"the lake {location} cannot be written: {reason}.",
            advice=_ANOTHER_PLACE,
        )


def _unwritable(folder: Path) -> str | None:
    """Why a folder on this machine can't be made or written; None where nothing speaks against it."""
    nearest = next((place for place in (folder, *folder.absolute().parents) if place.exists()), None)
    if nearest is None:
        return None
    if not nearest.is_dir():
        return f"{nearest} is a file"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"no permission to write in {nearest}"
    return None


def _reason(error: Exception, folder: Path | None) -> str:
    known = _unwritable(folder) if folder is not None else None
    return known or next(reversed(causes(error)), first_line(error))[:300].rstrip(".")
