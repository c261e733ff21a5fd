"""Expressions over rows that no function has been made for: NULL instead of an error that would end the run."""

from __future__ import annotations

from collections.abc import Iterator

import function_examples
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config.expressions import expression_faults
from abspark.config.safe_sql import never_raising
from abspark.storage import run_settings

pytestmark = pytest.mark.spark

TYPES = {"word": "string", "n": "bigint", "i": "int", "x": "double", "t": "timestamp", "d": "date",
         "list": "array<string>", "tags": "map<string,string>"}  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    7,
    64,
    2_147_483_647,
    -2_147_483_648,
    9_223_372_036_854_775_807,
    -9_223_372_036_854_775_808,
)
WORDS = (
    "q=100%",
    "%zz",
    "a=1,a=2",
    "MTIz",
    "a",
    "===",
    "12",
    "1e400",
    "(",
    "\\",
    "http://x y/?a=[",
    "Mars/City",
    "",
)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> Iterator[DataFrame]:
    """Every word beside every number."""
    with run_settings(spark):
        words = spark.createDataFrame([(word,) for word in (*WORDS, None)], "word string")
        numbers = spark.createDataFrame([(n,) for n in (*NUMBERS, None)], "n bigint")
        columns = {
            "i": F.col("n").cast("int"),
            "x": F.when(F.col("n") == 7, F.lit(float("inf"))).otherwise(F.col("n") * 1e300),
            "t": F.timestamp_micros(F.col("n")),
            "d": F.lit("2026-03-01").cast("date"),
            "list": F.split("word", ","),
            "tags": F.create_map(F.lit("a"), F.col("word")),
        }
        yield words.crossJoin(numbers).withColumns(columns).localCheckpoint()


@pytest.mark.parametrize(
    ("expression", "row", "value"),
    [
        ("url_decode(word)", "word = 'q=100%'", None),
        ("url_decode(concat(word, '%21'))", "word = 'a'", "a!"),
        ("to_number(word, '999')", "word = 'a'", None),
        ("cast(to_number(word, '999') as int)", "word = '12'", 12),
        ("cast(unbase64(word) as string)", "word = 'a'", None),
        ("cast(unbase64(word) as string)", "word = 'MTIz'", "123"),
        ("str_to_map(word, ',', '=')['a']", "word = 'a=1,a=2'", "2"),
        ("map_concat(tags, map('a', 'last'))['a']", "word = 'a'", "last"),
        ("split_part(word, ',', i)", "word = 'a=1,a=2' and n = 0", None),
        ("split_part(word, ',', i)", "word = 'a=1,a=2' and n = -1", "a=2"),
        ("split_part(word, ',', n)", "word = 'a=1,a=2' and n > 10000000000", None),
        ("split_part(word, ',', x)", "word = 'a=1,a=2' and n = 0", None),
        ("slice(list, 1, n)", "word = 'a=1,a=2' and n < -10000000000", None),
        ("slice(list, i, 1)", "word = 'a=1,a=2' and n = 0", None),
        ("slice(list, 1, i)", "word = 'a=1,a=2' and n = -1", None),
        ("slice(list, 1, i)[0]", "word = 'a=1,a=2' and n = 1", "a=1"),
        ("slice(list, 1, i)", "word = 'a=1,a=2' and n = 0", []),
        ("list[i]", "word = 'a=1,a=2' and n = 7", None),
        ("date_format(date_add(d, i), 'yyyy')", "word = 'a' and n = 2147483647", None),
        ("date_format(date_add(d, i), 'yyyy-MM-dd')", "word = 'a' and n = 7", "2026-03-08"),
        ("date_format(date_sub(d, i), 'yyyy-MM-dd')", "word = 'a' and n = 7", "2026-02-22"),
        ("date_add(d, i) > t", "word = 'a' and n = 2147483647", None),
        ("add_months(d, i)", "word = 'a' and n = 2147483647", None),
        ("date_format(add_months(d, i), 'yyyy-MM-dd')", "word = 'a' and n = 1", "2026-04-01"),
        ("timestamp_seconds(n)", "word = 'a' and n > 10000000000", None),
        ("unix_seconds(timestamp_millis(n))", "word = 'a' and n = 2147483647", 2_147_483),
        ("date_trunc('year', timestamp_micros(n))", "word = 'a' and n > 10000000000", None),
        ("make_date(i, 1, 1) > t", "word = 'a' and n = 2147483647", None),
        ("(t - timestamp '2026-03-01') / i", "word = 'a' and n = 0", None),
        ("x / 0", "word = 'a' and n = 7", None),
        ("to_char(n + 1, '999')", "word = 'a' and n = 7", "  8"),
    ],
)  # fmt: skip
def test_what_fails_is_null(rows: DataFrame, expression: str, row: str, value: object) -> None:
    """Over all rows, of which one is looked at."""
    assert expression_faults(expression, TYPES, "key") == []
    found = rows.select(
        F.expr(row).alias("wanted"), F.expr(never_raising(expression)).alias("value")
    ).collect()
    assert {repr(one["value"]) for one in found if one["wanted"]} == {repr(value)}


def test_every_function_gives_the_same_when_it_is_written_anew(rows: DataFrame) -> None:
    """An overflow that cannot be, in the same expression, has each example written anew."""
    written = {call: F.expr(call) for call in function_examples.EXAMPLES}
    anew = {
        call: F.expr(never_raising(f"case when i + 1 > 0 then {call} end"))
        for call in function_examples.EXAMPLES
    }
    row = rows.sparkSession.sql(function_examples.ROW)
    first, second = (
        row.select(*(column.alias(call) for call, column in columns.items())).collect()[0].asDict()
        for columns in (written, anew)
    )
    assert {call: repr(value) for call, value in second.items()} == {
        call: repr(value) for call, value in first.items()
    }
