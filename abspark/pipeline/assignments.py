"""Valid exposures to assignments: the one variant of each unit in each experiment.

The first exposure counts. Its variant follows from time alone, because two variants at the first instant are a tie
that no order may settle. Its attributes follow the total order time, event id, attributes, nulls last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.config import ExposureSource
from abspark.pipeline.canonical import attribute_columns
from abspark.pipeline.exposures import experiment_dimension
from abspark.pipeline.keys import same_unit, sort_prefix
from abspark.pipeline.study import Study

_UNIT = ("hi", "lo", "x", "unit")


def assignments(exposures: DataFrame, source: ExposureSource, study: Study) -> DataFrame:
    """One row per unit and experiment with a valid exposure.

    `exposures` are coded exposures; rows with a reason are left out. Columns: experiment_id, unit_key_hi,
    unit_key_lo, unit_id, variant, first_exposure_at, second_variant_at, exposures, variants_seen, excluded_reason,
    attributes, as in the table of that name.
    """
    mine = [e for e in study.experiments if e.exposures == source.name]
    width = max(len(e.variants) for e in mine)
    valid = exposures.where(F.col("reason").isNull())
    if attribute_columns(source):
        firsts = _firsts_with_attributes(valid, source, width)
    else:
        firsts = valid.groupBy(*_UNIT).agg(*_first_at(width), F.count("*").alias("exposures"))
        firsts = firsts.withColumn("attributes", F.array().cast("array<string>"))
    return _described(firsts, study, width)


def _first_at(width: int) -> list[Column]:
    """First instant of each variant: fixed-width buffers, so that Spark aggregates by hash and not by sort."""
    return [F.min(F.when(F.col("v") == v, F.col("t"))).alias(f"first_{v}") for v in range(width)]


def _firsts_with_attributes(valid: DataFrame, source: ExposureSource, width: int) -> DataFrame:
    """Aggregate first by unit and attributes (keys may be text, buffers may not), then by unit.

    The second step sees a row per unit and attribute set, not per exposure; it sorts, led by one long.
    """
    sets = valid.groupBy(*_UNIT, "attributes").agg(*_first_at(width), F.count("*").alias("exposures"))
    sets = sets.repartition("hi").withColumn("t", F.least(*_firsts(width)))
    merged = [F.min(f"first_{v}").alias(f"first_{v}") for v in range(width)]
    order = F.struct("t", *_nulls_last("attributes", source), "attributes")
    firsts = (
        sets.withColumn("place", sort_prefix(F.col("x").cast("bigint"), 10))
        .groupBy("place", *_UNIT)
        .agg(
            *merged,
            F.sum("exposures").alias("exposures"),
            F.min(order)["attributes"].alias("attributes"),
        )
        .drop("place")
    )
    if source.columns.event_id is None:
        return firsts
    return _settle_by_event_id(firsts, sets, valid, source)


def _settle_by_event_id(
    firsts: DataFrame, sets: DataFrame, valid: DataFrame, source: ExposureSource
) -> DataFrame:
    """Where two attribute sets share a unit's instant, let the event id choose among the rows of that instant.

    Such instants are rare, and `sets` is read again from its shuffle: when there are none, adaptive execution drops
    the second read of the log before it starts. For that the second read of `sets` has to want all its columns, or
    they are pruned and it is shuffled anew, and to filter none of its rows: null-safe equality infers no filter.
    """
    every = F.count_if(F.size("attributes") >= 0).alias("sets")
    here = sets.groupBy(*_UNIT, "t").agg(every, F.sum("exposures").alias("exposures"))
    keys = ("hi", "lo", "x", "t")
    ties = here.where((F.col("sets") > 1) & (F.col("exposures") > 1)).select(*keys)
    tied = [F.col(f"row.{name}").eqNullSafe(F.col(f"tie.{name}")) for name in keys]
    rows = valid.alias("row").join(F.broadcast(ties.alias("tie")), on=reduce(and_, tied), how="left_semi")
    order = F.struct(
        F.col("event_id").isNull().alias("no_event_id"),
        "event_id",
        *_nulls_last("attributes", source),
        "attributes",
    )
    settled = rows.groupBy(*_UNIT, "t").agg(F.min(order)["attributes"].alias("settled"))
    first_t = F.least(*[F.col(f"first.{c}") for c in firsts.columns if c.startswith("first_")])
    # one key, by which `firsts` is placed already; where there are ties it is sorted by that once more
    same = (
        (F.col("first.hi") == F.col("own.hi"))
        & same_unit(F.col("first.lo"), F.col("own.lo"))
        & (F.col("first.x") - F.col("own.x") == 0)
        & (first_t - F.col("own.t") == 0)
    )
    joined = firsts.alias("first").join(settled.alias("own"), on=same, how="left")
    chosen = F.coalesce("own.settled", "first.attributes").alias("attributes")
    return joined.select(*(f"first.{c}" for c in firsts.columns if c != "attributes"), chosen)


def _nulls_last(array: str, source: ExposureSource) -> list[Column]:
    """Interleaved (is null, value) pairs: a struct of them orders as the array does with nulls last."""
    pairs = (
        (F.col(array)[i].isNull().alias(f"null_{i}"), F.col(array)[i].alias(f"item_{i}"))
        for i in range(len(attribute_columns(source)))
    )
    return [column for pair in pairs for column in pair]


def _firsts(width: int) -> list[Column]:
    return [F.col(f"first_{v}") for v in range(width)]


def _described(firsts: DataFrame, study: Study, width: int) -> DataFrame:
    first, columns = F.least(*_firsts(width)), _firsts(width)
    variant = reduce(
        lambda rest, v: F.when(columns[v] == first, v).otherwise(rest), reversed(range(width)), F.lit(-1)
    )
    at_first = sum((F.when(c == first, 1).otherwise(0) for c in columns), F.lit(0))
    later = [F.when(F.lit(v) != F.col("v"), columns[v]) for v in range(width)]
    coded = firsts.select(
        *_UNIT, *columns, "exposures", "attributes",
        first.alias("t0"), variant.alias("v"), (at_first > 1).alias("tied"),
    )  # fmt: skip
    dimension = F.broadcast(experiment_dimension(firsts.sparkSession, study))
    named = coded.join(dimension, on="x", how="left")
    return named.select(
        "experiment_id",
        F.col("hi").alias("unit_key_hi"),
        F.col("lo").alias("unit_key_lo"),
        F.col("unit").alias("unit_id"),
        F.col("variants")[F.col("v")].alias("variant"),
        F.timestamp_micros("t0").alias("first_exposure_at"),
        F.timestamp_micros(F.least(*later)).alias("second_variant_at"),
        "exposures",
        _seen(columns).alias("variants_seen"),
        _excluded(study, F.least(*later)).alias("excluded_reason"),
        "attributes",
    )


def _seen(columns: Sequence[Column]) -> Column:
    # get, not []: with ANSI on, [] fails beyond the end, and experiments of one source may differ in variants.
    seen = F.array(*(F.when(c.isNotNull(), F.get("variants", F.lit(v))) for v, c in enumerate(columns)))
    # array_compact would keep the whole projection out of the generated code
    return F.array_except(seen, F.array(F.lit(None).cast("string")))


def _excluded(study: Study, second: Column) -> Column:
    lenient = [code for code, e in enumerate(study.experiments) if e.multiple_variants == "first"]
    strict = ~F.col("x").isin(lenient) if lenient else F.lit(True)  # noqa: FBT003 - a literal, not a flag
    return F.when(F.col("tied"), "tied_variants").when(second.isNotNull() & strict, "multiple_variants")
