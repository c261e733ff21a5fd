"""Small tables as literals: a value for each code, looked up without a join.

A table is one JSON text, which Spark parses once, as it folds constants: an expression for each value would make
analysis slow that walks the tree many times.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

Value = int | float | bool | None


def per_code(code: Column, values: Sequence[Value], type_: str) -> Column:
    """The value at position `code`; NULL where there is none. `type_` is boolean, int, bigint or double."""
    return F.get(_array(values, type_), code)


def arrays_per_code(code: Column, arrays: Sequence[Sequence[int]]) -> Column:
    """The array of longs at position `code`; NULL where there is none. Equal arrays are kept once."""
    numbers = {array: number for number, array in enumerate(dict.fromkeys(tuple(a) for a in arrays))}
    number = per_code(code, [numbers[tuple(array)] for array in arrays], "int")
    return F.get(_array([list(array) for array in numbers], "array<bigint>"), number)


def _array(values: Sequence[Value] | Sequence[list[int]], type_: str) -> Column:
    text = json.dumps(list(values), allow_nan=False)
    return F.from_json(F.lit(text), f"array<{type_}>", {"mode": "FAILFAST"})
