"""Grouping by several small numbers as one: fewer columns to hash, to compare and to hold for every group.

A grouping's cost grows with the width of its key, and most of what groups are told apart by are codes of a few bits.
Their bits are laid side by side in as few longs as hold them, and come apart again once the groups are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BITS: Final = 63
"""Of a long, without its sign."""


@dataclass(frozen=True)
class Small:
    """A column of whole numbers from `low` to `high`, or of booleans (0 and 1), or NULL where there is none."""

    name: str
    high: int
    low: int = 0
    type: Literal["boolean", "int", "bigint"] = "int"

    @property
    def bits(self) -> int:
        """Bits for each of its values, and for NULL, which is 0."""
        return (self.high - self.low + 1).bit_length()


def grouped(
    frame: DataFrame, keys: Sequence[str], smalls: Sequence[Small], aggregates: Sequence[Column]
) -> DataFrame:
    """Groups by the columns `keys` and `smalls`: a column for each, then those of the aggregates.

    A number outside its bounds would be taken for another: bounds have to hold.

    Raises:
        ValueError: A column needs more bits than a long has.
    """
    longs = _laid_out(smalls)
    packed = [_packed(columns).alias(f"_packed{j}") for j, columns in enumerate(longs)]
    apart: dict[str, Column] = {}
    for j, columns in enumerate(longs):
        apart |= _apart(F.col(f"_packed{j}"), columns)
    found = frame.groupBy(*keys, *packed).agg(*aggregates)
    names = found.columns[len(keys) + len(longs) :]
    return found.select(*keys, *(apart[small.name].alias(small.name) for small in smalls), *names)


def _laid_out(smalls: Sequence[Small]) -> list[list[Small]]:
    """Which columns share a long: each goes into the first that has room."""
    longs: list[list[Small]] = []
    for small in smalls:
        if small.bits > _BITS:
            raise ValueError(f"{small.name} needs {small.bits} bits of {_BITS}")
        room = (columns for columns in longs if sum(c.bits for c in columns) + small.bits <= _BITS)
        if (columns := next(room, None)) is None:
            longs.append([small])
        else:
            columns.append(small)
    return longs


def _offsets(columns: Sequence[Small]) -> list[int]:
    return [sum(column.bits for column in columns[:place]) for place in range(len(columns))]


def _packed(columns: Sequence[Small]) -> Column:
    zero = F.lit(0).cast("bigint")
    parts = [
        F.shiftleft(
            F.coalesce(F.col(column.name).cast("bigint") + F.lit(1 - column.low).cast("bigint"), zero), offset
        )
        for column, offset in zip(columns, _offsets(columns), strict=True)
    ]
    return reduce(lambda a, b: a.bitwiseOR(b), parts)


def _apart(packed: Column, columns: Sequence[Small]) -> dict[str, Column]:
    found = {}
    for column, offset in zip(columns, _offsets(columns), strict=True):
        bits = F.shiftright(packed, offset).bitwiseAND(F.lit((1 << column.bits) - 1).cast("bigint"))
        value = F.when(bits != 0, bits - F.lit(1 - column.low).cast("bigint"))
        found[column.name] = value.cast(column.type)
    return found
