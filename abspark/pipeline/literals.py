"""Small tables as literals: a value for each code, looked up without a join."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

Value = int | float | bool | None

_SUFFIXES = {"bigint": "L", "double": "D"}


def per_code(code: Column, values: Sequence[Value], type_: str) -> Column:
    """The value at position `code`; NULL where there is none.

    `type_` is boolean, int, bigint or double. The text is parsed once, which is far quicker than a call per value.
    """
    return F.get(F.expr(_array(values, type_)), code)


def arrays_per_code(code: Column, arrays: Sequence[Sequence[int]]) -> Column:
    """The array of longs at position `code`; NULL where there is none."""
    inner = ", ".join(_array(array, "bigint") for array in arrays)
    return F.get(F.expr(f"array({inner})"), code)


def _array(values: Sequence[Value], type_: str) -> str:
    items = ", ".join(_text(value, type_) for value in values)
    return f"cast(array({items}) as array<{type_}>)"


def _text(value: Value, type_: str) -> str:
    if value is None:
        return "null"
    return f"{str(value).lower()}{_SUFFIXES.get(type_, '')}"
