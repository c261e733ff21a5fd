"""Kernel over xxHash32 (Yann Collet's specification, xxhash_spec.md, section XXH32) of UTF-8 bytes.

Spark has only xxhash64, so the column folds over the words: interpreted, some tens of microseconds a row.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.bits import MASK, let, rotate, rotate_column, shift_xor, times
from abspark.assignment.kernel import Kernel

_P1: Final = 0x9E3779B1
_P2: Final = 0x85EBCA77
_P3: Final = 0xC2B2AE3D
_P4: Final = 0x27D4EB2F
_P5: Final = 0x165667B1
_STRIPE: Final = 16
_LANES: Final = ((_P1 + _P2, 1), (_P2, 7), (0, 12), (-_P1, 18))
"""Of each of the four lanes: what is added to the seed at the start, and the final rotation."""


def xxhash32(data: bytes, seed: int) -> int:
    """xxHash32 as an unsigned number."""
    stripes = len(data) - len(data) % _STRIPE
    whole = len(data) - len(data) % 4
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, whole, 4)]
    value = (seed + _P5) & MASK
    if stripes:
        lanes = [
            reduce(_round, words[i : stripes // 4 : 4], (seed + a) & MASK) for i, (a, _) in enumerate(_LANES)
        ]
        value = sum(rotate(lane, bits) for lane, (_, bits) in zip(lanes, _LANES, strict=True)) & MASK
    value = (value + len(data)) & MASK
    for word in words[stripes // 4 :]:
        value = rotate((value + word * _P3) & MASK, 17) * _P4 & MASK
    for byte in data[whole:]:
        value = rotate((value + byte * _P5) & MASK, 11) * _P1 & MASK
    value = (value ^ value >> 15) * _P2 & MASK
    value = (value ^ value >> 13) * _P3 & MASK
    return value ^ value >> 16


def _round(lane: int, word: int) -> int:
    return rotate((lane + word * _P2) & MASK, 13) * _P1 & MASK


def _mix_column(value: Column, word: Column, factors: tuple[int, int], bits: int) -> Column:
    """`rotate(value + word * factors[0], bits) * factors[1]`."""
    total = let(word, lambda w: (value + times(w, factors[0])).bitwiseAND(F.lit(MASK)))
    return let(let(total, lambda t: rotate_column(t, bits)), lambda t: times(t, factors[1]))


def _number(digits: Column) -> Column:
    return F.conv(digits, 16, 10).cast("bigint")


def _lane_column(words: Column, seed: Column, lane: int) -> Column:
    start = (seed + F.lit(_LANES[lane][0])).bitwiseAND(F.lit(MASK))
    own = F.filter(words, lambda _, index: index % F.lit(4) == F.lit(lane))
    folded = F.aggregate(own, start, lambda h, w: _mix_column(h, _number(w), (_P2, _P1), 13))
    return let(folded, lambda h: rotate_column(h, _LANES[lane][1]))


def _xxhash32_column(data: Column, seed: Column) -> Column:
    digits, length = F.hex(data), F.octet_length(data)
    stripes, whole = length - length % F.lit(_STRIPE), length - length % F.lit(4)

    def pieces(start: Column, end: Column, pattern: str) -> Column:
        part = F.substr(digits, start * F.lit(2) + F.lit(1), (end - start) * F.lit(2))
        return F.regexp_extract_all(part, F.lit(pattern), F.lit(0))

    def words(start: Column, end: Column) -> Column:
        little = "$4$3$2$1"
        return F.transform(
            pieces(start, end, ".{8}"), lambda w: F.regexp_replace(w, "(..)(..)(..)(..)", little)
        )

    lanes = [_lane_column(words(F.lit(0), stripes), seed, lane) for lane in range(len(_LANES))]
    value = F.when(stripes > F.lit(0), lanes[0] + lanes[1] + lanes[2] + lanes[3]).otherwise(seed + F.lit(_P5))
    value = (value + length).bitwiseAND(F.lit(MASK))
    value = F.aggregate(words(stripes, whole), value, lambda h, w: _mix_column(h, _number(w), (_P3, _P4), 17))
    value = F.aggregate(
        pieces(whole, length, ".{2}"), value, lambda h, b: _mix_column(h, _number(b), (_P5, _P1), 11)
    )
    value = let(value, lambda h: times(shift_xor(h, 15), _P2))
    value = let(value, lambda h: times(shift_xor(h, 13), _P3))
    return let(value, lambda h: shift_xor(h, 16))


def _kernel() -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return xxhash32(text.encode(), seed & MASK) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        value = _xxhash32_column(text.cast("binary"), seed.bitwiseAND(F.lit(MASK)))
        return F.when(text.isNotNull(), value % modulus)

    return Kernel(python, spark)


XXHASHES: Final = {"xxhash32": _kernel()}
"""The hash modulo the modulus."""
