"""Kernels over murmur3_x86_32 of a CBOR encoding (RFC 8949, core deterministic): flagd version 3."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.kernel import Kernel
from abspark.assignment.murmur import murmur3, murmur3_column, scale, scale_column, spark_seed
from abspark.assignment.plan import ID_FORMS, WHOLE

_TEXT: Final = 0x60
_PAIR: Final = b"\x82"
_UNSIGNED: Final = 0x00
_NEGATIVE: Final = 0x20
_BOOLEANS: Final = {"false": b"\xf4", "true": b"\xf5"}
_SHORT: Final = 24
_WIDTHS: Final = ((1, 0x18), (2, 0x19), (4, 0x1A), (8, 0x1B))
"""(bytes that hold the number, what they add to the head) for numbers from 24 on."""


def cbor_text(text: str) -> bytes:
    """A text string: a head that holds the number of UTF-8 bytes, then the bytes."""
    data = text.encode()
    return _head(_TEXT, len(data)) + data


def cbor_scalar(text: str) -> bytes:
    """The whole number or the boolean that a text writes, as `ID_FORMS` has them; else the text.

    A number is a head that holds it or, below 0, what it is below -1.
    """
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if not re.fullmatch(ID_FORMS[WHOLE], text):
        return cbor_text(text)
    number = int(text)
    return _head(_UNSIGNED, number) if number >= 0 else _head(_NEGATIVE, -1 - number)


def _head(kind: int, number: int) -> bytes:
    if number < _SHORT:
        return bytes([kind + number])
    width, more = next(form for form in _WIDTHS if number < 1 << 8 * form[0])
    return bytes([kind + more]) + number.to_bytes(width, "big")


def _cbor_text_column(text: Column) -> Column:
    data = text.cast("binary")
    return F.concat(_head_column(F.lit(_TEXT), F.octet_length(data).cast("bigint")), data)


def _cbor_scalar_column(text: Column) -> Column:
    number = text.try_cast("bigint")
    negative = number < F.lit(0)
    kind = F.when(negative, F.lit(_NEGATIVE)).otherwise(F.lit(_UNSIGNED))
    integer = _head_column(kind, F.when(negative, F.lit(-1) - number).otherwise(number))
    encoded = F.when(text.rlike(rf"\A(?:{ID_FORMS[WHOLE]})\z"), integer)
    for word, code in _BOOLEANS.items():
        encoded = encoded.when(text == F.lit(word), F.lit(code))
    return encoded.otherwise(_cbor_text_column(text))


def _head_column(kind: Column, number: Column) -> Column:
    head = F.when(number < F.lit(_SHORT), F.lpad(F.hex(kind + number), 2, "0"))
    for width, more in _WIDTHS:
        digits = F.concat(F.lpad(F.hex(kind + F.lit(more)), 2, "0"), F.lpad(F.hex(number), 2 * width, "0"))
        head = (
            head.otherwise(digits)
            if width == _WIDTHS[-1][0]
            else head.when(number < F.lit(1 << 8 * width), digits)
        )
    return F.unhex(head)


def _kernel(encode: Callable[[str], bytes], encode_column: Callable[[Column], Column]) -> Kernel:
    def python(text: str, seed: int, modulus: int) -> int:
        return scale(murmur3(encode(text), seed), modulus)

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        return scale_column(murmur3_column(encode_column(text), seed), modulus)

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


CBORS: Final = {
    "murmur3_cbor_text": _kernel(cbor_text, _cbor_text_column),
    "murmur3_cbor_scalar": _kernel(cbor_scalar, _cbor_scalar_column),
    "murmur3_cbor_pair": _pair_kernel(),
}
"""The hash spread over 0 … modulus-1."""
