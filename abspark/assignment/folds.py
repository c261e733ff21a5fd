"""Kernels that fold a text character by character: FNV-1a (32 bits) and Java's `String.hashCode`.

SDKs differ in what a character is: UTF-16 units (JavaScript, Java strings), code points (Python) or UTF-8
bytes. The three agree on ASCII. In Spark the folds are higher-order functions: interpreted, some tens of
microseconds a row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.bits import MASK, let
from abspark.assignment.kernel import Kernel

_FNV_BASIS: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_SIGN: Final = 1 << 31


def _utf16_units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


UNITS: Final[dict[str, Callable[[str], list[int]]]] = {
    "utf16": _utf16_units,
    "points": lambda text: [ord(character) for character in text],
    "utf8": lambda text: list(text.encode()),
}
"""A text as numbers, by what counts as a character."""


def _fold_characters(text: Column, step: Callable[[Column, Column], Column], start: int) -> Column:
    folded = F.aggregate(F.split(text, ""), F.lit(start).cast("bigint"), lambda h, c: step(h, F.ascii(c)))
    return F.when(text == F.lit(""), F.lit(start).cast("bigint")).otherwise(folded)


def _fold_utf8(text: Column, step: Callable[[Column, Column], Column], start: int) -> Column:
    return _fold_characters(F.decode(text.cast("binary"), "ISO-8859-1"), step, start)


def _fold_utf16(text: Column, step: Callable[[Column, Column], Column], start: int) -> Column:
    """By characters where each is one UTF-16 unit; else over the units' hex digits."""
    encoded = F.encode(text, "UTF-16BE")
    units = F.regexp_extract_all(F.hex(encoded), F.lit(".{4}"), F.lit(0))
    start_column = F.lit(start).cast("bigint")
    by_unit = F.aggregate(units, start_column, lambda h, u: step(h, F.conv(u, 16, 10).cast("bigint")))
    ascii_only = F.octet_length(text) == F.length(text)
    plain = ascii_only | (F.octet_length(encoded) == F.length(text) * F.lit(2))
    return F.when(plain, _fold_characters(text, step, start)).otherwise(by_unit)


_FOLDS: Final = {"utf16": _fold_utf16, "points": _fold_characters, "utf8": _fold_utf8}


def fnv1a(units: list[int]) -> int:
    """FNV-1a with 32 bits over numbers that may be wider than a byte, as the SDKs have it."""
    return reduce(lambda h, unit: (h ^ unit) * _FNV_PRIME & MASK, units, _FNV_BASIS)


def _fnv1a_step(state: Column, unit: Column) -> Column:
    return (state.bitwiseXOR(unit) * F.lit(_FNV_PRIME)).bitwiseAND(F.lit(MASK))


def _fnv1a_column(units: str, text: Column) -> Column:
    return _FOLDS[units](text, _fnv1a_step, _FNV_BASIS)


def _fnv1a_of_digits(number: Column) -> Column:
    """FNV-1a of a number in decimal. It is bound, as folding over a nested fold would evaluate that one twice."""

    def hashed(digits: Column) -> Column:
        start = F.lit(_FNV_BASIS).cast("bigint")
        return F.aggregate(F.split(digits, ""), start, lambda h, c: _fnv1a_step(h, F.ascii(c)))

    return let(number.cast("string"), hashed)


def _fnv(units: str) -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:  # noqa: ARG001 - has no seed
        return fnv1a(UNITS[units](text)) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:  # noqa: ARG001 - has no seed
        return _fnv1a_column(units, text) % modulus

    return Kernel(python, spark)


def _fnv_twice(units: str) -> Kernel:
    """The hash of the first hash's decimal digits."""

    def python(text: str, seed: int, modulus: int) -> int:  # noqa: ARG001 - has no seed
        return fnv1a(UNITS["utf8"](str(fnv1a(UNITS[units](text))))) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:  # noqa: ARG001 - has no seed
        return _fnv1a_of_digits(_fnv1a_column(units, text)) % modulus

    return Kernel(python, spark)


def _java_hash() -> Kernel:
    """`abs(hashCode ^ seed) % modulus`, with hashCode and seed signed 32-bit numbers."""

    def python(text: str, seed: int, modulus: int) -> int:
        code = reduce(lambda h, unit: (h * 31 + unit) & MASK, _utf16_units(text), 0)
        mixed = code ^ seed & MASK
        return abs(mixed - (mixed & _SIGN) * 2) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        code = _fold_utf16(text, lambda h, unit: (h * F.lit(31) + unit).bitwiseAND(F.lit(MASK)), 0)
        mixed = code.bitwiseXOR(seed.bitwiseAND(F.lit(MASK)))
        return F.abs(mixed - mixed.bitwiseAND(F.lit(_SIGN)) * F.lit(2)) % modulus

    return Kernel(python, spark)


FOLDS: Final = {
    **{f"fnv1a_{units}": _fnv(units) for units in UNITS},
    **{f"fnv1a_{units}_twice": _fnv_twice(units) for units in UNITS},
    "java_hash": _java_hash(),
}
