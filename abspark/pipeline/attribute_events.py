"""Numeric attributes of units as events, so that a covariate that is an attribute takes the way of all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.events import finite, key_names, mask_names, value_names
from abspark.pipeline.literals import per_code
from abspark.pipeline.plans import ATTRIBUTES
from abspark.pipeline.study import Study


def attribute_code(study: Study) -> int:
    """The code that stands for attributes among the codes of event sources."""
    return len(study.sources)


def attribute_events(
    assignments: DataFrame, study: Study, attributes: Mapping[str, Sequence[str]]
) -> DataFrame | None:
    """One live event for each assignment of an experiment with such a covariate, at its first exposure.

    `assignments` as in the table of that name, `attributes` the names for each exposure source. Columns as those of
    `live_events`. None: no metric asks for an attribute.
    """
    names = study.values(ATTRIBUTES)
    if not names:
        return None
    ids = [(experiment.id, x) for x, experiment in enumerate(study.experiments)]
    dimension = local_frame(assignments.sparkSession, ids, "experiment_id string, x int")
    coded = assignments.join(F.broadcast(dimension), on="experiment_id", how="inner")
    values = [_value(study, name, attributes) for name in names]
    nothing = F.lit(None)
    return coded.select(
        F.lit(attribute_code(study)).alias("s"),
        F.col("unit_key_hi").alias("hi"),
        F.col("unit_key_lo").alias("lo"),
        F.unix_micros("first_exposure_at").alias("t"),
        F.col("x").alias("xe"),
        nothing.cast("bigint").alias("ve"),
        *_masks(study, values),
        *_columns(values, value_names(study), "double"),
        *_columns([], key_names(study), "bigint"),
        F.lit(True).alias("claimed"),  # noqa: FBT003 - a literal, not a flag
        *(nothing.cast(kind).alias(name) for name, kind in _UNIDENTIFIED.items()),
    )


_UNIDENTIFIED = {"eh": "bigint", "el": "bigint", "tie0": "double", "tie1": "bigint"}


def _value(study: Study, name: str, attributes: Mapping[str, Sequence[str]]) -> Column:
    places = [
        list(attributes[e.exposures]).index(name) if name in attributes[e.exposures] else None
        for e in study.experiments
    ]
    return finite(F.get("attributes", per_code(F.col("x"), places, "int")).try_cast("double"))


def _masks(study: Study, values: Sequence[Column]) -> list[Column]:
    """The slots of every attribute that is there, one column each as in events."""
    zero = F.lit(0).cast("bigint")
    columns = [zero] * study.mask_count
    for name, value in zip(study.values(ATTRIBUTES), values, strict=True):
        slots = [s for s in study.slots if s.want.source == ATTRIBUTES and s.want.value == name]
        for column, mask in enumerate(study.masks(slots)):
            if mask:
                set_ = F.when(value.isNotNull(), F.lit(mask).cast("bigint")).otherwise(zero)
                columns[column] = columns[column].bitwiseOR(set_)
    return [column.alias(name) for column, name in zip(columns, mask_names(study, "w"), strict=True)]


def _columns(values: Sequence[Column], names: Sequence[str], kind: str) -> list[Column]:
    given = [*values, *[F.lit(None)] * (len(names) - len(values))]
    return [value.cast(kind).alias(name) for value, name in zip(given, names, strict=True)]
