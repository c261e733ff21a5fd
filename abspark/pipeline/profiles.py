"""Assignments counted finely enough for every health check: frames as small as moments.

A period is the position of an entry in the experiment's `history`, by the first exposure; 0 without history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.assignment.compiled import dated_plans
from abspark.config import Experiment
from abspark.local_frame import local_frame
from abspark.pipeline.keys import in_sample
from abspark.pipeline.segments import LABELS, MISSING, OTHER
from abspark.pipeline.time import epoch_micros

_DIMENSION: Final = (
    "experiment_id string, changes array<bigint>, bounds array<struct<low: bigint, high: bigint>>"
)
_FINE: Final = 20
"""Buckets of more than this many bits are compared with boundaries at this many."""
_SPELLED_OUT: Final = 16
"""Ranges of an experiment that are compared one by one."""
_WRONG: Final = ("mismatch", "not_allocated")


def assignment_profile(table: DataFrame, experiments: Sequence[Experiment]) -> DataFrame:
    """Assignments by experiment_id, period, day, what is recorded of them, not_ascii, capitals and near.

    Recorded are variant, expected_variant, hash_status and excluded_reason.
    `day` is the UTC date of the first exposure, `not_ascii` whether the unit's id has other characters, `capitals`
    whether it has capital letters, `near` whether its bucket lies within a step of a boundary (of fine buckets: a
    millionth of their range). Columns besides: n; exposures, their sum; repeating, units with more than one; several,
    units of several variants; sampled, units in the sample; earliest and latest first exposure, epoch microseconds.
    """
    time = F.unix_micros("first_exposure_at")
    keyed = _with_period(table, experiments).select(
        "experiment_id",
        "period",
        F.to_date("first_exposure_at").alias("day"),
        "variant",
        "expected_variant",
        "hash_status",
        "excluded_reason",
        (F.octet_length("unit_id") != F.length("unit_id")).alias("not_ascii"),
        (F.col("unit_id") != F.lower("unit_id")).alias("capitals"),
        F.coalesce(_near(experiments), F.lit(False)).alias("near"),  # noqa: FBT003 - a literal, not a flag
        time.alias("t"),
        F.col("second_variant_at").isNotNull().alias("second"),
        in_sample(F.col("unit_key_lo")).alias("drawn"),
        "exposures",
    )
    keys = [name for name in keyed.columns if name not in ("t", "second", "drawn", "exposures")]
    return keyed.groupBy(*keys).agg(
        F.count("*").alias("n"),
        F.sum("exposures").alias("exposures"),
        F.count_if(F.col("exposures") > 1).alias("repeating"),
        F.count_if("second").alias("several"),
        F.count_if("drawn").alias("sampled"),
        F.min("t").alias("earliest"),
        F.max("t").alias("latest"),
    )


def segment_profile(
    table: DataFrame,
    experiments: Sequence[Experiment],
    attributes: Mapping[str, Sequence[str]],
    names: Mapping[str, Sequence[str]],
) -> DataFrame:
    """Units by experiment_id, segment_name, segment_value, period, variant, wrong: n. Tied units are left out.

    `attributes` names those of each exposure source in configured order, `names` those to count by of each
    experiment. `wrong`: whether the hash gives another variant or none. Values beyond the experiment's `segment_values`
    most frequent are `(other)`, NULL is `(missing)`; a value that is spelled like one of these counts as it.
    """
    places = [
        (experiment.id, name, list(attributes[experiment.exposures]).index(name), experiment.segment_values)
        for experiment in experiments
        for name in names[experiment.id]
    ]
    dimension = local_frame(
        table.sparkSession, places, "experiment_id string, segment_name string, i int, most int"
    )
    counted = (
        _with_period(table, experiments)
        .where(~F.col("excluded_reason").eqNullSafe("tied_variants"))
        .join(F.broadcast(dimension), on="experiment_id", how="inner")
        .withColumn("value", F.get("attributes", F.col("i")))
        .withColumn("wrong", F.col("hash_status").isin(*_WRONG))
        .groupBy("experiment_id", "segment_name", "value", "period", "variant", "wrong", "most")
        .agg(F.count("*").alias("n"))
    )
    segment = ("experiment_id", "segment_name")
    sizes = counted.groupBy(*segment, "value").agg(F.sum("n").alias("size"))
    placed_last = F.col("value").isNull() | F.col("value").isin(*LABELS.values())
    order = Window.partitionBy(*segment).orderBy(placed_last, F.desc("size"), "value")
    ranked = sizes.select(*segment, F.col("value").alias("of"), F.row_number().over(order).alias("place"))
    same = [F.col(f"c.{name}") == F.col(f"r.{name}") for name in segment]
    named = counted.alias("c").join(
        ranked.alias("r"), on=[*same, F.col("c.value").eqNullSafe(F.col("r.of"))], how="inner"
    )
    label = _label(F.col("c.value"), F.col("r.place"), F.col("c.most")).alias("segment_value")
    chosen = named.select(
        *(f"c.{name}" for name in segment), label, "c.period", "c.variant", "c.wrong", "c.n"
    )
    return chosen.groupBy(*segment, "segment_value", "period", "variant", "wrong").agg(F.sum("n").alias("n"))


def _label(value: Column, place: Column, most: Column) -> Column:
    missing = value.isNull() | (value == F.lit(LABELS[MISSING]))
    return F.when(missing, LABELS[MISSING]).when(place > most, LABELS[OTHER]).otherwise(value)


def _with_period(table: DataFrame, experiments: Sequence[Experiment]) -> DataFrame:
    known = [(experiment.id, _changes(experiment), _bounds(experiment)) for experiment in experiments]
    dimension = local_frame(table.sparkSession, known, _DIMENSION)
    joined = table.join(F.broadcast(dimension), on="experiment_id", how="inner")
    if not any(changes for _, changes, _ in known):
        return joined.withColumn("period", F.lit(0))
    time = F.unix_micros("first_exposure_at")
    return joined.withColumn("period", F.size(F.filter("changes", lambda change: change <= time)))


def _near(experiments: Sequence[Experiment]) -> Column:
    """Whether a bucket lies within one of `bounds`, NULL without a bucket or bounds.

    Spelled out for a few of them, as Spark generates no code for a lambda over an array.
    """
    most = max(len(_bounds(experiment)) for experiment in experiments)
    if most > _SPELLED_OUT:
        return F.exists("bounds", _holds)
    return reduce(or_, (_holds(F.get("bounds", F.lit(i))) for i in range(most)), F.lit(None).cast("boolean"))


def _holds(bound: Column) -> Column:
    return F.col("bucket").between(bound["low"], bound["high"])


def _changes(experiment: Experiment) -> list[int]:
    """Instants of all entries of history but the first."""
    return [epoch_micros(entry.since) for entry in experiment.assignment.history[1:]]


def _bounds(experiment: Experiment) -> list[dict[str, int]]:
    """The buckets next to a boundary between two outcomes, in any stage and period, as inclusive ranges."""
    stages = [stage for dated in dated_plans(experiment) for stage in dated.plan.stages]
    places = {
        (bound, max(1, stage.modulus >> _FINE))
        for stage in stages
        for segment in stage.segments
        for bound in (segment.start, segment.end)
        if stage.offset < bound < stage.modulus + stage.offset
    }
    return [{"low": bound - step, "high": bound + step - 1} for bound, step in sorted(places)]
