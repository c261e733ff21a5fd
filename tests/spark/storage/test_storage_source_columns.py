from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
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


def test_frame_without_columns(spark: SparkSession) -> None:
    with pytest.raises(DataError, match="allowed: there are no columns at all"):
        require_columns(events("/logs", format="csv"), spark.createDataFrame([], ""))
