"""Attributes of units from tables of what units are, as of the first exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.config import DimensionSource, ExposureSource
from abspark.config.safe_sql import never_raising
from abspark.pipeline.canonical import canonical
from abspark.pipeline.keys import unit_key
from abspark.pipeline.segments import LABELS, MISSING

_ALWAYS = -(2**62)


@dataclass(frozen=True)
class Dimension:
    """A dimension source with its raw rows, and the secret under which units are known, as in a study."""

    source: DimensionSource
    raw: DataFrame
    pseudonym_key: str | None = field(default=None, repr=False)


def dimension_rows(dimension: Dimension) -> DataFrame:
    """Rows that can hold for a unit: hi, lo, since (epoch microseconds), found (attributes in configured order).

    Rows without a unit, with an unreadable valid_from or that fail the filter hold for nobody.
    """
    source = dimension.source
    rows = canonical(dimension.raw, source)
    if source.filter is not None:
        rows = rows.where(F.expr(never_raising(source.filter)))
    dated = source.columns.time is not None
    since = F.unix_micros("time") if dated else F.lit(_ALWAYS)
    return (
        rows.select(
            *unit_key(F.col("unit"), dimension.pseudonym_key),
            F.col("unit"),
            since.alias("since"),
            F.array(*(F.col(name) for name in source.attributes)).alias("found"),
        )
        .where((F.col("unit") != "") & F.col("since").isNotNull())
        .drop("unit")
    )


def repeats(rows: DataFrame) -> DataFrame:
    """One row: how many rows repeat a unit and instant, and of how many units. `rows` from `dimension_rows`."""
    counted = rows.groupBy("hi", "lo", "since").agg(F.count("*").alias("n")).where(F.col("n") > 1)
    return counted.agg(
        F.coalesce(F.sum(F.col("n") - 1), F.lit(0)).alias("rows"), F.count_distinct("hi", "lo").alias("units")
    )


def with_dimensions(
    assignments: DataFrame, source: ExposureSource, dimensions: Mapping[str, Dimension]
) -> DataFrame:
    """Assignments whose attributes are followed by those of the source's dimensions and by its combinations."""
    names = list(source.attributes)
    for name in source.dimensions:
        assignments = _joined(assignments, dimensions[name])
        names += dimensions[name].source.attributes
    combined = [_combination([names.index(part) for part in parts]) for parts in source.combinations.values()]
    if not combined:
        return assignments
    return assignments.withColumn("attributes", F.concat("attributes", F.array(*combined)))


def _joined(assignments: DataFrame, dimension: Dimension) -> DataFrame:
    """Each assignment with the row of its unit that held at its first exposure."""
    key = ["experiment_id", "unit_key_hi", "unit_key_lo"]
    width = len(dimension.source.attributes)
    same = (F.col("unit_key_hi") == F.col("hi")) & (F.col("unit_key_lo") == F.col("lo"))
    held = F.col("since") <= F.unix_micros("first_exposure_at")
    rows = _unique(dimension_rows(dimension), width)
    candidates = assignments.select(*key, "first_exposure_at").join(rows, on=same & held, how="inner")
    latest = candidates.groupBy(*key).agg(F.max_by("found", "since").alias("found"))
    nothing = F.array(*[F.lit(None).cast("string")] * width)
    joined = assignments.join(latest, on=key, how="left")
    attributes = F.concat("attributes", F.coalesce("found", nothing))
    return joined.select(
        *(c for c in assignments.columns if c != "attributes"), attributes.alias("attributes")
    )


def _unique(rows: DataFrame, width: int) -> DataFrame:
    """One row per unit and instant: the first by its attributes, nulls last."""
    nulls_last = [
        column
        for i in range(width)
        for column in (F.col("found")[i].isNull().alias(f"null_{i}"), F.col("found")[i].alias(f"item_{i}"))
    ]
    order = F.struct(*nulls_last, "found")
    return rows.groupBy("hi", "lo", "since").agg(F.min(order)["found"].alias("found"))


def _combination(places: Sequence[int]) -> Column:
    parts = [F.coalesce(F.get("attributes", F.lit(place)), F.lit(LABELS[MISSING])) for place in places]
    return F.concat_ws(" / ", *parts)
