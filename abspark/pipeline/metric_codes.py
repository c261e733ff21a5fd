"""One number for an experiment and one of its metrics, by which values of both are looked up."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.study import Study


def metric_codes(study: Study) -> list[tuple[int, int]]:
    """All pairs of an experiment's and a metric's code, in the order of their numbers."""
    return [(x, m) for x in range(len(study.experiments)) for m in range(len(study.metrics))]


def metric_code(study: Study) -> Column:
    """The number of a row's experiment and metric (columns x and m); NULL for the ledger's rows."""
    return F.when(F.col("m") >= 0, F.col("x") * len(study.metrics) + F.col("m"))
