"""Whether event logs reach back as far as covariates look."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.calendar import DAY
from abspark.pipeline.caps import Code
from abspark.pipeline.cutoffs import Newest
from abspark.pipeline.plans import DEN, FOREVER
from abspark.pipeline.study import Study


def full_history_from(study: Study, seen: Mapping[str, Newest]) -> dict[Code, int]:
    """The first exposure, in epoch microseconds, whose whole lookback the logs hold; by experiment and metric.

    Only of metrics that look back. `seen` are the times of events by source. A log begins with the UTC day of its first
    event, as it may be silent for hours; one without times has always been there, one without events never.
    """
    found: dict[Code, int] = {}
    for x, experiment in enumerate(study.experiments):
        for m in study.codes_of(experiment):
            slots = [part.slot for part in study.plans[m].parts if part.variable > DEN]
            if slots:
                found[x, m] = max(
                    _begin(study, slot.want.source, seen[slot.want.source]) - slot.start for slot in slots
                )
    return found


def _begin(study: Study, source: str, seen: Newest) -> int:
    timeless = study.event_source(source).fixed_time is not None
    if timeless:
        return -FOREVER
    return seen[0] // DAY * DAY if seen else FOREVER


def units_without_history(table: DataFrame, study: Study, limits: Mapping[Code, int]) -> DataFrame:
    """Analysed units by experiment and metric (x, m): `units`, and `early`, those first exposed before the limit.

    `table` are the run's rows of `assignments`.
    """
    rows = [(study.experiments[x].id, x, m, limit) for (x, m), limit in limits.items()]
    dimension = local_frame(table.sparkSession, rows, "experiment_id string, x int, m int, `limit` bigint")
    analysed = table.where(F.col("excluded_reason").isNull())
    joined = analysed.join(F.broadcast(dimension), on="experiment_id", how="inner")
    early = F.unix_micros("first_exposure_at") < F.col("limit")
    return joined.groupBy("x", "m").agg(F.count("*").alias("units"), F.count_if(early).alias("early"))
