"""What a hash kernel is: one function of a text, twice over."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import Column

PythonHash = Callable[[str, int, int], int]
"""(text, seed, modulus) to a bucket: the definition."""

SparkHash = Callable[[Column, Column, Column], Column]
"""(text string, seed bigint, modulus bigint) to a bucket bigint; NULL for a NULL text."""


def same_seed(seed: int) -> int:
    """The seed as the Spark column takes it, for kernels that take it as it is (or ignore it)."""
    return seed


class Kernel(NamedTuple):
    """The definition, the Spark column that must equal it, and the seed as the column takes it."""

    python: PythonHash
    spark: SparkHash
    spark_seed: Callable[[int], int] = same_seed
