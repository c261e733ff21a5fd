"""Values at ranks against a sorted list, in one task per group and in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline import ranks
from abspark.pipeline.ranks import values_at

pytestmark = pytest.mark.spark

Group = tuple[int, int]
KEY = ("x", "m")


def values_of(spark: SparkSession, groups: Mapping[Group, Sequence[float]]) -> DataFrame:
    """A row for each distinct value of a group."""
    rows = []
    for group, given_values in groups.items():
        distinct, counts = np.unique(np.array(given_values, dtype=np.float64), return_counts=True)
        rows += [(*group, float(v), int(w)) for v, w in zip(distinct, counts, strict=True)]
    return local_frame(spark, rows, "x int, m int, value double, w bigint")


def found(
    spark: SparkSession, groups: Mapping[Group, Sequence[float]], wanted: Mapping[Group, Sequence[int]]
) -> dict[Group, list[float | None]]:
    largest = max(len(group) for group in groups.values())
    rows = values_at(values_of(spark, groups), KEY, wanted, largest=largest).collect()
    width = max(map(len, wanted.values()))
    at = {(row["x"], row["m"]): [row[f"at{i}"] for i in range(width)] for row in rows}
    assert len(at) == len(rows)
    return {group: at.get(group, [None] * width) for group in wanted}


def expected(
    groups: Mapping[Group, Sequence[float]], wanted: Mapping[Group, Sequence[int]]
) -> dict[Group, list[float | None]]:
    return {
        group: [sorted(groups[group])[r - 1] if 1 <= r <= len(groups[group]) else None for r in given_ranks]
        for group, given_ranks in wanted.items()
    }


@pytest.fixture(params=["one task", "parts"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether groups are sorted by one task each, or cut into parts: then at each second sampled value."""
    if request.param == "parts":
        monkeypatch.setattr(ranks, "ONE_TASK", 10)
        monkeypatch.setattr(ranks, "_SAMPLED", 2)
    return str(request.param)


def test_groups_of_all_sizes_and_shapes(spark: SparkSession, size: str) -> None:
    """Ties, one value alone, negative values, heavy tails, a large offset, groups of one and two values."""
    draw = np.random.default_rng(7)
    groups: dict[Group, Sequence[float]] = {
        (0, 0): draw.lognormal(0, 3, 1500).tolist(),
        (0, 1): draw.poisson(2, 900).astype(float).tolist(),
        (1, 0): [7.0] * 500,
        (1, 1): (1.7e9 + draw.normal(0, 1e-3, 700)).tolist(),
        (2, 0): [-3.5],
        (2, 1): [2.0, -2.0],
        (3, 0): (-draw.exponential(1, 400)).tolist(),
    }
    wanted = {
        group: (1, len(v) // 2, int(np.ceil(0.9 * len(v))), len(v), len(v) + 1, 0)
        for group, v in groups.items()
    }
    assert found(spark, groups, wanted) == expected(groups, wanted), size


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_values_and_ranks(spark: SparkSession, size: str, data: st.DataObject) -> None:
    few = st.sampled_from([-1.5, 0.0, 1.0, 2.0])
    any_value = st.floats(-1e9, 1e9).map(lambda v: v + 0.0)
    lists = st.lists(st.one_of(few, any_value), min_size=1, max_size=60)
    groups = data.draw(st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 1)), lists, min_size=1))
    wanted = {group: data.draw(st.tuples(*[st.integers(0, len(v) + 1)] * 3)) for group, v in groups.items()}
    assert found(spark, groups, wanted) == expected(groups, wanted), size


def test_ties_within_an_interval(spark: SparkSession, size: str) -> None:
    """Cut at both ends, in the middle, over several parts, of a group without any, and beyond a group's values."""
    draw = np.random.default_rng(8)
    groups: dict[Group, list[float]] = {
        (0, 0): sorted(draw.poisson(40, 600).astype(float)),
        (0, 1): sorted([*np.arange(300.0), *[100.5] * 30, *[250.5] * 70]),
        (1, 0): [7.0] * 50,
        (1, 1): sorted(draw.normal(0, 1, 500)),
    }
    ends = {(0, 0): (250, 350), (0, 1): (90, 300), (1, 0): (0, 51), (1, 1): (100, 400)}
    wanted = {group: (200, low, high) for group, (low, high) in ends.items()}
    rows = values_at(
        values_of(spark, groups), KEY, wanted, largest=max(map(len, groups.values())), interval=(1, 2)
    ).collect()
    within = {group: groups[group][max(low, 1) - 1 : high] for group, (low, high) in ends.items()}
    expected_ties = {group: max(values.count(v) for v in values) for group, values in within.items()}
    assert {(row["x"], row["m"]): row["ties"] for row in rows} == expected_ties, size
    assert (expected_ties[1, 0], expected_ties[1, 1]) == (50, 1)


def test_parts_are_even_and_few_of_them_are_sorted(spark: SparkSession) -> None:
    """Of 200,000 distinct values in 8 parts none holds more than twice its share; two ranks leave two parts at most."""
    n = 200_000
    values = spark.range(n).select(
        F.lit(0).alias("x"),
        F.lit(0).alias("m"),
        F.exp(F.col("id") / 1000.0).alias("value"),
        F.lit(1).alias("w"),
    )
    parted = ranks._in_parts(values, KEY, 8, n)
    sizes = sorted(row["count"] for row in parted.groupBy("part").count().collect())
    assert sum(sizes) == n
    assert sizes[-1] < 2 * n / 8
    assert len(sizes) >= 7
    wanted = local_frame(spark, [(0, 0, 1, n // 2)], "x int, m int, rank0 bigint, rank1 bigint")
    near = ranks._near(parted, wanted, KEY, None).collect()
    assert sorted(row["part"] for row in near)[0] == 0
    assert len(near) == 2
    between = ranks._near(parted, wanted, KEY, (0, 1)).collect()
    assert sorted(row["part"] for row in between) == list(range(max(row["part"] for row in near) + 1))
