"""Canonical exposures to coded exposures: small integers, the unit key, and the reason a row is left out.

Reasons, in the order in which they are tried: null_id, bad_time, other_experiment, filtered, outside_interval,
after_as_of, unknown_variant. `reason` is NULL for a valid exposure.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config import ExposureSource
from abspark.config.safe_sql import never_raising
from abspark.local_frame import local_frame
from abspark.pipeline.canonical import attribute_columns
from abspark.pipeline.keys import unit_key
from abspark.pipeline.study import Study
from abspark.pipeline.time import epoch_micros

_EXPERIMENT_DIMENSION = "experiment_id string, x int, starts bigint, ends bigint, variants array<string>"


def experiment_dimension(spark: SparkSession, study: Study) -> DataFrame:
    """One row per experiment: id (unique), code x, interval `[starts, ends)` in epoch microseconds, variant keys."""
    rows = [
        (
            experiment.id,
            code,
            epoch_micros(experiment.start),
            epoch_micros(experiment.end),
            [variant.key for variant in experiment.variants],
        )
        for code, experiment in enumerate(study.experiments)
    ]
    return local_frame(spark, rows, _EXPERIMENT_DIMENSION)


def coded_exposures(canonical: DataFrame, source: ExposureSource, study: Study) -> DataFrame:
    """One row per canonical exposure.

    Columns: reason; x and v, codes of experiment and variant (NULL where unknown); unit; t, epoch microseconds;
    hi, lo; event_id where the source maps one; attributes, an array in configured order.
    """
    attributes = list(attribute_columns(source))
    optional = [F.col("event_id")] if source.columns.event_id is not None else []
    rows = canonical.select(
        _experiment_id(source, study).alias("experiment_id"),
        F.col("unit"),
        F.col("variant"),
        F.unix_micros("time").alias("t"),
        _passes(source.filter).alias("passes"),
        *optional,
        F.array(*(F.col(name) for name in attributes)).cast("array<string>").alias("attributes"),
    )
    everything = experiment_dimension(canonical.sparkSession, study)
    mine = [experiment.id for experiment in study.experiments if experiment.exposures == source.name]
    dimension = F.broadcast(everything.where(F.col("experiment_id").isin(mine)))
    joined = rows.join(dimension, on="experiment_id", how="left")
    return joined.select(
        _reason(study).alias("reason"),
        "x",
        _variant_code().alias("v"),
        "unit",
        "t",
        *unit_key(F.col("unit"), study.pseudonym_key),
        *optional,
        "attributes",
    )


def _experiment_id(source: ExposureSource, study: Study) -> Column:
    if source.columns.experiment is not None:
        return F.col("experiment")
    return F.lit(next(e.id for e in study.experiments if e.exposures == source.name))


def _passes(condition: str | None) -> Column:
    """TRUE only where the filter is TRUE: not where it is NULL."""
    if condition is None:
        return F.lit(True)  # noqa: FBT003 - a literal, not a flag
    return F.coalesce(F.expr(never_raising(condition)).cast("boolean"), F.lit(False))  # noqa: FBT003


def _variant_code() -> Column:
    position = F.array_position(F.col("variants"), F.col("variant"))
    return F.when(position > 0, (position - 1).cast("int"))


def _reason(study: Study) -> Column:
    t = F.col("t")
    return (
        F.when(F.col("unit").isNull() | (F.col("unit") == ""), "null_id")
        .when(t.isNull(), "bad_time")
        .when(F.col("x").isNull(), "other_experiment")
        .when(~F.col("passes"), "filtered")
        .when((t < F.col("starts")) | (t >= F.col("ends")), "outside_interval")
        .when(t >= F.lit(epoch_micros(study.as_of)), "after_as_of")
        .when(_variant_code().isNull(), "unknown_variant")
    )
