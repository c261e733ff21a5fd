"""Single precision as Java and Go have it: each operation in doubles, rounded once more, is exact to the bit."""

from __future__ import annotations

import struct
from typing import Final

_DOUBLE_BITS: Final = 53


def float32(value: float) -> float:
    """The nearest 32-bit float."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def float32_of(number: int) -> float:
    """The 32-bit float nearest to a whole number of any size, rounded once, not by way of a double."""
    shift = max(0, number.bit_length() - _DOUBLE_BITS)
    sticky = number & ((1 << shift) - 1) != 0
    return float32(float(number >> shift | sticky)) * 2.0**shift
