"""Small frames from the driver's rows, without a Python worker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

_STRICT: Final = {"mode": "FAILFAST"}
_INSTANT: Final = re.compile(r"\btimestamp\b(?!\s*:)", re.IGNORECASE)
_FEW: Final = 2_000
"""Rows up to which the parser of SQL is quick enough."""


def local_frame(spark: SparkSession, rows: Iterable[Sequence[Any]], ddl: str) -> DataFrame:
    """A frame of rows given in the order of the DDL's columns; times must be aware.

    Each row travels as a JSON literal inside the plan. `createDataFrame` would start Python workers on the executors
    for them, in every job that reads the frame. Numbers survive exactly: JSON spells floats with 17 digits.
    Few rows become a local relation while Spark plans, so that joining them takes neither a job nor generated code.
    """
    names = [name for name, _ in _columns(ddl)]
    texts = [json.dumps(dict(zip(names, row, strict=True)), default=_text, allow_nan=False) for row in rows]
    # what the word timestamp alone means is for the session to say
    types = ", ".join(f"`{name}`: {_INSTANT.sub('timestamp_ltz', kind)}" for name, kind in _columns(ddl))
    if not 0 < len(texts) <= _FEW:
        every = F.from_json(F.lit(f"[{','.join(texts)}]"), f"array<struct<{types}>>", _STRICT)
        return spark.range(0, 1, 1, 1).select(F.inline(every))
    literals = ", ".join(f"(X'{text.encode().hex()}')" for text in texts)
    given = spark.sql(f"SELECT CAST(row AS string) AS row FROM VALUES {literals} AS rows(row)")
    return given.select(F.from_json("row", f"struct<{types}>", _STRICT).alias("row")).select("row.*")


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
