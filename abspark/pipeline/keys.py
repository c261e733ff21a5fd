"""The unit key: 128 bits that stand for a unit id from the first shuffle on.

Two 64-bit xxHash values with different seeds. With n units the chance that any two share both is about
n**2 / 2**129: for 10**9 units 1.5e-21. The first half alone places and sorts rows, because one long sorts by radix;
the second half is compared wherever two rows are taken for the same unit.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.pseudonyms import pseudonym
from abspark.schemas import SAMPLE

_SECOND_SEED = 0x5DEECE66D


def key_hi(unit: Column) -> Column:
    """First 64 bits of the key of a unit id (string)."""
    return F.xxhash64(unit)


def key_lo(unit: Column) -> Column:
    """Last 64 bits of the key of a unit id (string), hashed under another seed."""
    return F.xxhash64(F.lit(_SECOND_SEED).cast("bigint"), unit)


def unit_key(unit: Column, pseudonym_key: str | None) -> tuple[Column, Column]:
    """Both halves of the key, `hi` and `lo`: of a unit's id, or of its pseudonym under the secret."""
    known = unit if pseudonym_key is None else pseudonym(unit, pseudonym_key)
    return key_hi(known).alias("hi"), key_lo(known).alias("lo")


def in_sample(lo: Column) -> Column:
    """Whether a unit is in the sample, by the last half of its key: the same units in all logs and experiments."""
    return lo.bitwiseAND(F.lit(SAMPLE - 1).cast("bigint")) == F.lit(0).cast("bigint")


def sort_prefix(low: Column, bits: int) -> Column:
    """The first bits of a unit's key (`hi`) and the last `bits` of `low`: what nearly always decides a sort of rows.

    Spark's sort holds the first key beside its pointer and fetches rows only where two are equal. With the unit first,
    those are all rows of a unit, and fetching them costs more than all else in the sort.
    """
    rest = low.bitwiseAND(F.lit((1 << bits) - 1).cast("bigint"))
    return F.shiftleft(F.shiftright("hi", bits), bits).bitwiseOR(rest)


def same_unit(first: Column, second: Column) -> Column:
    """Whether two last halves agree, written so that the join sorts on the first half alone.

    An equality of two columns would become a second join key, and two sort keys rule out the radix sort.
    """
    return first.bitwiseXOR(second) == F.lit(0).cast("bigint")
