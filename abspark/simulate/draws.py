"""Random numbers as pure functions of a row's own keys: no state, so partitioning cannot change them.

A draw is named by seed and purpose and indexed by integer columns: Spark's xxhash64 of a 64-bit key (the seed
and the purpose, hashed on the driver) followed by the index columns.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import accumulate

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


def pick(draw: Column, choices: Sequence[tuple[str, float]]) -> Column:
    """One of the names, with its probability; the last takes the rest."""
    names = [name for name, _ in choices]
    chosen = F.lit(names[-1])
    ends = list(accumulate(probability for _, probability in choices))
    for name, end in reversed(list(zip(names[:-1], ends[:-1], strict=True))):
        chosen = F.when(draw < end, F.lit(name)).otherwise(chosen)
    return chosen
