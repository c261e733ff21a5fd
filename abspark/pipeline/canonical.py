"""Raw rows to canonical rows: the names and types that filters, metrics and the other stations speak of.

A canonical row has `unit` (string), `time` (timestamp) and, where the source maps them, `experiment`, `variant`,
`event`, `event_id` (strings), `ingested` (timestamp) and `value` (double), then the declared properties in their
declared types and the attributes as strings. What can't be read as its type is NULL; nothing is dropped here. The
session's time zone must be UTC.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import Source
from abspark.errors import DataError
from abspark.raw_columns import is_filled_up, path_to

_STRING_COLUMNS = ("experiment", "variant", "event", "event_id")
_TIME_OF_DAY = r"^T?\d{1,2}:"
# After a date and a time whatever is no part of a number begins an offset or zone.
_OFFSET = r"^[+-]?\d+-\d+-\d+[T ]+[\d:.]+\s*[^\d:.\s]"
# In a format of one's own a sign can also stand between the parts of a date.
_OFFSET_AT_END = r"(?<=\d)\s*(Z|UTC|GMT)$|:\d{2}(\.\d+)?\s*[+-]\d{1,2}(:?\d{2})?$"
_MOST_SECONDS = 9.2e12
_MOST_MICROS = 9.2e18
_MICROS_PER_UNIT = {"s": 1e6, "ms": 1e3, "us": 1.0}


def canonical(raw: DataFrame, source: Source) -> DataFrame:
    """Select the canonical columns of `source` from its raw rows, one row each.

    Raises:
        DataError: A column's type can't serve: an id with a fraction, a time that is none.
    """
    columns = source.columns
    selected = {"unit": _unit(raw, source), "time": _time(raw, source)}
    for name in _STRING_COLUMNS:
        mapped = getattr(columns, name, None)
        if mapped is not None:
            selected[name] = raw_column(raw, mapped).cast("string")
    ingested = getattr(columns, "ingested", None)
    if ingested is not None:
        selected["ingested"] = _instant(raw, source, ingested, role="ingestion time")
    value = getattr(columns, "value", None)
    if value is not None:
        selected["value"] = _cast(raw, source, value, "double")
    for name, declared in source.properties.items():
        selected[name] = _cast(raw, source, declared.column, declared.type)
    for name, mapped in attribute_columns(source).items():
        selected.setdefault(name, raw_column(raw, mapped).cast("string"))
    return raw.select(*(column.alias(name) for name, column in selected.items()))


def raw_column(raw: DataFrame, name: str) -> Column:
    """A raw column by its name, whatever characters it has; where there is none, dots lead into structs.

    Text of type `char(n)` comes without the spaces that fill it up, which no comparison in SQL sees.
    """
    path = path_to(raw.schema, name)
    if path is None:
        return F.col(name)
    column = F.col(".".join("`" + part.replace("`", "``") + "`" for part in path))
    return F.rtrim(column) if is_filled_up(raw.schema, path) else column


def raw_type(raw: DataFrame, name: str) -> T.DataType:
    """The type of what `raw_column` gives."""
    return raw.select(raw_column(raw, name)).schema.fields[0].dataType


def attribute_columns(source: Source) -> Mapping[str, str]:
    """Attribute name to raw column, in configured order; empty for event sources."""
    return dict(getattr(source, "attributes", {}))


def _unit(raw: DataFrame, source: Source) -> Column:
    name = source.columns.unit
    require_one_spelling(raw_type(raw, name), f"source {source.name}: column {name}, the unit id,")
    return raw_column(raw, name).cast("string")


def require_one_spelling(kind: T.DataType, what: str) -> None:
    """Check that a column may be an id: what a service hashed was text, and this column must come out as that.

    Raises:
        DataError: It is a number with a fraction, or has parts.
    """
    fraction = isinstance(kind, T.FloatType | T.DoubleType) or (
        isinstance(kind, T.DecimalType) and kind.scale > 0
    )
    if not fraction and not isinstance(kind, T.ArrayType | T.MapType | T.StructType):
        return
    thing = "a number with a fraction" if fraction else "a value with parts"
    raise DataError(
        f"{what} is {kind.simpleString()}",
        allowed=f"string or integer ids: {thing} has no one spelling, so its hash has none",
        advice="write the column as a string or bigint, as the service that assigned the variant spelled it",
    )


def _time(raw: DataFrame, source: Source) -> Column:
    name = source.columns.time
    if name is None:
        return F.lit(source.fixed_time).cast("timestamp")
    return _instant(raw, source, name, role="time")


def _instant(raw: DataFrame, source: Source, name: str, *, role: str) -> Column:
    kind = raw_type(raw, name)
    column = raw_column(raw, name)
    if source.time_unit is not None and not (role != "time" and isinstance(kind, T.TimestampType)):
        if not isinstance(kind, T.NumericType | T.StringType):
            raise _no_time(source, name, role, kind)
        if source.time_unit == "ns":
            return _counted_in_nanoseconds(column)
        return _counted(column, _MICROS_PER_UNIT[source.time_unit])
    if isinstance(kind, T.TimestampType):
        return column
    if isinstance(kind, T.TimestampNTZType | T.DateType):
        return _in_zone(column.cast("timestamp"), source.time_zone)
    if isinstance(kind, T.StringType):
        return _parsed(column, source)
    raise _no_time(source, name, role, kind)


def _no_time(source: Source, name: str, role: str, kind: T.DataType) -> DataError:
    return DataError(
        f"source {source.name}: column {name}, the {role}, is {kind.simpleString()}",
        allowed="timestamp, date or text without time_unit; a number, or text of one, with time_unit: s, ms, us or ns",
        advice=_time_advice(source, kind),
    )


def _time_advice(source: Source, kind: T.DataType) -> str:
    if isinstance(kind, T.NullType):
        return "the column has no value and so no type: write it as a timestamp, or map another column"
    if isinstance(kind, T.NumericType):
        return (
            "state time_unit in the source where the column counts from 1970, or map another column; one without any "
            "value is often stored as int: write it as a timestamp"
        )
    if source.time_unit is not None:
        return "leave time_unit out, or map another column"
    return "map another column"


def _counted(count: Column, micros_per_unit: float) -> Column:
    """The instant that many units after 1970; NULL for NaN and for what no timestamp reaches.

    A double holds whole microseconds up to the year 2255, and multiplied once it is rounded once.
    """
    micros = count.try_cast("double") * F.lit(micros_per_unit)
    return F.timestamp_micros(F.when(F.abs(micros) < F.lit(_MOST_MICROS), F.round(micros).cast("bigint")))


def _counted_in_nanoseconds(count: Column) -> Column:
    """The last whole microsecond at or before; a double would have it to a quarter of one."""
    exact, thousand = count.try_cast("bigint"), F.lit(1000)
    before_1970 = (exact % thousand < F.lit(0)).cast("bigint")
    return F.timestamp_micros(F.call_function("div", exact, thousand) - before_1970)


def _parsed(text: Column, source: Source) -> Column:
    if source.time_format is None:
        return _iso_time(text, source.time_zone)
    parsed = F.try_to_timestamp(text, F.lit(source.time_format))
    return _unless_offset(parsed, text, _OFFSET_AT_END, source.time_zone)


def _iso_time(text: Column, zone: str) -> Column:
    # a time of day alone would be taken for today's
    parsed = F.when(~F.trim(text).rlike(_TIME_OF_DAY), text.try_cast("timestamp"))
    return _unless_offset(parsed, text, _OFFSET, zone)


def _unless_offset(parsed: Column, text: Column, offset: str, zone: str) -> Column:
    """The instant that a text means, in the zone unless it has an offset of its own."""
    if zone == "UTC":
        return parsed
    return F.when(F.trim(text).rlike(offset), parsed).otherwise(_in_zone(parsed, zone))


def _in_zone(local: Column, zone: str) -> Column:
    """The instant of a local time that was read as if it were UTC."""
    return local if zone == "UTC" else F.to_utc_timestamp(local, zone)


def _cast(raw: DataFrame, source: Source, name: str, wanted: str) -> Column:
    column = raw_column(raw, name)
    present = raw_type(raw, name)
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
    if isinstance(target, T.TimestampType):
        return _cast_to_instant(column, present, source.time_zone)
    return column.try_cast(target)


def _cast_to_instant(column: Column, present: T.DataType, zone: str) -> Column:
    """An instant beside the row's time: what has no offset is local to the same zone."""
    if isinstance(present, T.StringType):
        return _iso_time(column, zone)
    cast = column.try_cast("timestamp")
    if isinstance(present, T.TimestampNTZType | T.DateType):
        return _in_zone(cast, zone)
    if isinstance(present, T.NumericType):
        # seconds; what counts in smaller units would come out as the last instant there is
        return F.when(column.between(-_MOST_SECONDS, _MOST_SECONDS), cast)
    return cast
