"""Segments: the values of an attribute as of the first exposure, coded so that a unit's fit in one long.

Six bits each: the most frequent values have codes from 0 on, then `(other)` and `(missing)`; the configuration allows
ten segments, sixty bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.study import Study

KEPT_VALUES: Final = 50
OTHER: Final = 50
MISSING: Final = 51
_ABSENT: Final = 63
_BITS: Final = 6
LABELS: Final = {OTHER: "(other)", MISSING: "(missing)"}


class SegmentValue(NamedTuple):
    """One kept value of one segment: experiment's code, position of the segment, the value's code, the value."""

    x: int
    p: int
    code: int
    value: str


def segment_positions(study: Study, attributes: Mapping[str, Sequence[str]]) -> list[tuple[int, int, int]]:
    """(x, position of the segment, index of its attribute) for each segment of each experiment.

    `attributes` gives the attribute names of each exposure source in configured order.
    """
    return [
        (x, p, list(attributes[experiment.exposures]).index(name))
        for x, experiment in enumerate(study.experiments)
        for p, name in enumerate(experiment.segments)
    ]


def frequent_values(units: DataFrame, positions: Sequence[tuple[int, int, int]]) -> DataFrame:
    """The kept values, columns as in `SegmentValue`: the most frequent among analysed units, ties by value."""
    dimension = local_frame(units.sparkSession, list(positions), "x int, p int, i int")
    valued = (
        units.where(~F.col("excluded"))
        .join(F.broadcast(dimension), on="x", how="inner")
        .select("x", "p", F.get("attributes", F.col("i")).alias("value"))
        .where(F.col("value").isNotNull())
    )
    rank = F.row_number().over(Window.partitionBy("x", "p").orderBy(F.desc("n"), "value"))
    counted = valued.groupBy("x", "p", "value").agg(F.count("*").alias("n"))
    return counted.select("x", "p", (rank - 1).alias("code"), "value").where(F.col("code") < KEPT_VALUES)


def with_segments(
    units: DataFrame, positions: Sequence[tuple[int, int, int]], kept: Sequence[SegmentValue]
) -> DataFrame:
    """Units with `g`, the codes of their segment values (0 without segments); attributes are left behind."""
    spark = units.sparkSession
    code = F.lit(0).cast("bigint")
    coded = units
    for p in sorted({position for _, position, _ in positions}):
        attribute, value = f"i{p}", f"code{p}"
        indexes = local_frame(spark, [(x, i) for x, q, i in positions if q == p], f"x int, {attribute} int")
        values = local_frame(
            spark, [(k.x, k.code, k.value) for k in kept if k.p == p], f"x int, {value} int, value string"
        )
        coded = coded.join(F.broadcast(indexes), on="x", how="left")
        coded = coded.withColumn("value", F.get("attributes", F.col(attribute)))
        coded = coded.join(F.broadcast(values), on=["x", "value"], how="left")
        code = code.bitwiseOR(F.shiftleft(_code(attribute, value).cast("bigint"), _BITS * p))
    names = [name for name in units.columns if name != "attributes"]
    return coded.select(*names, code.alias("g"))


def _code(attribute: str, value: str) -> Column:
    return (
        F.when(F.col(attribute).isNull(), _ABSENT)
        .when(F.get("attributes", F.col(attribute)).isNull(), MISSING)
        .otherwise(F.coalesce(F.col(value), F.lit(OTHER)))
    )


def exploded(rows: DataFrame, count: int) -> DataFrame:
    """Each row once for everyone (p = -1, code = -1) and once for each of its `count` segments; `g` is consumed.

    Rows whose m is negative (the ledger's) stay single.
    """
    names = [name for name in rows.columns if name != "g"]
    everyone = F.struct(F.lit(-1).alias("p"), F.lit(-1).alias("code"))
    if count == 0:
        return rows.select(*names, F.lit(-1).alias("p"), F.lit(-1).alias("code"))
    single = F.array(everyone)
    every = F.array(
        everyone,
        *(
            F.struct(
                F.lit(p).alias("p"),
                F.shiftright("g", _BITS * p)
                .bitwiseAND(F.lit(_ABSENT).cast("bigint"))
                .cast("int")
                .alias("code"),
            )
            for p in range(count)
        ),
    )
    chosen = F.when(F.col("m") < 0, single).otherwise(every) if "m" in names else every
    spread = rows.select(*names, F.explode(chosen).alias("segment"))
    return spread.select(*names, "segment.p", "segment.code").where(F.col("code") != _ABSENT)
