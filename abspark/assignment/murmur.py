"""Kernels over murmur3_x86_32 (Austin Appleby's MurmurHash3, public domain), any seed, over UTF-8 bytes or low bytes.

Spark's own `hash()` is that function for seeds of its choosing and byte lengths divisible by 4 only. The
column below therefore hashes the whole words by `hash()`, undoes the final mixing, and mixes the 1 to 3
bytes that are left and the length in the standard way. The seed comes in through a chained first argument:
`hash(INT)` is a bijection, so each seed is the hash of exactly one INT.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.bits import MASK, let, rotate, rotate_column, shift_xor, times
from abspark.assignment.float32 import float32
from abspark.assignment.kernel import Kernel

_WORD: Final = 4
_C1: Final = 0xCC9E2D51
_C2: Final = 0x1B873593
_F1: Final = 0x85EBCA6B
_F2: Final = 0xC2B2AE35
_ROUND: Final = 0xE6546B64
_SPARK_SEED: Final = 42


def murmur3(data: bytes, seed: int) -> int:
    """murmur3_x86_32 as an unsigned number; only the low 32 bits of the seed count."""
    whole = len(data) - len(data) % _WORD
    state = seed & MASK
    for at in range(0, whole, _WORD):
        state = _add_word(state, int.from_bytes(data[at : at + _WORD], "little"))
    return _finish(state ^ _scramble(int.from_bytes(data[whole:], "little")) ^ len(data))


def _scramble(word: int) -> int:
    return rotate(word * _C1 & MASK, 15) * _C2 & MASK


def _add_word(state: int, word: int) -> int:
    return (rotate(state ^ _scramble(word), 13) * 5 + _ROUND) & MASK


def _finish(state: int) -> int:
    state = (state ^ state >> 16) * _F1 & MASK
    state = (state ^ state >> 13) * _F2 & MASK
    return state ^ state >> 16


def _unfinish(value: int) -> int:
    value = (value ^ value >> 16) * pow(_F2, -1, MASK + 1) & MASK
    value = (value ^ value >> 13 ^ value >> 26) * pow(_F1, -1, MASK + 1) & MASK
    return value ^ value >> 16


def spark_seed(seed: int) -> int:
    """The signed 32-bit INT whose Spark `hash()` is `seed`: the one-word hash with seed 42, inverted."""
    state = (_unfinish(seed & MASK) ^ _WORD) - _ROUND
    state = rotate(state * pow(5, -1, MASK + 1) & MASK, 32 - 13) ^ _SPARK_SEED
    word = rotate(state * pow(_C2, -1, MASK + 1) & MASK, 32 - 15) * pow(_C1, -1, MASK + 1) & MASK
    return word - (MASK + 1) if word > MASK >> 1 else word


def murmur3_column(data: Column, seed: Column) -> Column:
    """murmur3_x86_32 of binary data, unsigned bigint; `seed` holds `spark_seed(seed)`; NULL for NULL data."""
    length = F.octet_length(data).cast("bigint")
    whole = (length - length % F.lit(_WORD)).cast("int")
    head = F.hash(seed.cast("int"), F.substr(data, F.lit(1), whole))
    head = head.cast("bigint").bitwiseAND(F.lit(MASK))
    rest = F.decode(F.substr(data, whole + F.lit(1)), "ISO-8859-1")
    tail = [F.ascii(F.substr(rest, F.lit(i + 1), F.lit(1))) * F.lit(1 << 8 * i) for i in range(_WORD - 1)]
    word = tail[0] + tail[1] + tail[2]
    state = _unfinish_column(head).bitwiseXOR(whole).bitwiseXOR(_scramble_column(word)).bitwiseXOR(length)
    value = F.when(length % F.lit(_WORD) == F.lit(0), head).otherwise(_finish_column(state))
    return F.when(data.isNotNull(), value)


def _scramble_column(word: Column) -> Column:
    """Of at most three bytes, so that the first product fits 64 bits."""
    mixed = (word.cast("bigint") * F.lit(_C1)).bitwiseAND(F.lit(MASK))
    return let(let(mixed, lambda value: rotate_column(value, 15)), lambda value: times(value, _C2))


def _finish_column(state: Column) -> Column:
    first = let(state, lambda value: times(shift_xor(value, 16), _F1))
    second = let(first, lambda value: times(shift_xor(value, 13), _F2))
    return let(second, lambda value: shift_xor(value, 16))


def _unfinish_column(value: Column) -> Column:
    first = let(value, lambda value: times(shift_xor(value, 16), pow(_F2, -1, MASK + 1)))
    second = let(first, lambda value: times(shift_xor(value, 13, 26), pow(_F1, -1, MASK + 1)))
    return let(second, lambda value: shift_xor(value, 16))


def _signed(value: Column) -> Column:
    return F.when(value > F.lit(MASK >> 1), value - F.lit(MASK + 1)).otherwise(value)


def _kernel(fold: Callable[[int, int], int], fold_column: Callable[[Column, Column], Column]) -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return fold(murmur3(text.encode(), seed), modulus)

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        return fold_column(murmur3_column(text.cast("binary"), seed), modulus)

    return Kernel(python, spark, spark_seed)


def _low_bytes(text: str) -> bytes:
    """The low byte of each UTF-16 unit: `charCodeAt(i) & 0xff`."""
    return text.encode("utf-16-be")[1::2]


def _low_kernel() -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return murmur3(_low_bytes(text), seed) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        digits = F.regexp_replace(F.hex(F.encode(text, "UTF-16BE")), "..(..)", "$1")
        return murmur3_column(F.unhex(digits), seed) % modulus

    return Kernel(python, spark, spark_seed)


def _ascii_bytes(text: str) -> bytes:
    """A backslash, which is how its escape begins, for each UTF-16 unit beyond ASCII."""
    units = text.encode("utf-16-be")
    return bytes(
        low if high == 0 and low < 0x80 else 0x5C for high, low in zip(units[::2], units[1::2], strict=True)
    )


def _ascii_kernel() -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return murmur3(_ascii_bytes(text), seed) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        pairs = F.regexp_replace(text, r"[\x{10000}-\x{10FFFF}]", r"\\\\")
        return murmur3_column(F.regexp_replace(pairs, r"[^\x00-\x7F]", r"\\").cast("binary"), seed) % modulus

    return Kernel(python, spark, spark_seed)


def scale(value: int, modulus: int) -> int:
    """A 32-bit number spread over 0 … modulus-1 by multiplication."""
    return value * modulus >> 32


def scale_column(value: Column, modulus: Column) -> Column:
    """`scale` in Spark; modulus < 2**31."""
    return F.shiftright(value * modulus, 32)


def _scale_float32(value: int, modulus: int) -> int:
    """`hash / 2**32 * modulus` in 32-bit floats, cut: the quotient is exact, so only two roundings are left."""
    return int(float32(float32(value) * float32(modulus))) >> 32


def _scale_float32_column(value: Column, modulus: Column) -> Column:
    return F.shiftright((value.cast("float") * modulus.cast("float")).cast("bigint"), 32)


MURMURS: Final = {
    "murmur3_mod": _kernel(lambda h, n: h % n, lambda h, n: h % n),
    "murmur3_div": _kernel(lambda h, n: h // n, lambda h, n: F.floor(h / n)),
    "murmur3_scale": _kernel(scale, scale_column),
    "murmur3_abs": _kernel(
        lambda h, n: abs(h - (MASK + 1) if h > MASK >> 1 else h) % n,
        lambda h, n: F.abs(_signed(h)) % n,
    ),
    "murmur3_mod_low": _low_kernel(),
    "murmur3_mod_ascii": _ascii_kernel(),
    "murmur3_scale_float32": _kernel(_scale_float32, _scale_float32_column),
}
"""`mod` is the rest, `div` the whole quotient by the modulus, `scale` is `hash * modulus >> 32`, `scale_float32` the
same in 32-bit floats, `abs` the rest of the absolute value of the hash taken as a signed number; `mod_low` is `mod`
over low bytes, `mod_ascii` over ASCII with a backslash for all else."""
