"""Each kernel's Spark column against the committed vectors of the plain-Python definition, one job per kernel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.assignment.kernels import KERNELS

pytestmark = pytest.mark.spark

REFERENCE = Path(__file__).parents[2] / "reference"
OWN = json.loads((REFERENCE / "own_hash_vectors.json").read_text(encoding="utf-8"))
MODULUS = 10_000


def vendor_texts() -> list[str]:
    """Every text a vendor published a hash of; ids of RAC and GrowthBook as they are, without their salts."""
    published = json.loads((REFERENCE / "hash_vectors.json").read_text(encoding="utf-8"))
    rows = [row for name, rows in published.items() if name != "source" for row in rows]
    return sorted({row[field] for row in rows for field in ("key", "value", "subject") if field in row})


def test_every_kernel_has_vectors() -> None:
    assert sorted(OWN["kernels"]) == sorted(KERNELS)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_column_equals_definition(spark: SparkSession, name: str) -> None:
    kernel = KERNELS[name]
    published = [(text, 1, MODULUS, kernel.python(text, 1, MODULUS)) for text in vendor_texts()]
    own = [(*call, bucket) for call, bucket in zip(OWN["texts"], OWN["kernels"][name], strict=True)]
    rows = [(t, kernel.spark_seed(seed), n, bucket) for t, seed, n, bucket in [*own, *published]]
    rows.append((None, kernel.spark_seed(0), MODULUS, None))
    frame = spark.createDataFrame(rows, "text string, seed bigint, modulus bigint, expected bigint")
    bucket = kernel.spark(F.col("text"), F.col("seed"), F.col("modulus")).alias("bucket")
    got = frame.select("text", "expected", bucket)
    assert got.schema["bucket"].dataType.simpleString() == "bigint"
    wrong = [tuple(row) for row in got.collect() if row["bucket"] != row["expected"]]
    assert wrong == []
