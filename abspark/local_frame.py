"""Small frames from the driver's rows, without a Python worker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def local_frame(spark: SparkSession, rows: Iterable[Sequence[Any]], ddl: str) -> DataFrame:
    """A frame of rows given in the order of the DDL's columns; times must be aware.

    The rows travel as one JSON literal inside the plan. `createDataFrame` would start Python workers on the executors
    for them, in every job that reads the frame. Numbers survive exactly: JSON spells floats with 17 digits.
    """
    names = [name for name, _ in _columns(ddl)]
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=_text, allow_nan=False)
    types = ", ".join(f"`{name}`: {kind}" for name, kind in _columns(ddl))
    parsed = F.from_json(F.lit(text), f"array<struct<{types}>>", {"mode": "FAILFAST"})
    return spark.range(0, 1, 1, 1).select(F.inline(parsed))


def _columns(ddl: str) -> list[tuple[str, str]]:
    """(name, type) of each column: commas inside brackets belong to a type."""
    columns, depth, start = [], 0, 0
    for index, character in enumerate(ddl + ","):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            name, _, kind = ddl[start:index].strip().partition(" ")
            columns.append((name.strip("`"), kind.strip()))
            start = index + 1
    return columns


def _text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a local frame")
