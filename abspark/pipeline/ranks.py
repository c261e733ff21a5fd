"""The values at given ranks of groups, exactly and whatever the groups' sizes.

A group's values, each with the number of times it occurs, are sorted and counted up. One task can do that for a few
million values. A larger group is first cut into parts of about as many distinct values each, at values that a sample
of it gives; sums by part tell in which of them a rank lies, and only those are sorted. The sample decides how even the
parts are, never what is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final, TypeVar

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.local_frame import local_frame

_Group = TypeVar("_Group", bound=tuple[int, ...])
ONE_TASK: Final = 4_000_000
"""Values of a group that one task sorts."""
_MOST_PARTS: Final = 64
"""Every value is compared with all boundaries of its group."""
_SAMPLED: Final = 64
"""Sampled values between two boundaries: a part's size then strays by about an eighth."""


def values_at(
    values: DataFrame,
    key: Sequence[str],
    ranks: Mapping[_Group, Sequence[int]],
    *,
    largest: int,
    interval: tuple[int, int] | None = None,
) -> DataFrame:
    """The values at the ranks of each group: the key, at0, at1, ...; ranks count from 1.

    `values` has the integer columns `key`, value (double) and w, how often it occurs in its group: one row for each
    distinct value. `largest` is the size of the largest group, or more. NULL where a group has no such rank (0, or more
    than it has values); a group with none of its ranks may have no row. An `interval` says where among a group's ranks
    its first and its last are; then `ties` is the number of ranks within it that the value has that has most of them.
    """
    wanted = _wanted(values, key, ranks)
    if largest <= ONE_TASK:
        return _picked(values.select("*", _up_to("w", key, "value").alias("until")), wanted, key, interval)
    parted = _in_parts(values, key, min(_MOST_PARTS, -(-largest // ONE_TASK)), largest)
    near = F.broadcast(_near(parted, wanted, key, interval))
    until = F.col("before") + _up_to("w", [*key, "part"], "value")
    placed = parted.join(near, on=[*key, "part"], how="inner").select(
        *key, "value", "w", until.alias("until")
    )
    return _picked(placed, wanted, key, interval)


def _wanted(values: DataFrame, key: Sequence[str], ranks: Mapping[_Group, Sequence[int]]) -> DataFrame:
    """Per group, which is unique, rank0, rank1, ..."""
    width = max((len(given) for given in ranks.values()), default=0)
    columns = [*(f"{name} int" for name in key), *(f"rank{i} bigint" for i in range(width))]
    return local_frame(
        values.sparkSession, [(*group, *given) for group, given in ranks.items()], ", ".join(columns)
    )


def _rank_names(wanted: DataFrame) -> list[str]:
    return [name for name in wanted.columns if name.startswith("rank")]


def _up_to(count: str, group: Sequence[str], order: str) -> Column:
    return F.sum(count).over(Window.partitionBy(*group).orderBy(order))


def _picked(
    placed: DataFrame, wanted: DataFrame, key: Sequence[str], interval: tuple[int, int] | None
) -> DataFrame:
    """From values with `until`, their last rank, the first value that reaches each wanted rank; and the ties."""
    joined = placed.join(F.broadcast(wanted), on=list(key), how="inner")
    picked = [
        F.min(F.when((F.col(name) >= 1) & (F.col("until") >= F.col(name)), F.col("value"))).alias(f"at{i}")
        for i, name in enumerate(_rank_names(wanted))
    ]
    if interval is not None:
        low, high = (F.col(f"rank{i}") for i in interval)
        first = F.col("until") - F.col("w") + 1
        within = F.least("until", high) - F.greatest(first, low) + 1
        picked.append(F.max(F.greatest(within, F.lit(0))).alias("ties"))
    return joined.groupBy(*key).agg(*picked)


def _in_parts(values: DataFrame, key: Sequence[str], parts: int, largest: int) -> DataFrame:
    """`values` with `part`: how many boundaries of its group are below the value.

    Values are drawn by their hash, so that the same ones are drawn whenever the frame is computed.
    """
    every = max(1, largest // (parts * _SAMPLED))
    drawn = values.where(F.pmod(F.xxhash64("value"), F.lit(every)) == 0)
    sample = F.sort_array(F.collect_list("value"))
    bounds = drawn.groupBy(*key).agg(F.filter(sample, _ends_a_part).alias("bounds"))
    below = F.size(F.filter("bounds", lambda bound: bound < F.col("value")))
    part = F.when(F.col("bounds").isNull(), 0).otherwise(below)
    return values.join(F.broadcast(bounds), on=list(key), how="left").select(
        *key, "value", "w", part.alias("part")
    )


def _ends_a_part(_value: Column, place: Column) -> Column:
    return F.pmod(place, F.lit(_SAMPLED)) == _SAMPLED - 1


def _near(
    parted: DataFrame, wanted: DataFrame, key: Sequence[str], interval: tuple[int, int] | None
) -> DataFrame:
    """The parts in which any wanted rank or a part of the interval lies: the key, part, and `before`.

    That is the number of values in the parts before it.
    """
    sizes = parted.groupBy(*key, "part").agg(F.sum("w").alias("within"))
    last = sizes.select("*", _up_to("within", key, "part").alias("last"))
    before = F.col("last") - F.col("within")
    holds = [(F.col(name) > before) & (F.col(name) <= F.col("last")) for name in _rank_names(wanted)]
    if interval is not None:
        low, high = (F.col(f"rank{i}") for i in interval)
        holds.append((F.col("last") >= low) & (before < high))
    found = last.join(F.broadcast(wanted), on=list(key), how="inner").where(reduce(or_, holds))
    return found.select(*key, "part", before.alias("before"))
