"""Random numbers as pure functions of a row's own keys: no state, so partitioning cannot change them.

A draw is named by seed and purpose and indexed by integer columns: Spark's xxhash64 of a 64-bit key (the seed
and the purpose, hashed on the driver) followed by the index columns.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

_MANTISSA_BITS = 53


def uniform(seed: int, purpose: str, *index: Column) -> Column:
    """A double in [0, 1), a multiple of 2^-53; independent between seeds, purposes and index values."""
    digest = hashlib.blake2b(f"{seed}:{purpose}".encode(), digest_size=8).digest()
    key = F.lit(int.from_bytes(digest, "big", signed=True))
    return F.shiftrightunsigned(F.xxhash64(key, *index), 64 - _MANTISSA_BITS) * F.lit(2.0**-_MANTISSA_BITS)


def whole(draw: Column, size: Column | float) -> Column:
    """The draw spread over 0 … size - 1, as bigint."""
    return (draw * size).cast("bigint")


def rounded(mean: Column | float, draw: Column) -> Column:
    """Non-negative `mean` rounded down or up by the draw so that its expectation is exact, as bigint."""
    return (F.lit(mean) + draw).cast("bigint")


def normal(seed: int, purpose: str, *index: Column) -> Column:
    """A standard normal double, by the cosine half of Box and Muller (1958)."""
    radius = F.sqrt(-2 * F.log(1 - uniform(seed, f"{purpose}:radius", *index)))
    return radius * F.cos(2 * math.pi * uniform(seed, f"{purpose}:angle", *index))


def exponential(draw: Column) -> Column:
    """A draw turned into an exponential double of mean 1, at most 53 ln 2."""
    return -F.log(1 - draw)


def pick(draw: Column, choices: Sequence[tuple[str, int]]) -> Column:
    """One of the names, each with its share in percent; the shares sum to 100."""
    names = [F.lit(name) for name, percent in choices for _ in range(percent)]
    return F.element_at(F.array(*names), (draw * len(names)).cast("int") + 1)
