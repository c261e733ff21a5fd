"""Whether all Parquet files of a source have the types of the first, where Spark would misread them unseen.

Spark reads all files by the first one's types. Where it takes a column for a number, it reads what other files have
there as the number that is stored: a timestamp as its count of microseconds, a decimal 24.97 as 2497, a date as its
days, and of a wider number the last bytes. Elsewhere it refuses a file whose types differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pyspark.sql import DataFrameReader, SparkSession
from pyspark.sql import types as T

from abspark.config import Source
from abspark.errors import DataError
from abspark.raw_columns import type_of
from abspark.storage.conditions import condition_of
from abspark.storage.faults import as_data_error
from abspark.storage.places import as_written
from abspark.storage.source_columns import named_columns
from abspark.storage.sources import PinnedSource

_NUMBERS: Final = (T.IntegralType, T.FloatType, T.DoubleType)
_BYTES: Final = {T.ByteType: 1, T.ShortType: 2, T.IntegerType: 4, T.LongType: 8}
_LOOKS: Final = 64
"""At schemas. Files whose types change back and forth many times are not all looked at."""


def require_one_type(spark: SparkSession, source: Source, pinned: PinnedSource, first: T.StructType) -> None:
    """Check that no Parquet file has something else in a named column that is a number by `first`, as Spark reads it.

    Where all files agree that takes one look at their footers, which Spark's workers share; else the list is halved
    until its parts agree. With the option mergeSchema `first` comes from all footers already.

    Raises:
        DataError: A file would be misread, or its footer can't be read.
    """
    kinds = {name: type_of(first, name) for name in named_columns(source)}
    numbers = {name: kind for name, kind in kinds.items() if isinstance(kind, _NUMBERS)}
    merged = {key.lower(): value for key, value in source.options.items()}.get("mergeschema", "")
    if source.format != "parquet" or len(pinned.files) < 2 or not numbers or merged.lower() == "true":
        return
    reader = spark.read.options(**source.options).option("mergeSchema", "true")
    if pinned.base_path is not None:
        reader = reader.option("basePath", pinned.base_path)
    try:
        differing = next(_differing(source, numbers, pinned.files[0], _schemas(reader, pinned.files)), None)
    except Exception as error:
        raise as_data_error(error, [pinned]) or error from None
    if differing is not None:
        raise differing


def _differing(
    source: Source,
    numbers: Mapping[str, T.DataType],
    of_first: str,
    schemas: Iterable[tuple[Sequence[str], T.StructType]],
) -> Iterator[DataError]:
    for (found, *more), schema in schemas:
        where = f"{found} or one of the {len(more)} files after it" if more else found
        for name, kind in numbers.items():
            other = type_of(schema, name)
            if other is not None and _is_misread(kind, other):
                first, differs = kind.simpleString(), other.simpleString()
                yield DataError(
                    f"source {source.name}: its Parquet files differ in the type of column {name}: {first} in "
                    f"{of_first}, {differs} in {where}. Spark would read all as {first}, which makes other numbers of "
                    "them.",
                    advice="write the files again with one type, or make a source of its own of those that differ",
                )


def _schemas(reader: DataFrameReader, files: Sequence[str]) -> Iterator[tuple[Sequence[str], T.StructType]]:
    """Parts of the list, each with the schema in which its files agree; the first parts that are looked at."""
    parts, looks = [files], 0
    while parts and looks < _LOOKS:
        part, looks = parts.pop(0), looks + 1
        try:
            schema = reader.parquet(*map(as_written, part)).schema
        except Exception as error:
            if not condition_of(error).startswith("CANNOT_MERGE") or len(part) == 1:
                raise
            half = len(part) // 2
            parts += [part[:half], part[half:]]
        else:
            yield part, schema


def _is_misread(first: T.DataType, other: T.DataType) -> bool:
    if isinstance(other, T.TimestampType | T.TimestampNTZType | T.DateType | T.DecimalType):
        return True
    if not isinstance(first, T.IntegralType):
        return isinstance(other, T.LongType)  # in four bytes without a sign; one of eight bytes Spark refuses
    return isinstance(other, T.IntegralType) and _BYTES[type(other)] > _BYTES[type(first)]
