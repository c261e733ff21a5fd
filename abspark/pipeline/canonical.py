"""Raw rows to canonical rows: the names and types that filters, metrics and the other stations speak of.

A canonical row has `unit` (string), `time` (timestamp) and, where the source maps them, `experiment`, `variant`,
`event`, `event_id` (strings) and `value` (double), then the declared properties in their declared types and the
attributes as strings. What can't be read as its type is NULL; nothing is dropped here. The session's time zone must
be UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import EventSource, ExposureSource
from abspark.errors import DataError

Source = ExposureSource | EventSource

_STRING_COLUMNS = ("experiment", "variant", "event", "event_id")
_OFFSET_AT_END = r"(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def canonical(raw: DataFrame, source: Source) -> DataFrame:
    """Select the canonical columns of `source` from its raw rows, one row each.

    Raises:
        DataError: A column's type can't serve: a floating point id, a time that is none.
    """
    types = {field.name: field.dataType for field in raw.schema.fields}
    columns = source.columns
    selected = {"unit": _unit(types, source), "time": _time(types, source)}
    for name in _STRING_COLUMNS:
        mapped = getattr(columns, name, None)
        if mapped is not None:
            selected[name] = raw_column(mapped).cast("string")
    value = getattr(columns, "value", None)
    if value is not None:
        selected["value"] = _cast(types, source, value, "double")
    for name, declared in source.properties.items():
        selected[name] = _cast(types, source, declared.column, declared.type)
    for name, mapped in attribute_columns(source).items():
        selected.setdefault(name, raw_column(mapped).cast("string"))
    return raw.select(*(column.alias(name) for name, column in selected.items()))


def raw_column(name: str) -> Column:
    """A raw column by its exact name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def attribute_columns(source: Source) -> Mapping[str, str]:
    """Attribute name to raw column, in configured order; empty for event sources."""
    return dict(getattr(source, "attributes", {}))


def _unit(types: Mapping[str, T.DataType], source: Source) -> Column:
    name = source.columns.unit
    if isinstance(types[name], T.FloatType | T.DoubleType):
        raise DataError(
            f"source {source.name}: column {name}, the unit id, is {types[name].simpleString()}",
            allowed="string or integer ids: a floating point number has no one spelling, so its hash has none",
            advice="write the column as a string or bigint, as the service that assigned the variant spelled it",
        )
    return raw_column(name).cast("string")


def _time(types: Mapping[str, T.DataType], source: Source) -> Column:
    if source.fixed_time is not None:
        return F.lit(source.fixed_time.isoformat()).cast("timestamp")
    name = source.columns.time
    kind = types[name]
    column = raw_column(name)
    if source.time_unit is not None:
        seconds = column.try_cast("double") * F.lit(_SECONDS_PER_UNIT[source.time_unit])
        return F.timestamp_micros(F.round(seconds * F.lit(1e6)).cast("bigint"))
    if isinstance(kind, T.TimestampType):
        return column
    if isinstance(kind, T.TimestampNTZType | T.DateType):
        return _in_zone(column.cast("timestamp"), source.time_zone)
    if isinstance(kind, T.StringType):
        return _parsed(column, source)
    raise DataError(
        f"source {source.name}: column {name}, the time, is {kind.simpleString()}",
        allowed="timestamp, date, text, or a number with time_unit: s, ms or us",
        advice="state time_unit in the source, or map another column",
    )


def _parsed(text: Column, source: Source) -> Column:
    if source.time_format is not None:
        parsed = F.try_to_timestamp(text, F.lit(source.time_format))
    else:
        parsed = text.try_cast("timestamp")
    if source.time_zone == "UTC":
        return parsed
    return F.when(F.trim(text).rlike(_OFFSET_AT_END), parsed).otherwise(_in_zone(parsed, source.time_zone))


def _in_zone(local: Column, zone: str) -> Column:
    """The instant of a local time that was read as if it were UTC."""
    return local if zone == "UTC" else F.to_utc_timestamp(local, zone)


def _cast(types: Mapping[str, T.DataType], source: Source, name: str, wanted: str) -> Column:
    column = raw_column(name)
    present = types[name]
    target = T.DataType.fromDDL(wanted)
    if present == target:
        return column
    if isinstance(present, T.ArrayType | T.MapType | T.StructType) != isinstance(
        target, T.ArrayType | T.MapType | T.StructType
    ):
        raise DataError(
            f"source {source.name}: column {name} is {present.simpleString()}, declared as {wanted}",
            allowed=f"a type that {present.simpleString()} converts to",
            advice="declare the column's own type in the source's properties",
        )
    return column.try_cast(target)


def prune(raw: DataFrame, source: Source, span: tuple[int, int], experiments: Sequence[str] = ()) -> DataFrame:
    """Raw rows that can lie in `span`, `[low, high)` in epoch microseconds, for one of `experiments`, if any are named.

    The conditions speak of raw columns alone, so that they reach the scan: whole partitions, files and row groups
    stay unread. They are a superset: local times get a day of grace on each side, text is not compared at all.
    """
    columns = source.columns
    kept = raw
    if columns.experiment is not None and experiments:
        kept = kept.where(raw_column(columns.experiment).cast("string").isin(*experiments))
    if source.fixed_time is not None or source.time_unit is not None:
        return kept
    kind = raw.schema[columns.time].dataType
    bounds = _bounds(kind, span, "UTC" if isinstance(kind, T.TimestampType) else source.time_zone)
    if bounds is None:
        return kept
    time = raw_column(columns.time)
    return kept.where((time >= bounds[0]) & (time <= bounds[1]))


def _bounds(kind: T.DataType, span: tuple[int, int], zone: str) -> tuple[Column, Column] | None:
    """Inclusive literals of the column's own type around the span; None where the type has no order in time."""
    grace = timedelta() if zone == "UTC" else timedelta(days=1)
    low, high = (_EPOCH + timedelta(microseconds=instant) for instant in span)
    low, high = low - grace, high + grace
    if isinstance(kind, T.TimestampType):
        return F.lit(low), F.lit(high)
    if isinstance(kind, T.TimestampNTZType):
        return F.lit(low).cast("timestamp_ntz"), F.lit(high).cast("timestamp_ntz")
    if isinstance(kind, T.DateType):
        return F.lit(low.date()), F.lit(high.date())
    return None
