"""Forced units that a source lists, and the type of what was hashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.assignment.compiled import hashed_attribute, overrides_source
from abspark.config import Experiment, ExposureSource
from abspark.config.safe_sql import never_raising
from abspark.local_frame import local_frame
from abspark.pipeline.canonical import canonical, raw_column, require_one_spelling


def forced_units(
    raws: Mapping[str, DataFrame], sources: Mapping[str, ExposureSource], experiments: Sequence[Experiment]
) -> DataFrame | None:
    """experiment_id, unit_id (together unique) and variant of the units that sources list; None where none does.

    A source without a column for the experiment lists units of every experiment that names it. Its times don't
    matter. Rows that fail its filter, have no unit or name no variant of the experiment list nobody; of several
    variants of a unit the first by name counts.
    """
    parts = [
        _listed(raws[name], sources[name], [e for e in experiments if overrides_source(e) == name])
        for name in dict.fromkeys(map(overrides_source, experiments))
        if name is not None
    ]
    if not parts:
        return None
    rows = reduce(DataFrame.unionByName, parts)
    return rows.groupBy("experiment_id", "unit_id").agg(F.min("variant").alias("variant"))


def _listed(raw: DataFrame, source: ExposureSource, experiments: Sequence[Experiment]) -> DataFrame:
    rows = canonical(raw, source)
    if source.filter is not None:
        rows = rows.where(F.expr(never_raising(source.filter)))
    known = [(e.id, variant.key) for e in experiments for variant in e.variants]
    names = local_frame(raw.sparkSession, known, "experiment_id string, known string")
    mine = F.col("variant") == F.col("known")
    if source.columns.experiment is not None:
        mine = mine & (F.col("experiment") == F.col("experiment_id"))
    joined = rows.where(F.col("unit") != F.lit("")).join(F.broadcast(names), on=mine, how="inner")
    return joined.select("experiment_id", F.col("unit").alias("unit_id"), "variant")


def require_hashable(raw: DataFrame, source: ExposureSource, experiments: Sequence[Experiment]) -> None:
    """Check the columns of attributes that experiments hash.

    Raises:
        DataError: One has no one spelling.
    """
    for experiment in experiments:
        name = hashed_attribute(experiment)
        if name is None:
            continue
        column = source.attributes[name]
        kind = raw.select(raw_column(raw, column)).schema.fields[0].dataType
        require_one_spelling(kind, f"source {source.name}: column {column}, which {experiment.id} hashes,")
