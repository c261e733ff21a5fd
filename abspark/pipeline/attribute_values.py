"""Numeric attributes of units as covariates: they travel in the units' own rows, as numbers.

A unit without events has its attribute all the same, so that sums over all units are taken where units are counted,
and only products with what events bring are taken where those are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.events import usable
from abspark.pipeline.literals import per_code
from abspark.pipeline.study import Study

WEIGHTS: Final = {"all": "one", "complete": "over"}
"""Whose sums `attribute_sums` takes, all units or those that are complete, and the column that says how often."""


def attribute_names(study: Study) -> list[str]:
    """The columns of units that hold the attributes which metrics have as covariates."""
    return [f"a{j}" for j in range(len(study.attributes))]


def with_attributes(units: DataFrame, study: Study, attributes: Mapping[str, Sequence[str]]) -> DataFrame:
    """Units with a0.., NULL where there is no such attribute or it is no usable number.

    `attributes` are the names of each exposure source, in configured order.
    """
    values = {
        column: _value(study, name, attributes)
        for column, name in zip(attribute_names(study), study.attributes, strict=True)
    }
    return units.withColumns(values) if values else units


def _value(study: Study, name: str, attributes: Mapping[str, Sequence[str]]) -> Column:
    places = [
        list(attributes[e.exposures]).index(name) if name in attributes[e.exposures] else None
        for e in study.experiments
    ]
    return usable(F.get("attributes", per_code(F.col("x"), places, "int")).try_cast("double"))


def with_attribute(value: Column, study: Study) -> Column:
    """The covariate's numerator of metric `m`: its attribute where it has one, else `value`."""
    chosen = value
    for column, name in zip(attribute_names(study), study.attributes, strict=True):
        uses = [plan.attribute == name for plan in study.plans]
        chosen = F.when(per_code(F.col("m"), uses, "boolean"), F.col(column)).otherwise(chosen)
    return chosen


def sum_names(study: Study, m: int, *, complete: bool) -> Mapping[str, str]:
    """The columns of `attribute_sums` for a metric, by mean, variance, sum, square and history.

    Empty where it has none. One of present units only has none either: what its units bring comes with their events.
    """
    plan = study.plans[m]
    if plan.attribute is None or plan.present_only:
        return {}
    weight, j = "complete" if complete else "all", study.attributes.index(plan.attribute)
    return {what: f"{weight}_{what}_{j}" for what in ("mean", "variance", "sum", "square", "history")}


def attribute_sums(study: Study) -> list[Column]:
    """Aggregates over units: means and variances where a row stands once, raw sums where it stands for changes."""
    found = []
    for j, name in enumerate(attribute_names(study)):
        value = F.coalesce(name, F.lit(0.0))
        for weight, often in WEIGHTS.items():
            counted = F.when(F.col(often) > 0, value)
            parts = {
                "mean": F.avg(counted),
                "variance": F.var_pop(counted),
                "sum": F.sum(F.col(often) * value),
                "square": F.sum(F.col(often) * value * value),
                "history": F.sum(F.when(F.col(name).isNotNull(), F.col(often))),
            }
            found += [part.alias(f"{weight}_{what}_{j}") for what, part in parts.items()]
    return found
