"""What is kept of the events that share a signature, and how it is brought together per unit and metric.

A measure is an aggregate of events; only those that some metric of the study needs are there. Counts, sums, least and
greatest values have buffers of fixed width, so that Spark aggregates them by hash; `latest`, sets and lists do not, and
cost a sort where a metric asks for one.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.events import key_names, value_names
from abspark.pipeline.plans import Operation
from abspark.pipeline.study import Study

_PER_VALUE: dict[Operation, tuple[str, Callable[[Column], Column]]] = {
    Operation.min: ("mn", F.min),
    Operation.max: ("mx", F.max),
    Operation.latest: ("la", lambda value: F.max(F.when(value.isNotNull(), F.struct("t", value.alias("d"))))),
    Operation.values: ("vs", F.collect_list),
}


def measures(study: Study) -> list[Column]:
    """Aggregates of the events of one signature.

    Columns: c, events; d0.., sums of values; mn0.., mx0.., least and greatest; la0.., time and value of the last, of
    several at that instant the greatest; vs0.., all values; ft, first instant; qs0.., sets of keys; tt, all instants.
    """
    values = value_names(study)
    found = [F.count("*").alias("c"), *(F.sum(name).alias(name) for name in values)]
    for operation, (prefix, aggregate) in _PER_VALUE.items():
        if operation in study.operations:
            found += [aggregate(F.col(name)).alias(f"{prefix}{j}") for j, name in enumerate(values)]
    if Operation.first in study.operations:
        found.append(F.min("t").alias("ft"))
    if Operation.distinct in study.operations:
        found += [F.collect_set(name).alias(f"qs{j}") for j, name in enumerate(key_names(study))]
    if Operation.step in study.operations:
        found.append(F.collect_list("t").alias("tt"))
    return found


def chosen(prefix: str, count: int) -> Column:
    """The column PREFIXd, where d is the number in column `d`; NULL where none is meant."""
    choice = F.lit(None)
    for j in reversed(range(count)):
        choice = F.when(F.col("d") == j, F.col(f"{prefix}{j}")).otherwise(choice)
    return choice
