"""Kernels over murmur3_x86_32 of a CBOR encoding (RFC 8949, core deterministic): flagd version 3."""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.kernel import Kernel
from abspark.assignment.murmur import murmur3, murmur3_column, scale, scale_column, spark_seed

_TEXT: Final = 0x60
_PAIR: Final = b"\x82"
_SHORT: Final = 24
_HEADS: Final = ((1, 0x78), (2, 0x79), (4, 0x7A))
"""(bytes of the length, head) for texts of 24 bytes and more."""


def cbor_text(text: str) -> bytes:
    """A text string: a head that holds the number of UTF-8 bytes, then the bytes."""
    data = text.encode()
    if len(data) < _SHORT:
        return bytes([_TEXT + len(data)]) + data
    width, head = next(form for form in _HEADS if len(data) < 1 << 8 * form[0])
    return bytes([head]) + len(data).to_bytes(width, "big") + data


def _cbor_text_column(text: Column) -> Column:
    data = text.cast("binary")
    length = F.octet_length(data).cast("bigint")
    head = F.when(length < F.lit(_SHORT), F.hex(length + F.lit(_TEXT)))
    for width, first in _HEADS:
        digits = F.concat(F.lit(f"{first:02X}"), F.lpad(F.hex(length), 2 * width, "0"))
        head = head.when(length < F.lit(1 << 8 * width), digits)
    return F.concat(F.unhex(head), data)


def _text_kernel() -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return scale(murmur3(cbor_text(text), seed), modulus)

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        return scale_column(murmur3_column(_cbor_text_column(text), seed), modulus)

    return Kernel(python, spark, spark_seed)


def _pair_kernel() -> Kernel:
    """Of the array [first `seed` characters of the text, the rest]; murmur3 itself has seed 0."""

    def python(text: str, seed: int, modulus: int) -> int:
        return scale(murmur3(_PAIR + cbor_text(text[:seed]) + cbor_text(text[seed:]), 0), modulus)

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        length = F.least(seed, F.length(text)).cast("int")
        first, second = F.substr(text, F.lit(1), length), F.substr(text, length + F.lit(1))
        pair = F.concat(F.lit(_PAIR), _cbor_text_column(first), _cbor_text_column(second))
        return scale_column(murmur3_column(pair, F.lit(spark_seed(0))), modulus)

    return Kernel(python, spark)


CBORS: Final = {"murmur3_cbor_text": _text_kernel(), "murmur3_cbor_pair": _pair_kernel()}
"""The hash spread over 0 … modulus-1."""
