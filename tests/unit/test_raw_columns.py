"""Where columns lie: whole names before paths, dots on any level, and texts that are filled up with spaces."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from abspark.raw_columns import is_filled_up, path_to, type_of

_INNER = T.StructType([T.StructField("Build", T.IntegerType()), T.StructField("app.version", T.StringType())])
_SCHEMA = T.StructType(
    [
        T.StructField("a.b", T.DateType()),
        T.StructField("a", T.StructType([T.StructField("b", T.LongType()), T.StructField("c", _INNER)])),
        T.StructField("a.c", T.StructType([T.StructField("d", T.DoubleType())])),
        T.StructField("kind", T.StringType(), metadata={"__CHAR_VARCHAR_TYPE_STRING": "char(6)"}),
        T.StructField("note", T.StringType(), metadata={"__CHAR_VARCHAR_TYPE_STRING": "varchar(6)"}),
    ]
)


@pytest.mark.parametrize(
    ("column", "path", "kind"),
    [
        ("A.B", ("a.b",), T.DateType()),
        ("a.C.build", ("a", "c", "Build"), T.IntegerType()),
        ("a.c.App.Version", ("a", "c", "app.version"), T.StringType()),
        ("a.c.d", ("a.c", "d"), T.DoubleType()),
        ("a.c.app", None, None),
        ("a.b.x", None, None),
        ("c", None, None),
    ],
)
def test_the_longest_name_that_is_there_is_taken(
    column: str, path: tuple[str, ...] | None, kind: T.DataType | None
) -> None:
    assert (path_to(_SCHEMA, column), type_of(_SCHEMA, column)) == (path, kind)


def test_only_text_of_fixed_length_is_filled_up() -> None:
    assert [is_filled_up(_SCHEMA, (name,)) for name in ("kind", "note", "a.b")] == [True, False, False]
