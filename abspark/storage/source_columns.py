"""Whether a source has the columns that the configuration names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from abspark.config import Source
from abspark.errors import DataError
from abspark.raw_columns import type_of

_COLUMNS_SHOWN: Final = 40
_SEPARATORS: Final = (";", "\t", "|")
_UNPARSED: Final = "_corrupt_record"
"""Spark's name for what it could not parse as JSON, where there is nothing else."""
_NOISE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffd]")


def require_columns(source: Source, frame: DataFrame) -> None:
    """Check that a raw frame has every column the source names; case does not matter, dots go into structs.

    Raises:
        DataError: columns are missing, all of them named at once, with the ones that are there.
    """
    missing = [(key, column) for key, column in _named(source) if type_of(frame.schema, column) is None]
    if not missing:
        return
    present = frame.columns
    lines = [
        f"    {key}: {column}{_of_a_map(column, frame.schema) or _similar(column, present)}"
        for key, column in missing
    ]
    shown = ", ".join(present[:_COLUMNS_SHOWN])
    more = f" and {len(present) - _COLUMNS_SHOWN} more" if len(present) > _COLUMNS_SHOWN else ""
    plural = "s that are" if len(missing) > 1 else " that is"
    _require_legible(source, present)
    raise DataError(
        "\n".join([f"source {source.name} names {len(missing)} column{plural} not there:", *lines]),
        allowed=f"{shown}{more}" if present else "there are no columns at all",
        advice=_separator(source, present)
        or _of_several_files(source)
        or f"correct the source {source.name}, or what writes {source.table or source.path}",
    )


def _require_legible(source: Source, present: list[str]) -> None:
    """A text has a header of text, where that of a packed file or of one in UTF-16 is noise, and JSON has objects."""
    if source.format == "json" and present == [_UNPARSED]:
        raise DataError(
            f"source {source.name}: no line of {source.path} is a JSON object, so it has no columns.",
            advice="write an object per line; for files that are one array or object: options: {multiLine: true}",
        )
    if source.format == "csv" and any(_NOISE.search(name) for name in present):
        raise DataError(
            f"source {source.name}: {source.path} is no text in UTF-8, so it has no columns.",
            advice="unpack it (zip, xlsx), or name its encoding, e.g. options: {encoding: UTF-16, multiLine: true}",
        )


def _separator(source: Source, present: list[str]) -> str | None:
    """What to do about a text that is one column, as its columns are separated by something else than a comma."""
    used = "" if source.format != "csv" or len(present) != 1 else present[0]
    found = next((mark for mark in _SEPARATORS if mark in used), None)
    return (
        None
        if found is None
        else f"its columns seem to be separated by {found!r}: options: {{sep: {found!r}}}"
    )


def _of_several_files(source: Source) -> str | None:
    """What to do where the column may be in another file than the first, whose columns Spark takes for all."""
    if source.format != "parquet" or any(key.lower() == "mergeschema" for key in source.options):
        return None
    return f"correct the source {source.name}; where not all files have these columns: options: {{mergeSchema: true}}"


def _named(source: Source) -> Iterator[tuple[str, str]]:
    """Every raw column the source names, with the key that names it."""
    for name, column in source.columns.mapped.items():
        yield f"columns.{name}", column
    dated = getattr(source, "partition_date", None)
    if dated is not None:
        yield "partition_date", dated.column
    for name, column in getattr(source, "attributes", {}).items():
        yield f"attributes.{name}", column
    for name, given in source.properties.items():
        yield f"properties.{name}", given.column


def named_columns(source: Source) -> list[str]:
    """Every raw column the source names, each once."""
    return list(dict.fromkeys(column for _, column in _named(source)))


def _of_a_map(column: str, schema: T.StructType) -> str:
    """What to do about a path into a map, whose keys are no columns."""
    head, _, key = column.partition(".")
    kind = type_of(schema, head)
    if not key or not isinstance(kind, T.MapType):
        return ""
    declared = f'{head}: "{kind.simpleString()}"'
    return f" ({head} is a map: with properties: {{{declared}}} expressions can take {head}['{key}'])"


def _similar(column: str, present: list[str]) -> str:
    by_fold = {name.lower(): name for name in present}
    close = get_close_matches(column.lower(), list(by_fold), n=1, cutoff=0.6)
    return f" (did you mean {by_fold[close[0]]}?)" if close else ""
