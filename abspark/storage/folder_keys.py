"""Folders named key=value, whose keys Spark reads as columns even where the files have columns of that name."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.config import Source
from abspark.errors import DataError
from abspark.storage.places import quoted
from abspark.storage.source_columns import named_columns
from abspark.storage.sources import PinnedSource, folder_keys, read

_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


def require_open_columns(spark: SparkSession, source: Source, pinned: PinnedSource) -> None:
    """Check that no folder's key hides a column that the source names, of which the files say something else.

    Spark takes the folder's value for every row: of ts=2026-10-01 a midnight, whatever times the files have. What the
    files say is looked up in the first of them.

    Raises:
        DataError: A row there has another value than its folder.
    """
    given = {key.lower(): value for key, value in source.options.items()}
    base = given.get("basepath", pinned.base_path)
    if base is None or "recursivefilelookup" in given:
        return
    below = pinned.files[0].rpartition(str(base))[2]
    dated = getattr(source, "partition_date", None)
    named = {name.lower() for name in named_columns(source) if dated is None or name != dated.column}
    keys = {key: value for key, value in folder_keys((below,)).items() if key.lower() in named}
    if not keys:
        return
    options = {key: value for key, value in source.options.items() if key.lower() != "basepath"}
    alone = replace(pinned, files=pinned.files[:1], base_path=None, schema=None)
    own = read(spark, source.model_copy(update={"options": options}), alone)
    kinds = {field.name.lower(): field.dataType for field in own.schema.fields}
    for key, value in keys.items():
        if key.lower() not in kinds:
            continue
        column, of_folder = F.col(quoted(key)), F.lit(None if value == _NULL else value)
        differs = ~column.eqNullSafe(of_folder.try_cast(kinds[key.lower()]))
        for row in own.where(differs).select(column.cast("string")).limit(1).collect():
            raise DataError(
                f"source {source.name}: the folder {key}={value} hides the column {key} that its files have: Spark "
                f"reads {value} in all rows, and one of {alone.files[0]} has {row[0]}.",
                advice="give the folders' key another name; or leave the folders' keys out, which needs every column "
                "to be in the files: options: {recursiveFileLookup: true}",
            )
