from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T
from storage_samples import events, exposures

from abspark.errors import DataError
from abspark.storage import require_columns

pytestmark = pytest.mark.spark


def test_all_missing_columns_are_named_at_once(spark: SparkSession) -> None:
    source = exposures(
        "/logs",
        format="csv",
        attributes={"country": "geo.land"},
        properties={"bot": {"type": "int", "column": "is_bot"}},
    )
    frame = spark.createDataFrame([], "usr string, EXP string, ts string, geo struct<city:string>")
    with pytest.raises(DataError) as raised:
        require_columns(source, frame)
    assert str(raised.value) == (
        "source web names 4 columns that are not there:\n"
        "    columns.unit: user (did you mean usr?)\n"
        "    columns.variant: arm\n"
        "    attributes.country: geo.land\n"
        "    properties.bot: is_bot\n"
        "  allowed: usr, EXP, ts, geo\n"
        "  do: correct the source web, or what writes /logs"
    )


def test_columns_are_found_in_any_case_and_in_structs(spark: SparkSession) -> None:
    source = events(
        "/logs",
        format="csv",
        properties={
            "a": {"type": "int", "column": "Geo.x.y"},
            "b": {"type": "int", "column": "q.r"},
            "c": {"type": "int", "column": "TS"},
        },
    )
    frame = spark.createDataFrame([], "USER string, ts string, geo struct<x:struct<Y:int>>, `q.r` int")
    require_columns(source, frame)
    with pytest.raises(DataError, match=r"names 1 column that is not there:\n    properties\.b: q\.r\n"):
        require_columns(source, frame.drop("q.r"))


def test_the_key_of_a_map_is_no_column_and_told_how_to_be_taken(spark: SparkSession) -> None:
    source = exposures("/logs", format="csv", attributes={"country": "tags.country", "os": "who.os"})
    frame = spark.createDataFrame(
        [], "user string, exp string, arm string, ts string, tags map<string,string>, who struct<a:int>"
    )
    with pytest.raises(DataError) as raised:
        require_columns(source, frame)
    advice = """tags is a map: with properties: {tags: "map<string,string>"} expressions can take tags['country']"""
    assert str(raised.value).splitlines()[1:3] == [
        f"    attributes.country: tags.country ({advice})",
        "    attributes.os: who.os (did you mean who?)",
    ]


def test_frame_without_columns(spark: SparkSession) -> None:
    with pytest.raises(DataError, match="allowed: there are no columns at all"):
        require_columns(events("/logs", format="csv"), spark.createDataFrame([], ""))


@pytest.mark.parametrize(("columns", "mark"), [("`user;ts;arm` string", "';'"), ("`user|ts` string", "'|'")])
def test_a_separator_that_was_not_told_is_guessed(spark: SparkSession, columns: str, mark: str) -> None:
    with pytest.raises(DataError) as raised:
        require_columns(events("/logs", format="csv"), spark.createDataFrame([], columns))
    assert raised.value.advice == f"its columns seem to be separated by {mark}: options: {{sep: {mark}}}"


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (
            {},
            "correct the source purchases; where not all files have these columns: options: {mergeSchema: true}",
        ),
        ({"mergeSchema": True}, "correct the source purchases, or what writes /logs"),
    ],
)
def test_files_of_several_schemas_can_be_merged(
    spark: SparkSession, options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(DataError) as raised:
        require_columns(
            events("/logs", format="parquet", options=options), spark.createDataFrame([], "user string")
        )
    assert raised.value.advice == advice


@pytest.mark.parametrize("header", ["PK\x03\x04\x14", "\ufffd\ufffdu\x00s\x00e\x00r\x00"])
def test_what_is_no_text_is_not_shown(spark: SparkSession, header: str) -> None:
    """A zip archive, and UTF-16 read as UTF-8."""
    frame = spark.createDataFrame([], T.StructType([T.StructField(header, T.StringType())]))
    with pytest.raises(DataError) as raised:
        require_columns(events("/logs", format="csv"), frame)
    assert raised.value.message == "source purchases: /logs is no text in UTF-8, so it has no columns."
    assert "encoding: UTF-16" in str(raised.value)


def test_json_without_objects_says_how_an_array_is_read(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], "_corrupt_record string")
    with pytest.raises(DataError, match=r"no line of /logs is a JSON object.*\n.*multiLine: true"):
        require_columns(events("/logs", format="json"), frame)
