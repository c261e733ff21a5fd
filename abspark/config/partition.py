"""The column by whose dates the files of a log are kept apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from abspark.config.base import ConfigModel
from abspark.config.values import Lag, Text


class PartitionDate(ConfigModel):
    """A column with a date for each row, by which files are kept apart: what lies on other dates stays unread.

    A row's time is on its date (a day of UTC), or at most `within` before or after it. Rows without a date are read.
    """

    column: Text
    format: Literal["yyyy-MM-dd", "yyyyMMdd"] = Field(
        default="yyyy-MM-dd", description="how text, or a whole number, spells the date"
    )
    within: Lag = Field(
        default=timedelta(days=1),
        description="how far a row's time is at most from the UTC day of its date: local days and late rows",
    )


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


PartitionDateOrColumn = Annotated[PartitionDate, BeforeValidator(_as_column)]
"""A text alone is the column."""
