"""Spark against every vector that the vendors published: a job for the kernels' calls, one for the assignments."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce

import pytest
from published_hashes import Assigned, Hashed, cases, published
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from abspark.assignment.derive import derive
from abspark.assignment.kernels import KERNELS

pytestmark = pytest.mark.spark

CASES = [case for vendor, rows in published().items() for row in rows for case in cases(vendor, row)]
START = datetime(2026, 10, 2, tzinfo=UTC)


def test_calls_of_kernels(spark: SparkSession) -> None:
    given = [case for case in CASES if isinstance(case, Hashed)]
    rows = [(c.kernel, c.text, KERNELS[c.kernel].spark_seed(c.seed), c.modulus, c.expected) for c in given]
    frame = spark.createDataFrame(
        rows, "kernel string, text string, seed bigint, modulus bigint, expected bigint"
    )

    def hashed(done: Column, name: str) -> Column:
        called = KERNELS[name].spark(F.col("text"), F.col("seed"), F.col("modulus"))
        return F.when(F.col("kernel") == name, called).otherwise(done)

    bucket = reduce(hashed, sorted({case.kernel for case in given}), F.lit(None).cast("bigint"))
    got = frame.select("*", bucket.alias("bucket")).collect()
    assert len(got) == len(given)
    assert [tuple(row) for row in got if row["bucket"] != row["expected"]] == []


def test_assignments(spark: SparkSession) -> None:
    given = [case for case in CASES if isinstance(case, Assigned)]
    named = [case.experiment.model_copy(update={"id": str(i)}) for i, case in enumerate(given)]
    rows = [(str(i), case.unit, "a", START) for i, case in enumerate(given)]
    ddl = "experiment_id string, unit_id string, variant string, first_exposure_at timestamp"
    got = derive(spark.createDataFrame(rows, ddl), named).collect()
    assert len(got) == len(given)
    for row in got:
        case = given[int(row["experiment_id"])]
        assert case.read(row["bucket"], row["expected_variant"]) == case.expected, case
