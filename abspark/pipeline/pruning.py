"""What of a log has to be read: conditions on raw columns that reach the scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import EventSource, ExposureSource
from abspark.config.partition import PartitionDate
from abspark.errors import DataError
from abspark.pipeline.canonical import raw_column, raw_type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = -2_208_988_800_000_000
"""1900-01-01: an older bound leaves nothing out, and old calendars would have it elsewhere."""
_SPELLED = {"yyyy-MM-dd": "%Y-%m-%d", "yyyyMMdd": "%Y%m%d"}


class Condition(NamedTuple):
    """What a raw row must fulfil to be read: on raw columns alone, and the same in words."""

    column: Column
    text: str


def prune(raw: DataFrame, given: Sequence[Condition]) -> DataFrame:
    """Raw rows that fulfil the conditions: whole partitions, files and row groups stay unread."""
    return reduce(DataFrame.where, (condition.column for condition in given), raw)


def conditions(
    raw: DataFrame,
    source: ExposureSource | EventSource,
    span: tuple[int | None, int],
    experiments: Sequence[str] = (),
) -> tuple[Condition, ...]:
    """What rows that can lie in `span` and belong to one of `experiments`, if any are named, fulfil.

    `span` is `[low, high)` in epoch microseconds; a low of None means that there is none. The conditions speak of raw
    columns alone, so that they reach the scan. More rows fulfil them than are meant: local times get a day of grace on
    each side, times as text or numbers are not compared at all.

    Raises:
        DataError: The column of `partition_date` can't hold such dates.
    """
    columns = source.columns
    found = []
    if columns.experiment is not None and experiments:
        mine = raw_column(raw, columns.experiment).cast("string").isin(*experiments)
        found.append(Condition(mine, f"{columns.experiment} in ({', '.join(experiments)})"))
    if columns.time is not None and source.time_unit is None:
        found += _within(raw, columns.time, span, source.time_zone)
    if source.partition_date is not None:
        found += _on_dates(raw, source.name, source.partition_date, span)
    return tuple(found)


def _within(raw: DataFrame, name: str, span: tuple[int | None, int], zone: str) -> list[Condition]:
    """Inclusive bounds of the column's own type around the span; none where the type has no order in time."""
    kind = raw_type(raw, name)
    literal = _LITERALS.get(type(kind))
    if literal is None:
        return []
    exact = isinstance(kind, T.TimestampType) or zone == "UTC"
    grace = timedelta() if exact else timedelta(days=1)
    low, high = span
    time, latest = raw_column(raw, name), _EPOCH + timedelta(microseconds=high) + grace
    found = [Condition(time <= literal(latest), f"{name} <= {latest:%Y-%m-%d %H:%M:%S}")]
    if low is not None and low >= _OLDEST:
        earliest = _EPOCH + timedelta(microseconds=low) - grace
        found.insert(0, Condition(time >= literal(earliest), f"{name} >= {earliest:%Y-%m-%d %H:%M:%S}"))
    return found


def _on_dates(
    raw: DataFrame, source: str, dated: PartitionDate, span: tuple[int | None, int]
) -> list[Condition]:
    """Inclusive bounds of the dates on which a row in the span may lie."""
    column, spelled = raw_column(raw, dated.column), _date_literal(raw, source, dated)
    low, high = span
    last = _EPOCH + timedelta(microseconds=high) + dated.within
    bounds = [(column <= spelled(last), f"{dated.column} <= {last:%Y-%m-%d}")]
    if low is not None and low >= _OLDEST:
        # a time that is exactly `within` after the end of its date is still one of it
        first = _EPOCH + timedelta(microseconds=low - 1) - dated.within
        bounds.insert(0, (column >= spelled(first), f"{dated.column} >= {first:%Y-%m-%d}"))
    return [Condition(bound | column.isNull(), text) for bound, text in bounds]


def _date_literal(raw: DataFrame, source: str, dated: PartitionDate) -> Callable[[datetime], Column]:
    kind, form = raw_type(raw, dated.column), _SPELLED[dated.format]
    if isinstance(kind, T.DateType):
        return lambda instant: F.lit(instant.date())
    if isinstance(kind, T.StringType):
        return lambda instant: F.lit(instant.strftime(form))
    if isinstance(kind, T.IntegralType) and dated.format == "yyyyMMdd":
        return lambda instant: F.lit(int(instant.strftime(form)))
    raise DataError(
        f"source {source}: column {dated.column}, the partition_date, is {kind.simpleString()}",
        allowed="a date, text, or a whole number with format: yyyyMMdd",
        advice="name the column by whose dates the files are kept apart, or leave partition_date out",
    )


_LITERALS: Mapping[type[T.DataType], Callable[[datetime], Column]] = {
    T.TimestampType: F.lit,
    T.TimestampNTZType: lambda instant: F.lit(instant).cast("timestamp_ntz"),
    T.DateType: lambda instant: F.lit(instant.date()),
}
