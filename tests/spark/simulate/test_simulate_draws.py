from __future__ import annotations

import math

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import draws

N = 100_000


_COLUMNS = {
    "uniform": lambda: draws.uniform(3, "test", F.col("id")),
    "normal": lambda: draws.normal(3, "test", F.col("id")),
    "exponential": lambda: draws.exponential(draws.uniform(3, "test", F.col("id"))),
    "rounded": lambda: draws.rounded(2.3, draws.uniform(3, "test", F.col("id"))).cast("double"),
    "whole": lambda: draws.whole(draws.uniform(3, "test", F.col("id")), 7).cast("double"),
}
_SUMMARY = {"mean": F.avg, "variance": F.variance, "low": F.min, "high": F.max}


@pytest.fixture(scope="module")
def summaries(spark: SparkSession) -> Row:
    """Mean, variance, minimum and maximum of each column over N rows."""
    frame = spark.range(N).select(*(column().alias(name) for name, column in _COLUMNS.items()))
    return frame.agg(
        *(
            F.struct(*(function(name).alias(title) for title, function in _SUMMARY.items())).alias(name)
            for name in _COLUMNS
        )
    ).collect()[0]


def test_uniform_covers_the_unit_interval(summaries: Row) -> None:
    seen = summaries["uniform"]
    assert 0 <= seen.low < 1e-3
    assert 1 - 1e-3 < seen.high < 1
    assert seen.mean == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / N))
    assert seen.variance == pytest.approx(1 / 12, rel=0.02)


def test_draws_differ_by_seed_purpose_and_every_index(spark: SparkSession) -> None:
    id_, other = F.col("id"), F.lit(1).cast("bigint")
    base = draws.uniform(3, "test", id_, other)
    others = {
        "seed": draws.uniform(4, "test", id_, other),
        "purpose": draws.uniform(3, "tests", id_, other),
        "index": draws.uniform(3, "test", id_, other + 1),
        "order": draws.uniform(3, "test", other, id_),
    }
    correlations = spark.range(N).select(
        base.alias("base"), *(draw.alias(name) for name, draw in others.items())
    )
    row = correlations.agg(*(F.corr("base", name).alias(name) for name in others)).collect()[0]
    assert all(abs(row[name]) < 4 / math.sqrt(N) for name in others), row


def test_normal_has_its_moments_and_tails(summaries: Row) -> None:
    seen = summaries["normal"]
    assert seen.mean == pytest.approx(0, abs=4 / math.sqrt(N))
    assert seen.variance == pytest.approx(1, abs=4 * math.sqrt(2 / N))
    assert -6 < seen.low < -3.5
    assert 3.5 < seen.high < 6


def test_exponential_has_mean_and_variance_one(summaries: Row) -> None:
    seen = summaries["exponential"]
    assert seen.low >= 0
    assert seen.mean == pytest.approx(1, abs=4 / math.sqrt(N))
    assert seen.variance == pytest.approx(1, abs=4 * math.sqrt(8 / N))


def test_rounding_keeps_the_mean(summaries: Row) -> None:
    seen = summaries["rounded"]
    assert (seen.low, seen.high) == (2, 3)
    assert seen.mean == pytest.approx(2.3, abs=4 * math.sqrt(0.21 / N))


def test_whole_numbers_are_below_their_size(summaries: Row) -> None:
    seen = summaries["whole"]
    assert (seen.low, seen.high) == (0, 6)


def test_pick_follows_the_stated_shares(spark: SparkSession) -> None:
    column = draws.pick(F.col("id") / 10, [("a", 20), ("b", 50), ("c", 30)])
    picked = [row.x for row in spark.range(10).select(column.alias("x")).collect()]
    assert picked == list("aabbbbbccc")
