"""Segments: the values of an attribute as of the first exposure, coded so that a unit's fit in one long.

Six bits each: the most frequent values have codes from 0 on, then `(other)` and `(missing)`; the configuration allows
ten segments, sixty bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.naming import OTHER_VALUES
from abspark.pipeline.calendar import NEVER
from abspark.pipeline.study import Study

OTHER: Final = 50
MISSING: Final = 51
_ABSENT: Final = 63
_BITS: Final = 6
LABELS: Final = {OTHER: OTHER_VALUES, MISSING: "(missing)"}


class SegmentValue(NamedTuple):
    """One kept value of one segment: experiment's code, position of the segment, the value's code, the value."""

    x: int
    p: int
    code: int
    value: str


def most_codes(segments: int) -> int:
    """The largest `g` that so many segments can have."""
    return (1 << _BITS * segments) - 1


def segment_positions(study: Study, attributes: Mapping[str, Sequence[str]]) -> list[tuple[int, int, int]]:
    """(x, position of the segment, index of its attribute) for each segment of each experiment.

    `attributes` gives the attribute names of each exposure source in configured order.
    """
    return [
        (x, p, list(attributes[experiment.exposures]).index(name))
        for x, experiment in enumerate(study.experiments)
        for p, name in enumerate(experiment.segments)
    ]


def frequent_values(
    assignments: DataFrame, positions: Sequence[tuple[int, int, int]], study: Study
) -> DataFrame:
    """The kept values, the most frequent among analysed units, ties by value; none that is spelled as a label.

    Columns: experiment_id, and as in `SegmentValue` p, code and value.
    """
    of = study.experiments
    rows = [(of[x].id, p, i, of[x].segment_values) for x, p, i in positions]
    dimension = local_frame(assignments.sparkSession, rows, "experiment_id string, p int, i int, most int")
    valued = (
        assignments.where(F.col("excluded_reason").isNull())
        .join(F.broadcast(dimension), on="experiment_id", how="inner")
        .select("experiment_id", "p", "most", F.get("attributes", F.col("i")).alias("value"))
        .where(F.col("value").isNotNull() & ~F.col("value").isin(*LABELS.values()))
    )
    rank = F.row_number().over(Window.partitionBy("experiment_id", "p").orderBy(F.desc("n"), "value"))
    counted = valued.groupBy("experiment_id", "p", "most", "value").agg(F.count("*").alias("n"))
    coded = counted.withColumn("code", rank - 1).where(F.col("code") < F.col("most"))
    return coded.select("experiment_id", "p", "code", "value")


def segment_values(rows: Iterable[Row], study: Study) -> list[SegmentValue]:
    """The kept values of the study's experiments, from rows of `frequent_values`."""
    codes = {experiment.id: x for x, experiment in enumerate(study.experiments)}
    return [
        SegmentValue(codes[row["experiment_id"]], row["p"], row["code"], row["value"])
        for row in rows
        if row["experiment_id"] in codes
    ]


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
    logged = F.get("attributes", F.col(attribute))
    return (
        F.when(F.col(attribute).isNull(), _ABSENT)
        .when(logged.isNull() | (logged == F.lit(LABELS[MISSING])), MISSING)
        .otherwise(F.coalesce(F.col(value), F.lit(OTHER)))
    )


def exploded(rows: DataFrame, count: int, fields: Mapping[str, Column], days: Column | None) -> DataFrame:
    """Each row once for everyone (p = -1, code = -1), once for each of its `count` segments, once for each of `days`.

    `fields` are columns that the rows for everyone and for segments get; `days` is an array of structs with p, code
    (NULL: leave it out) and the same fields. `g` is consumed. Rows of units that left, and those that are `pending`,
    stand for their days only, and rows whose m is negative (the ledger's) stay single.
    """
    names = [name for name in rows.columns if name != "g"]
    extra = [column.alias(name) for name, column in fields.items()]
    gone = F.coalesce(F.col("leaves") < NEVER, F.lit(False))  # noqa: FBT003 - a literal, not a flag
    gone = gone | F.col("pending") if "pending" in names else gone
    ledger = F.col("m") < 0 if "m" in names else F.lit(False)  # noqa: FBT003
    code = F.when(gone & ~ledger, _ABSENT).otherwise(-1)
    everyone = F.struct(F.lit(-1).alias("p"), code.alias("code"), *extra)
    slices = F.array(everyone, *(_slice(p, gone | ledger, extra) for p in range(count)))
    if days is not None:
        slices = F.when(ledger, F.array(everyone)).otherwise(F.concat(slices, days))
    spread = rows.select(*names, F.explode(slices).alias("slice"))
    chosen = spread.select(*names, "slice.*")
    return chosen.where(
        (F.col("p") < -1) & F.col("code").isNotNull() | (F.col("p") >= -1) & (F.col("code") != _ABSENT)
    )


def _slice(position: int, absent: Column, extra: Sequence[Column]) -> Column:
    bits = F.shiftright("g", _BITS * position).bitwiseAND(F.lit(_ABSENT).cast("bigint")).cast("int")
    code = F.when(absent, _ABSENT).otherwise(F.coalesce(bits, F.lit(_ABSENT)))
    return F.struct(F.lit(position).alias("p"), code.alias("code"), *extra)
