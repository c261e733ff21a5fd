"""Where in a raw schema a column lies that the configuration names: a name as written, or a path into structs."""

from __future__ import annotations

from typing import Final, cast

from pyspark.sql import types as T

_DECLARED: Final = "__CHAR_VARCHAR_TYPE_STRING"
"""Where Spark keeps what type a text was declared with: by itself it says string, and fills `char` up with spaces."""


def path_to(schema: T.StructType, column: str) -> tuple[str, ...] | None:
    """The names of the column and of the structs around it, outermost first; None where there is no such column.

    Case does not matter. A name may have dots itself, on any level: the longest that is there is taken.
    """
    known = {field.name.lower(): field for field in schema.fields}
    parts = column.split(".")
    for length in range(len(parts), 0, -1):
        field = known.get(".".join(parts[:length]).lower())
        if field is None:
            continue
        if length == len(parts):
            return (field.name,)
        inner = field.dataType
        rest = path_to(inner, ".".join(parts[length:])) if isinstance(inner, T.StructType) else None
        if rest is not None:
            return (field.name, *rest)
    return None


def type_of(schema: T.StructType, column: str) -> T.DataType | None:
    """The type of a column; None where there is no such column."""
    path = path_to(schema, column)
    if path is None:
        return None
    kind: T.DataType = schema
    for name in path:
        kind = cast("T.StructType", kind)[name].dataType
    return kind


def is_filled_up(schema: T.StructType, path: tuple[str, ...]) -> bool:
    """Whether a column is of type `char(n)`: shorter texts have spaces at their end, which SQL ignores."""
    return len(path) == 1 and schema[path[0]].metadata.get(_DECLARED, "").startswith("char(")
