"""Unsigned 32-bit arithmetic on Spark's signed 64-bit columns, without overflow under ANSI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

MASK: Final = 0xFFFFFFFF


def let(value: Column, body: Callable[[Column], Column]) -> Column:
    """`body(value)` with value evaluated once: plain nesting would repeat it exponentially often."""
    return F.element_at(F.transform(F.array(value), body), 1)


def times(value: Column, factor: int) -> Column:
    """Product modulo 2**32; `value` appears twice."""
    low = value.bitwiseAND(F.lit(0xFFFF)) * F.lit(factor)
    high = F.shiftleft((F.shiftright(value, 16) * F.lit(factor)).bitwiseAND(F.lit(0xFFFF)), 16)
    return (low + high).bitwiseAND(F.lit(MASK))


def shift_xor(value: Column, *shifts: int) -> Column:
    """`value ^ value >> s1 ^ value >> s2 …`."""
    mixed = value
    for shift in shifts:
        mixed = mixed.bitwiseXOR(F.shiftright(value, shift))
    return mixed


def rotate(value: int, bits: int) -> int:
    """A 32-bit number rotated left."""
    return (value << bits | value >> (32 - bits)) & MASK


def rotate_column(value: Column, bits: int) -> Column:
    """`rotate` in Spark; `value` appears twice."""
    return F.shiftleft(value, bits).bitwiseOR(F.shiftright(value, 32 - bits)).bitwiseAND(F.lit(MASK))
