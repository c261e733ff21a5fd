"""Kernels over SHA-256, SHA-1 and MD5 of the UTF-8 bytes: some hex digits as a number, modulo something.

All Spark columns here compile to code: no higher-order function.
"""

from __future__ import annotations

import hashlib
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.kernel import Kernel

_WORD: Final = 8
_WORD_SIZE: Final = 1 << 32


def _hex_python(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()


def _hex_spark(algorithm: str, text: Column) -> Column:
    data = text.cast("binary")
    if algorithm == "sha256":
        return F.sha2(data, 256)
    return F.sha1(data) if algorithm == "sha1" else F.md5(data)


def _number(digits: Column) -> Column:
    return F.conv(digits, 16, 10).cast("bigint")


def _prefix(algorithm: str, digits: int) -> Kernel:
    """The first hex digits (at most 15, so that they fit a signed 64-bit number) modulo `modulus`."""

    def python(text: str, seed: int, modulus: int) -> int:  # noqa: ARG001 - digests have no seed
        return int(_hex_python(algorithm, text)[:digits], 16) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:  # noqa: ARG001 - digests have no seed
        return _number(F.substr(_hex_spark(algorithm, text), F.lit(1), F.lit(digits))) % modulus

    return Kernel(python, spark)


def _long_prefix(algorithm: str, digits: int) -> Kernel:
    """The first hex digits, any multiple of 8, modulo `modulus` < 2**31, by Horner's rule on 32-bit words."""

    def python(text: str, seed: int, modulus: int) -> int:  # noqa: ARG001 - digests have no seed
        return int(_hex_python(algorithm, text)[:digits], 16) % modulus

    def spark(text: Column, seed: Column, modulus: Column) -> Column:  # noqa: ARG001 - digests have no seed
        digest = _hex_spark(algorithm, text)
        words = [_number(F.substr(digest, F.lit(i + 1), F.lit(_WORD))) for i in range(0, digits, _WORD)]
        rest = words[0] % modulus
        for word in words[1:]:
            rest = (rest * (F.lit(_WORD_SIZE) % modulus) + word) % modulus
        return rest

    return Kernel(python, spark)


def _rehashed() -> Kernel:
    """All 128 bits of MD5 modulo `modulus`; while that is modulus - 1, again of the text repeated once more.

    The repetitions are joined by commas and end with the fourth hash (chance of needing more: 1e-16).
    """

    def python(text: str, seed: int, modulus: int) -> int:
        rests = (_MD5.python(",".join([text] * count), seed, modulus) for count in _ATTEMPTS)
        return next((rest for rest in rests if rest != modulus - 1), modulus - 1)

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        texts = [F.concat(*[text, *[F.lit(","), text] * (count - 1)]) for count in _ATTEMPTS]
        rests = [_MD5.spark(repeated, seed, modulus) for repeated in texts]
        last = modulus - F.lit(1)
        return F.coalesce(*(F.nullif(rest, last) for rest in rests[:-1]), rests[-1])

    return Kernel(python, spark)


_ATTEMPTS: Final = (1, 2, 3, 4)
_MD5: Final = _long_prefix("md5", 32)

DIGESTS: Final = {
    "sha256_8": _prefix("sha256", 8),
    "sha256_12": _prefix("sha256", 12),
    "sha256_16": _long_prefix("sha256", 16),
    "sha256_64": _long_prefix("sha256", 64),
    "sha1_7": _prefix("sha1", 7),
    "sha1_13": _prefix("sha1", 13),
    "sha1_15": _prefix("sha1", 15),
    "md5_8": _prefix("md5", 8),
    "md5_32_rehashed": _rehashed(),
}
"""Name = algorithm and number of hex digits."""
